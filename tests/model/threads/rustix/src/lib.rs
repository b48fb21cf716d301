//! The system calls of the thread model. They are the real ones, on real sockets; only those that would sleep in the kernel
//! wait in the model's [`world`] instead.

pub use rustix::*;
use std_on_shuttle::world;

pub mod buffer {
    //! Memory to read into.

    /// What is free of a vector.
    #[derive(Debug)]
    pub struct Spare<'a>(pub(crate) &'a mut Vec<u8>);

    pub fn spare_capacity(vec: &mut Vec<u8>) -> Spare<'_> {
        Spare(vec)
    }
}

pub mod time {
    //! The time.

    pub use rustix::time::*;

    use crate::world;

    pub fn clock_gettime(_: ClockId) -> Timespec {
        Timespec::try_from(world::now()).expect("not so late")
    }
}

pub mod event {
    //! Waiting for several things.

    use std::time::Duration;

    pub use rustix::event::*;
    use rustix::io::Result;

    use crate::world;

    pub fn poll(entries: &mut [PollFd<'_>], limit: Option<&Timespec>) -> Result<usize> {
        let limit = limit.map(|limit| Duration::try_from(*limit).expect("not negative"));
        let deadline = limit.map_or(world::NEVER, world::after);
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let look = || match rustix::event::poll(entries, Some(&zero)) {
            Ok(0) => None,
            found => Some(found),
        };
        world::wait(deadline, look).unwrap_or(Ok(0))
    }
}

pub mod net {
    //! Sockets.

    use std::os::fd::{AsFd, BorrowedFd};

    use rustix::io::{Errno, Result};
    pub use rustix::net::*;

    use crate::{buffer::Spare, world};

    /// Memory that can be read into more than once.
    pub trait Room {
        fn fill(&mut self, socket: BorrowedFd<'_>, flags: RecvFlags) -> Result<usize>;
    }

    impl Room for Spare<'_> {
        fn fill(&mut self, socket: BorrowedFd<'_>, flags: RecvFlags) -> Result<usize> {
            let spare = rustix::buffer::spare_capacity(&mut *self.0);
            rustix::net::recv(socket, spare, flags).map(|(count, _)| count)
        }
    }

    impl Room for &mut [u8] {
        fn fill(&mut self, socket: BorrowedFd<'_>, flags: RecvFlags) -> Result<usize> {
            rustix::net::recv(socket, &mut **self, flags).map(|(count, _)| count)
        }
    }

    pub fn recv(
        socket: impl AsFd,
        mut buffer: impl Room,
        flags: RecvFlags,
    ) -> Result<(usize, usize)> {
        let socket = socket.as_fd();
        let mut receive = || {
            let received = buffer.fill(socket, flags | RecvFlags::DONTWAIT);
            received.map(|count| (count, count))
        };
        if flags.contains(RecvFlags::DONTWAIT) {
            world::switch();
            return receive();
        }
        let patience = sockopt::socket_timeout(socket, sockopt::Timeout::Recv)?;
        let look = || match receive() {
            Err(Errno::AGAIN) => None,
            received => Some(received),
        };
        world::wait(patience.map_or(world::NEVER, world::after), look).unwrap_or(Err(Errno::AGAIN))
    }

    pub fn send(socket: impl AsFd, bytes: &[u8], flags: SendFlags) -> Result<usize> {
        world::switch();
        let sent = rustix::net::send(socket, bytes, flags);
        world::stir();
        sent
    }

    pub fn shutdown(socket: impl AsFd, how: Shutdown) -> Result<()> {
        world::switch();
        let done = rustix::net::shutdown(socket, how);
        world::stir();
        done
    }
}
