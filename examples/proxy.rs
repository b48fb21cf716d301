//! A TCP proxy: each connection is passed on to another server, and back.
//!
//! `cargo run --example proxy -- [ADDRESS [TARGET]]`, then `nc localhost 9603`: it answers what the target answers, which is
//! the server on port 9600 if nothing else is said.
//!
//! Two things make a proxy hard, and both are about halves. It must not read from one side what the other does not take
//! (backpressure), and that for each direction by itself. And when one side has ended its input, the other is told so,
//! while what is left of its own output is still passed on (half-close).

use std::future::poll_fn;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{env, io};

use nbcaser::reactor::{Endpoint, Handle, Listener, Reactor, Remote, Stream};

/// So many bytes are passed on at a time.
const PIECE: usize = 64 * 1024;

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next();
    let target = arguments.next();
    let target: SocketAddr = target
        .as_deref()
        .unwrap_or("127.0.0.1:9600")
        .parse()
        .map_err(io::Error::other)?;
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:9603"))?;
    println!("listening on {}", listener.local_addr()?);
    let reactor = Reactor::new()?;
    let handle = reactor.handle();
    let listener = Listener::new(&handle, Endpoint::Tcp(listener))?;
    reactor.block_on(async move {
        loop {
            let (client, _) = listener.accept().await?;
            // An error on either side ends both.
            handle.spawn(pass_on(handle.clone(), client, target));
        }
    })?
}

async fn pass_on(handle: Handle, mut client: Stream, target: SocketAddr) -> io::Result<()> {
    let mut server = Stream::connect(&handle, &Remote::Tcp(target, None)).await?;
    // A stream does not read while its own output waits. Here it is the other one's output that counts.
    client.read_ahead();
    server.read_ahead();
    let (mut asks, mut answers) = (true, true);
    poll_fn(|cx| {
        let there = poll_pass(&mut client, &mut server, &mut asks, cx)?;
        let back = poll_pass(&mut server, &mut client, &mut answers, cx)?;
        ready!(there);
        back.map(Ok)
    })
    .await
}

/// Passes on what there is, and then the end.
fn poll_pass(
    from: &mut Stream,
    to: &mut Stream,
    is_open: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    loop {
        ready!(Pin::new(&mut to.flush()).poll(cx))?;
        if !*is_open {
            return Poll::Ready(Ok(()));
        }
        if ready!(from.poll_fill(cx, PIECE))? {
            to.writer().write(from.input());
            from.consume(from.input().len());
        } else {
            to.shutdown()?;
            *is_open = false;
        }
    }
}
