use nbcaser::reactor::sim::Peer;

use super::echo;
use crate::exercises::{World, ms};

/// A client of one who answers ten lines a second.
fn client(world: &World) -> Peer {
    let (peer, stream) = world.client();
    let handle = world.handle.clone();
    world.start(async move { echo(handle, stream, 10).await.expect("no error") });
    peer
}

fn answered(peer: &Peer) -> usize {
    peer.received().len() / "line\n".len()
}

pub(crate) fn a_burst_is_answered_at_once_and_the_rest_slowly() {
    let world = World::new();
    let (peer, other) = (client(&world), client(&world));
    peer.send("line\n".repeat(15));
    world.settle();
    assert_eq!(answered(&peer), 10);
    for n in 11..=15 {
        world.advance(ms(99));
        assert_eq!(answered(&peer), n - 1);
        world.advance(ms(1));
        assert_eq!(answered(&peer), n);
    }
    other.send("line\n");
    world.settle();
    assert_eq!(answered(&other), 1, "each has a rate of his own");
}

pub(crate) fn who_was_silent_has_saved_up_one_burst() {
    let world = World::new();
    let peer = client(&world);
    for round in 1..=3 {
        world.advance(ms(3_600_000));
        peer.send("line\n".repeat(30));
        world.settle();
        assert_eq!(answered(&peer), 30 * round - 20);
        (0..20).for_each(|_| world.advance(ms(100)));
        assert_eq!(answered(&peer), 30 * round);
    }
}
