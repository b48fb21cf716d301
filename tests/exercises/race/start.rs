use std::future::Future;
use std::pin::Pin;

#[path = "tests.rs"]
pub(crate) mod tests;

pub(crate) type Runner<T> = Pin<Box<dyn Future<Output = T>>>;

/// Waits for the first of many; tells which it was, and what it gave. The others are dropped.
///
/// Of those that are ready at the same time the one that stands first in `runners` wins.
pub(crate) async fn race<T>(runners: Vec<Runner<T>>) -> (usize, T) {
    // Here is something missing: all but one never run.
    let first = runners.into_iter().next().expect("somebody runs");
    (0, first.await)
}
