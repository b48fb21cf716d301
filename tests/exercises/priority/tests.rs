use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use nbcaser::reactor::sync::Event;
use nbcaser::reactor::yield_now;

use super::{Executor, TURNS};

type Log = Rc<RefCell<String>>;

/// A task that notes its name, so many times, and lets others go first each time.
fn talks(log: &Log, name: char, times: usize) -> impl Future<Output = ()> + 'static {
    let log = Rc::clone(log);
    async move {
        for _ in 0..times {
            log.borrow_mut().push(name);
            yield_now().await;
        }
    }
}

pub(crate) fn urgent_tasks_go_first_whenever_they_are_ready() {
    let (mut executor, log, event) = (Executor::default(), Log::default(), Event::new());
    executor.spawn(false, talks(&log, 'a', 2));
    let (wait, noted) = (event.wait(), Rc::clone(&log));
    executor.spawn(true, async move {
        wait.await;
        noted.borrow_mut().push('U');
    });
    executor.spawn(false, async move { event.set() });
    executor.spawn(false, talks(&log, 'b', 2));
    executor.spawn(true, talks(&log, 'V', 2));
    executor.run();
    assert_eq!(*log.borrow(), "VVaUbab");
}

pub(crate) fn the_others_get_a_turn_all_the_same() {
    let (mut executor, log) = (Executor::default(), Log::default());
    executor.spawn(false, talks(&log, 'a', 3));
    executor.spawn(true, talks(&log, 'U', 100));
    executor.run();
    let urgent = "U".repeat(TURNS - 1);
    let expected = format!("{urgent}a").repeat(3);
    assert!(log.borrow().starts_with(&expected), "{}", log.borrow());
    assert_eq!(log.borrow().len(), 103);
}
