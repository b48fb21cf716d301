//! Streams: the futures that read and write.
//!
//! A [`Stream`] is one connection, TCP or Unix. Reading gives slices of a large buffer that is the reactor's, lent to
//! the stream while it has unread input: [`fill`](Stream::fill) waits until there is some, [`input`](Stream::input)
//! shows it, [`consume`](Stream::consume) says how much of it is done with. Writing gathers: what
//! [`Writer::write`] appends leaves in one write when the task rests, on whatever it rests.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::driver::Event;
use super::event_loop::Core;
use super::pool::BUFFER;
use super::slots::Id;
use super::source::{CALL, INPUT, OUTPUT, READ, Source};
use super::time::Time;

/// One connection. Dropping it closes it, and discards input that was not consumed and output that was not sent:
/// [`flush`](Stream::flush) first.
pub struct Stream {
    pub(super) core: Rc<Core>,
    pub(super) id: Id,
    /// Unread input is `buffer[start..end]`. The buffer is the pool's ([`BUFFER`] bytes) or, if the task rested with
    /// input left, one of just that size; empty, nothing.
    buffer: Box<[u8]>,
    start: u32,
    end: u32,
    /// What was last counted against the memory limit for this stream.
    kept: u32,
}

impl Stream {
    pub(crate) fn new(core: &Rc<Core>, id: Id) -> Stream {
        Stream {
            core: Rc::clone(core),
            id,
            buffer: Box::default(),
            start: 0,
            end: 0,
            kept: 0,
        }
    }

    /// The other end of this stream, for writing.
    #[inline]
    pub fn writer(&self) -> Writer {
        Writer {
            core: Rc::clone(&self.core),
            id: self.id,
        }
    }

    /// The input that was read and not consumed.
    pub fn input(&self) -> &[u8] {
        &self.buffer[self.start as usize..self.end as usize]
    }

