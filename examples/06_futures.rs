//! Step 6: a future for each client, written by hand: its states as an `enum`.
//!
//! New against step 5: the reactor keeps neither streams nor callbacks for its clients any more, but *futures*. A
//! future is a value that can be asked to go on ([`Future::poll`]): it does what can be done without waiting, and says
//! `Ready` if it has come to its end, `Pending` if it has to wait. What it must remember from one poll to the next is
//! in its fields. Here that is an `enum`: at every moment the dialogue is either reading or writing, and each state has
//! what it needs and nothing else.
//!
//! It can be in one state only, so it does not read while it writes: who does not read his replies is not read either. The
//! kernel's buffers fill up, and then it is the client who has to wait. That is *backpressure*, and what it took is that
//! "I wait for this" has become a value.
//!
//! Who polls? The reactor: the future whose token an event has. It need not know what the event is for; a poll too
//! many finds that the call would block, and is `Pending` again.
//!
//! What it cannot do yet:
//!
//! * wait for anything but its own socket. A future is polled when there is an event for its token, and for no other
//!   reason: not when a timer is due (so the announcement is still a callback), nor when another future has done something.
//! * interrupt one who never stops talking. A future could return `Pending` before the call would block, to let others
//!   go first; but then no event would come to have it polled again, and it would hang. It has no way to say "I can go
//!   on": the [`Waker`] that it is given does nothing.

#![allow(
    clippy::disallowed_methods,
    reason = "this reactor is its own driver, which reads the clock"
)]

#[path = "ladder/common.rs"]
mod common;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use common::{Dialogue, listen};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Token};
use nbcaser::protocol::messages::GREETING;
use slab::Slab;

/// The most that one read may bring, in bytes.
const READ: usize = 16 * 1024;

fn main() -> io::Result<()> {
    let mut reactor = Reactor::new(listen()?, |stream| Box::pin(Serve::new(stream)))?;
    reactor.call_periodic(Duration::from_secs(1), Duration::from_secs(15), announce);
    reactor.run()
}

// ---- The reactor ----------------------------------------------------------------------------------------------------

/// The dialogue with one client.
type Session = Pin<Box<dyn Future<Output = io::Result<()>>>>;

struct Reactor {
    poll: mio::Poll,
    listener: TcpListener,
    on_connect: fn(TcpStream) -> Session,
    /// The token of a session's stream is its key in here.
    sessions: Slab<Session>,
    /// When which of `periodic` is due. The heap has the greatest on top: reversed, the earliest.
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    periodic: Vec<(Duration, fn())>,
}

/// No session has it: a slab counts from 0.
const LISTENER: Token = Token(usize::MAX);

impl Reactor {
    fn new(
        listener: std::net::TcpListener,
        on_connect: fn(TcpStream) -> Session,
    ) -> io::Result<Reactor> {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let poll = mio::Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Reactor {
            poll,
            listener,
            on_connect,
            sessions: Slab::new(),
            timers: BinaryHeap::new(),
            periodic: Vec::new(),
        })
    }

    fn call_periodic(&mut self, first: Duration, period: Duration, callback: fn()) {
        let due = Instant::now() + first;
        self.timers.push(Reverse((due, self.periodic.len())));
        self.periodic.push((period, callback));
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let now = Instant::now();
            let first = self.timers.peek();
            let timeout = first.map(|Reverse((due, _))| due.saturating_duration_since(now));
            // The only place where the program waits.
            match self.poll.poll(&mut events, timeout) {
                // The process was stopped and goes on: there are no events, look again.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(key) => self.go_on(key),
                }
            }
            self.call_who_is_due();
        }
    }

    fn call_who_is_due(&mut self) {
        let now = Instant::now();
        while let Some(&Reverse((mut due, number))) = self.timers.peek()
            && due <= now
        {
            self.timers.pop();
            let (period, callback) = self.periodic[number];
            callback();
            // Periods that went by meanwhile are left out.
            while due <= now {
                due += period;
            }
            self.timers.push(Reverse((due, number)));
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let (mut stream, _) = match self.listener.accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                accepted => accepted?,
            };
            let session = self.sessions.vacant_entry();
            let both = Interest::READABLE | Interest::WRITABLE;
            // A new connection is writable: that is its first event, and the session's first poll.
            self.poll
                .registry()
                .register(&mut stream, Token(session.key()), both)?;
            session.insert((self.on_connect)(stream));
        }
    }

    fn go_on(&mut self, key: usize) {
        let mut context = Context::from_waker(Waker::noop());
        // An error of one client ends that client, and not the server.
        if self.sessions[key].as_mut().poll(&mut context).is_ready() {
            drop(self.sessions.remove(key));
        }
    }
}

/// A call that would block is one to be made again later.
fn poll_io<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

// ---- The business logic ---------------------------------------------------------------------------------------------

struct Serve {
    stream: TcpStream,
    dialogue: Dialogue,
    state: State,
}

enum State {
    Reading,
    /// Sends this, and then reads on.
    Writing(Vec<u8>),
    /// Sends this, and then ends.
    Parting(Vec<u8>),
}

impl Serve {
    fn new(stream: TcpStream) -> Serve {
        Serve {
            stream,
            dialogue: Dialogue::new(),
            state: State::Writing(GREETING.to_vec()),
        }
    }
}

impl Future for Serve {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Serve {
            stream,
            dialogue,
            state,
        } = &mut *self;
        loop {
            match state {
                State::Reading => {
                    let mut input = [0; READ];
                    let count = ready!(poll_io(stream.read(&mut input)))?;
                    let mut replies = Vec::new();
                    *state = match dialogue.answer(&input[..count], &mut replies) {
                        ControlFlow::Continue(()) => State::Writing(replies),
                        ControlFlow::Break(()) => State::Parting(replies),
                    };
                }
                State::Writing(unsent) | State::Parting(unsent) if !unsent.is_empty() => {
                    let count = ready!(poll_io(stream.write(unsent)))?;
                    unsent.drain(..count);
                }
                State::Writing(_) => *state = State::Reading,
                State::Parting(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

fn announce() {
    let now = jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Y");
    eprintln!("The event loop is still running at: {now}");
}
