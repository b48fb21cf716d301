//! Sleeps, intervals and callbacks.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use nbcaser::reactor::{
    Callback, Either, Missed, Time, interval, join, select, sleep, sleep_until, timeout, yield_now,
};

use crate::fixture::{Counter, Dropped, Log, SECOND, fixture, ms, poll};

#[test]
fn timers_fire_in_the_order_of_their_deadlines_and_then_of_their_arming() {
    let (f, log) = (fixture(), Log::default());
    for (name, rest) in [("c", 20), ("a", 10), ("d", 20), ("b", 10), ("e", 20)] {
        let log = log.clone();
        f.handle.call_later(ms(rest), move || log.note(name));
    }
    f.advance(ms(20));
    assert_eq!(log.take(), "a b c d e");
}

#[test]
fn a_timer_is_never_early_and_not_late_either() {
    let f = fixture();
    let start = f.sim.now();
    let handle = f.handle.clone();
    let task = f.handle.spawn(async move { sleep(&handle, SECOND).await });
    f.settle();
    f.advance(Duration::from_nanos(999_999_999));
    assert!(!task.is_finished());
    f.advance(Duration::from_nanos(1));
    assert!(task.is_finished());
    assert_eq!(f.sim.now(), start + SECOND);
}

#[test]
fn a_sleep_in_the_past_is_ready_at_once_and_one_in_the_far_future_never() {
    let f = fixture();
    let (counter, waker) = Counter::pair();
    assert!(poll(&mut sleep_until(&f.handle, Time::ZERO), &waker).is_ready());
    let mut forever = sleep(&f.handle, Duration::MAX);
    assert_eq!(forever.deadline(), Time::NEVER);
    assert!(poll(&mut forever, &waker).is_pending());
    f.advance(Duration::from_secs(3600 * 24 * 365 * 500));
    assert!(poll(&mut forever, &waker).is_pending());
    assert_eq!(counter.count(), 0);
    drop(f.handle.call_later(Duration::MAX, || unreachable!()));
    f.settle();
}

#[test]
fn a_sleep_wakes_who_polled_it_last() {
    let f = fixture();
    let ((first, one), (second, two)) = (Counter::pair(), Counter::pair());
    let mut sleep = sleep(&f.handle, SECOND);
    assert!(poll(&mut sleep, &one).is_pending());
    assert!(poll(&mut sleep, &two).is_pending());
    assert_eq!(f.handle.census().timers, 1);
    f.advance(SECOND);
    assert_eq!((first.count(), second.count()), (0, 1));
    assert!(poll(&mut sleep, &two).is_ready());
}

#[test]
fn dropping_a_sleep_cancels_its_timer() {
    let f = fixture();
    let (counter, waker) = Counter::pair();
    let mut sleep = sleep(&f.handle, SECOND);
    assert!(poll(&mut sleep, &waker).is_pending());
    drop(sleep);
    assert_eq!(f.handle.census().timers, 0);
    f.advance(SECOND);
    assert_eq!(counter.count(), 0);
}

#[test]
fn a_sleep_can_be_moved_either_way_before_and_after_it_fired() {
    let f = fixture();
    let (counter, waker) = Counter::pair();
    let start = f.sim.now();
    let mut sleep = sleep(&f.handle, 10 * SECOND);
    assert!(poll(&mut sleep, &waker).is_pending());
    sleep.reset(start + 20 * SECOND);
    f.advance(10 * SECOND);
    assert_eq!(counter.count(), 0);
    sleep.reset(start + 15 * SECOND);
    f.advance(5 * SECOND);
    assert_eq!(counter.count(), 1);
    assert!(poll(&mut sleep, &waker).is_ready());
    sleep.reset(start + 16 * SECOND);
    assert!(poll(&mut sleep, &waker).is_pending());
    f.advance(SECOND);
    assert_eq!(counter.count(), 2);
    assert!(poll(&mut sleep, &waker).is_ready());
}

#[test]
fn an_interval_does_not_drift_in_ten_thousand_ticks() {
    let f = fixture();
    f.sim.auto_advance(true);
    let (handle, sim, start) = (f.handle.clone(), f.sim.clone(), f.sim.now());
    let period = Duration::from_nanos(333_333_333);
    let ticks = async move {
        let mut interval = interval(&handle, start + period, period, Missed::Skip);
        for n in 1..=10_000 {
            // Each is served late, as on a machine that is busy: but for the first of a thousand, which is on time.
            let late = Duration::from_micros(u64::from((n - 1) % 1000));
            let served = start + period * n + late;
            sim.advance(served.since(handle.now()));
            assert_eq!(interval.tick().await, 0);
            assert_eq!(handle.now(), served);
            assert_eq!(interval.next(), start + period * (n + 1));
        }
    };
    f.reactor.block_on(ticks).unwrap();
}

