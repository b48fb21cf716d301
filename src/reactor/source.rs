//! Readiness, and the rules of edge triggering, written once.
//!
//! A source (a socket, a listener, the signals) is registered once, at its birth, for reading, writing and urgent
//! data, and never again. The kernel then reports each *change* to ready, an edge, and never repeats itself. So:
//!
//! * **Readiness is remembered.** An edge sets a flag here; only an operation that finds nothing left clears it. Whoever
//!   comes later looks at the flag, so an edge that came early is not lost.
//! * **The operation is tried first**, while the flag is set. Every flag is a hint.
//! * **A short read means that nothing is left**, on TCP, and clears the flag: no second read just to hear `WouldBlock`.
//!   If more arrives it raises a new edge. Not so behind [`Ready::TAIL`]: an end of input that came with the bytes, or
//!   bytes behind an urgent one, raise none, so there one reads on until `WouldBlock` or the end.
//! * **A short write is written on** until the socket says `WouldBlock`: only then will it raise an edge.
//! * **Who stops early must come back by himself**: his budget is spent, but no edge will tell him that bytes are left.
//!   He wakes himself.
//!
//! Output gathers while a task runs ([`Core::stage`]) and leaves in one write when the task rests, whatever it rests
//! on. What the socket does not take is kept in the source's outbox, and goes out on the next edge without the task.

use std::io;

use super::driver::{Event, Ready};
use super::event_loop::Core;
use super::pool::BUFFER;
use super::slots::Id;
use super::task::Waiter;
use super::time::Time;

pub(crate) struct Source {
    ready: Ready,
    /// TCP. A Unix socket may stop a read short at any boundary between two writes.
    short_read_ends: bool,
    /// What every further operation says: the socket failed while its task rested, or its buffers were called in.
    error: Option<io::ErrorKind>,
    pub(crate) reader: Waiter,
    pub(crate) writer: Waiter,
    /// When a byte was last read or written.
    active: Time,
    /// Bytes of input that its task keeps.
    kept: usize,
    outbox: Option<Box<Outbox>>,
}

