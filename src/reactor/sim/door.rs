//! The driver: each operation takes its time, is noted, may fail if that was planned, and is then the world's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::control::Sim;
use super::world::{Op, Place, Step, World};
use crate::reactor::driver::{Driver, Endpoint, Event, Ready, Remote, Unpark};
use crate::reactor::slots::Id;
use crate::reactor::time::Time;

pub(super) struct Door(pub(super) Sim);

struct Flag(Arc<AtomicBool>);

impl Unpark for Flag {
    fn unpark(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// So many polls in vain, with a clock that stands, are a loop without an end.
const VAIN: u32 = 10_000;

impl World {
    /// Reports the edges that there are: false, there is none.
    fn report(&mut self, events: &mut Vec<Event>) -> bool {
        if self.seeded {
            let mut edges = std::mem::take(&mut self.edges);
            self.shuffle(&mut edges);
            self.edges = edges;
        }
        let batch = self.batch.min(self.edges.len());
        let edges: Vec<_> = self.edges.drain(..batch).collect();
        let found = !edges.is_empty();
        for (id, mut ready) in edges {
            if self.whole_edges
                && let Ok(end) = self.stream(id)
            {
                ready = ready.with(self.ready(end));
            }
            self.note(id.to_bits());
            events.push(Event { id, ready });
        }
        found
    }

    /// Puts things in an order that the seed chooses.
    fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            let other = self.random(last as u64 + 1) as usize;
            things.swap(last, other);
        }
    }

    /// Where a poll that found nothing goes on: at the time of what comes next. `None`: it returns.
    fn next(&mut self, deadline: Time) -> Option<Time> {
        if deadline <= self.now {
            return None;
        }
        if !self.auto {
            self.idle = true;
            self.vain += 1;
            assert!(
                self.vain < VAIN,
                "the reactor waits and the clock stands: advance() it, or let it auto_advance()"
            );
            return None;
        }
        let planned = self.happenings.keys().next().map(|key| key.0);
        let next = planned.unwrap_or(Time::NEVER).min(deadline);
        assert!(
            next != Time::NEVER,
            "deadlock: the reactor waits for what will never happen"
        );
        Some(next)
    }
}

impl Drop for Door {
    /// What was planned, and who watches, may own a handle to the world: the circle is cut here.
    fn drop(&mut self) {
        let happenings = std::mem::take(&mut self.0.world().happenings);
        drop(happenings);
        self.0.unwatch();
    }
}

impl Door {
    /// One operation: it takes its time, may fail if that was planned, is done, and is told to whoever watches.
    fn operate(
        &self,
        op: Op,
        id: Id,
        act: impl FnOnce(&mut World) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.0.pass();
        let mut world = self.0.world();
        let stream = world.stream(id);
        let result = world.begin(op, id).and_then(|()| act(&mut world));
        let end = stream.or_else(|_| world.stream(id));
        if let Ok(n) = result {
            world.note(n as u64);
        }
        drop(world);
        self.0.tell(&Step::Done {
            op,
            id,
            peer: end.ok().map(|end| end / 2),
            result: result.as_ref().copied(),
        });
        result
    }

    fn put(&self, id: Id, buf: &[u8], last: bool) -> io::Result<usize> {
        self.operate(Op::Write, id, |world| {
            let end = world.stream(id)?;
            let n = world.write(end, buf, last)?;
            for bytes in buf[..n].chunks(8) {
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                world.note(u64::from_le_bytes(word));
            }
            Ok(n)
        })
    }

    fn wait(&self, events: &mut Vec<Event>, deadline: Time) -> io::Result<()> {
        self.0.pass();
        self.0.world().idle = false;
        self.0.world().begin(Op::Poll, Id::NONE)?;
        let now = self.0.now();
        while self.0.happen(now) {}
        loop {
            if self.0.world().report(events) {
                self.0.world().vain = 0;
                return Ok(());
            }
            let unparked = self.0.world().unparked.swap(false, Ordering::SeqCst);
            if deadline == Time::ZERO || unparked {
                return Ok(());
            }
            self.0.tell(&Step::Rest);
            let next = self.0.world().next(deadline);
            let Some(next) = next else {
                return Ok(());
            };
            while self.0.happen(next) {}
            let mut world = self.0.world();
            world.now = world.now.max(next);
        }
    }
}

impl Driver for Door {
    fn now(&self) -> Time {
        self.0.now()
    }

    fn poll(&mut self, events: &mut Vec<Event>, deadline: Time) -> io::Result<()> {
        let polled = self.wait(events, deadline);
        self.0.tell(&Step::Done {
            op: Op::Poll,
            id: Id::NONE,
            peer: None,
            result: polled.as_ref().map(|()| events.len()),
        });
        polled
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        Arc::new(Flag(Arc::clone(&self.0.world().unparked)))
    }

