//! Step 9: limits, backpressure, and a half-closed end.
//!
//! `cargo run --example 09_limits -- [ADDRESS [IDLE]]`: who neither speaks nor listens for so many seconds is sent away,
//! after 60 if nothing is said.
//!
//! New against step 8: everything that a client takes is bounded, and it is told when it is over.
//!
//! * Places: so many clients, by a semaphore. Who finds none is told, and may come again.
//! * Time: each wait for a client, to read or to write, has an end. So who does not read his replies, who is not read
//!   meanwhile (*backpressure*, as since step 6), does not keep his place for ever.
//! * Memory: a line has a limit since step 1. Here the replies have one, too: at most so much input is answered at a time.
//! * The end: *half-close*. The server ends its side (`shutdown`) and goes on reading, and throws away what comes, until the
//!   client has ended the other. Only then is there nothing unread, and the last reply arrives for sure. For a while: who
//!   goes on talking is not listened to for ever. (The other way round, a client that ends its side first and then reads,
//!   has been served since step 1: the end of input is an input like any other.)
//!
//! What it cannot do yet:
//!
//! * end. A signal kills it, and with it the replies to what has been sent by then.

#[path = "ladder/common.rs"]
mod common;

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use std::{env, io};

use common::{Dialogue, listen};
use nbcaser::protocol::messages::{GREETING, IDLE_TIMEOUT, SERVER_FULL};
use nbcaser::reactor::sync::Semaphore;
use nbcaser::reactor::{
    Endpoint, Handle, Listener, Missed, Reactor, Stream, interval, sleep, timeout,
};

const CLIENTS: usize = 500;
/// So many bytes of input are answered at a time.
const PIECE: usize = 16 * 1024;
/// How long, and for how many bytes, a client that was told the last word is listened to.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;
/// How long accepting pauses for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    let idle = env::args().nth(2).map_or(Ok(60), |idle| idle.parse());
    let listener = listen()?;
    let reactor = Reactor::new()?;
    let handle = reactor.handle();
    let listener = Listener::new(&handle, Endpoint::Tcp(listener))?;
    handle.spawn(announce(handle.clone()));
    let server = Rc::new(Server {
        handle,
        places: Semaphore::new(CLIENTS),
        idle: Duration::from_secs(idle.map_err(io::Error::other)?),
    });
    reactor.block_on(accept(server, listener))
}

struct Server {
    handle: Handle,
    places: Semaphore,
    /// How long a client may keep us waiting.
    idle: Duration,
}

async fn accept(server: Rc<Server>, listener: Listener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let client = Client::new(&server, stream);
                server.handle.spawn(client.receive());
            }
            Err(error) => {
                eprintln!("accepting pauses: {error}");
                sleep(&server.handle, PAUSE).await;
            }
        }
    }
}

struct Client {
    server: Rc<Server>,
    stream: Stream,
    dialogue: Dialogue,
}

impl Client {
    fn new(server: &Rc<Server>, stream: Stream) -> Client {
        Client {
            server: Rc::clone(server),
            stream,
            dialogue: Dialogue::new(),
        }
    }

    async fn receive(mut self) {
        let place = self.server.places.try_acquire();
        let last_word = if place.is_none() {
            SERVER_FULL
        } else {
            match self.serve().await {
                Ok(()) => b"",
                Err(error) if error.kind() == io::ErrorKind::TimedOut => IDLE_TIMEOUT,
                Err(_) => return, // the connection is broken
            }
        };
        let handle = self.server.handle.clone();
        timeout(&handle, LINGER, self.part(last_word)).await;
    }

    async fn serve(&mut self) -> io::Result<()> {
        self.send(GREETING).await?;
        loop {
            in_time(&self.server, self.stream.fill()).await?;
            let count = self.stream.input().len().min(PIECE);
            let input = &self.stream.input()[..count];
            let mut replies = Vec::new();
            let flow = self.dialogue.answer(input, &mut replies);
            self.stream.consume(count);
            self.send(&replies).await?;
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    async fn send(&mut self, replies: &[u8]) -> io::Result<()> {
        self.stream.writer().write(replies);
        in_time(&self.server, self.stream.flush()).await
    }

    /// Says the last word, but not in the middle of a reply that the client has not taken, and waits for its end.
    async fn part(mut self, last_word: &[u8]) -> io::Result<()> {
        let sent = self.stream.discard_output();
        if sent.is_none_or(|last| last == b'\n') {
            self.stream.write_all(last_word).await?;
        }
        self.stream.shutdown()?;
        let mut discarded = 0;
        while discarded < LINGER_BYTES && self.stream.fill().await? {
            let count = self.stream.input().len();
            self.stream.consume(count);
            discarded += count;
        }
        Ok(())
    }
}

/// Waits no longer than a client may keep us waiting.
async fn in_time<T>(server: &Server, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let done = timeout(&server.handle, server.idle, future).await;
    done.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
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
