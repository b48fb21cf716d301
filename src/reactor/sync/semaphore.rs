//! A number of permits.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::waiters::Waiters;

/// So many may do something at once. Clones are the same semaphore. Permits go to those who wait in the order in which
/// they came.
#[derive(Clone)]
pub struct Semaphore(Rc<Inner>);

struct Inner {
    /// Free, and nobody waits: a permit that comes back while somebody does is his at once, so that nobody pushes in
    /// between his waking and his running.
    free: Cell<usize>,
    waiters: Waiters,
}

/// One permit. Dropping it gives it back.
pub struct Permit(Semaphore);

impl Semaphore {
    /// One with so many permits.
    pub fn new(permits: usize) -> Semaphore {
        Semaphore(Rc::new(Inner {
            free: Cell::new(permits),
            waiters: Waiters::default(),
        }))
    }

    /// How many permits are free; one that somebody was woken for is not.
    pub fn available(&self) -> usize {
        self.0.free.get()
    }

    /// A permit, if one is free.
    pub fn try_acquire(&self) -> Option<Permit> {
        let free = self.0.free.get().checked_sub(1)?;
        self.0.free.set(free);
        Some(Permit(self.clone()))
    }

    /// Waits for a permit.
    ///
    /// Borrows nothing. Wakes when it is this one's turn. Dropped before it took its permit, it hands its turn on.
    pub fn acquire(&self) -> Acquire {
        Acquire {
            semaphore: self.clone(),
            ticket: None,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Inner { free, waiters } = &*self.0.0;
        if !waiters.wake_one() {
            free.set(free.get() + 1);
        }
    }
}

/// See [`Semaphore::acquire`].
pub struct Acquire {
    semaphore: Semaphore,
    ticket: Option<u64>,
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        let Acquire { semaphore, ticket } = &mut *self;
        let waiters = &semaphore.0.waiters;
        let permit = match *ticket {
            // Woken: the permit is ours already.
            Some(known) if !waiters.contains(known) => Some(Permit(semaphore.clone())),
            Some(_) => None,
            None => semaphore.try_acquire(),
        };
        if let Some(permit) = permit {
            *ticket = None;
            return Poll::Ready(permit);
        }
        waiters.wait(ticket, cx);
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            // Woken, but he did not take it: it goes back, to the next one.
            if !self.semaphore.0.waiters.leave(ticket) {
                drop(Permit(self.semaphore.clone()));
            }
        }
    }
}
