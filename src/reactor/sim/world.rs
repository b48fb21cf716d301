//! The state of the world, and the rules by which it changes.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::wire::End;
use crate::reactor::driver::Ready;
use crate::reactor::slots::Id;
use crate::reactor::time::Time;

/// An operation of the driver's, to let it fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Op {
    /// `poll`; `Interrupted` is no failure.
    Poll,
    /// `listen`
    Listen,
    /// `accept`. The connection stays where it is, for the next try.
    Accept,
    /// `connect`: fails at once.
    Connect,
    /// `connected`: the outcome is this failure.
    Connected,
    /// `read`
    Read,
    /// `write`
    Write,
    /// `unread`
    Unread,
    /// `shutdown`
    Shutdown,
    /// `close`. Counted, but it cannot fail.
    Close,
    /// `signals`
    Signals,
}

/// What a world tells whoever watches it: [`Sim::watch`](super::Sim::watch).
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// The driver was asked for something, and has answered.
    Done {
        /// What for.
        op: Op,
        /// Its name for the stream, the listener or the signals; of an accept: for what was accepted.
        id: Id,
        /// The number of the connection, if it is one: [`Peer::number`](super::Peer::number).
        peer: Option<usize>,
        /// The answer: bytes, if the operation moves any; edges, of a poll.
        result: Result<usize, &'a io::Error>,
    },
    /// The reactor has done all that there was to do, and waits: for an edge, or for a timer that may be due already.
    Rest,
}

/// How an operation fails: with a kind of error, or with a number of the operating system's.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// A kind.
    Kind(io::ErrorKind),
    /// An `errno`.
    Os(i32),
}

impl From<io::ErrorKind> for Failure {
    fn from(kind: io::ErrorKind) -> Failure {
        Failure::Kind(kind)
    }
}

impl From<i32> for Failure {
    fn from(number: i32) -> Failure {
        Failure::Os(number)
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> io::Error {
        match failure {
            Failure::Kind(kind) => kind.into(),
            Failure::Os(number) => io::Error::from_raw_os_error(number),
        }
    }
}

/// What the driver knows by an [`Id`].
pub(super) enum Place {
    Listener(usize),
    Stream(usize),
    Signals { numbers: Vec<i32>, came: Vec<i32> },
}

pub(super) struct Source {
    pub(super) id: Id,
    pub(super) place: Place,
}

/// A listener, by number. It outlives the driver's name for it.
#[derive(Default)]
pub(super) struct Listening {
    pub(super) id: Option<Id>,
    /// The test itself accepts here.
    pub(super) open: bool,
    pub(super) backlog: VecDeque<usize>,
}

pub(super) type Happening = Box<dyn FnOnce()>;
pub(super) type Watcher = Box<dyn FnMut(&Step<'_>)>;

#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that have nothing to do with one another"
)]
pub(super) struct World {
    pub(super) now: Time,
    pub(super) auto: bool,
    pub(super) has_driver: bool,
    /// The generator's state; `seeded`: it decides on orders, too.
    pub(super) random: u64,
    pub(super) seeded: bool,
    pub(super) ragged: bool,
    pub(super) slow_connect: Duration,
    pub(super) cost: Duration,
    pub(super) watcher: Option<Watcher>,
    pub(super) batch: usize,
    pub(super) whole_edges: bool,
    pub(super) happenings: BTreeMap<(Time, u64), Happening>,
    pub(super) planned: u64,
    pub(super) ends: Vec<End>,
    pub(super) listeners: BTreeMap<usize, Listening>,
    /// By the index of their [`Id`]s.
    pub(super) sources: Vec<Option<Source>>,
    /// Edges that were not reported yet, in order; one entry a source.
    pub(super) edges: Vec<(Id, Ready)>,
    pub(super) failures: BTreeMap<Op, VecDeque<(u64, Failure, u64)>>,
    pub(super) unparked: Arc<AtomicBool>,
    pub(super) counts: BTreeMap<Op, u64>,
    pub(super) trace: u64,
    /// The last poll found nothing to report, and was willing to wait.
    pub(super) idle: bool,
    /// How many such polls came one after the other with the clock standing still.
    pub(super) vain: u32,
}

impl World {
    pub(super) fn new() -> World {
        World {
            now: Time::from_nanos(1_000_000_000),
            auto: false,
            has_driver: false,
            random: 0,
            seeded: false,
            ragged: false,
            slow_connect: Duration::ZERO,
            cost: Duration::ZERO,
            watcher: None,
            batch: usize::MAX,
            whole_edges: false,
            happenings: BTreeMap::new(),
            planned: 0,
            ends: Vec::new(),
            listeners: BTreeMap::new(),
            sources: Vec::new(),
            edges: Vec::new(),
            failures: BTreeMap::new(),
            unparked: Arc::default(),
            counts: BTreeMap::new(),
            trace: 0xcbf2_9ce4_8422_2325,
            idle: false,
            vain: 0,
        }
    }

