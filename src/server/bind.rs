//! From addresses to listeners.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use socket2::{Domain, Socket, TcpKeepalive, Type};

use super::address::Address;
use super::escape::Escaped;
use super::inherit::{FIRST_INHERITED, handed_over, inherit};
use super::unix::{SocketFile, unix};
use crate::reactor::Endpoint;

/// Connections that wait to be accepted. The kernel may allow less (`net.core.somaxconn`).
pub(super) const BACKLOG: i32 = 4096;
/// A peer that is gone without a word is noticed after this long, and a few probes.
const KEEPALIVE: Duration = Duration::from_secs(300);
/// Tries to find one free port for all addresses of a name.
const PORTS: u32 = 16;

/// Listeners, bound and ready to be served.
#[derive(Debug)]
pub struct Bound {
    /// For each worker, one endpoint an address.
    pub endpoints: Vec<Vec<Endpoint>>,
    /// The addresses, with the real ports.
    pub addresses: Vec<Address>,
    /// What was left out, and why.
    pub warnings: Vec<String>,
    /// The files of Unix sockets; dropping this removes them.
    pub files: Vec<SocketFile>,
}

/// Why there is no listener, in one line that says how to mend it.
#[derive(Debug)]
pub struct BindError(String);

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BindError {}

pub(super) fn failed(address: &dyn fmt::Display, error: &io::Error) -> BindError {
    let address = address.to_string();
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse if address.starts_with("unix:") => {
            "; is another server running? Try another path"
        }
        io::ErrorKind::AddrInUse => {
            "; is another server running? Try another port, or port 0 for a free one"
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 and others' folders need privileges",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    };
    BindError(format!(
        "cannot listen on {}: {error}{hint}",
        Escaped(&address)
    ))
}

/// Binds `listen`, or what was inherited by `LISTEN_FDS`, or `localhost:9600`.
///
/// Each TCP address gets one listener a worker, which share the port. A name is bound on every address that it has, on
/// one port; those that the machine does not have are left out with a warning, unless none is left.
///
/// # Errors
/// See [`BindError`].
pub fn bind(listen: &[Address], workers: usize) -> Result<Bound, BindError> {
    let mut inherited = handed_over()?;
    let listen = match listen {
        [] if inherited.len() > 0 => (0..inherited.len())
            .map(|n| Address::Fd(FIRST_INHERITED + n as i32))
            .collect(),
        [] => vec![Address::Host {
            host: "localhost".into(),
            port: 9600,
        }],
        listen => listen.to_vec(),
    };
    let mut bound = Bound {
        endpoints: (0..workers).map(|_| Vec::new()).collect(),
        addresses: Vec::new(),
        warnings: Vec::new(),
        files: Vec::new(),
    };
    // First of all, while there is no descriptor of our own that such a number could mean.
    let mut listeners = inherit(&mut inherited, &listen)?;
    for address in &listen {
        match address {
            Address::Host { host, port } => bound.name(address, host, *port)?,
            Address::Unix(path) => {
                let (listener, file) = unix(path).map_err(|error| failed(address, &error))?;
                bound.files.push(file);
                bound
                    .share(address.clone(), &Listener::Unix(listener))
                    .map_err(|error| failed(address, &error))?;
            }
            Address::Fd(number) => {
                let Some(listener) = listeners.remove(number) else {
                    continue; // `inherit` has refused what is named twice
                };
                let real = listener.address().unwrap_or_else(|| address.clone());
                bound
                    .share(real, &listener)
                    .map_err(|error| failed(address, &error))?;
            }
        }
    }
    Ok(bound)
}

pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn try_clone(&self) -> io::Result<Endpoint> {
        Ok(match self {
            Listener::Tcp(listener) => Endpoint::Tcp(listener.try_clone()?),
            Listener::Unix(listener) => Endpoint::Unix(listener.try_clone()?),
        })
    }

    pub(super) fn number(&self) -> i32 {
        match self {
            Listener::Tcp(listener) => listener.as_raw_fd(),
            Listener::Unix(listener) => listener.as_raw_fd(),
        }
    }

    fn address(&self) -> Option<Address> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok().map(of),
            Listener::Unix(listener) => listener
                .local_addr()
                .ok()?
                .as_pathname()
                .map(|path| Address::Unix(path.into())),
        }
    }
}

