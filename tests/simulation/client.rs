//! One client: what it did, what it got, and what the server did to its connection.

use std::time::Duration;

use nbcaser::reactor::Time;
use nbcaser::reactor::sim::Peer;

use crate::oracle::{Dialogue, FULL, IDLE, MEMORY};
use crate::plan::Act;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and most combinations occur"
)]
pub(crate) struct Client {
    pub(crate) peer: Peer,
    pub(crate) dialogue: Dialogue,
    /// All that it has got, and how much of that is known to be as expected.
    pub(crate) got: Vec<u8>,
    right: usize,
    /// It takes so many bytes in all.
    granted: Option<usize>,
    /// That there is less room than this the server is not told.
    low_water: usize,
    /// Its connection moves a few bytes at a time: what it says may take the server a while.
    pub(crate) slow: bool,
    /// It half-closed.
    pub(crate) finished: bool,
    /// It went away, whatever it was owed.
    pub(crate) gone: bool,
    /// How much of what it is to get was due when the signal came.
    pub(crate) due: usize,
    /// It connected when the signal had come.
    pub(crate) late: bool,
    pub(crate) standing: Standing,
    /// An operation on its connection was made to fail.
    pub(crate) fault: Option<std::io::ErrorKind>,
    /// When what is owed to it last changed.
    pub(crate) owed: Time,
    /// When a byte was last moved, and the longest that none was.
    pub(crate) moved: Time,
    pub(crate) silence: Duration,
    /// It has not taken what the server wrote, and nothing was moved since.
    pub(crate) was_stuck: bool,
    /// When the server ended its sending side, or the connection.
    pub(crate) shut: Option<Time>,
    pub(crate) closed: Option<Time>,
    /// It took nothing when that happened.
    stuck_at_the_end: bool,
    /// What the server read before it ended its sending side, and afterwards.
    pub(crate) read: u64,
    pub(crate) lingered: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// Not accepted yet.
    Waiting,
    Served,
    /// There was no place; whether it may linger.
    Refused(bool),
}

/// What could be the reason why a client got less than it might have.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) idle: bool,
    pub(crate) memory: bool,
    pub(crate) draining: bool,
}

impl Client {
    pub(crate) fn new(peer: Peer, max_line: usize, now: Time, late: bool) -> Client {
        Client {
            peer,
            dialogue: Dialogue::new(max_line),
            got: Vec::new(),
            right: 0,
            granted: None,
            low_water: 0,
            slow: false,
            finished: false,
            gone: false,
            due: 0,
            late,
            standing: Standing::Waiting,
            fault: None,
            owed: now,
            moved: now,
            silence: Duration::ZERO,
            was_stuck: false,
            shut: None,
            closed: None,
            stuck_at_the_end: false,
            read: 0,
            lingered: 0,
        }
    }

    pub(crate) fn act(&mut self, act: &Act) {
        self.catch_up();
        match act {
            Act::Send(bytes) if !self.finished => {
                self.peer.send(bytes);
                self.dialogue.send(bytes);
            }
            Act::Urgent if !self.finished => self.peer.send_urgent(),
            Act::Send(_) | Act::Urgent => {}
            Act::Finish => {
                self.peer.finish();
                self.dialogue.finish();
                self.finished = true;
            }
            Act::Reset => {
                self.peer.reset();
                self.gone = true;
            }
            Act::Close => {
                self.peer.close();
                self.dialogue.finish();
                self.gone = true;
            }
            Act::Window(n) => {
                self.peer.window(*n);
                self.granted = Some(self.got.len() + n);
            }
            Act::Read(n) => {
                self.peer.read(*n);
                self.granted = self.granted.map(|granted| granted + n);
            }
            Act::ReadAll => {
                self.peer.window(usize::MAX);
                self.granted = None;
            }
            Act::LowWater(n) => {
                self.peer.low_water(*n);
                self.low_water = *n;
            }
            Act::Limit(read, write) => {
                self.peer.limit(*read, *write);
                self.slow = true;
            }
        }
    }

    pub(crate) fn catch_up(&mut self) {
        self.got.extend(self.peer.take_received());
    }

    /// It takes nothing at present.
    pub(crate) fn is_stuck(&self) -> bool {
        self.room() == 0
    }

    /// How much it takes now. What was corked when it last said so comes on top.
    fn room(&self) -> usize {
        let granted = self.granted.unwrap_or(usize::MAX);
        granted.saturating_sub(self.got.len())
    }

    /// It takes nothing, or so little that the server does not hear of it.
    fn seems_stuck(&self) -> bool {
        self.is_stuck() || self.room() < self.low_water
    }

    /// At the end of the drain: something is due to it, which it would take.
    pub(crate) fn is_owed(&self) -> bool {
        let served = self.standing == Standing::Served && self.shut.is_none();
        let listens = !self.gone && self.fault.is_none() && !self.slow && !self.is_stuck();
        served && listens && self.got.len() < self.due
    }

    /// The server moved a byte, or ended the connection.
    pub(crate) fn moves(&mut self, now: Time) -> Duration {
        let silence = now.since(self.moved);
        self.moved = now;
        self.silence = self.silence.max(silence);
        silence
    }