/// The ticks of an interval of one second whose task is held up until 3.5 s: when, and how many were missed.
fn late_ticks(policy: Missed) -> Vec<(u64, u64)> {
    let f = fixture();
    f.sim.auto_advance(true);
    let (handle, sim) = (f.handle.clone(), f.sim.clone());
    let start = f.sim.now();
    let ticks = async move {
        let mut interval = interval(&handle, start + SECOND, SECOND, policy);
        let mut seen = Vec::new();
        for n in 0..5 {
            let missed = interval.tick().await;
            seen.push((handle.now().since(start).as_millis() as u64, missed));
            if n == 0 {
                sim.advance(ms(2500)); // as if the machine had been busy
                yield_now().await;
            }
        }
        seen
    };
    f.reactor.block_on(ticks).unwrap()
}

#[test]
fn missed_ticks_are_skipped_and_counted_or_made_up_for_or_move_the_grid() {
    let skip = [(1000, 0), (3500, 1), (4000, 0), (5000, 0), (6000, 0)];
    assert_eq!(late_ticks(Missed::Skip), skip);
    let burst = [(1000, 0), (3500, 0), (3500, 0), (4000, 0), (5000, 0)];
    assert_eq!(late_ticks(Missed::Burst), burst);
    let delay = [(1000, 0), (3500, 0), (4500, 0), (5500, 0), (6500, 0)];
    assert_eq!(late_ticks(Missed::Delay), delay);
}

#[test]
fn an_interval_at_the_end_of_time_does_not_panic() {
    let f = fixture();
    let (_, waker) = Counter::pair();
    for policy in [Missed::Skip, Missed::Burst, Missed::Delay] {
        let mut ticks = interval(&f.handle, f.sim.now(), Duration::MAX, policy);
        assert!(poll(&mut ticks.tick(), &waker).is_ready());
        assert_eq!(ticks.next(), Time::NEVER);
        assert!(poll(&mut ticks.tick(), &waker).is_pending());
    }
}

#[test]
fn a_tick_that_is_dropped_is_not_lost() {
    let f = fixture();
    let (_, waker) = Counter::pair();
    let mut ticks = interval(&f.handle, f.sim.now() + SECOND, SECOND, Missed::Burst);
    assert!(poll(&mut ticks.tick(), &waker).is_pending());
    f.advance(SECOND);
    let _never_polled = ticks.tick();
    assert!(poll(&mut ticks.tick(), &waker).is_ready());
}

#[test]
fn callbacks_come_once_then_or_on_a_grid() {
    let (f, log) = (fixture(), Log::default());
    let noted = log.clone();
    f.handle.call_later(ms(10), move || noted.note("later"));
    let noted = log.clone();
    f.handle
        .call_at(f.sim.now() + ms(5), move || noted.note("at"));
    let noted = log.clone();
    let periodic = f
        .handle
        .call_periodic(ms(7), ms(7), move |missed| noted.note(missed));
    for _ in 0..20 {
        f.advance(ms(1));
    }
    assert_eq!(log.take(), "at 0 later 0");
    f.advance(ms(20)); // 21, 28 and 35 are behind us: one call, two left out
    assert_eq!(log.take(), "2");
    f.advance(ms(2)); // 42
    assert_eq!(log.take(), "0");
    periodic.cancel();
    f.advance(SECOND);
    assert_eq!(log.take(), "");
    assert_eq!(f.handle.census().timers, 0);
}

#[test]
fn a_callback_that_is_cancelled_is_dropped_at_once_and_one_that_is_let_go_comes() {
    let (f, log) = (fixture(), Log::default());
    let held = Dropped(log.clone(), "dropped");
    let callback = f.handle.call_later(SECOND, move || {
        let _held = &held;
        unreachable!("it was cancelled");
    });
    callback.cancel();
    assert_eq!(log.take(), "dropped");
    let noted = log.clone();
    drop(f.handle.call_later(SECOND, move || noted.note("came")));
    f.advance(SECOND);
    assert_eq!(log.take(), "came");
}

#[test]
fn a_callback_cancels_another_that_is_due_at_the_same_time() {
    let (f, log) = (fixture(), Log::default());
    let later: Rc<RefCell<Vec<Callback>>> = Rc::default();
    let cancels = Rc::clone(&later);
    f.handle.call_later(SECOND, move || {
        cancels.borrow_mut().drain(..).for_each(Callback::cancel);
    });
    let noted = log.clone();
    let once = f.handle.call_later(SECOND, move || noted.note("once"));
    let noted = log.clone();
    let periodic = f
        .handle
        .call_periodic(SECOND, SECOND, move |_| noted.note("periodic"));
    later.borrow_mut().extend([once, periodic]);
    f.advance(SECOND);
    f.advance(SECOND);
    assert_eq!(log.take(), "");
    assert_eq!(f.handle.census().timers, 0);
}

