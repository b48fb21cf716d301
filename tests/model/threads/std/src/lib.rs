//! The standard library, with threads, queues, locks and atomics over which [shuttle](https://docs.rs/shuttle) decides.
//!
//! All threads of a program are coroutines of one real thread here, and each of the operations below lets shuttle choose who
//! goes on: so a run is one interleaving, made by a seed. What waits, for a message, a lock, a socket or the time, does
//! so in [`world::wait`]: sockets are the kernel's own, but nobody sleeps in the kernel. Time is virtual: see [`world`].

pub use ::std::*;

pub mod world;

pub mod sync {
    //! As in the standard library.

    pub use ::std::sync::*;

    pub use self::lock::{Condvar, Mutex, MutexGuard};

    mod lock;
    pub mod mpsc;

    pub mod atomic {
        //! Shuttle's: all of them as if sequentially consistent.
        pub use shuttle::sync::atomic::*;
    }
}

pub mod thread;
