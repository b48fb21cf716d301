use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

#[path = "tests.rs"]
pub(crate) mod tests;

/// Those who are urgent, and the others.
type Ready = Arc<Mutex<[VecDeque<usize>; 2]>>;

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

/// An executor without a reactor, as in step 7: it has tasks, and a queue of those that are ready.
///
/// Urgent tasks that are ready are polled before all others. But of `TURNS` polls one is for another, if one is ready.
#[derive(Default)]
pub(crate) struct Executor {
    tasks: Vec<Option<Task>>,
    ready: Ready,
    /// How many urgent ones had their turn since one of the others had.
    in_a_row: usize,
}

pub(crate) const TURNS: usize = 8;

struct TaskWaker {
    task: usize,
    queue: usize,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let queue = &mut self.ready.lock().expect("nobody panics with it")[self.queue];
        if !queue.contains(&self.task) {
            queue.push_back(self.task);
        }
    }
}

impl Executor {
    pub(crate) fn spawn(&mut self, urgent: bool, task: impl Future<Output = ()> + 'static) {
        let waker = Waker::from(Arc::new(TaskWaker {
            task: self.tasks.len(),
            queue: usize::from(!urgent),
            ready: Arc::clone(&self.ready),
        }));
        waker.wake_by_ref();
        let future = Box::pin(task);
        self.tasks.push(Some(Task { future, waker }));
    }

    /// Polls until no task is ready.
    pub(crate) fn run(&mut self) {
        while let Some(number) = self.next() {
            let Some(task) = &mut self.tasks[number] else {
                continue;
            };
            let mut cx = Context::from_waker(&task.waker);
            if let Poll::Ready(()) = task.future.as_mut().poll(&mut cx) {
                self.tasks[number] = None;
            }
        }
    }

    /// The task whose turn it is.
    fn next(&mut self) -> Option<usize> {
        let [urgent, others] = &mut *self.ready.lock().expect("nobody panics with it");
        if urgent.is_empty() || (self.in_a_row + 1 >= TURNS && !others.is_empty()) {
            self.in_a_row = 0;
            others.pop_front()
        } else {
            self.in_a_row += 1;
            urgent.pop_front()
        }
    }
}
