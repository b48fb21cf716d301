//! Warnings that may come by the thousand.

use std::cell::RefCell;
use std::fmt::Display;
use std::time::Duration;

use crate::reactor::Time;

/// One warning a second for each cause, and the count of those that were not told.
const EVERY: Duration = Duration::from_secs(1);

/// Tells trouble in the log: at once, and then at most a line a second and cause, with the count since the last.
#[derive(Default)]
pub(super) struct Throttle {
    causes: RefCell<Vec<Cause>>,
}

struct Cause {
    what: &'static str,
    next: Time,
    untold: u64,
}

impl Throttle {
    /// Warns of `what`, a fixed text that names the cause, with `detail`: whom it concerns, or the error.
    pub(super) fn warn(&self, now: Time, what: &'static str, detail: impl Display) {
        self.warn_of(now, what, detail, 1);
    }

    /// The same, for what has happened `count` times, the last time to `detail`.
    pub(super) fn warn_of(&self, now: Time, what: &'static str, detail: impl Display, count: u64) {
        match self.due(now, what, count) {
            None => {}
            Some(0) => log::warn!("{what}: {detail}"),
            Some(untold) => {
                log::warn!("{what}: {detail} ({untold} more since the last such line)");
            }
        }
    }

    /// Counts what has happened `count` times: if it is to be told now, how many there are besides this one.
    pub(super) fn due(&self, now: Time, what: &'static str, count: u64) -> Option<u64> {
        let mut causes = self.causes.borrow_mut();
        let at = causes
            .iter()
            .position(|cause| cause.what == what)
            .unwrap_or_else(|| {
                causes.push(Cause {
                    what,
                    next: Time::ZERO,
                    untold: 0,
                });
                causes.len() - 1
            });
        let cause = &mut causes[at];
        cause.untold += count;
        if now < cause.next {
            return None;
        }
        cause.next = now + EVERY;
        Some(std::mem::take(&mut cause.untold) - 1)
    }

    /// Warns, at the end, of all that has not been told.
    pub(super) fn tell_the_rest(&self) {
        for (what, untold) in self.untold() {
            log::warn!("{what}: {untold} more since the last such line");
        }
    }

    /// What has happened since it was due, how often: from now on that counts as told.
    pub(super) fn untold(&self) -> Vec<(&'static str, u64)> {
        let mut causes = self.causes.borrow_mut();
        let untold = causes
            .iter_mut()
            .map(|cause| (cause.what, std::mem::take(&mut cause.untold)));
        untold.filter(|&(_, count)| count > 0).collect()
    }
}
