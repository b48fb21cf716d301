//! How much was done.

use std::time::Duration;

/// How much was simulated.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) connections: u64,
    pub(crate) lines: u64,
    pub(crate) operations: u64,
    /// Operations that were made to fail.
    pub(crate) errors: u64,
    /// Edges that meant nothing, or nothing any more.
    pub(crate) strays: u64,
    /// Resets, closes, windows, urgent bytes of clients.
    pub(crate) rudeness: u64,
}

impl Counts {
    pub(crate) fn plus(self, other: Counts) -> Counts {
        Counts {
            connections: self.connections + other.connections,
            lines: self.lines + other.lines,
            operations: self.operations + other.operations,
            errors: self.errors + other.errors,
            strays: self.strays + other.strays,
            rudeness: self.rudeness + other.rudeness,
        }
    }

    pub(crate) fn per_second(&self, time: Duration) -> String {
        let seconds = time.as_secs_f64().max(0.001);
        let rate = |count: u64| format!("{count} ({:.0}/s)", count as f64 / seconds);
        let faults = self.errors + self.strays + self.rudeness;
        format!(
            "{} connections, {} lines, {} operations, {} faults (errors {}, stray edges {}, clients' misdeeds {}), {seconds:.1} s",
            rate(self.connections),
            rate(self.lines),
            rate(self.operations),
            rate(faults),
            self.errors,
            self.strays,
            self.rudeness
        )
    }
}