    /// The server ended its sending side, or the connection.
    pub(crate) fn ends(&mut self, now: Time) {
        self.catch_up();
        self.silence = self.silence.max(now.since(self.moved));
        if self.shut.is_none() {
            self.shut = Some(now);
            self.stuck_at_the_end = self.is_stuck();
        }
    }

    /// Whether it got what it had to by now: if not, what is wrong. `resting`: the server says that there is nothing more
    /// to do for anybody.
    pub(crate) fn check(
        &mut self,
        limits: Limits,
        resting: bool,
    ) -> Result<(), (&'static str, String)> {
        self.catch_up();
        let free = !self.gone && self.fault.is_none() && !self.seems_stuck();
        match self.standing {
            Standing::Waiting if self.got.is_empty() => Ok(()),
            Standing::Waiting => Err((
                "right bytes",
                "it got something before it was accepted".into(),
            )),
            Standing::Refused(_) if !FULL.starts_with(&self.got) => Err(self.wrong(0)),
            Standing::Refused(_)
                if free && resting && (self.got != FULL || self.shut.is_none()) =>
            {
                Err((
                    "nobody waits",
                    "it is not told that there is no place".into(),
                ))
            }
            Standing::Refused(_) => Ok(()),
            Standing::Served => self.check_served(limits, resting, free),
        }
    }

    fn check_served(
        &mut self,
        limits: Limits,
        resting: bool,
        free: bool,
    ) -> Result<(), (&'static str, String)> {
        let expected = &self.dialogue.expected;
        if !expected[self.right..].starts_with(&self.got[self.right..]) {
            let both = self.got.iter().zip(expected);
            self.right = both.take_while(|(got, expected)| got == expected).count();
            return self.check_farewell(limits);
        }
        self.right = self.got.len();
        let all = self.got.len() == expected.len();
        if !free || !resting {
            return Ok(());
        }
        if self.shut.is_none() {
            return if limits.draining {
                Err(("drain", "the server ends, and this session goes on".into()))
            } else if !all {
                let missing = expected.len() - self.got.len();
                Err((
                    "nobody waits",
                    format!("{missing} bytes are due, and do not come"),
                ))
            } else if self.dialogue.quit || self.finished {
                Err(("nobody waits", "it has got all, but not the end".into()))
            } else {
                Ok(())
            };
        }
        let in_reply = self.got.last().is_some_and(|&last| last != b'\n');
        let over = all && (self.dialogue.quit || self.finished);
        let heard_out = limits.draining && self.got.len() >= self.due && !in_reply;
        // Nobody is idle who takes what is owed to him.
        let no_last_word = limits.idle && self.stuck_at_the_end
            || limits.memory && (in_reply || self.stuck_at_the_end);
        if over || heard_out || no_last_word {
            Ok(())
        } else if limits.draining {
            Err((
                "drain",
                format!(
                    "it got {} bytes, and {} were due when the signal came",
                    self.got.len(),
                    self.due
                ),
            ))
        } else {
            Err((
                "right bytes",
                format!(
                    "it got {} bytes of {}, and the end",
                    self.got.len(),
                    expected.len()
                ),
            ))
        }
    }

    /// What it got is not what the protocol says. It may be the last word of a limit.
    fn check_farewell(&self, limits: Limits) -> Result<(), (&'static str, String)> {
        let line_end = self.got[..self.right]
            .iter()
            .rposition(|&byte| byte == b'\n');
        let from = line_end.map_or(0, |at| at + 1);
        let tail = &self.got[from..];
        let cut = self.seems_stuck() || self.stuck_at_the_end || self.gone || self.fault.is_some();
        let whole = [IDLE, MEMORY].contains(&tail) || cut || self.shut.is_none();
        if limits.idle && IDLE.starts_with(tail) || limits.memory && MEMORY.starts_with(tail) {
            return if whole { Ok(()) } else { Err(self.wrong(from)) };
        }
        if tail == IDLE {
            return Err((
                "limits",
                format!(
                    "it is sent away as idle, after {:?} at the most",
                    self.silence
                ),
            ));
        }
        if tail == MEMORY {
            return Err((
                "limits",
                "it is sent away for its memory, of which there is enough".into(),
            ));
        }
        Err(self.wrong(self.right))
    }

    fn wrong(&self, at: usize) -> (&'static str, String) {
        let from = at.saturating_sub(20);
        let part = |bytes: &[u8]| {
            bytes[from.min(bytes.len())..]
                .iter()
                .take(60)
                .copied()
                .collect::<Vec<_>>()
        };
        let expected = match self.standing {
            Standing::Served => &self.dialogue.expected[..],
            _ => FULL,
        };
        (
            "right bytes",
            format!(
                "at {from} it got \"{}\", where \"{}\" was to come",
                part(&self.got).escape_ascii(),
                part(expected).escape_ascii()
            ),
        )
    }

    /// How many lines it got an answer to.
    pub(crate) fn lines(&self) -> u64 {
        let ends = self.got[..self.right].iter().filter(|&&byte| byte == b'\n');
        (ends.count() as u64).saturating_sub(1)
    }
}
