//! Where the server is, and how to get there.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use crate::reactor::{Handle, Remote, Stream, sleep};
use crate::server::address::Address;

/// Connections from one source address, at the most, where there are more. There are 28,000 ports by default, and once half
/// of them are taken the kernel is 20 times slower to find one.
const FROM_ONE: usize = 10_000;
/// How many source addresses are tried.
const SOURCES: u8 = 250;
/// Before another try at a Unix socket whose backlog is full.
const BACKLOG: Duration = Duration::from_millis(1);

/// The server's addresses.
pub(super) struct Target {
    remotes: Vec<Remote>,
    /// The one that is used. It moves on while nobody has connected yet: `localhost` may be two addresses, of which the
    /// server has one.
    at: Cell<usize>,
    connected: Cell<bool>,
    /// The source that is used, if the target is on the loopback network: which has sixteen million of them.
    source: Cell<u8>,
    from_it: Cell<usize>,
    spread: bool,
}

impl Target {
    /// Looks the address up. It may wait for the resolver.
    ///
    /// # Errors
    /// The resolver's; `Unsupported` for a descriptor, which is nothing to connect to.
    pub(super) fn resolve(address: &Address, crowd: usize) -> io::Result<Target> {
        let remotes: Vec<Remote> = match address {
            Address::Unix(path) => vec![Remote::Unix(path.clone())],
            Address::Host { host, port } => {
                let found = (host.as_str(), *port).to_socket_addrs()?;
                found.map(|address| Remote::Tcp(address, None)).collect()
            }
            Address::Fd(_) => return Err(ErrorKind::Unsupported.into()),
        };
        if remotes.is_empty() {
            return Err(io::Error::new(ErrorKind::NotFound, "it has no address"));
        }
        Ok(Target {
            remotes,
            at: Cell::new(0),
            connected: Cell::new(false),
            source: Cell::new(0),
            from_it: Cell::new(0),
            spread: crowd > FROM_ONE,
        })
    }

    /// Connects.
    ///
    /// # Errors
    /// The system's.
    pub(super) async fn connect(&self, handle: &Handle) -> io::Result<Stream> {
        loop {
            let (at, source) = (self.at.get(), self.source.get());
            let error = match Stream::connect(handle, &self.remote()).await {
                Ok(stream) => {
                    self.connected.set(true);
                    return Ok(stream);
                }
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::WouldBlock => sleep(handle, BACKLOG).await,
                ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse
                    if self.is_loopback(at) && source < SOURCES =>
                {
                    self.use_source_after(source);
                }
                _ if self.goes_on_from(at) => {}
                _ => return Err(error),
            }
        }
    }

    /// Whether there is an address to try behind that one, which has failed.
    fn goes_on_from(&self, at: usize) -> bool {
        if at == self.at.get() && !self.connected.get() && at + 1 < self.remotes.len() {
            self.at.set(at + 1);
        }
        at < self.at.get() // others may have gone on in the meantime, and have connected there
    }

    /// The server's address, and the source to use this time.
    fn remote(&self) -> Remote {
        let at = self.at.get();
        let Remote::Tcp(to, _) = &self.remotes[at] else {
            return self.remotes[at].clone();
        };
        if self.spread && self.is_loopback(at) {
            self.from_it.set(self.from_it.get() + 1);
            if self.from_it.get() > FROM_ONE {
                self.use_source_after(self.source.get());
            }
        }
        Remote::Tcp(*to, source(self.source.get(), to.port()))
    }

    fn use_source_after(&self, source: u8) {
        // Others may have found out the same in the meantime.
        if self.source.get() == source {
            self.source.set(source + 1);
            self.from_it.set(1);
        }
    }

    fn is_loopback(&self, at: usize) -> bool {
        matches!(&self.remotes[at], Remote::Tcp(to, _) if matches!(to.ip(), IpAddr::V4(ip) if ip.is_loopback()))
    }
}

/// Source address number so many. 0 is the system's choice, 127.0.0.1; the others are for this port of the server's alone:
/// a port of an address that is chosen here serves one connection, wherever that goes, and another crowd may be on its way
/// to another server.
fn source(number: u8, port: u16) -> Option<SocketAddr> {
    let [high, low] = port.to_be_bytes();
    let ip = Ipv4Addr::new(127, number, high, low);
    (number > 0).then(|| SocketAddr::new(ip.into(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(address: &str, crowd: usize) -> Target {
        Target::resolve(&address.parse().unwrap(), crowd).unwrap()
    }

    fn source_of(target: &Target) -> Option<String> {
        match target.remote() {
            Remote::Tcp(_, source) => source.map(|source| source.to_string()),
            Remote::Unix(_) => None,
        }
    }

    #[test]
    fn a_large_crowd_on_loopback_comes_from_many_addresses() {
        let large = target("127.0.0.1:9600", 50_000);
        let sources: Vec<_> = (0..50_000).map(|_| source_of(&large)).collect();
        let from = |source: Option<&str>| sources.iter().filter(|s| s.as_deref() == source).count();
        assert_eq!(from(None), 10_000);
        // 9600 is 37 * 256 + 128.
        assert_eq!(from(Some("127.1.37.128:0")), 10_000);
        assert_eq!(from(Some("127.4.37.128:0")), 10_000);

        for small in [
            target("127.0.0.1:9600", 10_000),
            target("[::1]:9600", 50_000),
        ] {
            assert!((0..50_000).all(|_| source_of(&small).is_none()));
        }
    }

    #[test]
    fn who_hears_late_that_an_address_fails_tries_the_one_that_others_went_on_to() {
        let mut target = target("127.0.0.1:9600", 3);
        target.remotes.push(target.remotes[0].clone());
        assert!(target.goes_on_from(0));
        target.connected.set(true);
        assert!(target.goes_on_from(0), "it was under way all the time");
        assert!(!target.goes_on_from(1), "that one has been connected to");
    }

    #[test]
    fn when_ports_run_out_the_next_source_is_used_by_all() {
        let target = target("127.0.0.1:9600", 1);
        target.use_source_after(0);
        target.use_source_after(0); // who found it out late
        assert_eq!(source_of(&target).as_deref(), Some("127.1.37.128:0"));
        target.use_source_after(1);
        assert_eq!(source_of(&target).as_deref(), Some("127.2.37.128:0"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let resolve = |address: &str| Target::resolve(&address.parse().unwrap(), 1).err();
        assert!(resolve("fd:3").is_some());
        assert!(resolve("no-such-host.invalid:1").is_some());
    }
}
