//! The rules: whether what the server does, step by step, is what it should.

use std::io::ErrorKind;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use nbcaser::reactor::sim::{Op, Step};
use nbcaser::reactor::slots::Id;
use nbcaser::reactor::{Handle, Time};

use crate::client::{Client, Limits, Standing};
use crate::ledger::Ledger;

/// How long a refused client, or one that is parted with, is waited for; and while the server ends.
pub(crate) const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 1 << 20;
/// While the server ends, it tries so often what it was not told that it would be taken.
pub(crate) const LOOK: Duration = Duration::from_millis(100);
pub(crate) const QUIET: Duration = Duration::from_millis(200);
/// Accepting is tried again after so long at the latest.
const PAUSE: Duration = Duration::from_secs(1);
/// A client is answered within this and a few turns, however much others want.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);
/// What one client may take of a turn, and how many a listener lets in in one.
const READS_A_TURN: usize = 410;
const BYTES_A_TURN: usize = 1 << 20;
const ACCEPTS_A_TURN: usize = 25;
/// Turns that neither did nor learned anything, in a row.
const VAIN: u32 = 8;
/// Turns of a whole run, and operations of one turn: more is a loop without an end.
const TURNS: u64 = 2_000_000;
const OPERATIONS_A_TURN: u64 = 2_000_000;

impl Ledger {
    fn limits(&self, number: usize) -> Limits {
        let settings = &self.plan.settings;
        let idle = settings.idle_timeout;
        let silence = self.clients[number].silence + self.late();
        Limits {
            idle: !idle.is_zero() && silence >= idle,
            memory: settings.max_memory < 1 << 20,
            draining: self.signal.is_some(),
        }
    }

    /// By how much the server's idea of the time may be behind: it looks once a turn.
    fn late(&self) -> Duration {
        2 * self.longest_turn.max(self.sim.now().since(self.turn_began))
    }

    pub(crate) fn check(&mut self, number: usize, resting: bool) {
        let limits = self.limits(number);
        if let Err((invariant, detail)) = self.clients[number].check(limits, resting) {
            self.violate(invariant, Some(number), detail);
        }
    }

    /// One step of the server's.
    pub(crate) fn step(&mut self, step: &Step<'_>) {
        match *step {
            Step::Rest => self.rest(),
            Step::Done {
                op,
                id,
                peer,
                result,
            } => {
                self.counts.operations += 1;
                self.operations += 1;
                if self.operations > OPERATIONS_A_TURN {
                    self.violate("no vain turns", peer, "a turn does not come to an end");
                    resume_unwind(Box::new("see the ledger"));
                }
                if self.trace.is_some() {
                    let whom = peer.map_or(String::new(), |peer| format!(" {peer}"));
                    self.note(peer, || format!("  {op:?}{whom}: {result:?}"));
                }
                let failed = result.err().map(std::io::Error::kind);
                let injected = failed.is_some_and(|kind| kind != ErrorKind::WouldBlock);
                match (op, peer) {
                    (Op::Poll, _) => self.turn(),
                    (Op::Accept, Some(peer)) => self.accepted(peer, id),
                    (Op::Accept, None) if injected => {
                        let error = result.err().and_then(std::io::Error::raw_os_error);
                        self.accept_failed(error.unwrap_or(0));
                    }
                    (_, Some(peer)) => self.served(op, peer, result.ok(), failed),
                    _ => {}
                }
                self.counts.errors += u64::from(injected);
                self.busy |= match op {
                    Op::Poll => result.is_ok_and(|edges| edges > 0),
                    _ => failed != Some(ErrorKind::WouldBlock),
                };
            }
        }
        // The run ends here, where no task of the server's is in between, which would be blamed for it.
        if self.violation.is_some() && matches!(step, Step::Rest | Step::Done { op: Op::Poll, .. })
        {
            resume_unwind(Box::new("see the ledger"));
        }
    }

