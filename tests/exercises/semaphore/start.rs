#[path = "tests.rs"]
pub(crate) mod tests;

/// So many permits, for whoever asks first.
#[derive(Clone)]
pub(crate) struct Semaphore;

/// Dropping it gives it back.
pub(crate) struct Permit;

impl Semaphore {
    pub(crate) fn new(_permits: usize) -> Semaphore {
        Semaphore
    }

    /// Waits for a permit. Who drops this while he waits, or when he was woken but did not run yet, keeps nobody waiting.
    pub(crate) async fn acquire(&self) -> Permit {
        // Here is something missing: whoever waits.
        Permit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // Here, too: whose turn it is now.
    }
}
