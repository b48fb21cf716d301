//! The timer heap.
//!
//! A binary heap of `(deadline, sequence)`: the sequence breaks ties, so that timers due at the same instant fire in
//! the order in which they were armed, and so that nothing but numbers is ever compared. The timers themselves stand
//! in a table beside it. Most timers are cancelled or pushed back before they fire, so both are cheap and leave the
//! heap alone:
//!
//! * **cancel** takes the timer out of the table; its heap entry is dead and is dropped when it comes to the top. When
//!   more than half of a heap is dead, it is swept.
//! * **push back** writes the new deadline into the table; the heap entry, which is now too early, is moved when it
//!   comes to the top. Among many, one that is pushed back on every byte costs one store, and a heap operation now and
//!   then. (Alone it is always at the top, and each push back an operation on a heap of one.)
//!
//! So no entry at the top is believed before the table has been asked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::slots::{Id, Slots};
use super::task::Waiter;
use super::time::Time;

struct Timer {
    deadline: Time,
    /// The sequence number of its one live heap entry.
    live: u64,
    waiter: Waiter,
}

#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Time, u64, u64)>>,
    table: Slots<Timer>,
    sequence: u64,
}

/// Below this many entries a heap is not worth sweeping.
const SWEEP: usize = 64;

impl Timers {
    pub(crate) fn arm(&mut self, deadline: Time, waiter: Waiter) -> Id {
        let live = self.sequence;
        let id = self.table.insert_with(|_| Timer {
            deadline,
            live,
            waiter,
        });
        self.push(deadline, id);
        id
    }

    fn push(&mut self, deadline: Time, id: Id) {
        self.heap
            .push(Reverse((deadline, self.sequence, id.to_bits())));
        self.sequence += 1;
    }

    /// Moves a timer. To later: no heap operation. False: there is no such timer (any more).
    pub(crate) fn reset(&mut self, id: Id, deadline: Time) -> bool {
        let Some(timer) = self.table.get_mut(id) else {
            return false;
        };
        let sooner = deadline < timer.deadline;
        timer.deadline = deadline;
        if sooner {
            timer.live = self.sequence;
            self.push(deadline, id);
            self.sweep();
        }
        true
    }

    /// Who is to be woken, if there is such a timer (any more).
    pub(crate) fn waiter(&mut self, id: Id) -> Option<&mut Waiter> {
        self.table.get_mut(id).map(|timer| &mut timer.waiter)
    }

    /// Takes the timer out; the caller drops what it held, with no borrow of this table.
    #[must_use]
    pub(crate) fn cancel(&mut self, id: Id) -> Option<Waiter> {
        let timer = self.table.remove(id)?;
        self.sweep();
        Some(timer.waiter)
    }

    fn sweep(&mut self) {
        if self.heap.len() > SWEEP && self.heap.len() > 2 * self.table.len() {
            let table = &self.table;
            self.heap.retain(|&Reverse((_, sequence, id))| {
                table
                    .get(Id::from_bits(id))
                    .is_some_and(|timer| timer.live == sequence)
            });
        }
    }

    /// The deadline of the timer that is due first, [`Time::NEVER`] without one. Dead entries at the top are dropped
    /// and early ones moved, so the answer is exact: nobody is woken for a timer that is no more.
    #[inline]
    pub(crate) fn next_deadline(&mut self) -> Time {
        while let Some(&Reverse((at, sequence, bits))) = self.heap.peek() {
            match self.table.get(Id::from_bits(bits)) {
                Some(timer) if timer.live == sequence && timer.deadline == at => return at,
                _ => self.mend_top(),
            }
        }
        Time::NEVER
    }

    /// Moves the top entry to where its timer's deadline is now, or drops it if it is dead.
    #[cold]
    fn mend_top(&mut self) {
        let Some(Reverse((_, sequence, bits))) = self.heap.pop() else {
            return;
        };
        let (id, next) = (Id::from_bits(bits), self.sequence);
        if let Some(timer) = self.table.get_mut(id)
            && timer.live == sequence
        {
            timer.live = next;
            let deadline = timer.deadline;
            self.push(deadline, id);
        }
    }

