use std::cell::RefCell;
use std::rc::Rc;

use super::{Broadcast, Listener};
use crate::exercises::World;

type Heard = Rc<RefCell<Vec<(u64, u32)>>>;

/// A task that listens, and what it has heard.
fn hear(world: &World, mut listener: Listener<u32>) -> Heard {
    let heard = Heard::default();
    let list = Rc::clone(&heard);
    world.start(async move {
        loop {
            let next = listener.next().await;
            list.borrow_mut().push(next);
        }
    });
    heard
}

pub(crate) fn everybody_hears_everything_in_order() {
    let world = World::new();
    let broadcast = Broadcast::new(4);
    broadcast.say(0); // nobody listens yet
    let early: Vec<Heard> = (0..3).map(|_| hear(&world, broadcast.listen())).collect();
    broadcast.say(1);
    broadcast.say(2);
    let late = hear(&world, broadcast.listen());
    broadcast.say(3);
    world.settle();
    for heard in early {
        assert_eq!(*heard.borrow(), [(0, 1), (0, 2), (0, 3)]);
    }
    assert_eq!(*late.borrow(), [(0, 3)]);
}

pub(crate) fn who_is_slow_misses_the_oldest_and_is_told() {
    let world = World::new();
    let broadcast = Broadcast::new(4);
    let slow = broadcast.listen();
    (1..=10).for_each(|message| broadcast.say(message));
    let slow = hear(&world, slow);
    assert_eq!(*slow.borrow(), [(6, 7), (0, 8), (0, 9), (0, 10)]);
    broadcast.say(11);
    world.settle();
    assert_eq!(slow.borrow().last(), Some(&(0, 11)));
}
