//! Whom the log speaks of.

use std::fmt;
use std::net::SocketAddr;

/// A client, by its address, or by a number if it has none.
#[derive(Clone, Copy, Debug)]
pub(super) enum Peer {
    Tcp(SocketAddr),
    Unix(u64),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Tcp(address) => address.fmt(f),
            Peer::Unix(number) => write!(f, "unix:{number}"),
        }
    }
}
