//! One reactor with very many connections: what each of them takes of memory, what it costs that one of them speaks while
//! the others are silent, and a line for each. In a simulated world, for a process may not have so many descriptors.
//!
//! `NBCASER_CONNECTIONS=1000000 cargo test --release --test million -- --nocapture`
//!
//! Memory is counted over the whole process, so there is one test here.
#![allow(clippy::disallowed_methods)] // how long it takes is printed, and nothing else is done with it

use std::alloc::System;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cap::Cap;
use nbcaser::reactor::sim::{Peer, Sim};
use nbcaser::reactor::slots::Id;
use nbcaser::reactor::{Endpoint, JoinHandle, Listener, MemoryLimit, Reactor, Signals, Time};
use nbcaser::server::Settings;
use nbcaser::server::limits::Places;
use nbcaser::server::reactor::worker::{Job, serve};
use nbcaser::server::stats::Ended;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const GREETING: &[u8] = b"<welcome: starting in upper case mode>\n";
const LINE: &[u8] = b"hello, is it me?\n";
const REPLY: &[u8] = b"Upper-cased: 'HELLO, IS IT ME?'\r\n";
const TERM: i32 = 15;

/// So many without being told. Tables double, and what is reserved and not touched yet is counted here though it is no
/// memory; so it is a number a little below a power of two, as a million is.
const MANY: usize = 30_000;
/// The few that the many are compared with; likewise.
const FEW: usize = 1_000;
/// How many connect, or speak, in the same moment: the simulated world looks through its edges one by one.
const AT_ONCE: usize = 500;
/// One speaks so many times, for the time and for the instructions that it takes.
const TIMES: usize = 1_000;

/// A server, and the other ends of its connections.
struct Crowd {
    reactor: Reactor,
    sim: Sim,
    main: JoinHandle<Ended>,
    peers: Vec<Peer>,
    asked: usize,
}

impl Crowd {
    fn new(connections: usize, idle_timeout: Duration) -> Crowd {
        let sim = Sim::new();
        let settings = Settings {
            idle_timeout,
            ..Settings::default()
        };
        let limit = MemoryLimit::new(settings.max_memory);
        let reactor = Reactor::with_driver(sim.driver(), limit);
        let handle = reactor.handle();
        let listener = Listener::new(&handle, Endpoint::Simulated(1)).unwrap();
        let signals = Signals::new(&handle, &[TERM]).unwrap();
        let job = Job {
            settings: Arc::new(settings),
            places: Places::new(connections),
            refusals: 0,
            number: 0,
        };
        let main = handle.spawn(serve(handle.clone(), job, vec![listener], signals));
        Crowd {
            reactor,
            sim,
            main,
            peers: Vec::with_capacity(connections),
            asked: 0,
        }
    }

    fn settle(&self) {
        self.sim.settle(&self.reactor);
    }

    /// Until there are so many, they connect and are greeted.
    fn fill(&mut self, connections: usize) {
        while self.peers.len() < connections {
            let first = self.peers.len();
            let some = (first..connections.min(first + AT_ONCE)).map(|_| self.sim.connect(1));
            self.peers.extend(some);
            self.settle();
            let new = &self.peers[first..];
            assert!(new.iter().all(|peer| peer.take_received() == GREETING));
        }
    }

    /// Everybody says something, and gets the right answer.
    fn ping(&mut self) {
        for some in self.peers.chunks(AT_ONCE) {
            for peer in some {
                peer.send(LINE);
            }
            self.settle();
            assert!(some.iter().all(|peer| peer.take_received() == REPLY));
        }
        self.asked += self.peers.len();
    }

    /// One speaks, is answered, and then another one, as far away in all tables as `stride`.
    #[inline(never)]
    fn one_at_a_time(&mut self, stride: usize) {
        for n in 0..TIMES {
            let peer = &self.peers[n * stride % self.peers.len()];
            peer.send(LINE);
            self.settle();
            assert_eq!(peer.take_received(), REPLY);
        }
        self.asked += TIMES;
    }

