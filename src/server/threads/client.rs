//! A client: what is between the dialogue and the socket.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use rustix::event::PollFlags;

use super::clerk::{Message, Phase};
use super::connection::{Connection, Order};
use super::turns::Turn;
use super::{Office, now};
use crate::protocol::{self, Answer, Found, Line, LineBuffer, Session};
use crate::reactor::{HIGH_WATER, Time};
use crate::server::escape::Escaped;
use crate::server::limits::LINGER;
use crate::server::peer::Peer;
use crate::server::stats::Totals;
use crate::server::throttle::Throttle;

/// Bytes of the buffer that a session waits with for input, and of the one that it has while more comes than that holds.
pub(super) const SMALL: usize = 4 << 10;
const LARGE: usize = 64 << 10;

/// A client that ended its own side and does not read: nothing that the clerk could shut would wake its session, which
/// looks into its queue so often.
const LOOK: Duration = Duration::from_secs(1);

/// Between two looks whether there is memory again.
const NAP: Duration = Duration::from_millis(2);

/// One client. Its fields are dropped in this order: that its session has ended is reported when its descriptor is closed.
pub(super) struct Client {
    pub(super) connection: Arc<Connection>,
    pub(super) orders: Receiver<Order>,
    /// What was read, where the line in hand was looked for in it, and where the next is.
    pub(super) input: Vec<u8>,
    from: usize,
    at: usize,
    pub(super) lines: LineBuffer,
    /// Replies, and how much of them is sent.
    pub(super) output: Vec<u8>,
    pub(super) sent: usize,
    /// The server ends: so much is left to read of what had arrived then.
    left: Option<usize>,
    /// That was counted up to an urgent byte only: behind it there may be more.
    marked: bool,
    /// How far the server's end has come, as the clerk has told.
    pub(super) phase: Phase,
    /// The clerk has shut the receiving side down.
    pub(super) deaf: bool,
    /// The end of the input has been read.
    pub(super) ended: bool,
    trouble: Throttle,
    pub(super) report: Report,
}

/// What a session did. Dropping it, at the end or by a panic, tells the clerk, who joins the thread then.
pub(super) struct Report {
    id: u64,
    pub(super) totals: Totals,
    clerk: Sender<Message>,
}

impl Report {
    /// Made by the thread itself: one that never began has nothing to report.
    pub(super) fn new(id: u64, clerk: Sender<Message>) -> Report {
        let totals = Totals::default();
        Report { id, totals, clerk }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.totals.panics += u64::from(thread::panicking());
        let (id, totals) = (self.id, self.totals);
        // If the clerk is gone, so is who could be told.
        let _ = self.clerk.send(Message::Left { id, totals });
    }
}

impl Client {
    pub(super) fn new(
        connection: Arc<Connection>,
        orders: Receiver<Order>,
        report: Report,
    ) -> Client {
        let lines = LineBuffer::new(connection.office.settings.max_line);
        Client {
            connection,
            orders,
            input: Vec::with_capacity(SMALL),
            from: 0,
            at: 0,
            lines,
            output: Vec::new(),
            sent: 0,
            left: None,
            marked: false,
            phase: Phase::Serving,
            deaf: false,
            ended: false,
            trouble: Throttle::default(),
            report,
        }
    }

    pub(super) fn peer(&self) -> Peer {
        self.connection.peer
    }

    /// Shows in the log what it said.
    pub(super) fn log_text(&self, found: Found) {
        if log::log_enabled!(log::Level::Debug) {
            let text = String::from_utf8_lossy(protocol::text(self.line(found).text()));
            log::debug!("{} --> {}", self.peer(), Escaped(&text));
        }
    }

    /// Tells the clerk of trouble, who has it in the log: once a second and cause, with the count.
    pub(super) fn trouble(&self, what: &'static str) {
        if let Some(untold) = self.trouble.due(now(), what, 1) {
            self.tell(what, 1 + untold);
        }
    }

    /// Tells the clerk, at the end, what trouble there was that he has not been told of.
    pub(super) fn tell_the_rest(&self) {
        for (what, count) in self.trouble.untold() {
            self.tell(what, count);
        }
    }

    fn tell(&self, what: &'static str, count: u64) {
        let who = self.peer().to_string();
        let message = Message::Trouble { what, who, count };
        let _ = self.report.clerk.send(message);
    }

