//! Sockets that another process opened for this one.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process;

use listenfd::ListenFd;
use rlimit::Resource;
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::{Domain, Socket};

use super::address::Address;
use super::bind::{BindError, Listener, failed, tune};

/// The first inherited descriptor, by systemd's convention.
pub(super) const FIRST_INHERITED: i32 = 3;

/// What was handed over by `LISTEN_FDS`. The crate makes a list of them, however many they are said to be.
///
/// # Errors
/// So many there cannot be.
pub(super) fn handed_over() -> Result<ListenFd, BindError> {
    let of = |name| env::var(name).unwrap_or_default();
    // What was handed to another process is of no interest.
    let is_ours = ["", &process::id().to_string()].contains(&&*of("LISTEN_PID"));
    let count = if is_ours {
        of("LISTEN_FDS")
    } else {
        String::new()
    };
    let most = Resource::NOFILE.get_hard().unwrap_or(u64::MAX);
    if count.parse::<u64>().is_ok_and(|count| count > most) {
        let error = io::Error::other("a process cannot have so many descriptors");
        return Err(failed(&format_args!("LISTEN_FDS={count}"), &error));
    }
    Ok(ListenFd::from_env())
}

/// Takes over those of the addresses that are descriptors, by their numbers.
///
/// # Errors
/// One of them is none that was inherited, or does not listen.
pub(super) fn inherit(
    inherited: &mut ListenFd,
    listen: &[Address],
) -> Result<BTreeMap<i32, Listener>, BindError> {
    let mut listeners: BTreeMap<i32, Listener> = BTreeMap::new();
    for address in listen {
        let Address::Fd(number) = *address else {
            continue;
        };
        let taken = if listeners.contains_key(&number) {
            Err(io::Error::other("the descriptor was named twice"))
        } else if listeners.values().any(|ours| ours.number() == number) {
            Err(Errno::BADF.into()) // one that we have just made
        } else {
            take(inherited, number)
        };
        listeners.insert(number, taken.map_err(|error| failed(address, &error))?);
    }
    Ok(listeners)
}

/// An inherited listener: by systemd's convention, or any other descriptor, which is taken over.
fn take(inherited: &mut ListenFd, number: i32) -> io::Result<Listener> {
    let place = usize::try_from(number - FIRST_INHERITED).ok();
    let place = place.filter(|&place| place < inherited.len());
    let listener = match place {
        Some(place) => match inherited.take_tcp_listener(place) {
            Ok(listener) => listener.map(Socket::from),
            Err(_) => inherited.take_unix_listener(place)?.map(Socket::from),
        },
        None => Some(Socket::from(take_over(number)?)),
    };
    let listener = listener.ok_or(Errno::BADF)?;
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

/// A descriptor by its number, without `unsafe`: the kernel is asked for a duplicate by way of our own process.
fn take_over(number: i32) -> io::Result<OwnedFd> {
    let ourselves = pidfd_open(getpid(), PidfdFlags::empty())?;
    if ourselves.as_raw_fd() == number {
        return Err(Errno::BADF.into()); // nobody had it before
    }
    let ours = pidfd_getfd(ourselves, number, PidfdGetfdFlags::empty())?;
    // Left as it was, it would keep the port open while the server drains. A library's caller may still want his.
    #[cfg(feature = "cli")]
    if number >= FIRST_INHERITED {
        let _ = nix::unistd::close(number);
    }
    Ok(ours)
}