    /// What that takes for each, in nanoseconds: the least of some times.
    fn one_speaks(&mut self, stride: usize) -> u128 {
        let times = (0..5).map(|_| {
            let start = Instant::now();
            self.one_at_a_time(stride);
            start.elapsed().as_nanos() / TIMES as u128
        });
        times.min().unwrap()
    }

    /// The server ends: everybody is told so, and everything was counted.
    fn end(self) {
        self.sim.signal(TERM);
        self.settle();
        self.sim.advance(Settings::default().drain);
        self.settle();
        let totals = self.main.try_take().expect("it has ended").unwrap().totals;
        assert_eq!(totals.peak, 0); // that one is the process's, not the worker's
        assert_eq!(totals.connections, self.peers.len() as u64);
        assert_eq!(totals.lines, self.asked as u64);
        assert_eq!((totals.cut_off, totals.refused), (0, 0));
        let told = |peer: &Peer| peer.eof_seen() && !peer.reset_seen();
        assert!(self.peers.iter().all(told));
        let census = self.reactor.handle().census();
        assert_eq!((census.timers, census.sources), (0, 0));
    }
}

/// How much more is allocated after `work`, by the bytes that were asked for.
fn grown(work: impl FnOnce()) -> usize {
    let before = ALLOCATOR.allocated();
    work();
    ALLOCATOR.allocated().saturating_sub(before)
}

/// The same dialogues in the same world, held by nobody: what that takes is the world's own.
fn world_without_a_server(connections: usize) -> usize {
    let sim = Sim::new();
    let mut driver = sim.driver();
    let (door, mut events, mut buffer) = (Id::from_bits(0), Vec::new(), [0; 64]);
    driver.listen(door, Endpoint::Simulated(1)).unwrap();
    let mut peers = Vec::with_capacity(connections);
    let mut fill = |connections: usize| {
        while peers.len() < connections {
            let first = peers.len();
            peers.extend((first..connections.min(first + AT_ONCE)).map(|_| sim.connect(1)));
            for (n, peer) in peers.iter().enumerate().skip(first) {
                let id = Id::from_bits(n as u64 + 1);
                driver.accept(door, id).unwrap();
                driver.write(id, GREETING).unwrap();
                assert_eq!(peer.take_received(), GREETING);
                peer.send(LINE);
                assert_eq!(driver.read(id, &mut buffer).unwrap(), LINE.len());
                driver.write(id, REPLY).unwrap();
                assert_eq!(peer.take_received(), REPLY);
            }
            driver.poll(&mut events, Time::ZERO).unwrap();
            events.clear();
        }
    };
    fill(1);
    grown(|| fill(connections))
}

/// Prints what so many cost, and returns what each takes of memory.
fn measure(connections: usize, idle_timeout: Duration) -> usize {
    let mut crowd = Crowd::new(connections, idle_timeout);
    // What the first one costs is there once.
    crowd.fill(1);
    crowd.ping();
    let start = Instant::now();
    let all = grown(|| {
        crowd.fill(connections);
        crowd.ping();
    });
    let connected = start.elapsed();
    let each = all.saturating_sub(world_without_a_server(connections)) / connections;
    let start = Instant::now();
    crowd.ping();
    let swept = start.elapsed();
    // A prime: everybody has his turn before anybody has two.
    let (same, any) = (crowd.one_speaks(0), crowd.one_speaks(7_919));
    println!(
        "{connections:>9} connections, idle timeout {idle_timeout:>3.0?}: {each} bytes each, {same} ns when the same one \
         speaks, {any} ns when any one does; all greeted and answered in {connected:.1?}, once more in {swept:.1?}"
    );
    crowd.end();
    each
}

#[test]
fn many_connections_cost_no_more_than_as_many_times_one() {
    let many = std::env::var("NBCASER_CONNECTIONS").map_or(MANY, |n| n.parse().unwrap());
    // With an idle timeout each has a timer, with its place in the heap.
    for (idle_timeout, most) in [(Duration::ZERO, 512), (Duration::from_secs(60), 600)] {
        measure(FEW, idle_timeout);
        let each = measure(many, idle_timeout);
        assert!(each <= most, "{each} bytes");
        assert!(each >= 100, "{each} bytes: nothing was measured");
    }
}
