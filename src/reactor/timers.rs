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
//!   comes to the top. An idle timeout that is pushed back on every byte costs one store, and one heap operation each
//!   time the *old* deadline passes.
//!
//! So no entry at the top is believed before the table has been asked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::slots::{Id, Slots};
use super::task::Waiter;
use super::time::Time;

/// What a timer does when it is due.
pub(crate) enum Action {
    /// Wake who waits.
    Wake(Waiter),
    /// Call back.
    Call(Box<dyn FnOnce()>),
}

struct Timer {
    deadline: Time,
    /// The sequence number of its one live heap entry.
    live: u64,
    action: Action,
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
    pub(crate) fn arm(&mut self, deadline: Time, action: Action) -> Id {
        let live = self.sequence;
        let id = self.table.insert_with(|_| Timer {
            deadline,
            live,
            action,
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

    /// Who is to be woken, if it is somebody's timer.
    pub(crate) fn waiter(&mut self, id: Id) -> Option<&mut Waiter> {
        match self.table.get_mut(id) {
            Some(Timer {
                action: Action::Wake(waiter),
                ..
            }) => Some(waiter),
            _ => None,
        }
    }

    /// Takes the timer out; the caller drops what it held, with no borrow of this table.
    #[must_use]
    pub(crate) fn cancel(&mut self, id: Id) -> Option<Action> {
        let timer = self.table.remove(id)?;
        self.sweep();
        Some(timer.action)
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
    pub(crate) fn next_deadline(&mut self) -> Time {
        while let Some(&Reverse((at, sequence, bits))) = self.heap.peek() {
            let id = Id::from_bits(bits);
            match self
                .table
                .get_mut(id)
                .filter(|timer| timer.live == sequence)
            {
                Some(timer) if timer.deadline == at => return at,
                Some(timer) => {
                    timer.live = self.sequence;
                    let deadline = timer.deadline;
                    self.heap.pop();
                    self.push(deadline, id);
                }
                None => drop(self.heap.pop()),
            }
        }
        Time::NEVER
    }

    /// Takes out what is due at `now`, in order.
    pub(crate) fn expire(&mut self, now: Time, due: &mut Vec<Action>) {
        while self.next_deadline() <= now {
            let Some(Reverse((_, _, id))) = self.heap.pop() else {
                return;
            };
            due.extend(
                self.table
                    .remove(Id::from_bits(id))
                    .map(|timer| timer.action),
            );
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}