    /// The poll of a turn is over.
    fn turn(&mut self) {
        self.turns += 1;
        if self.turns > TURNS {
            self.violate("no vain turns", None, "it does not come to an end");
        }
        let (busy, rested) = (
            std::mem::take(&mut self.busy),
            std::mem::take(&mut self.rested),
        );
        self.vain = if busy || rested { 0 } else { self.vain + 1 };
        if self.vain > VAIN {
            self.violate(
                "no vain turns",
                None,
                format!("{VAIN} turns in a row did nothing"),
            );
        }
        if !rested {
            self.ends_turn();
        }
        self.turn_began = self.sim.now();
        self.reading = (usize::MAX, 0, 0);
        (self.accepts, self.operations) = (0, 0);
        let now = self.sim.now();
        while let Some(&(number, since)) = self.unchecked.front()
            && since + PATIENCE + 8 * self.longest_turn < now
        {
            self.unchecked.pop_front();
            // If more was owed to it since, that has an entry of its own.
            let client = &self.clients[number];
            let resting = !client.slow && client.owed <= since;
            self.check(number, resting);
        }
    }

    fn ends_turn(&mut self) {
        let turn = self.sim.now().since(self.turn_began);
        self.longest_turn = self.longest_turn.max(turn);
    }

    /// The server is about to wait: whatever could be done has been done.
    fn rest(&mut self) {
        if !self.rested {
            self.ends_turn();
        }
        self.rested = true;
        while let Some((number, _)) = self.unchecked.pop_front() {
            self.check(number, true);
        }
        let now = self.sim.now();
        let paused = self
            .accept_failed
            .is_some_and(|at| now <= at + PAUSE + self.late());
        if self.signal.is_none() {
            let waits = |client: &Client| client.standing == Standing::Waiting;
            if !paused && self.waiting > 0 {
                let first = self.clients.iter().position(waits);
                self.violate("nobody waits", first, "it is not let in");
            }
            self.take_stock(paused);
        }
        let kept = self
            .handle
            .as_ref()
            .map_or(0, |handle| handle.census().kept_bytes);
        let most = self.plan.settings.max_memory;
        if kept > most {
            self.violate("memory", None, format!("{kept} bytes are kept, of {most}"));
        }
    }

    /// There is a task and a source for each client, a place for each that has one, and nothing else.
    fn take_stock(&mut self, paused: bool) {
        let Some(census) = self.handle.as_ref().map(Handle::census) else {
            return;
        };
        let plan = &self.plan;
        let (listeners, open) = (plan.listeners, self.open);
        let announcer = usize::from(plan.announces && !plan.settings.announce_every.is_zero());
        let timers = announcer + 2 * open + if paused { listeners } else { 0 };
        let places = Arc::strong_count(&self.places) - 2;
        let (served, tasks, sources) = (self.served, 1 + listeners + announcer, 1 + listeners);
        if census.tasks != tasks + open
            || census.sources != sources + open
            || census.timers > timers
            || places != served
            || open == 0 && census.kept_bytes > 0
        {
            let what = format!(
                "with {open} clients, {served} of them served: {census:?}, {places} places; without any: {tasks} tasks, \
                 {sources} sources"
            );
            self.violate("nothing is left", None, what);
        }
    }

    fn accepted(&mut self, number: usize, id: Id) {
        self.names.push(id);
        self.accepts += 1;
        if self.accepts > ACCEPTS_A_TURN * self.plan.listeners && self.signal.is_none() {
            self.violate(
                "work of a turn",
                Some(number),
                "too many are let in at once",
            );
        }
        let now = self.sim.now();
        let place = self.served < self.plan.settings.max_connections.unwrap_or(usize::MAX);
        let lingers = self.lingering < self.plan.refusals;
        let client = &mut self.clients[number];
        client.moved = now;
        client.standing = if place {
            Standing::Served
        } else {
            Standing::Refused(lingers)
        };
        self.served += usize::from(place);
        self.lingering += usize::from(!place && lingers);
        self.waiting -= 1;
        self.open += 1;
        self.peak = self.peak.max(self.served);
        self.owe(number);
    }

