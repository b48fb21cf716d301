//! What the reactor costs without a system call: timers, wakes and tasks, on a simulated driver. See `measure` for how to
//! ask.
#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is all that this does, and no simulation runs it"
)]

mod measure;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use measure::Bench;
use nbcaser::reactor::sim::Sim;
use nbcaser::reactor::{MemoryLimit, Reactor, Sleep, sleep_until};

/// So many times each thing is done in one turn, so that the turn itself hardly counts.
const TIMES: usize = 1_000;
const MINUTE: Duration = Duration::from_secs(60);

fn main() {
    let bench = Bench::from_args();
    turns(&bench);
    spawns(&bench);
    wakes(&bench);
    for armed in [1_000, 1_000_000] {
        timers(&bench, armed);
    }
}

fn reactor() -> (Sim, Reactor) {
    let sim = Sim::new();
    let reactor = Reactor::with_driver(sim.driver(), MemoryLimit::default());
    (sim, reactor)
}

/// One turn, in a world that is told that it comes, or it would complain of so many in vain.
fn turn(sim: &Sim, reactor: &Reactor, rest: Duration) {
    sim.advance(rest);
    reactor.turn().expect("it polls");
}

/// A turn in which nothing happens.
fn turns(bench: &Bench) {
    let (sim, reactor) = reactor();
    bench.run("turn: an empty one", 1, "turn", || {
        turn(&sim, &reactor, Duration::ZERO);
    });
}

fn spawns(bench: &Bench) {
    let (sim, reactor) = reactor();
    let handle = reactor.handle();
    bench.run("spawn: a task that ends at once", TIMES, "task", || {
        for n in 0..TIMES {
            drop(handle.spawn(async move { black_box(n) }));
        }
        turn(&sim, &reactor, Duration::ZERO);
    });
}

/// From a wake to the poll that it brings.
fn wakes(bench: &Bench) {
    let (sim, reactor) = reactor();
    let wakers = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..TIMES {
        let (wakers, mut known) = (Rc::clone(&wakers), false);
        drop(reactor.handle().spawn(poll_fn(move |cx| {
            if !std::mem::replace(&mut known, true) {
                wakers.borrow_mut().push(cx.waker().clone());
            }
            Poll::<()>::Pending
        })));
    }
    reactor.turn().expect("it polls");
    for times in [1, TIMES] {
        bench.run(
            &format!("wake to poll: {times} in a turn"),
            times,
            "wake",
            || {
                wakers.borrow()[..times].iter().for_each(Waker::wake_by_ref);
                turn(&sim, &reactor, Duration::ZERO);
            },
        );
    }
}

fn timers(bench: &Bench, armed: usize) {
    let names = [
        format!("timer: pushed back, {armed} armed"),
        format!("timer: armed and cancelled, {armed} armed"),
        format!("timer: armed and due, {armed} armed"),
    ];
    if !names.iter().any(|name| bench.wants(name)) {
        return;
    }
    let (sim, reactor) = reactor();
    let handle = reactor.handle();
    let arm = |deadline| {
        let mut sleep = sleep_until(&handle, deadline);
        let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        sleep
    };
    // All later than what is done below, and in no order.
    let scattered = |n: usize| MINUTE * 60 + Duration::from_nanos(n as u64 * 7_919 % 1_000_003);
    let mut sleeps: Vec<Sleep> = (0..armed)
        .map(|n| arm(handle.now() + scattered(n)))
        .collect();
    let [pushed, cancelled, due] = &names;
    let mut at = 0;
    bench.run(pushed, TIMES, "timer", || {
        for _ in 0..TIMES {
            at = (at + 7_919) % sleeps.len();
            let later = sleeps[at].deadline() + MINUTE;
            sleeps[at].reset(later);
        }
    });
    bench.run(cancelled, TIMES, "timer", || {
        for n in 0..TIMES {
            drop(arm(handle.now() + MINUTE + Duration::from_nanos(n as u64)));
        }
    });
    bench.run(due, TIMES, "timer", || {
        let sleeps: Vec<Sleep> = (1..=TIMES as u64)
            .map(|n| arm(handle.now() + Duration::from_nanos(n)))
            .collect();
        turn(&sim, &reactor, Duration::from_nanos(TIMES as u64));
        black_box(sleeps);
    });
}
