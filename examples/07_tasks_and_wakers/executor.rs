//! The executor: tasks, the queue of those that are ready, and the wakers that put them there. It knows neither sockets
//! nor time; to wait, it asks the reactor for a turn.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

use crate::reactor::Reactor;

pub(crate) struct Executor {
    /// The place of the task that is being polled is empty.
    tasks: RefCell<Slab<Option<Task>>>,
    /// The queue of those that are ready: wakers put numbers in, `block_on` takes them out.
    waking: Sender<usize>,
    woken: Receiver<usize>,
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

struct TaskWaker {
    task: usize,
    waking: Sender<usize>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let _ = self.waking.send(self.task); // without an executor there is nobody to be woken
    }
}

/// The number of the future that `block_on` is given.
const MAIN: usize = usize::MAX;

impl Executor {
    pub(crate) fn new() -> Executor {
        let (waking, woken) = mpsc::channel();
        Executor {
            tasks: RefCell::default(),
            waking,
            woken,
        }
    }

    /// A waker for this task, which is ready for its first poll.
    fn waker(&self, task: usize) -> Waker {
        let waking = self.waking.clone();
        let waker = Waker::from(Arc::new(TaskWaker { task, waking }));
        waker.wake_by_ref();
        waker
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        let place = tasks.vacant_entry();
        let waker = self.waker(place.key());
        let future = Box::pin(future);
        place.insert(Some(Task { future, waker }));
    }

    /// Polls who is ready and waits for who is not, until `main` has come to its end.
    pub(crate) fn block_on<T>(
        &self,
        reactor: &Reactor,
        main: impl Future<Output = T>,
    ) -> io::Result<T> {
        let mut main = pin!(main);
        let waker = self.waker(MAIN);
        loop {
            // Who is woken while these are polled has his turn in the next round, after a look at the sockets.
            let ready: Vec<usize> = self.woken.try_iter().collect();
            for &task in &ready {
                if task != MAIN {
                    self.run(task);
                } else if let Poll::Ready(output) =
                    main.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return Ok(output);
                }
            }
            reactor.turn(ready.is_empty())?;
        }
    }

    fn run(&self, number: usize) {
        let task = self
            .tasks
            .borrow_mut()
            .get_mut(number)
            .and_then(Option::take);
        let Some(mut task) = task else {
            return; // it has ended since it was woken
        };
        let polled = task
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&task.waker));
        match polled {
            Poll::Pending => self.tasks.borrow_mut()[number] = Some(task),
            Poll::Ready(()) => drop(self.tasks.borrow_mut().remove(number)),
        }
    }
}
