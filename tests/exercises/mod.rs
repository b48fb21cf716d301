//! The exercises, from the easy to the hard; chapter 15 of the tutorial tells what is to be done. Each has a `start.rs`
//! that is to be made right, a `solution.rs`, and `tests.rs` for either.

#![allow(clippy::duplicate_mod)] // the same tests for the one and for the other
#![allow(clippy::should_panic_without_expect)] // how the start fails is its own affair
#![allow(clippy::unused_async)] // what waits for nothing yet is to be made to

mod broadcast;
mod drain;
mod line_limit;
mod priority;
mod race;
mod rate_limit;
mod semaphore;
mod ticks;
mod timeout;

use std::future::Future;
use std::time::Duration;

use nbcaser::reactor::sim::{Peer, Sim};
use nbcaser::reactor::{Endpoint, Handle, Listener, MemoryLimit, Reactor, Stream};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A reactor in a simulated world.
struct World {
    reactor: Reactor,
    handle: Handle,
    sim: Sim,
}

impl World {
    fn new() -> World {
        let sim = Sim::new();
        let reactor = Reactor::with_driver(sim.driver(), MemoryLimit::default());
        let handle = reactor.handle();
        World {
            reactor,
            handle,
            sim,
        }
    }

    /// Runs `future` to its end. The clock jumps to whatever comes next; that nothing does is a panic.
    fn run<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> T {
        self.sim.auto_advance(true);
        self.reactor
            .block_on(future)
            .expect("a world without errors")
    }

    /// Starts a task, and lets everybody do what there is to do at this moment.
    fn start(&self, task: impl Future<Output = ()> + 'static) {
        drop(self.handle.spawn(task));
        self.settle();
    }

    fn settle(&self) {
        self.sim.settle(&self.reactor);
    }

    /// Lets time pass.
    fn advance(&self, rest: Duration) {
        self.sim.advance(rest);
        self.settle();
    }

    /// A client, and the stream that serves it.
    fn client(&self) -> (Peer, Stream) {
        let listener = Listener::new(&self.handle, Endpoint::Simulated(1)).expect("a listener");
        let peer = self.sim.connect(1);
        let task = self
            .handle
            .spawn(async move { listener.accept().await.expect("a connection").0 });
        self.settle();
        let stream = task.try_take().expect("it was accepted");
        (peer, stream.expect("no panic"))
    }
}