    fn accept_failed(&mut self, errno: i32) {
        self.accept_failed = Some(self.sim.now());
        self.accept_failed_at_the_end |= self.signal.is_some();
        // EMFILE, ENFILE, ENOBUFS, ENOMEM
        self.shortages += u64::from([24, 23, 105, 12].contains(&errno) && self.signal.is_none());
    }

    /// Something was done with an accepted connection.
    fn served(&mut self, op: Op, number: usize, count: Option<usize>, failed: Option<ErrorKind>) {
        let now = self.sim.now();
        let late = self.late();
        let idle = self.plan.settings.idle_timeout;
        let client = &mut self.clients[number];
        client.catch_up();
        let shut = client.shut;
        if let Some(kind) =
            failed.filter(|kind| ![ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(kind))
        {
            client.fault.get_or_insert(kind);
        }
        let stuck = client.was_stuck;
        client.was_stuck = match (op, count) {
            (Op::Read | Op::Write, Some(1..)) => false,
            (Op::Write, None) => true,
            _ => stuck,
        };
        let mut silence = Duration::ZERO;
        match (op, count) {
            (Op::Read, Some(n @ 1..)) => {
                silence = client.moves(now);
                let to = if shut.is_some() {
                    &mut client.lingered
                } else {
                    &mut client.read
                };
                *to += n as u64;
                self.read(number, n);
            }
            (Op::Write, Some(1..)) => {
                silence = client.moves(now);
                self.unchecked.push_back((number, now));
            }
            (Op::Shutdown, _) => {
                silence = now.since(client.moved);
                client.ends(now);
                self.unchecked.push_back((number, now));
            }
            (Op::Close, _) => self.closed(number, now),
            _ => {}
        }
        // Whoever takes no farewell is given a second more.
        let most = idle + late + if stuck { LINGER } else { Duration::ZERO };
        if !idle.is_zero()
            && shut.is_none()
            && silence > most
            && self.clients[number].standing == Standing::Served
        {
            self.violate(
                "limits",
                Some(number),
                format!("it was silent for {silence:?}"),
            );
        }
    }

    fn read(&mut self, number: usize, n: usize) {
        let (whose, times, bytes) = self.reading;
        self.reading = if whose == number {
            (number, times + 1, bytes + n)
        } else {
            (number, 1, n)
        };
        let (_, times, bytes) = self.reading;
        if times > READS_A_TURN || bytes > BYTES_A_TURN {
            let what = format!("{bytes} bytes are read, by {times} reads");
            self.violate("work of a turn", Some(number), what);
        }
    }

    /// A connection was closed: everybody but who has no permit to linger, or is broken, was given the time to read.
    fn closed(&mut self, number: usize, now: Time) {
        let late = self.late();
        let over = self.second_signal || self.is_past_the_drain(now);
        let draining = self.signal.is_some();
        let client = &mut self.clients[number];
        client.ends(now);
        client.closed = Some(now);
        let (shut, standing) = (client.shut.unwrap_or(now), client.standing);
        let patient = now.since(shut) + late >= LINGER
            || client.lingered >= LINGER_BYTES
            || draining && now.since(client.moved) + late >= QUIET;
        let rest = !client.finished && !client.gone && client.fault.is_none();
        if rest && !patient && !over && standing != Standing::Refused(false) {
            let what = format!(
                "it has not finished, and its connection is closed {:?} after its end",
                now.since(shut)
            );
            self.violate("a clean end", Some(number), what);
        }
        self.open -= 1;
        self.served -= usize::from(standing == Standing::Served);
        self.lingering -= usize::from(standing == Standing::Refused(true));
        self.unchecked.push_back((number, now));
    }
}
