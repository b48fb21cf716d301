//! What can be set.

use std::path::PathBuf;
use std::time::Duration;

use super::address::Address;

/// How a server waits for many clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Model {
    /// One thread waits for all: the reactor.
    #[default]
    Reactor,
    /// Each client has a thread, which waits for it alone.
    Threads,
}

/// The settings of a server, whichever way it waits. Durations of zero turn the thing off.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; empty: on what was inherited by `LISTEN_FDS`, or else on `localhost:9600`.
    pub listen: Vec<Address>,
    /// How it waits.
    pub model: Model,
    /// Reactors side by side, each with a thread of its own.
    pub workers: usize,
    /// From the start to the first announcement; zero: the first comes a period after the start.
    pub announce_delay: Duration,
    /// Between announcements; zero: none at all.
    pub announce_every: Duration,
    /// Clients at once; none: as many as there are descriptors, less a reserve.
    pub max_connections: Option<usize>,
    /// Bytes of a line, without its end.
    pub max_line: usize,
    /// Bytes that the buffers of all clients may take.
    pub max_memory: usize,
    /// How long a client may neither send nor take a byte; zero: for ever.
    pub idle_timeout: Duration,
    /// How long the end may take, from the first signal on.
    pub drain: Duration,
    /// Gets the addresses that were bound, a line each, when they are.
    pub ready_file: Option<PathBuf>,
    /// Gets what the loops do, as trace events.
    pub trace: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: Vec::new(),
            model: Model::default(),
            workers: 1,
            announce_delay: Duration::from_secs(1),
            announce_every: Duration::from_secs(15),
            max_connections: None,
            max_line: 256 << 10,
            max_memory: 256 << 20,
            idle_timeout: Duration::ZERO,
            drain: Duration::from_secs(5),
            ready_file: None,
            trace: None,
        }
    }
}

impl Settings {
    /// From the start to the first announcement, and from each to the next; none: there are no announcements.
    pub(super) fn announcements(&self) -> Option<(Duration, Duration)> {
        let every = self.announce_every;
        let delay = if self.announce_delay.is_zero() {
            every
        } else {
            self.announce_delay
        };
        (!every.is_zero()).then_some((delay, every))
    }
}
