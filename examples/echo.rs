//! An echo server: the reactor used for something else than casing, in the fewest lines that are still correct.
//!
//! `cargo run --example echo`, then `nc localhost 9601`. Ctrl-C ends it.

use std::io;
use std::net::TcpListener;

use nbcaser::reactor::{
    Either, Endpoint, Handle, Listener, Reactor, Signals, Stream, TaskGroup, select,
};

const SIGINT: i32 = 2;

fn main() -> io::Result<()> {
    let reactor = Reactor::new()?;
    let handle = reactor.handle();
    let listener = Listener::new(&handle, Endpoint::Tcp(TcpListener::bind("localhost:9601")?))?;
    let signals = Signals::new(&handle, &[SIGINT])?;
    reactor.block_on(serve(handle, listener, signals))?
}

async fn serve(handle: Handle, listener: Listener, signals: Signals) -> io::Result<()> {
    let clients = TaskGroup::new(&handle);
    loop {
        match select(listener.accept(), signals.next()).await {
            Either::First(accepted) => {
                let (stream, _) = accepted?;
                clients.spawn(async move {
                    // An error of one client ends that client.
                    let _ = echo(stream).await;
                });
            }
            Either::Second(_) => return Ok(()),
        }
    }
}

/// Sends back what comes, until nothing more does. A client that does not read is not read: `fill` waits for its output
/// to flow.
async fn echo(mut stream: Stream) -> io::Result<()> {
    let replies = stream.writer();
    while stream.fill().await? {
        let count = stream.input().len();
        replies.write(stream.input());
        stream.consume(count);
    }
    stream.flush().await
}
