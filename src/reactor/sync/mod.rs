//! What tasks of one reactor tell and leave each other: an event, a semaphore, a queue.
//!
//! None of them knows the reactor: they hold wakers and call them, with no borrow held. None is for several threads.
//! All their futures are cancellation-safe: dropped while they wait, they leave their place; dropped after they were
//! served but before they could take it, they hand it on.

mod event;
mod queue;
mod semaphore;
mod waiters;

pub use event::{Event, EventWait};
pub use queue::{Full, Get, Joined, Put, Queue};
pub use semaphore::{Acquire, Permit, Semaphore};
