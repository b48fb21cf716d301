//! The figures by which servers are compared.

use super::results::Figures;
use super::setup::Cpus;
use crate::report::axis::Unit;
use crate::report::figures;

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Metric {
    /// CPU time of the server for a request.
    Cpu,
    /// Which part of it in user mode.
    UserShare,
    /// The most resident memory that the server had.
    Memory,
    /// What the silent connections added to its memory, each.
    IdleMemory,
    /// Its threads.
    Threads,
    /// How often they waited, for a request.
    Waits,
    /// How often they had to leave the CPU, for a request.
    Preemptions,
    /// Requests a second.
    Rate,
    /// Latencies, as the client sees them.
    P50,
    P99,
    P999,
    /// Which part of a CPU the server took.
    ServerBusy,
    /// And the load tester.
    LoadBusy,
    /// How long a cache line takes from CPU to CPU.
    Distance,
}

impl Metric {
    pub(super) const ALL: [Metric; 14] = [
        Metric::Cpu,
        Metric::UserShare,
        Metric::Memory,
        Metric::IdleMemory,
        Metric::Threads,
        Metric::Waits,
        Metric::Preemptions,
        Metric::Rate,
        Metric::P50,
        Metric::P99,
        Metric::P999,
        Metric::ServerBusy,
        Metric::LoadBusy,
        Metric::Distance,
    ];

    /// Its value in a run, if there is one.
    pub(super) fn of(self, run: &Figures) -> Option<f64> {
        let Figures {
            replies,
            elapsed,
            server,
            idle,
            ..
        } = run;
        let cpu = server.cpu.as_secs_f64();
        let modes = (server.user + server.system).as_secs_f64();
        let at = |percentile| run.latency.value_at_percentile(percentile) as f64;
        let value = match self {
            Metric::Cpu => cpu * 1e9 / *replies as f64,
            Metric::UserShare => server.user.as_secs_f64() / modes,
            Metric::Memory => server.memory_peak as f64,
            Metric::IdleMemory => {
                server.memory_idle.saturating_sub(server.memory_before) as f64 / *idle as f64
            }
            Metric::Threads => server.threads as f64,
            Metric::Waits => server.waits as f64 / server.answered as f64,
            Metric::Preemptions => server.preemptions as f64 / server.answered as f64,
            Metric::Rate => *replies as f64 / elapsed,
            Metric::P50 => at(50.0),
            Metric::P99 => at(99.0),
            Metric::P999 => at(99.9),
            Metric::ServerBusy => cpu / elapsed,
            Metric::LoadBusy => run.load_busy,
            Metric::Distance => run.distance?,
        };
        value.is_finite().then_some(value)
    }

    /// Its name, for programs, with its unit.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Metric::Cpu => "server_cpu_ns_per_request",
            Metric::UserShare => "server_user_share",
            Metric::Memory => "server_memory_peak_bytes",
            Metric::IdleMemory => "server_memory_per_idle_bytes",
            Metric::Threads => "server_threads",
            Metric::Waits => "server_voluntary_switches_per_request",
            Metric::Preemptions => "server_involuntary_switches_per_request",
            Metric::Rate => "requests_per_s",
            Metric::P50 => "latency_p50_ns",
            Metric::P99 => "latency_p99_ns",
            Metric::P999 => "latency_p99_9_ns",
            Metric::ServerBusy => "server_cpu",
            Metric::LoadBusy => "own_cpu",
            Metric::Distance => "cpu_distance_ns",
        }
    }

    /// Its name, for people.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Metric::Cpu => "server CPU time a request",
            Metric::UserShare => "  of it in user mode",
            Metric::Memory => "server memory, peak",
            Metric::IdleMemory => "server memory an idle connection",
            Metric::Threads => "server threads",
            Metric::Waits => "voluntary switches a request",
            Metric::Preemptions => "involuntary switches a request",
            Metric::Rate => "requests a second",
            Metric::P50 => "latency p50",
            Metric::P99 => "latency p99",
            Metric::P999 => "latency p99.9",
            Metric::ServerBusy => "server busy, of one CPU",
            Metric::LoadBusy => "load tester busy, of one CPU",
            Metric::Distance => "cache line from CPU to CPU",
        }
    }

    pub(super) fn show(self, value: f64) -> String {
        match self {
            Metric::UserShare | Metric::ServerBusy | Metric::LoadBusy => figures::share(value),
            Metric::Memory | Metric::IdleMemory => figures::bytes(value),
            Metric::Threads | Metric::Waits | Metric::Preemptions => figures::plain(value),
            Metric::Rate => figures::rate(value.round()),
            Metric::Cpu | Metric::P50 | Metric::P99 | Metric::P999 | Metric::Distance => {
                figures::duration(value)
            }
        }
    }

    /// The unit of its axis.
    pub(super) const fn unit(self) -> Unit {
        match self {
            Metric::Memory | Metric::IdleMemory => Unit::Bytes,
            Metric::Cpu | Metric::P50 | Metric::P99 | Metric::P999 | Metric::Distance => {
                Unit::Nanoseconds
            }
            _ => Unit::Count,
        }
    }

    /// Whether it makes sense to say that a server has so many times as much of it as another.
    pub(super) const fn has_ratio(self) -> bool {
        !matches!(
            self,
            Metric::UserShare | Metric::ServerBusy | Metric::LoadBusy | Metric::Distance
        )
    }

    /// Where it tells the most.
    pub(super) const fn best_place(self) -> Cpus {
        match self {
            Metric::Rate
            | Metric::P50
            | Metric::P99
            | Metric::P999
            | Metric::ServerBusy
            | Metric::LoadBusy
            | Metric::Distance => Cpus::Apart,
            _ => Cpus::Same,
        }
    }
}
