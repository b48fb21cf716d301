//! What a run is to do.

use std::time::Duration;

use super::traffic::Mix;
use crate::server::address::Address;

/// What a run is to do. Plain settings; [`Plan::default`] is what `nbcaser load` does when it is asked for nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The server: a TCP address or a Unix socket.
    pub target: Address,
    /// What is sent.
    pub mix: Mix,
    /// Connections that send lines.
    pub connections: usize,
    /// Lines without a reply that each of them has on its way, in a closed loop.
    pub pipeline: usize,
    /// Lines a second of all connections together, sent on schedule whatever the replies do: an open loop.
    pub rate: Option<f64>,
    /// Each connection sends one line and `quit`, and then there is a new one in its place.
    pub churn: bool,
    /// Connections besides those that are greeted and then silent, until each sends a line at the end.
    pub idle: usize,
    /// Connections besides those that send as much as they can and hardly read.
    pub slow_readers: usize,
    /// Connects a second; none: as fast as [`CONNECTING`](super::CONNECTING) at a time allow.
    pub ramp: Option<f64>,
    /// Load that is not counted, before the load that is.
    pub warmup: Duration,
    /// How long the load that counts takes; none: until `requests` are answered.
    pub duration: Option<Duration>,
    /// How many lines count, at the most.
    pub requests: Option<u64>,
    /// How long a connect or a reply may take.
    pub timeout: Duration,
    /// In an open loop, the most lines that are due and not answered; none: as many as are due in a second, at least
    /// 10,000.
    pub max_in_flight: Option<u64>,
    /// The process of the server, if its memory and its CPU time are to be told.
    pub server_pid: Option<u32>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            target: Address::Host {
                host: "localhost".into(),
                port: 9600,
            },
            mix: Mix::default(),
            connections: 64,
            pipeline: 1,
            rate: None,
            churn: false,
            idle: 0,
            slow_readers: 0,
            ramp: None,
            warmup: Duration::from_secs(1),
            duration: Some(Duration::from_secs(10)),
            requests: None,
            timeout: Duration::from_secs(5),
            max_in_flight: None,
            server_pid: None,
        }
    }
}

impl Plan {
    /// All connections.
    pub fn crowd(&self) -> usize {
        self.connections + self.idle + self.slow_readers
    }

    /// The bound of an open loop.
    pub fn bound(&self) -> u64 {
        let second = self.rate.unwrap_or(0.0) as u64;
        self.max_in_flight.unwrap_or(second.max(10_000))
    }
}
