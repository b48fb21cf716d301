//! Tables whose keys are never mistaken for one another.
//!
//! Tasks, timers and sockets live in slabs: dense, and a place is used again as soon as it is free. Used again is the
//! trouble: an event, a waker or a timer that comes late may name a place that somebody else has by now. So a key is
//! the place and a *generation*, a number that each insertion gets anew, and a key whose generation is not that of the
//! place finds nothing.

use slab::Slab;

/// The key of one entry: its place in the slab and its generation.
///
/// An old key would fit again only when the same place is filled exactly 2^32 insertions later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id(u64);

impl Id {
    /// A key that finds nothing.
    pub const NONE: Id = Id(u64::MAX);

    const fn new(index: u32, generation: u32) -> Id {
        Id((generation as u64) << 32 | index as u64)
    }

    /// The place in its table, for a table that runs beside it.
    pub const fn index(self) -> usize {
        self.0 as u32 as usize
    }

    const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The key as one word, for the kernel to carry around.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The key that [`Id::to_bits`] packed.
    pub const fn from_bits(bits: u64) -> Id {
        Id(bits)
    }
}

struct Slot<T> {
    generation: u32,
    value: T,
}

/// A slab with generations.
pub struct Slots<T> {
    slab: Slab<Slot<T>>,
    generation: u32,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots {
            slab: Slab::new(),
            generation: 0,
        }
    }
}

impl<T> Slots<T> {
    /// Puts in what `make` builds, which may want to know its own key.
    ///
    /// # Panics
    /// With 2^32 - 1 entries: the machine is out of memory long before.
    pub fn insert_with(&mut self, make: impl FnOnce(Id) -> T) -> Id {
        let place = self.slab.vacant_entry();
        let index = u32::try_from(place.key())
            .ok()
            .filter(|&i| i != u32::MAX)
            .expect("fewer than 2^32 - 1 entries");
        self.generation = self.generation.wrapping_add(1);
        let id = Id::new(index, self.generation);
        place.insert(Slot {
            generation: self.generation,
            value: make(id),
        });
        id
    }

    /// The entry, if the key is not stale.
    pub fn get(&self, id: Id) -> Option<&T> {
        self.slab
            .get(id.index())
            .filter(|slot| slot.generation == id.generation())
            .map(|slot| &slot.value)
    }

    /// The entry, if the key is not stale.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.slab
            .get_mut(id.index())
            .filter(|slot| slot.generation == id.generation())
            .map(|slot| &mut slot.value)
    }

    /// Takes the entry out, if the key is not stale.
    pub fn remove(&mut self, id: Id) -> Option<T> {
        self.get(id)?;
        Some(self.slab.remove(id.index()).value)
    }

    /// All entries with their keys, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.slab
            .iter()
            .map(|(index, slot)| (Id::new(index as u32, slot.generation), &slot.value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stale_key_finds_nothing_though_its_place_is_taken_again() {
        let mut slots = Slots::default();
        let first = slots.insert_with(|_| "first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert_with(|_| "second");
        assert_eq!(first.index(), second.index());
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(slots.get(Id::NONE), None);
    }

    #[test]
    fn a_key_survives_its_trip_through_one_word() {
        let mut slots = Slots::default();
        let ids: Vec<Id> = (0..1000).map(|n| slots.insert_with(|_| n)).collect();
        for id in ids {
            assert_eq!(Id::from_bits(id.to_bits()), id);
        }
    }

    proptest! {
        /// Half of the steps insert; the others name any key that there ever was, most of them stale.
        #[test]
        fn they_agree_with_a_list_that_uses_no_place_twice(steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..300)) {
            let mut slots = Slots::default();
            let (mut ids, mut model): (Vec<Id>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
            let mut peak = 0;
            for (inserts, which) in steps {
                if inserts || ids.is_empty() {
                    let number = ids.len();
                    let id = slots.insert_with(|id| (id, number));
                    prop_assert!(!ids.contains(&id), "a key is given once");
                    ids.push(id);
                    model.push(Some(number));
                } else {
                    let at = which.index(ids.len());
                    let (id, known) = (ids[at], model[at].take());
                    prop_assert_eq!(slots.get(id).copied(), known.map(|number| (id, number)));
                    prop_assert_eq!(slots.get_mut(id).copied(), known.map(|number| (id, number)));
                    prop_assert_eq!(slots.remove(id), known.map(|number| (id, number)));
                }
                let alive: Vec<usize> = model.iter().copied().flatten().collect();
                prop_assert_eq!((slots.len(), slots.is_empty()), (alive.len(), alive.is_empty()));
                let mut found: Vec<usize> = slots.iter().map(|(_, &(_, number))| number).collect();
                prop_assert!(slots.iter().all(|(id, &(own, _))| id == own && ids.contains(&id)));
                found.sort_unstable();
                prop_assert_eq!(found, alive);
                // No place is taken for the first time while another is free.
                peak = peak.max(slots.len());
                prop_assert!(slots.iter().all(|(id, _)| id.index() < peak));
            }
        }
    }
}
