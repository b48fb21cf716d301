//! A client: what is between the dialogue and the stream.
//!
//! The dialogue asks for a line. Here the line is put together, and here it is seen that meanwhile the client has been
//! silent for too long, that its buffers are called in, or that the server ends.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::door::Place;
use super::worker::Worker;
use crate::protocol::{self, Found, Line, LineBuffer};
use crate::reactor::{Sleep, Stream, Writer, sleep};
use crate::server::escape::Escaped;
use crate::server::peer::Peer;

/// One client. Its fields are dropped in this order: its place is free when its descriptor is.
pub(super) struct Client {
    pub(super) stream: Stream,
    /// None: it is refused.
    place: Option<Place>,
    pub(super) lines: LineBuffer,
    /// How much of the stream's input the line that was handed out takes.
    handed: usize,
    /// The server ends: so much is left to read of what had arrived then.
    left: Option<usize>,
    /// That has been counted twice. The kernel counts up to an urgent byte only: behind it there may be more, and the
    /// edge that would tell may not have been reported yet.
    recounted: bool,
    /// The end of the input has been read.
    pub(super) ended: bool,
    silence: Option<Box<Silence>>,
    pub(super) worker: Rc<Worker>,
    peer: Peer,
}

/// The idle timeout. Its timer is looked at when it fires, not moved at each byte.
struct Silence {
    sleep: Sleep,
    /// The kernel has been asked for input that no edge told of: what came in time is answered first.
    asked: bool,
}

/// A timer that fires so late was not late: the process was stopped, or its machine, and could not have heard anybody.
/// That is no silence of the client's, whose time begins anew; or all of them would be sent away at once.
const STOPPED: Duration = Duration::from_secs(1);

impl Client {
    pub(super) fn new(
        worker: &Rc<Worker>,
        stream: Stream,
        place: Option<Place>,
        peer: Peer,
    ) -> Client {
        let limit = worker.settings.idle_timeout;
        let silence = (!limit.is_zero()).then(|| {
            let sleep = sleep(&worker.handle, limit);
            Box::new(Silence {
                sleep,
                asked: false,
            })
        });
        Client {
            stream,
            place,
            lines: LineBuffer::new(worker.settings.max_line),
            handed: 0,
            left: None,
            recounted: false,
            ended: false,
            silence,
            worker: Rc::clone(worker),
            peer,
        }
    }

    pub(super) fn writer(&self) -> Writer {
        self.stream.writer()
    }

    pub(super) fn worker(&self) -> Rc<Worker> {
        Rc::clone(&self.worker)
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// Names the running task after it, for whoever looks on.
    pub(super) fn name_task(&self, what: &str) {
        let name = || format!("{}{what}", self.peer);
        self.worker.handle.name_task(name);
    }

    /// The next line; none when the input has ended, or when the server ends and what had arrived by then is answered.
    ///
    /// Dropping the future loses nothing: an unfinished line is kept here, unread input in the stream.
    ///
    /// # Errors
    /// Those of the stream; `TimedOut` after too long a silence; `OutOfMemory`: its buffers are called in.
    pub(super) fn read_line(&mut self) -> ReadLine<'_> {
        ReadLine(self)
    }

