//! What the errors of `accept(2)` mean, for whoever accepts.

use std::io;
use std::time::Duration;

use rustix::io::Errno;

use super::throttle::Throttle;
use crate::reactor::Time;

/// How long accepting pauses for want of descriptors or memory: at first, and at most.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Errors in a row that are taken for the fate of single connections. More are the listener's own.
pub(super) const FAILURES: u32 = 16;

/// A client that comes while the backlog is emptied at the end is let in too, but not without end.
pub(super) const BACKLOG: usize = 65_536;

/// Whether an error of `accept(2)` is the fate of the one connection that it would have returned, so that the next can
/// be accepted at once. The network's errors are: the manual page says to treat them like EAGAIN by retrying.
pub(super) fn is_of_one_connection(error: &io::Error) -> bool {
    let Some(errno) = Errno::from_io_error(error) else {
        return false;
    };
    matches!(
        errno,
        Errno::CONNABORTED
            | Errno::CONNRESET
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::INTR
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::NONET
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::PERM
            | Errno::PROTO
            | Errno::TIMEDOUT
            // Not accept's, but epoll's: no more watches for this user.
            | Errno::NOSPC
    )
}

/// How long to wait before accepting is tried again: longer each time. `last` is the pause before; the first of a row,
/// when there was none, is told as trouble.
pub(super) fn pause_after(
    last: Option<Duration>,
    error: &io::Error,
    now: Time,
    trouble: &Throttle,
) -> Duration {
    let Some(last) = last else {
        let detail = format_args!("{error}; connections wait until there is room");
        trouble.warn(now, "accepting pauses", detail);
        return PAUSE;
    };
    (2 * last).min(LONGEST_PAUSE)
}