    /// Takes out what is due at `now`, in order.
    pub(crate) fn expire(&mut self, now: Time, due: &mut Vec<Waiter>) {
        while self.next_deadline() <= now {
            let Some(Reverse((_, _, id))) = self.heap.pop() else {
                return;
            };
            due.extend(
                self.table
                    .remove(Id::from_bits(id))
                    .map(|timer| timer.waiter),
            );
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A heap whose timers wake tasks by their own numbers.
    #[derive(Default)]
    struct Bench {
        timers: Timers,
        ids: Vec<Id>,
    }

    impl Bench {
        fn arm(&mut self, at: u64) -> usize {
            let number = self.ids.len();
            let waiter = Waiter::Task(Id::from_bits(number as u64));
            let id = self.timers.arm(Time::from_nanos(at), waiter);
            self.ids.push(id);
            number
        }

        fn reset(&mut self, number: usize, at: u64) -> bool {
            self.timers.reset(self.ids[number], Time::from_nanos(at))
        }

        fn cancel(&mut self, number: usize) -> bool {
            self.timers.cancel(self.ids[number]).is_some()
        }

        fn expire(&mut self, now: u64) -> Vec<usize> {
            let mut due = Vec::new();
            self.timers.expire(Time::from_nanos(now), &mut due);
            let number = |waiter| match waiter {
                Waiter::Task(id) => id.index(),
                Waiter::Other(_) => unreachable!("armed with tasks only"),
            };
            due.into_iter().map(number).collect()
        }
    }

    #[test]
    fn a_push_back_is_no_heap_entry_and_a_pull_forward_is_one() {
        let mut bench = Bench::default();
        let timer = bench.arm(10);
        for at in 11..1000 {
            assert!(bench.reset(timer, at));
        }
        assert_eq!(bench.timers.heap.len(), 1);
        assert_eq!(bench.timers.next_deadline(), Time::from_nanos(999));
        assert_eq!(bench.timers.heap.len(), 1);
        assert!(bench.reset(timer, 500));
        assert_eq!(bench.timers.heap.len(), 2);
        assert!(bench.expire(499).is_empty());
        assert_eq!(bench.expire(500), [timer]);
        assert!(bench.expire(2000).is_empty());
    }

    #[test]
    fn a_push_back_in_each_turn_touches_no_heap_among_a_million() {
        const MANY: usize = 1_000_000;
        let mut bench = Bench::default();
        let first = bench.arm(1);
        for n in 0..MANY {
            bench.arm(2 + n as u64 * 7_919 % MANY as u64);
        }
        // Each push has a number, and a pop without a push makes the heap smaller: so both together tell of each.
        let operations = |bench: &Bench| (bench.timers.sequence, bench.timers.heap.len());
        let before = operations(&bench);
        for n in 0..MANY {
            assert!(bench.reset(first + 1 + n, (2 * MANY + n) as u64));
            assert_eq!(bench.timers.next_deadline(), Time::from_nanos(1)); // asked in each turn
        }
        assert_eq!(operations(&bench), before);
        // But for the first of all: its entry is moved in that turn.
        assert!(bench.reset(first, 10));
        assert!(bench.timers.next_deadline() > Time::from_nanos(1));
        assert_ne!(operations(&bench), before);
    }

    #[test]
    fn a_heap_that_is_dead_for_the_most_part_is_swept() {
        let mut bench = Bench::default();
        let timers: Vec<_> = (0..10_000).map(|n| bench.arm(n)).collect();
        for &timer in &timers[100..] {
            assert!(bench.cancel(timer));
        }
        assert!(bench.timers.heap.len() <= 200);
        // One that is moved to and fro leaves dead entries too.
        for at in (200..100_000).rev() {
            bench.reset(timers[50], at + 100_000);
            bench.reset(timers[50], at);
        }
        assert!(bench.timers.heap.len() <= 2 * bench.timers.len() + 1);
        assert_eq!(
            bench.expire(100),
            [&timers[..50], &timers[51..100]].concat()
        );
        assert_eq!(bench.expire(200), [50]);
        assert_eq!((bench.timers.len(), bench.timers.heap.len()), (0, 0));
    }

    #[test]
    fn the_next_deadline_is_exact_though_the_first_was_cancelled_or_moved() {
        let mut bench = Bench::default();
        let timers = [bench.arm(10), bench.arm(20), bench.arm(30)];
        bench.cancel(timers[0]);
        assert_eq!(bench.timers.next_deadline(), Time::from_nanos(20));
        bench.reset(timers[1], 40);
        assert_eq!(bench.timers.next_deadline(), Time::from_nanos(30));
        bench.reset(timers[1], 25);
        assert_eq!(bench.timers.next_deadline(), Time::from_nanos(25));
        bench.expire(40);
        assert_eq!(bench.timers.next_deadline(), Time::NEVER);
    }

    #[test]
    fn a_stale_timer_is_neither_moved_nor_cancelled_though_its_place_is_taken_again() {
        let mut bench = Bench::default();
        let first = bench.arm(10);
        bench.expire(10);
        let second = bench.arm(20);
        assert!(!bench.reset(first, 5));
        assert!(!bench.cancel(first));
        assert_eq!(bench.timers.next_deadline(), Time::from_nanos(20));
        assert_eq!(bench.expire(20), [second]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Arm(u64),
        Reset(usize, u64),
        Cancel(usize),
        Advance(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..50_u64).prop_map(Step::Arm),
            3 => (0..200_usize, 0..50_u64).prop_map(|(n, rest)| Step::Reset(n, rest)),
            1 => (0..200_usize).prop_map(Step::Cancel),
            2 => (0..20_u64).prop_map(Step::Advance),
        ]
    }

    proptest! {
        #[test]
        fn the_heap_agrees_with_a_sorted_list(steps in prop::collection::vec(step(), 0..400)) {
            let (mut bench, mut now) = (Bench::default(), 0);
            // Deadline, number, and whether it was ever moved: such ties are nobody's business.
            let mut model: Vec<(u64, usize, bool)> = Vec::new();
            for step in steps {
                match step {
                    Step::Arm(rest) => {
                        let number = bench.arm(now + rest);
                        model.push((now + rest, number, false));
                    }
                    Step::Reset(number, rest) if number < bench.ids.len() => {
                        let known = model.iter_mut().find(|timer| timer.1 == number);
                        prop_assert_eq!(bench.reset(number, now + rest), known.is_some());
                        if let Some(timer) = known {
                            (timer.0, timer.2) = (now + rest, true);
                        }
                    }
                    Step::Cancel(number) if number < bench.ids.len() => {
                        let before = model.len();
                        model.retain(|timer| timer.1 != number);
                        prop_assert_eq!(bench.cancel(number), model.len() < before);
                    }
                    Step::Reset(..) | Step::Cancel(_) => {}
                    Step::Advance(rest) => {
                        now += rest;
                        let mut fired = bench.expire(now);
                        model.sort_unstable();
                        let left = model.split_off(model.partition_point(|timer| timer.0 <= now));
                        let due = std::mem::replace(&mut model, left);
                        let deadline = |number: &usize| due.iter().find(|t| t.1 == *number).map(|t| t.0);
                        prop_assert!(fired.is_sorted_by_key(deadline), "not in order of deadlines");
                        let moved: Vec<_> = due.iter().filter(|t| t.2).map(|t| t.1).collect();
                        let unmoved: Vec<_> = due.iter().filter(|t| !t.2).map(|t| t.1).collect();
                        prop_assert_eq!(fired.len(), due.len());
                        prop_assert!(moved.iter().all(|number| fired.contains(number)));
                        fired.retain(|number| !moved.contains(number));
                        prop_assert_eq!(fired, unmoved, "ties in the order of arming");
                    }
                }
                prop_assert_eq!(bench.timers.len(), model.len());
                let next = model.iter().map(|timer| timer.0).min();
                let next = next.map_or(Time::NEVER, Time::from_nanos);
                prop_assert_eq!(bench.timers.next_deadline(), next);
            }
        }
    }
}
