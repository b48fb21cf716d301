pub use std::*;
pub mod sync {
    pub use loom::sync::{Condvar, Mutex, MutexGuard};
    pub use std::sync::{Arc, LazyLock, OnceLock, PoisonError, Weak};
    pub mod atomic {
        pub use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize};
        pub use std::sync::atomic::Ordering;
    }
}
