//! Step 8: `async` and `await`, on the reactor of this crate.
//!
//! New against step 7: the compiler writes the states. An `async fn` is a future whose states are the places where it
//! awaits, with the local variables that are alive there in them. So `serve` is again the `serve` of step 1, line by line,
//! and what is new in it is `.await`: it reads like a thread's, and costs a few hundred bytes instead of a stack.
//!
//! The executor and the reactor are the crate's ([`nbcaser::reactor`]). They are those of step 7, with what was missing: a
//! budget for each task, so that nobody keeps the others waiting; one read buffer, lent to whoever has input; writes that
//! are gathered; a door for other threads to wake a task by.
//!
//! To sleep and try again when `accept` fails is one line now.
//!
//! What it cannot do yet:
//!
//! * refuse: who connects when there is no descriptor left is not told, and waits in the kernel's queue. And who says nothing,
//!   or does not read, keeps his descriptor for ever.
//! * part well: to close a socket that has unread input resets the connection, and a reset takes from the client the replies
//!   that it has not read yet. So it goes with everybody who sends more behind his `quit`.

#[path = "ladder/common.rs"]
mod common;

use std::io;
use std::time::Duration;

use common::{Dialogue, listen};
use nbcaser::protocol::messages::GREETING;
use nbcaser::reactor::{Endpoint, Handle, Listener, Missed, Reactor, Stream, interval, sleep};

/// How long accepting pauses for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    let listener = listen()?;
    let reactor = Reactor::new()?;
    let handle = reactor.handle();
    let listener = Listener::new(&handle, Endpoint::Tcp(listener))?;
    handle.spawn(announce(handle.clone()));
    reactor.block_on(accept(handle, listener))
}

async fn accept(handle: Handle, listener: Listener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An error of one client ends that client, and not the server.
                handle.spawn(serve(stream));
            }
            Err(error) => {
                eprintln!("accepting pauses: {error}");
                sleep(&handle, PAUSE).await;
            }
        }
    }
}

async fn serve(mut stream: Stream) -> io::Result<()> {
    let mut dialogue = Dialogue::new();
    stream.write_all(GREETING).await?;
    loop {
        stream.fill().await?;
        let count = stream.input().len();
        let mut replies = Vec::new();
        let flow = dialogue.answer(stream.input(), &mut replies);
        stream.consume(count);
        stream.write_all(&replies).await?;
        if flow.is_break() {
            return Ok(()); // and with `stream` the connection is closed
        }
    }
}

async fn announce(handle: Handle) {
    let first = handle.now() + Duration::from_secs(1);
    let mut ticks = interval(&handle, first, Duration::from_secs(15), Missed::Skip);
    loop {
        ticks.tick().await;
        let now = jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Y");
        eprintln!("The event loop is still running at: {now}");
    }
}
