//! Which CPUs the two sides run on, and how far apart those are.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use super::setup::Cpus;

/// So many there-and-backs of a cache line tell how far apart two CPUs are.
const TRIPS: u32 = 2000;
/// A CPU that is not given to us within this is no answer.
const PATIENCE: Duration = Duration::from_millis(200);

/// The CPUs that this process may run on.
#[derive(Clone, Copy)]
pub(super) struct Allowed(CpuSet);

impl Allowed {
    /// Asks the system.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn now() -> io::Result<Allowed> {
        Ok(Allowed(sched_getaffinity(None)?))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.count() as usize
    }

    /// The CPUs of the server and those of the load tester.
    pub(super) fn sides(&self, cpus: Cpus) -> (CpuSet, CpuSet) {
        let first = self.first();
        let load = only(first);
        match cpus {
            Cpus::Same => (load, load),
            Cpus::Apart => {
                let mut server = self.0;
                server.unset(first);
                (server, load)
            }
        }
    }

    fn first(&self) -> usize {
        let mut all = 0..CpuSet::MAX_CPU;
        all.find(|&cpu| self.0.is_set(cpu)).unwrap_or(0)
    }

    /// How long a cache line takes from one CPU of ours to another one, one way, in nanoseconds: the median. Where the
    /// hypervisor moves the CPUs of a virtual machine about, this tells that it did. None if there is one CPU, or one of
    /// them was not to be had.
    pub(super) fn distance(&self) -> Option<f64> {
        let first = self.first();
        let second = (first + 1..CpuSet::MAX_CPU).find(|&cpu| self.0.is_set(cpu))?;
        let ball = AtomicU32::new(0);
        let times = thread::scope(|scope| {
            let there = scope.spawn(|| play(second, &ball, 1));
            let here = scope.spawn(|| play(first, &ball, 0));
            let _ = there.join();
            here.join().ok().flatten()
        });
        let mut times = times?;
        times.sort_unstable();
        Some(times[times.len() / 2] as f64 / 2.0)
    }
}

fn only(cpu: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(cpu);
    set
}

fn nanos() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Plays ball on a CPU: waits for the ball to be of its `side` and sends it back. The times of all trips.
fn play(cpu: usize, ball: &AtomicU32, side: u32) -> Option<Vec<u64>> {
    sched_setaffinity(None, &only(cpu)).ok()?;
    let begin = nanos();
    let mut times = Vec::with_capacity(TRIPS as usize);
    let mut last = begin;
    for trip in 0..TRIPS {
        let expected = trip * 2 + side;
        let mut spins = 0_u32;
        while ball.load(Ordering::Acquire) != expected {
            spins += 1;
            if spins.is_multiple_of(1024) && nanos() - begin > PATIENCE.as_nanos() as u64 {
                return None;
            }
            std::hint::spin_loop();
        }
        ball.store(expected + 1, Ordering::Release);
        let now = nanos();
        times.push(now - last);
        last = now;
    }
    Some(times)
}

/// Keeps the calling thread, and what it starts, on some CPUs. When this is dropped it may run where it might before.
pub(super) struct Pinned(CpuSet);

impl Pinned {
    /// Moves the calling thread there.
    ///
    /// # Errors
    /// The system's: a CPU is not there any more.
    pub(super) fn to(cpus: &CpuSet) -> io::Result<Pinned> {
        let before = sched_getaffinity(None)?;
        sched_setaffinity(None, cpus)?;
        Ok(Pinned(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // There is nobody to tell; the next one that is pinned is told.
        let _ = sched_setaffinity(None, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_and_what_it_starts_are_pinned_for_a_while() {
        let before = Allowed::now().unwrap();
        let (server, load) = before.sides(Cpus::Same);
        assert_eq!((server.count(), server == load), (1, true));
        {
            let _pinned = Pinned::to(&server).unwrap();
            let child = thread::spawn(|| Allowed::now().unwrap().0).join().unwrap();
            assert!(child == server);
        }
        assert!(Allowed::now().unwrap().0 == before.0);
    }

    #[test]
    fn apart_the_server_has_all_cpus_but_one() {
        let mut set = CpuSet::new();
        for cpu in [2, 5, 7] {
            set.set(cpu);
        }
        let (server, load) = Allowed(set).sides(Cpus::Apart);
        assert!(load == only(2));
        assert!(server.is_set(5) && server.is_set(7) && server.count() == 2);
    }

    #[test]
    fn a_cache_line_takes_some_time_and_not_much() {
        if let Some(nanos) = Allowed::now().unwrap().distance() {
            assert!((1.0..1e6).contains(&nanos), "{nanos}");
        }
        assert_eq!(Allowed(only(0)).distance(), None);
    }
}
