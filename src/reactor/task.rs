//! Tasks and their wakers.
//!
//! A task is a future in a table, and a waker is that table's key. The life of a task:
//!
//! ```text
//!            spawn
//!              │
//!              v     (1) wake               (2) its turn comes
//!          ┌────────┐          ┌────────┐            ┌─────────┐
//!     ┌──> │  IDLE  │ ───────> │ QUEUED │ ─────────> │ RUNNING │ ──(4) ready, panic, cancel──> gone
//!     │    └────────┘          └────────┘            └─────────┘
//!     │                             ^                  │     │
//!     └─────────────────────────────│────(3) pending───┘     │ (5) wake
//!                                   │                        v
//!                                   │                   ┌─────────┐
//!                                   └───(6) pending──── │  WOKEN  │ ──(4)──> gone
//!                                                       └─────────┘
//! ```
//!
//! 1. A wake puts the key on the ready queue. In QUEUED and in WOKEN another wake changes nothing: a double wake is one.
//! 2. The future is taken out of the table and polled, so no borrow of the table is held while it runs: it may spawn,
//!    wake, cancel and drop whatever it likes, itself included.
//! 3. It waits for something, which has the task's key.
//! 4. The key is stale from here on: a wake that comes later finds nothing.
//! 5. Woken while it runs, perhaps by what it has just done. The wake must not be lost: the future may have looked at
//!    that something *before* it changed.
//! 6. So it goes to the queue's end at once, and looks again.
//!
//! Who has used up his budget in his last turn queues elsewhere, behind all others: one of them runs a turn. So a client
//! that floods the loop keeps the rest waiting for one budget, and a hundred that do keep them waiting no longer.
//!
//! There are two ways to the queue. Readiness and timers are found by the reactor itself, on its own thread: they push
//! the key on a plain queue, [`Tasks::wake`]. All other wakes come through a [`Waker`], which may be sent to another
//! thread, so it goes through a mutex and, if the reactor sleeps, ends its sleep: [`Signal`].

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, RawWakerVTable, Wake, Waker};

use super::driver::Unpark;
use super::slots::{Id, Slots};

/// How many ready tasks there is room for from the start.
///
/// A buffer that lives as long as the reactor, and grew while clients have memory, would come to lie behind that, and
/// the allocator, which only gives back the end of its heap, could give back none of it.
pub(super) const TASKS: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Queued,
    Running,
    Woken,
}

/// What is taken out of the table while the task runs.
pub(crate) struct Body {
    pub(crate) future: Pin<Box<dyn Future<Output = ()>>>,
    pub(crate) waker: Waker,
}

/// Who wants to know how a task ended.
pub(crate) trait Owner {
    /// The task is gone; called with no borrow held. `Finished` tasks have handed over their output already.
    fn ended(&self, end: End);
}

/// How a task ended.
pub(crate) enum End {
    Finished,
    Panicked(Box<dyn std::any::Any + Send>),
    Cancelled,
}

struct Task {
    state: State,
    /// It has used up its budget, the last time that it ran.
    is_greedy: bool,
    body: Option<Body>,
    owner: Rc<dyn Owner>,
}

/// The task table and the ready queue.
pub(crate) struct Tasks {
    table: RefCell<Slots<Task>>,
    ready: RefCell<Vec<Id>>,
    /// Those that are ready, too, and greedy.
    greedy: RefCell<VecDeque<Id>>,
    shared: Arc<Shared>,
    current: Cell<Current>,
}

/// Which task runs, and what its own waker is made of: what [`Waker::will_wake`] compares, without a reference count.
#[derive(Clone, Copy)]
struct Current {
    id: Id,
    data: *const (),
    vtable: *const RawWakerVTable,
}

const NOBODY: Current = Current {
    id: Id::NONE,
    data: std::ptr::null(),
    vtable: std::ptr::null(),
};

impl Tasks {
    pub(crate) fn new(unparker: Arc<dyn Unpark>) -> Tasks {
        let shared = Shared {
            queue: Mutex::new(Some(Vec::new())),
            state: AtomicU8::new(AWAKE),
            unparker,
        };
        Tasks {
            table: RefCell::default(),
            ready: RefCell::new(Vec::with_capacity(TASKS)),
            greedy: RefCell::default(),
            shared: Arc::new(shared),
            current: Cell::new(NOBODY),
        }
    }

