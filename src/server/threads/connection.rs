//! A connection, as its session and the clerk share it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown, sockopt};

use super::Office;
use crate::server::limits::Place;
use crate::server::peer::Peer;

/// What the clerk tells a session. A queue that nobody can send to any more is an order, too: to end at once.
pub(super) enum Order {
    /// The server ends: what had arrived is to be answered.
    Drain(Arrived),
    /// Its buffers are called in.
    Leave,
}

/// What had arrived of a connection's input when the server was told to end.
#[derive(Clone, Copy)]
pub(super) struct Arrived {
    /// Bytes that had not been read yet, up to an urgent one if there was one.
    pub(super) unread: usize,
    /// There was an urgent one: behind it there may be more.
    pub(super) marked: bool,
    /// The end of the input was there, so there is no more to come than is to be answered.
    pub(super) ended: bool,
}

/// A connection: its session talks over it, the clerk looks at it and wakes its session. It is closed when the session
/// drops it, and frees its place then: the clerk holds it weakly.
pub(super) struct Connection {
    socket: OwnedFd,
    pub(super) peer: Peer,
    /// Bytes that its session keeps while it waits.
    held: AtomicUsize,
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
            parting: AtomicBool::new(false),
            office: Arc::clone(office),
            _place: place,
        }
    }

    /// Reads into what is free of `buffer`, none of which is zeroed for that; 0: the end of the input, or it was
    /// [deafened](Connection::deafen). If `waits` is false, or the patience is over, `WouldBlock` means that nothing is
    /// there.
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

    /// From now on a read waits no longer than this.
    pub(super) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        let which = sockopt::Timeout::Recv;
        Ok(sockopt::set_socket_timeout(
            &self.socket,
            which,
            Some(patience),
        )?)
    }

    /// Sends as much as the socket takes right now.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(send(&self.socket, bytes, flags)?)
    }

    /// Waits until something of `flags` is true, or something is wrong; none of them: the time is over.
    pub(super) fn wait(&self, flags: PollFlags, limit: Option<Duration>) -> io::Result<PollFlags> {
        let limit = limit.map(|limit| Timespec::try_from(limit).unwrap_or_default());
        let mut entry = [PollFd::new(&self.socket, flags)];
        match poll(&mut entry, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(entry[0].revents()),
            Err(error) => Err(error.into()),
        }
    }

    /// How many bytes have come that were not read yet, up to an urgent one if one is among them.
    pub(super) fn unread(&self) -> usize {
        ioctl_fionread(&self.socket).map_or(0, |count| count as usize)
    }

    /// The session has said its last word: ends the sending side.
    pub(super) fn say_no_more(&self) -> io::Result<()> {
        self.parting.store(true, Ordering::SeqCst);
        Ok(shutdown(&self.socket, Shutdown::Write)?)
    }

    /// What has arrived until now.
    pub(super) fn arrived(&self) -> Arrived {
        let flags = PollFlags::RDHUP | PollFlags::PRI;
        let found = self.wait(flags, Some(Duration::ZERO)).unwrap_or(flags);
        Arrived {
            unread: self.unread(),
            marked: found.contains(PollFlags::PRI),
            ended: found.contains(PollFlags::RDHUP),
        }
    }

    /// Wakes the session, which waits for input: its receiving side is shut down, so it reads what is there and then an
    /// end. (The kernel still takes in what comes, over TCP; over a Unix socket the client's writes fail from now on.)
    pub(super) fn deafen(&self) {
        if !self.parting.load(Ordering::SeqCst) {
            // If that fails it is broken, and the session has noticed.
            let _ = shutdown(&self.socket, Shutdown::Read);
        }
    }

    /// Wakes the session, whatever it waits for: it can neither read nor write any more.
    pub(super) fn cut(&self) {
        let _ = shutdown(&self.socket, Shutdown::Both);
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

    /// Somebody keeps `after` bytes now instead of `before`: whether the clerk must be told that it is too much.
    fn change(&self, before: usize, after: usize) -> bool {
        let used = self.used.fetch_add(after, Ordering::Relaxed) + after;
        self.used.fetch_sub(before, Ordering::Relaxed);
        used - before > self.limit && !self.told.swap(true, Ordering::Relaxed)
    }

    /// By how many bytes the limit is passed.
    pub(super) fn over(&self) -> usize {
        self.told.store(false, Ordering::Relaxed);
        self.used.load(Ordering::Relaxed).saturating_sub(self.limit)
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
        assert_eq!(budget.over(), 2);
        assert!(budget.change(0, 1));
        budget.change(103, 0);
        assert_eq!(budget.over(), 0);
    }
}
