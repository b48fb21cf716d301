use super::Ticks;
use crate::exercises::{World, ms};

pub(crate) fn ticks_do_not_drift() {
    let world = World::new();
    let (handle, sim) = (world.handle.clone(), world.sim.clone());
    world.run(async move {
        let begin = handle.now();
        let mut ticks = Ticks::new(&handle, ms(10));
        for n in 1..=100 {
            assert_eq!(ticks.next().await, n);
            assert_eq!(handle.now(), begin + ms(10 * n));
            sim.advance(ms(3)); // so long the work takes
        }
    });
}

pub(crate) fn missed_ticks_are_skipped() {
    let world = World::new();
    let (handle, sim) = (world.handle.clone(), world.sim.clone());
    world.run(async move {
        let begin = handle.now();
        let mut ticks = Ticks::new(&handle, ms(10));
        assert_eq!(ticks.next().await, 1);
        sim.advance(ms(35));
        assert_eq!(ticks.next().await, 4);
        assert_eq!(handle.now(), begin + ms(45), "the fourth is due already");
        assert_eq!(ticks.next().await, 5);
        assert_eq!(handle.now(), begin + ms(50));
    });
}
