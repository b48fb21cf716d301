//! Signals as a future.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::driver::Ready;
use super::event_loop::Core;
use super::handle::Handle;
use super::slots::Id;
use super::source::{INPUT, Source};

/// Signals that are caught: they end the process no more, and come out of [`next`](Signals::next).
///
/// Several reactors may catch the same signal: each gets it. Dropping this stops the listening, but the signal stays
/// caught, and does nothing.
pub struct Signals {
    core: Rc<Core>,
    id: Id,
}

impl Signals {
    /// Catches these signals, by number, from now on.
    ///
    /// # Errors
    /// The system's, for a signal that cannot be caught, or for want of descriptors.
    pub fn new(handle: &Handle, numbers: &[i32]) -> io::Result<Signals> {
        let core = &handle.0;
        let id = core
            .sources
            .borrow_mut()
            .insert_with(|_| Source::new(Ready::READABLE, false, core.now.get()));
        let signals = Signals {
            core: Rc::clone(core),
            id,
        };
        core.driver.borrow_mut().signals(id, numbers)?;
        Ok(signals)
    }

    /// Waits for the next signal; tells its number. Of several of one number that came while nobody looked, one is told.
    ///
    /// Borrows the signals. Wakes when one comes; of several tasks that wait, the one that came last. Dropping it loses
    /// none.
    pub fn next(&self) -> Next<'_> {
        Next(self)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.core.close(self.id);
    }
}

/// See [`Signals::next`].
pub struct Next<'a>(&'a Signals);

impl Future for Next<'_> {
    type Output = i32;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<i32> {
        let Signals { core, id } = self.0;
        // Signals are few: the driver is asked each time, flag or no flag.
        if let Some(number) = core.driver.borrow_mut().next_signal(*id) {
            return Poll::Ready(number);
        }
        core.wait(*id, INPUT, cx);
        Poll::Pending
    }
}
