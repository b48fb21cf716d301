//! The world of a reactor that nothing but wakes ever reaches.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};

use super::reactor::driver::{Driver, Endpoint, Event, Remote, Unpark};
use super::reactor::slots::Id;
use super::reactor::{MemoryLimit, Reactor, Time};

/// What the kernel's event descriptor does: it stays rung until a poll has heard it.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Unpark for Bell {
    fn unpark(&self) {
        *self.rung.lock().unwrap() = true;
        self.rings.notify_one();
    }
}

/// A driver without sockets, and where no time passes.
pub(crate) struct Silence(Arc<Bell>);

/// A reactor in such a world.
pub(crate) fn reactor() -> Reactor {
    reactor_with(&Arc::default())
}

/// One with this bell.
pub(crate) fn reactor_with(bell: &Arc<Bell>) -> Reactor {
    let driver = Silence(Arc::clone(bell));
    Reactor::with_driver(Box::new(driver), MemoryLimit::default())
}

impl Driver for Silence {
    fn now(&self) -> Time {
        Time::ZERO
    }

    fn poll(&mut self, _: &mut Vec<Event>, deadline: Time) -> io::Result<()> {
        let mut rung = self.0.rung.lock().unwrap();
        while !*rung && deadline == Time::NEVER {
            rung = self.0.rings.wait(rung).unwrap();
        }
        *rung = false;
        Ok(())
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        let bell = Arc::clone(&self.0);
        bell
    }

    fn listen(&mut self, _: Id, _: Endpoint) -> io::Result<()> {
        unreachable!()
    }

    fn accept(&mut self, _: Id, _: Id) -> io::Result<Option<SocketAddr>> {
        unreachable!()
    }

    fn connect(&mut self, _: Id, _: &Remote) -> io::Result<()> {
        unreachable!()
    }

    fn connected(&mut self, _: Id) -> io::Result<bool> {
        unreachable!()
    }

    fn read(&mut self, _: Id, _: &mut [u8]) -> io::Result<usize> {
        unreachable!()
    }

    fn write(&mut self, _: Id, _: &[u8]) -> io::Result<usize> {
        unreachable!()
    }

    fn unread(&mut self, _: Id) -> io::Result<usize> {
        unreachable!()
    }

    fn shutdown(&mut self, _: Id) -> io::Result<()> {
        unreachable!()
    }

    fn close(&mut self, _: Id) {
        unreachable!()
    }

    fn signals(&mut self, _: Id, _: &[i32]) -> io::Result<()> {
        unreachable!()
    }

    fn next_signal(&mut self, _: Id) -> Option<i32> {
        unreachable!()
    }
}
