//! The two faces of the reactor, as in the talk that it mirrors: the same announcement as a callback and as a coroutine.
//!
//! `cargo run --example two_faces` prints for three seconds and ends.

use std::io;
use std::time::Duration;

use nbcaser::reactor::{Handle, Missed, Reactor, interval, sleep};

fn main() -> io::Result<()> {
    let reactor = Reactor::new()?;
    let handle = reactor.handle();

    // A callback: the loop calls it, and it returns.
    let ticks = handle.call_periodic(Duration::from_millis(500), Duration::from_secs(1), |_| {
        println!("callback:  the event loop is still running");
    });

    // A coroutine: it waits where it stands, and goes on.
    let coroutine = handle.spawn(announce(handle.clone()));

    let main = handle.clone();
    reactor.block_on(async move {
        sleep(&main, Duration::from_secs(3)).await;
        ticks.cancel();
        coroutine.cancel();
    })
}

async fn announce(handle: Handle) {
    let first = handle.now() + Duration::from_secs(1);
    let mut ticks = interval(&handle, first, Duration::from_secs(1), Missed::Skip);
    loop {
        ticks.tick().await;
        println!("coroutine: the event loop is still running");
    }
}