    /// `SplitMix64`: a number below `below`.
    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    /// Notes something that the driver did: FNV-1a, a word at a time.
    pub(super) fn note(&mut self, word: u64) {
        self.trace = (self.trace ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        self.trace ^= self.trace >> 29;
    }

    /// Begins an operation: counts it, and lets it fail if that was planned.
    pub(super) fn begin(&mut self, op: Op, id: Id) -> io::Result<()> {
        *self.counts.entry(op).or_default() += 1;
        self.note(op as u64);
        self.note(id.to_bits());
        self.note(self.now.as_nanos());
        let Some(planned) = self.failures.get_mut(&op) else {
            return Ok(());
        };
        match planned.front_mut() {
            None => Ok(()),
            Some((after @ 1.., ..)) => {
                *after -= 1;
                Ok(())
            }
            Some((0, failure, times)) => {
                let failure = *failure;
                *times = times.saturating_sub(1);
                if *times == 0 {
                    planned.pop_front();
                }
                Err(failure.into())
            }
        }
    }

    /// An edge, to be reported by the next poll, together with others of the same source.
    pub(super) fn raise(&mut self, id: Option<Id>, ready: Ready) {
        let Some(id) = id.filter(|_| ready != Ready::NONE) else {
            return;
        };
        match self.edges.iter_mut().find(|(known, _)| *known == id) {
            Some((_, all)) => *all = all.with(ready),
            None => self.edges.push((id, ready)),
        }
    }

    /// A new connection, as the places of its ends: the one who connects, the one who accepts.
    pub(super) fn pair(&mut self, address: Option<SocketAddr>) -> (usize, usize) {
        let first = self.ends.len();
        let address = address.unwrap_or_else(|| {
            let n = (first / 2) as u32;
            let [_, a, b, c] = (n / 50_000 + 1).to_be_bytes();
            SocketAddr::from(([10, a, b, c], 10_000 + (n % 50_000) as u16))
        });
        self.ends.push(End::new(address));
        self.ends.push(End::new(address));
        (first, first + 1)
    }

    /// Puts an end into a listener's queue. False: nobody listens.
    pub(super) fn knock(&mut self, number: usize, end: usize) -> bool {
        let Some(listening) = self.listeners.get_mut(&number) else {
            return false;
        };
        if listening.id.is_none() && !listening.open {
            return false;
        }
        listening.backlog.push_back(end);
        let id = listening.id;
        self.raise(id, Ready::READABLE);
        true
    }

    /// Gives an end its name: the edges of its birth tell what is there already.
    pub(super) fn adopt(&mut self, id: Id, end: usize) {
        self.ends[end].id = Some(id);
        self.insert(id, Place::Stream(end));
        self.raise(Some(id), self.ready(end));
    }

    /// All that an end is ready for.
    pub(super) fn ready(&self, end: usize) -> Ready {
        let (ready, other) = (self.ends[end].readable(), &self.ends[end ^ 1]);
        if other.room >= other.low_water {
            ready.with(Ready::WRITABLE)
        } else {
            ready
        }
    }

    pub(super) fn insert(&mut self, id: Id, place: Place) {
        if self.sources.len() <= id.index() {
            self.sources.resize_with(id.index() + 1, || None);
        }
        assert!(
            self.sources[id.index()].is_none(),
            "the reactor gave one index to two open sources"
        );
        self.sources[id.index()] = Some(Source { id, place });
    }

    pub(super) fn source(&mut self, id: Id) -> io::Result<&mut Place> {
        match self.sources.get_mut(id.index()) {
            Some(Some(source)) if source.id == id => Ok(&mut source.place),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    pub(super) fn stream(&mut self, id: Id) -> io::Result<usize> {
        match self.source(id)? {
            Place::Stream(end) => Ok(*end),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Closes whatever `id` is.
    pub(super) fn close_source(&mut self, id: Id) {
        let known = self.source(id).is_ok();
        let source = self.sources.get_mut(id.index()).filter(|_| known);
        match source.and_then(Option::take).map(|source| source.place) {
            Some(Place::Stream(end)) => self.close(end),
            Some(Place::Listener(number)) => {
                let listening = self.listeners.remove(&number).unwrap_or_default();
                for end in listening.backlog {
                    self.ends[end].closed = true;
                    self.reset(end ^ 1);
                }
            }
            Some(Place::Signals { .. }) | None => {}
        }
        // An edge that was not reported yet dies with the source, as in the kernel.
        self.edges.retain(|(known, _)| *known != id);
    }
}