    fn line(&self, found: Found) -> Line<'_> {
        self.lines.line(found, &self.input[self.from..])
    }

    /// Appends to what is to be sent.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Appends the answer to the line that was read last.
    ///
    /// # Errors
    /// `OutOfMemory`: its buffers are called in. `ConnectionAborted`: it was cut off before it had a turn.
    pub(super) fn answer(&mut self, session: &mut Session, found: Found) -> io::Result<Answer> {
        let office = Arc::clone(&self.connection.office);
        let turn = if self.is_long(found) {
            Some(self.take_turn(&office)?)
        } else {
            None
        };
        let before = self.output.len();
        let line = self.lines.line(found, &self.input[self.from..]);
        let answer = session.answer(line, office.settings.max_line, &mut self.output);
        self.report.totals.lines += 1;
        self.report.totals.bytes_out += (self.output.len() - before) as u64;
        if turn.is_some() {
            self.account();
        }
        Ok(answer)
    }

    /// Waits for a turn at long work, and for the clerk.
    fn take_turn<'a>(&mut self, office: &'a Office) -> io::Result<Turn<'a>> {
        let mut error = None;
        let turn = office.turns.take(|| {
            error = self.look().err();
            error.is_some() || self.phase == Phase::Cutting
        });
        turn.ok_or_else(|| error.unwrap_or_else(|| ErrorKind::ConnectionAborted.into()))
    }

    /// Whether to answer a line takes so much time or memory that not all sessions should do that at once.
    fn is_long(&self, found: Found) -> bool {
        self.line(found).text().len() > SMALL
    }

    /// The next line; none when the input has ended, or when the server ends and what had arrived by then is answered.
    /// What was written is sent when there is no further line to answer, or when much has gathered.
    ///
    /// # Errors
    /// Those of the socket; `TimedOut` after too long a silence; `OutOfMemory`: its buffers are called in;
    /// `ConnectionAborted`: it was cut off.
    pub(super) fn read_line(&mut self) -> io::Result<Option<Found>> {
        if self.output.len() > HIGH_WATER {
            self.flush()?;
            // Where many are at work, the clerk would come late to tell them.
            thread::yield_now();
            self.look_before_more()?;
        }
        loop {
            self.from = self.at;
            let (consumed, found) = self.lines.next(&self.input[self.from..]);
            self.at += consumed;
            if found.is_some() {
                return Ok(found);
            }
            self.flush()?;
            if !self.fill()? {
                return Ok(self.lines.finish());
            }
        }
    }

    /// Waits for input; `false`: there will be none.
    fn fill(&mut self) -> io::Result<bool> {
        self.look_before_more()?;
        let deadline = self.idle_deadline();
        loop {
            if self.left == Some(0) && !self.marked {
                // All that had arrived is answered. The rest of a line whose end had not come is not.
                self.lines = LineBuffer::new(0);
                return Ok(false);
            }
            self.forget_input();
            let waits = self.left.is_none() && self.input.capacity() <= SMALL;
            if waits && self.output.capacity() > SMALL {
                self.output = Vec::new(); // all of it is sent
            }
            self.account();
            self.hold_back()?;
            if waits && let Some(deadline) = deadline {
                self.wait_until_readable(deadline)?;
            }
            // What has come may be an urgent byte: a read throws that away, and would wait on without a deadline.
            let sleeps = waits && deadline.is_none();
            match self.connection.receive(&mut self.input, sleeps) {
                // It may be the clerk who wakes us.
                Ok(0) if self.look()? => {}
                Ok(count @ 1..) => {
                    self.take_in(count);
                    return Ok(true);
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                other => match (&mut self.left, other) {
                    (Some(left), _) => (*left, self.marked) = (0, false),
                    (None, Ok(_)) => {
                        self.ended = true;
                        return Ok(false);
                    }
                    // No more comes for now: it waits with a small buffer.
                    (None, Err(_)) => self.input = Vec::with_capacity(SMALL),
                },
            }
        }
    }

    /// Waits for input as long as a client may be silent.
    fn wait_until_readable(&self, deadline: Time) -> io::Result<()> {
        let patience = deadline.since(now());
        let found = self.connection.wait(PollFlags::IN, Some(patience))?;
        if found.is_empty() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// Takes in what was read. What came after the server was told to end is left out.
    fn take_in(&mut self, count: usize) {
        let full = self.input.len() == self.input.capacity();
        let count = match &mut self.left {
            Some(left) => {
                if *left == 0 && std::mem::take(&mut self.marked) {
                    // That went past the urgent byte. What is behind it had arrived, too.
                    *left = count + self.connection.unread();
                }
                let count = count.min(*left);
                *left -= count;
                count
            }
            None => count,
        };
        self.input.truncate(count);
        self.report.totals.bytes_in += count as u64;
        if full && self.input.capacity() < LARGE {
            let _ = self.input.try_reserve_exact(LARGE - count); // a small one does as well
        }
    }

    pub(super) fn forget_input(&mut self) {
        self.input.clear();
        (self.from, self.at) = (0, 0);
    }

    /// Sends what was written, at the end of the dialogue. The end of the connection must follow.
    ///
    /// # Errors
    /// As [`Client::read_line`].
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.send_output(true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_output(false)
    }

    fn send_output(&mut self, is_last: bool) -> io::Result<()> {
        while self.sent < self.output.len() {
            match self.connection.send(&self.output[self.sent..], is_last) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.send_to_a_slow_one(is_last)?;
                }
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.sent = 0;
        Ok(())
    }

    /// Sends something to a client that does not read, when it does. Its input is not read meanwhile: that is all the
    /// backpressure there is.
    #[cold]
    fn send_to_a_slow_one(&mut self, is_last: bool) -> io::Result<()> {
        self.account();
        self.connection.set_stuck(true);
        let deadline = self.idle_deadline();
        // The clerk wakes us by an end of input; if there is one already we must look by ourselves.
        let mut wakes = PollFlags::RDHUP;
        loop {
            self.look()?;
            if self.phase == Phase::Cutting {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            let rest = deadline.map(|deadline| deadline.since(now()));
            let look = wakes.is_empty().then_some(LOOK);
            let limit = [rest, look].into_iter().flatten().min();
            let found = self.connection.wait(PollFlags::OUT | wakes, limit)?;
            wakes.remove(found);
            // A write is taken long before the kernel calls the socket writable; and who is sent something is not idle.
            let is_over = rest == Some(Duration::ZERO);
            if !is_over && !found.intersects(PollFlags::OUT | PollFlags::ERR | PollFlags::HUP) {
                continue;
            }
            match self.connection.send(&self.output[self.sent..], is_last) {
                Ok(count) => {
                    self.sent += count;
                    self.connection.set_stuck(false);
                    return Ok(());
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) if is_over => return Err(ErrorKind::TimedOut.into()),
                Err(_) => {}
            }
        }
    }

    /// When it will have been idle for too long, if nothing moves from now on.
    fn idle_deadline(&self) -> Option<Time> {
        let patience = self.connection.office.settings.idle_timeout;
        (!patience.is_zero()).then(|| now() + patience)
    }

    /// Looks whether the clerk wants something; tells whether it does.
    ///
    /// # Errors
    /// `OutOfMemory`: its buffers are called in.
    pub(super) fn look(&mut self) -> io::Result<bool> {
        match self.orders.try_recv() {
            Ok(Order::Drain { ended }) => {
                self.phase = Phase::Draining;
                self.deaf = true;
                // If the input had ended there is a last line to it, and an end that we come to by ourselves.
                if !ended {
                    self.marked = self.connection.is_marked();
                    self.left = Some(self.connection.unread());
                }
                Ok(true)
            }
            Ok(Order::Leave) => {
                self.deaf = true;
                Err(ErrorKind::OutOfMemory.into())
            }
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => {
                self.phase = Phase::Cutting;
                Ok(false)
            }
        }
    }

    /// The same before more is answered. A client that takes all its replies at once is never waited for, so it is here that
    /// the drain's time ends its work; who has nothing left is not cut off from anything.
    fn look_before_more(&mut self) -> io::Result<()> {
        self.look()?;
        if self.phase == Phase::Cutting && self.has_input() {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    fn has_input(&self) -> bool {
        let left = || self.left.unwrap_or_else(|| self.connection.unread());
        self.at < self.input.len() || left() > 0
    }

    /// Whether the clerk has cut it off.
    pub(super) fn is_cut(&self) -> bool {
        self.orders.try_iter().count();
        matches!(self.orders.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// Where much more is kept than may be, who keeps a part of it reads no more until the clerk has sent enough of them
    /// away: together they are faster than he is. Not for ever: who is sent away has gone within a second.
    fn hold_back(&mut self) -> io::Result<()> {
        let end = now() + LINGER;
        while self.connection.held() > 0
            && self.connection.office.budget.is_far_over()
            && self.phase != Phase::Cutting
            && now() < end
        {
            thread::sleep(NAP);
            self.look()?;
        }
        Ok(())
    }

    /// Accounts for what is kept while the session waits, besides what each has at any time: two small buffers.
    pub(super) fn account(&mut self) {
        let buffers =
            [&self.input, &self.output].map(|buffer| buffer.capacity().saturating_sub(SMALL));
        let held = self.lines.held() + buffers[0] + buffers[1];
        if held != self.connection.held() && self.connection.hold(held) {
            let _ = self.report.clerk.send(Message::OverLimit);
        }
    }
}

#[cfg(test)]
mod tests;
