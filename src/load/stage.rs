//! The acts of a run, one after the other: connect, warm up, load, wait for the last replies, try the silent.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use super::client::client;
use super::crowd::{churn, idle, slow_reader};
use super::outcome::{Ended, Outcome, ServerUse};
use super::process::{Cpu, Process};
use super::run::{LoadError, Phase, Run, Tick};
use super::schedule::Schedule;
use super::tally::Tally;
use super::trouble::Trouble;
use crate::reactor::sync::{Permit, Semaphore};
use crate::reactor::{
    Either, JoinHandle, Missed, Signals, TaskGroup, Time, interval, select, sleep_until, timeout,
};

/// How many connects are under way at a time. As many in a row that fail end the connecting.
pub const CONNECTING: usize = 64;
/// How many idle connections send their line at a time in the sweep: few, as it is their round trips that are measured.
const SWEEPING: usize = 8;
/// How long replies are waited for once a signal has come.
const HURRY: Duration = Duration::from_secs(1);
/// Between two ticks.
const SECOND: Duration = Duration::from_secs(1);

/// A run on its way.
pub(super) struct Stage<O> {
    run: Rc<Run>,
    signals: Signals,
    observer: Rc<RefCell<O>>,
    /// What tells the observer each second of the phase.
    clock: Option<JoinHandle<()>>,
    /// Those who send lines.
    clients: TaskGroup,
    silent: TaskGroup,
    slow: TaskGroup,
    window: Semaphore,
    /// How many connects were begun, and when the first was.
    begun: (usize, Time),
    marks: Marks,
}

/// What was noted on the way.
#[derive(Default)]
struct Marks {
    ramp: Duration,
    cpu: Cpu,
    before: Option<Process>,
    idle: Option<Process>,
    start: Option<Process>,
    /// Replies up to there.
    answered: u64,
}

