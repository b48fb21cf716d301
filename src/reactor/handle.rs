//! The way to a reactor, for those who live in it.

use std::future::Future;
use std::rc::Rc;

use super::counters::Counters;
use super::event_loop::Core;
use super::join::JoinHandle;
use super::observe::What;
use super::time::Time;

/// A cheap, clonable way to a [`Reactor`](super::Reactor), for its own thread: to spawn, to sleep, to connect.
#[derive(Clone)]
pub struct Handle(pub(crate) Rc<Core>);

impl Handle {
    /// The time, read now.
    pub fn now(&self) -> Time {
        self.0.driver.borrow().now()
    }

    /// Starts a task. It runs from the next turn on, whether or not the handle is awaited; dropping the handle detaches
    /// the task.
    pub fn spawn<F: Future + 'static>(&self, future: F) -> JoinHandle<F::Output> {
        JoinHandle::spawn(&self.0, future)
    }

    /// Names the running task, for the [`Observer`](super::Observer); without one the name is not made.
    pub fn name_task(&self, name: impl FnOnce() -> String) {
        if self.0.gauge.observer.is_some() {
            let (id, name) = (self.0.tasks.current(), name());
            self.0.tell(|| What::Named(id, &name));
        }
    }

    /// What the reactor did until now.
    pub fn counters(&self) -> Counters {
        self.0.gauge.counters()
    }

    /// From now on all turns are measured, not one of many.
    pub fn measure(&self) {
        self.0.gauge.every.set(true);
    }

    /// How many tasks, timers and sources there are. All zero when nothing was forgotten.
    pub fn census(&self) -> Census {
        Census {
            tasks: self.0.tasks.len(),
            timers: self.0.timers.borrow().len(),
            sources: self.0.sources.borrow().len(),
            kept_bytes: self.0.memory.used(),
        }
    }
}

/// What a reactor holds at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// Tasks that have not ended.
    pub tasks: usize,
    /// Timers that are armed.
    pub timers: usize,
    /// Sources that are open.
    pub sources: usize,
    /// Bytes that streams keep while their tasks rest.
    pub kept_bytes: usize,
}
