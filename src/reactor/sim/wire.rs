//! Connections: what moves between two ends, and who hears of it.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::SocketAddr;

use super::world::World;
use crate::reactor::driver::Ready;
use crate::reactor::slots::Id;

/// One end of a connection. Ends come in pairs, at an even place and the odd one behind it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and most combinations occur"
)]
pub(super) struct End {
    /// The driver's name for it; `None`: it is a [`Peer`](super::Peer)'s, or was not accepted yet.
    pub(super) id: Option<Id>,
    pub(super) address: SocketAddr,
    /// What has come in and was not read.
    pub(super) inbox: VecDeque<u8>,
    /// How much more may come in before a write to it says `WouldBlock`.
    pub(super) room: usize,
    /// Such a write has said so, and the next room is news to the writer.
    pub(super) awaited: bool,
    /// But only so much of it.
    pub(super) low_water: usize,
    /// What was written here as the last, and waits for the end.
    pub(super) corked: Vec<u8>,
    /// Nothing will come in behind the inbox.
    pub(super) ended: bool,
    /// Nothing may be written here any more.
    pub(super) finished: bool,
    /// The connection was reset; the error, until an operation has told it.
    pub(super) reset: bool,
    pub(super) error: Option<io::ErrorKind>,
    pub(super) closed: bool,
    /// Where in the inbox a byte out of band came: a read stops there.
    pub(super) mark: Option<usize>,
    /// The most that one read and one write move.
    pub(super) most: (usize, usize),
    /// A connect has not come to its end yet.
    pub(super) connecting: bool,
}

impl End {
    pub(super) fn new(address: SocketAddr) -> End {
        End {
            id: None,
            address,
            inbox: VecDeque::new(),
            room: usize::MAX,
            awaited: false,
            low_water: 1,
            corked: Vec::new(),
            ended: false,
            finished: false,
            reset: false,
            error: None,
            closed: false,
            mark: None,
            most: (usize::MAX, usize::MAX),
            connecting: false,
        }
    }

    /// What is there to be read, as an edge.
    pub(super) fn readable(&self) -> Ready {
        let mut ready = Ready::NONE;
        if !self.inbox.is_empty() || self.ended || self.reset || self.mark.is_some() {
            ready = Ready::READABLE;
        }
        if self.ended || self.reset || self.mark.is_some() {
            ready = ready.with(Ready::TAIL);
        }
        ready
    }
}

impl World {
    /// Writes into the other end's inbox; `last`: when the end follows. The first write to an end that was closed is taken,
    /// and answered by a reset.
    pub(super) fn write(&mut self, end: usize, bytes: &[u8], last: bool) -> io::Result<usize> {
        if let Some(error) = self.ends[end].error.take() {
            return Err(error.into());
        }
        if self.ends[end].reset || self.ends[end].finished {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut n = bytes.len().min(self.ends[end].most.1);
        if self.ragged && n > 0 {
            n = 1 + self.random(n as u64) as usize;
        }
        let other = &mut self.ends[end ^ 1];
        if other.closed {
            self.reset(end);
            return Ok(n);
        }
        if other.room == 0 && n > 0 {
            other.awaited = true;
            self.uncork(end);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        n = n.min(other.room);
        if other.room != usize::MAX {
            other.room -= n;
        }
        self.ends[end].corked.extend(&bytes[..n]);
        if !last {
            self.uncork(end);
        }
        Ok(n)
    }

    /// What was written at `end` arrives.
    fn uncork(&mut self, end: usize) {
        let bytes = std::mem::take(&mut self.ends[end].corked);
        let other = &mut self.ends[end ^ 1];
        other.inbox.extend(&bytes);
        let id = other.id;
        if !bytes.is_empty() {
            self.raise(id, Ready::READABLE);
        }
    }

    /// Reads from an inbox. A read is short only where the bytes end, or at a mark; what `most` and `ragged` hold back
    /// arrives a moment later, with an edge of its own.
    pub(super) fn read(&mut self, end: usize, buf: &mut [u8]) -> io::Result<usize> {
        let ragged = self.ragged;
        let there = {
            let this = &self.ends[end];
            let there = this.mark.unwrap_or(usize::MAX).min(this.inbox.len());
            there.min(buf.len())
        };
        if there == 0 {
            let this = &mut self.ends[end];
            if this.mark == Some(0) && !this.inbox.is_empty() {
                this.mark = None;
                return self.read(end, buf);
            }
            return match this.error.take() {
                Some(error) => Err(error.into()),
                None if this.ended || this.reset || buf.is_empty() => Ok(0),
                None => {
                    this.mark = None;
                    Err(io::ErrorKind::WouldBlock.into())
                }
            };
        }
        let mut n = there.min(self.ends[end].most.0);
        if ragged {
            n = 1 + self.random(n as u64) as usize;
        }
        let this = &mut self.ends[end];
        this.inbox.read_exact(&mut buf[..n])?;
        this.mark = this.mark.map(|mark| mark - n);
        if n < there {
            let (id, ready) = (this.id, this.readable());
            self.raise(id, ready);
        }
        self.widen(end, n);
        Ok(n)
    }

    /// Makes room in an inbox; a writer who was told that there is none hears of it.
    pub(super) fn widen(&mut self, end: usize, room: usize) {
        let this = &mut self.ends[end];
        this.room = this.room.saturating_add(room);
        if this.room >= this.low_water && std::mem::take(&mut this.awaited) {
            let writer = self.ends[end ^ 1].id;
            self.raise(writer, Ready::WRITABLE);
        }
    }

    /// Nothing more comes from `end`.
    pub(super) fn finish(&mut self, end: usize) {
        if std::mem::replace(&mut self.ends[end].finished, true) {
            return;
        }
        self.uncork(end);
        let other = &mut self.ends[end ^ 1];
        other.ended = true;
        let id = other.id;
        self.raise(id, Ready::READABLE.with(Ready::TAIL));
    }

    /// `end` hears that the connection is no more.
    pub(super) fn reset(&mut self, end: usize) {
        let this = &mut self.ends[end];
        if !std::mem::replace(&mut this.reset, true) {
            this.error = Some(io::ErrorKind::ConnectionReset);
            let id = this.id;
            self.raise(id, Ready::READABLE.with(Ready::WRITABLE).with(Ready::TAIL));
        }
    }

    /// Closes `end`. If there is input that it did not read, the other one is not told of an end but of a reset, and what
    /// is corked is thrown away: so does TCP, and many a last word was lost by it.
    pub(super) fn close(&mut self, end: usize) {
        let this = &mut self.ends[end];
        if std::mem::replace(&mut this.closed, true) {
            return;
        }
        this.id = None;
        let unread = std::mem::take(&mut this.inbox);
        if unread.is_empty() {
            self.finish(end);
        } else {
            self.reset(end ^ 1);
        }
    }
}
