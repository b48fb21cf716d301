//! What is left when something ends: nothing. And signals and memory, which end things.

use std::cell::Cell;
use std::future::pending;
use std::io::ErrorKind;
use std::rc::{Rc, Weak};
use std::time::Duration;

use nbcaser::reactor::sim::Op;
use nbcaser::reactor::{
    Census, Endpoint, Handle, JoinError, Listener, MemoryLimit, Signals, Stream, sleep,
};

use crate::fixture::{Dropped, Log, SECOND, fixture, fixture_with};

#[test]
fn the_census_counts_what_is_there_and_nothing_when_all_has_ended() {
    let f = fixture();
    assert_eq!(f.handle.census(), Census::default());
    let (peer, stream) = f.pair();
    peer.window(1);
    let handle = f.handle.clone();
    let task = f.handle.spawn(async move {
        stream.writer().write(b"abc");
        sleep(&handle, SECOND).await;
        drop(stream);
    });
    f.settle();
    let busy = Census {
        tasks: 1,
        timers: 1,
        sources: 1,
        kept_bytes: 3,
    };
    assert_eq!(f.handle.census(), busy);
    task.cancel();
    assert_eq!(f.handle.census(), Census::default());
    assert_eq!(f.sim.open_sources(), 0);
}

/// Something of everything, all of it in the middle of something.
fn busy(handle: &Handle, log: &Log) -> Weak<()> {
    let token = Rc::new(());
    let weak = Rc::downgrade(&token);
    let (inside, held) = (handle.clone(), Dropped(log.clone(), "task"));
    let held_too = Rc::clone(&token);
    drop(handle.spawn(async move {
        let _held = (held, held_too);
        let listener = Listener::new(&inside, Endpoint::Simulated(5)).unwrap();
        let _signals = Signals::new(&inside, &[15]).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let inner = inside.clone();
        let child = inside.spawn(async move { sleep(&inner, SECOND).await });
        stream.write_all(b"hello").await.unwrap();
        stream.fill().await.unwrap();
        child.await.unwrap();
    }));
    let (inside, held) = (handle.clone(), (Dropped(log.clone(), "callback"), token));
    drop(handle.call_periodic(SECOND, SECOND, move |_| {
        let _held = (&inside, &held);
    }));
    weak
}

#[test]
fn dropping_the_reactor_drops_everything_it_had() {
    let (f, log) = (fixture(), Log::default());
    let weak = busy(&f.handle, &log);
    f.settle();
    let peer = f.sim.connect(5);
    f.settle();
    assert_eq!(f.handle.census().tasks, 3);
    drop(f.reactor);
    assert_eq!(log.take(), "task callback");
    assert!(weak.upgrade().is_none(), "somebody still has it");
    assert_eq!(f.handle.census(), Census::default());
    assert_eq!(f.sim.open_sources(), 0);
    assert!(peer.is_closed());
}

#[test]
fn a_handle_tells_that_its_task_went_with_the_reactor() {
    let f = fixture();
    let task = f.handle.spawn(pending::<()>());
    drop(f.reactor);
    assert!(matches!(task.try_take(), Some(Err(JoinError::Cancelled))));
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A future that, dropped, starts another of its kind.
fn immortal(handle: &Handle, token: &Rc<()>) {
    let (again, kept) = (handle.clone(), Rc::clone(token));
    let (callback, held) = (handle.clone(), Rc::clone(token));
    let guard = OnDrop(move || {
        if Rc::strong_count(&kept) < 100 {
            immortal(&again, &kept);
        }
    });
    drop(handle.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    }));
    drop(handle.call_later(SECOND, move || drop((callback, held))));
}

#[test]
fn what_is_started_while_the_reactor_is_dropped_and_after_is_dropped_too() {
    let f = fixture();
    let token = Rc::new(());
    immortal(&f.handle, &token);
    f.settle();
    drop(f.reactor);
    assert_eq!(f.handle.census(), Census::default());
    assert_eq!(Rc::strong_count(&token), 1);
    let (inside, held) = (f.handle.clone(), Rc::clone(&token));
    let late = f.handle.spawn(async move { drop((inside, held)) });
    assert!(matches!(late.try_take(), Some(Err(JoinError::Cancelled))));
    let (inside, held) = (f.handle.clone(), Rc::clone(&token));
    drop(f.handle.call_later(SECOND, move || drop((inside, held))));
    let (inside, held) = (f.handle.clone(), Rc::clone(&token));
    drop(f.handle.call_periodic(SECOND, SECOND, move |_| {
        let _held = (&inside, &held);
    }));
    assert_eq!(Rc::strong_count(&token), 1);
}

#[test]
fn a_callback_whose_destructor_panics_does_not_keep_the_rest_alive() {
    let (f, log) = (fixture(), Log::default());
    let bomb = OnDrop(|| panic!("on the way out"));
    drop(f.handle.call_later(SECOND, move || drop(bomb)));
    let held = Dropped(log.clone(), "other");
    drop(f.handle.call_later(SECOND, move || drop(held)));
    drop(f.reactor);
    assert_eq!(log.take(), "other");
}

