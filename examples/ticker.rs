//! A ticker: every client gets the ticks since it came, on a grid, until it leaves.
//!
//! `cargo run --example ticker -- [ADDRESS [MILLISECONDS]]`, then `nc localhost 9604`. Ctrl-C ends it.

use std::net::TcpListener;
use std::time::Duration;
use std::{env, io};

use nbcaser::reactor::{
    Either, Endpoint, Handle, Listener, Missed, Reactor, Stream, interval, select,
};

fn main() -> io::Result<()> {
    let address = env::args().nth(1);
    let period = env::args().nth(2).map_or(Ok(1000), |period| period.parse());
    let period = Duration::from_millis(period.map_err(io::Error::other)?);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:9604"))?;
    println!("listening on {}", listener.local_addr()?);
    let reactor = Reactor::new()?;
    let handle = reactor.handle();
    let listener = Listener::new(&handle, Endpoint::Tcp(listener))?;
    reactor.block_on(async move {
        loop {
            let (stream, _) = listener.accept().await?;
            // An error of one client ends that client.
            handle.spawn(tick(handle.clone(), stream, period));
        }
    })?
}

async fn tick(handle: Handle, mut stream: Stream, period: Duration) -> io::Result<()> {
    // The grid begins now. To sleep for a period after each tick would be later by a little each time.
    let mut ticks = interval(&handle, handle.now() + period, period, Missed::Skip);
    let mut number = 0;
    loop {
        match select(ticks.tick(), stream.fill()).await {
            Either::First(missed) => {
                number += 1 + missed;
                stream.write_all(format!("{number}\n").as_bytes()).await?;
            }
            // What it says is no matter, but that it has ended is.
            Either::Second(more) => {
                if !more? {
                    return Ok(());
                }
                stream.consume(stream.input().len());
            }
        }
    }
}
