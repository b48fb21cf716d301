//! Tasks that end together.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::handle::Handle;
use super::task::{End, Owner};
use super::time::Time;
use super::timer::{sleep_until, timeout_at};

/// Tasks of one kind, to be awaited or cancelled together. Dropping the group detaches them.
///
/// A member has no handle of its own and no output: a group of ten thousand costs what ten thousand tasks cost. A panic
/// of a member ends that member, and is counted.
#[derive(Clone)]
pub struct TaskGroup {
    handle: Handle,
    members: Rc<Members>,
}

#[derive(Default)]
struct Members {
    alive: Cell<usize>,
    panics: Cell<usize>,
    closed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Owner for Members {
    fn ended(&self, end: End) {
        self.alive.set(self.alive.get() - 1);
        if let End::Panicked(_) = end {
            self.panics.set(self.panics.get() + 1);
        }
        if self.alive.get() == 0 {
            let waker = self.waker.borrow_mut().take();
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl TaskGroup {
    /// A group without members.
    pub fn new(handle: &Handle) -> TaskGroup {
        TaskGroup {
            handle: handle.clone(),
            members: Rc::default(),
        }
    }

    /// Starts a member. False: the group is closed, and the future is dropped.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) -> bool {
        let open = !self.members.closed.get();
        if open {
            self.members.alive.set(self.members.alive.get() + 1);
            let owner: Rc<dyn Owner> = Rc::clone(&self.members) as _;
            self.handle.0.spawn(Box::pin(future), owner);
        }
        open
    }

    /// No more members from now on.
    pub fn close(&self) {
        self.members.closed.set(true);
    }

    /// How many members have not ended.
    pub fn len(&self) -> usize {
        self.members.alive.get()
    }

    /// Whether all have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many members ended by a panic.
    pub fn panics(&self) -> usize {
        self.members.panics.get()
    }

    /// Waits until all members have ended, but not past the deadline; tells how many have not. One task at a time may
    /// wait. Dropping the future loses nothing.
    pub async fn join(&self, deadline: Time) -> usize {
        let all = std::future::poll_fn(|cx| {
            if self.is_empty() {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            let old = self.members.waker.borrow_mut().replace(waker);
            drop(old);
            Poll::Pending
        });
        match timeout_at(sleep_until(&self.handle, deadline), all).await {
            Some(()) => 0,
            None => self.len(),
        }
    }

    /// Wakes all members, to look at something that concerns them all: cheaper than a place for each of ten thousand in
    /// the waiting list of an event.
    pub fn wake_all(&self) {
        let owner: Rc<dyn Owner> = Rc::clone(&self.members) as _;
        for id in self.handle.0.tasks.of(Some(&owner)) {
            self.handle.0.tasks.wake(id);
        }
    }

    /// Drops all members where they wait; tells how many.
    pub fn cancel(&self) -> usize {
        let owner: Rc<dyn Owner> = Rc::clone(&self.members) as _;
        let members = self.handle.0.tasks.of(Some(&owner));
        for &id in &members {
            self.handle.0.end(id, End::Cancelled, None);
        }
        members.len()
    }
}
