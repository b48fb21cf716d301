use nbcaser::reactor::sim::Peer;
use nbcaser::reactor::sync::Event;
use nbcaser::reactor::{Endpoint, JoinHandle, Listener};

use super::serve;
use crate::exercises::{World, ms};

/// A server with a second of patience.
fn server(world: &World) -> (JoinHandle<usize>, Event) {
    let listener = Listener::new(&world.handle, Endpoint::Simulated(1)).expect("a listener");
    let (handle, shutdown) = (world.handle.clone(), Event::new());
    let serve = serve(handle, listener, shutdown.clone(), ms(1000));
    let server = world.handle.spawn(serve);
    world.settle();
    (server, shutdown)
}

/// A client who has taken three bytes of his reply so far.
fn slow(world: &World) -> Peer {
    let peer = world.sim.connect(1);
    peer.window(3);
    peer.send("hello\n");
    world.settle();
    assert_eq!(peer.received(), b"hel");
    peer
}

fn cut_off(server: &JoinHandle<usize>) -> usize {
    server.try_take().expect("it has ended").expect("no panic")
}

pub(crate) fn replies_that_wait_are_delivered() {
    let world = World::new();
    let (server, shutdown) = server(&world);
    let (idle, slow) = (world.sim.connect(1), slow(&world));
    shutdown.set();
    world.settle();
    assert!(idle.eof_seen(), "who is owed nothing is not waited for");
    assert!(!server.is_finished());
    assert!(world.sim.connect(1).reset_seen(), "nobody is let in");
    world.advance(ms(999));
    slow.read(100);
    world.settle();
    assert_eq!(slow.received(), b"hello\n");
    assert!(slow.eof_seen());
    assert_eq!(cut_off(&server), 0);
}

pub(crate) fn at_the_deadline_the_rest_is_cut_off() {
    let world = World::new();
    let (server, shutdown) = server(&world);
    let (_deaf, slow) = (slow(&world), slow(&world));
    shutdown.set();
    world.settle();
    slow.read(100);
    world.advance(ms(999));
    assert!(!server.is_finished());
    world.advance(ms(1));
    assert_eq!(cut_off(&server), 1);
    assert_eq!(world.handle.census().tasks, 0);
}