    /// Puts a new task on the ready queue.
    pub(crate) fn spawn(
        &self,
        future: Pin<Box<dyn Future<Output = ()>>>,
        owner: Rc<dyn Owner>,
    ) -> Id {
        let id = self.table.borrow_mut().insert_with(|id| {
            let signal = Signal {
                id,
                queued: AtomicBool::new(false),
                shared: Arc::clone(&self.shared),
            };
            Task {
                state: State::Queued,
                is_greedy: false,
                body: Some(Body {
                    future,
                    waker: Waker::from(Arc::new(signal)),
                }),
                owner,
            }
        });
        self.ready.borrow_mut().push(id);
        id
    }

    /// Transitions 1 and 5.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "as a call it takes 15 instructions more a request"
    )]
    pub(crate) fn wake(&self, id: Id) {
        if let Some(task) = self.table.borrow_mut().get_mut(id) {
            match task.state {
                State::Idle => self.queue(id, task),
                State::Running => task.state = State::Woken,
                State::Queued | State::Woken => {}
            }
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for `wake`")]
    fn queue(&self, id: Id, task: &mut Task) {
        task.state = State::Queued;
        if task.is_greedy {
            self.greedy.borrow_mut().push_back(id);
        } else {
            self.ready.borrow_mut().push(id);
        }
    }

    /// Transition 2. None: it was cancelled in the meantime.
    #[inline]
    pub(crate) fn start(&self, id: Id) -> Option<Body> {
        let mut table = self.table.borrow_mut();
        let task = table.get_mut(id)?;
        let body = task.body.take()?;
        task.state = State::Running;
        self.current.set(Current {
            id,
            data: body.waker.data(),
            vtable: body.waker.vtable(),
        });
        Some(body)
    }

    /// Transitions 3 and 6. Gives the body back if the task was cancelled while it ran.
    #[must_use]
    #[inline]
    pub(crate) fn rest(&self, id: Id, body: Body, is_greedy: bool) -> Option<Body> {
        self.current.set(NOBODY);
        let mut table = self.table.borrow_mut();
        let Some(task) = table.get_mut(id) else {
            return Some(body);
        };
        task.body = Some(body);
        task.is_greedy = is_greedy;
        if task.state == State::Woken {
            self.queue(id, task);
        } else {
            task.state = State::Idle;
        }
        None
    }

    /// Transition 4. The caller drops what it gets and tells the owner, with no borrow held.
    #[must_use]
    pub(crate) fn remove(&self, id: Id) -> Option<(Option<Body>, Rc<dyn Owner>)> {
        if self.current.get().id == id {
            self.current.set(NOBODY);
        }
        self.table
            .borrow_mut()
            .remove(id)
            .map(|task| (task.body, task.owner))
    }

    /// The tasks of one owner, or all.
    pub(crate) fn of(&self, owner: Option<&Rc<dyn Owner>>) -> Vec<Id> {
        let table = self.table.borrow();
        let its = |task: &Task| owner.is_none_or(|owner| Rc::ptr_eq(owner, &task.owner));
        let of_owner = table.iter().filter(|(_, task)| its(task));
        of_owner.map(|(id, _)| id).collect()
    }

    /// How many tasks there are.
    pub(crate) fn len(&self) -> usize {
        self.table.borrow().len()
    }

    /// Looks at the ready queue.
    pub(crate) fn look(&self, look: impl FnOnce(&[Id])) {
        look(&self.ready.borrow());
    }

    /// Whether the task is on the ready queue.
    pub(crate) fn is_queued(&self, id: Id) -> bool {
        let table = self.table.borrow();
        table
            .get(id)
            .is_some_and(|task| task.state == State::Queued)
    }

    /// Looks at whose wakers were called since the last turn began, but for the first so many; tells how many there were.
    pub(crate) fn calls(&self, known: usize, look: impl FnMut(Id)) -> usize {
        let queue = self.shared.lock();
        let calls = queue.iter().flatten().map(|signal| signal.id);
        calls.clone().skip(known).for_each(look);
        calls.count()
    }

    /// Which task runs.
    pub(crate) fn current(&self) -> Id {
        self.current.get().id
    }

    /// Takes the ready queue, with those that were woken through their wakers and one of the greedy at its end, for an
    /// empty one.
    pub(crate) fn take_ready(&self, batch: &mut Vec<Id>) {
        if self.shared.state.load(Ordering::Acquire) == WOKEN {
            self.collect_woken();
        }
        std::mem::swap(&mut *self.ready.borrow_mut(), batch);
        batch.extend(self.greedy.borrow_mut().pop_front());
    }

    #[cold]
    fn collect_woken(&self) {
        self.shared.state.swap(AWAKE, Ordering::AcqRel);
        // In place: a queue that is taken out would be allocated anew for the next wake.
        for signal in self
            .shared
            .lock()
            .iter_mut()
            .flat_map(|queue| queue.drain(..))
        {
            // Cleared before the task runs: a wake from now on is a new one. A swap, not a store: it takes over what
            // whoever was told "queued already" had written before he woke.
            signal.queued.swap(false, Ordering::SeqCst);
            self.wake(signal.id);
        }
    }

    #[inline]
    fn is_queue_empty(&self) -> bool {
        self.ready.borrow().is_empty() && self.greedy.borrow().is_empty()
    }

    /// Whether a task is ready.
    pub(crate) fn has_ready(&self) -> bool {
        !self.is_queue_empty() || self.shared.state.load(Ordering::Acquire) == WOKEN
    }

    /// Says that the reactor is about to sleep, so that a wake must end that sleep. False: a task is ready, do not.
    #[inline]
    pub(crate) fn park(&self) -> bool {
        self.is_queue_empty() && self.shared.go(AWAKE, ASLEEP)
    }

    /// Says that it sleeps no more.
    #[inline]
    pub(crate) fn unpark(&self) {
        self.shared.go(ASLEEP, AWAKE);
    }

    /// Who is to be woken for `cx`: the running task by its key if `cx` carries its own waker, else that waker, which
    /// is a combinator's and must be called, or its future would not know which of its parts may go on.
    ///
    /// Cloning and dropping a waker are foreign code, so this is called, and what it replaces is dropped, with no
    /// borrow held.
    #[inline]
    pub(crate) fn waiter(&self, cx: &Context<'_>) -> Waiter {
        if self.is_own(cx) {
            Waiter::Task(self.current.get().id)
        } else {
            Waiter::Other(cx.waker().clone())
        }
    }

    /// Whether `cx` carries the running task's own waker.
    #[inline]
    pub(crate) fn is_own(&self, cx: &Context<'_>) -> bool {
        let (current, waker) = (self.current.get(), cx.waker());
        std::ptr::eq(waker.data(), current.data) && std::ptr::eq(waker.vtable(), current.vtable)
    }

    /// Wakes who waits. Foreign code may run: with no borrow held.
    #[inline]
    pub(crate) fn notify(&self, waiter: Waiter) {
        match waiter {
            Waiter::Task(Id::NONE) => {}
            Waiter::Task(id) => self.wake(id),
            Waiter::Other(waker) => waker.wake(),
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        let unheard = self.shared.lock().take();
        drop(unheard);
    }
}

/// Somebody who waits.
pub(crate) enum Waiter {
    /// A task, whose own waker was used; [`Id::NONE`] is nobody.
    Task(Id),
    /// A waker of somebody else's making.
    Other(Waker),
}

impl Waiter {
    pub(crate) const NOBODY: Waiter = Waiter::Task(Id::NONE);
}

/// What is behind a task's [`Waker`]. One a task, made when it is spawned.
struct Signal {
    id: Id,
    /// In the shared queue already, so that a thousand wakes are one.
    queued: AtomicBool,
    shared: Arc<Shared>,
}

/// The part of the ready queue that other threads can reach.
struct Shared {
    /// None: the reactor is gone. A signal that were put there now would own the queue that owns it, for ever.
    queue: Mutex<Option<Vec<Arc<Signal>>>>,
    /// One of the three below.
    state: AtomicU8,
    unparker: Arc<dyn Unpark>,
}

/// The reactor is busy: it will look at the state before it sleeps.
const AWAKE: u8 = 0;
/// The reactor sleeps, or is about to: only then must a wake reach into the driver.
const ASLEEP: u8 = 1;
/// The queue holds something. The reactor needs no lock to see that it does not.
const WOKEN: u8 = 2;

impl Shared {
    /// From one state to another, if it is in that one.
    #[inline]
    fn go(&self, from: u8, to: u8) -> bool {
        let (done, failed) = (Ordering::AcqRel, Ordering::Acquire);
        self.state.compare_exchange(from, to, done, failed).is_ok()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Arc<Signal>>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Always a swap: after a mere load that says "queued already", what the caller wrote before might become
        // visible only after the task has run and looked for it in vain.
        if self.queued.swap(true, Ordering::SeqCst) {
            return;
        }
        let shared = &self.shared;
        match &mut *shared.lock() {
            Some(queue) => queue.push(Arc::clone(self)),
            None => return,
        }
        // Pushed first: whoever finds it WOKEN finds the signal. And one of the two finds the other: the reactor cannot
        // fall asleep any more, or it was ASLEEP here.
        if shared.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP {
            shared.unparker.unpark();
        }
    }
}