    fn listen(&mut self, id: Id, endpoint: Endpoint) -> io::Result<()> {
        self.operate(Op::Listen, id, |world| {
            let Endpoint::Simulated(number) = endpoint else {
                return Err(io::ErrorKind::Unsupported.into());
            };
            let listening = world.listeners.entry(number).or_default();
            if listening.id.is_some() || listening.open {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            listening.id = Some(id);
            world.insert(id, Place::Listener(number));
            Ok(number)
        })?;
        Ok(())
    }

    fn accept(&mut self, listener: Id, id: Id) -> io::Result<Option<SocketAddr>> {
        let end = self.operate(Op::Accept, id, |world| {
            let Place::Listener(number) = *world.source(listener)? else {
                return Err(io::ErrorKind::Unsupported.into());
            };
            let listening = world.listeners.get_mut(&number);
            let first = listening.and_then(|listening| listening.backlog.pop_front());
            let end = first.ok_or(io::ErrorKind::WouldBlock)?;
            world.adopt(id, end);
            Ok(end)
        })?;
        Ok(Some(self.0.world().ends[end].address))
    }

    fn connect(&mut self, id: Id, to: &Remote) -> io::Result<()> {
        let Remote::Tcp(to, from) = to else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let this = self.operate(Op::Connect, id, |world| {
            let (this, _) = world.pair(*from);
            world.ends[this].connecting = true;
            world.ends[this].id = Some(id);
            world.insert(id, Place::Stream(this));
            Ok(this)
        })?;
        let world = self.0.world();
        let (port, time) = (usize::from(to.port()), world.now + world.slow_connect);
        drop(world);
        let (sim, other) = (self.0.clone(), this ^ 1);
        let arrive = move || {
            let mut world = sim.world();
            if world.ends[this].closed {
                return;
            }
            world.ends[this].connecting = false;
            if world.knock(port, other) {
                world.raise(Some(id), Ready::WRITABLE);
            } else {
                world.ends[other].closed = true;
                world.reset(this);
                world.ends[this].error = Some(io::ErrorKind::ConnectionRefused);
            }
        };
        if time > self.0.now() {
            self.0.at(time, arrive);
        } else {
            arrive();
        }
        Ok(())
    }

    fn connected(&mut self, id: Id) -> io::Result<bool> {
        let connected = self.operate(Op::Connected, id, |world| {
            let end = world.stream(id)?;
            match world.ends[end].error.take() {
                Some(error) => Err(error.into()),
                None => Ok(usize::from(!world.ends[end].connecting)),
            }
        });
        connected.map(|connected| connected == 1)
    }

    fn read(&mut self, id: Id, buf: &mut [u8]) -> io::Result<usize> {
        self.operate(Op::Read, id, |world| {
            let end = world.stream(id)?;
            world.read(end, buf)
        })
    }

    fn write(&mut self, id: Id, buf: &[u8]) -> io::Result<usize> {
        self.put(id, buf, false)
    }

    fn write_last(&mut self, id: Id, buf: &[u8]) -> io::Result<usize> {
        self.put(id, buf, true)
    }

    fn unread(&mut self, id: Id) -> io::Result<usize> {
        self.operate(Op::Unread, id, |world| {
            let end = world.stream(id)?;
            let end = &world.ends[end];
            Ok(end.mark.unwrap_or(usize::MAX).min(end.inbox.len()))
        })
    }

    fn shutdown(&mut self, id: Id) -> io::Result<()> {
        self.operate(Op::Shutdown, id, |world| {
            let end = world.stream(id)?;
            if world.ends[end].reset {
                return Err(io::ErrorKind::NotConnected.into());
            }
            world.finish(end);
            Ok(0)
        })?;
        Ok(())
    }

    fn close(&mut self, id: Id) {
        // It cannot fail, but it is part of the run.
        let closed = self.operate(Op::Close, id, |_| Ok(0));
        drop(closed);
        self.0.world().close_source(id);
    }

    fn signals(&mut self, id: Id, numbers: &[i32]) -> io::Result<()> {
        self.operate(Op::Signals, id, |world| {
            let (numbers, came) = (numbers.to_vec(), Vec::new());
            world.insert(id, Place::Signals { numbers, came });
            Ok(0)
        })?;
        Ok(())
    }

    fn next_signal(&mut self, id: Id) -> Option<i32> {
        match self.0.world().source(id) {
            Ok(Place::Signals { came, .. }) if !came.is_empty() => Some(came.remove(0)),
            _ => None,
        }
    }

    fn order(&mut self, ready: &mut [Id]) {
        let mut world = self.0.world();
        if world.seeded {
            world.shuffle(ready);
            for id in ready.iter() {
                world.note(id.to_bits());
            }
        }
    }
}