fn of(address: SocketAddr) -> Address {
    let host = match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        _ => address.ip().to_string(),
    };
    let port = address.port();
    Address::Host { host, port }
}

impl Bound {
    /// Gives every worker a descriptor of the same listener.
    fn share(&mut self, address: Address, listener: &Listener) -> io::Result<()> {
        for endpoints in &mut self.endpoints {
            endpoints.push(listener.try_clone()?);
        }
        self.addresses.push(address);
        Ok(())
    }

    /// Binds all addresses of a name.
    fn name(&mut self, address: &Address, host: &str, port: u16) -> Result<(), BindError> {
        let mut found: Vec<SocketAddr> = (host, port)
            .to_socket_addrs()
            .map_err(|error| {
                let text = address.to_string();
                BindError(format!(
                    "cannot listen on {}: the name does not resolve ({error})",
                    Escaped(&text)
                ))
            })?
            .collect();
        found.sort(); // IPv4 first
        found.dedup();
        let mut tries = 0;
        let (listeners, left_out) = loop {
            match self.one_port(&found) {
                // With port 0 the first address chose one that another address has in use: choose again.
                Err((_, error))
                    if port == 0 && error.kind() == io::ErrorKind::AddrInUse && tries < PORTS =>
                {
                    tries += 1;
                }
                Err((address, error)) => return Err(failed(&address, &error)),
                Ok(all) => break all,
            }
        };
        match &left_out[..] {
            [(address, error), ..] if listeners.is_empty() => return Err(failed(address, error)),
            left_out => self.warnings.extend(
                left_out
                    .iter()
                    .map(|(address, error)| format!("not listening on {address}: {error}")),
            ),
        }
        for (address, listeners) in listeners {
            self.addresses.push(if host.contains('%') {
                // With a zone it is one address, and stays as it was written.
                let (host, port) = (host.into(), address.port());
                Address::Host { host, port }
            } else {
                of(address)
            });
            for (endpoints, listener) in self.endpoints.iter_mut().zip(listeners) {
                endpoints.push(Endpoint::Tcp(listener));
            }
        }
        Ok(())
    }

    /// Binds these addresses, on the port that the first gets.
    #[allow(clippy::type_complexity)] // both halves are used once, just above
    fn one_port(
        &self,
        addresses: &[SocketAddr],
    ) -> Result<
        (
            Vec<(SocketAddr, Vec<TcpListener>)>,
            Vec<(SocketAddr, io::Error)>,
        ),
        (SocketAddr, io::Error),
    > {
        let (mut listeners, mut left_out) = (Vec::new(), Vec::new());
        let mut port = None;
        for &(mut address) in addresses {
            address.set_port(port.unwrap_or(address.port()));
            match tcp(address, self.endpoints.len()) {
                Ok((real, all)) => {
                    port = Some(real.port());
                    listeners.push((real, all));
                }
                Err(error) if is_not_here(&error) => left_out.push((address, error)),
                Err(error) => return Err((address, error)),
            }
        }
        Ok((listeners, left_out))
    }
}

/// Whether the machine does not have such an address.
fn is_not_here(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::AFNOSUPPORT)
}

/// One listener a worker. Several share the port by `SO_REUSEPORT`, but another server's port is never shared: it is
/// bound without that first.
fn tcp(address: SocketAddr, workers: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let first = tcp_listener(address, false)?;
    let address = first.local_addr()?;
    if workers == 1 {
        return Ok((address, vec![first]));
    }
    drop(first);
    let all: io::Result<Vec<_>> = (0..workers).map(|_| tcp_listener(address, true)).collect();
    Ok((address, all?))
}

fn tcp_listener(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    tune(&socket);
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What accepted sockets inherit, at no system call of their own. A system that refuses is served all the same.
pub(super) fn tune(socket: &Socket) {
    for tuned in [
        socket.set_tcp_nodelay(true),
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE)),
    ] {
        if let Err(error) = tuned {
            log::warn!("a socket option could not be set: {error}");
        }
    }
}
