//! Wakers: what a task hears of, and how often.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use nbcaser::reactor::sleep;

use crate::fixture::{Fixture, SECOND, fixture, ms};

/// A task that counts its polls, gives its waker away, and ends when it is told to.
#[derive(Clone, Default)]
struct Probe {
    polls: Rc<Cell<usize>>,
    waker: Rc<RefCell<Option<Waker>>>,
    wakes_itself: Rc<Cell<usize>>,
    done: Rc<Cell<bool>>,
}

impl Probe {
    fn start(f: &Fixture) -> Probe {
        let probe = Probe::default();
        let this = probe.clone();
        f.go(poll_fn(move |cx| {
            this.polls.set(this.polls.get() + 1);
            *this.waker.borrow_mut() = Some(cx.waker().clone());
            for _ in 0..this.wakes_itself.replace(0) {
                cx.waker().wake_by_ref();
            }
            if this.done.get() {
                return Poll::Ready(());
            }
            Poll::Pending
        }));
        probe
    }

    fn waker(&self) -> Waker {
        self.waker.borrow().clone().expect("it was polled")
    }
}

#[test]
fn a_task_that_nobody_wakes_is_polled_once() {
    let f = fixture();
    let probe = Probe::start(&f);
    f.settle();
    f.turn();
    assert_eq!(probe.polls.get(), 1);
}

#[test]
fn a_wake_is_one_poll_and_a_double_wake_too() {
    let f = fixture();
    let probe = Probe::start(&f);
    f.settle();
    probe.waker().wake();
    f.settle();
    assert_eq!(probe.polls.get(), 2);
    probe.waker().wake_by_ref();
    probe.waker().wake_by_ref();
    probe.waker().wake();
    f.settle();
    assert_eq!(probe.polls.get(), 3);
}

#[test]
fn a_wake_during_its_own_poll_is_one_more_poll_in_the_next_turn() {
    let f = fixture();
    let probe = Probe::start(&f);
    f.settle();
    probe.wakes_itself.set(2);
    probe.waker().wake();
    f.turn();
    assert_eq!(probe.polls.get(), 2);
    f.turn();
    assert_eq!(probe.polls.get(), 3);
    f.settle();
    assert_eq!(probe.polls.get(), 3);
}

#[test]
fn a_wake_after_the_end_is_nothing_though_the_place_is_taken_again() {
    let f = fixture();
    let first = Probe::start(&f);
    f.settle();
    let stale = first.waker();
    first.done.set(true);
    stale.wake_by_ref();
    f.settle();
    assert_eq!((first.polls.get(), f.handle.census().tasks), (2, 0));
    let second = Probe::start(&f); // in the place of the first
    f.settle();
    stale.wake();
    f.settle();
    assert_eq!((first.polls.get(), second.polls.get()), (2, 1));
}

#[test]
fn a_wake_while_it_is_queued_is_nothing() {
    let f = fixture();
    let probe = Probe::start(&f);
    f.settle();
    let waker = probe.waker();
    // Once through the shared queue, and then again while it stands in the plain one.
    let early = waker.clone();
    f.go(async move { early.wake() });
    waker.wake();
    f.settle();
    assert!(probe.polls.get() <= 3, "{}", probe.polls.get());
}

#[test]
fn a_timer_and_input_in_one_turn_are_one_poll() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    let (mut sleep, polls) = (sleep(&f.handle, SECOND), Rc::new(Cell::new(0)));
    let count = Rc::clone(&polls);
    f.go(poll_fn(move |cx| {
        count.set(count.get() + 1);
        let _ = Pin::new(&mut sleep).poll(cx);
        let _ = Pin::new(&mut stream.fill()).poll(cx);
        Poll::Pending
    }));
    f.settle();
    assert_eq!(polls.get(), 1);
    peer.send("x");
    f.advance(SECOND);
    assert_eq!(polls.get(), 2);
}

#[test]
fn a_wake_outlives_the_reactor() {
    let f = fixture();
    let probe = Probe::start(&f);
    f.settle();
    let waker = probe.waker();
    drop(f);
    waker.wake();
}

/// Polls its parts only when their own wakers were called, as `FuturesUnordered` and its kin do.
struct Unordered<F> {
    parts: Vec<Option<Place<F>>>,
}

type Place<F> = (Pin<Box<F>>, Arc<Part>);

struct Part {
    woken: AtomicBool,
    parent: Waker,
}

impl Wake for Part {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.parent.wake_by_ref();
    }
}

async fn in_order_of_readiness<T, F: Future<Output = T>>(futures: Vec<F>) -> Vec<T> {
    let mut state: Option<Unordered<F>> = None;
    let mut futures = Some(futures);
    let mut out = Vec::new();
    poll_fn(move |cx| {
        let state = state.get_or_insert_with(|| Unordered {
            parts: futures
                .take()
                .into_iter()
                .flatten()
                .map(|future| {
                    let woken = AtomicBool::new(true);
                    let parent = cx.waker().clone();
                    Some((Box::pin(future), Arc::new(Part { woken, parent })))
                })
                .collect(),
        });
        for place in &mut state.parts {
            let Some((future, part)) = place else {
                continue;
            };
            if part.woken.swap(false, Ordering::SeqCst) {
                let waker = Waker::from(Arc::clone(part));
                let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
                if let Poll::Ready(output) = polled {
                    out.push(output);
                    *place = None;
                }
            }
        }
        if state.parts.iter().all(Option::is_none) {
            return Poll::Ready(std::mem::take(&mut out));
        }
        Poll::Pending
    })
    .await
}

#[test]
fn a_combinator_with_wakers_of_its_own_learns_which_of_its_parts_may_go_on() {
    let f = fixture();
    f.sim.auto_advance(true);
    let handle = f.handle.clone();
    let (peer, mut stream) = f.pair();
    f.sim.later(ms(1500), move || peer.send("!"));
    let parts: Vec<Pin<Box<dyn Future<Output = u32>>>> = vec![
        Box::pin({
            let handle = handle.clone();
            async move {
                sleep(&handle, 2 * SECOND).await;
                2
            }
        }),
        Box::pin(async move {
            stream.fill().await.unwrap();
            1
        }),
        Box::pin(async move {
            sleep(&handle, SECOND).await;
            0
        }),
    ];
    let order = f.reactor.block_on(in_order_of_readiness(parts)).unwrap();
    assert_eq!(order, [0, 1, 2]);
}
