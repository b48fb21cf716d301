//! The other end of a connection, in the test's hand.

use std::net::SocketAddr;

use super::control::Sim;
use super::wire::End;
use crate::reactor::driver::Ready;
use crate::reactor::slots::Id;

/// A client, or whoever is at the other end of one of the reactor's streams. Clones are the same one; dropping it closes
/// nothing.
///
/// It reads by itself whatever the stream writes ([`received`](Peer::received)), unless [`window`](Peer::window) says
/// otherwise.
#[derive(Clone)]
pub struct Peer {
    sim: Sim,
    end: usize,
}

impl Peer {
    pub(super) fn new(sim: &Sim, end: usize) -> Peer {
        let sim = sim.clone();
        Peer { sim, end }
    }

    fn with<R>(&self, look: impl FnOnce(&End) -> R) -> R {
        look(&self.sim.world().ends[self.end])
    }

    /// The number of this connection: they are numbered from 0, in the order in which they were begun.
    pub fn number(&self) -> usize {
        self.end / 2
    }

    /// Its address, as the one who accepts is told.
    pub fn address(&self) -> SocketAddr {
        self.with(|end| end.address)
    }

    /// Sends. To a stream that was closed, it hears of a reset, and the bytes are lost.
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        // Whoever writes to a `WouldBlock` here is the test, and its bytes may wait in the stream's inbox.
        let mut world = self.sim.world();
        let (bytes, other) = (bytes.as_ref(), self.end ^ 1);
        if world.ends[self.end].reset || world.ends[self.end].finished {
            return;
        }
        if world.ends[other].closed {
            world.reset(self.end);
        } else if !bytes.is_empty() {
            world.ends[other].inbox.extend(bytes);
            let id = world.ends[other].id;
            world.raise(id, Ready::READABLE);
        }
    }

    /// Sends a byte out of band. It is not part of the input, but a read stops short at its place, and no edge tells of
    /// the bytes behind that place if they came in the same moment.
    pub fn send_urgent(&self) {
        let mut world = self.sim.world();
        let other = &mut world.ends[self.end ^ 1];
        other.mark = Some(other.inbox.len());
        let id = other.id;
        world.raise(id, Ready::READABLE.with(Ready::TAIL));
    }

    /// Sends no more: the stream reads an end of input behind what was sent.
    pub fn finish(&self) {
        self.sim.world().finish(self.end);
    }

    /// Is gone, with a reset: the stream reads what was sent and then an error.
    pub fn reset(&self) {
        let mut world = self.sim.world();
        world.ends[self.end].closed = true;
        world.ends[self.end].finished = true;
        world.reset(self.end ^ 1);
    }

    /// Closes: the stream reads an end of input, and its first write hereafter is answered by a reset.
    pub fn close(&self) {
        let mut world = self.sim.world();
        world.ends[self.end].closed = true;
        world.finish(self.end);
        // A stream that waits for room will never get it, and must hear of that.
        if world.ends[self.end].awaited {
            world.reset(self.end ^ 1);
        }
    }

    /// All that the stream wrote.
    pub fn received(&self) -> Vec<u8> {
        self.with(|end| end.inbox.iter().copied().collect())
    }

    /// The same, and forgets it.
    pub fn take_received(&self) -> Vec<u8> {
        std::mem::take(&mut self.sim.world().ends[self.end].inbox).into()
    }

    /// From now on it takes only `bytes` more: then the stream's writes say `WouldBlock`, until [`read`](Peer::read).
    pub fn window(&self, bytes: usize) {
        let mut world = self.sim.world();
        world.ends[self.end].room = 0;
        world.widen(self.end, bytes);
    }

    /// Takes `bytes` more.
    pub fn read(&self, bytes: usize) {
        self.sim.world().widen(self.end, bytes);
    }

    /// The stream hears of room only when there is so much: a kernel waits until a third of what it keeps is free. A write
    /// is taken as far as there is room, all the same.
    pub fn low_water(&self, bytes: usize) {
        self.sim.world().ends[self.end].low_water = bytes.max(1);
    }

    /// One read of the stream's moves `read` bytes at the most, one write `write`. What a read leaves arrives a moment
    /// later, with an edge of its own.
    pub fn limit(&self, read: usize, write: usize) {
        self.sim.world().ends[self.end ^ 1].most = (read.max(1), write.max(1));
    }

    /// Whether the reactor has accepted it (and not closed it since).
    pub fn is_accepted(&self) -> bool {
        self.stream_id().is_some()
    }

    /// Whether the stream, or the listener before it accepted, was closed, or there was none.
    pub fn is_closed(&self) -> bool {
        self.sim.world().ends[self.end ^ 1].closed
    }

    /// Whether the stream writes no more, and said so properly.
    pub fn eof_seen(&self) -> bool {
        self.with(|end| end.ended)
    }

    /// Whether the connection was reset: it was refused, or bytes came to a stream that was closed, or it was closed
    /// with input unread.
    pub fn reset_seen(&self) -> bool {
        self.with(|end| end.reset)
    }

    /// How many bytes it sent that the stream did not read.
    pub fn unread(&self) -> usize {
        self.sim.world().ends[self.end ^ 1].inbox.len()
    }

    /// The driver's name for the stream, to be kept for [`Sim::spurious`].
    pub fn stream_id(&self) -> Option<Id> {
        self.sim.world().ends[self.end ^ 1].id
    }
}
