//! What streams keep while their tasks rest, and the limit on it.
//!
//! Half a line, input that the budget left for the next turn, output that the socket did not take: each is small, and
//! ten thousand of them are not. So they are counted, and past the limit the one who keeps the most is sent away.

use std::cell::Cell;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::event_loop::Core;
use super::slots::Id;
use super::source::BOTH;

/// A limit on the bytes that all streams together keep while their tasks rest. Reactors in several threads may share it.
#[derive(Clone, Debug)]
pub struct MemoryLimit {
    limit: usize,
    granted: Arc<AtomicUsize>,
}

impl MemoryLimit {
    /// A limit of `bytes`.
    pub fn new(bytes: usize) -> MemoryLimit {
        MemoryLimit {
            limit: bytes,
            granted: Arc::new(AtomicUsize::new(0)),
        }
    }
}

impl Default for MemoryLimit {
    /// No limit.
    fn default() -> Self {
        MemoryLimit::new(usize::MAX)
    }
}

/// A reactor takes its share of a common limit in pieces of this size, so that the atomic is touched once a mebibyte.
const GRANT: usize = 1 << 20;

/// What the streams of one reactor keep, held against the limit.
#[derive(Default)]
pub(crate) struct Memory {
    common: MemoryLimit,
    used: Cell<usize>,
    grants: Cell<usize>,
}

impl Memory {
    pub(crate) fn new(common: MemoryLimit) -> Memory {
        Memory {
            common,
            used: Cell::new(0),
            grants: Cell::new(0),
        }
    }

    /// One stream keeps `new` bytes now instead of `old`.
    #[inline]
    pub(crate) fn change(&self, old: usize, new: usize) {
        if old != new {
            self.count(old, new);
        }
    }

    fn count(&self, old: usize, new: usize) {
        let used = self.used.get() + new - old;
        self.used.set(used);
        // The first grant is free, so that a reactor that keeps little never touches the common count.
        let (grants, due) = (self.grants.get(), used / GRANT);
        if due > grants {
            self.common
                .granted
                .fetch_add((due - grants) * GRANT, Ordering::Relaxed);
        } else if due < grants {
            self.common
                .granted
                .fetch_sub((grants - due) * GRANT, Ordering::Relaxed);
        }
        self.grants.set(due);
    }

    /// By how many bytes the limit is passed, all reactors together; the others' share is known in whole grants.
    #[inline]
    pub(crate) fn over(&self) -> usize {
        if self.used.get() == 0 {
            return 0; // whoever else is over it, nobody here can help
        }
        (self.used.get() + self.others()).saturating_sub(self.common.limit)
    }

    fn others(&self) -> usize {
        let granted = self.common.granted.load(Ordering::Relaxed);
        granted.saturating_sub(self.grants.get() * GRANT)
    }

    /// Whether this reactor keeps its part, or more, of all that is kept, once `leaving` bytes of it have gone. If not,
    /// what is over is another's to call in: some reactor always keeps its part.
    pub(crate) fn has_its_part(&self, leaving: usize) -> bool {
        let used = self.used.get().saturating_sub(leaving);
        used >= (used + self.others()) / Arc::strong_count(&self.common.granted)
    }

    pub(crate) fn used(&self) -> usize {
        self.used.get()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.common
            .granted
            .fetch_sub(self.grants.get() * GRANT, Ordering::Relaxed);
    }
}

impl Core {
    /// Notes that the task keeps `bytes` of input for this stream while it rests.
    pub(crate) fn keep(&self, id: Id, bytes: u32) {
        let _ = self.with(id, |source| {
            let before = source.held();
            source.kept = bytes;
            self.memory.change(before, source.held());
        });
    }

    /// If more is kept than the limit allows, and not by those who are on their way out already: the stream that keeps
    /// the most fails with `OutOfMemory`.
    #[inline]
    pub(crate) fn call_in(&self) {
        let over = self.memory.over();
        if over > 0 {
            self.call_in_the_largest(over);
        }
    }

    #[cold]
    fn call_in_the_largest(&self, over: usize) {
        let (mut leaving, mut largest) = (0, (0, Id::NONE));
        for (id, source) in self.sources.borrow().iter() {
            let held = source.held();
            if source.error.is_some() {
                leaving += held;
            } else if held > largest.0 {
                largest = (held, id);
            }
        }
        if leaving < over && self.memory.has_its_part(leaving) {
            self.doubt();
            self.notify(self.with(largest.1, |source| {
                source.error = Some(ErrorKind::OutOfMemory);
                source.take_waiters(BOTH)
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reactors_share_one_limit_within_a_grant() {
        let limit = MemoryLimit::new(4 * GRANT);
        let (a, b) = (Memory::new(limit.clone()), Memory::new(limit.clone()));
        a.change(0, 3 * GRANT);
        assert_eq!((a.over(), b.over()), (0, 0));
        b.change(0, GRANT + 1);
        assert_eq!((a.over(), b.over()), (0, 1), "a knows of whole grants of b");
        b.change(GRANT + 1, 10);
        assert_eq!((a.over(), b.over()), (0, 0));
        drop(a);
        assert_eq!(limit.granted.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_reactor_alone_is_held_to_the_byte() {
        let memory = Memory::new(MemoryLimit::new(1000));
        memory.change(0, 1000);
        assert_eq!(memory.over(), 0);
        memory.change(400, 401);
        assert_eq!(memory.over(), 1);
    }
}
