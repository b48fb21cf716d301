//! The simulated driver itself, and a small server under it with many clients and one seed. The real server under it is
//! in `tests/simulation`.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use nbcaser::reactor::sim::{Op, Peer, Sim, Step};
use nbcaser::reactor::{
    Census, Endpoint, Handle, Listener, MemoryLimit, Reactor, Stream, TaskGroup, Time, sleep,
    timeout,
};

use crate::fixture::{Log, SECOND, fixture, ms};

#[test]
fn the_clock_stands_until_it_is_moved() {
    let f = fixture();
    let start = f.sim.now();
    f.handle.call_later(SECOND, || ());
    f.settle();
    assert_eq!(f.sim.now(), start);
    f.sim.advance(ms(10));
    assert_eq!(f.handle.now(), start + ms(10));
}

#[test]
fn happenings_come_at_their_time_and_in_their_order() {
    let (f, log) = (fixture(), Log::default());
    for (name, rest) in [("c", 20), ("a", 10), ("b", 10)] {
        let (noted, sim) = (log.clone(), f.sim.clone());
        f.sim.later(ms(rest), move || {
            noted.note(format!("{name}{}", sim.now().since(Time::ZERO).as_millis()));
        });
    }
    f.sim.advance(ms(15));
    assert_eq!(log.take(), "a1010 b1010");
    f.sim.auto_advance(true);
    let handle = f.handle.clone();
    let run = async move { sleep(&handle, SECOND).await };
    f.reactor.block_on(run).unwrap();
    assert_eq!(log.take(), "c1020");
}

#[test]
fn a_reactor_that_waits_for_nothing_is_a_deadlock() {
    let f = fixture();
    f.sim.auto_advance(true);
    let run = || f.reactor.block_on(std::future::pending::<()>());
    let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    assert!(panic.downcast_ref::<&str>().unwrap().contains("deadlock"));
}

#[test]
fn a_reactor_that_waits_while_the_clock_stands_does_not_wait_for_ever() {
    let f = fixture();
    let handle = f.handle.clone();
    let run = || {
        f.reactor
            .block_on(async move { sleep(&handle, SECOND).await })
    };
    let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    assert!(
        panic
            .downcast_ref::<&str>()
            .unwrap()
            .contains("the clock stands")
    );
}

#[test]
fn failures_come_when_they_were_planned_and_as_often() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    f.sim
        .fail_after(Op::Read, 1, ErrorKind::ConnectionAborted, 2);
    f.sim.fail(Op::Read, 110, 1); // ETIMEDOUT
    let log = Log::default();
    let noted = log.clone();
    f.go(async move {
        for _ in 0..5 {
            match stream.read(&mut [0; 10]).await {
                Ok(n) => noted.note(n),
                Err(error) => noted.note(format!("{:?}", error.kind())),
            }
        }
    });
    peer.send("abc");
    f.settle();
    peer.send("defg");
    f.settle();
    assert_eq!(
        log.take(),
        "3 ConnectionAborted ConnectionAborted TimedOut 4"
    );
}

#[test]
fn a_client_that_nobody_listens_for_is_refused() {
    let f = fixture();
    assert!(f.sim.connect(1).reset_seen());
    let listener = Listener::new(&f.handle, Endpoint::Simulated(1)).unwrap();
    let waiting = f.sim.connect(1);
    assert!(!waiting.is_closed() && !waiting.is_accepted());
    drop(listener);
    assert!(waiting.is_closed() && waiting.reset_seen());
}

#[test]
fn a_batch_is_no_larger_than_it_may_be_and_nothing_is_lost() {
    let f = fixture();
    let pairs: Vec<_> = (0..10).map(|_| f.pair()).collect();
    f.sim.batch(3);
    let count = Rc::new(Cell::new(0));
    for (peer, mut stream) in pairs {
        peer.send("x");
        let counts = Rc::clone(&count);
        f.go(async move {
            stream.fill().await.unwrap();
            counts.set(counts.get() + 1);
        });
    }
    f.settle();
    assert_eq!(count.get(), 10);
}

#[test]
fn an_edge_is_reported_once() {
    let f = fixture();
    let (peer, stream) = f.pair();
    peer.send("nobody reads this");
    f.settle();
    let (polls, trace) = (f.sim.count(Op::Poll), f.sim.trace());
    assert_eq!(f.sim.trace(), trace);
    f.turn();
    assert_eq!(f.sim.count(Op::Poll), polls + 1);
    assert_eq!(f.sim.count(Op::Read), 0);
    drop(stream);
}

#[test]
fn each_step_is_told_once_it_is_done() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    let log = Log::default();
    let noted = log.clone();
    f.sim.watch(move |step| match step {
        Step::Rest => noted.note("rest"),
        Step::Done {
            op, peer, result, ..
        } => {
            noted.note(format!(
                "{op:?}/{}/{:?}",
                peer.map_or(99, |n| n),
                result.ok()
            ));
        }
    });
    f.sim.fail(Op::Read, ErrorKind::ConnectionReset, 1);
    f.go(async move {
        assert!(stream.read(&mut [0; 10]).await.is_err());
        assert_eq!(stream.read(&mut [0; 10]).await.unwrap(), 3);
        stream.write_all(b"x").await.unwrap();
    });
    peer.send("abc");
    assert_eq!(peer.number(), 0);
    f.settle();
    assert_eq!(
        log.take(),
        "Poll/99/Some(1) Read/0/None Read/0/Some(3) Write/0/Some(1) Close/0/Some(0) rest Poll/99/Some(0)"
    );
    f.sim.unwatch();
    f.turn();
    assert_eq!(log.take(), "");
}

