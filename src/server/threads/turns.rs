//! Who may do long work.
//!
//! A reply can be nine times as long as its line, and it is accounted for when it is written. If a thousand threads wrote
//! long ones side by side, each of them would take its memory long before one was done, and those that are called in, and
//! the clerk who calls, would wait for a CPU like all the others. So no more do that at once than there are CPUs, which
//! takes no longer.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Turns at long work, of which there are as many as CPUs.
pub(super) struct Turns {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Turns {
    pub(super) fn new() -> Turns {
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        Turns {
            free: Mutex::new(cpus),
            freed: Condvar::new(),
        }
    }

    /// Waits for a turn; none if `is_called`, which is asked again at each [`call`](Turns::call), before there is one.
    pub(super) fn take(&self, mut is_called: impl FnMut() -> bool) -> Option<Turn<'_>> {
        let free = self
            .freed
            .wait_while(self.lock(), |free| *free == 0 && !is_called());
        let mut free = free.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Turn(self))
    }

    /// Has all who wait look whether they are called.
    pub(super) fn call(&self) {
        drop(self.lock()); // who has just looked in vain waits by now
        self.freed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        // Nobody leaves a half changed number behind.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn. Dropping it, by a panic too, lets the next have his.
pub(super) struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_turn_comes_back_by_a_panic_too() {
        let turns = Turns::new();
        for _ in 0..100 {
            let panicked = thread::scope(|scope| {
                let work = scope.spawn(|| {
                    let _turn = turns.take(|| false);
                    panic!("as the test wants it");
                });
                work.join().is_err()
            });
            assert!(panicked);
        }
        assert!(turns.take(|| false).is_some());
    }

    #[test]
    fn who_is_called_waits_no_longer() {
        let turns = Turns::new();
        let all: Vec<Turn<'_>> = std::iter::from_fn(|| turns.take(|| true)).collect();
        assert!(!all.is_empty());
        let (looks, has_looked) = channel();
        let is_called = AtomicBool::new(false);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                turns.take(|| {
                    looks.send(()).expect("somebody listens");
                    is_called.load(Ordering::SeqCst)
                })
            });
            has_looked.recv().expect("it looks");
            is_called.store(true, Ordering::SeqCst);
            turns.call();
            assert!(waiting.join().expect("no panic").is_none());
        });
        drop(all);
        assert!(turns.take(|| false).is_some());
    }
}