    /// How many bytes were read and not consumed.
    pub fn buffered(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Is done with the first `count` bytes of the input.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.buffered(), "consumed more than there is");
        self.start += count as u32;
        if self.start == self.end {
            self.release();
        }
    }

    /// Waits until there is unread input; `false`: the input has ended, and all of it was consumed.
    ///
    /// Borrows the stream. Wakes when bytes, the end or an error arrive. Dropping it loses nothing: what was read stays
    /// in the stream. It is not ready while output waits for the socket, so a client that does not read is not read, nor
    /// when the task's budget is spent. A task that rests on something else with unread input keeps the large buffer.
    pub fn fill(&mut self) -> Fill<'_> {
        Fill(self)
    }

    /// The step behind [`fill`](Stream::fill), for futures that do more; reads `most` bytes at the most.
    #[inline]
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<bool>> {
        if self.start < self.end {
            // A buffer may hold a hundred thousand lines: what is there already is held to the same rules.
            return self.poll_in_order(cx).map_ok(|()| true);
        }
        let core = &*self.core;
        if core.drained.get() == self.id && core.tasks.is_own(cx) {
            return Poll::Pending;
        }
        self.poll_read(cx, most)
    }

    #[inline(never)]
    fn poll_read(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<bool>> {
        let core = &*self.core;
        core.drained.set(Id::NONE);
        if !core.may_go_on(cx) {
            return Poll::Pending;
        }
        core.relieve();
        let n = ready!(core.poll_read(self.id, cx, most))?;
        if n > 0 {
            (self.buffer, self.start, self.end) = (core.pool.take(), 0, n as u32);
            core.checked.set(self.id);
            core.spend(CALL + (n / READ) as i64);
        }
        Poll::Ready(Ok(n > 0))
    }

    /// Whether the task may go on with this stream: it has not failed, its output flows, there is budget left, and not
    /// too much output has gathered. To be asked before each piece of work: it costs one comparison, as whatever may
    /// change the answer makes it be asked in earnest.
    ///
    /// Pending, the task rests with its unread input, which is copied to just its size.
    ///
    /// # Errors
    /// Those of the stream. `OutOfMemory`, if its buffers are called in, or the system has no memory for them.
    #[inline]
    pub fn poll_in_order(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.core.checked.get() == self.id {
            Poll::Ready(Ok(()))
        } else {
            self.poll_in_earnest(cx)
        }
    }

    #[cold]
    fn poll_in_earnest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let core = &*self.core;
        let mut polled = Poll::Pending;
        core.drained.set(Id::NONE); // another may be noted in its place, as who waits
        core.relieve(); // at first: it costs, and who is told to go on must have something left to read with
        if core.may_go_on(cx) {
            polled = core.poll_with(self.id, INPUT, cx, |source| source.poll_may_read());
        }
        match &polled {
            Poll::Ready(Ok(())) => core.checked.set(self.id),
            Poll::Ready(Err(_)) => {}
            // It waits already: what is parked may be called in at once, and that must wake.
            Poll::Pending => self.park()?,
        }
        polled
    }

    /// Waits until all output has been taken by the kernel.
    ///
    /// Borrows the stream. Wakes when the last byte was taken, or on an error. Dropping it loses nothing.
    pub fn flush(&mut self) -> Flush<'_> {
        Flush(self)
    }

    /// Says that the end of this stream, a [`shutdown`](Stream::shutdown) or its drop, will follow what is written from
    /// now on, as soon as that has been taken: it may leave in one packet with the end. That saves a twentieth of the
    /// processor's time for a whole connection of one line, and the other side a packet.
    pub fn end_follows(&self) {
        self.core.ends.set(self.id);
    }

    /// Ends the sending side, behind all output: flush first.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn shutdown(&mut self) -> io::Result<()> {
        self.core.driver.borrow_mut().shutdown(self.id)
    }

    /// How many bytes have arrived that were not read, up to an urgent one if one is among them.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn unread(&self) -> io::Result<usize> {
        self.core.driver.borrow_mut().unread(self.id)
    }

    /// From now on input is read though output waits for the socket.
    ///
    /// For a client that sends much without waiting for replies: the server stops reading when its replies are not
    /// read, and were the client to do the same, both would wait for ever. Who reads ahead must bound himself what he
    /// writes: he asks [`flush`](Stream::flush) first.
    pub fn read_ahead(&self) {
        let _ = self.core.with(self.id, |source| source.reads_ahead = true);
    }

    /// Makes the next read ask the socket, even if no edge told of input.
    pub fn expect_input(&self) {
        self.core.doubt();
        let _ = self.core.with(self.id, Source::expect_input);
    }

    /// Asks the socket at once whether it takes output that waits, edge or no edge.
    ///
    /// Linux tells of room only when a third of what it keeps for a socket is free, megabytes for a fast connection, and
    /// takes bytes long before. Who judges a client by what it reads asks first.
    pub fn expect_room(&self) {
        self.core.doubt();
        self.core.apply(Event {
            id: self.id,
            ready: OUTPUT,
        });
    }

    /// When a byte was last read or written.
    pub fn active(&self) -> Time {
        self.core
            .with(self.id, |source| source.active)
            .unwrap_or(Time::ZERO)
    }

    /// Tells how many bytes the task keeps for this stream, besides the stream itself, while it rests: they count
    /// against the memory limit.
    #[inline]
    pub fn keep(&mut self, bytes: usize) {
        let kept = u32::try_from(bytes + self.buffer.len()).unwrap_or(u32::MAX);
        if kept != self.kept {
            self.kept = kept;
            self.core.keep(self.id, kept);
            self.core.call_in();
        }
    }

    /// Throws away output that the socket did not take, and forgives that its buffers were called in
    /// ([`io::ErrorKind::OutOfMemory`]), for a last word. Tells the last byte that the socket took of what is thrown
    /// away: whether the last word would come in the middle of something.
    pub fn discard_output(&mut self) -> Option<u8> {
        let _ = self.core.with(self.id, |source| {
            source.error = source
                .error
                .filter(|&error| error != io::ErrorKind::OutOfMemory);
        });
        self.core.discard_output(self.id)
    }

    /// Gives the buffer back.
    #[inline]
    fn release(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        (self.start, self.end) = (0, 0);
        if buffer.len() == BUFFER {
            self.core.pool.give(buffer);
        } else if !buffer.is_empty() {
            self.keep(0);
        }
    }

    /// Keeps the unread input in just the memory that it takes; if there is none, it is lost.
    fn park(&mut self) -> io::Result<()> {
        if self.start < self.end && self.buffer.len() == BUFFER {
            let length = self.buffered();
            // If it is all of the buffer, a byte more: by its size it would be taken for the pool's.
            let size = if length == BUFFER { length + 1 } else { length };
            let mut rest = Vec::new();
            let room = rest.try_reserve_exact(size);
            if room.is_ok() {
                rest.extend_from_slice(self.input());
                rest.resize(size, 0);
            }
            self.release();
            room?;
            (self.end, self.buffer) = (length as u32, rest.into());
        }
        self.keep(0);
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.release();
        self.core.close(self.id);
    }
}

/// Writes to a stream. Writing to one that was dropped is no error: nobody reads it.
#[derive(Clone)]
pub struct Writer {
    core: Rc<Core>,
    id: Id,
}

impl Writer {
    /// Gathers output. It leaves when the task rests, or with [`Stream::flush`], or when much has gathered and the
    /// stream is asked for more ([`Stream::poll_in_order`]). Errors show at the stream's next operation.
    pub fn write(&self, bytes: &[u8]) {
        self.write_with(|staged| staged.extend_from_slice(bytes));
    }

    /// The same, for output that is made in place: `write` appends to the buffer.
    ///
    /// # Panics
    /// If `write` itself writes to a stream.
    pub fn write_with<R>(&self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.core.stage(self.id, write)
    }

    /// Counts `units`, about a nanosecond each, against the budget of the running task.
    pub fn spend(&self, units: usize) {
        self.core.spend(units as i64);
    }
}

/// See [`Stream::fill`].
pub struct Fill<'a>(&'a mut Stream);

impl Future for Fill<'_> {
    type Output = io::Result<bool>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.0.poll_fill(cx, BUFFER)
    }
}

/// See [`Stream::flush`].
pub struct Flush<'a>(&'a mut Stream);

impl Future for Flush<'_> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = &*self.0;
        stream.core.send_staged();
        stream
            .core
            .poll_with(stream.id, OUTPUT, cx, |source| source.poll_in_order())
    }
}