#[test]
fn ten_thousand_tasks_come_and_go() {
    let f = fixture();
    f.sim.auto_advance(true);
    let handle = f.handle.clone();
    let run = async move {
        let tasks: Vec<_> = (0..10_000_u64)
            .map(|n| {
                let inside = handle.clone();
                handle.spawn(async move { sleep(&inside, Duration::from_nanos(n % 97)).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    };
    f.reactor.block_on(run).unwrap();
    assert_eq!(f.handle.census(), Census::default());
}

#[test]
fn signals_come_out_in_order_and_of_one_number_only_once() {
    let (f, log) = (fixture(), Log::default());
    let signals = Signals::new(&f.handle, &[15, 2, 1]).unwrap();
    f.sim.signal(2); // before anybody waits
    f.settle();
    let noted = log.clone();
    f.go(async move {
        loop {
            noted.note(signals.next().await);
        }
    });
    f.settle();
    assert_eq!(log.take(), "2");
    for number in [15, 1, 15, 9] {
        f.sim.signal(number);
    }
    f.settle();
    assert_eq!(log.take(), "15 1");
    f.sim.signal(15);
    f.settle();
    assert_eq!(log.take(), "15");
}

#[test]
fn signals_that_cannot_be_caught_leave_nothing() {
    let f = fixture();
    f.sim.fail(Op::Signals, 22, 1);
    assert!(Signals::new(&f.handle, &[9]).is_err());
    assert_eq!(f.handle.census(), Census::default());
}

/// Waits for input with so much output in its way; tells how it ended.
fn stuck(handle: &Handle, mut stream: Stream, output: usize) -> Rc<Cell<Option<ErrorKind>>> {
    let outcome = Rc::new(Cell::new(None));
    let tells = Rc::clone(&outcome);
    drop(handle.spawn(async move {
        stream.writer().write(&vec![b'x'; output]);
        if let Err(error) = stream.fill().await {
            tells.set(Some(error.kind()));
        }
    }));
    outcome
}

#[test]
fn past_the_memory_limit_the_stream_that_keeps_the_most_fails() {
    let f = fixture_with(MemoryLimit::new(1000));
    let pairs: Vec<_> = (0..3).map(|_| f.pair()).collect();
    let (mut peers, mut outcomes) = (Vec::new(), Vec::new());
    for ((peer, stream), output) in pairs.into_iter().zip([300, 600, 200]) {
        peer.window(0);
        peers.push(peer);
        outcomes.push(stuck(&f.handle, stream, output));
        f.settle();
    }
    let ends: Vec<_> = outcomes.iter().map(|outcome| outcome.get()).collect();
    assert_eq!(ends, [None, Some(ErrorKind::OutOfMemory), None]);
    assert!(peers[1].is_closed());
    assert!(f.handle.census().kept_bytes <= 1000);
    // There is room again.
    let (peer, stream) = f.pair();
    peer.window(0);
    let outcome = stuck(&f.handle, stream, 400);
    f.settle();
    assert_eq!(outcome.get(), None);
    drop(f.reactor);
    assert_eq!(f.handle.census(), Census::default());
}

#[test]
fn what_one_reactor_keeps_is_not_called_in_at_another() {
    const MIB: usize = 1 << 20;
    let limit = MemoryLimit::new(3 * MIB);
    let (little, much) = (fixture_with(limit.clone()), fixture_with(limit));
    let (_peer, mut stream) = little.pair();
    stream.keep(1000);
    let (_other, mut largest) = much.pair();
    largest.keep(5 * MIB);
    stream.keep(1001);
    assert_eq!(
        little.now_or_never(async move { stream.fill().await.is_ok() }),
        None
    );
    let fill = async move { largest.fill().await.map_err(|error| error.kind()) };
    assert_eq!(much.now_or_never(fill), Some(Err(ErrorKind::OutOfMemory)));
}

#[test]
fn who_keeps_the_most_is_called_in_though_it_is_another_reactor_that_passes_the_limit() {
    const MIB: usize = 1 << 20;
    let limit = MemoryLimit::new(8 * MIB);
    let (silent, busy) = (fixture_with(limit.clone()), fixture_with(limit));
    let (_peer, mut largest) = silent.pair();
    largest.keep(7 * MIB);
    let outcome = silent.handle.spawn(async move { largest.fill().await });
    silent.settle();
    let (_other, mut stream) = busy.pair();
    stream.keep(3 * MIB);
    busy.settle();
    assert_eq!(busy.handle.census().kept_bytes, 3 * MIB);
    silent.settle();
    let error = outcome
        .try_take()
        .expect("it was woken")
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
}

#[test]
fn input_that_a_task_says_it_keeps_counts_too() {
    let f = fixture_with(MemoryLimit::new(1000));
    let (_peer, mut stream) = f.pair();
    stream.keep(900);
    assert_eq!(f.handle.census().kept_bytes, 900);
    stream.keep(1100);
    let fill = async move { stream.fill().await.map_err(|error| error.kind()) };
    assert_eq!(f.now_or_never(fill), Some(Err(ErrorKind::OutOfMemory)));
    assert_eq!(f.handle.census().kept_bytes, 0);
}

#[test]
fn a_stream_that_was_called_in_may_say_a_last_word() {
    let f = fixture_with(MemoryLimit::new(100));
    let (peer, mut stream) = f.pair();
    peer.window(3);
    f.go(async move {
        stream.writer().write(&[b'x'; 500]);
        let error = stream.fill().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        assert_eq!(stream.discard_output(), Some(b'x'), "the socket took some");
        stream.write_all(b"sorry").await.unwrap();
    });
    f.settle();
    peer.read(100);
    f.settle();
    assert_eq!(peer.received(), b"xxxsorry");
    assert!(peer.eof_seen());
}