#[test]
fn a_periodic_callback_may_cancel_itself() {
    let f = fixture();
    let itself: Rc<RefCell<Option<Callback>>> = Rc::default();
    let (calls, this) = (Rc::new(Cell::new(0)), Rc::clone(&itself));
    let counts = Rc::clone(&calls);
    let callback = f.handle.call_periodic(SECOND, SECOND, move |_| {
        counts.set(counts.get() + 1);
        if counts.get() == 2 {
            this.take().into_iter().for_each(Callback::cancel);
        }
    });
    itself.replace(Some(callback));
    for _ in 0..5 {
        f.advance(SECOND);
    }
    assert_eq!(calls.get(), 2);
    assert_eq!(f.handle.census().timers, 0);
    assert_eq!(Rc::strong_count(&calls), 1, "the closure is gone");
}

#[test]
fn a_callback_that_panics_harms_neither_the_others_nor_its_own_schedule() {
    let (f, log) = (fixture(), Log::default());
    f.handle.call_later(SECOND, || panic!("once"));
    let noted = log.clone();
    f.handle.call_periodic(SECOND, SECOND, move |_| {
        noted.note("tick");
        panic!("each time");
    });
    let noted = log.clone();
    f.handle.call_later(SECOND, move || noted.note("other"));
    f.advance(SECOND);
    f.advance(SECOND);
    assert_eq!(log.take(), "tick other tick");
}

#[test]
fn a_callback_that_calls_itself_at_once_lets_the_loop_go_on() {
    fn again(handle: &nbcaser::reactor::Handle, count: Rc<Cell<u32>>) {
        let inner = handle.clone();
        drop(handle.call_later(Duration::ZERO, move || {
            count.set(count.get() + 1);
            again(&inner, count);
        }));
    }
    let f = fixture();
    let count = Rc::new(Cell::new(0));
    again(&f.handle, Rc::clone(&count));
    for turn in 1..=3 {
        f.turn();
        assert_eq!(count.get(), turn);
    }
}

#[test]
fn a_timeout_gives_what_came_in_time_and_drops_what_did_not() {
    let (f, log) = (fixture(), Log::default());
    f.sim.auto_advance(true);
    let (handle, held) = (f.handle.clone(), Dropped(log.clone(), "dropped"));
    let run = async move {
        let quick = timeout(&handle, 2 * SECOND, sleep(&handle, SECOND)).await;
        assert_eq!(quick, Some(()));
        let slow = async {
            let _held = held;
            sleep(&handle, 2 * SECOND).await;
        };
        assert_eq!(timeout(&handle, SECOND, slow).await, None);
        // Ready in the same turn: not lost.
        assert!(
            timeout(&handle, SECOND, sleep(&handle, SECOND))
                .await
                .is_some()
        );
        assert_eq!(timeout(&handle, Duration::ZERO, async { 1 }).await, Some(1));
    };
    f.reactor.block_on(run).unwrap();
    assert_eq!(log.take(), "dropped");
    assert_eq!(f.handle.census().timers, 0);
}

#[test]
fn select_prefers_the_first_and_drops_the_loser() {
    let (f, log) = (fixture(), Log::default());
    let held = Dropped(log.clone(), "loser");
    let both = async move {
        let second = async move {
            let _held = held;
            2
        };
        select(async { 1 }, second).await
    };
    assert_eq!(f.now_or_never(both), Some(Either::First(1)));
    assert_eq!(log.take(), "loser");
    let one = async { select(std::future::pending::<u8>(), async { 2 }).await };
    assert_eq!(f.now_or_never(one), Some(Either::Second(2)));
}

#[test]
fn the_loser_of_a_select_can_be_kept() {
    let f = fixture();
    f.sim.auto_advance(true);
    let handle = f.handle.clone();
    let run = async move {
        let mut slow = sleep(&handle, 2 * SECOND);
        let first = select(&mut slow, sleep(&handle, SECOND)).await;
        assert_eq!(first, Either::Second(()));
        slow.await;
        handle.now()
    };
    let start = f.sim.now();
    assert_eq!(f.reactor.block_on(run).unwrap(), start + 2 * SECOND);
}

#[test]
fn join_waits_for_both_side_by_side_and_polls_none_again_that_is_done() {
    for rests in [(2, 1), (1, 2)] {
        let f = fixture();
        f.sim.auto_advance(true);
        let handle = f.handle.clone();
        let start = f.sim.now();
        let run = async move {
            let one = async {
                sleep(&handle, SECOND * rests.0).await; // an async block panics if it is polled again
                1
            };
            let two = async {
                sleep(&handle, SECOND * rests.1).await;
                2
            };
            join(one, two).await
        };
        assert_eq!(f.reactor.block_on(run).unwrap(), (1, 2));
        assert_eq!(f.sim.now(), start + 2 * SECOND);
    }
}
