//! What is measured while a run lasts.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::dialogue::Mismatch;
use super::trouble::{Trouble, Troubles};

/// The longest time that a histogram tells apart: an hour. What takes longer counts as that.
const LONGEST: u64 = 3600 * 1_000_000_000;
/// How many wrong replies are kept, to be shown.
const EXAMPLES: usize = 5;

/// A histogram of durations in nanoseconds, to three significant digits, up to an hour.
///
/// # Panics
/// Never: the bounds are sound.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("sound bounds")
}

/// One second of the load that counts; the last one may be shorter.
#[derive(Clone, Debug, PartialEq)]
pub struct Second {
    /// From the start of the load that counts to the end of this second.
    pub until: Duration,
    /// How long it was.
    pub length: Duration,
    /// Replies that came in it.
    pub replies: u64,
    /// Errors of all kinds in it.
    pub errors: u64,
    /// The median time from intended send to reply, of the replies that came in it; none: there were none.
    pub p50: Option<Duration>,
    /// The same, 99th percentile.
    pub p99: Option<Duration>,
}

impl Second {
    /// Replies a second.
    pub fn rate(&self) -> f64 {
        per_second(self.replies, self.length)
    }
}

/// So many in so long a time; zero in no time.
pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    count as f64 / time.as_secs_f64()
}

/// The counters of a run. One thread has them.
pub(super) struct Tally {
    /// From the intended send to the reply.
    pub(super) intended: Histogram<u64>,
    /// From the actual send to the reply; empty in a closed loop, where it is the same.
    pub(super) sent: Histogram<u64>,
    /// From the begin of a connect to its success.
    pub(super) connects: Histogram<u64>,
    /// From the begin of a connect to the end of the greeting.
    pub(super) greetings: Histogram<u64>,
    /// From the begin of a connect to the server's end, of a connection that sends but one line.
    pub(super) sessions: Histogram<u64>,
    /// Round trips of the sweep over the silent.
    pub(super) pings: Histogram<u64>,
    /// Lines that were sent and count.
    pub(super) requests: u64,
    /// Replies that came.
    pub(super) replies: u64,
    /// The same since the first connect, whatever counts.
    pub(super) answered: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) slow_replies: u64,
    pub(super) slow_bytes: u64,
    pub(super) troubles: Troubles,
    pub(super) mismatches: Vec<Mismatch>,
    pub(super) seconds: Vec<Second>,
    last: Last,
}

/// What it was when the last second ended.
struct Last {
    until: Duration,
    replies: u64,
    errors: u64,
    intended: Histogram<u64>,
}

impl Tally {
    pub(super) fn new() -> Tally {
        Tally {
            intended: histogram(),
            sent: histogram(),
            connects: histogram(),
            greetings: histogram(),
            sessions: histogram(),
            pings: histogram(),
            requests: 0,
            replies: 0,
            answered: 0,
            bytes_sent: 0,
            bytes_received: 0,
            slow_replies: 0,
            slow_bytes: 0,
            troubles: Troubles::default(),
            mismatches: Vec::new(),
            seconds: Vec::new(),
            last: Last {
                until: Duration::ZERO,
                replies: 0,
                errors: 0,
                intended: histogram(),
            },
        }
    }

    pub(super) fn trouble(&mut self, trouble: Trouble) {
        self.troubles.count(trouble);
    }

    pub(super) fn mismatch(&mut self, mismatch: Mismatch) {
        self.trouble(Trouble::Mismatch);
        if self.mismatches.len() < EXAMPLES {
            self.mismatches.push(mismatch);
        }
    }

    /// From now on it counts. Errors have counted all the time, and so have connects, unless there will be more of them:
    /// with `churn`.
    pub(super) fn start(&mut self, churn: bool) {
        for histogram in [&mut self.intended, &mut self.sent, &mut self.sessions] {
            histogram.reset();
        }
        if churn {
            self.connects.reset();
            self.greetings.reset();
        }
        self.last.intended.reset();
        self.last.until = Duration::ZERO;
        self.last.errors = self.troubles.total();
        (self.requests, self.replies, self.last.replies) = (0, 0, 0);
        (self.bytes_sent, self.bytes_received) = (0, 0);
        self.seconds.clear();
    }

    /// A second has ended, at this time since the start.
    pub(super) fn second(&mut self, until: Duration) -> Second {
        let length = until.saturating_sub(self.last.until);
        // What came in this second is what is new in the histogram: so each reply is recorded but once.
        let now = self.intended.clone();
        let mut new = now.clone();
        let known = new.subtract(&self.last.intended).is_ok();
        let percentile = |p| {
            let nanos = new.value_at_percentile(p);
            (known && !new.is_empty()).then(|| Duration::from_nanos(nanos))
        };
        let errors = self.troubles.total();
        let second = Second {
            until,
            length,
            replies: self.replies - self.last.replies,
            errors: errors - self.last.errors,
            p50: percentile(50.0),
            p99: percentile(99.0),
        };
        self.last = Last {
            until,
            replies: self.replies,
            errors,
            intended: now,
        };
        self.seconds.push(second.clone());
        second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_tells_what_is_new_in_it() {
        let mut tally = Tally::new();
        let reply = |tally: &mut Tally, count: u64, millis: u64| {
            tally.replies += count;
            tally.intended.record_n(millis * 1_000_000, count).unwrap();
        };
        reply(&mut tally, 5, 700); // warm-up
        tally.trouble(Trouble::Refused);
        tally.start(false);
        reply(&mut tally, 100, 1);
        tally.trouble(Trouble::Reset);
        let one = tally.second(Duration::from_secs(1));
        assert_eq!((one.replies, one.errors, one.rate()), (100, 1, 100.0));
        assert_eq!(one.p99.unwrap().as_millis(), 1);
        reply(&mut tally, 50, 20);
        let two = tally.second(Duration::from_millis(1500));
        assert_eq!((two.replies, two.errors, two.rate()), (50, 0, 100.0));
        assert_eq!(two.p50.unwrap().as_millis(), 20);
        let three = tally.second(Duration::from_millis(1500));
        assert_eq!((three.replies, three.p50, three.rate()), (0, None, 0.0));
        assert_eq!(tally.seconds, [one, two, three]);
        assert_eq!(tally.intended.len(), 150);
    }

    #[test]
    fn a_few_mismatches_are_kept_and_all_are_counted() {
        let mut tally = Tally::new();
        for n in 0..100 {
            tally.mismatch(Mismatch::new(b"a", &[n]));
        }
        assert_eq!(tally.troubles.of(Trouble::Mismatch), 100);
        assert_eq!(tally.mismatches.len(), EXAMPLES);
        assert_eq!(tally.mismatches[0].got, [0]);
    }
}
