use std::future::Future;
use std::time::Duration;

use nbcaser::reactor::Handle;

#[path = "tests.rs"]
pub(crate) mod tests;

/// What `future` gives within `rest`; nothing if that is not enough: the future is dropped then. What is ready in the
/// same moment in which the time is up comes in time.
pub(crate) async fn timeout<F: Future>(
    _handle: &Handle,
    _rest: Duration,
    future: F,
) -> Option<F::Output> {
    // Here is something missing: the time.
    Some(future.await)
}
