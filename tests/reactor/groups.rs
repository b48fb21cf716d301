//! Groups of tasks.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use nbcaser::reactor::{Census, TaskGroup, Time, sleep, yield_now};

use crate::fixture::{Dropped, Log, SECOND, fixture};

#[test]
fn a_group_is_joined_when_its_last_member_has_ended() {
    let f = fixture();
    f.sim.auto_advance(true);
    let group = TaskGroup::new(&f.handle);
    for n in 1..=3 {
        let handle = f.handle.clone();
        group.spawn(async move { sleep(&handle, n * SECOND).await });
    }
    assert_eq!(group.len(), 3);
    let (start, joined) = (f.sim.now(), group.clone());
    let left = f
        .reactor
        .block_on(async move { joined.join(Time::NEVER).await });
    assert_eq!((left.unwrap(), f.sim.now()), (0, start + 3 * SECOND));
    assert!(group.is_empty());
    assert_eq!(f.handle.census(), Census::default());
}

#[test]
fn joining_an_empty_group_does_not_wait() {
    let f = fixture();
    let group = TaskGroup::new(&f.handle);
    assert_eq!(
        f.now_or_never(async move { group.join(Time::NEVER).await }),
        Some(0)
    );
}

#[test]
fn a_join_ends_at_its_deadline_and_tells_how_many_are_left() {
    let (f, log) = (fixture(), Log::default());
    f.sim.auto_advance(true);
    let group = TaskGroup::new(&f.handle);
    for _ in 0..3 {
        let held = Dropped(log.clone(), "cancelled");
        group.spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
    }
    group.spawn(async {});
    let (deadline, joined) = (f.sim.now() + SECOND, group.clone());
    let left = f
        .reactor
        .block_on(async move { joined.join(deadline).await });
    assert_eq!((left.unwrap(), f.sim.now()), (3, deadline));
    assert_eq!(group.cancel(), 3);
    assert_eq!(log.take(), "cancelled cancelled cancelled");
    assert!(group.is_empty());
}

#[test]
fn cancelling_wakes_who_joins_and_leaves_other_tasks_alone() {
    let (f, log) = (fixture(), Log::default());
    let (group, other) = (TaskGroup::new(&f.handle), TaskGroup::new(&f.handle));
    group.spawn(pending());
    other.spawn(pending());
    let (noted, joined) = (log.clone(), group.clone());
    f.go(async move { noted.note(joined.join(Time::NEVER).await) });
    f.settle();
    assert_eq!(log.take(), "");
    group.cancel();
    f.settle();
    assert_eq!(log.take(), "0");
    assert_eq!(other.len(), 1);
}

#[test]
fn a_closed_group_takes_no_more_members() {
    let (f, log) = (fixture(), Log::default());
    let group = TaskGroup::new(&f.handle);
    assert!(group.spawn(async {}));
    group.close();
    let held = Dropped(log.clone(), "dropped");
    assert!(!group.spawn(async move { drop(held) }));
    assert_eq!(log.take(), "dropped");
    assert_eq!(group.len(), 1);
}

#[test]
fn a_member_that_panics_is_counted() {
    let f = fixture();
    let group = TaskGroup::new(&f.handle);
    group.spawn(async { panic!("one") });
    group.spawn(async {});
    f.settle();
    assert_eq!((group.len(), group.panics()), (0, 1));
}

#[test]
fn a_member_may_cancel_its_group_and_itself_with_it() {
    let (f, log) = (fixture(), Log::default());
    let group = TaskGroup::new(&f.handle);
    let held = Dropped(log.clone(), "other");
    group.spawn(async move {
        let _held = held;
        pending::<()>().await;
    });
    let (inside, noted) = (group.clone(), log.clone());
    group.spawn(async move {
        inside.cancel();
        noted.note("still here");
        yield_now().await;
        noted.note("never");
    });
    f.settle();
    assert_eq!(log.take(), "other still here");
    assert_eq!((group.len(), group.panics()), (0, 0));
}

/// Starts a member that starts the next one.
fn next(group: &TaskGroup, left: Rc<RefCell<u32>>) {
    let inside = group.clone();
    group.spawn(async move {
        if *left.borrow() > 0 {
            *left.borrow_mut() -= 1;
            next(&inside, left);
        }
    });
}

#[test]
fn a_member_that_ends_may_start_another() {
    let f = fixture();
    let group = TaskGroup::new(&f.handle);
    let left = Rc::new(RefCell::new(5));
    next(&group, Rc::clone(&left));
    let joined = group.clone();
    assert_eq!(
        f.now_or_never(async move { joined.join(Time::NEVER).await }),
        Some(0)
    );
    assert_eq!(*left.borrow(), 0);
}

#[test]
fn dropping_a_group_detaches_its_members() {
    let (f, log) = (fixture(), Log::default());
    let group = TaskGroup::new(&f.handle);
    let noted = log.clone();
    group.spawn(async move {
        yield_now().await;
        noted.note("ran");
    });
    drop(group);
    f.settle();
    assert_eq!(log.take(), "ran");
}
