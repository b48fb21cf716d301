use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

#[path = "tests.rs"]
pub(crate) mod tests;

type Ready = Arc<Mutex<VecDeque<usize>>>;

/// An executor without a reactor, as in step 7: it has tasks, and a queue of those that are ready.
///
/// Urgent tasks that are ready are polled before all others. But of `TURNS` polls one is for another, if one is ready.
#[derive(Default)]
pub(crate) struct Executor {
    tasks: Vec<Option<Pin<Box<dyn Future<Output = ()>>>>>,
    ready: Ready,
}

pub(crate) const TURNS: usize = 8;

struct TaskWaker {
    task: usize,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().expect("nobody panics with it");
        if !ready.contains(&self.task) {
            ready.push_back(self.task);
        }
    }
}

impl Executor {
    pub(crate) fn spawn(&mut self, _urgent: bool, task: impl Future<Output = ()> + 'static) {
        let mut ready = self.ready.lock().expect("nobody panics with it");
        ready.push_back(self.tasks.len());
        self.tasks.push(Some(Box::pin(task)));
    }

    /// Polls until no task is ready.
    pub(crate) fn run(&mut self) {
        while let Some(task) = self.next() {
            let ready = Arc::clone(&self.ready);
            let waker = Waker::from(Arc::new(TaskWaker { task, ready }));
            let Some(future) = &mut self.tasks[task] else {
                continue;
            };
            if let Poll::Ready(()) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.tasks[task] = None;
            }
        }
    }

    /// The task whose turn it is.
    fn next(&mut self) -> Option<usize> {
        // Here is something missing: who is urgent.
        self.ready
            .lock()
            .expect("nobody panics with it")
            .pop_front()
    }
}
