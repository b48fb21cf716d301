use super::echo;
use crate::exercises::World;

pub(crate) fn after_a_long_line_the_next_is_answered() {
    let world = World::new();
    let (peer, stream) = world.client();
    world.start(async move { echo(stream, 10).await.expect("no error") });
    peer.send("0123456789\n");
    peer.send("0123456789a\n");
    peer.send("short\nmuch too long a line\nshort\n");
    world.settle();
    let expected: &[u8] = b"0123456789\ntoo long\nshort\ntoo long\nshort\n";
    assert_eq!(peer.received(), expected);
}

pub(crate) fn a_long_line_is_told_before_it_ends() {
    let world = World::new();
    let (peer, stream) = world.client();
    world.start(async move { echo(stream, 10).await.expect("no error") });
    for _ in 0..10 {
        peer.send("x");
        world.settle();
    }
    assert_eq!(peer.received(), b"");
    for _ in 0..10 {
        peer.send("x");
        world.settle();
        assert_eq!(peer.received(), b"too long\n", "and only once");
    }
    peer.send("\nshort\n");
    world.settle();
    assert_eq!(peer.received(), b"too long\nshort\n");
}
