//! The other end of a task.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use super::event_loop::Core;
use super::slots::Id;
use super::task::{End, Owner};

/// A task's output, to come. Dropping it detaches the task, which goes on; [`cancel`](JoinHandle::cancel) ends it.
///
/// Awaited, it gives the output, or says why there is none: a panic of a task ends that task alone, and shows here.
pub struct JoinHandle<T> {
    core: Weak<Core>,
    id: Id,
    state: Rc<RefCell<State<T>>>,
}

struct State<T> {
    result: Option<Result<T, JoinError>>,
    waker: Option<Waker>,
}

/// Why a task has no output.
pub enum JoinError {
    /// It panicked, with this payload.
    Panicked(Box<dyn Any + Send>),
    /// It was cancelled, or its reactor was dropped.
    Cancelled,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Panicked(payload) => {
                let text = payload.downcast_ref::<&str>().copied();
                let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
                write!(f, "the task panicked: {}", text.unwrap_or("(no message)"))
            }
            JoinError::Cancelled => write!(f, "the task was cancelled"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for JoinError {}

/// The future that a task really runs: the caller's, and then a note of what came out.
struct Noted<F: Future> {
    future: Pin<Box<F>>,
    state: Rc<RefCell<State<F::Output>>>,
}

impl<F: Future> Future for Noted<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.future
            .as_mut()
            .poll(cx)
            .map(|output| self.state.borrow_mut().result = Some(Ok(output)))
    }
}

impl<T> Owner for RefCell<State<T>> {
    fn ended(&self, end: End) {
        let waker = {
            let mut state = self.borrow_mut();
            match end {
                End::Finished => {}
                End::Panicked(payload) => state.result = Some(Err(JoinError::Panicked(payload))),
                End::Cancelled => state.result = Some(Err(JoinError::Cancelled)),
            }
            state.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<T> JoinHandle<T> {
    pub(crate) fn spawn<F>(core: &Rc<Core>, future: F) -> JoinHandle<T>
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let state = Rc::new(RefCell::new(State {
            result: None,
            waker: None,
        }));
        let noted = Noted {
            future: Box::pin(future),
            state: Rc::clone(&state),
        };
        let id = core.spawn(Box::pin(noted), Rc::clone(&state) as Rc<dyn Owner>);
        JoinHandle {
            core: Rc::downgrade(core),
            id,
            state,
        }
    }

    /// Ends the task where it waits: its future is dropped, now (or, if it is this task that runs, when it rests). A
    /// task that has ended is left alone.
    pub fn cancel(&self) {
        if let Some(core) = self.core.upgrade() {
            core.end(self.id, End::Cancelled, None);
        }
    }

    /// Whether there is a result.
    pub fn is_finished(&self) -> bool {
        self.state.borrow().result.is_some()
    }

    /// The result, if there is one and nobody took it.
    pub fn try_take(&self) -> Option<Result<T, JoinError>> {
        self.state.borrow_mut().result.take()
    }
}

/// Borrows nothing. Wakes when the task ends. Dropping it loses nothing but the output. Polled again after it was ready,
/// it is never ready.
impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(result) = self.try_take() {
            return Poll::Ready(result);
        }
        let known = self
            .state
            .borrow()
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        if !known {
            let waker = cx.waker().clone();
            let old = self.state.borrow_mut().waker.replace(waker);
            drop(old);
        }
        Poll::Pending
    }
}
