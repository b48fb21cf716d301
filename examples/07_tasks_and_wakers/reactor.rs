//! The reactor: sockets, timers, and who waits for which of them. It knows no tasks, only wakers.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Interest, Token};
use slab::Slab;

pub(crate) struct Reactor {
    poll: RefCell<mio::Poll>,
    /// Who waits for what: the token of a socket, and the number of a timer, is a key in here.
    waiting: RefCell<Slab<Option<Waker>>>,
    timers: RefCell<BinaryHeap<Reverse<(Instant, usize)>>>,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Reactor> {
        Ok(Reactor {
            poll: RefCell::new(mio::Poll::new()?),
            waiting: RefCell::default(),
            timers: RefCell::default(),
        })
    }

    /// Wakes all whose socket or time has come; if it `may_wait`, it sleeps until there is one.
    pub(crate) fn turn(&self, may_wait: bool) -> io::Result<()> {
        let mut timers = self.timers.borrow_mut();
        let mut timeout = Some(Duration::ZERO);
        if may_wait {
            let (first, now) = (timers.peek(), Instant::now());
            timeout = first.map(|Reverse((due, _))| due.saturating_duration_since(now));
        }
        let mut events = Events::with_capacity(1024);
        // The only place where the program waits.
        match self.poll.borrow_mut().poll(&mut events, timeout) {
            // The process was stopped and goes on: there are no events, look again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            polled => polled?,
        }
        events.iter().for_each(|event| self.wake(event.token().0));
        let now = Instant::now();
        while let Some(&Reverse((due, number))) = timers.peek()
            && due <= now
        {
            timers.pop();
            self.wake(number);
        }
        Ok(())
    }

    fn wake(&self, key: usize) {
        let waker = self
            .waiting
            .borrow_mut()
            .get_mut(key)
            .and_then(Option::take);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Something that one task waits for, by its key in `waiting`.
pub(crate) struct Waiting {
    pub(crate) reactor: Rc<Reactor>,
    key: usize,
}

impl Waiting {
    pub(crate) fn new(reactor: &Rc<Reactor>) -> Waiting {
        Waiting {
            reactor: Rc::clone(reactor),
            key: reactor.waiting.borrow_mut().insert(None),
        }
    }

    /// The task of `cx` is to be woken.
    fn wait<T>(&self, cx: &Context<'_>) -> Poll<T> {
        self.reactor.waiting.borrow_mut()[self.key] = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.reactor.waiting.borrow_mut().remove(self.key);
    }
}

pub(crate) struct Socket<S> {
    socket: S,
    pub(crate) waiting: Waiting,
}

impl<S: Source> Socket<S> {
    pub(crate) fn new(reactor: &Rc<Reactor>, mut socket: S) -> io::Result<Socket<S>> {
        let waiting = Waiting::new(reactor);
        let both = Interest::READABLE | Interest::WRITABLE;
        let poll = reactor.poll.borrow();
        poll.registry()
            .register(&mut socket, Token(waiting.key), both)?;
        Ok(Socket { socket, waiting })
    }

    /// A call that would block is one to be made again when the task is woken.
    pub(crate) fn poll_io<T>(
        &mut self,
        cx: &Context<'_>,
        call: impl FnOnce(&mut S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        match call(&mut self.socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.waiting.wait(cx),
            result => Poll::Ready(result),
        }
    }
}

pub(crate) struct Sleep {
    pub(crate) due: Instant,
    pub(crate) waiting: Waiting,
}

impl Sleep {
    pub(crate) fn until(reactor: &Rc<Reactor>, due: Instant) -> Sleep {
        let waiting = Waiting::new(reactor);
        reactor
            .timers
            .borrow_mut()
            .push(Reverse((due, waiting.key)));
        Sleep { due, waiting }
    }

    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if Instant::now() >= self.due {
            return Poll::Ready(());
        }
        self.waiting.wait(cx)
    }
}
