//! Readiness, and the rules of edge triggering, written once.
//!
//! A source (a socket, a listener, the signals) is registered once, at its birth, for reading, writing and urgent
//! data, and never again. The kernel then reports each *change* to ready, an edge, and never repeats itself. So:
//!
//! * **Readiness is remembered.** An edge sets a flag here; only an operation that finds nothing left clears it.
//!   Whoever comes later looks at the flag, so an edge that came early is not lost.
//! * **The operation is tried first**, while the flag is set. Every flag is a hint.
//! * **A short read means that nothing is left**, on TCP, and clears the flag: no second read just to hear
//!   `WouldBlock`. If more arrives it raises a new edge. Not so behind [`Ready::TAIL`]: an end of input that came with
//!   the bytes, or bytes behind an urgent one, raise none, so there one reads on until `WouldBlock` or the end.
//! * **A short write is written on** until the socket says `WouldBlock`: only then will it raise an edge.
//! * **Who stops early must come back by himself**: his budget is spent, but no edge will tell him that bytes are
//!   left. He wakes himself.
//!
//! Output gathers while a task runs ([`Core::stage`]) and leaves in one write when the task rests, whatever it rests
//! on. What the socket does not take is kept in the source's outbox, and goes out on the next edge without the task.

use std::io::{ErrorKind, Result as Io};
use std::task::{Context, Poll, ready};

use super::driver::{Event, Ready};
use super::event_loop::{Core, STAGED};
use super::pool::BUFFER;
use super::slots::Id;
use super::task::Waiter;
use super::time::Time;

/// Gathered output past this many bytes is sent before the task writes more.
pub const HIGH_WATER: usize = 64 * 1024;

/// What a system call counts against its task's budget: about what it takes.
pub(super) const CALL: i64 = 500;
/// How many bytes that are moved count as one unit more; and how many that are read: the kernel copies those from memory
/// that this processor has not seen.
pub(super) const BYTES: usize = 8;
pub(super) const READ: usize = 4;

/// What an operation that finds nothing left clears.
pub(crate) const INPUT: Ready = Ready::READABLE.with(Ready::TAIL);
pub(crate) const OUTPUT: Ready = Ready::WRITABLE;
pub(super) const BOTH: Ready = INPUT.with(OUTPUT);

pub(crate) struct Source {
    ready: Ready,
    /// TCP. On a Unix socket a read stops at the end of each message of the sender's, with more behind it.
    short_read_ends: bool,
    /// It may be read while output waits: [`Stream::read_ahead`](super::stream::Stream::read_ahead).
    pub(super) reads_ahead: bool,
    /// What each further operation says: the socket failed while its task rested, or its buffers were called in.
    pub(crate) error: Option<ErrorKind>,
    reader: Waiter,
    writer: Waiter,
    /// When a byte was last read or written.
    pub(crate) active: Time,
    /// Bytes of input that its task keeps.
    pub(super) kept: u32,
    /// Output that the socket did not take yet, and how much of it it took since.
    outbox: Option<Box<(Vec<u8>, usize)>>,
}

impl Source {
    pub(crate) fn new(ready: Ready, short_read_ends: bool, active: Time) -> Source {
        let (reader, writer) = (Waiter::NOBODY, Waiter::NOBODY);
        Source {
            ready,
            short_read_ends,
            reads_ahead: false,
            error: None,
            reader,
            writer,
            active,
            kept: 0,
            outbox: None,
        }
    }

