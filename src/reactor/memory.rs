//! What streams keep while their tasks rest, and the limit on it.
//!
//! Half a line, input that the budget left for the next turn, output that the socket did not take: each is small, and
//! ten thousand of them are not. So they are counted, and past the limit the one who keeps the most is sent away.

use std::cell::Cell;
use std::fmt;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::driver::Unpark;
use super::event_loop::Core;
use super::slots::Id;
use super::source::BOTH;

/// A limit on the bytes that all streams together keep while their tasks rest. Reactors in several threads may share it.
#[derive(Clone)]
pub struct MemoryLimit {
    limit: usize,
    common: Arc<Common>,
}

/// What the reactors that share a limit know of one another.
#[derive(Default)]
struct Common {
    /// What they keep, in whole grants.
    granted: AtomicUsize,
    reactors: Mutex<Vec<Arc<dyn Unpark>>>,
}

impl Common {
    fn reactors(&self) -> MutexGuard<'_, Vec<Arc<dyn Unpark>>> {
        self.reactors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryLimit {
    /// A limit of `bytes`.
    pub fn new(bytes: usize) -> MemoryLimit {
        MemoryLimit {
            limit: bytes,
            common: Arc::default(),
        }
    }
}

impl Default for MemoryLimit {
    /// No limit.
    fn default() -> Self {
        MemoryLimit::new(usize::MAX)
    }
}

impl fmt::Debug for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryLimit").field(&self.limit).finish()
    }
}

/// A reactor takes its share of a common limit in grants, a 256th of it each, so that the atomic is hardly ever touched. By
/// less than a grant for each reactor but one the limit may be passed.
const GRANTS: usize = 256;

/// What the streams of one reactor keep, held against the limit.
pub(crate) struct Memory {
    limit: usize,
    grant: usize,
    common: Arc<Common>,
    unparker: Arc<dyn Unpark>,
    used: Cell<usize>,
    grants: Cell<usize>,
}

