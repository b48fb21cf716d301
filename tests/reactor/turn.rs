//! The order of one turn.

use std::cell::Cell;
use std::rc::Rc;

use nbcaser::reactor::sim::Op;
use nbcaser::reactor::{Endpoint, Listener, yield_now};

use crate::fixture::{Log, SECOND, fixture, ms};

#[test]
fn tasks_run_in_the_order_in_which_they_were_spawned() {
    let (f, log) = (fixture(), Log::default());
    for name in ["a", "b", "c"] {
        let log = log.clone();
        f.go(async move { log.note(name) });
    }
    f.turn();
    assert_eq!(log.take(), "a b c");
}

#[test]
fn a_task_that_is_spawned_or_woken_in_a_turn_runs_in_the_next() {
    let (f, log) = (fixture(), Log::default());
    let (handle, inner) = (f.handle.clone(), log.clone());
    f.go(async move {
        inner.note("outer");
        let child = inner.clone();
        drop(handle.spawn(async move { child.note("child") }));
        yield_now().await;
        inner.note("again");
    });
    f.turn();
    assert_eq!(log.take(), "outer");
    f.turn();
    assert_eq!(log.take(), "child again");
}

#[test]
fn tasks_come_before_timers_and_timers_before_input() {
    let (f, log) = (fixture(), Log::default());
    let (peer, mut stream) = f.pair();
    let noted = log.clone();
    f.go(async move {
        stream.fill().await.unwrap();
        noted.note("input");
    });
    let noted = log.clone();
    f.handle.call_later(SECOND, move || noted.note("timer"));
    f.settle();
    peer.send("x");
    f.sim.advance(SECOND);
    let noted = log.clone();
    f.go(async move { noted.note("task") });
    f.settle();
    assert_eq!(log.take(), "task timer input");
}

#[test]
fn a_turn_with_something_ready_does_not_wait_and_one_without_waits_for_the_first_timer() {
    let f = fixture();
    f.sim.auto_advance(true);
    let start = f.sim.now();
    f.handle.call_later(SECOND, || ());
    f.handle.call_later(ms(300), || ());
    f.go(yield_now());
    f.turn(); // it has yielded: ready
    assert_eq!(f.sim.now(), start);
    f.turn();
    assert_eq!(f.sim.now(), start + ms(300));
    f.turn();
    assert_eq!(f.sim.now(), start + SECOND);
}

#[test]
fn who_always_has_something_to_do_keeps_neither_timers_nor_input_from_being_seen() {
    let (f, log) = (fixture(), Log::default());
    let (peer, mut stream) = f.pair();
    f.go(async {
        loop {
            yield_now().await;
        }
    });
    let noted = log.clone();
    f.handle.call_later(SECOND, move || noted.note("timer"));
    let noted = log.clone();
    f.go(async move {
        stream.fill().await.unwrap();
        noted.note("input");
    });
    f.turn();
    peer.send("x");
    f.sim.advance(SECOND);
    f.turn();
    f.turn();
    assert_eq!(log.take(), "timer input");
}

#[test]
fn an_interrupted_poll_is_a_poll_without_events() {
    let f = fixture();
    f.sim.fail(Op::Poll, std::io::ErrorKind::Interrupted, 3);
    let fired = Rc::new(Cell::new(false));
    let done = Rc::clone(&fired);
    f.handle.call_later(SECOND, move || done.set(true));
    f.turn();
    f.sim.advance(SECOND);
    f.turn();
    f.turn();
    assert!(fired.get(), "timers are looked at all the same");
}

#[test]
fn a_poll_that_fails_ends_the_turn_and_the_next_goes_on() {
    let (f, log) = (fixture(), Log::default());
    f.sim.fail(Op::Poll, 9, 1); // EBADF
    let noted = log.clone();
    f.go(async move {
        yield_now().await;
        noted.note("on");
    });
    assert_eq!(f.reactor.turn().unwrap_err().raw_os_error(), Some(9));
    f.turn();
    assert_eq!(log.take(), "on");
}

#[test]
fn block_on_leaves_the_other_tasks_where_they_are() {
    let (f, log) = (fixture(), Log::default());
    let noted = log.clone();
    f.go(async move {
        yield_now().await;
        yield_now().await;
        noted.note("late");
    });
    assert_eq!(f.reactor.block_on(async { 1 }).unwrap(), 1);
    assert_eq!(log.take(), "");
    f.settle();
    assert_eq!(log.take(), "late");
}

#[test]
fn block_on_panics_with_its_futures_panic() {
    let f = fixture();
    let run = || f.reactor.block_on(async { panic!("ouch") });
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"ouch"));
}

#[test]
fn a_flood_of_connections_leaves_turns_for_others() {
    let (f, log) = (fixture(), Log::default());
    let listener = Listener::new(&f.handle, Endpoint::Simulated(1)).unwrap();
    let peers: Vec<_> = (0..1000).map(|_| f.sim.connect(1)).collect();
    let accepted = Rc::new(Cell::new(0));
    let count = Rc::clone(&accepted);
    f.go(async move {
        let mut kept = Vec::new();
        loop {
            kept.push(listener.accept().await.unwrap());
            count.set(count.get() + 1);
        }
    });
    let noted = log.clone();
    f.go(async move { noted.note("other") });
    f.turn();
    assert_eq!(log.take(), "other");
    assert!((1..=50).contains(&accepted.get()), "{}", accepted.get());
    f.settle();
    assert_eq!(accepted.get(), 1000);
    assert!(peers.iter().all(nbcaser::reactor::sim::Peer::is_accepted));
}
