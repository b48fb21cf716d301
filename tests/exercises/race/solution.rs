use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

#[path = "tests.rs"]
pub(crate) mod tests;

pub(crate) type Runner<T> = Pin<Box<dyn Future<Output = T>>>;

/// Waits for the first of many; tells which it was, and what it gave. The others are dropped.
///
/// Of those that are ready at the same time the one that stands first in `runners` wins.
pub(crate) async fn race<T>(mut runners: Vec<Runner<T>>) -> (usize, T) {
    poll_fn(move |cx| {
        for (number, runner) in runners.iter_mut().enumerate() {
            if let Poll::Ready(output) = runner.as_mut().poll(cx) {
                return Poll::Ready((number, output));
            }
        }
        Poll::Pending
    })
    .await
}
