//! The one door to the world.
//!
//! Everything that is not deterministic (the clock, which sockets are ready, what a read returns, the order in which
//! ready tasks run) comes through [`Driver`]. Behind it stands the kernel ([`real`](super::real)) or a simulation
//! ([`sim`](super::sim)); the reactor cannot tell, and the same answers give the same run.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::slots::Id;
use super::time::Time;

/// What a source is ready for: a set of flags.
///
/// All of them are hints. Being told too much costs a system call that says `WouldBlock`; the reactor never assumes
/// that a flag is true.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const NONE: Ready = Ready(0);
    /// A read may return something: bytes, the end of input, an error.
    pub const READABLE: Ready = Ready(1);
    /// A write may take something.
    pub const WRITABLE: Ready = Ready(2);
    /// Behind the bytes there is something that will raise no edge of its own (an end of input, an error, bytes after
    /// an urgent one), so a short read does not mean that nothing is left.
    pub const TAIL: Ready = Ready(4);

    /// Whether any of `flags` is set.
    pub const fn any(self, flags: Ready) -> bool {
        self.0 & flags.0 != 0
    }

    /// These flags and those of `more`.
    #[must_use]
    pub const fn with(self, more: Ready) -> Ready {
        Ready(self.0 | more.0)
    }

    /// These flags less those of `less`.
    #[must_use]
    pub const fn without(self, less: Ready) -> Ready {
        Ready(self.0 & !less.0)
    }
}

/// An edge: the source became ready for this.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Whose it is; may be stale.
    pub id: Id,
    /// What for.
    pub ready: Ready,
}

/// Something that listens, to be handed to a driver. The standard library's are bound already.
#[derive(Debug)]
pub enum Endpoint {
    /// A TCP listener.
    Tcp(std::net::TcpListener),
    /// A Unix socket's listener.
    Unix(std::os::unix::net::UnixListener),
    /// A listener of the simulation, by number.
    Simulated(usize),
}

/// Where to connect to.
#[derive(Clone, Debug)]
pub enum Remote {
    /// A TCP address, from a source address of the caller's choice if there is one.
    Tcp(SocketAddr, Option<SocketAddr>),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Ends a [`Driver::poll`] from another thread.
pub trait Unpark: Send + Sync {
    /// Makes the poll in progress return, or the next one if none is. Failures are swallowed: there is nobody to tell.
    fn unpark(&self);
}

/// The world as the reactor sees it. Sources are named by [`Id`]s that the reactor makes; one index is never used for
/// two open sources at once.
///
/// Errors are the operating system's own. `Interrupted` may come from anywhere and the reactor tries again.
pub trait Driver {
    /// The time. Never goes backwards.
    fn now(&self) -> Time;

    /// Waits until a source has an edge to report, another thread unparks, or the `deadline` passes
    /// ([`Time::ZERO`]: does not wait; [`Time::NEVER`]: no deadline), and appends the edges to `events`. May return
    /// early with nothing.
    ///
    /// # Errors
    /// Those of the poller. `Interrupted` means no events.
    fn poll(&mut self, events: &mut Vec<Event>, deadline: Time) -> io::Result<()>;

    /// What other threads call to end a poll.
    fn unparker(&self) -> Arc<dyn Unpark>;

    /// Takes a listener in under the name `id`.
    fn listen(&mut self, id: Id, endpoint: Endpoint) -> io::Result<()>;

    /// Accepts one connection under the name `id` and tells its address (none on a Unix socket). On an error nothing
    /// stays open.
    fn accept(&mut self, listener: Id, id: Id) -> io::Result<Option<SocketAddr>>;

    /// Begins to connect under the name `id`; a `WRITABLE` edge tells that the outcome can be asked for.
    fn connect(&mut self, id: Id, to: &Remote) -> io::Result<()>;

    /// How a connect went: `Ok(true)` connected, `Ok(false)` still under way.
    fn connected(&mut self, id: Id) -> io::Result<bool>;

    /// Reads; 0 is the end of input.
    fn read(&mut self, id: Id, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes.
    fn write(&mut self, id: Id, buf: &[u8]) -> io::Result<usize>;

    /// Writes what the end will follow at once, by [`shutdown`](Driver::shutdown) or [`close`](Driver::close): it may be
    /// held back until then, to leave in one packet with it.
    fn write_last(&mut self, id: Id, buf: &[u8]) -> io::Result<usize> {
        self.write(id, buf)
    }

    /// How many bytes have come that were not read yet, up to an urgent one if one is among them.
    fn unread(&mut self, id: Id) -> io::Result<usize>;

    /// Ends the sending side: the peer reads an end of input behind the bytes that were written.
    fn shutdown(&mut self, id: Id) -> io::Result<()>;

    /// Closes the source, whatever it is. An unknown one is ignored.
    fn close(&mut self, id: Id);

    /// Catches these signals, by number, from now on; a `READABLE` edge tells that one came.
    fn signals(&mut self, id: Id, numbers: &[i32]) -> io::Result<()>;

    /// The next signal that came, if any.
    fn next_signal(&mut self, id: Id) -> Option<i32>;

    /// Puts the tasks that are ready, oldest first, into the order in which they run. Leaves it, but in a simulation.
    fn order(&mut self, ready: &mut [Id]) {
        let _ = ready;
    }
}
