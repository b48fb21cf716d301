//! What can go wrong with a connection, by kind.

use std::io::{self, ErrorKind};

use rustix::io::Errno;

/// One kind of error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Trouble {
    /// Nobody listens there.
    Refused,
    /// There is no way there, or it is forbidden.
    Unreachable,
    /// The server said that it is full, and closed.
    ServerFull,
    /// The connection was reset.
    Reset,
    /// The server closed while something was owed or more was to be said.
    ClosedEarly,
    /// A connect or a reply took too long.
    Timeout,
    /// A reply was wrong.
    Mismatch,
    /// The process, or the system, is out of descriptors.
    NoDescriptors,
    /// All source ports are in use.
    NoPorts,
    /// Whatever else the system says.
    Other,
}

impl Trouble {
    /// All kinds, in the order in which they are told.
    pub const ALL: [Trouble; 10] = [
        Trouble::Refused,
        Trouble::Unreachable,
        Trouble::ServerFull,
        Trouble::Reset,
        Trouble::ClosedEarly,
        Trouble::Timeout,
        Trouble::Mismatch,
        Trouble::NoDescriptors,
        Trouble::NoPorts,
        Trouble::Other,
    ];

    /// Its name, as programs read it.
    pub const fn key(self) -> &'static str {
        match self {
            Trouble::Refused => "refused",
            Trouble::Unreachable => "unreachable",
            Trouble::ServerFull => "server_full",
            Trouble::Reset => "reset",
            Trouble::ClosedEarly => "closed_early",
            Trouble::Timeout => "timeout",
            Trouble::Mismatch => "mismatch",
            Trouble::NoDescriptors => "no_descriptors",
            Trouble::NoPorts => "no_ports",
            Trouble::Other => "other",
        }
    }

    /// What it is, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Trouble::Refused => "connections refused",
            Trouble::Unreachable => "server unreachable",
            Trouble::ServerFull => "turned away: the server is full",
            Trouble::Reset => "connections reset",
            Trouble::ClosedEarly => "connections closed early",
            Trouble::Timeout => "timeouts",
            Trouble::Mismatch => "wrong replies",
            Trouble::NoDescriptors => "out of descriptors",
            Trouble::NoPorts => "out of source ports",
            Trouble::Other => "other errors",
        }
    }
}

impl From<&io::Error> for Trouble {
    fn from(error: &io::Error) -> Trouble {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::MFILE | Errno::NFILE) => return Trouble::NoDescriptors,
            Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => return Trouble::NoPorts,
            _ => {}
        }
        match error.kind() {
            ErrorKind::ConnectionRefused => Trouble::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Trouble::Reset
            }
            ErrorKind::TimedOut => Trouble::Timeout,
            ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown => Trouble::Unreachable,
            _ => Trouble::Other,
        }
    }
}

/// How many there were of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Troubles([u64; Trouble::ALL.len()]);

impl Troubles {
    /// One more.
    pub fn count(&mut self, trouble: Trouble) {
        self.0[trouble as usize] += 1;
    }

    /// How many of this kind.
    pub fn of(&self, trouble: Trouble) -> u64 {
        self.0[trouble as usize]
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_place_and_a_name_of_its_own() {
        for (place, kind) in Trouble::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
            let same = Trouble::ALL
                .iter()
                .filter(|other| other.key() == kind.key() || other.words() == kind.words());
            assert_eq!(same.count(), 1, "{kind:?}");
        }
    }

    #[test]
    fn the_errors_of_the_system_have_their_kinds() {
        let table = [
            (Errno::CONNREFUSED, Trouble::Refused),
            (Errno::CONNRESET, Trouble::Reset),
            (Errno::PIPE, Trouble::Reset),
            (Errno::TIMEDOUT, Trouble::Timeout),
            (Errno::MFILE, Trouble::NoDescriptors),
            (Errno::NFILE, Trouble::NoDescriptors),
            (Errno::ADDRNOTAVAIL, Trouble::NoPorts),
            (Errno::ADDRINUSE, Trouble::NoPorts),
            (Errno::NETUNREACH, Trouble::Unreachable),
            (Errno::HOSTUNREACH, Trouble::Unreachable),
            (Errno::ACCESS, Trouble::Unreachable),
            (Errno::NOENT, Trouble::Unreachable),
            (Errno::NOBUFS, Trouble::Other),
        ];
        for (errno, kind) in table {
            assert_eq!(Trouble::from(&io::Error::from(errno)), kind, "{errno}");
        }
    }
}
