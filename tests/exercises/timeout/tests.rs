use std::rc::Rc;

use nbcaser::reactor::{sleep, sleep_until};

use super::timeout;
use crate::exercises::{World, ms};

pub(crate) fn it_gives_up_in_time() {
    let world = World::new();
    let handle = world.handle.clone();
    world.run(async move {
        let begin = handle.now();
        let soon = async { 1 };
        assert_eq!(timeout(&handle, ms(50), soon).await, Some(1));
        let just_in_time = sleep_until(&handle, begin + ms(50));
        assert_eq!(timeout(&handle, ms(50), just_in_time).await, Some(()));
        let late = sleep(&handle, ms(1000));
        assert_eq!(timeout(&handle, ms(50), late).await, None);
        assert_eq!(handle.now(), begin + ms(100));
    });
}

pub(crate) fn what_comes_too_late_is_dropped() {
    let world = World::new();
    let handle = world.handle.clone();
    world.run(async move {
        let (token, late) = (Rc::new(()), sleep(&handle, ms(1000)));
        let owned = Rc::clone(&token);
        let future = async move {
            late.await;
            drop(owned);
        };
        assert_eq!(timeout(&handle, ms(50), future).await, None);
        assert_eq!(Rc::strong_count(&token), 1);
        assert_eq!(handle.census().timers, 0, "nor is a timer left");
    });
}
