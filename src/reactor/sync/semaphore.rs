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

    /// How many permits are free, those included that somebody was woken for.
    pub fn available(&self) -> usize {
        self.0.free.get()
    }

    /// A permit, if one is free and nobody waits for it.
    pub fn try_acquire(&self) -> Option<Permit> {
        if self.0.waiters.is_empty() {
            self.take()
        } else {
            None
        }
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

    fn take(&self) -> Option<Permit> {
        let free = self.0.free.get().checked_sub(1)?;
        self.0.free.set(free);
        Some(Permit(self.clone()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Inner { free, waiters } = &*self.0.0;
        free.set(free.get() + 1);
        waiters.wake_one();
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
        // Our turn: we were woken, or nobody was there before us.
        let turn = match ticket {
            Some(ticket) => !waiters.contains(*ticket),
            None => waiters.is_empty(),
        };
        if turn && let Some(permit) = semaphore.take() {
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
            let waiters = &self.semaphore.0.waiters;
            // Woken, but did not take it: the next one may.
            if !waiters.leave(ticket) && self.semaphore.available() > 0 {
                waiters.wake_one();
            }
        }
    }
}
