//! What the loop counts about itself.
//!
//! What needs no clock is counted always: it costs a few instructions a *turn*. Durations need the clock twice a task, so
//! only one turn of [`SAMPLE`] is measured, until somebody asks for all ([`Handle::measure`](super::Handle::measure)).
//! What that takes is out of line: a turn that is not measured has a branch before and behind each task, and nothing else.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::event_loop::Core;
use super::observe::{Cause, Observer, What};
use super::slots::Id;
use super::task::Waiter;
use super::time::Time;

/// One turn of so many is measured: two readings of the clock for each task in it are a hundredth of its cost then.
const SAMPLE: u64 = 64;

/// What a reactor did until now. Counts are of all turns, durations of those that were measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Turns of the loop.
    pub turns: u64,
    /// Polls of tasks; one that was cancelled while it was ready counts, too.
    pub polls: u64,
    /// Times that a task was put back for want of budget: it had more to do than one turn allows.
    pub yields: u64,
    /// What was measured.
    pub measured: Measured,
}

/// What was found in the turns that were measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Measured {
    /// How many turns these were.
    pub turns: u64,
    /// From the end of one sleep to the begin of the next: how long whoever has become ready is not seen.
    pub turn: Spans,
    /// Asleep, or asking who is ready: the time in the driver's poll.
    pub asleep: Spans,
    /// From the loop's hearing of what has become ready to the task's poll.
    pub delay: Spans,
    /// Polls of tasks, each with the writes behind it.
    pub poll: Spans,
    /// Tasks that were woken while they ran, nearly always by themselves, and so were ready again at once.
    pub self_wakes: u64,
}

/// Durations of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spans {
    /// How many.
    pub count: u64,
    /// All together.
    pub sum: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Spans {
    fn add(&mut self, from: Time, to: Time) {
        let span = to.since(from);
        self.count += 1;
        self.sum += span;
        self.longest = self.longest.max(span);
    }

    /// The mean; zero of none.
    pub fn mean(&self) -> Duration {
        let count = u32::try_from(self.count).unwrap_or(u32::MAX);
        self.sum.checked_div(count).unwrap_or_default()
    }
}

impl fmt::Display for Counters {
    /// One line, in microseconds; if no turn was measured yet, the counts alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters {
            turns,
            polls,
            yields,
            measured,
        } = self;
        let Measured {
            turns: of,
            turn,
            asleep,
            delay,
            poll,
            self_wakes,
        } = measured;
        write!(f, "{turns} turns, {polls} polls, {yields} budget yields")?;
        if *of == 0 {
            return Ok(());
        }
        write!(f, "; of {of} turns: {self_wakes} self-wakes")?;
        let spans = [
            ("turn", turn),
            ("asleep", asleep),
            ("wake to poll", delay),
            ("poll", poll),
        ];
        for (name, spans) in spans {
            let us = |span: Duration| span.as_nanos() as f64 / 1000.0;
            let (mean, longest) = (us(spans.mean()), us(spans.longest));
            write!(f, ", {name} {mean:.1} us (longest {longest:.1})")?;
        }
        Ok(())
    }
}

/// The counters at work, and who looks on.
#[derive(Default)]
pub(crate) struct Gauge {
    turns: Cell<u64>,
    polls: Cell<u64>,
    pub(crate) yields: Cell<u64>,
    /// All turns are measured.
    pub(crate) every: Cell<bool>,
    measured: RefCell<Measured>,
    pub(crate) observer: Option<Rc<dyn Observer>>,
    /// The observer has been told of so many of the ready queue.
    told: Cell<usize>,
}

impl Gauge {
    pub(crate) fn new(observer: Option<Rc<dyn Observer>>) -> Gauge {
        Gauge {
            every: Cell::new(observer.is_some()),
            observer,
            ..Gauge::default()
        }
    }

    /// A turn begins, with so many tasks. True: it is measured.
    #[inline]
    pub(crate) fn turn(&self, tasks: usize) -> bool {
        let turns = self.turns.get();
        self.turns.set(turns + 1);
        self.polls.set(self.polls.get() + tasks as u64);
        (turns % SAMPLE == SAMPLE - 1) | self.every.get()
    }

    pub(crate) fn counters(&self) -> Counters {
        Counters {
            turns: self.turns.get(),
            polls: self.polls.get(),
            yields: self.yields.get(),
            measured: *self.measured.borrow(),
        }
    }
}

