//! Who looks on: told of all that the loop does, in the order in which it ends.
//!
//! Most of it passes the one door to the world, so most of it is told by a driver that stands before the real one,
//! [`Observed`]; the rest, tasks, wakes and timers, by the loop itself. Without an observer there is no such driver, and
//! the loop asks for one only where it is measured, or has something rare to tell.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::driver::{Driver, Endpoint, Event, Ready, Remote, Unpark};
use super::slots::Id;
use super::time::Time;

/// Something that the loop did or saw.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A turn, from the end of one sleep to the begin of the next.
    Turn,
    /// Asleep until the deadline at the latest, in the driver's poll: so many edges were reported.
    Sleep(Time, usize),
    /// An edge: the source became ready.
    Edge(Id, Ready),
    /// A task is about to be polled.
    Polling(Id),
    /// A poll of a task, with the writes behind it.
    Polled(Id),
    /// A task began to exist.
    Spawned(Id),
    /// The running task has a name from now on.
    Named(Id, &'a str),
    /// A task ended.
    Ended(Id),
    /// The waker of a task was called while the last task ran. The loop hears of it when its next turn begins.
    Called(Id),
    /// A task was put on the ready queue.
    Woken(Id, Cause),
    /// The running task has armed a timer, for then.
    Armed(Time),
    /// A timer was due; whose it was, if it is known ([`Id::NONE`]: a combinator's).
    Fired(Id),
    /// A connection came, and is a source from now on.
    Accepted(Id, Option<SocketAddr>),
    /// A connection was begun.
    Connected(Id),
    /// So many bytes were read; 0: the input has ended.
    Read(Id, usize),
    /// So many bytes were written.
    Written(Id, usize),
    /// The sending side was ended.
    Shutdown(Id),
    /// An operation of that name failed on a source. `WouldBlock` is no failure of the world's: nothing was left.
    Failed(Id, &'static str, io::ErrorKind),
    /// A source was closed.
    Closed(Id),
}

/// Why a task is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A source became ready.
    Edge,
    /// A timer was due.
    Timer,
    /// This task, while it ran, spawned it or woke it in passing; itself, if it is the same.
    Task(Id),
    /// Its waker was called since the last turn began, by whomever; or it had waited among the greedy, for whatever reason.
    Waker,
}

/// Is told of what happens, on the loop's own thread: whatever it does holds the loop up. It must do nothing with the
/// reactor.
pub trait Observer {
    /// Something has happened, from then to then: at one moment, if both are the same. Spans are told at their end, so
    /// what happened within one is told before it.
    fn saw(&self, what: &What<'_>, from: Time, to: Time);
}

/// A driver with an observer before it.
pub(crate) struct Observed {
    driver: Box<dyn Driver>,
    observer: Rc<dyn Observer>,
    /// When the last sleep ended.
    woke: Option<Time>,
}

impl Observed {
    pub(crate) fn new(driver: Box<dyn Driver>, observer: Rc<dyn Observer>) -> Observed {
        Observed {
            driver,
            observer,
            woke: None,
        }
    }

    /// Does it, and tells what came of it.
    fn operate<'a, T>(
        &mut self,
        (id, name): (Id, &'static str),
        operation: impl FnOnce(&mut dyn Driver) -> io::Result<T>,
        what: impl FnOnce(&T) -> What<'a>,
    ) -> io::Result<T> {
        let from = self.driver.now();
        let result = operation(&mut *self.driver);
        let to = self.driver.now();
        match &result {
            Ok(done) => self.observer.saw(&what(done), from, to),
            Err(error) => {
                let failed = What::Failed(id, name, error.kind());
                self.observer.saw(&failed, from, to);
            }
        }
        result
    }
}

impl Driver for Observed {
    fn now(&self) -> Time {
        self.driver.now()
    }

    fn poll(&mut self, events: &mut Vec<Event>, deadline: Time) -> io::Result<()> {
        let from = self.driver.now();
        if let Some(woke) = self.woke {
            self.observer.saw(&What::Turn, woke, from);
        }
        let polled = self.driver.poll(events, deadline);
        let to = self.driver.now();
        self.woke = Some(to);
        self.observer
            .saw(&What::Sleep(deadline, events.len()), from, to);
        for event in events {
            self.observer
                .saw(&What::Edge(event.id, event.ready), to, to);
        }
        polled
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        self.driver.unparker()
    }

    fn listen(&mut self, id: Id, endpoint: Endpoint) -> io::Result<()> {
        self.driver.listen(id, endpoint)
    }

    fn accept(&mut self, listener: Id, id: Id) -> io::Result<Option<SocketAddr>> {
        self.operate(
            (listener, "accept"),
            |driver| driver.accept(listener, id),
            |&peer| What::Accepted(id, peer),
        )
    }

    fn connect(&mut self, id: Id, to: &Remote) -> io::Result<()> {
        self.operate(
            (id, "connect"),
            |driver| driver.connect(id, to),
            |()| What::Connected(id),
        )
    }

    fn connected(&mut self, id: Id) -> io::Result<bool> {
        self.driver.connected(id)
    }

    fn read(&mut self, id: Id, buf: &mut [u8]) -> io::Result<usize> {
        self.operate(
            (id, "read"),
            |driver| driver.read(id, buf),
            |&n| What::Read(id, n),
        )
    }

    fn write(&mut self, id: Id, buf: &[u8]) -> io::Result<usize> {
        self.operate(
            (id, "write"),
            |driver| driver.write(id, buf),
            |&n| What::Written(id, n),
        )
    }

    fn write_last(&mut self, id: Id, buf: &[u8]) -> io::Result<usize> {
        self.operate(
            (id, "write"),
            |driver| driver.write_last(id, buf),
            |&n| What::Written(id, n),
        )
    }

    fn unread(&mut self, id: Id) -> io::Result<usize> {
        self.driver.unread(id)
    }

    fn shutdown(&mut self, id: Id) -> io::Result<()> {
        self.operate(
            (id, "shutdown"),
            |driver| driver.shutdown(id),
            |()| What::Shutdown(id),
        )
    }

    fn close(&mut self, id: Id) {
        let from = self.driver.now();
        self.driver.close(id);
        self.observer
            .saw(&What::Closed(id), from, self.driver.now());
    }

    fn signals(&mut self, id: Id, numbers: &[i32]) -> io::Result<()> {
        self.driver.signals(id, numbers)
    }

    fn next_signal(&mut self, id: Id) -> Option<i32> {
        self.driver.next_signal(id)
    }

    fn order(&mut self, ready: &mut [Id]) {
        self.driver.order(ready);
    }
}
