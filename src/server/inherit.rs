//! Sockets that another process opened for this one.

use std::io;
use std::os::fd::OwnedFd;

use listenfd::ListenFd;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::{Domain, Socket};

use super::bind::{Listener, tune};

/// The first inherited descriptor, by systemd's convention.
pub(super) const FIRST_INHERITED: i32 = 3;

/// An inherited listener: by systemd's convention, or any other descriptor, which is taken over.
pub(super) fn inherit(inherited: &mut ListenFd, number: i32) -> io::Result<Listener> {
    let place = usize::try_from(number - FIRST_INHERITED)
        .ok()
        .filter(|&place| place < inherited.len());
    let listener = match place {
        Some(place) => match inherited.take_tcp_listener(place) {
            Ok(Some(listener)) => Socket::from(listener),
            Err(_) => inherited
                .take_unix_listener(place)?
                .map(Socket::from)
                .ok_or_else(taken)?,
            Ok(None) => return Err(taken()),
        },
        None => Socket::from(take_over(number)?),
    };
    if !listener.is_listener()? {
        return Err(io::Error::other(
            "the descriptor is a socket that does not listen",
        ));
    }
    if listener.domain()? == Domain::UNIX {
        return Ok(Listener::Unix(OwnedFd::from(listener).into()));
    }
    tune(&listener);
    Ok(Listener::Tcp(listener.into()))
}

fn taken() -> io::Error {
    io::Error::other("the descriptor was named twice")
}

/// A descriptor by its number, without `unsafe`: the kernel is asked for a duplicate by way of our own process.
fn take_over(number: i32) -> io::Result<OwnedFd> {
    let ourselves = pidfd_open(getpid(), PidfdFlags::empty())?;
    let ours = pidfd_getfd(ourselves, number, PidfdGetfdFlags::empty())?;
    // Left as it was, it would keep the port open while the server drains. A library's caller may still want his.
    #[cfg(feature = "cli")]
    if number >= FIRST_INHERITED {
        let _ = nix::unistd::close(number);
    }
    Ok(ours)
}
