//! The clerk: the one thread that knows who is there and what was done.
//!
//! All others tell it by messages, so nothing here is locked. It waits for nothing but messages: joining a session's
//! thread takes no time, for that has reported as the last thing that it did.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::{io, net};

use super::connection::{Connection, Order};
use super::{Office, now};
use crate::reactor::Time;
use crate::server::signals::name;
use crate::server::stats::{Ended, Totals};
use crate::server::throttle::Throttle;

/// What the clerk is told.
pub(super) enum Message {
    /// A session has begun.
    Came(u64, Entry),
    /// A session has ended, by a panic perhaps. It may be told before it is told that it has begun.
    Left { id: u64, totals: Totals },
    /// More is kept than the limit allows.
    OverLimit,
    /// What there is to count besides.
    Tally(Totals),
    /// To be told in the log, `count` times the same.
    Trouble {
        what: &'static str,
        who: String,
        count: u64,
    },
    /// The door waits for a place, or a descriptor.
    Paused,
    /// The listeners are closed, and nobody comes any more.
    DoorClosed,
    /// The server is to end.
    Signal(i32),
}

/// What the clerk knows of a session.
pub(super) struct Entry {
    pub(super) connection: Weak<Connection>,
    /// Dropping it cuts the session off.
    pub(super) orders: Option<Sender<Order>>,
    pub(super) thread: JoinHandle<()>,
    pub(super) called_in: bool,
}

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    Draining,
    /// The time is over: nothing is waited for.
    Cutting,
}

/// See the module.
pub(super) struct Clerk {
    office: Arc<Office>,
    inbox: Receiver<Message>,
    /// Wakes the door: a byte means that there may be room, its end that the server ends.
    bell: UnixStream,
    /// Dropping it tells the door that the drain's time is over.
    patience: Option<Sender<()>>,
    sessions: BTreeMap<u64, Entry>,
    /// A session that has left before it came. The door says of each that it came before it lets in the next.
    gone: Option<u64>,
    phase: Phase,
    door_waits: bool,
    door_is_open: bool,
    totals: Totals,
    trouble: Throttle,
}

impl Clerk {
    pub(super) fn new(
        office: &Arc<Office>,
        inbox: Receiver<Message>,
        bell: UnixStream,
        patience: Sender<()>,
    ) -> Clerk {
        Clerk {
            office: Arc::clone(office),
            inbox,
            bell,
            patience: Some(patience),
            sessions: BTreeMap::new(),
            gone: None,
            phase: Phase::Serving,
            door_waits: false,
            door_is_open: true,
            totals: Totals::default(),
            trouble: Throttle::default(),
        }
    }

    /// Works until a signal comes, then lets everybody come to his end, until the drain's time is over.
    ///
    /// # Errors
    /// The door closed by itself, a bug of ours: nobody could come any more.
    pub(super) fn work(mut self) -> io::Result<Ended> {
        let signal = self.handle_until(Time::NEVER);
        let deadline = now() + self.office.settings.drain;
        if let Some(signal) = signal {
            let signal = name(signal);
            log::info!("{signal} received: no new connections, what has arrived is answered");
        }
        self.phase = Phase::Draining;
        let _ = self.bell.shutdown(net::Shutdown::Both);
        for entry in self.sessions.values() {
            entry.drain();
        }
        let second_signal = self.handle_until(deadline);
        self.phase = Phase::Cutting;
        self.patience = None;
        for entry in self.sessions.values_mut() {
            entry.cut();
        }
        self.office.turns.call();
        // None of them can wait for anything any more.
        while self.handle_until(Time::NEVER).is_some() {}
        self.trouble.tell_the_rest();
        if signal.is_none() {
            return Err(io::Error::other("the thread that accepts panicked"));
        }
        Ok(Ended {
            totals: self.totals,
            second_signal,
        })
    }

    /// Handles messages until a signal comes, the deadline has passed or, at the end, all have gone.
    fn handle_until(&mut self, deadline: Time) -> Option<i32> {
        while self.door_is_open || !self.sessions.is_empty() && self.phase != Phase::Serving {
            let message = if deadline == Time::NEVER {
                self.inbox.recv().map_err(RecvTimeoutError::from)
            } else {
                self.inbox.recv_timeout(deadline.since(now()))
            };
            match message {
                Ok(Message::Signal(number)) => return Some(number),
                Ok(message) => self.handle(message),
                Err(_) => break,
            }
        }
        None
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Came(id, entry) => self.came(id, entry),
            Message::Left { id, totals } => self.left(id, totals),
            Message::OverLimit => self.call_in(),
            Message::Tally(totals) => self.totals = self.totals.plus(totals),
            Message::Trouble { what, who, count } => {
                self.trouble.warn_of(now(), what, who, count);
            }
            Message::Paused => self.door_waits = true,
            Message::DoorClosed => self.door_is_open = false,
            Message::Signal(_) => {}
        }
    }

    fn came(&mut self, id: u64, mut entry: Entry) {
        if self.gone.take_if(|gone| *gone == id).is_some() {
            return join(entry);
        }
        match self.phase {
            Phase::Serving => {}
            Phase::Draining => entry.drain(),
            Phase::Cutting => {
                entry.drain();
                entry.cut();
            }
        }
        let held = entry.held();
        self.sessions.insert(id, entry);
        if held > 0 {
            // That it is too much may have been told before.
            self.call_in();
        }
    }

    fn left(&mut self, id: u64, totals: Totals) {
        self.totals = self.totals.plus(totals);
        match self.sessions.remove(&id) {
            Some(entry) => join(entry),
            None => self.gone = Some(id),
        }
        if std::mem::take(&mut self.door_waits) {
            // If that fails, its timer wakes it.
            let _ = io::Write::write(&mut self.bell, &[0]);
        }
    }

    /// Sends away those who keep the most, until the rest are within the limit.
    fn call_in(&mut self) {
        self.office.budget.heard();
        while let Some(entry) = self.largest() {
            entry.called_in = true;
            entry.order(Order::Leave);
        }
        self.office.turns.call();
    }

    /// The session that keeps the most, unless those who stay are within the limit.
    fn largest(&mut self) -> Option<&mut Entry> {
        // Each is looked at once. The budget's own sum would be of another moment: who had just let go of his share would
        // still be counted there, and another would be sent away for it.
        let (mut staying, mut most, mut largest) = (0, 0, None);
        for entry in self.sessions.values_mut().filter(|entry| !entry.called_in) {
            let held = entry.held();
            staying += held;
            if held > most {
                (most, largest) = (held, Some(entry));
            }
        }
        largest.filter(|_| !self.office.budget.allows(staying))
    }
}

impl Entry {
    fn held(&self) -> usize {
        self.connection
            .upgrade()
            .map_or(0, |connection| connection.held())
    }

    fn drain(&self) {
        if let Some(connection) = self.connection.upgrade() {
            // Whether it has ended cannot be seen any more when it has been woken.
            let ended = connection.has_ended();
            self.order(Order::Drain { ended });
        }
    }

    /// First the order, then what wakes the session: it finds the one when it wonders about the other.
    fn order(&self, order: Order) {
        if let (Some(orders), Some(connection)) = (&self.orders, self.connection.upgrade()) {
            let _ = orders.send(order);
            connection.deafen();
        }
    }

    /// Has the session end without waiting for anything; of what it has at hand it answers a moment's worth.
    fn cut(&mut self) {
        self.orders = None;
        if let Some(connection) = self.connection.upgrade() {
            connection.cut();
        }
    }
}

fn join(entry: Entry) {
    // A panic was counted by the report, and logged by the hook.
    let _ = entry.thread.join();
}
