//! A run from its first connect to its last reply.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::connection::Failure;
use super::dialogue::Mismatch;
use super::outcome::{Ended, Outcome};
use super::plan::Plan;
use super::schedule::{Schedule, Seat};
use super::stage::Stage;
use super::tally::{Second, Tally};
use super::target::Target;
use super::traffic::Script;
use crate::reactor::sync::Event;
use crate::reactor::{Handle, Reactor, Signals, Time, yield_now};
use crate::server::address::Address;
use crate::server::signals;

/// Descriptors besides those of connections: the standard streams, the reactor's own, signals, files, and some to spare.
const DESCRIPTORS: usize = 32;

/// Why there was no run.
#[derive(Debug)]
pub enum LoadError {
    /// The address has no meaning.
    Resolve(Address, io::Error),
    /// So many descriptors are needed, and only so many can be had.
    Descriptors(usize, u64),
    /// The process of the server cannot be looked at.
    Server(u32, io::Error),
    /// The system refused something that a reactor needs.
    System(&'static str, io::Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Resolve(address, error) => write!(f, "cannot find {address}: {error}"),
            LoadError::Descriptors(need, limit) => write!(
                f,
                "so many connections need {need} descriptors, and the system allows {limit}: see `ulimit -Hn`"
            ),
            LoadError::Server(pid, error) => {
                write!(f, "cannot look at the server's process {pid}: {error}")
            }
            LoadError::System(what, error) => write!(f, "cannot {what}: {error}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Where a run is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Connections are made. The load begins when all are there.
    Connecting,
    /// Load that does not count.
    Warmup,
    /// Load that counts.
    Load,
    /// The last replies are waited for. Nobody leaves, but who has no more to send (`-n`).
    Drain,
    /// Those who sent lines leave.
    Leave,
    /// The idle connections are tried.
    Sweep,
    /// Nothing more happens.
    Over,
}

/// How a run goes, about once a second.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Where it is.
    pub phase: Phase,
    /// What happened since the tick before, or since the phase began; its times are those of the phase.
    pub second: Second,
    /// Connections that were greeted so far.
    pub connected: u64,
    /// Lines that were sent in this phase.
    pub requests: u64,
    /// Errors so far.
    pub errors: u64,
}

/// What all connections of a run share.
pub(super) struct Run {
    pub(super) handle: Handle,
    pub(super) plan: Plan,
    pub(super) script: Rc<Script>,
    pub(super) target: Target,
    pub(super) tally: RefCell<Tally>,
    pub(super) phase: Cell<Phase>,
    /// What was to be sent before this does not count.
    pub(super) counts_from: Cell<Time>,
    /// In an open loop: lines that are due and not answered.
    pub(super) in_flight: Cell<u64>,
    /// Replies that are owed; with churn: connections under way.
    owed: Cell<u64>,
    /// Set when, behind the load, no reply is owed.
    settled: Event,
    /// Lines that may still be sent once the load counts.
    lines_left: Cell<u64>,
    pub(super) schedule: Cell<Option<Schedule>>,
    /// Places in the schedule that are taken, and how many there are.
    pub(super) seats: Cell<(u64, u64)>,
    pub(super) connected: Cell<u64>,
    /// Connects that failed since the last that did not.
    pub(super) failed_in_a_row: Cell<usize>,
    /// Those who have not left.
    pub(super) present: Cell<usize>,
    pub(super) stop: Event,
    pub(super) ended: Cell<Option<Ended>>,
}

/// Does what `plan` says, and tells `observer` how it goes, about once a second while connections are made and lines sent.
///
/// It takes the calling thread until the run is over. It may be called again and again: nothing is left behind but that
/// SIGINT, SIGTERM and SIGHUP, if this was not ignored, do not end the process any more. They end the run, early but in
/// good order, and a second one at once.
///
/// # Errors
/// What keeps a run from beginning. What goes wrong with connections is a part of the outcome.
pub fn run(plan: &Plan, observer: impl FnMut(&Tick) + 'static) -> Result<Outcome, LoadError> {
    run_until(plan, &signals::ending(), &AtomicUsize::new(0), observer)
}

/// The same, ended by these signals, and by one that `came` before.
pub(super) fn run_until(
    plan: &Plan,
    signals: &[i32],
    came: &AtomicUsize,
    observer: impl FnMut(&Tick) + 'static,
) -> Result<Outcome, LoadError> {
    let target = Target::resolve(&plan.target, plan.crowd());
    let target = target.map_err(|error| LoadError::Resolve(plan.target.clone(), error))?;
    let need = plan.crowd() + DESCRIPTORS;
    let limit = rlimit::increase_nofile_limit(need as u64).unwrap_or(1024);
    if limit < need as u64 {
        return Err(LoadError::Descriptors(need, limit));
    }
    let reactor = Reactor::new().map_err(|error| LoadError::System("set up the poller", error))?;
    let handle = reactor.handle();
    let signals = Signals::new(&handle, signals);
    let signals = signals.map_err(|error| LoadError::System("catch signals", error))?;
    let came = came.load(Ordering::Relaxed);
    if came != 0 {
        let _ = signal_hook::low_level::raise(came as i32); // once more, to be heard here
    }
    let run = Run {
        script: Rc::new(Script::new(&plan.mix)),
        target,
        tally: RefCell::new(Tally::new()),
        phase: Cell::new(Phase::Connecting),
        counts_from: Cell::new(Time::ZERO),
        in_flight: Cell::new(0),
        owed: Cell::new(0),
        settled: Event::new(),
        lines_left: Cell::new(plan.requests.unwrap_or(u64::MAX)),
        schedule: Cell::new(None),
        seats: Cell::new((0, 0)),
        connected: Cell::new(0),
        failed_in_a_row: Cell::new(0),
        present: Cell::new(0),
        stop: Event::new(),
        ended: Cell::new(None),
        plan: plan.clone(),
        handle,
    };
    let stage = Stage::new(Rc::new(run), signals, observer);
    let outcome = reactor.block_on(stage.play());
    outcome.map_err(|error| LoadError::System("poll", error))?
}

/// What the connections ask and tell.
impl Run {
    /// Whether lines are to be sent.
    pub(super) fn is_loading(&self) -> bool {
        matches!(self.phase.get(), Phase::Warmup | Phase::Load)
    }

