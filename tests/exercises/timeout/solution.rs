use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use nbcaser::reactor::{Handle, sleep};

#[path = "tests.rs"]
pub(crate) mod tests;

/// What `future` gives within `rest`; nothing if that is not enough: the future is dropped then. What is ready in the
/// same moment in which the time is up comes in time.
pub(crate) async fn timeout<F: Future>(
    handle: &Handle,
    rest: Duration,
    future: F,
) -> Option<F::Output> {
    let (mut future, mut sleep) = (pin!(future), pin!(sleep(handle, rest)));
    // Both are asked each time, so each of them has left the waker.
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
    })
    .await
}
