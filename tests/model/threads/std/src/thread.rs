//! Threads.

pub use ::std::thread::{Result, available_parallelism, panicking};
use ::std::time::Duration;

pub use shuttle::thread::{JoinHandle, current, yield_now};

use crate::world::{after, wait};

/// Makes a thread; its stack is shuttle's.
#[derive(Debug, Default)]
pub struct Builder(Option<String>);

impl Builder {
    pub fn new() -> Self {
        Builder::default()
    }

    #[must_use]
    pub fn name(self, name: String) -> Self {
        Builder(Some(name))
    }

    #[must_use]
    pub fn stack_size(self, _: usize) -> Self {
        self
    }

    pub fn spawn<T: Send + 'static>(
        self,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> ::std::io::Result<JoinHandle<T>> {
        let builder = shuttle::thread::Builder::new();
        builder.name(self.0.unwrap_or_default()).spawn(body)
    }
}

pub fn sleep(duration: Duration) {
    wait(after(duration), || None::<()>);
}
