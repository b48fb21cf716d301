//! What is tried. Each program ends by itself, whatever its threads do; all loads and stores of its own are relaxed, so that
//! what a task sees is what its wakes brought along.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Waker};

use loom::thread::{self, JoinHandle};

use crate::bell::{reactor, reactor_with};

/// What is shown, how often a thread is interrupted where it need not be (none: as often as can be), and the program.
type Program = (&'static str, Option<usize>, fn());

pub(crate) const ALL: [Program; 6] = [
    ("a-wake-is-not-lost", None, one_asks),
    ("nor-is-one-while-another-is-served", None, one_asks_twice),
    ("nor-is-one-of-two-at-once", Some(3), two_ask_one),
    ("nor-one-of-two-tasks", Some(3), two_ask_two),
    ("a-late-wake-finds-nobody", Some(3), a_late_wake),
    (
        "a-reactor-may-end-before-its-wakers",
        None,
        the_reactor_ends,
    ),
];

/// Of this process: a count that loom knows nothing of.
static RUNS: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

pub(crate) fn count() {
    RUNS.fetch_add(1, Relaxed);
}

pub(crate) fn runs() -> usize {
    RUNS.load(Relaxed)
}

/// Waits until `what` is `full`. The first poll hands the waker to `start`.
async fn until(what: Arc<AtomicUsize>, full: usize, start: impl FnOnce(&Waker)) {
    let mut start = Some(start);
    poll_fn(move |cx| {
        if let Some(start) = start.take() {
            start(cx.waker());
        }
        if what.load(Relaxed) == full {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// A thread that asks, and wakes.
fn asker(asked: &Arc<AtomicUsize>, waker: &Waker) -> JoinHandle<()> {
    let (asked, waker) = (Arc::clone(asked), waker.clone());
    thread::spawn(move || {
        asked.fetch_add(1, Relaxed);
        waker.wake();
    })
}

fn one_asks() {
    let asked = Arc::new(AtomicUsize::new(0));
    let question = Arc::clone(&asked);
    let answer = until(asked, 1, move |waker| drop(asker(&question, waker)));
    reactor().block_on(answer).unwrap();
}

fn one_asks_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let question = Arc::clone(&asked);
    let answer = until(asked, 1, move |waker| {
        let waker = waker.clone();
        thread::spawn(move || {
            waker.wake_by_ref();
            question.fetch_add(1, Relaxed);
            waker.wake_by_ref();
        });
    });
    reactor().block_on(answer).unwrap();
}

fn two_ask_one() {
    let asked = Arc::new(AtomicUsize::new(0));
    let question = Arc::clone(&asked);
    let answer = until(asked, 2, move |waker| {
        asker(&question, waker);
        asker(&question, waker);
    });
    reactor().block_on(answer).unwrap();
}

fn two_ask_two() {
    let reactor = reactor();
    let handle = reactor.handle();
    let both = async move {
        let one = || {
            let asked = Arc::new(AtomicUsize::new(0));
            let question = Arc::clone(&asked);
            until(asked, 1, move |waker| drop(asker(&question, waker)))
        };
        let other = handle.spawn(one());
        one().await;
        other.await.unwrap();
    };
    reactor.block_on(both).unwrap();
    assert_eq!(reactor.handle().census().tasks, 0);
}

/// The wake of a task that has ended does not wake the one that has its place now.
fn a_late_wake() {
    let reactor = reactor();
    let ended = poll_fn(|cx| {
        let waker = cx.waker().clone();
        thread::spawn(move || waker.wake());
        Poll::Ready(())
    });
    reactor.block_on(ended).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let question = Arc::clone(&asked);
    let polls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&polls);
    let mut answer = Box::pin(until(asked, 1, move |waker| drop(asker(&question, waker))));
    let count = poll_fn(move |cx| {
        counted.set(counted.get() + 1);
        answer.as_mut().poll(cx)
    });
    reactor.block_on(count).unwrap();
    assert!(polls.get() <= 2, "somebody else's wake woke it");
}

/// A thread wakes a task while its reactor is dropped: nothing is left of it.
fn the_reactor_ends() {
    let bell = Arc::default();
    let reactor = reactor_with(&bell);
    let asked = Arc::new(AtomicUsize::new(0));
    let thread = Rc::new(Cell::new(None));
    let its = Rc::clone(&thread);
    let question = Arc::clone(&asked);
    let task = until(asked, 2, move |waker| {
        its.set(Some(asker(&question, waker)))
    });
    reactor.handle().spawn(task);
    reactor.block_on(async {}).unwrap();
    drop(reactor);
    thread.take().expect("it was polled").join().unwrap();
    assert_eq!(Arc::strong_count(&bell), 1, "something is left");
}
