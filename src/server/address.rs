//! Where to listen, as it is written on the command line.

use std::fmt::{self, Display};
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

/// An address as the user wrote it: not resolved, not bound, perhaps not there.
///
/// | written | meaning |
/// |---|---|
/// | `host:port` | a name or an IPv4 address, and a port; port 0 takes a free one |
/// | `[v6]:port` | an IPv6 address, with a `%zone` where it needs one |
/// | `unix:PATH` | a Unix socket |
/// | `fd:N` | a descriptor that was inherited |
///
/// [`Display`] writes it in the same form, so that what [`FromStr`] has read is given back.
///
/// ```
/// use nbcaser::server::address::Address;
///
/// let address: Address = "[::1]:9600".parse()?;
/// assert_eq!(address, Address::Host { host: "::1".into(), port: 9600 });
/// assert_eq!(address.to_string(), "[::1]:9600");
/// # Ok::<(), nbcaser::server::address::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP address.
    Host {
        /// A name, an IPv4 address or an IPv6 address (without brackets), for the resolver.
        host: String,
        /// The port, 0 for a free one.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// The number of an inherited descriptor, not negative.
    Fd(i32),
}

impl Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Host { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Fd(number) => write!(f, "fd:{number}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        if let Some(number) = text.strip_prefix("fd:") {
            return descriptor(number);
        }
        if let Some(rest) = text.strip_prefix('[') {
            return bracketed(rest);
        }
        if text.starts_with(['/', '.']) {
            return refuse(format!("a path is written `unix:{text}`"));
        }
        match text.rsplit_once(':') {
            None if is_number(text) => {
                refuse(format!("a host is missing: write `localhost:{text}`"))
            }
            None if text.is_empty() => refuse("write it like `localhost:9600`"),
            None => refuse(format!("a port is missing: write `{text}:9600`")),
            Some(("", port)) => refuse(format!(
                "a host is missing: write `localhost:{port}`, or for every address `0.0.0.0:{port}` and `[::]:{port}`"
            )),
            // `::1:9600` is an address in itself: guessing where its port begins would be wrong half of the time.
            Some((host, port)) if host.contains(':') => refuse(format!(
                "an IPv6 address is written in brackets, like `[::1]:{}`",
                if is_number(port) { port } else { "9600" }
            )),
            Some((host, _))
                if host.contains(|c: char| c.is_whitespace() || c.is_control() || c == ']') =>
            {
                refuse("the host holds a character that no name has")
            }
            Some((host, port)) => Ok(Address::Host {
                host: host.into(),
                port: parse_port(port)?,
            }),
        }
    }
}

/// What is wrong with an address, in words that show how to write it.
///
/// It may quote what was written: pass it through [`Escaped`](super::escape::Escaped) before it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError(String);

impl Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

fn refuse<T>(message: impl Into<String>) -> Result<T, AddressError> {
    Err(AddressError(message.into()))
}

/// `PATH` of `unix:PATH`.
fn unix(path: &str) -> Result<Address, AddressError> {
    if path.is_empty() {
        return refuse("a path is missing: write `unix:/run/nbcaser.sock`");
    }
    // The kernel has 108 bytes for it, the standard library knows that and its exceptions.
    match std::os::unix::net::SocketAddr::from_pathname(path) {
        Ok(_) => Ok(Address::Unix(path.into())),
        Err(error) => refuse(format!("no path for a socket: {error}")),
    }
}

/// `N` of `fd:N`.
fn descriptor(number: &str) -> Result<Address, AddressError> {
    match number.parse() {
        Ok(number_read) if is_number(number) => Ok(Address::Fd(number_read)),
        _ => refuse("a descriptor is a number from 0, like `fd:3`"),
    }
}

