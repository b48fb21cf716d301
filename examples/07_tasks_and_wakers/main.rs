//! Step 7: tasks, and the wakers by which they are called again.
//!
//! New against step 6: whoever returns `Pending` leaves behind how to be called again. There are four parts now:
//!
//! * a *task* is a future that is polled by itself, from its first poll to its end;
//! * the *executor* has the tasks and a queue of those that are ready, and polls these;
//! * a *waker* is a task's number and that queue: to wake a task is to put its number there. The executor makes it and
//!   gives it to each poll; a future that must wait clones it and leaves it where the thing that it waits for is known;
//! * the *reactor* knows these things, sockets and timers, and who waits for each. It asks the kernel what has happened,
//!   and calls the wakers. It knows nothing of tasks.
//!
//! So a task can wait for anything that can keep a waker. The announcement is a task of its own, which sleeps. And a client
//! who never stops talking holds nobody up: his session calls its own waker and returns `Pending`, which means "I can go
//! on, but others first".
//!
//! A task that is woken too often is polled for nothing. One that is woken too seldom hangs: each `Pending` must stand
//! behind a waker that was left somewhere, or be that of a future for which this holds.
//!
//! What it cannot do yet:
//!
//! * survive an `accept` that fails, for want of descriptors. It should sleep a little and try again; so `Accept` would need
//!   a state for that, and its `poll` one more `match`. Each further thing to wait for is a further state, in each
//!   future: the program is turned inside out, and we are doing a compiler's work.
//! * be woken by another thread: the queue takes it, but nobody ends the `poll` that the executor sleeps in.

#![allow(
    clippy::disallowed_methods,
    reason = "this reactor is its own driver, which reads the clock"
)]

#[path = "../ladder/common.rs"]
mod common;
mod executor;
mod reactor;

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use common::{Dialogue, listen};
use executor::Executor;
use mio::net::{TcpListener, TcpStream};
use nbcaser::protocol::messages::GREETING;
use reactor::{Reactor, Sleep, Socket};

/// The most that one read may bring, in bytes.
const READ: usize = 16 * 1024;
/// After so many reads it is the others' turn.
const TURN: usize = 8;

fn main() -> io::Result<()> {
    let listener = listen()?;
    listener.set_nonblocking(true)?;
    let reactor = Rc::new(Reactor::new()?);
    let executor = Executor::new();
    let first = Instant::now() + Duration::from_secs(1);
    executor.spawn(Announce(Sleep::until(&reactor, first)));
    let listener = Socket::new(&reactor, TcpListener::from_std(listener))?;
    executor.block_on(&reactor, Accept(listener, &executor))?
}

struct Accept<'a>(Socket<TcpListener>, &'a Executor);

impl Future for Accept<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Accept(listener, executor) = &mut *self;
        loop {
            let (stream, _) = ready!(listener.poll_io(cx, |listener| listener.accept()))?;
            executor.spawn(Serve {
                stream: Socket::new(&listener.waiting.reactor, stream)?,
                dialogue: Dialogue::new(),
                state: State::Writing(GREETING.to_vec()),
            });
        }
    }
}

struct Serve {
    stream: Socket<TcpStream>,
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

impl Future for Serve {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // An error of one client ends that client, and not the server.
        self.get_mut().go_on(cx).map(drop)
    }
}

impl Serve {
    fn go_on(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let Serve {
            stream,
            dialogue,
            state,
        } = self;
        let mut reads = 0;
        loop {
            match state {
                State::Reading if reads == TURN => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                State::Reading => {
                    let mut input = [0; READ];
                    let count = ready!(stream.poll_io(cx, |stream| stream.read(&mut input)))?;
                    reads += 1;
                    let mut replies = Vec::new();
                    *state = match dialogue.answer(&input[..count], &mut replies) {
                        ControlFlow::Continue(()) => State::Writing(replies),
                        ControlFlow::Break(()) => State::Parting(replies),
                    };
                }
                State::Writing(unsent) | State::Parting(unsent) if !unsent.is_empty() => {
                    let count = ready!(stream.poll_io(cx, |stream| stream.write(unsent)))?;
                    unsent.drain(..count);
                }
                State::Writing(_) => *state = State::Reading,
                State::Parting(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

struct Announce(Sleep);

impl Future for Announce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.0.poll(cx));
            let now = jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Y");
            eprintln!("The event loop is still running at: {now}");
            let mut due = self.0.due;
            while due <= Instant::now() {
                due += Duration::from_secs(15);
            }
            self.0 = Sleep::until(&self.0.waiting.reactor, due);
        }
    }
}
