//! A bounded queue, with an account of what was done.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::waiters::Waiters;

/// A queue of at most so many items, from many to many. Clones are the same queue.
///
/// As in Python's `asyncio.Queue`, an item that was put in counts as unfinished until somebody who took it says
/// [`task_done`](Queue::task_done); [`join`](Queue::join) waits until nothing is unfinished.
pub struct Queue<T>(Rc<Inner<T>>);

struct Inner<T> {
    items: RefCell<VecDeque<T>>,
    capacity: usize,
    unfinished: Cell<usize>,
    getters: Waiters,
    putters: Waiters,
    joiners: Waiters,
}

/// The queue was full: here is the item.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue(Rc::clone(&self.0))
    }
}

impl<T> Queue<T> {
    /// A queue of at most `capacity` items.
    ///
    /// # Panics
    /// With a capacity of zero: nobody could ever put anything in.
    pub fn new(capacity: usize) -> Queue<T> {
        assert!(capacity > 0, "a queue needs a capacity");
        Queue(Rc::new(Inner {
            items: RefCell::default(),
            capacity,
            unfinished: Cell::new(0),
            getters: Waiters::default(),
            putters: Waiters::default(),
            joiners: Waiters::default(),
        }))
    }

    /// How many items are in it.
    pub fn len(&self) -> usize {
        self.0.items.borrow().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts an item in, if there is room.
    ///
    /// # Errors
    /// There is none: the item comes back.
    pub fn try_put(&self, item: T) -> Result<(), Full<T>> {
        if self.len() == self.0.capacity {
            return Err(Full(item));
        }
        self.0.items.borrow_mut().push_back(item);
        self.0.unfinished.set(self.0.unfinished.get() + 1);
        self.0.getters.wake_one();
        Ok(())
    }

    /// Takes the oldest item out, if there is one.
    pub fn try_get(&self) -> Option<T> {
        let item = self.0.items.borrow_mut().pop_front();
        if item.is_some() {
            self.0.putters.wake_one();
        }
        item
    }

    /// Puts an item in, when there is room.
    ///
    /// Borrows nothing. Wakes when there may be room. Dropped before it is ready, the item is dropped and not in the
    /// queue.
    pub fn put(&self, item: T) -> Put<T> {
        Put {
            queue: self.clone(),
            item: Some(item),
            ticket: None,
        }
    }

    /// Takes the oldest item out, when there is one.
    ///
    /// Borrows nothing. Wakes when there may be one. Dropped before it is ready, it has taken nothing.
    pub fn get(&self) -> Get<T> {
        Get {
            queue: self.clone(),
            ticket: None,
        }
    }

    /// An item that was taken out has been dealt with.
    ///
    /// # Panics
    /// If called more often than items were put in.
    pub fn task_done(&self) {
        let left = self
            .0
            .unfinished
            .get()
            .checked_sub(1)
            .expect("task_done() was called more often than put()");
        self.0.unfinished.set(left);
        if left == 0 {
            self.0.joiners.wake_all();
        }
    }

    /// Waits until every item that was put in has been dealt with.
    ///
    /// Borrows nothing. Dropping it loses nothing.
    pub fn join(&self) -> Joined<T> {
        Joined {
            queue: self.clone(),
            ticket: None,
        }
    }
}

/// See [`Queue::put`].
pub struct Put<T> {
    queue: Queue<T>,
    item: Option<T>,
    ticket: Option<u64>,
}

impl<T> Unpin for Put<T> {}

/// # Panics
/// When polled again after it was ready.
impl<T> Future for Put<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Put {
            queue,
            item,
            ticket,
        } = &mut *self;
        match queue.try_put(item.take().expect("polled after it was ready")) {
            Ok(()) => {
                ticket.take().map(|ticket| queue.0.putters.leave(ticket));
                Poll::Ready(())
            }
            Err(Full(back)) => {
                *item = Some(back);
                queue.0.putters.wait(ticket, cx);
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Put<T> {
    fn drop(&mut self) {
        let Inner {
            putters, capacity, ..
        } = &*self.queue.0;
        if self.ticket.is_some_and(|ticket| !putters.leave(ticket)) && self.queue.len() < *capacity
        {
            putters.wake_one();
        }
    }
}

/// See [`Queue::get`].
pub struct Get<T> {
    queue: Queue<T>,
    ticket: Option<u64>,
}

impl<T> Future for Get<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Get { queue, ticket } = &mut *self;
        if let Some(item) = queue.try_get() {
            ticket.take().map(|ticket| queue.0.getters.leave(ticket));
            return Poll::Ready(item);
        }
        queue.0.getters.wait(ticket, cx);
        Poll::Pending
    }
}

impl<T> Drop for Get<T> {
    fn drop(&mut self) {
        let getters = &self.queue.0.getters;
        if self.ticket.is_some_and(|ticket| !getters.leave(ticket)) && !self.queue.is_empty() {
            getters.wake_one();
        }
    }
}

/// See [`Queue::join`].
pub struct Joined<T> {
    queue: Queue<T>,
    ticket: Option<u64>,
}

impl<T> Future for Joined<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Joined { queue, ticket } = &mut *self;
        if queue.0.unfinished.get() == 0 {
            return Poll::Ready(());
        }
        queue.0.joiners.wait(ticket, cx);
        Poll::Pending
    }
}

impl<T> Drop for Joined<T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.queue.0.joiners.leave(ticket);
        }
    }
}
