//! What `/proc` tells about the server's process, and the clock of our own CPU time.

use std::fs;
use std::io;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use rustix::time::{ClockId, clock_gettime};

/// The CPU time that this thread has taken.
fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A process at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    /// Resident memory, in bytes.
    pub(super) memory: u64,
    /// The most resident memory that it had since it began, in bytes.
    pub(super) peak: u64,
    /// Its threads.
    pub(super) threads: u64,
    /// CPU time in user mode and in the kernel, to a hundredth of a second each.
    pub(super) modes: (Duration, Duration),
    /// How often its threads have waited for something.
    pub(super) waits: u64,
    /// How often its threads had to leave the CPU to others.
    pub(super) preemptions: u64,
}

impl Process {
    /// Looks at the process of this number. With thousands of threads that takes a while.
    ///
    /// # Errors
    /// There is none, or it may not be looked at.
    pub(super) fn look(pid: u32) -> io::Result<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let (mut waits, mut preemptions) = (0, 0);
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end while one looks at it.
            let status = fs::read_to_string(task?.path().join("status")).unwrap_or_default();
            waits += field(&status, "voluntary_ctxt_switches:");
            preemptions += field(&status, "nonvoluntary_ctxt_switches:");
        }
        Ok(Process {
            memory: field(&status, "VmRSS:") << 10,
            peak: field(&status, "VmHWM:") << 10,
            threads: field(&status, "Threads:"),
            modes: modes(&stat),
            waits,
            preemptions,
        })
    }
}

/// The CPU time of a process, of all its threads, alive or not: from its own clock, which counts nanoseconds. What a
/// thread does that is running right now is added a few milliseconds later.
///
/// # Errors
/// There is no such process.
fn cpu_time(pid: u32) -> io::Result<Duration> {
    let pid = i32::try_from(pid).map_err(|_| io::ErrorKind::NotFound)?;
    let time = clock_getcpuclockid(nix::unistd::Pid::from_raw(pid))?.now()?;
    Ok(time.into())
}

/// The times in user mode and in the kernel that a `stat` file tells.
fn modes(stat: &str) -> (Duration, Duration) {
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let mut ticks = fields.split_whitespace().skip(11);
    let mut time = || {
        let ticks = ticks.next().and_then(|ticks| ticks.parse::<u64>().ok());
        Duration::from_millis(ticks.unwrap_or(0) * 10) // Linux tells it in hundredths of a second, always
    };
    (time(), time())
}

/// The number of a line in a `status` file.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// CPU times that were taken: our own and, if its process was named, the server's.
#[derive(Clone, Copy, Default)]
pub(super) struct Cpu {
    pub(super) own: Duration,
    pub(super) server: Option<Duration>,
}

impl Cpu {
    /// Up to now.
    pub(super) fn now(server: Option<u32>) -> Cpu {
        Cpu {
            own: own_cpu(),
            server: server.and_then(|pid| cpu_time(pid).ok()),
        }
    }

    /// What was taken since.
    pub(super) fn since(self, before: Cpu) -> Cpu {
        let server = self.server.zip(before.server);
        Cpu {
            own: self.own.saturating_sub(before.own),
            server: server.map(|(now, before)| now.saturating_sub(before)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_can_be_looked_at_and_one_that_is_not_there_cannot() {
        let this = Process::look(std::process::id()).unwrap();
        assert!(
            this.peak >= this.memory && this.memory > 1 << 20,
            "{this:?}"
        );
        assert!(this.threads > 0 && this.waits > 0, "{this:?}");
        assert!(Process::look(u32::MAX).is_err());
    }

    #[test]
    fn cpu_time_is_fine_grained_and_keeps_that_of_ended_threads() {
        let work = |rounds: u64| {
            let mut sum = 0_u64;
            for n in 0..rounds {
                sum = std::hint::black_box(sum ^ n);
            }
            own_cpu()
        };
        let this = std::process::id();
        let before = cpu_time(this).unwrap();
        let small = work(10_000);
        let after = cpu_time(this).unwrap();
        assert!(
            after > before,
            "it took {small:?}, and no time: {before:?}, {after:?}"
        );
        let thread = std::thread::spawn(move || work(20_000_000));
        let in_thread = thread.join().unwrap();
        let with_thread = cpu_time(this).unwrap();
        assert!(
            with_thread >= after + in_thread * 9 / 10,
            "{in_thread:?} of {with_thread:?}"
        );
        assert!(cpu_time(u32::MAX).is_err());
    }

    #[test]
    fn the_times_in_the_two_modes_are_read_behind_any_name() {
        let stat = "7 (a) 9 (b)) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20";
        let millis = Duration::from_millis;
        assert_eq!(modes(stat), (millis(1500), millis(250)));
        assert_eq!(modes(""), (Duration::ZERO, Duration::ZERO));
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
