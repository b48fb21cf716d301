//! The announcer: the thread that says in the log, from time to time, that the server is running.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::clerk::Message;
use super::now;
use crate::server::announcement::Announcement;
use crate::server::stats::Totals;

/// Announces `delay` from now, and then on a grid of `every`, until nobody holds the other end of `end` any more. What
/// could not be said in time, since the process was stopped for a while, is left out and counted.
pub(super) fn announce(
    delay: Duration,
    every: Duration,
    end: &Receiver<()>,
    clerk: &Sender<Message>,
) {
    let announcement = Announcement::new();
    let mut due = now() + delay;
    while end.recv_timeout(due.since(now())) == Err(RecvTimeoutError::Timeout) {
        let late = now().since(due);
        let missed = late.as_nanos() / every.as_nanos();
        let missed = u32::try_from(missed).unwrap_or(u32::MAX - 1);
        due = due + every * (missed + 1);
        announcement.log();
        if missed > 0 {
            let totals = Totals {
                missed_ticks: u64::from(missed),
                ..Totals::default()
            };
            let _ = clerk.send(Message::Tally(totals));
        }
    }
}
