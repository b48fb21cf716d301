use std::rc::Rc;
use std::time::Duration;

use nbcaser::reactor::{Handle, sleep};

use super::{Runner, race};
use crate::exercises::{World, ms};

fn runner<T: 'static>(handle: &Handle, rest: Duration, output: T) -> Runner<T> {
    let sleep = sleep(handle, rest);
    Box::pin(async move {
        sleep.await;
        output
    })
}

pub(crate) fn the_first_of_many_wins() {
    let world = World::new();
    let handle = world.handle.clone();
    world.run(async move {
        let begin = handle.now();
        let rests = [(30, 'a'), (20, 'b'), (10, 'c'), (10, 'd')];
        let runners = rests.map(|(rest, name)| runner(&handle, ms(rest), name));
        assert_eq!(race(runners.into()).await, (2, 'c'));
        assert_eq!(handle.now(), begin + ms(10));
    });
}

pub(crate) fn the_others_are_dropped() {
    let world = World::new();
    let handle = world.handle.clone();
    world.run(async move {
        let token = Rc::new(());
        let long = runner(&handle, ms(1000), Rc::clone(&token));
        let short = runner(&handle, ms(1), Rc::clone(&token));
        let (winner, output) = race(vec![long, short]).await;
        assert_eq!(winner, 1);
        drop(output);
        assert_eq!(Rc::strong_count(&token), 1);
    });
}