    /// The line that was read last.
    pub(super) fn line(&self, found: Found) -> Line<'_> {
        self.lines.line(found, self.stream.input())
    }

    /// One step of [`ReadLine`]: a line, or Pending if input is needed that is not there.
    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Found>>> {
        if self.handed > 0 {
            self.stream.consume(std::mem::take(&mut self.handed));
        }
        loop {
            if self.stream.buffered() > 0 {
                ready!(self.stream.poll_in_order(cx))?;
                let (consumed, found) = self.lines.next(self.stream.input());
                if found.is_some() {
                    self.handed = consumed;
                    return Poll::Ready(Ok(found));
                }
                self.stream.consume(consumed);
            } else if self.lines.held() > 0 {
                // There is no line in nothing, but the one that was handed out last is let go of.
                self.lines.next(&[]);
            }
            let more = match self.left {
                None => ready!(self.poll_more(cx))?,
                Some(left) => ready!(self.poll_rest(left, cx))?,
            };
            if !more {
                return Poll::Ready(Ok(self.lines.finish()));
            }
        }
    }

    /// Waits for input; `false`: there will be none.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let more = ready!(self.stream.poll_fill(cx, usize::MAX))?;
        self.worker.stats.input(self.stream.buffered());
        self.ended = !more;
        Poll::Ready(Ok(more))
    }

    /// The same at the end of the server: reads what is `left` of what had arrived then.
    #[cold]
    fn poll_rest(&mut self, left: usize, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        // While output waits or the budget is spent, to read nothing would not mean that nothing is there.
        ready!(self.stream.poll_in_order(cx))?;
        self.stream.expect_input();
        let filled = self.stream.poll_fill(cx, left.max(1));
        let count = self.stream.buffered();
        let mut left = left;
        if left == 0 && count > 0 && !std::mem::replace(&mut self.recounted, true) {
            left = count + self.stream.unread()?;
        }
        if left == 0 || filled.is_pending() {
            // All that had arrived has been read. Had the end arrived behind it? If not, an unfinished line stays so.
            self.ended = matches!(filled, Poll::Ready(Ok(false)));
            self.stream.consume(count);
            if !self.ended {
                self.lines = LineBuffer::new(self.worker.settings.max_line);
            }
            return Poll::Ready(Ok(false));
        }
        let more = ready!(filled)?;
        self.worker.stats.input(count);
        self.left = Some(left - count);
        self.ended = !more;
        Poll::Ready(Ok(more))
    }

    /// Shows in the log what it said.
    #[cold]
    pub(super) fn log_text(&self, line: Line<'_>) {
        let text = String::from_utf8_lossy(protocol::text(line.text()));
        log::debug!("{} --> {}", self.peer, Escaped(&text));
    }

    /// Tells of trouble in the log: once a second and cause, with the count.
    #[cold]
    pub(super) fn trouble(&self, what: &'static str) {
        let worker = &self.worker;
        worker.trouble.warn(worker.handle.now(), what, self.peer);
    }

    /// Sends what has gathered, at the end of the dialogue: input that is left is not answered. The end of the stream must
    /// follow.
    ///
    /// # Errors
    /// As [`Client::read_line`].
    pub(super) fn finish(&mut self) -> Finish<'_> {
        self.forget_input();
        self.stream.end_follows();
        Finish(self)
    }

    /// Whether it has been silent for too long. `TimedOut` alone does not say so: a connection whose other machine is gone
    /// times out of itself.
    pub(super) fn is_idle(&self) -> bool {
        let limit = self.worker.settings.idle_timeout;
        let asked = self.silence.as_ref().is_some_and(|silence| silence.asked);
        asked && self.worker.handle.now() >= self.stream.active() + limit
    }

    /// What may end a wait besides what is waited for: `Ok` means look again.
    #[inline]
    fn poll_interrupted(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.silence.is_none() && !self.worker.shutdown.is_set() {
            return Poll::Pending; // as nearly always
        }
        self.poll_end(cx)
    }

    #[cold]
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.left.is_none() && self.worker.shutdown.is_set() {
            self.left = Some(self.stream.unread()?);
            return Poll::Ready(Ok(()));
        }
        if self.left.is_some() {
            self.stream.expect_room(); // all are woken now and then: see `drain`
        }
        let Some(silence) = &mut self.silence else {
            return Poll::Pending;
        };
        let Silence { sleep, asked } = &mut **silence;
        loop {
            ready!(Pin::new(&mut *sleep).poll(cx));
            let (now, patience) = (self.worker.handle.now(), self.worker.settings.idle_timeout);
            // What it had said may have waited long for its turn here: the replies to that go out first, and count.
            let _ = Pin::new(&mut self.stream.flush()).poll(cx);
            self.stream.expect_room();
            let due = self.stream.active() + patience;
            if due > sleep.deadline() {
                sleep.reset(due);
                *asked = false;
            } else if !*asked && now.since(sleep.deadline()) >= STOPPED {
                sleep.reset(now + patience);
            } else if *asked {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            } else {
                self.stream.expect_input();
                *asked = true;
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Drop for Client {
    /// However its session has ended, by itself or cut off.
    fn drop(&mut self) {
        if self.place.is_some() {
            log::info!("{} quit", self.peer);
        }
    }
}

/// See [`Client::read_line`].
pub(super) struct ReadLine<'a>(&'a mut Client);

impl Future for ReadLine<'_> {
    type Output = io::Result<Option<Found>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let client = &mut *self.0;
        loop {
            if let Poll::Ready(found) = client.poll_line(cx) {
                return Poll::Ready(found);
            }
            client.stream.keep(client.lines.held());
            ready!(client.poll_interrupted(cx))?;
        }
    }
}

/// See [`Client::finish`].
pub(super) struct Finish<'a>(&'a mut Client);

impl Future for Finish<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let client = &mut *self.0;
        loop {
            if let Poll::Ready(flushed) = Pin::new(&mut client.stream.flush()).poll(cx) {
                return Poll::Ready(flushed);
            }
            ready!(client.poll_interrupted(cx))?;
        }
    }
}
