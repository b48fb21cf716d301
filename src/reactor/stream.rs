//! Streams: the futures that read and write.
//!
//! A [`Stream`] is one connection, TCP or Unix. Reading gives slices of a large buffer that is the reactor's, lent to
//! the stream while it has unread input: [`fill`](Stream::fill) waits until there is some, [`input`](Stream::input)
//! shows it, [`consume`](Stream::consume) says how much of it is done with. Writing gathers: what
//! [`Writer::write`] appends leaves in one write when the task rests, on whatever it rests.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::driver::{Ready, Remote};
use super::event_loop::{Core, Handle};
use super::pool::BUFFER;
use super::slots::Id;
use super::source::{HIGH_WATER, OUTPUT, Source, gone};
use super::task::Waiter;
use super::time::Time;

/// What a system call counts against its task's budget: about what it takes.
const CALL: i64 = 500;

/// The same for a line, and how many bytes are moved in one unit.
const LINE: i64 = 50;
const BYTES: usize = 8;

/// The same for bytes that are read: the kernel copies them from memory that this processor has not seen.
const READ: usize = 4;

/// One connection. Dropping it closes it, and discards input that was not consumed and output that was not sent:
/// [`flush`](Stream::flush) first.
pub struct Stream {
    core: Rc<Core>,
    id: Id,
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

