//! A connection, as its session and the clerk share it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use super::{Office, now};
use crate::server::limits::Place;
use crate::server::peer::Peer;

/// What the clerk tells a session. A queue that nobody can send to any more is an order, too: to wait for nothing.
pub(super) enum Order {
    /// The server ends: what has arrived is to be answered.
    Drain {
        /// The end of the input is there, so there is no more to come than is to be answered.
        ended: bool,
    },
    /// Its buffers are called in.
    Leave,
}

/// A connection: its session talks over it, the clerk looks at it and wakes its session. It is closed when the session
/// drops it, and frees its place then: the clerk holds it weakly.
pub(super) struct Connection {
    socket: OwnedFd,
    pub(super) peer: Peer,
    /// Bytes that its session keeps while it waits.
    held: AtomicUsize,
    /// Its session waits until the client has read.
    stuck: AtomicBool,
    /// Its last word is said: from now on it must not be deafened, for the kernel would answer what comes with a reset.
    parting: AtomicBool,
    pub(super) office: Arc<Office>,
    _place: Option<Place>,
}

impl Connection {
    pub(super) fn new(
        socket: OwnedFd,
        peer: Peer,
        place: Option<Place>,
        office: &Arc<Office>,
    ) -> Connection {
        Connection {
            socket,
            peer,
            held: AtomicUsize::new(0),
            stuck: AtomicBool::new(false),
            parting: AtomicBool::new(false),
            office: Arc::clone(office),
            _place: place,
        }
    }

    /// Reads into what is free of `buffer`, none of which is zeroed for that; 0: the end of the input, or it was
    /// [deafened](Connection::deafen). If `waits` is false, `WouldBlock` means that nothing is there.
    pub(super) fn receive(&self, buffer: &mut Vec<u8>, waits: bool) -> io::Result<usize> {
        let flags = if waits {
            RecvFlags::empty()
        } else {
            RecvFlags::DONTWAIT
        };
        loop {
            match recv(&self.socket, spare_capacity(buffer), flags) {
                Err(Errno::INTR) => {}
                received => return Ok(received.map(|(count, _)| count)?),
            }
        }
    }

    /// Sends as much as the socket takes right now. If it is the last, the end must follow at once, and may leave in one
    /// packet with it.
    pub(super) fn send(&self, bytes: &[u8], is_last: bool) -> io::Result<usize> {
        let mut flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        flags.set(SendFlags::MORE, is_last);
        Ok(retry_on_intr(|| send(&self.socket, bytes, flags))?)
    }