/// A turn that is measured.
pub(crate) struct Turn {
    /// When the sleep before it had ended.
    woke: Time,
    /// Until when it has run: the next poll begins there.
    ran: Time,
    /// Whether the task that comes next is there.
    runs: bool,
    /// So many wakers were called in it.
    calls: usize,
}

impl Core {
    /// A turn begins that is measured.
    #[cold]
    pub(crate) fn measure(&self, ready: &[Id]) -> Turn {
        self.tell_queued(ready, Cause::Waker, None);
        self.gauge.told.set(0);
        let ran = self.driver.borrow().now();
        // Before the first turn was no sleep, but all that a program does at its start.
        let is_first = self.gauge.turns.get() == 1;
        Turn {
            woke: if is_first { ran } else { self.now.get() },
            ran,
            runs: false,
            calls: 0,
        }
    }

    /// A task is polled next in it, if it was not cancelled.
    #[cold]
    pub(crate) fn polls_measured(&self, turn: &mut Turn, id: Id) {
        turn.runs = self.tasks.is_queued(id);
        if turn.runs {
            self.tell_span(What::Polling(id), turn.ran, turn.ran);
        }
    }

    /// It was.
    #[cold]
    pub(crate) fn polled_measured(&self, turn: &mut Turn, id: Id) {
        if !turn.runs {
            return;
        }
        let (from, to) = (turn.ran, self.driver.borrow().now());
        turn.ran = to;
        let mut woken = self.tasks.is_queued(id);
        turn.calls = self.tasks.calls(turn.calls, |called| {
            woken |= called == id;
            self.tell_span(What::Called(called), to, to);
        });
        let mut measured = self.gauge.measured.borrow_mut();
        measured.delay.add(turn.woke, from);
        measured.poll.add(from, to);
        measured.self_wakes += u64::from(woken);
        drop(measured);
        let look = |ready: &[Id]| self.tell_queued(ready, Cause::Task(id), Some(to));
        self.tasks.look(look);
        self.tell_span(What::Polled(id), from, to);
    }

    /// It has slept until now, and all edges are known: the turn is over.
    #[cold]
    pub(crate) fn slept_measured(&self, turn: &Turn) {
        self.tell_woken(Cause::Edge);
        let mut measured = self.gauge.measured.borrow_mut();
        measured.turns += 1;
        measured.turn.add(turn.woke, turn.ran);
        measured.asleep.add(turn.ran, self.now.get());
    }

    /// Tells the observer of tasks that were put on the ready queue since the last time.
    pub(crate) fn tell_woken(&self, cause: Cause) {
        if self.gauge.observer.is_some() {
            self.tasks
                .look(|ready| self.tell_queued(ready, cause, None));
        }
    }

    /// Tells the observer of timers that are due.
    #[cold]
    pub(crate) fn tell_fired(&self, due: &[Waiter]) {
        if self.gauge.observer.is_some() {
            for waiter in due {
                let id = match waiter {
                    Waiter::Task(id) => *id,
                    Waiter::Other(_) => Id::NONE,
                };
                self.tell(|| What::Fired(id));
            }
        }
    }

    /// Tells the observer of a task that is new, and ready for that reason.
    pub(crate) fn tell_spawned(&self, id: Id) {
        self.gauge.told.set(self.gauge.told.get() + 1);
        self.tell(|| What::Spawned(id));
    }

    /// The same, with the ready queue; `at` is when, if it was not just now.
    #[cold]
    fn tell_queued(&self, ready: &[Id], cause: Cause, at: Option<Time>) {
        if self.gauge.observer.is_some() {
            let at = at.unwrap_or_else(|| self.driver.borrow().now());
            let told = self.gauge.told.replace(ready.len()).min(ready.len());
            for &id in &ready[told..] {
                self.tell_span(What::Woken(id, cause), at, at);
            }
        }
    }

    /// Tells the observer of something that has just happened.
    pub(crate) fn tell<'a>(&self, what: impl FnOnce() -> What<'a>) {
        if self.gauge.observer.is_some() {
            let now = self.driver.borrow().now();
            self.tell_span(what(), now, now);
        }
    }

    fn tell_span(&self, what: What<'_>, from: Time, to: Time) {
        if let Some(observer) = &self.gauge.observer {
            observer.saw(&what, from, to);
        }
    }
}
