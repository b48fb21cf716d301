//! What a client may take, and how many of them the system allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Descriptors that are not for clients: or a quarter of all, where that is less; or as many as the server takes itself.
const RESERVE: usize = 64;

/// How long a client may take to read the last words and to close, and how much it may send meanwhile.
pub(super) const LINGER: Duration = Duration::from_secs(1);
pub(super) const LINGER_BYTES: usize = 1 << 20;
/// While the server drains, a client is parted with once it has been silent for this long.
pub(super) const QUIET: Duration = Duration::from_millis(200);

/// How many connections there may be, and how many that were refused may linger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// Clients.
    pub connections: usize,
    /// Refused ones that are still being told so.
    pub refusals: usize,
}

/// Raises the descriptor limit as far as the system allows, and divides what there is.
///
/// `asked` is the user's own limit; `own` is how many descriptors the server itself takes; `others` are what else there is
/// no more of than for so many clients. Tells what there is too little of, if that is less than was asked for.
pub fn capacity(
    asked: Option<usize>,
    own: usize,
    others: &[(usize, &'static str)],
) -> (Capacity, Option<&'static str>) {
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    divide(descriptors, asked, own, others)
}

fn divide(
    descriptors: usize,
    asked: Option<usize>,
    own: usize,
    others: &[(usize, &'static str)],
) -> (Capacity, Option<&'static str>) {
    // Two to spare: one to accept with, one to open a file with.
    let reserve = RESERVE.min(descriptors / 4).max(own + 2);
    let most = descriptors.saturating_sub(reserve).max(1);
    let bounds = others.iter().copied().chain([(most, "descriptors")]);
    let (most, want) = bounds.min().unwrap_or((most, ""));
    let connections = asked.unwrap_or(most).min(most);
    // Those who are refused take what is left.
    let refusals = descriptors
        .saturating_sub(connections + own + 2)
        .min(RESERVE);
    (
        Capacity {
            connections,
            refusals,
        },
        asked.filter(|&asked| asked > most).and(Some(want)),
    )
}

/// The places for clients, shared by all workers of the process.
pub struct Places {
    limit: usize,
    taken: AtomicUsize,
    peak: AtomicUsize,
    unix: AtomicU64,
}

impl Places {
    /// So many.
    pub fn new(limit: usize) -> Arc<Places> {
        let zero = AtomicUsize::default;
        Arc::new(Places {
            limit,
            taken: zero(),
            peak: zero(),
            unix: AtomicU64::default(),
        })
    }

    /// The most that were taken at once.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// A number for a client that has no address.
    pub(super) fn number(&self) -> u64 {
        self.unix.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes a place, if one is free.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        let place = Place(Arc::clone(self));
        if taken > self.limit {
            return None; // and is dropped
        }
        self.peak.fetch_max(taken, Ordering::Relaxed);
        Some(place)
    }
}

/// A client's place. Dropping it frees it: after the descriptor, which is what there is no more of.
pub(super) struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_64_or_a_quarter() {
        let connections = |descriptors, asked| divide(descriptors, asked, 10, &[]).0.connections;
        assert_eq!(connections(20_000, None), 19_936);
        assert_eq!(connections(64, None), 48);
        assert_eq!(connections(1, None), 1);
        assert_eq!(connections(1024, Some(20)), 20);
        assert_eq!(
            divide(64, Some(1000), 10, &[]),
            (
                Capacity {
                    connections: 48,
                    refusals: 4
                },
                Some("descriptors")
            )
        );
        assert_eq!(divide(1024, Some(20), 10, &[]).0.refusals, 64);
        let (capacity, want) = divide(1024, Some(960), 116, &[]);
        assert_eq!((capacity.connections, want), (906, Some("descriptors")));
    }

    #[test]
    fn what_there_is_least_of_binds() {
        let others = [(100, "threads"), (50, "memory")];
        let (capacity, want) = divide(1024, Some(60), 10, &others);
        assert_eq!(
            (capacity.connections, capacity.refusals, want),
            (50, 64, Some("memory"))
        );
        let (capacity, want) = divide(1024, Some(50), 10, &others);
        assert_eq!((capacity.connections, want), (50, None));
        assert_eq!(divide(1024, None, 10, &others).1, None);
    }

    #[test]
    fn no_more_places_than_the_limit() {
        let places = Places::new(2);
        let first = places.take();
        let second = places.take();
        assert!(first.is_some() && second.is_some() && places.take().is_none());
        drop(first);
        assert!(places.take().is_some());
        assert_eq!(places.peak(), 2);
    }
}