impl Memory {
    pub(crate) fn new(limit: MemoryLimit, unparker: Arc<dyn Unpark>) -> Memory {
        let MemoryLimit { limit, common } = limit;
        common.reactors().push(Arc::clone(&unparker));
        Memory {
            limit,
            grant: (limit / GRANTS).max(1),
            common,
            unparker,
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
        let (grants, due) = (self.grants.get(), used / self.grant);
        if due > grants {
            let more = (due - grants) * self.grant;
            if self.common.granted.fetch_add(more, Ordering::Relaxed) + more > self.limit {
                self.wake_others();
            }
        } else if due < grants {
            let less = (grants - due) * self.grant;
            self.common.granted.fetch_sub(less, Ordering::Relaxed);
        }
        self.grants.set(due);
    }

    /// Whoever is to call in may be asleep, as his clients are silent.
    #[cold]
    fn wake_others(&self) {
        for other in self.common.reactors().iter() {
            if !Arc::ptr_eq(other, &self.unparker) {
                other.unpark();
            }
        }
    }

    /// By how many bytes the limit is passed, all reactors together; the others' share is known in whole grants.
    #[inline]
    pub(crate) fn over(&self) -> usize {
        if self.used.get() == 0 {
            return 0; // whoever else is over it, nobody here can help
        }
        (self.used.get() + self.others()).saturating_sub(self.limit)
    }

    fn others(&self) -> usize {
        let granted = self.common.granted.load(Ordering::Relaxed);
        granted.saturating_sub(self.grants.get() * self.grant)
    }

    /// Whether this reactor keeps its part, or more, of all that is kept, once `leaving` bytes of it have gone. If not,
    /// what is over is another's to call in: some reactor always keeps its part.
    pub(crate) fn has_its_part(&self, leaving: usize) -> bool {
        let used = self.used.get().saturating_sub(leaving);
        used >= (used + self.others()) / self.common.reactors().len()
    }

    pub(crate) fn used(&self) -> usize {
        self.used.get()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let granted = self.grants.get() * self.grant;
        self.common.granted.fetch_sub(granted, Ordering::Relaxed);
        let is_other = |other: &Arc<dyn Unpark>| !Arc::ptr_eq(other, &self.unparker);
        self.common.reactors().retain(is_other);
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
        if !self.memory.has_its_part(0) {
            return;
        }
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
    use std::io;
    use std::sync::atomic::AtomicBool;

    use proptest::prelude::*;

    use super::*;
    use crate::reactor::sim::{Peer, Sim};
    use crate::reactor::{Endpoint, Listener, Reactor, Stream};

    const GRANT: usize = 1000;

    struct Asleep(AtomicBool);

    impl Unpark for Asleep {
        fn unpark(&self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    impl Asleep {
        fn new() -> Arc<Asleep> {
            Arc::new(Asleep(AtomicBool::new(false)))
        }

        fn was_woken(&self) -> bool {
            self.0.swap(false, Ordering::SeqCst)
        }
    }

    #[test]
    fn who_passes_the_limit_wakes_the_others() {
        let limit = MemoryLimit::new(GRANTS * GRANT);
        let (one, other) = (Asleep::new(), Asleep::new());
        let a = Memory::new(limit.clone(), one.clone());
        let b = Memory::new(limit, other.clone());
        a.change(0, 200 * GRANT);
        b.change(0, 56 * GRANT);
        assert!(!one.was_woken() && !other.was_woken());
        b.change(56 * GRANT, 57 * GRANT);
        assert!(one.was_woken() && !other.was_woken());
        assert!(a.has_its_part(0) && !b.has_its_part(0));
        drop(a);
        b.change(57 * GRANT, 300 * GRANT);
        assert!(!one.was_woken(), "it is gone");
        assert!(b.has_its_part(0));
    }

    #[test]
    fn two_reactors_share_one_limit_within_a_grant() {
        let limit = MemoryLimit::new(GRANTS * GRANT);
        let memory = || Memory::new(limit.clone(), Asleep::new());
        let (a, b) = (memory(), memory());
        a.change(0, 200 * GRANT);
        assert_eq!((a.over(), b.over()), (0, 0));
        b.change(0, 56 * GRANT + 1);
        assert_eq!((a.over(), b.over()), (0, 1), "a knows of whole grants of b");
        b.change(56 * GRANT + 1, 10);
        assert_eq!((a.over(), b.over()), (0, 0));
        drop(a);
        assert_eq!(limit.common.granted.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_reactor_alone_is_held_to_the_byte() {
        let memory = Memory::new(MemoryLimit::new(1000), Asleep::new());
        memory.change(0, 1000);
        assert_eq!(memory.over(), 0);
        memory.change(400, 401);
        assert_eq!(memory.over(), 1);
    }

    proptest! {
        /// Each step says how much one of three reactors keeps from now on, in quarters of a grant.
        #[test]
        fn three_reactors_agree_with_three_sums(steps in prop::collection::vec((0..3_usize, 0..800_usize), 0..100), quarter in 1..100_usize) {
            let grant = 4 * quarter;
            let limit = MemoryLimit::new(GRANTS * grant);
            let reactors: Vec<Memory> = (0..3).map(|_| Memory::new(limit.clone(), Asleep::new())).collect();
            let mut kept = [0; 3];
            for (who, amount) in steps {
                reactors[who].change(kept[who], amount * quarter);
                kept[who] = amount * quarter;
                let granted = kept.map(|bytes| bytes / grant * grant);
                prop_assert_eq!(limit.common.granted.load(Ordering::Relaxed), granted.iter().sum::<usize>());
                for (i, reactor) in reactors.iter().enumerate() {
                    prop_assert_eq!(reactor.used(), kept[i]);
                    let known = kept[i] + granted.iter().sum::<usize>() - granted[i];
                    let over = if kept[i] > 0 { known.saturating_sub(limit.limit) } else { 0 };
                    prop_assert_eq!(reactor.over(), over);
                }
                prop_assert!(reactors.iter().any(|reactor| reactor.has_its_part(0)), "nobody would call in");
            }
            drop(reactors);
            prop_assert_eq!(limit.common.granted.load(Ordering::Relaxed), 0);
        }
    }

    /// Answers lines with themselves, twice, and keeps the unfinished one.
    async fn echo(mut stream: Stream) -> io::Result<()> {
        let (replies, mut line) = (stream.writer(), Vec::new());
        while stream.fill().await? {
            std::future::poll_fn(|cx| stream.poll_in_order(cx)).await?;
            let Some(end) = stream.input().iter().position(|&byte| byte == b'\n') else {
                line.extend_from_slice(stream.input());
                stream.consume(stream.input().len());
                stream.keep(line.capacity());
                continue;
            };
            line.extend_from_slice(&stream.input()[..=end]);
            replies.write(&line.repeat(2));
            stream.consume(end + 1);
            line = Vec::new();
            stream.keep(0);
        }
        stream.flush().await
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Send(u16, bool),
        /// It takes so much and no more.
        Window(u16),
        Finish,
        Reset,
        Turn,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0..20_000_u16, any::<bool>()).prop_map(|(bytes, ends)| Step::Send(bytes, ends)),
            4 => (0..20_000_u16).prop_map(Step::Window),
            1 => Just(Step::Finish),
            1 => Just(Step::Reset),
            4 => Just(Step::Turn),
        ]
    }

    proptest! {
        /// What is counted is what the sources hold, after each turn; no more than the limit once all rest; and nothing
        /// when they have gone.
        #[test]
        fn not_a_byte_is_counted_wrong(steps in prop::collection::vec((0..8_usize, step()), 0..150), limit in 1000..100_000_usize) {
            let sim = Sim::new();
            let reactor = Reactor::with_driver(sim.driver(), MemoryLimit::new(limit));
            let handle = reactor.handle();
            let listener = Listener::new(&handle, Endpoint::Simulated(1)).expect("a world without limits");
            let inside = handle.clone();
            drop(handle.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    drop(inside.spawn(echo(stream)));
                }
            }));
            let peers: Vec<Peer> = (0..8).map(|_| sim.connect(1)).collect();
            let held = || handle.0.sources.borrow().iter().map(|(_, source)| source.held()).sum::<usize>();
            for (who, step) in steps {
                let peer = &peers[who];
                match step {
                    Step::Send(bytes, ends) => {
                        let mut line = vec![b'x'; bytes.into()];
                        line.extend(ends.then_some(b'\n'));
                        peer.send(line);
                    }
                    Step::Window(bytes) => peer.window(bytes.into()),
                    Step::Finish => peer.finish(),
                    Step::Reset => peer.reset(),
                    Step::Turn => reactor.turn().expect("a world without errors"),
                }
                prop_assert_eq!(handle.0.memory.used(), held());
            }
            sim.settle(&reactor);
            prop_assert_eq!(handle.0.memory.used(), held());
            prop_assert!(held() <= limit, "{} of {}", held(), limit);
            peers.iter().for_each(Peer::reset);
            sim.settle(&reactor);
            prop_assert_eq!((handle.0.memory.used(), held()), (0, 0));
        }
    }
}
