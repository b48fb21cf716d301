//! The reactor: one loop, one thread.
//!
//! ```text
//!        ┌──────────────────────────── one turn ────────────────────────────┐
//!        │                                                                  │
//!        v                                                                  │
//!   1 run the tasks that were ready at the start, and one of the greedy     │
//!        │         (each until it waits for something; what it wrote leaves)│
//!        v                                                                  │
//!   2 how long may I sleep?                                                 │
//!        │         somebody is ready: not at all                            │
//!        │         else until the first timer                               │
//!        v                                                                  │
//!   3 ask the driver which sources have become ready  <── the only place    │
//!        │                                                that ever blocks  │
//!        v                                                                  │
//!   4 read the clock, once                                                  │
//!        v                                                                  │
//!   5 timers that are due: wake who waits                               │
//!        v                                                                  │
//!   6 sources that are ready: set their flags, wake who waits ──────────────┘
//! ```
//!
//! Tasks that become ready in 1 run in the next turn, after a look at the sources: nobody who always has something to
//! do keeps the others from being seen.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::counters::Gauge;
use super::driver::{Driver, Event};
use super::handle::Handle;
use super::join::JoinError;
use super::memory::{Memory, MemoryLimit};
use super::observe::{Cause, Observed, Observer, What};
use super::pool::{BUFFER, Pool};
use super::slots::{Id, Slots};
use super::source::Source;
use super::task::{Body, End, Owner, TASKS, Tasks, Waiter};
use super::time::Time;
use super::timers::Timers;

/// What a task may do in one turn before it must let others run, in units of about a nanosecond.
///
/// 200 microseconds: that long one who floods the loop keeps the others waiting. Who has used it up waits for his next
/// turn behind them, so many who flood keep them waiting no longer.
pub(crate) const BUDGET: i64 = 200_000;

/// Everything that the loop, the handles and the futures share. Each table has a cell of its own, and none is borrowed
/// while foreign code (a poll, a wake, a drop) runs; only `staged` is, while its writer writes.
pub(crate) struct Core {
    pub(crate) driver: RefCell<Box<dyn Driver>>,
    pub(crate) tasks: Tasks,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) sources: RefCell<Slots<Source>>,
    /// Output of the running task that has not been written yet, and the stream that it is for.
    pub(crate) staged: RefCell<Vec<u8>>,
    pub(crate) staged_for: Cell<Id>,
    /// The stream whose end follows what it writes. It is sent when its task rests, so there is none beside it.
    pub(crate) ends: Cell<Id>,
    pub(crate) pool: Pool,
    pub(crate) memory: Memory,
    /// The clock as it was read in this turn.
    pub(crate) now: Cell<Time>,
    /// What is left of the running task's budget.
    pub(crate) budget: Cell<i64>,
    /// The stream that was found in order during this poll of its task: asked once a poll, not once a line. Whatever
    /// may change the answer resets it.
    pub(crate) checked: Cell<Id>,
    /// The stream whose input was read to the end during this poll of its task, which waits for more ever since. It is
    /// told so without a look at the table when it asks for more, as nearly all do next.
    pub(crate) drained: Cell<Id>,
    pub(crate) gauge: Gauge,
    /// The reactor was dropped: whatever is started now is dropped at once, or it would be kept for ever.
    pub(crate) closed: Cell<bool>,
}

/// An event loop with its tasks, timers and sources. It is a value: make as many as you like, one a thread.
///
/// Dropping it drops all tasks, with all that they own. Handles that are left do nothing any more: what is
/// spawned is cancelled. A stream or listener that somebody else owns is closed when he drops it.
pub struct Reactor {
    core: Rc<Core>,
    lists: Cell<Option<Box<Lists>>>,
}

/// What one turn works through; kept for the next one, for its memory.
struct Lists {
    ready: Vec<Id>,
    due: Vec<Waiter>,
    events: Vec<Event>,
}

/// What the output has room for from the start: see [`TASKS`].
pub(super) const STAGED: usize = 2 * BUFFER;

impl Default for Lists {
    fn default() -> Lists {
        Lists {
            ready: Vec::with_capacity(TASKS),
            due: Vec::with_capacity(TASKS),
            events: Vec::with_capacity(TASKS),
        }
    }
}

