//! Tasks and their handles.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use nbcaser::reactor::{JoinError, JoinHandle, sleep, yield_now};

use crate::fixture::{Counter, Dropped, Log, SECOND, fixture, poll};

#[test]
fn a_handle_gives_the_output_before_or_after_it_is_asked() {
    let f = fixture();
    let handle = f.handle.clone();
    let both = async move {
        let quick = handle.spawn(async { 1 });
        yield_now().await;
        yield_now().await;
        assert!(quick.is_finished());
        let slow = handle.spawn(async {
            yield_now().await;
            2
        });
        (quick.await.unwrap(), slow.await.unwrap())
    };
    assert_eq!(f.now_or_never(both), Some((1, 2)));
}

#[test]
fn a_handle_wakes_who_polled_it_last() {
    let f = fixture();
    let ((first, one), (second, two)) = (Counter::pair(), Counter::pair());
    let mut task = f.handle.spawn(async { 1 });
    assert!(poll(&mut task, &one).is_pending());
    assert!(poll(&mut task, &two).is_pending());
    f.settle();
    assert_eq!((first.count(), second.count()), (0, 1));
    assert!(poll(&mut task, &two).is_ready());
}

#[test]
fn dropping_a_handle_detaches_the_task() {
    let (f, log) = (fixture(), Log::default());
    let noted = log.clone();
    drop(f.handle.spawn(async move {
        yield_now().await;
        noted.note("ran");
    }));
    f.settle();
    assert_eq!(log.take(), "ran");
}

#[test]
fn a_panic_ends_the_task_and_shows_at_its_handle() {
    let f = fixture();
    let task: JoinHandle<()> = f.handle.spawn(async { panic!("the {}", "message") });
    let other = f.handle.spawn(async { 1 });
    f.settle();
    let error = task.try_take().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the task panicked: the message");
    assert!(matches!(error, JoinError::Panicked(_)));
    assert_eq!(other.try_take().unwrap().unwrap(), 1);
}

#[test]
fn a_task_is_cancelled_where_it_waits_or_before_it_ran() {
    let (f, log) = (fixture(), Log::default());
    for ran in [true, false] {
        let (held, noted) = (Dropped(log.clone(), "dropped"), log.clone());
        let mut task = f.handle.spawn(async move {
            let _held = held;
            noted.note("ran");
            pending::<()>().await;
        });
        if ran {
            f.settle();
        }
        task.cancel();
        assert_eq!(log.take(), if ran { "ran dropped" } else { "dropped" });
        assert!(task.is_finished());
        let (_, waker) = Counter::pair();
        let std::task::Poll::Ready(result) = poll(&mut task, &waker) else {
            panic!("it has ended");
        };
        assert!(matches!(result, Err(JoinError::Cancelled)));
        task.cancel(); // once more is nothing
        f.settle();
    }
    assert_eq!(log.take(), "");
}

#[test]
fn cancelling_wakes_who_awaits_the_handle() {
    let f = fixture();
    let victim = Rc::new(RefCell::new(Some(f.handle.spawn(pending::<()>()))));
    let (counter, waker) = Counter::pair();
    let mut task = victim.take().unwrap();
    assert!(poll(&mut task, &waker).is_pending());
    task.cancel();
    assert_eq!(counter.count(), 1);
}

#[test]
fn a_task_that_cancels_itself_goes_on_until_it_rests() {
    let (f, log) = (fixture(), Log::default());
    let itself: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let (this, noted, held) = (
        Rc::clone(&itself),
        log.clone(),
        Dropped(log.clone(), "dropped"),
    );
    let handle = f.handle.clone();
    let task = f.handle.spawn(async move {
        let _held = held;
        this.borrow().as_ref().unwrap().cancel();
        noted.note("still here");
        sleep(&handle, SECOND).await;
        noted.note("never");
    });
    itself.replace(Some(task));
    f.settle();
    assert_eq!(log.take(), "still here dropped");
    f.advance(SECOND);
    assert_eq!(log.take(), "");
    let result = itself.borrow().as_ref().unwrap().try_take();
    assert!(matches!(result, Some(Err(JoinError::Cancelled))));
    assert_eq!(f.handle.census(), nbcaser::reactor::Census::default());
}

#[test]
fn a_task_may_be_cancelled_by_one_that_runs_before_it_in_the_same_turn() {
    let (f, log) = (fixture(), Log::default());
    let victim: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let cancels = Rc::clone(&victim);
    f.go(async move { cancels.take().unwrap().cancel() });
    let noted = log.clone();
    victim.replace(Some(f.handle.spawn(async move { noted.note("victim") })));
    let noted = log.clone();
    f.go(async move { noted.note("third") });
    f.turn();
    assert_eq!(log.take(), "third");
}

/// Does something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_future_that_is_dropped_may_cancel_spawn_wake_and_arm() {
    let (f, log) = (fixture(), Log::default());
    let other = f.handle.spawn({
        let held = Dropped(log.clone(), "other");
        async move {
            let _held = held;
            pending::<()>().await;
        }
    });
    let (handle, noted, mut other) = (f.handle.clone(), log.clone(), Some(other));
    let (_, stream) = f.pair();
    let on_drop = OnDrop(move || {
        other.take().unwrap().cancel();
        let spawned = noted.clone();
        drop(handle.spawn(async move { spawned.note("spawned") }));
        let called = noted.clone();
        drop(handle.call_later(SECOND, move || called.note("called")));
        stream.writer().write(b"x");
        drop(sleep(&handle, SECOND));
    });
    let task = f.handle.spawn(async move {
        let _on_drop = on_drop;
        pending::<()>().await;
    });
    f.settle();
    task.cancel();
    assert_eq!(log.take(), "other");
    f.advance(SECOND);
    assert_eq!(log.take(), "spawned called");
}

#[test]
fn a_panic_while_a_future_is_dropped_ends_nobody_else() {
    let f = fixture();
    let task = f.handle.spawn(async {
        let _bomb = OnDrop(|| panic!("on the way out"));
        pending::<()>().await;
    });
    f.settle();
    task.cancel();
    assert!(matches!(task.try_take(), Some(Err(JoinError::Cancelled))));
    f.settle();
}

#[test]
fn a_panic_while_an_output_is_dropped_that_nobody_wants_ends_nobody_else() {
    let (f, log) = (fixture(), Log::default());
    f.go(async {});
    drop(
        f.handle
            .spawn(async { OnDrop(|| panic!("nobody wants me")) }),
    );
    let noted = log.clone();
    f.go(async move { noted.note("next") });
    f.settle();
    assert_eq!(log.take(), "next");
}

#[test]
fn a_task_may_own_its_own_handle() {
    let f = fixture();
    let place: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let inside = Rc::clone(&place);
    let task = f.handle.spawn(async move {
        yield_now().await;
        drop(inside.take());
    });
    place.replace(Some(task));
    f.settle();
    assert_eq!(f.handle.census().tasks, 0);
}
