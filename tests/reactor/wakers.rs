//! Wakers: what a task hears of, and how often.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use nbcaser::reactor::{Stream, sleep};
use proptest::prelude::*;

use crate::fixture::{Fixture, Log, SECOND, fixture, ms};

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

/// It is noted that the running task waits for more of a stream that it has read to the end, until another is noted there.
#[test]
fn who_asks_for_more_behind_a_question_of_somebody_elses_is_woken() {
    let f = fixture();
    let ((one, mut a), (other, mut b)) = (f.pair(), f.pair());
    let log = Log::default();
    let notes = log.clone();
    other.send("old");
    f.settle();
    f.go(async move {
        let _ = b.fill().await;
        let _ = a.fill().await;
        poll_fn(|cx| {
            a.consume(a.buffered());
            assert!(b.poll_in_order(cx).is_ready());
            assert!(
                a.poll_in_order(&mut Context::from_waker(Waker::noop()))
                    .is_ready()
            );
            a.poll_fill(cx, usize::MAX)
        })
        .await
        .expect("input");
        notes.note(String::from_utf8_lossy(a.input()));
    });
    one.send("first");
    f.settle();
    one.send("second");
    f.settle();
    assert_eq!(log.take(), "second");
}

/// What a task asks one of its streams, with its own waker or somebody else's.
#[derive(Clone, Copy, Debug)]
enum Question {
    Fill,
    InOrder,
    Flush,
    Write(u16),
    Consume,
}

impl Question {
    /// Whether the answer is to wait.
    fn is_put_off(self, stream: &mut Stream, cx: &mut Context<'_>) -> bool {
        match self {
            Question::Fill => stream.poll_fill(cx, usize::MAX).is_pending(),
            Question::InOrder => stream.poll_in_order(cx).is_pending(),
            Question::Flush => pin!(stream.flush()).poll(cx).is_pending(),
            Question::Write(bytes) => {
                stream.writer().write(&vec![b'x'; bytes.into()]);
                false
            }
            Question::Consume => {
                stream.consume(stream.buffered());
                false
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Vec<(usize, Question, bool)>),
    Send(usize, u16),
    Window(usize, u16),
}

fn step() -> impl Strategy<Value = Step> {
    let question = prop_oneof![
        4 => Just(Question::Fill),
        2 => Just(Question::InOrder),
        1 => Just(Question::Flush),
        1 => (0..40_000_u16).prop_map(Question::Write),
        2 => Just(Question::Consume),
    ];
    let asked = (0..2_usize, question, any::<bool>());
    prop_oneof![
        4 => prop::collection::vec(asked, 1..8).prop_map(Step::Ask),
        2 => (0..2_usize, 1..2000_u16).prop_map(|(stream, bytes)| Step::Send(stream, bytes)),
        1 => (0..2_usize, 0..20_000_u16).prop_map(|(stream, bytes)| Step::Window(stream, bytes)),
    ]
}

proptest! {
    /// Of all who ask a stream the one who asks last, and is put off, is woken when there is more; whatever had been asked
    /// before, of this stream or of another.
    #[test]
    fn who_asks_last_and_is_put_off_is_woken(steps in prop::collection::vec(step(), 1..12)) {
        let f = fixture();
        let ((one, a), (other, b)) = (f.pair(), f.pair());
        let (peers, mut streams) = ([one, other], [a, b]);
        let (probe, asked) = (Probe::default(), Rc::new(RefCell::new(Vec::new())));
        let put_off = Rc::new(Cell::new([false; 2]));
        let (this, questions, answers) = (probe.clone(), Rc::clone(&asked), Rc::clone(&put_off));
        f.go(poll_fn(move |cx| {
            this.polls.set(this.polls.get() + 1);
            *this.waker.borrow_mut() = Some(cx.waker().clone());
            let mut put_off = [false; 2];
            for (stream, question, own) in questions.take() {
                let question: Question = question;
                let mut others = Context::from_waker(Waker::noop());
                let cx = if own { &mut *cx } else { &mut others };
                put_off[stream] = question.is_put_off(&mut streams[stream], cx) && own;
            }
            answers.set(put_off);
            Poll::Pending
        }));
        f.settle();
        for step in steps {
            match step {
                Step::Ask(questions) => {
                    asked.replace(questions);
                    probe.waker().wake();
                }
                Step::Send(peer, bytes) => peers[peer].send(vec![b'y'; bytes.into()]),
                Step::Window(peer, bytes) => peers[peer].window(bytes.into()),
            }
            f.settle();
        }
        for (peer, put_off) in peers.iter().zip(put_off.get()) {
            let polls = probe.polls.get();
            peer.window(usize::MAX);
            peer.send("y");
            f.settle();
            prop_assert!(!put_off || probe.polls.get() > polls);
        }
    }
}
