//! What came out of a run: plain data.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::dialogue::Mismatch;
use super::tally::{Second, per_second};
use super::trouble::Troubles;

/// What ended a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Its time was over.
    Time,
    /// All lines that were asked for were sent.
    Requests,
    /// A signal, of this number.
    Signal(i32),
    /// An open loop had more lines in flight than its bound.
    Overload,
    /// No connection was left, or there never was one.
    Lost,
}

impl Ended {
    /// Its name, as programs read it.
    pub const fn key(self) -> &'static str {
        match self {
            Ended::Time => "time",
            Ended::Requests => "requests",
            Ended::Signal(_) => "signal",
            Ended::Overload => "overload",
            Ended::Lost => "lost",
        }
    }

    /// What is wrong with such an end, if anything is.
    pub const fn failure(self) -> Option<&'static str> {
        match self {
            Ended::Overload => Some("overload"),
            Ended::Lost => Some("no connection was left"),
            Ended::Time | Ended::Requests | Ended::Signal(_) => None,
        }
    }
}

/// What came out of a run. Latencies are in nanoseconds, of lines that counted: those that were to be sent after the
/// warm-up and before the end. Their replies are waited for, after the end if need be.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What ended it.
    pub ended: Ended,
    /// How long connecting took, before the load.
    pub ramp: Duration,
    /// How long the load that counts took.
    pub elapsed: Duration,
    /// Connections that were to be there, of all kinds; with churn: places for them.
    pub asked: usize,
    /// Connections that were greeted.
    pub connected: u64,
    /// Lines that counted and were sent, after the end if need be.
    pub requests: u64,
    /// Lines that counted, that an open loop was to send and did not.
    pub unsent: u64,
    /// Replies that came in `elapsed`; where a number of lines was asked for, those to lines that count.
    pub replies: u64,
    /// Bytes that were sent in `elapsed`.
    pub bytes_sent: u64,
    /// Bytes of replies that came in `elapsed`, to whichever lines.
    pub bytes_received: u64,
    /// From the time at which a line was to be sent to its reply.
    pub intended: Histogram<u64>,
    /// From the time at which it was sent to its reply; in a closed loop the same.
    pub sent: Histogram<u64>,
    /// From the begin of a connect to its success.
    pub connects: Histogram<u64>,
    /// From the begin of a connect to the end of the greeting.
    pub greetings: Histogram<u64>,
    /// With churn: from the begin of a connect to the server's end.
    pub sessions: Histogram<u64>,
    /// Round trips of the sweep over the idle connections.
    pub pings: Histogram<u64>,
    /// Replies that slow readers read.
    pub slow_replies: u64,
    /// Bytes that slow readers read.
    pub slow_bytes: u64,
    /// Errors, from the first connect to the last reply.
    pub troubles: Troubles,
    /// The first wrong replies.
    pub mismatches: Vec<Mismatch>,
    /// Each second of the load that counts.
    pub seconds: Vec<Second>,
    /// The CPU time that the load tester itself took in `elapsed`.
    pub own_cpu: Duration,
    /// What the server took, if its process was named.
    pub server: Option<ServerUse>,
}

/// What the server's process took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ServerUse {
    /// Its resident memory before the first connect, in bytes.
    pub memory_before: u64,
    /// With the idle connections, and no others.
    pub memory_idle: u64,
    /// After the last reply, all connections being there that do not come and go; if there was a number of lines to send,
    /// when they have left.
    pub memory_after: u64,
    /// The most resident memory that it ever had, up to the last reply, in bytes.
    pub memory_peak: u64,
    /// Its threads after the last reply.
    pub threads: u64,
    /// Its CPU time in `elapsed`, in all its threads, those that have ended included. Exact but for what was running when
    /// one looked: a few milliseconds at most, and nothing if the load tester runs on the same CPU.
    pub cpu: Duration,
    /// CPU time in user mode, from the end of the warm-up to the last reply, to a hundredth of a second.
    pub user: Duration,
    /// CPU time in the kernel; the same holds.
    pub system: Duration,
    /// How often its threads waited for something in that time. Threads that ended in it are not counted.
    pub waits: u64,
    /// How often its threads had to leave the CPU to others in that time; the same holds.
    pub preemptions: u64,
    /// Replies that came in that time.
    pub answered: u64,
}

impl Outcome {
    /// Replies a second.
    pub fn rate(&self) -> f64 {
        per_second(self.replies, self.elapsed)
    }

    /// How much of one CPU the load tester itself took: 1 is all of it.
    pub fn own_share(&self) -> f64 {
        self.own_cpu.as_secs_f64() / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Whether nothing went wrong. A signal is nothing wrong.
    pub fn is_clean(&self) -> bool {
        self.troubles.total() == 0 && self.ended.failure().is_none()
    }
}
