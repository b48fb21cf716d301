//! The test's handle to the world.

use std::cell::{RefCell, RefMut};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::door::Door;
use super::peer::Peer;
use super::world::{Failure, Op, Place, Step, World};
use crate::reactor::driver::{Driver, Ready};
use crate::reactor::event_loop::Reactor;
use crate::reactor::slots::Id;
use crate::reactor::time::Time;

/// A simulated world. Clones are the same world.
#[derive(Clone)]
pub struct Sim(Rc<RefCell<World>>);

impl Default for Sim {
    fn default() -> Self {
        Sim::new()
    }
}

impl Sim {
    /// An empty world at one second, with a clock that stands.
    pub fn new() -> Sim {
        Sim(Rc::new(RefCell::new(World::new())))
    }

    pub(super) fn world(&self) -> RefMut<'_, World> {
        self.0.borrow_mut()
    }

    /// The door to it, for [`Reactor::with_driver`].
    ///
    /// # Panics
    /// The second time.
    pub fn driver(&self) -> Box<dyn Driver> {
        let taken = std::mem::replace(&mut self.world().has_driver, true);
        assert!(!taken, "a simulated world has one driver");
        Box::new(Door(self.clone()))
    }

    /// Makes all choices from here on: which ready task runs, in which order edges are reported, [`Sim::random`]. With 0
    /// both go in the order in which they came.
    pub fn seed(&self, seed: u64) {
        let mut world = self.world();
        (world.random, world.seeded) = (seed, seed != 0);
    }

    /// A number below `below`, for scripts: all that is random in a run should come from its seed.
    pub fn random(&self, below: u64) -> u64 {
        self.world().random(below)
    }

    /// Whether each read and write moves only a random part of what it could.
    pub fn ragged(&self, ragged: bool) {
        self.world().ragged = ragged;
    }

    /// Each operation of the driver's takes so long, and what is planned for that while happens in the midst of a turn.
    pub fn cost(&self, rest: Duration) {
        self.world().cost = rest;
    }

    /// Has `watcher` told of each step, after it. It may do what a happening may.
    pub fn watch(&self, watcher: impl FnMut(&Step<'_>) + 'static) {
        self.unwatch();
        self.world().watcher = Some(Box::new(watcher));
    }

    /// Drops whoever watches.
    pub fn unwatch(&self) {
        let watcher = self.world().watcher.take();
        drop(watcher);
    }

    pub(super) fn tell(&self, step: &Step<'_>) {
        let watcher = self.world().watcher.take();
        if let Some(mut watcher) = watcher {
            watcher(step);
            self.world().watcher.get_or_insert(watcher);
        }
    }

    /// Lets the time pass that an operation takes.
    pub(super) fn pass(&self) {
        let (now, cost) = (self.now(), self.world().cost);
        if !cost.is_zero() {
            while self.happen(now + cost) {}
            self.world().now = now + cost;
        }
    }

    /// One poll reports `most` edges at the most.
    pub fn batch(&self, most: usize) {
        self.world().batch = most.max(1);
    }

    /// Each edge tells all that its source is ready for when it is reported, as those of `epoll` do, not only what is new.
    pub fn whole_edges(&self, whole: bool) {
        self.world().whole_edges = whole;
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.world().now
    }

    /// Lets time pass: what was planned for it happens, in order. The reactor hears of it in its next turn.
    pub fn advance(&self, rest: Duration) {
        let end = self.now() + rest;
        self.world().vain = 0;
        while self.happen(end) {}
        let mut world = self.world();
        world.now = world.now.max(end);
    }

    /// Whether a poll with nothing to report jumps to what comes next, instead of returning at once.
    pub fn auto_advance(&self, auto: bool) {
        self.world().auto = auto;
    }

    /// Plans a happening. It may do what it likes with this world, but not with the reactor, which is in the middle of
    /// its poll; and it should hold no [`Handle`](crate::reactor::Handle), which would be a circle.
    pub fn at(&self, time: Time, happening: impl FnOnce() + 'static) {
        let mut world = self.world();
        let key = (time, world.planned);
        world.planned += 1;
        world.happenings.insert(key, Box::new(happening));
    }

    /// Plans a happening a while from now, as [`Sim::at`].
    pub fn later(&self, rest: Duration, happening: impl FnOnce() + 'static) {
        self.at(self.now() + rest, happening);
    }

    /// Lets the first happening until `end` happen, at its time. False: there is none.
    pub(super) fn happen(&self, end: Time) -> bool {
        let next = {
            let mut world = self.world();
            match world.happenings.first_entry() {
                Some(entry) if entry.key().0 <= end => {
                    let ((time, _), happening) = entry.remove_entry();
                    world.now = world.now.max(time);
                    Some(happening)
                }
                _ => None,
            }
        };
        next.map(|happening| happening()).is_some()
    }

    /// Turns until everybody waits for something that this moment does not bring.
    ///
    /// # Panics
    /// If that is not so after a million turns, or if the driver fails to poll.
    pub fn settle(&self, reactor: &Reactor) {
        let auto = std::mem::take(&mut self.world().auto);
        for _ in 0..1_000_000 {
            self.world().vain = 0;
            reactor.turn().expect("the driver polls");
            if self.world().idle && !reactor.has_ready() {
                self.world().auto = auto;
                return;
            }
        }
        panic!("the reactor does not come to rest");
    }

    /// Connects to the listener of that number. If there is none, the peer is refused:
    /// [`reset_seen`](Peer::reset_seen).
    pub fn connect(&self, listener: usize) -> Peer {
        self.connect_as(listener, None)
    }

    /// Connects from an address of the test's choice.
    pub fn connect_from(&self, listener: usize, address: SocketAddr) -> Peer {
        self.connect_as(listener, Some(address))
    }

    fn connect_as(&self, listener: usize, address: Option<SocketAddr>) -> Peer {
        let mut world = self.world();
        let (client, server) = world.pair(address);
        if !world.knock(listener, server) {
            world.ends[server].closed = true;
            world.reset(client);
        }
        drop(world);
        Peer::new(self, client)
    }

    /// Listens at that number itself: the reactor's streams may connect to it (to any address with that port).
    pub fn listen(&self, number: usize) {
        self.world().listeners.entry(number).or_default().open = true;
    }

    /// The other end of the first stream that connected to [`Sim::listen`]'s number.
    pub fn accept(&self, number: usize) -> Option<Peer> {
        let end = self
            .world()
            .listeners
            .get_mut(&number)?
            .backlog
            .pop_front()?;
        Some(Peer::new(self, end))
    }

    /// How long a connect of the reactor's takes from now on.
    pub fn slow_connect(&self, rest: Duration) {
        self.world().slow_connect = rest;
    }

    /// Sends a signal. One that nobody catches does nothing; one that waits to be taken already is told once.
    pub fn signal(&self, number: i32) {
        let mut world = self.world();
        let mut edges = Vec::new();
        for source in world.sources.iter_mut().flatten() {
            if let Place::Signals { numbers, came } = &mut source.place
                && numbers.contains(&number)
            {
                if !came.contains(&number) {
                    came.push(number);
                }
                edges.push(source.id);
            }
        }
        for id in edges {
            world.raise(Some(id), Ready::READABLE);
        }
    }

    /// Lets the next `times` operations of this sort fail; behind those that were planned before.
    ///
    /// With anything but `WouldBlock`: a socket that says so owes an edge.
    pub fn fail(&self, op: Op, failure: impl Into<Failure>, times: u64) {
        self.fail_after(op, 0, failure, times);
    }

    /// The same, but `after` such operations succeed first.
    pub fn fail_after(&self, op: Op, after: u64, failure: impl Into<Failure>, times: u64) {
        let mut world = self.world();
        let planned = world.failures.entry(op).or_default();
        if times > 0 {
            planned.push_back((after, failure.into(), times));
        }
    }

    /// Reports an edge though nothing changed; with the name of a stream that was closed, a stale one.
    pub fn spurious(&self, id: Id, ready: Ready) {
        self.world().raise(Some(id), ready);
    }

    /// How many operations of this sort there were.
    pub fn count(&self, op: Op) -> u64 {
        self.world().counts.get(&op).copied().unwrap_or_default()
    }

    /// How many sources the driver has open.
    pub fn open_sources(&self) -> usize {
        self.world().sources.iter().flatten().count()
    }

    /// A number made of all that the driver was asked and answered, when, and in which order. Equal runs, equal numbers.
    pub fn trace(&self) -> u64 {
        self.world().trace
    }
}