    /// Whether those who are owed nothing leave.
    pub(super) fn is_over(&self) -> bool {
        self.phase.get() > Phase::Drain || self.lines_left.get() == 0
    }

    /// Whether what is due is not sent any more, as the run was cut short.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self.ended.get(), Some(Ended::Signal(_) | Ended::Overload))
    }

    /// How many of `wanted` lines may be sent now.
    pub(super) fn may_send(&self, wanted: usize) -> usize {
        match self.phase.get() {
            Phase::Load => wanted.min(usize::try_from(self.lines_left.get()).unwrap_or(usize::MAX)),
            Phase::Warmup => wanted,
            _ => 0,
        }
    }

    /// So many of the lines that may be sent will be.
    pub(super) fn take_lines(&self, lines: usize) {
        if self.phase.get() == Phase::Load && self.plan.rate.is_none() {
            self.lines_left.set(self.lines_left.get() - lines as u64);
        }
    }

    /// Lines were sent, of which so many count.
    pub(super) fn sent(&self, lines: u64, bytes: usize) {
        let mut tally = self.tally.borrow_mut();
        tally.requests += lines;
        tally.bytes_sent += bytes as u64;
    }

    /// So many more replies are owed.
    pub(super) fn owe(&self, replies: usize) {
        self.owed.set(self.owed.get() + replies as u64);
    }

    /// So many of those that were owed are not any more, whether they came or will not.
    pub(super) fn settle(&self, replies: usize) {
        self.owed.set(self.owed.get() - replies as u64);
        if self.owed.get() == 0 && !self.is_loading() {
            self.settled.set();
        }
    }

