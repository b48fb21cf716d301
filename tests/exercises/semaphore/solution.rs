use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

#[path = "tests.rs"]
pub(crate) mod tests;

/// So many permits, for whoever asks first.
#[derive(Clone)]
pub(crate) struct Semaphore(Rc<RefCell<State>>);

struct State {
    /// Free, and nobody waits.
    free: usize,
    tickets: u64,
    waiting: VecDeque<(u64, Waker)>,
    /// Who has been given a permit and did not take it yet.
    given: Vec<u64>,
}

/// Dropping it gives it back.
pub(crate) struct Permit(Semaphore);

struct Acquire {
    semaphore: Semaphore,
    ticket: Option<u64>,
}

impl Semaphore {
    pub(crate) fn new(permits: usize) -> Semaphore {
        Semaphore(Rc::new(RefCell::new(State {
            free: permits,
            tickets: 0,
            waiting: VecDeque::new(),
            given: Vec::new(),
        })))
    }

    /// Waits for a permit. Who drops this while he waits, or when he was woken but did not run yet, keeps nobody waiting.
    pub(crate) async fn acquire(&self) -> Permit {
        let semaphore = self.clone();
        let ticket = None;
        Acquire { semaphore, ticket }.await
    }

    /// A permit is free: it is the next one's at once, or somebody who comes later would be before him.
    fn give(&self) {
        let mut state = self.0.borrow_mut();
        if let Some((ticket, waker)) = state.waiting.pop_front() {
            state.given.push(ticket);
            drop(state); // foreign code: with no borrow held
            waker.wake();
        } else {
            state.free += 1;
        }
    }
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        let semaphore = self.semaphore.clone();
        let waker = cx.waker().clone();
        let mut state = semaphore.0.borrow_mut();
        if let Some(ticket) = self.ticket {
            if let Some(place) = state.given.iter().position(|&given| given == ticket) {
                state.given.remove(place);
            } else {
                let mut waiting = state.waiting.iter_mut();
                if let Some(entry) = waiting.find(|entry| entry.0 == ticket) {
                    entry.1 = waker;
                }
                return Poll::Pending;
            }
        } else if state.free > 0 {
            state.free -= 1;
        } else {
            state.tickets += 1;
            self.ticket = Some(state.tickets);
            let entry = (state.tickets, waker);
            state.waiting.push_back(entry);
            return Poll::Pending;
        }
        self.ticket = None;
        drop(state);
        Poll::Ready(Permit(semaphore))
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut state = self.semaphore.0.borrow_mut();
        state.waiting.retain(|entry| entry.0 != ticket);
        let was_given = state.given.contains(&ticket);
        state.given.retain(|&given| given != ticket);
        drop(state);
        if was_given {
            self.semaphore.give();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.give();
    }
}