/// `v6]:port` of `[v6]:port`.
fn bracketed(rest: &str) -> Result<Address, AddressError> {
    let Some((host, after)) = rest.split_once(']') else {
        return refuse("the bracket is not closed: write `[::1]:9600`");
    };
    let (ip, zone) = host
        .split_once('%')
        .map_or((host, None), |(ip, zone)| (ip, Some(zone)));
    if ip.parse::<Ipv6Addr>().is_err() {
        return refuse("between the brackets belongs an IPv6 address, like `[::1]:9600`");
    }
    if zone.is_some_and(|z| z.is_empty() || z.contains(|c: char| !c.is_ascii_graphic())) {
        return refuse(
            "behind the `%` belongs the name of an interface, like `[fe80::1%eth0]:9600`",
        );
    }
    match after.strip_prefix(':') {
        Some(port) => Ok(Address::Host {
            host: host.into(),
            port: parse_port(port)?,
        }),
        None => refuse(format!("a port is missing: write `[{host}]:9600`")),
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    match text.parse() {
        // `parse` alone would take `+80`.
        Ok(port) if is_number(text) => Ok(port),
        _ => refuse("a port is a number from 0 (a free one) to 65535"),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn host(host: &str, port: u16) -> Address {
        Address::Host {
            host: host.into(),
            port,
        }
    }

    #[test]
    fn each_form_is_read() {
        let table = [
            ("localhost:9600", host("localhost", 9600)),
            ("127.0.0.1:0", host("127.0.0.1", 0)),
            (
                "a.example-host.org:65535",
                host("a.example-host.org", 65535),
            ),
            ("[::]:80", host("::", 80)),
            ("[fe80::1%eth0]:80", host("fe80::1%eth0", 80)),
            ("[::ffff:1.2.3.4]:80", host("::ffff:1.2.3.4", 80)),
            ("unix:/run/x.sock", Address::Unix("/run/x.sock".into())),
            ("unix:a b:c", Address::Unix("a b:c".into())),
            ("fd:3", Address::Fd(3)),
            ("fd:0", Address::Fd(0)),
        ];
        for (text, want) in table {
            assert_eq!(text.parse(), Ok(want.clone()), "{text}");
            assert_eq!(want.to_string(), text);
        }
    }

    #[test]
    fn a_wrong_one_is_refused_with_a_hint() {
        let table = [
            ("", "localhost:9600"),
            ("localhost", "`localhost:9600`"),
            ("9600", "`localhost:9600`"),
            (":9600", "`0.0.0.0:9600` and `[::]:9600`"),
            ("::1:9600", "`[::1]:9600`"),
            ("::1", "brackets"),
            ("::", "brackets"),
            ("localhost:", "a port is a number"),
            ("localhost:70000", "65535"),
            ("localhost:-1", "65535"),
            ("localhost:+1", "65535"),
            ("localhost:notanumber", "65535"),
            ("localhost:99999999999999999999999", "65535"),
            ("a b:1", "no name has"),
            ("a\x1bb:1", "no name has"),
            ("[::1]", "`[::1]:9600`"),
            ("[::1]9600", "`[::1]:9600`"),
            ("[::1", "not closed"),
            ("[]:1", "IPv6"),
            ("[127.0.0.1]:1", "IPv6"),
            ("[fe80::1%]:1", "interface"),
            ("unix:", "`unix:/run/nbcaser.sock`"),
            ("unix:a\0b", "no path"),
            ("/run/x.sock", "`unix:/run/x.sock`"),
            ("fd:", "fd:3"),
            ("fd:-1", "fd:3"),
            ("fd:+1", "fd:3"),
            ("fd:2147483648", "fd:3"),
        ];
        for (text, hint) in table {
            let error = text.parse::<Address>().expect_err(text).to_string();
            assert!(error.contains(hint), "{text:?}: {error:?} lacks {hint:?}");
        }
        let long = format!("unix:/{}", "x".repeat(200));
        assert!(long.parse::<Address>().is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_given_back(text in r"(unix:|fd:|\[)?\PC*(\]?:[0-9]{1,5})?") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }

        #[test]
        fn no_random_text_panics(text in any::<String>()) {
            let _ = text.parse::<Address>();
        }

        #[test]
        fn every_address_goes_both_ways(name in "[a-zA-Z0-9-][a-zA-Z0-9.-]{0,19}", ip: Ipv6Addr, path in "[a-z/:%]{1,40}", port: u16, n in 0..=i32::MAX) {
            // `fd:80` and `unix:80` are no hosts. (And a name never begins like a path.)
            prop_assume!(!["fd", "unix"].contains(&name.as_str()));
            let v6 = host(&ip.to_string(), port);
            for address in [host(&name, port), v6, Address::Unix(path.into()), Address::Fd(n)] {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