    /// Waits until something of `flags` is true, or something is wrong; none of them: the time is over.
    pub(super) fn wait(&self, flags: PollFlags, limit: Option<Duration>) -> io::Result<PollFlags> {
        let deadline = limit.map(|limit| now() + limit);
        loop {
            let rest = deadline.map(|deadline| deadline.since(now()));
            let rest = rest.map(|rest| Timespec::try_from(rest).unwrap_or_default());
            let mut entry = [PollFd::new(&self.socket, flags)];
            match poll(&mut entry, rest.as_ref()) {
                Err(Errno::INTR) => {}
                Ok(_) => return Ok(entry[0].revents()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn is(&self, flags: PollFlags) -> bool {
        // If that cannot be told we had better look.
        let found = self.wait(flags, Some(Duration::ZERO));
        found.map_or(true, |found| found.intersects(flags))
    }

    /// Whether the end of the input has come, or it was [deafened](Connection::deafen).
    pub(super) fn has_ended(&self) -> bool {
        self.is(PollFlags::RDHUP)
    }

    /// How many bytes have come that were not read yet, up to an urgent one if one is among them.
    pub(super) fn unread(&self) -> usize {
        ioctl_fionread(&self.socket).map_or(0, |count| count as usize)
    }

    /// Whether there is an urgent byte among them.
    pub(super) fn is_marked(&self) -> bool {
        self.is(PollFlags::PRI)
    }

    /// The session says its last word: it is not [deafened](Connection::deafen) from now on, unless there was an order
    /// for it before.
    pub(super) fn begin_parting(&self) {
        self.parting.store(true, Ordering::SeqCst);
    }

    /// Ends the sending side.
    pub(super) fn say_no_more(&self) -> io::Result<()> {
        Ok(shutdown(&self.socket, Shutdown::Write)?)
    }

    /// The session is about to wait until the client has read, or has done so.
    pub(super) fn set_stuck(&self, stuck: bool) {
        self.stuck.store(stuck, Ordering::SeqCst);
    }

    /// Wakes the session, which waits for input: its receiving side is shut down, so it reads what is there and then an
    /// end. (The kernel still takes in what comes, over TCP; over a Unix socket the client's writes fail from now on.)
    pub(super) fn deafen(&self) {
        if !self.parting.load(Ordering::SeqCst) {
            // If that fails it is broken, and the session has noticed.
            let _ = shutdown(&self.socket, Shutdown::Read);
        }
    }

    /// Wakes the session, whatever it waits for. If it does not, it can still send: it is at work.
    pub(super) fn cut(&self) {
        let waits = self.stuck.load(Ordering::SeqCst) || self.parting.load(Ordering::SeqCst);
        let side = if waits {
            Shutdown::Both
        } else {
            Shutdown::Read
        };
        let _ = shutdown(&self.socket, side);
    }

    /// Notes what the session keeps; tells whether the clerk must call somebody's in.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        let before = self.held.swap(bytes, Ordering::Relaxed);
        self.office.budget.change(before, bytes)
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hold(0);
    }
}

/// What all sessions together may keep.
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
    /// The clerk has been told that it is passed, and has not looked yet.
    told: AtomicBool,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Budget {
        Budget {
            limit,
            used: AtomicUsize::new(0),
            told: AtomicBool::new(false),
        }
    }

    /// Somebody keeps `after` bytes now instead of `before`: whether the clerk must be told that it is too much. Who keeps
    /// less has nothing to tell: all that was too much has been told by those who kept more.
    fn change(&self, before: usize, after: usize) -> bool {
        let used = self.used.fetch_add(after, Ordering::SeqCst) + after;
        self.used.fetch_sub(before, Ordering::SeqCst);
        let too_much = after > before && used - before > self.limit;
        too_much && !self.told.swap(true, Ordering::SeqCst)
    }

    /// Whether the limit is passed by so much that the clerk, who works it off, must be waited for.
    pub(super) fn is_far_over(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit + self.limit / 4
    }

    /// The clerk is about to look. Who passes the limit from now on tells again.
    pub(super) fn heard(&self) {
        // A swap, for that reads: what was kept before it was told is seen.
        self.told.swap(false, Ordering::SeqCst);
    }

    /// Whether so much may be kept.
    pub(super) fn allows(&self, bytes: usize) -> bool {
        bytes <= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clerk_is_told_once_until_he_looks() {
        let budget = Budget::new(100);
        assert!(!budget.change(0, 100));
        assert!(budget.change(0, 1));
        assert!(!budget.change(0, 1));
        budget.heard();
        assert!(budget.change(0, 1));
        budget.change(103, 0);
        budget.heard();
        assert!(!budget.change(0, 100));
    }

    /// One who leaves does not use up what is to be told: nobody listens to him, and the clerk would never hear of it.
    #[test]
    fn who_leaves_while_there_is_too_much_tells_nobody() {
        let budget = Budget::new(100);
        assert!(budget.change(0, 150));
        budget.heard();
        assert!(!budget.change(30, 0) && !budget.change(10, 5));
        assert!(budget.change(0, 1));
    }

    #[test]
    fn far_over_is_a_quarter_more() {
        let budget = Budget::new(100);
        budget.change(0, 125);
        assert!(!budget.is_far_over());
        budget.change(0, 1);
        assert!(budget.is_far_over());
    }
}