#[test]
fn what_operations_cost_passes_and_things_happen_meanwhile() {
    let f = fixture();
    let (_peer, stream) = f.pair();
    let start = f.sim.now();
    f.sim.cost(ms(2));
    let log = Log::default();
    let (noted, sim) = (log.clone(), f.sim.clone());
    f.go(async move {
        for _ in 0..3 {
            stream.unread().unwrap();
            noted.note(sim.now().since(start).as_millis());
        }
    });
    let (noted, sim) = (log.clone(), f.sim.clone());
    f.sim.later(ms(3), move || {
        noted.note(format!("happens at {}", sim.now().since(start).as_millis()));
    });
    f.settle();
    assert_eq!(log.take(), "2 happens at 3 4 6");
}

/// Echoes lines; a client that is silent for five seconds is let go.
async fn serve(handle: Handle, mut stream: Stream) {
    let mut line = Vec::new();
    loop {
        let read = stream.read_line(&mut line, 1000);
        match timeout(&handle, 5 * SECOND, read).await {
            Some(Ok(true)) => stream.writer().write(&line),
            Some(Ok(false)) => break,
            Some(Err(_)) | None => return,
        }
        line.clear();
    }
    let _ = timeout(&handle, 5 * SECOND, stream.flush()).await;
}

/// One client's script: sends its lines in pieces, at random moments, and may leave in any manner. Its own choices are
/// made here, beforehand, from the world's one generator.
fn script(sim: &Sim, rude: &Rc<Cell<u32>>) -> (Rc<RefCell<Option<Peer>>>, Vec<u8>, bool) {
    let mut text = Vec::new();
    for _ in 0..=sim.random(8) {
        let letter = b'a' + sim.random(26) as u8;
        text.extend(std::iter::repeat_n(letter, sim.random(300) as usize));
        text.push(b'\n');
    }
    let place: Rc<RefCell<Option<Peer>>> = Rc::default();
    let mut at = sim.now() + Duration::from_micros(sim.random(1_000_000));
    let (world, peer) = (sim.clone(), Rc::clone(&place));
    let narrow = sim.random(4) == 0;
    sim.at(at, move || {
        let client = world.connect(1);
        if narrow {
            client.window(64);
        }
        peer.replace(Some(client));
    });
    let mut sent = 0;
    while sent < text.len() {
        let n = (1 + sim.random(200) as usize).min(text.len() - sent);
        let (piece, peer) = (text[sent..sent + n].to_vec(), Rc::clone(&place));
        at = at + Duration::from_micros(sim.random(20_000));
        sim.at(at, move || peer.borrow().as_ref().unwrap().send(piece));
        sent += n;
    }
    let manner = sim.random(10);
    let polite = manner > 2;
    if !polite {
        rude.set(rude.get() + 1);
        at = at + Duration::from_micros(sim.random(100));
    }
    let peer = Rc::clone(&place);
    sim.at(at, move || {
        let peer = peer.borrow().clone().unwrap();
        match manner {
            0 => peer.reset(),
            1 => peer.close(),
            2 => {} // says nothing more, ever
            _ => peer.finish(),
        }
    });
    if narrow {
        for n in 1..200 {
            let peer = Rc::clone(&place);
            sim.at(at + ms(n), move || peer.borrow().as_ref().unwrap().read(64));
        }
    }
    (place, text, polite)
}

/// A whole run; its trace.
fn run(seed: u64) -> u64 {
    let sim = Sim::new();
    sim.seed(seed);
    sim.ragged(true);
    sim.auto_advance(true);
    let reactor = Reactor::with_driver(sim.driver(), MemoryLimit::default());
    let handle = reactor.handle();
    let listener = Listener::new(&handle, Endpoint::Simulated(1)).unwrap();
    let rude = Rc::new(Cell::new(0));
    let clients: Vec<_> = (0..30).map(|_| script(&sim, &rude)).collect();
    sim.fail_after(Op::Accept, sim.random(20), 24, sim.random(5));
    sim.fail_after(Op::Read, sim.random(100), ErrorKind::Interrupted, 3);
    sim.fail_after(Op::Poll, sim.random(100), ErrorKind::Interrupted, 3);
    let group = TaskGroup::new(&handle);
    let (inside, members) = (handle.clone(), group.clone());
    let acceptor = handle.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    members.spawn(serve(inside.clone(), stream));
                }
                Err(_) => sleep(&inside, ms(100)).await,
            }
        }
    });
    let inside = handle.clone();
    let left = reactor.block_on(async move {
        sleep(&inside, 3 * SECOND).await;
        acceptor.cancel();
        group.join(inside.now() + 20 * SECOND).await
    });
    assert_eq!(left.unwrap(), 0, "seed {seed}: a session hangs");
    assert_eq!(handle.census(), Census::default(), "seed {seed}");
    assert_eq!(sim.open_sources(), 0, "seed {seed}");
    for (peer, text, polite) in clients {
        let peer = peer.borrow().clone().unwrap();
        let got = peer.received();
        if polite {
            assert_eq!(got, text, "seed {seed}");
            assert!(peer.eof_seen(), "seed {seed}");
        } else {
            assert!(text.starts_with(&got), "seed {seed}");
        }
    }
    sim.trace()
}

#[test]
fn every_polite_client_is_answered_whatever_the_seed() {
    let seeds = std::env::var("SEEDS").map_or(100, |seeds| seeds.parse().unwrap());
    for seed in 1..=seeds {
        run(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_another() {
    let traces: Vec<_> = (1..=5).map(run).collect();
    assert_eq!((1..=5).map(run).collect::<Vec<_>>(), traces);
    let mut distinct = traces.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), traces.len());
}