    /// Tries an operation while the source may be ready for it. Pending: there is nothing left.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "as a call it takes 25 instructions more a request"
    )]
    pub(crate) fn attempt<T>(
        &mut self,
        way: Ready,
        mut operation: impl FnMut() -> Io<T>,
    ) -> Poll<Io<T>> {
        while self.ready.any(way) {
            match operation() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.ready = self.ready.without(way);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return Poll::Ready(result),
            }
        }
        Poll::Pending
    }

    /// Writes until all is written or the socket is full.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "as a call it takes 25 instructions more a request"
    )]
    fn write(&mut self, core: &Core, id: Id, bytes: &[u8]) -> Io<usize> {
        let (mut sent, is_last) = (0, core.ends.get() == id);
        while sent < bytes.len()
            && let Poll::Ready(written) = self.attempt(OUTPUT, || {
                let (mut driver, bytes) = (core.driver.borrow_mut(), &bytes[sent..]);
                if is_last {
                    driver.write_last(id, bytes)
                } else {
                    driver.write(id, bytes)
                }
            })
        {
            match written? {
                0 => return Err(ErrorKind::WriteZero.into()),
                n => sent += n,
            }
            self.active = core.now.get();
        }
        Ok(sent)
    }

    /// Makes the next read ask the socket, edge or no edge.
    pub(crate) fn expect_input(&mut self) {
        self.ready = self.ready.with(Ready::READABLE);
    }

    /// Whether its task may go on. Pending: output waits for the socket.
    #[inline]
    pub(crate) fn poll_in_order(&self) -> Poll<Io<()>> {
        match self.error {
            Some(error) => Poll::Ready(Err(error.into())),
            None if self.is_stuck() => Poll::Pending,
            None => Poll::Ready(Ok(())),
        }
    }

    /// Whether its task may go on reading.
    #[inline]
    pub(crate) fn poll_may_read(&self) -> Poll<Io<()>> {
        match self.error {
            None if self.reads_ahead => Poll::Ready(Ok(())),
            _ => self.poll_in_order(),
        }
    }

    #[inline]
    fn waiter(&mut self, way: Ready) -> &mut Waiter {
        if way == OUTPUT {
            &mut self.writer
        } else {
            &mut self.reader
        }
    }

    /// Who waits for any of these. He is woken once: if he still waits then, he says so again.
    pub(super) fn take_waiters(&mut self, ways: Ready) -> (Waiter, Waiter) {
        let mut take = |way| {
            if ways.any(way) {
                std::mem::replace(self.waiter(way), Waiter::NOBODY)
            } else {
                Waiter::NOBODY
            }
        };
        (take(INPUT), take(OUTPUT))
    }

    /// Whether output waits for the socket.
    #[inline]
    pub(crate) fn is_stuck(&self) -> bool {
        self.outbox.is_some()
    }

    /// Bytes that count against the memory limit.
    pub(super) fn held(&self) -> usize {
        self.kept as usize + self.outbox.as_ref().map_or(0, |outbox| outbox.0.capacity())
    }
}

impl Core {
    /// Does something with a source, with all sources borrowed: no foreign code.
    #[inline]
    pub(crate) fn with<R>(&self, id: Id, operation: impl FnOnce(&mut Source) -> R) -> Io<R> {
        let mut sources = self.sources.borrow_mut();
        let source = sources.get_mut(id).ok_or(ErrorKind::NotConnected)?;
        Ok(operation(source))
    }

    /// Does something with a source, in one look at the table. If that is pending, or has found the last of it, notes
    /// who waits for more, to read (`INPUT`) or to write (`OUTPUT`).
    #[inline]
    pub(crate) fn poll_with<T>(
        &self,
        id: Id,
        way: Ready,
        cx: &Context<'_>,
        operation: impl FnOnce(&mut Source) -> Poll<Io<T>>,
    ) -> Poll<Io<T>> {
        let mut waiter = self.tasks.waiter(cx);
        self.with(id, |source| {
            let polled = operation(source);
            if polled.is_pending() || !source.ready.any(way) {
                std::mem::swap(source.waiter(way), &mut waiter);
            }
            polled
        })?
        // Whoever waited before is dropped here, foreign code: with no borrow held.
    }

    /// Reads at most `most` bytes into the pool's buffer; 0 is the end of input.
    #[inline]
    pub(crate) fn poll_read(&self, id: Id, cx: &Context<'_>, most: usize) -> Poll<Io<usize>> {
        self.poll_with(id, INPUT, cx, |source| {
            ready!(source.poll_may_read())?;
            let room = most.min(BUFFER);
            let n = ready!(source.attempt(INPUT, || {
                let mut buffer = self.pool.borrow_mut();
                self.driver.borrow_mut().read(id, &mut buffer[..room])
            }))?;
            if n > 0 {
                source.active = self.now.get();
                if n < room && source.short_read_ends && !source.ready.any(Ready::TAIL) {
                    source.ready = source.ready.without(INPUT);
                    if self.tasks.is_own(cx) {
                        self.drained.set(id);
                    }
                }
            }
            Poll::Ready(Ok(n))
        })
    }

    /// Notes at a source who waits for it.
    pub(crate) fn wait(&self, id: Id, way: Ready, cx: &Context<'_>) {
        let _ = self.poll_with(id, way, cx, |_| Poll::<Io<()>>::Pending);
    }