impl Reactor {
    /// A reactor on the kernel's readiness and the machine's clock.
    ///
    /// # Errors
    /// The descriptors that the poller takes cannot be had.
    pub fn new() -> io::Result<Reactor> {
        Ok(Reactor::with_driver(
            Box::new(super::real::MioDriver::new()?),
            MemoryLimit::default(),
        ))
    }

    /// A reactor on a driver of your choice. What its streams keep while their tasks rest is held to `memory`: past it
    /// the stream that keeps the most fails with [`io::ErrorKind::OutOfMemory`].
    pub fn with_driver(driver: Box<dyn Driver>, memory: MemoryLimit) -> Reactor {
        Reactor::build(driver, memory, Gauge::default())
    }

    /// The same with an observer, who is told of all that the loop does.
    pub fn observed(
        driver: Box<dyn Driver>,
        memory: MemoryLimit,
        observer: Rc<dyn Observer>,
    ) -> Reactor {
        let driver = Observed::new(driver, Rc::clone(&observer));
        Reactor::build(Box::new(driver), memory, Gauge::new(Some(observer)))
    }

    fn build(driver: Box<dyn Driver>, memory: MemoryLimit, gauge: Gauge) -> Reactor {
        let unparker = driver.unparker();
        let core = Core {
            tasks: Tasks::new(Arc::clone(&unparker)),
            now: Cell::new(driver.now()),
            driver: RefCell::new(driver),
            timers: RefCell::default(),
            sources: RefCell::default(),
            staged: RefCell::new(Vec::with_capacity(STAGED)),
            staged_for: Cell::new(Id::NONE),
            ends: Cell::new(Id::NONE),
            pool: Pool::default(),
            memory: Memory::new(memory, unparker),
            budget: Cell::new(BUDGET),
            checked: Cell::new(Id::NONE),
            drained: Cell::new(Id::NONE),
            gauge,
            closed: Cell::new(false),
        };
        Reactor {
            core: Rc::new(core),
            lists: Cell::default(),
        }
    }

    /// A handle to this reactor.
    pub fn handle(&self) -> Handle {
        Handle(Rc::clone(&self.core))
    }

    /// Runs until `future` is done, and all other tasks meanwhile. Those that are not done then stay where they are: a
    /// further call goes on with them.
    ///
    /// # Errors
    /// The driver failed to poll.
    ///
    /// # Panics
    /// If `future` does, with its message.
    pub fn block_on<F: Future + 'static>(&self, future: F) -> io::Result<F::Output> {
        let main = self.handle().spawn(future);
        self.turns(usize::MAX, &|| main.is_finished())?;
        match main.try_take() {
            Some(Ok(output)) => Ok(output),
            Some(Err(JoinError::Panicked(payload))) => resume_unwind(payload),
            Some(Err(JoinError::Cancelled)) | None => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    /// Runs one turn. It waits only if nothing is ready.
    ///
    /// # Errors
    /// The driver failed to poll.
    pub fn turn(&self) -> io::Result<()> {
        self.turns(1, &|| false)
    }

    /// Runs `most` turns, or fewer, until it is `done`.
    fn turns(&self, most: usize, done: &dyn Fn() -> bool) -> io::Result<()> {
        let mut lists = self.lists.take().unwrap_or_default();
        let mut result = Ok(false);
        for _ in 0..most {
            result = self.core.turn(&mut lists, done);
            if !matches!(result, Ok(false)) {
                break;
            }
        }
        self.lists.set(Some(lists));
        result.map(drop)
    }

    /// Whether a further turn would have something to do at once, were no source to become ready.
    pub fn has_ready(&self) -> bool {
        self.core.tasks.has_ready()
    }
}

impl Core {
    /// One turn; the numbers are those of the picture. It leaves after 1, with true, if that was all there was to do.
    /// (`done` is `dyn` so that all `block_on`s share one turn, with the steps below in line: 20 instructions a request.)
    fn turn(&self, lists: &mut Lists, done: &dyn Fn() -> bool) -> io::Result<bool> {
        let Lists { ready, due, events } = lists;
        // 1
        self.tasks.take_ready(ready);
        if ready.len() > 1 {
            self.driver.borrow_mut().order(ready);
        }
        let mut measured = None;
        if self.gauge.turn(ready.len()) {
            measured = Some(self.measure(ready));
        }
        for &id in &*ready {
            if let Some(turn) = &mut measured {
                self.polls_measured(turn, id);
            }
            self.run(id);
            if let Some(turn) = &mut measured {
                self.polled_measured(turn, id);
            }
        }
        ready.clear();
        if done() {
            return Ok(true);
        }
        // Whoever turns the loop may have written too, with no task to rest after it.
        self.send_staged();
        // 2
        let first = self.timers.borrow_mut().next_deadline();
        let deadline = if self.tasks.park() { first } else { Time::ZERO };
        // 3
        let polled = self.driver.borrow_mut().poll(events, deadline);
        self.tasks.unpark();
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            // 4
            _ => self.now.set(self.driver.borrow().now()),
        }
        // 5
        if first <= self.now.get() {
            self.timers.borrow_mut().expire(self.now.get(), due);
            self.tell_fired(due);
            due.drain(..).for_each(|waiter| self.tasks.notify(waiter));
            self.tell_woken(Cause::Timer);
        }
        // 6
        for &event in &*events {
            self.apply(event);
        }
        events.clear();
        self.call_in(); // another reactor may have passed the limit that it shares with this one
        if let Some(turn) = &measured {
            self.slept_measured(turn);
        }
        Ok(false)
    }

