use std::cell::{Cell, RefCell};
use std::rc::Rc;

use nbcaser::reactor::sleep;

use super::Semaphore;
use crate::exercises::{World, ms};

pub(crate) fn no_more_than_so_many_have_a_permit() {
    let world = World::new();
    let (semaphore, now, most) = (
        Semaphore::new(3),
        Rc::new(Cell::new(0)),
        Rc::new(Cell::new(0)),
    );
    for _ in 0..10 {
        let (semaphore, handle) = (semaphore.clone(), world.handle.clone());
        let (now, most) = (Rc::clone(&now), Rc::clone(&most));
        world.start(async move {
            let permit = semaphore.acquire().await;
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            sleep(&handle, ms(10)).await;
            now.set(now.get() - 1);
            drop(permit);
        });
    }
    for served in [3, 3, 3, 1, 0] {
        assert_eq!(now.get(), served);
        world.advance(ms(10));
    }
    assert_eq!(most.get(), 3);
}

pub(crate) fn they_get_it_in_the_order_in_which_they_came() {
    let world = World::new();
    let (semaphore, order) = (Semaphore::new(1), Rc::new(RefCell::new(Vec::new())));
    for name in ["first", "second", "third"] {
        let (semaphore, handle) = (semaphore.clone(), world.handle.clone());
        let order = Rc::clone(&order);
        world.start(async move {
            let mut permit = semaphore.acquire().await;
            order.borrow_mut().push(name);
            sleep(&handle, ms(10)).await;
            if name == "first" {
                // It is the second's turn: who asks again is behind the third.
                drop(permit);
                permit = semaphore.acquire().await;
                order.borrow_mut().push("first again");
            }
            drop(permit);
        });
    }
    assert_eq!(*order.borrow(), ["first"]);
    (0..3).for_each(|_| world.advance(ms(10)));
    let expected = ["first", "second", "third", "first again"];
    assert_eq!(*order.borrow(), expected);
}

pub(crate) fn who_gives_up_hands_his_turn_on() {
    let world = World::new();
    let semaphore = Semaphore::new(1);
    let served = Rc::new(RefCell::new(Vec::new()));
    let wait = |name| {
        let (semaphore, served) = (semaphore.clone(), Rc::clone(&served));
        let task = world.handle.spawn(async move {
            let _permit = semaphore.acquire().await;
            served.borrow_mut().push(name);
        });
        world.settle();
        task
    };
    let (asked, held) = (semaphore.clone(), Rc::new(RefCell::new(None)));
    let holds = Rc::clone(&held);
    world.start(async move { *holds.borrow_mut() = Some(asked.acquire().await) });
    let (waiting, woken, last) = (wait("waiting"), wait("woken"), wait("last"));
    assert!(served.borrow().is_empty(), "one has it already");
    waiting.cancel();
    drop(held.take());
    woken.cancel(); // woken, and did not run yet
    world.settle();
    assert!(last.is_finished());
    assert_eq!(*served.borrow(), ["last"]);
}