    /// Waits until no reply is owed, once the load is over.
    pub(super) async fn answered(&self) {
        // Those who were woken before this send what is still to be sent.
        yield_now().await;
        while self.owed.get() > 0 {
            self.settled.clear();
            self.settled.wait().await;
        }
    }

    /// Whether a reply counts, whose line does or does not: a number of lines has as many replies, a time has all that
    /// come in it.
    pub(super) fn counts_reply(&self, line_counts: bool) -> bool {
        line_counts || self.plan.requests.is_none()
    }

    /// A seat in the schedule, once there is one.
    pub(super) fn take_seat(&self) -> Option<Seat> {
        let schedule = self.schedule.get()?;
        let (taken, all) = self.seats.get();
        self.seats.set((taken + 1, all));
        Some(Seat::new(schedule, taken, all))
    }

    /// So many more lines are due in an open loop.
    pub(super) fn due(&self, lines: u64) {
        self.in_flight.set(self.in_flight.get() + lines);
        if self.in_flight.get() > self.plan.bound() {
            self.end(Ended::Overload);
        }
    }

    /// A connect has come to its end.
    pub(super) fn count_connect(&self, is_greeted: bool) {
        if is_greeted {
            self.connected.set(self.connected.get() + 1);
            self.failed_in_a_row.set(0);
        } else {
            self.failed_in_a_row.set(self.failed_in_a_row.get() + 1);
        }
    }

    /// Something has failed.
    pub(super) fn failed(&self, failure: Failure) {
        let mut tally = self.tally.borrow_mut();
        match failure {
            Failure::Trouble(trouble) => tally.trouble(trouble),
            Failure::Wrong(mismatch) => tally.mismatch(mismatch),
        }
    }

    /// Replies were wrong.
    pub(super) fn wrong(&self, mismatches: Vec<Mismatch>) {
        for mismatch in mismatches {
            self.tally.borrow_mut().mismatch(mismatch);
        }
    }

    /// A connection that sends no lines is over. Where there are no others, it counts as one of them.
    pub(super) fn leave_crowd(&self, ended: Result<(), Failure>) {
        if self.plan.connections == 0 {
            self.leave(ended);
        } else if let Err(failure) = ended {
            self.failed(failure);
        }
    }

    /// One of those who send lines leaves. The last one ends the run.
    pub(super) fn leave(&self, ended: Result<(), Failure>) {
        if let Err(failure) = ended {
            self.failed(failure);
        }
        self.present.set(self.present.get() - 1);
        if self.present.get() == 0 && self.is_loading() {
            let sent = self.tally.borrow().requests;
            // Who comes and goes may fail with a line that he took: it is spent all the same.
            let all = self.lines_left.get() == 0
                || self.plan.requests.is_some_and(|requests| sent >= requests);
            self.end(if all { Ended::Requests } else { Ended::Lost });
        }
    }

    /// How it has gone since the last time, in a phase that began at `start`.
    pub(super) fn tick(&self, start: Time) -> Tick {
        let mut tally = self.tally.borrow_mut();
        Tick {
            phase: self.phase.get(),
            second: tally.second(self.handle.now().since(start)),
            connected: self.connected.get(),
            requests: tally.requests,
            errors: tally.troubles.total(),
        }
    }

    /// The run ends for this reason, if it has not for another.
    pub(super) fn end(&self, why: Ended) {
        if self.ended.get().is_none() {
            self.ended.set(Some(why));
        }
        self.stop.set();
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use signal_hook::consts::signal::SIGUSR2;

    use super::*;

    #[test]
    fn a_signal_that_came_before_ends_it() {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let plan = Plan {
            target: Address::Host {
                host: "127.0.0.1".into(),
                port: silent.local_addr().expect("a port").port(),
            },
            timeout: Duration::from_secs(3600),
            ..Plan::default()
        };
        let came = AtomicUsize::new(SIGUSR2 as usize);
        let outcome = run_until(&plan, &[SIGUSR2], &came, |_| {});
        assert_eq!(outcome.expect("a run").ended, Ended::Signal(SIGUSR2));
    }
}
