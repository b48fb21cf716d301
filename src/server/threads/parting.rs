//! Parting with a client: what is owed to it is sent, it is told why, and it gets the time to read it.

use std::io::{self, ErrorKind};
use std::sync::mpsc::RecvTimeoutError;

use rustix::event::PollFlags;

use super::clerk::Phase;
use super::client::{Client, SMALL};
use super::now;
use crate::protocol::LineBuffer;
use crate::protocol::messages::{IDLE_TIMEOUT, OUT_OF_MEMORY};
use crate::server::limits::{LINGER, LINGER_BYTES, QUIET};

impl Client {
    /// Ends the connection after its dialogue: says why if the dialogue failed, and lingers.
    pub(super) fn part(&mut self, dialogue: io::Result<()>) {
        let farewell = match dialogue {
            Ok(()) => None,
            Err(error) if error.kind() == ErrorKind::TimedOut => Some(IDLE_TIMEOUT),
            Err(error) if error.kind() == ErrorKind::OutOfMemory => {
                self.trouble("the memory limit is reached, a client is sent away");
                Some(OUT_OF_MEMORY)
            }
            // The connection is broken, by the client or, when the drain's time is over, by the clerk.
            Err(error) => {
                self.report.totals.cut_off += u64::from(self.is_cut());
                return log::debug!("{}: {error}", self.peer());
            }
        };
        match farewell {
            Some(farewell) => self.send_away(farewell),
            None => self.let_go(),
        }
        if !self.ended {
            self.linger();
        }
    }

    /// Says a last word to one who may not listen, in place of what is unsent, but not in the middle of a reply.
    pub(super) fn send_away(&mut self, farewell: &[u8]) {
        let between_replies = self.sent == 0 || self.output[self.sent - 1] == b'\n';
        self.let_go();
        if !between_replies {
            return;
        }
        self.connection.set_stuck(true);
        let (mut rest, deadline) = (farewell, now() + LINGER);
        while !rest.is_empty() && now() < deadline {
            match self.connection.send(rest, true) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let _ = self.look();
                    if self.phase == Phase::Cutting {
                        return;
                    }
                    let patience = deadline.since(now());
                    if self
                        .connection
                        .wait(PollFlags::OUT, Some(patience))
                        .is_err()
                    {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Lets go of all that it keeps: to part takes a while, and others wait for that memory.
    fn let_go(&mut self) {
        self.lines = LineBuffer::new(0);
        self.forget_input();
        self.input = Vec::with_capacity(SMALL);
        self.output = Vec::new();
        self.sent = 0;
        self.account();
    }

    /// Ends the sending side and discards input until the client ends its own.
    ///
    /// A socket that is closed with unread input, or that gets some afterwards, sends a reset, and that takes from the
    /// client the replies that it has not read yet.
    pub(super) fn linger(&mut self) {
        self.connection.begin_parting();
        // An order that came just before has deafened us.
        let _ = self.look();
        if self.deaf {
            return self.fade();
        }
        let end = now() + LINGER;
        let mut bytes = LINGER_BYTES;
        if self.connection.say_no_more().is_err() {
            return;
        }
        loop {
            let _ = self.look(); // called in, it has nothing to give any more
            if self.phase == Phase::Cutting {
                return;
            }
            // Short naps: the clerk does not wake who is parting.
            match self.connection.wait(PollFlags::IN, Some(QUIET)) {
                // Silent for a nap: who drains asks for no more.
                Ok(found) if found.is_empty() && self.phase == Phase::Draining => return,
                Ok(_) => {}
                Err(_) => return,
            }
            self.forget_input();
            match self.connection.receive(&mut self.input, false) {
                Ok(0) => return,
                Ok(count) => bytes = bytes.saturating_sub(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
            if self.phase == Phase::Serving && (now() >= end || bytes == 0) {
                return;
            }
        }
    }

    /// The same for one whose receiving side the clerk has shut. If its sending side were, too, the kernel would answer
    /// what the client still sends with a reset. So that is left to the close, which comes once the client is silent.
    fn fade(&mut self) {
        let end = now() + LINGER;
        let mut bytes = LINGER_BYTES;
        // Until the clerk wants no more of it, or the client is silent.
        loop {
            match self.orders.recv_timeout(QUIET) {
                Ok(_) => continue, // an order is no silence of the client's
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let count = self.discard();
            bytes = bytes.saturating_sub(count);
            if count == 0 || self.phase == Phase::Serving && (now() >= end || bytes == 0) {
                return;
            }
        }
    }

    /// Discards what is there, up to a mebibyte; how much it was.
    fn discard(&mut self) -> usize {
        let mut sum = 0;
        while sum < LINGER_BYTES {
            self.forget_input();
            match self.connection.receive(&mut self.input, false) {
                Ok(count @ 1..) => sum += count,
                _ => break,
            }
        }
        sum
    }
}
