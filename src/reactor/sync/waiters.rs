//! Those who wait, in the order in which they came.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Waker};

/// A queue of wakers. A place in it is a ticket, a number that only grows.
#[derive(Default)]
pub(super) struct Waiters {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(u64, Waker)>,
    tickets: u64,
}

impl Waiters {
    /// Queues up behind the others, or, with a ticket that is still in the queue, keeps the place.
    pub(super) fn wait(&self, ticket: &mut Option<u64>, cx: &Context<'_>) {
        if let Some(known) = ticket.and_then(|ticket| self.place(ticket))
            && self.state.borrow().queue[known].1.will_wake(cx.waker())
        {
            return;
        }
        let waker = cx.waker().clone(); // foreign code: before the borrow
        let place = ticket.and_then(|ticket| self.place(ticket));
        let mut state = self.state.borrow_mut();
        let old = if let Some(place) = place {
            Some(std::mem::replace(&mut state.queue[place].1, waker))
        } else {
            state.tickets += 1;
            *ticket = Some(state.tickets);
            let entry = (state.tickets, waker);
            state.queue.push_back(entry);
            None
        };
        drop(state);
        drop(old);
    }

    fn place(&self, ticket: u64) -> Option<usize> {
        self.state
            .borrow()
            .queue
            .binary_search_by_key(&ticket, |entry| entry.0)
            .ok()
    }

    /// Leaves. False: was woken already.
    pub(super) fn leave(&self, ticket: u64) -> bool {
        let Some(place) = self.place(ticket) else {
            return false;
        };
        let entry = self.state.borrow_mut().queue.remove(place);
        entry.is_some()
    }

    /// Whether this ticket is in the queue.
    pub(super) fn contains(&self, ticket: u64) -> bool {
        self.place(ticket).is_some()
    }

    /// Takes the first out and wakes him. False: nobody waits.
    pub(super) fn wake_one(&self) -> bool {
        let first = self.state.borrow_mut().queue.pop_front();
        first.map(|(_, waker)| waker.wake()).is_some()
    }

    /// Takes all out and wakes them, in order.
    pub(super) fn wake_all(&self) {
        let all = std::mem::take(&mut self.state.borrow_mut().queue);
        for (_, waker) in all {
            waker.wake();
        }
    }
}