impl<O: FnMut(&Tick) + 'static> Stage<O> {
    pub(super) fn new(run: Rc<Run>, signals: Signals, observer: O) -> Stage<O> {
        let handle = &run.handle;
        Stage {
            signals,
            observer: Rc::new(RefCell::new(observer)),
            clock: None,
            clients: TaskGroup::new(handle),
            silent: TaskGroup::new(handle),
            slow: TaskGroup::new(handle),
            window: Semaphore::new(CONNECTING),
            begun: (0, handle.now()),
            marks: Marks::default(),
            run,
        }
    }

    pub(super) async fn play(mut self) -> Result<Outcome, LoadError> {
        self.marks.before = self.look()?;
        self.tell_from(self.begun.1);
        let ended = self.load().await.unwrap_or_else(|early| early);
        self.run.end(ended);
        let mut counted = self.count();
        let ended = self.drain(ended).await;
        counted.server = self.server_use(counted.cpu.server);
        let ended = self.dismiss(ended).await;
        let ended = self.sweep(ended).await;
        self.run.phase.set(Phase::Over);
        Ok(self.outcome(ended, &counted))
    }

    /// Everything up to the end of the load; an error is an end before its time.
    async fn load(&mut self) -> Result<Ended, Ended> {
        let run = Rc::clone(&self.run);
        let (handle, plan) = (&run.handle, &run.plan);
        self.connect().await?;
        self.marks.ramp = handle.now().since(self.begun.1);
        if run.present.get() == 0 {
            return Err(Ended::Lost);
        }

        run.seats.set((0, run.present.get() as u64));
        if !plan.warmup.is_zero() {
            let start = handle.now();
            let schedule = plan.rate.map(|rate| Schedule::new(rate, start));
            run.schedule.set(schedule);
            self.enter(Phase::Warmup, start);
            self.unless_cut(sleep_until(handle, start + plan.warmup))
                .await?;
        }
        let before = handle.now();
        self.marks.start = self.look().ok().flatten();
        self.marks.answered = run.tally.borrow().answered;
        // To look at a server of many threads takes a while, in which nobody was served: what has piled up is given as long.
        let looked = handle.now();
        self.unless_cut(sleep_until(handle, looked + looked.since(before)))
            .await?;
        if run.present.get() == 0 {
            return Err(Ended::Lost);
        }
        // A line that is due by now may have been sent in this turn: it belongs to the warm-up.
        let from = handle.now() + Duration::from_nanos(1);
        let end = plan.duration.map_or(Time::NEVER, |length| from + length);
        if let Some(rate) = plan.rate {
            let schedule = run.schedule.get();
            let schedule = schedule.unwrap_or_else(|| Schedule::new(rate, from));
            let schedule = schedule.counted(from, end, plan.requests);
            run.schedule.set(Some(schedule));
        }
        self.marks.cpu = Cpu::now(plan.server_pid);
        self.enter(Phase::Load, from);
        self.unless_cut(sleep_until(handle, end)).await?;
        Ok(Ended::Time)
    }

    /// A phase of the load begins.
    fn enter(&mut self, phase: Phase, from: Time) {
        let run = &self.run;
        run.phase.set(phase);
        run.counts_from.set(from);
        run.tally.borrow_mut().start(run.plan.churn);
        self.clients.wake_all();
        self.tell_from(from);
    }

    /// Waits for something, unless the run is cut short.
    async fn unless_cut<F: Future>(&self, future: F) -> Result<F::Output, Ended> {
        let cut = select(self.run.stop.wait(), self.signals.next());
        match select(future, cut).await {
            Either::First(output) => Ok(output),
            Either::Second(Either::First(())) => Err(self.run.ended.get().unwrap_or(Ended::Lost)),
            Either::Second(Either::Second(signal)) => Err(Ended::Signal(signal)),
        }
    }

    /// Makes all connections.
    async fn connect(&mut self) -> Result<(), Ended> {
        let run = Rc::clone(&self.run);
        let sweepers = Semaphore::new(SWEEPING);
        for number in 0..run.plan.idle {
            let Some(permit) = self.turn().await? else {
                break;
            };
            self.enter_crowd();
            self.silent
                .spawn(idle(Rc::clone(&run), number, permit, sweepers.clone()));
        }
        self.settle().await?;
        self.marks.idle = self.look().ok().flatten();
        for number in 0..run.plan.slow_readers {
            let Some(permit) = self.turn().await? else {
                break;
            };
            self.enter_crowd();
            self.slow
                .spawn(slow_reader(Rc::clone(&run), number, permit));
        }
        for number in 0..run.plan.connections {
            let Some(permit) = self.turn().await? else {
                break;
            };
            run.present.set(run.present.get() + 1);
            if run.plan.churn {
                self.clients.spawn(churn(Rc::clone(&run), number, permit));
            } else {
                self.clients.spawn(client(Rc::clone(&run), number, permit));
            }
        }
        self.settle().await
    }

    /// One comes who sends no lines: see [`Run::leave_crowd`].
    fn enter_crowd(&self) {
        if self.run.plan.connections == 0 {
            self.run.present.set(self.run.present.get() + 1);
        }
    }

    /// Waits until the next connect may be begun; none: there is no use in it any more.
    async fn turn(&mut self) -> Result<Option<Permit>, Ended> {
        let run = &self.run;
        if let Some(ramp) = run.plan.ramp {
            let after = Duration::from_secs_f64(self.begun.0 as f64 / ramp);
            self.unless_cut(sleep_until(&run.handle, self.begun.1 + after))
                .await?;
        }
        let permit = self.unless_cut(self.window.acquire()).await?;
        if run.failed_in_a_row.get() >= CONNECTING {
            return Ok(None);
        }
        self.begun.0 += 1;
        Ok(Some(permit))
    }

    /// Waits until every connect has come to its end.
    async fn settle(&self) -> Result<(), Ended> {
        let mut all = Vec::new();
        while all.len() < CONNECTING {
            all.push(self.unless_cut(self.window.acquire()).await?);
        }
        Ok(())
    }

    /// Tells the observer how it goes, each second from `start` on.
    fn tell_from(&mut self, start: Time) {
        let (run, observer) = (Rc::clone(&self.run), Rc::clone(&self.observer));
        let mut ticks = interval(&run.handle, start + SECOND, SECOND, Missed::Skip);
        let clock = self.run.handle.spawn(async move {
            loop {
                ticks.tick().await;
                let tick = run.tick(start);
                observer.borrow_mut()(&tick);
            }
        });
        if let Some(before) = self.clock.replace(clock) {
            before.cancel();
        }
    }

    /// The load is over: what counted up to now?
    fn count(&mut self) -> Counted {
        if let Some(clock) = self.clock.take() {
            clock.cancel();
        }
        let (run, marks) = (&self.run, &self.marks);
        if run.phase.get() < Phase::Load {
            // It never began: what came before does not count, and no more does what comes.
            run.counts_from.set(Time::NEVER);
            run.tally.borrow_mut().start(false);
            return Counted::default();
        }
        // First the clocks: all the rest takes time.
        let (cpu, now) = (Cpu::now(run.plan.server_pid), run.handle.now());
        let elapsed = now.since(run.counts_from.get());
        let mut tally = run.tally.borrow_mut();
        tally.second(elapsed);
        Counted {
            elapsed,
            replies: tally.replies,
            bytes_sent: tally.bytes_sent,
            bytes_received: tally.bytes_received,
            due: run.schedule.get().map_or(0, |all| all.due_before(now)),
            cpu: cpu.since(marks.cpu),
            server: None,
        }
    }

    /// Waits for the replies that are owed. The clients do not wait longer than a reply may take, so this comes to an end.
    /// Tells how the run ended: a signal ends it now, too.
    async fn drain(&self, ended: Ended) -> Ended {
        let run = &self.run;
        let is_cut = matches!(ended, Ended::Signal(_));
        run.phase.set(Phase::Drain);
        self.clients.wake_all();
        let patience = run.plan.timeout;
        let patience = if is_cut {
            patience.min(HURRY)
        } else {
            patience + HURRY
        };
        let answered = timeout(&run.handle, patience, run.answered());
        match select(answered, self.signals.next()).await {
            Either::Second(signal) if !is_cut => Ended::Signal(signal),
            _ => ended,
        }
    }

    /// What the server took. To look at one of many threads takes a while, in which nobody is served: so nobody is owed a
    /// reply now. All connections are there, unless there was a number of lines to send.
    fn server_use(&self, cpu: Option<Duration>) -> Option<ServerUse> {
        let marks = &self.marks;
        let cpu = cpu?;
        let (before, idle, start) = (marks.before?, marks.idle?, marks.start?);
        let after = self.look().ok().flatten()?;
        Some(ServerUse {
            memory_before: before.memory,
            memory_idle: idle.memory,
            memory_after: after.memory,
            memory_peak: after.peak,
            threads: after.threads,
            cpu,
            user: after.modes.0.saturating_sub(start.modes.0),
            system: after.modes.1.saturating_sub(start.modes.1),
            waits: after.waits.saturating_sub(start.waits),
            preemptions: after.preemptions.saturating_sub(start.preemptions),
            answered: self.run.tally.borrow().answered - marks.answered,
        })
    }

    /// Lets those who sent lines leave. Who still waits for a reply has waited too long, unless a signal ended the run.
    async fn dismiss(&self, ended: Ended) -> Ended {
        let run = &self.run;
        run.phase.set(Phase::Leave);
        self.slow.cancel();
        self.clients.wake_all();
        let is_cut = matches!(ended, Ended::Signal(_));
        let patience = if is_cut { Duration::ZERO } else { HURRY };
        let all = self.clients.join(run.handle.now() + patience);
        let outcome = select(all, self.signals.next()).await;
        self.clients.cancel();
        match outcome {
            _ if is_cut => ended,
            Either::First(left) => {
                (0..left).for_each(|_| run.failed(Trouble::Timeout.into()));
                ended
            }
            Either::Second(signal) => Ended::Signal(signal),
        }
    }

    /// Has each idle connection send a line. Tells how the run ended, as `drain` does.
    async fn sweep(&self, mut ended: Ended) -> Ended {
        let run = &self.run;
        if !matches!(ended, Ended::Signal(_)) {
            run.phase.set(Phase::Sweep);
            self.silent.wake_all();
            // A server that answers nobody is not asked by all.
            let patience = run.plan.timeout * 2 + Duration::from_millis(run.plan.idle as u64);
            let all = self.silent.join(run.handle.now() + patience);
            match select(all, self.signals.next()).await {
                Either::First(left) => {
                    (0..left).for_each(|_| run.failed(Trouble::Timeout.into()));
                }
                Either::Second(signal) => ended = Ended::Signal(signal),
            }
        }
        self.silent.cancel();
        ended
    }

    /// The server's process, if it was named.
    fn look(&self) -> Result<Option<Process>, LoadError> {
        let looked = self
            .run
            .plan
            .server_pid
            .map(|pid| Process::look(pid).map_err(|error| LoadError::Server(pid, error)));
        looked.transpose()
    }

    fn outcome(self, ended: Ended, counted: &Counted) -> Outcome {
        let run = self.run;
        let tally = run.tally.replace(Tally::new());
        Outcome {
            ended,
            ramp: self.marks.ramp,
            elapsed: counted.elapsed,
            asked: run.plan.crowd(),
            connected: run.connected.get(),
            requests: tally.requests,
            unsent: counted.due.saturating_sub(tally.requests),
            replies: counted.replies,
            bytes_sent: counted.bytes_sent,
            bytes_received: counted.bytes_received,
            // In a closed loop a line is sent when it is to be sent.
            sent: if run.plan.rate.is_some() {
                tally.sent
            } else {
                tally.intended.clone()
            },
            intended: tally.intended,
            connects: tally.connects,
            greetings: tally.greetings,
            sessions: tally.sessions,
            pings: tally.pings,
            slow_replies: tally.slow_replies,
            slow_bytes: tally.slow_bytes,
            troubles: tally.troubles,
            mismatches: tally.mismatches,
            seconds: tally.seconds,
            own_cpu: counted.cpu.own,
            server: counted.server,
        }
    }
}

/// What counted when the load was over: what comes later does not.
#[derive(Clone, Copy, Default)]
struct Counted {
    elapsed: Duration,
    replies: u64,
    bytes_sent: u64,
    bytes_received: u64,
    /// Lines that an open loop was to send.
    due: u64,
    cpu: Cpu,
    /// This is looked at when nobody is owed a reply any more.
    server: Option<ServerUse>,
}