/// Output that the socket did not take yet.
struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Source {
    pub(crate) fn new(ready: Ready, short_read_ends: bool, now: Time) -> Source {
        Source {
            ready,
            short_read_ends,
            error: None,
            reader: Waiter::NOBODY,
            writer: Waiter::NOBODY,
            active: now,
            kept: 0,
            outbox: None,
        }
    }

    fn held(&self) -> usize {
        self.kept
            + self
                .outbox
                .as_ref()
                .map_or(0, |outbox| outbox.bytes.capacity())
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl Core {
    /// Applies one edge.
    pub(crate) fn apply(&self, event: Event) {
        let (reader, writer) = {
            let mut sources = self.sources.borrow_mut();
            let Some(source) = sources.get_mut(event.id) else {
                return;
            };
            source.ready = source.ready.with(event.ready);
            let stuck = source.outbox.is_some();
            let reader = event
                .ready
                .any(Ready::READABLE)
                .then(|| source.reader.clone());
            let writer =
                (event.ready.any(Ready::WRITABLE) && !stuck).then(|| source.writer.clone());
            if stuck && event.ready.any(Ready::WRITABLE) {
                drop(sources);
                self.send_outbox(event.id);
            }
            (reader, writer)
        };
        reader
            .into_iter()
            .chain(writer)
            .for_each(|waiter| self.tasks.notify(waiter));
    }

    /// Whether the source has failed.
    pub(crate) fn check(&self, id: Id) -> io::Result<()> {
        match self.sources.borrow().get(id).ok_or_else(gone)?.error {
            Some(kind) => Err(kind.into()),
            None => Ok(()),
        }
    }

    /// Reads, if the source may be readable.
    pub(crate) fn try_read(&self, id: Id, buf: &mut [u8]) -> io::Result<usize> {
        let mut sources = self.sources.borrow_mut();
        let source = sources.get_mut(id).ok_or_else(gone)?;
        loop {
            if !source.ready.any(Ready::READABLE) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            match self.driver.borrow_mut().read(id, buf) {
                Ok(n) => {
                    if n > 0
                        && n < buf.len()
                        && source.short_read_ends
                        && !source.ready.any(Ready::TAIL)
                    {
                        source.ready = source.ready.without(Ready::READABLE);
                    }
                    if n > 0 {
                        source.active = self.now.get();
                    }
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    source.ready = source.ready.without(Ready::READABLE.with(Ready::TAIL));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// An operation other than a read of bytes (accept, the outcome of a connect), if the source may be `ready` for it.
    pub(crate) fn try_with<T>(
        &self,
        id: Id,
        ready: Ready,
        mut operation: impl FnMut(&Core) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            if !self
                .sources
                .borrow()
                .get(id)
                .ok_or_else(gone)?
                .ready
                .any(ready)
            {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            match operation(self) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Some(source) = self.sources.borrow_mut().get_mut(id) {
                        source.ready = source.ready.without(ready);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Makes the next read ask the socket, edge or no edge.
    pub(crate) fn expect_input(&self, id: Id) {
        if let Some(source) = self.sources.borrow_mut().get_mut(id) {
            source.ready = source.ready.with(Ready::READABLE);
        }
    }

    /// Lets `write` append to the output that leaves when the task rests; tells how much has gathered.
    ///
    /// All streams share one buffer, as one task runs at a time and most write to one stream: another stream's output
    /// is sent first.
    pub(crate) fn stage<R>(&self, id: Id, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        if self.staged_for.get() != id {
            self.send_staged();
            self.staged_for.set(id);
        }
        write(&mut self.staged.borrow_mut())
    }

    /// Sends what has gathered.
    pub(crate) fn send_staged(&self) {
        let id = self.staged_for.replace(Id::NONE);
        if id == Id::NONE {
            return;
        }
        let failed = {
            let mut bytes = self.staged.borrow_mut();
            let failed = self.send(id, &bytes);
            bytes.clear();
            // A reply may be megabytes; the buffer of all need not stay so.
            bytes.shrink_to(2 * BUFFER);
            failed
        };
        if failed {
            self.notify_both(id);
        }
        self.call_in();
    }

    /// Writes `bytes`, behind those that wait already, and keeps what the socket does not take. True: it failed, which
    /// the next operation will tell.
    fn send(&self, id: Id, bytes: &[u8]) -> bool {
        let mut sources = self.sources.borrow_mut();
        let Some(source) = sources.get_mut(id) else {
            return false;
        };
        let before = source.held();
        match &mut source.outbox {
            Some(outbox) => outbox.bytes.extend_from_slice(bytes),
            None => match self.write(id, source, bytes) {
                Ok(sent) if sent == bytes.len() => return false,
                Ok(sent) => {
                    source.outbox = Some(Box::new(Outbox {
                        bytes: bytes[sent..].to_vec(),
                        sent: 0,
                    }));
                }
                Err(error) => {
                    source.error = Some(error.kind());
                    return true;
                }
            },
        }
        self.memory.change(before, source.held());
        false
    }

    /// Writes until all is written or the socket is full.
    fn write(&self, id: Id, source: &mut Source, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() && source.ready.any(Ready::WRITABLE) {
            match self.driver.borrow_mut().write(id, &bytes[sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    sent += n;
                    source.active = self.now.get();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    source.ready = source.ready.without(Ready::WRITABLE);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Goes on with the outbox. Its task is woken when it is empty, or failed.
    fn send_outbox(&self, id: Id) {
        let done = {
            let mut sources = self.sources.borrow_mut();
            let Some(source) = sources.get_mut(id) else {
                return;
            };
            let Some(mut outbox) = source.outbox.take() else {
                return;
            };
            let held = source.kept + outbox.bytes.capacity();
            let result = self.write(id, source, &outbox.bytes[outbox.sent..]);
            let done = match result {
                Ok(n) => {
                    outbox.sent += n;
                    outbox.sent == outbox.bytes.len()
                }
                Err(error) => {
                    source.error = Some(error.kind());
                    true
                }
            };
            if !done {
                source.outbox = Some(outbox);
            }
            self.memory.change(held, source.held());
            done
        };
        if done {
            self.notify_both(id);
        }
    }

    fn notify_both(&self, id: Id) {
        let both = self
            .sources
            .borrow()
            .get(id)
            .map(|source| [source.reader.clone(), source.writer.clone()]);
        both.into_iter()
            .flatten()
            .for_each(|waiter| self.tasks.notify(waiter));
    }

    /// Whether output waits for the socket.
    pub(crate) fn is_stuck(&self, id: Id) -> bool {
        self.sources
            .borrow()
            .get(id)
            .is_some_and(|source| source.outbox.is_some())
    }

    /// Throws away the output that was not sent; tells the last byte of it that was.
    pub(crate) fn discard_output(&self, id: Id) -> Option<u8> {
        if self.staged_for.get() == id {
            self.staged_for.set(Id::NONE);
            self.staged.borrow_mut().clear();
        }
        let mut sources = self.sources.borrow_mut();
        let source = sources.get_mut(id)?;
        let before = source.held();
        let outbox = source.outbox.take()?;
        self.memory.change(before, source.held());
        outbox.sent.checked_sub(1).map(|last| outbox.bytes[last])
    }

    /// When a byte was last read or written.
    pub(crate) fn active(&self, id: Id) -> Time {
        self.sources
            .borrow()
            .get(id)
            .map_or(Time::ZERO, |source| source.active)
    }

    /// Notes that the task keeps `bytes` of input for this stream while it rests.
    pub(crate) fn keep(&self, id: Id, bytes: usize) {
        {
            let mut sources = self.sources.borrow_mut();
            let Some(source) = sources.get_mut(id) else {
                return;
            };
            let before = source.held();
            source.kept = bytes;
            self.memory.change(before, source.held());
        }
        self.call_in();
    }

    /// If more is kept than the limit allows, and not by those who are on their way out already: the stream that keeps
    /// the most fails with `OutOfMemory`.
    fn call_in(&self) {
        let over = self.memory.over();
        if over == 0 {
            return;
        }
        let (mut leaving, mut largest) = (0, (0, Id::NONE));
        for (id, source) in self.sources.borrow().iter() {
            let held = source.held();
            if source.error.is_some() {
                leaving += held;
            } else if held > largest.0 {
                largest = (held, id);
            }
        }
        if leaving < over {
            if let Some(source) = self.sources.borrow_mut().get_mut(largest.1) {
                source.error = Some(io::ErrorKind::OutOfMemory);
            }
            self.notify_both(largest.1);
        }
    }

    /// Forgives a failure of [`io::ErrorKind::OutOfMemory`], so that the stream can say goodbye.
    pub(crate) fn forgive(&self, id: Id) {
        if let Some(source) = self.sources.borrow_mut().get_mut(id)
            && source.error == Some(io::ErrorKind::OutOfMemory)
        {
            source.error = None;
        }
    }

    /// Closes the source and forgets it. What had gathered for it is discarded.
    pub(crate) fn close(&self, id: Id) {
        self.discard_output(id);
        let source = self.sources.borrow_mut().remove(id);
        if let Some(source) = source {
            self.memory.change(source.held(), 0);
            self.driver.borrow_mut().close(id);
        }
    }
}
