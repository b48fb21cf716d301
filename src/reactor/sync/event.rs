//! Something that has happened, or not yet.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::waiters::Waiters;

/// A flag that one can wait for. Clones are the same event.
#[derive(Clone, Default)]
pub struct Event(Rc<Inner>);

#[derive(Default)]
struct Inner {
    set: Cell<bool>,
    waiters: Waiters,
}

impl Event {
    /// One that has not happened.
    pub fn new() -> Event {
        Event::default()
    }

    /// It has happened: all who wait are woken, and who comes later does not wait.
    pub fn set(&self) {
        self.0.set.set(true);
        self.0.waiters.wake_all();
    }

    /// It has not happened (any more).
    pub fn clear(&self) {
        self.0.set.set(false);
    }

    /// Whether it has happened.
    pub fn is_set(&self) -> bool {
        self.0.set.get()
    }

    /// Waits until it happens. Who waited is let go even if the event is cleared before he runs.
    ///
    /// Borrows nothing. Dropping the future loses nothing.
    pub fn wait(&self) -> EventWait {
        EventWait {
            event: self.clone(),
            ticket: None,
        }
    }
}

/// See [`Event::wait`].
pub struct EventWait {
    event: Event,
    ticket: Option<u64>,
}

impl Future for EventWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let EventWait { event, ticket } = &mut *self;
        let let_go = ticket.is_some_and(|ticket| !event.0.waiters.contains(ticket));
        if event.is_set() || let_go {
            return Poll::Ready(());
        }
        event.0.waiters.wait(ticket, cx);
        Poll::Pending
    }
}

impl Drop for EventWait {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.event.0.waiters.leave(ticket);
        }
    }
}
