//! The other side of the door: a world without a kernel, for tests.
//!
//! A [`Sim`] is a world of connections, signals and time in memory, and [`Sim::driver`] the door to it. Reactor, futures
//! and server run on it unchanged, but nothing happens that the test did not ask for: the clock stands until the test
//! moves it, each edge has a cause, and one seed makes all choices, so the same seed gives the same run
//! ([`Sim::trace`] proves it). The world is as strict as the kernel may be: an edge is reported once, on a change and
//! never again, and only for what changed.
//!
//! ```
//! use std::time::Duration;
//! use nbcaser::reactor::sim::Sim;
//! use nbcaser::reactor::{Endpoint, Listener, MemoryLimit, Reactor, sleep};
//!
//! let sim = Sim::new();
//! let reactor = Reactor::with_driver(sim.driver(), MemoryLimit::default());
//! let handle = reactor.handle();
//! let listener = Listener::new(&handle, Endpoint::Simulated(1))?;
//! reactor.handle().spawn(async move {
//!     let (mut stream, _) = listener.accept().await.unwrap();
//!     sleep(&handle, Duration::from_secs(3600)).await;
//!     stream.write_all(b"an hour later\n").await.unwrap();
//! });
//!
//! let client = sim.connect(1);
//! sim.settle(&reactor); // until everybody waits for something
//! assert_eq!(client.received(), b"");
//! sim.advance(Duration::from_secs(3600)); // takes no time
//! sim.settle(&reactor);
//! assert_eq!(client.received(), b"an hour later\n");
//! assert!(client.eof_seen() && client.is_closed());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Two ways to let time pass. By hand, as above: [`Sim::advance`], and a poll never waits. Or by itself:
//! [`Sim::auto_advance`], and a poll with nothing to report jumps to what comes next, a timer of the reactor's or a
//! happening that was planned with [`Sim::at`]; then [`Reactor::block_on`](super::Reactor::block_on) runs years in no time.
//! A poll for which nothing will ever come panics: that is a deadlock.
//!
//! [`Sim::watch`] shows each step as it is done, and the moments at which the reactor has nothing more to do, which is
//! where promises can be checked; with [`Sim::cost`] time passes during a turn too, and things happen in the midst of one.
//!
//! One world has one driver.

mod control;
mod door;
mod peer;
mod wire;
mod world;

pub use control::Sim;
pub use peer::Peer;
pub use world::{Failure, Op, Step};
