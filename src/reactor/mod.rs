//! The reactor. It knows nothing of casing or servers: lift this folder out and it is a crate of its own.
//!
//! Read it in this order, an hour and twenty minutes in all:
//!
//! 1. [`driver`]: the door to the world (5 minutes); [`Time`] and [`slots`], the two small things that all use (5).
//! 2. `task`: what a task is, and a waker: a number in a queue (10).
//! 3. `timers`: the heap (5).
//! 4. `source`: readiness, and the rules of edge triggering, written once (10).
//! 5. `event_loop`: the loop, one turn, in one function, and `handle`, the way to it (10). You have seen it all now.
//! 6. `stream`, `transfer`, `connect`, `listener`, `signal`, `timer`: the futures, leaves of every task (10).
//! 7. `join`, `group`, `combine`, [`sync`]: what tasks do with one another (10).
//! 8. `counters` and `observe`: how one sees what it does (5).
//! 9. `pool` and `memory`: the buffer, and what may be kept; [`real`] and [`sim`]: the two sides of the door (10).
//!
//! ```
//! use std::time::Duration;
//! use nbcaser::reactor::{Reactor, sleep};
//!
//! let reactor = Reactor::new()?;
//! let handle = reactor.handle();
//! let answer = reactor.block_on(async move {
//!     let other = handle.spawn(async { 6 * 7 });
//!     sleep(&handle, Duration::from_millis(1)).await;
//!     other.await.expect("it neither panicked nor was cancelled")
//! })?;
//! assert_eq!(answer, 42);
//! # Ok::<(), std::io::Error>(())
//! ```

mod combine;
mod connect;
mod counters;
pub mod driver;
mod event_loop;
mod group;
mod handle;
mod join;
mod listener;
mod memory;
mod observe;
mod pool;
pub mod real;
mod signal;
pub mod sim;
pub mod slots;
mod source;
mod stream;
pub mod sync;
mod task;
mod time;
mod timer;
mod timers;
mod transfer;

pub use combine::{Either, join, select, yield_now};
pub use counters::{Counters, Measured, Spans};
pub use driver::{Driver, Endpoint, Remote};
pub use event_loop::Reactor;
pub use group::TaskGroup;
pub use handle::{Census, Handle};
pub use join::{JoinError, JoinHandle};
pub use listener::{Accept, Listener};
pub use memory::MemoryLimit;
pub use observe::{Cause, Observer, What};
pub use signal::{Next, Signals};
pub use source::HIGH_WATER;
pub use stream::{Fill, Flush, Stream, Writer};
pub use time::Time;
pub use timer::{
    Callback, Interval, Missed, Sleep, Tick, interval, sleep, sleep_until, timeout, timeout_at,
};
