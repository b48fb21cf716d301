//! What `/proc` tells about the server's process, and the clock of our own CPU time.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The CPU time that this thread has taken.
pub(super) fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A process at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    /// Resident memory, in bytes.
    pub(super) memory: u64,
    /// CPU time of all its threads.
    pub(super) cpu: Duration,
    /// How often its threads have waited for something.
    pub(super) waits: u64,
}

impl Process {
    /// Looks at the process of this number.
    ///
    /// # Errors
    /// There is none, or it may not be looked at.
    pub(super) fn look(pid: u32) -> io::Result<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let mut waits = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end while one looks at it.
            let status = fs::read_to_string(task?.path().join("status")).unwrap_or_default();
            waits += field(&status, "voluntary_ctxt_switches:");
        }
        // The name, in parentheses, may hold anything.
        let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Ok(Process {
            memory: field(&status, "VmRSS:") << 10,
            cpu: Duration::from_millis(ticks * 10), // Linux tells it in hundredths of a second, always
            waits,
        })
    }
}

/// The number of a line in a `status` file.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_can_be_looked_at_and_one_that_is_not_there_cannot() {
        let this = Process::look(std::process::id()).unwrap();
        assert!(this.memory > 1 << 20 && this.waits > 0, "{this:?}");
        assert!(Process::look(u32::MAX).is_err());
    }

    #[test]
    fn own_cpu_time_grows_with_work() {
        let before = own_cpu();
        let mut sum = 0_u64;
        for n in 0..1_000_000 {
            sum = std::hint::black_box(sum ^ n);
        }
        assert!(own_cpu() > before);
    }
}
