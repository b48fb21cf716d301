//! Events, semaphores and queues, which need no reactor: futures polled by hand, wakers that count.

use std::task::Poll;

use nbcaser::reactor::sync::{Event, Full, Queue, Semaphore};

use crate::fixture::{Counter, poll};

#[test]
fn an_event_wakes_all_who_wait_and_stops_nobody_who_comes_later() {
    let event = Event::new();
    let ((a, one), (b, two)) = (Counter::pair(), Counter::pair());
    let (mut first, mut second) = (event.wait(), event.wait());
    assert!(poll(&mut first, &one).is_pending());
    assert!(poll(&mut second, &two).is_pending());
    event.clone().set();
    event.set();
    assert_eq!((a.count(), b.count()), (1, 1));
    assert!(poll(&mut first, &one).is_ready());
    assert!(poll(&mut event.wait(), &one).is_ready());
    assert!(event.is_set());
    assert!(poll(&mut second, &two).is_ready());
}

#[test]
fn who_waited_for_an_event_is_let_go_though_it_was_cleared_meanwhile() {
    let event = Event::new();
    let (_, waker) = Counter::pair();
    let mut wait = event.wait();
    assert!(poll(&mut wait, &waker).is_pending());
    event.set();
    event.clear();
    let mut late = event.wait();
    assert!(poll(&mut late, &waker).is_pending());
    assert!(poll(&mut wait, &waker).is_ready());
    assert!(poll(&mut late, &waker).is_pending());
}

#[test]
fn a_wait_wakes_who_polled_it_last_and_a_dropped_one_nobody() {
    let event = Event::new();
    let ((a, one), (b, two)) = (Counter::pair(), Counter::pair());
    let (mut kept, mut dropped) = (event.wait(), event.wait());
    assert!(poll(&mut kept, &one).is_pending());
    assert!(poll(&mut kept, &two).is_pending());
    assert!(poll(&mut dropped, &one).is_pending());
    drop(dropped);
    event.set();
    assert_eq!((a.count(), b.count()), (0, 1));
}

#[test]
fn permits_are_given_in_the_order_in_which_they_were_asked_for() {
    let semaphore = Semaphore::new(1);
    let ((a, one), (b, two)) = (Counter::pair(), Counter::pair());
    let held = semaphore.try_acquire().unwrap();
    assert!(semaphore.try_acquire().is_none());
    let (mut first, mut second) = (semaphore.acquire(), semaphore.acquire());
    assert!(poll(&mut first, &one).is_pending());
    assert!(poll(&mut second, &two).is_pending());
    drop(held);
    assert_eq!((a.count(), b.count()), (1, 0));
    // Woken, but not run yet: nobody pushes in.
    assert!(semaphore.try_acquire().is_none());
    let mut late = semaphore.acquire();
    assert!(poll(&mut late, &two).is_pending());
    assert!(poll(&mut second, &two).is_pending());
    let Poll::Ready(permit) = poll(&mut first, &one) else {
        panic!("it is the first one's turn");
    };
    drop(permit);
    assert_eq!(b.count(), 1);
    assert!(poll(&mut late, &two).is_pending());
    assert!(poll(&mut second, &two).is_ready());
    assert!(poll(&mut late, &two).is_ready());
    drop((first, second, late));
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn nobody_pushes_in_before_one_who_was_woken() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let (_, waker) = Counter::pair();
    let mut first = semaphore.acquire();
    assert!(poll(&mut first, &waker).is_pending());
    drop(held);
    assert!(semaphore.try_acquire().is_none());
    assert!(poll(&mut semaphore.acquire(), &waker).is_pending());
    assert!(poll(&mut first, &waker).is_ready());
}

#[test]
fn two_permits_that_come_back_wake_two() {
    let semaphore = Semaphore::new(2);
    let held = (semaphore.try_acquire(), semaphore.try_acquire());
    let ((a, one), (b, two)) = (Counter::pair(), Counter::pair());
    let (mut first, mut second) = (semaphore.acquire(), semaphore.acquire());
    assert!(poll(&mut first, &one).is_pending());
    assert!(poll(&mut second, &two).is_pending());
    drop(held);
    assert_eq!((a.count(), b.count()), (1, 1));
    assert!(poll(&mut second, &two).is_ready());
    assert!(poll(&mut first, &one).is_ready());
}

#[test]
fn an_acquire_that_is_dropped_leaves_its_place_or_hands_its_turn_on() {
    for woken in [false, true] {
        let semaphore = Semaphore::new(1);
        let held = semaphore.try_acquire().unwrap();
        let ((_a, one), (b, two)) = (Counter::pair(), Counter::pair());
        let (mut first, mut second) = (semaphore.acquire(), semaphore.acquire());
        assert!(poll(&mut first, &one).is_pending());
        assert!(poll(&mut second, &two).is_pending());
        if woken {
            drop(held);
            drop(first);
        } else {
            drop(first);
            drop(held);
        }
        assert_eq!(b.count(), 1);
        let permit = poll(&mut second, &two);
        assert!(permit.is_ready());
        drop(permit);
        assert_eq!(semaphore.available(), 1);
    }
}

#[test]
fn an_acquire_that_was_served_and_dropped_with_nobody_behind_gives_its_permit_back() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let (_, waker) = Counter::pair();
    let mut acquire = semaphore.acquire();
    assert!(poll(&mut acquire, &waker).is_pending());
    drop(held);
    drop(acquire);
    assert!(semaphore.try_acquire().is_some());
}

