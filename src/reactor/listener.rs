//! Listeners: the future that accepts.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::driver::{Endpoint, Ready};
use super::event_loop::Core;
use super::handle::Handle;
use super::slots::Id;
use super::source::{INPUT, Source};
use super::stream::Stream;

/// What accepting one connection counts against the task's budget: some twenty a turn.
const ACCEPT: i64 = 10_000;

/// A socket that listens. Dropping it closes it.
pub struct Listener {
    core: Rc<Core>,
    id: Id,
    tcp: bool,
}

impl Listener {
    /// Takes in a listener that is bound already.
    ///
    /// # Errors
    /// The poller does not take it.
    pub fn new(handle: &Handle, endpoint: Endpoint) -> io::Result<Listener> {
        let core = &handle.0;
        let tcp = !matches!(endpoint, Endpoint::Unix(_));
        let source = |_| Source::new(Ready::READABLE, true, core.now.get());
        let id = core.sources.borrow_mut().insert_with(source);
        let listener = Listener {
            core: Rc::clone(core),
            id,
            tcp,
        }; // forgets the source, whatever happens
        core.driver.borrow_mut().listen(id, endpoint)?;
        Ok(listener)
    }

    /// Waits for a connection; tells the peer's address, if it has one (a Unix socket's has none).
    ///
    /// Borrows the listener. Wakes when a connection arrives; of several tasks that wait, the one that came last. Dropping
    /// it loses nothing: a connection that nobody accepted waits in the kernel. After an error the next call asks the
    /// kernel at once, edge or no edge: whoever waits for better times must do it with a timer.
    ///
    /// # Errors
    /// Those of `accept(2)`; and the poller's, if it does not take the connection, which is closed then.
    pub fn accept(&self) -> Accept<'_> {
        Accept(self)
    }

    /// The same without waiting: `WouldBlock` if no connection is there. The kernel is asked even if no edge told of one.
    ///
    /// # Errors
    /// As [`Listener::accept`].
    pub fn try_accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        let _ = self.core.with(self.id, Source::expect_input);
        match self.attempt() {
            Poll::Ready(accepted) => accepted,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn attempt(&self) -> Poll<io::Result<(Stream, Option<SocketAddr>)>> {
        let core = &self.core;
        core.spend(ACCEPT);
        let source = |_| Source::new(Ready::WRITABLE, self.tcp, core.now.get());
        let id = core.sources.borrow_mut().insert_with(source);
        let stream = Stream::new(core, id); // forgets the source if nothing is accepted
        let accept = || core.driver.borrow_mut().accept(self.id, id);
        let accepted = core.with(self.id, |listener| listener.attempt(INPUT, accept))?;
        accepted.map_ok(|peer| (stream, peer))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.core.close(self.id);
    }
}

/// See [`Listener::accept`].
pub struct Accept<'a>(&'a Listener);

impl Future for Accept<'_> {
    type Output = io::Result<(Stream, Option<SocketAddr>)>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Listener { core, id, .. } = self.0;
        // It is not used up: else who waits at the door would queue behind all who flood the loop, one of them a turn.
        if !core.may_spend(ACCEPT, cx) {
            return Poll::Pending;
        }
        let accepted = self.0.attempt();
        if accepted.is_pending() {
            core.wait(*id, INPUT, cx);
        }
        accepted
    }
}
