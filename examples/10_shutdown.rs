//! Step 10: the end, in good order and within a deadline.
//!
//! `cargo run --example 10_shutdown -- [ADDRESS [IDLE]]`; Ctrl-C or SIGTERM ends it, within five seconds.
//!
//! New against step 9: a signal is an event like any other. What it starts is the *drain*:
//!
//! 1. Who waits in the kernel's queue is accepted, for he is connected already, and may have spoken. Then the listener is
//!    closed: who comes later is refused, and can go elsewhere at once.
//! 2. An `Event` tells all clients. Each answers what had arrived by then, down to the last whole line, and no more: who
//!    goes on talking does not put off the end. Then it parts as in step 9.
//! 3. A deadline, for there is always somebody who does not read. Who has not come to an end by then is cut off, and the exit
//!    status tells. A second signal is for those who do not want to wait even so long.
//!
//! This is the last step. `nbcaser` itself does the same, and is longer because it also keeps accounts and a log, takes what
//! arrives behind an urgent byte, listens on several addresses, and bounds all buffers together.

#[path = "ladder/common.rs"]
mod common;

use std::future::Future;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use std::{env, io};

use common::{Dialogue, listen};
use nbcaser::protocol::messages::{GREETING, IDLE_TIMEOUT, SERVER_FULL};
use nbcaser::reactor::sync::{Event, Semaphore};
use nbcaser::reactor::{
    Either, Endpoint, Handle, Listener, Missed, Reactor, Signals, Stream, TaskGroup, interval,
    select, sleep, timeout,
};

const CLIENTS: usize = 500;
/// So many bytes of input are answered at a time.
const PIECE: usize = 16 * 1024;
/// How long, and for how many bytes, a client that was told the last word is listened to.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;
/// How long accepting pauses for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// The most that the listener's queue holds.
const BACKLOG: usize = 128;
/// How long the end may take.
const DRAIN: Duration = Duration::from_secs(5);

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

fn main() -> io::Result<ExitCode> {
    let idle = env::args().nth(2).map_or(Ok(60), |idle| idle.parse());
    let listener = listen()?;
    let reactor = Reactor::new()?;
    let handle = reactor.handle();
    let listener = Listener::new(&handle, Endpoint::Tcp(listener))?;
    let signals = Signals::new(&handle, &[SIGINT, SIGTERM])?;
    handle.spawn(announce(handle.clone()));
    let server = Rc::new(Server {
        clients: TaskGroup::new(&handle),
        ending: Event::new(),
        handle,
        places: Semaphore::new(CLIENTS),
        idle: Duration::from_secs(idle.map_err(io::Error::other)?),
    });
    reactor.block_on(run(server, listener, signals))
}

struct Server {
    handle: Handle,
    clients: TaskGroup,
    ending: Event,
    places: Semaphore,
    /// How long a client may keep us waiting.
    idle: Duration,
}

async fn run(server: Rc<Server>, listener: Listener, signals: Signals) -> ExitCode {
    let serving = accept(&server, &listener);
    select(serving, signals.next()).await;
    for _ in 0..BACKLOG {
        if let Ok((stream, _)) = listener.try_accept() {
            server.clients.spawn(Client::new(&server, stream).receive());
        }
    }
    drop(listener);
    server.ending.set();
    let deadline = server.handle.now() + DRAIN;
    match select(server.clients.join(deadline), signals.next()).await {
        Either::First(0) => ExitCode::SUCCESS,
        Either::First(left) => {
            eprintln!("{left} clients were cut off");
            ExitCode::FAILURE
        }
        Either::Second(signal) => ExitCode::from(128 + signal as u8),
    }
}

async fn accept(server: &Rc<Server>, listener: &Listener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                server.clients.spawn(Client::new(server, stream).receive());
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
        let ending = self.server.ending.clone();
        while !ending.is_set() {
            let input = in_time(&self.server, self.stream.fill());
            let Either::First(filled) = select(input, ending.wait()).await else {
                break;
            };
            filled?;
            if self.reply(PIECE).await?.is_break() {
                return Ok(());
            }
        }
        let mut left = self.stream.input().len() + self.stream.unread()?;
        while left > 0 {
            // It is there, whether or not the kernel has told so yet.
            self.stream.expect_input();
            in_time(&self.server, self.stream.fill()).await?;
            let count = self.stream.input().len().min(left).min(PIECE);
            if self.reply(count).await?.is_break() {
                return Ok(());
            }
            left -= count;
        }
        Ok(())
    }

    /// Answers so many bytes of the input at the most.
    async fn reply(&mut self, most: usize) -> io::Result<ControlFlow<()>> {
        let count = self.stream.input().len().min(most);
        let input = &self.stream.input()[..count];
        let mut replies = Vec::new();
        let flow = self.dialogue.answer(input, &mut replies);
        self.stream.consume(count);
        self.send(&replies).await?;
        Ok(flow)
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