#[test]
fn a_queue_gives_in_the_order_in_which_it_was_given() {
    let queue = Queue::new(3);
    for n in 1..=3 {
        queue.try_put(n).unwrap();
    }
    assert_eq!(queue.try_put(4), Err(Full(4)));
    assert_eq!(queue.len(), 3);
    let all: Vec<_> = std::iter::from_fn(|| queue.try_get()).collect();
    assert_eq!(all, [1, 2, 3]);
    assert!(queue.is_empty());
}

#[test]
fn a_put_waits_for_room_and_a_get_for_an_item() {
    let queue = Queue::new(1);
    let ((g, getter), (p, putter)) = (Counter::pair(), Counter::pair());
    let mut get = queue.get();
    assert!(poll(&mut get, &getter).is_pending());
    assert!(poll(&mut queue.put(1), &putter).is_ready());
    assert_eq!(g.count(), 1);
    let mut put = queue.put(2);
    assert!(poll(&mut put, &putter).is_pending());
    assert_eq!(poll(&mut get, &getter), Poll::Ready(1));
    assert_eq!(p.count(), 1);
    assert!(poll(&mut put, &putter).is_ready());
    assert_eq!(queue.try_get(), Some(2));
}

#[test]
fn a_get_that_is_dropped_when_it_was_woken_hands_the_item_on() {
    let queue = Queue::new(2);
    let ((_a, one), (b, two)) = (Counter::pair(), Counter::pair());
    let (mut first, mut second) = (queue.get(), queue.get());
    assert!(poll(&mut first, &one).is_pending());
    assert!(poll(&mut second, &two).is_pending());
    queue.try_put("item").unwrap();
    assert_eq!(b.count(), 0);
    drop(first);
    assert_eq!(b.count(), 1);
    assert_eq!(poll(&mut second, &two), Poll::Ready("item"));
}

#[test]
fn a_put_that_is_dropped_when_it_was_woken_hands_the_room_on_and_its_item_is_gone() {
    let queue = Queue::new(1);
    queue.try_put(0).unwrap();
    let ((_a, one), (b, two)) = (Counter::pair(), Counter::pair());
    let (mut first, mut second) = (queue.put(1), queue.put(2));
    assert!(poll(&mut first, &one).is_pending());
    assert!(poll(&mut second, &two).is_pending());
    assert_eq!(queue.try_get(), Some(0));
    drop(first);
    assert_eq!(b.count(), 1);
    assert!(poll(&mut second, &two).is_ready());
    assert_eq!(queue.try_get(), Some(2));
}

#[test]
fn those_who_are_dropped_while_they_wait_leave_no_trace() {
    let queue = Queue::new(1);
    let (counter, waker) = Counter::pair();
    let mut get = queue.get();
    assert!(poll(&mut get, &waker).is_pending());
    drop(get);
    queue.try_put(1).unwrap();
    let mut put = queue.put(2);
    assert!(poll(&mut put, &waker).is_pending());
    drop(put);
    let mut join = queue.join();
    assert!(poll(&mut join, &waker).is_pending());
    drop(join);
    queue.try_get();
    queue.task_done();
    assert_eq!(counter.count(), 0);
}

#[test]
fn a_join_waits_until_every_item_has_been_dealt_with() {
    let queue = Queue::new(2);
    let (counter, waker) = Counter::pair();
    assert!(poll(&mut queue.join(), &waker).is_ready());
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let mut join = queue.join();
    assert!(poll(&mut join, &waker).is_pending());
    queue.try_get();
    queue.try_get();
    queue.task_done();
    assert!(poll(&mut join, &waker).is_pending());
    queue.task_done();
    assert_eq!(counter.count(), 1);
    assert!(poll(&mut join, &waker).is_ready());
}

#[test]
#[should_panic(expected = "more often than put()")]
fn one_task_done_too_many_is_a_mistake() {
    Queue::<u8>::new(1).task_done();
}

/// A waker that does something foreign: it comes back.
struct Reenters(Queue<u8>, Event, Semaphore);

impl std::task::Wake for ReentersSync {
    fn wake(self: std::sync::Arc<Self>) {
        WORLD.with(|world| {
            let Reenters(queue, event, semaphore) = world;
            drop(queue.try_put(1));
            queue.try_get();
            event.set();
            drop(semaphore.try_acquire());
        });
    }
}

struct ReentersSync;

thread_local! {
    static WORLD: Reenters = Reenters(Queue::new(1), Event::new(), Semaphore::new(1));
}

#[test]
fn a_waker_may_come_back_to_what_calls_it() {
    WORLD.with(|Reenters(queue, event, semaphore)| {
        let waker = std::task::Waker::from(std::sync::Arc::new(ReentersSync));
        let mut futures = (queue.get(), event.wait(), semaphore.acquire());
        let held = semaphore.try_acquire();
        assert!(poll(&mut futures.0, &waker).is_pending());
        assert!(poll(&mut futures.1, &waker).is_pending());
        assert!(poll(&mut futures.2, &waker).is_pending());
        queue.try_put(1).unwrap();
        drop(held);
        assert!(poll(&mut futures.1, &waker).is_ready());
        assert!(poll(&mut futures.2, &waker).is_ready());
    });
}