    /// Connects.
    ///
    /// # Errors
    /// The system's, at once or when the outcome is known.
    pub async fn connect(handle: &Handle, to: &Remote) -> io::Result<Stream> {
        let core = &handle.0;
        let short_read_ends = matches!(to, Remote::Tcp(..));
        let source = |_| Source::new(Ready::NONE, short_read_ends, core.now.get());
        let id = core.sources.borrow_mut().insert_with(source);
        let stream = Stream::new(core, id); // closes the source, whatever happens
        core.driver.borrow_mut().connect(id, to)?;
        Connected(&stream).await?;
        Ok(stream)
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

    /// Is done with the first `count` bytes of the input.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        assert!(
            count <= (self.end - self.start) as usize,
            "consumed more than there is"
        );
        self.start += count as u32;
        if self.start == self.end {
            self.release();
        }
    }

    /// Waits until there is unread input; `false`: the input has ended, and all of it was consumed.
    ///
    /// Borrows the stream. Wakes when bytes, the end or an error arrive. Dropping it loses nothing: what was read stays
    /// in the stream. It is not ready while output waits for the socket, so a client that does not read is not read, nor
    /// when the task's budget is spent.
    pub fn fill(&mut self) -> Fill<'_> {
        Fill(self)
    }

    /// The step behind [`fill`](Stream::fill), for futures that do more; reads `most` bytes at the most.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<bool>> {
        if self.start < self.end {
            // A buffer may hold a hundred thousand lines: what is there already is held to the same rules.
            return self.poll_in_order(cx).map_ok(|()| true);
        }
        let core = &*self.core;
        if !core.may_go_on(cx) {
            return Poll::Pending;
        }
        let waiter = core.tasks.waiter(cx);
        let mut sources = core.sources.borrow_mut();
        let source = sources.get_mut(self.id).ok_or_else(gone)?;
        if let Some(error) = source.error {
            return Poll::Ready(Err(error.into()));
        }
        let place = if source.is_stuck() {
            &mut source.writer
        } else {
            if source.is_readable() {
                let mut buffer = core.pool.take();
                let room = most.min(buffer.len());
                core.spend(CALL);
                let read = source.read(
                    &mut **core.driver.borrow_mut(),
                    self.id,
                    &mut buffer[..room],
                    core.now.get(),
                );
                if let Ok(n @ 1..) = read {
                    (self.buffer, self.start, self.end) = (buffer, 0, n as u32);
                    core.checked.set(self.id);
                    core.spend((n / READ) as i64);
                    return Poll::Ready(Ok(true));
                }
                core.pool.give(buffer);
                match read {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return Poll::Ready(read.map(|_| false)),
                }
            }
            &mut source.reader
        };
        let old = std::mem::replace(place, waiter);
        drop(sources);
        drop(old); // foreign code: with no borrow held
        Poll::Pending
    }

    /// Whether the task may go on with this stream: it has not failed, its output flows, there is budget left, and not
    /// too much output has gathered. To be asked before each piece of work: it costs one comparison, as whatever may
    /// change the answer makes it be asked in earnest.
    ///
    /// Pending, the task rests with its unread input, which is copied to just its size.
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
        if !core.may_go_on(cx) {
            self.park();
            return Poll::Pending;
        }
        if core.staged.borrow().len() > HIGH_WATER {
            core.spend(CALL);
            core.send_staged();
        }
        match self
            .with_source(|source| (source.error, source.is_stuck()))
            .ok_or_else(gone)?
        {
            (Some(error), _) => Poll::Ready(Err(error.into())),
            (None, true) => {
                self.wait(cx, |source| &mut source.writer);
                self.park();
                Poll::Pending
            }
            (None, false) => {
                core.checked.set(self.id);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Waits until all output has been taken by the kernel.
    ///
    /// Borrows the stream. Wakes when the last byte was taken, or on an error. Dropping it loses nothing.
    pub fn flush(&mut self) -> Flush<'_> {
        Flush(self)
    }

    /// Writes all of `bytes` and waits until the kernel took them. Dropped, it has written some of them or all; none is
    /// written twice.
    ///
    /// # Errors
    /// Those of the socket, this write's or an earlier one's.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(HIGH_WATER) {
            poll_fn(|cx| self.poll_in_order(cx)).await?;
            self.core.spend(CALL + (piece.len() / BYTES) as i64);
            self.core
                .stage(self.id, |staged| staged.extend_from_slice(piece));
            self.flush().await?;
        }
        Ok(())
    }

    /// Reads into `buf`; 0 is the end of input. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.fill().await? {
            return Ok(0);
        }
        let n = buf.len().min(self.input().len());
        buf[..n].copy_from_slice(&self.input()[..n]);
        self.consume(n);
        self.core.spend((n / BYTES) as i64);
        Ok(n)
    }

    /// Appends to `line` what is left up to and with the next LF, or to the end of input; `false`: there was nothing.
    ///
    /// Dropped, it has put what it consumed into `line`: call again with the same and nothing is lost.
    ///
    /// # Errors
    /// Those of the socket, and `InvalidData` once `line` is longer than `limit`.
    pub async fn read_line(&mut self, line: &mut Vec<u8>, limit: usize) -> io::Result<bool> {
        while self.fill().await? {
            let input = self.input();
            let (n, end) = match memchr::memchr(b'\n', input) {
                Some(at) => (at + 1, true),
                None => (input.len(), false),
            };
            line.extend_from_slice(&input[..n]);
            self.consume(n);
            self.core.spend(LINE + (n / BYTES) as i64);
            if line.len() > limit {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the line is too long",
                ));
            }
            if end {
                return Ok(true);
            }
        }
        Ok(!line.is_empty())
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

    /// Whether there may be an end, an error or an urgent byte behind or among what was not read.
    pub fn has_tail(&self) -> bool {
        self.with_source(|source| source.has_tail())
            .unwrap_or(false)
    }

    /// Makes the next read ask the socket, even if no edge told of input.
    pub fn expect_input(&self) {
        self.with_source(Source::expect_input);
    }

    /// When a byte was last read or written.
    pub fn active(&self) -> Time {
        self.with_source(|source| source.active)
            .unwrap_or(Time::ZERO)
    }

    /// Tells how many bytes the task keeps for this stream, besides the stream itself, while it rests: they count
    /// against the memory limit.
    #[inline]
    pub fn keep(&mut self, bytes: usize) {
        let kept = (bytes + self.buffer.len()).min(u32::MAX as usize) as u32;
        if kept != self.kept {
            self.kept = kept;
            self.core.keep(self.id, kept as usize);
            self.core.call_in();
        }
    }

    /// Throws away output that the socket did not take, and forgives that its buffers were called in
    /// ([`io::ErrorKind::OutOfMemory`]), for a last word. Tells the last byte that the socket took of what is thrown
    /// away: whether the last word would come in the middle of something.
    pub fn discard_output(&mut self) -> Option<u8> {
        self.with_source(|source| {
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
        }
    }

    /// Keeps the unread input in just the memory that it takes.
    fn park(&mut self) {
        if self.start < self.end && self.buffer.len() == BUFFER {
            let rest: Box<[u8]> = self.input().into();
            self.release();
            (self.end, self.buffer) = (rest.len() as u32, rest);
        }
        self.keep(0);
    }

    fn with_source<R>(&self, operation: impl FnOnce(&mut Source) -> R) -> Option<R> {
        self.core
            .sources
            .borrow_mut()
            .get_mut(self.id)
            .map(operation)
    }

    fn wait(&self, cx: &Context<'_>, place: impl FnOnce(&mut Source) -> &mut Waiter) {
        let waiter = self.core.tasks.waiter(cx);
        let old = self.with_source(|source| std::mem::replace(place(source), waiter));
        drop(old); // foreign code: with no borrow held
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
        match stream
            .with_source(|source| (source.error, source.is_stuck()))
            .ok_or_else(gone)?
        {
            (Some(error), _) => Poll::Ready(Err(error.into())),
            (None, false) => Poll::Ready(Ok(())),
            (None, true) => {
                stream.wait(cx, |source| &mut source.writer);
                Poll::Pending
            }
        }
    }
}

/// The outcome of a connect. Borrows the stream. Wakes when the socket becomes writable or fails.
struct Connected<'a>(&'a Stream);

impl Future for Connected<'_> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Stream { core, id, .. } = self.0;
        // Writable says that there is an outcome, not which: the error must be asked for, and the peer's address.
        let attempt = || match core.driver.borrow_mut().connected(*id) {
            Ok(false) => Err(io::ErrorKind::WouldBlock.into()),
            outcome => outcome,
        };
        let outcome = self
            .0
            .with_source(|source| source.attempt(OUTPUT, attempt))
            .ok_or_else(gone)?;
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.0.wait(cx, |source| &mut source.writer);
                Poll::Pending
            }
            outcome => Poll::Ready(outcome.map(|_| ())),
        }
    }
}