    /// Polls a task, unless it was cancelled in the meantime.
    #[inline]
    fn run(&self, id: Id) {
        let Some(mut body) = self.tasks.start(id) else {
            return;
        };
        self.budget.set(BUDGET);
        self.doubt();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            body.future
                .as_mut()
                .poll(&mut Context::from_waker(&body.waker))
        }));
        self.send_staged();
        self.call_in();
        match polled {
            Ok(Poll::Pending) => {
                if let Some(body) = self.tasks.rest(id, body, self.budget.get() <= 0) {
                    discard(Some(body));
                }
            }
            Ok(Poll::Ready(())) => self.end(id, End::Finished, Some(body)),
            Err(payload) => self.end(id, End::Panicked(payload), Some(body)),
        }
    }

    /// Puts a new task on the ready queue.
    pub(crate) fn spawn(
        &self,
        future: Pin<Box<dyn Future<Output = ()>>>,
        owner: Rc<dyn Owner>,
    ) -> Id {
        self.tell_woken(Cause::Task(self.tasks.current()));
        let id = self.tasks.spawn(future, owner);
        self.tell_spawned(id);
        if self.closed.get() {
            self.end(id, End::Cancelled, None);
        }
        id
    }

    /// Takes a task out, drops its future, tells its owner.
    pub(crate) fn end(&self, id: Id, end: End, body: Option<Body>) {
        let Some((rest, owner)) = self.tasks.remove(id) else {
            return discard(body);
        };
        self.tell(|| What::Ended(id));
        discard(body.or(rest));
        owner.ended(end);
        discard(owner); // with it goes the output, if nobody wants it
    }

    /// Whether the running task has budget left. If not it is put on the ready queue again, and must suspend.
    pub(crate) fn may_go_on(&self, cx: &Context<'_>) -> bool {
        self.may_spend(0, cx)
    }

    /// Whether it has more left than that.
    pub(crate) fn may_spend(&self, units: i64, cx: &Context<'_>) -> bool {
        let rest = self.budget.get() > units;
        if !rest {
            self.gauge.yields.set(self.gauge.yields.get() + 1);
            cx.waker().wake_by_ref();
        }
        rest
    }

    pub(crate) fn spend(&self, units: i64) {
        let left = self.budget.get() - units;
        self.budget.set(left);
        if left <= 0 {
            self.doubt();
        }
    }

    /// Forgets what was found out during this poll: something has happened.
    #[inline]
    pub(crate) fn doubt(&self) {
        self.checked.set(Id::NONE);
        self.drained.set(Id::NONE);
    }
}

/// Drops a future or an output. Their destructors are foreign code: a panic there, which the panic hook has told, ends
/// nobody else.
fn discard(what: impl Sized) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(what)));
}

impl Drop for Reactor {
    fn drop(&mut self) {
        // Tasks own handles, and handles the core: the circle is cut here.
        self.core.closed.set(true);
        for id in self.core.tasks.of(None) {
            self.core.end(id, End::Cancelled, None);
        }
    }
}
