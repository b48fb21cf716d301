//! Wakes from other threads, on the kernel's own driver.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use nbcaser::reactor::{Reactor, timeout};

const ROUNDS: u64 = 30_000;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Desk {
    waker: Mutex<Option<Waker>>,
    asked: AtomicU64,
    answered: AtomicU64,
    polls: AtomicUsize,
}

/// Answers each question; gives up when none comes for a while, which a lost wake-up looks like.
fn answer_all(desk: &Arc<Desk>, rounds: u64) -> Option<()> {
    let reactor = Reactor::new().unwrap();
    let (handle, desk) = (reactor.handle(), Arc::clone(desk));
    reactor
        .block_on(async move {
            for round in 1..=rounds {
                let asked = poll_fn(|cx| {
                    desk.polls.fetch_add(1, Ordering::Relaxed);
                    let mut waker = desk.waker.lock().unwrap();
                    if waker.is_none() {
                        *waker = Some(cx.waker().clone());
                    }
                    drop(waker);
                    if desk.asked.load(Ordering::Acquire) >= round {
                        return Poll::Ready(());
                    }
                    Poll::Pending
                });
                let deadline = handle.now() + PATIENCE;
                timeout(&handle, PATIENCE, asked).await?;
                // The timer makes it look, too, and find what nobody has woken it for.
                if handle.now() >= deadline {
                    return None;
                }
                desk.answered.store(round, Ordering::Release);
            }
            Some(())
        })
        .unwrap()
}

fn ask(desk: &Desk, rounds: u64, wake: impl Fn(&Waker, &dyn Fn())) {
    let waker = loop {
        if let Some(waker) = desk.waker.lock().unwrap().clone() {
            break waker;
        }
        std::thread::yield_now();
    };
    for round in 1..=rounds {
        wake(&waker, &|| desk.asked.store(round, Ordering::Release));
        let mut spins = 0_u32;
        while desk.answered.load(Ordering::Acquire) < round {
            spins += 1;
            if spins > 1000 {
                std::thread::yield_now();
            }
        }
    }
}

fn run(wake: impl Fn(&Waker, &dyn Fn()) + Send + 'static) {
    let desk = Arc::new(Desk::default());
    let asker = Arc::clone(&desk);
    let asker = std::thread::spawn(move || ask(&asker, ROUNDS, wake));
    let outcome = answer_all(&desk, ROUNDS);
    desk.answered.store(u64::MAX, Ordering::Release);
    asker.join().unwrap();
    assert_eq!(outcome, Some(()), "a wake-up was lost");
}

#[test]
fn no_wake_from_another_thread_is_lost() {
    run(|waker, ask| {
        ask();
        waker.wake_by_ref();
    });
}

#[test]
fn a_second_wake_that_comes_while_the_first_is_being_served_is_not_lost() {
    // The first wake starts the race: the question is put while the reactor takes its queue in hand.
    run(|waker, ask| {
        waker.wake_by_ref();
        ask();
        waker.wake_by_ref();
    });
}