    /// Applies one edge.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "as a call it takes 8 instructions more a request"
    )]
    pub(crate) fn apply(&self, event: Event) {
        let waiters = self.with(event.id, |source| {
            source.ready = source.ready.with(event.ready);
            let mut ways = event.ready;
            if source.is_stuck() {
                if ways.any(OUTPUT) {
                    self.send_outbox(source, event.id);
                }
                // While output waits nobody reads, unless he reads ahead; who wants to is waiting for that.
                ways = match (source.is_stuck(), source.reads_ahead) {
                    (false, _) => BOTH,
                    (true, true) => ways.without(OUTPUT),
                    (true, false) => Ready::NONE,
                };
            }
            source.take_waiters(ways)
        });
        self.notify(waiters);
    }

    /// Sends on a source, behind what waits already. A failure shows at the next operation: true.
    #[inline]
    fn send(&self, source: &mut Source, id: Id, fresh: &[u8]) -> bool {
        let sent = if source.is_stuck() {
            Ok(0) // an edge tells when the socket takes more
        } else {
            source.write(self, id, fresh)
        };
        if let Ok(sent) = sent
            && sent == fresh.len()
        {
            return false;
        }
        self.doubt();
        match sent.and_then(|sent| self.put_by(source, fresh, sent)) {
            Ok(()) => false,
            Err(error) => {
                source.error = Some(error.kind());
                true
            }
        }
    }

    /// Keeps what the socket did not take.
    #[cold]
    fn put_by(&self, source: &mut Source, fresh: &[u8], sent: usize) -> Io<()> {
        let before = source.held();
        let room = if let Some(outbox) = &mut source.outbox {
            let room = outbox.0.try_reserve(fresh.len());
            if room.is_ok() {
                outbox.0.extend_from_slice(fresh);
            }
            room
        } else {
            // With the last byte that the socket took: whoever throws the rest away must know whether it was an end.
            let from = sent.saturating_sub(1);
            let mut bytes = Vec::new();
            let room = bytes.try_reserve_exact(fresh.len() - from);
            let end = if room.is_ok() { fresh.len() } else { sent };
            bytes.extend_from_slice(&fresh[from..end]);
            source.outbox = Some(Box::new((bytes, sent - from)));
            room
        };
        self.memory.change(before, source.held());
        Ok(room?)
    }

    /// Goes on with what was kept, when the socket takes more.
    #[cold]
    fn send_outbox(&self, source: &mut Source, id: Id) {
        let before = source.held();
        if let Some(mut outbox) = source.outbox.take() {
            let (bytes, sent) = &mut *outbox;
            match source.write(self, id, &bytes[*sent..]) {
                Ok(n) => {
                    *sent += n;
                    source.outbox = (*sent < bytes.len()).then_some(outbox);
                }
                Err(error) => source.error = Some(error.kind()),
            }
        }
        self.memory.change(before, source.held());
    }

    /// Lets `write` append to the output that leaves when the task rests.
    ///
    /// All streams share one buffer, as one task runs at a time and most write to one stream: another stream's output
    /// is sent first.
    pub(crate) fn stage<R>(&self, id: Id, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        if self.staged_for.get() != id {
            self.send_staged();
            self.staged_for.set(id);
        }
        let mut staged = self.staged.borrow_mut();
        let result = write(&mut staged);
        if staged.len() > HIGH_WATER {
            self.doubt();
        }
        result
    }

    /// Sends what has gathered, if it is much.
    pub(crate) fn relieve(&self) {
        if self.staged.borrow().len() > HIGH_WATER {
            self.spend(CALL);
            self.send_staged();
        }
    }

    /// Sends what has gathered, and keeps what the socket does not take. A failure shows at the next operation.
    #[inline]
    pub(crate) fn send_staged(&self) {
        let id = self.staged_for.replace(Id::NONE);
        if id != Id::NONE {
            self.send_to(id);
        }
    }

    fn send_to(&self, id: Id) {
        let mut staged = self.staged.borrow_mut();
        let failed = self.with(id, |source| self.send(source, id, &staged));
        staged.clear();
        staged.shrink_to(STAGED); // a reply may be megabytes; the buffer of all need not stay so
        drop(staged);
        if failed.unwrap_or(false) {
            self.notify(self.with(id, |source| source.take_waiters(BOTH)));
        }
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "as a call it takes 15 instructions more a request"
    )]
    pub(super) fn notify(&self, waiters: Io<(Waiter, Waiter)>) {
        if let Ok((reader, writer)) = waiters {
            self.tasks.notify(reader);
            self.tasks.notify(writer);
        }
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
        let (bytes, sent) = *source.outbox.take()?;
        self.memory.change(before, source.held());
        bytes[..sent].last().copied()
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
