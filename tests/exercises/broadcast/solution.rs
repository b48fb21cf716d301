use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

#[path = "tests.rs"]
pub(crate) mod tests;

/// What one says, all others hear.
pub(crate) struct Broadcast<T>(Rc<RefCell<Channel<T>>>);

pub(crate) struct Listener<T> {
    channel: Rc<RefCell<Channel<T>>>,
    /// The number of the message that is next.
    next: u64,
}

struct Channel<T> {
    capacity: usize,
    messages: VecDeque<T>,
    /// How many were thrown away: the number of the oldest that is left.
    gone: u64,
    waiting: Vec<Waker>,
}

impl<T: Clone> Broadcast<T> {
    /// A channel that keeps the last `capacity` messages for those who are slow.
    pub(crate) fn new(capacity: usize) -> Broadcast<T> {
        Broadcast(Rc::new(RefCell::new(Channel {
            capacity,
            messages: VecDeque::new(),
            gone: 0,
            waiting: Vec::new(),
        })))
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> Listener<T> {
        let channel = self.0.borrow();
        Listener {
            channel: Rc::clone(&self.0),
            next: channel.gone + channel.messages.len() as u64,
        }
    }

    /// Says it to all who listen. Waits for nobody.
    pub(crate) fn say(&self, message: T) {
        let mut channel = self.0.borrow_mut();
        if channel.messages.len() == channel.capacity {
            channel.messages.pop_front();
            channel.gone += 1;
        }
        channel.messages.push_back(message);
        let waiting = std::mem::take(&mut channel.waiting);
        drop(channel); // foreign code: with no borrow held
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T: Clone> Listener<T> {
    /// Waits for the next message; tells how many were missed before it.
    pub(crate) async fn next(&mut self) -> (u64, T) {
        poll_fn(|cx| {
            let mut channel = self.channel.borrow_mut();
            let missed = channel.gone.saturating_sub(self.next);
            let place = self.next + missed - channel.gone;
            if let Some(message) = channel.messages.get(place as usize).cloned() {
                self.next += missed + 1;
                return Poll::Ready((missed, message));
            }
            // Who is asked again and again while he waits leaves one waker, not many.
            let waker = cx.waker();
            if !channel.waiting.iter().any(|known| known.will_wake(waker)) {
                channel.waiting.push(waker.clone());
            }
            Poll::Pending
        })
        .await
    }
}
