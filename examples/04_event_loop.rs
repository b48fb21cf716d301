//! Step 4: an event loop, which waits for all of them at once and calls back.
//!
//! New against step 3: somebody to wait for everybody. `Poll` is a list, kept in the kernel (by epoll), of sockets that
//! we care for, each with a *token* of our choice. `Poll::poll` sleeps until something has become possible on at least one
//! of them, and returns the tokens of those: no spinning, and a round costs as much as there is to do, however many
//! others are silent.
//!
//! The events are *edge-triggered*: we are told once that something has changed, not again and again that it is so. Hence
//! the one rule to be kept: after an event, read (or write, or accept) until the call would block. Who stops earlier is
//! told nothing more about what was left, and waits for ever. So the `if`s of step 3 have become `while`s.
//!
//! The loop knows nothing of casing. It calls what it was given: `on_connect` for each new client, and the *callback* that
//! this returned for each input of it. The business logic, all of it, is the last function. A line that comes in pieces
//! holds nobody up: the callback keeps the pieces (in its `LineBuffer`) and returns.
//!
//! What it cannot do yet:
//!
//! * do anything at a certain time: the loop wakes when a client does something, and for no other reason.
//! * stop one who does not read: as in step 3, `unsent` grows without a limit. The callback for the next input
//!   does not know that the output of the one before has not left, nor can it wait until it has.
//! * interrupt one who never stops talking: if more is there each time, the `while` around `read` goes on, and meanwhile
//!   nobody else is served. Step 3 did not have that fault: it took one piece from each in turn.

#[path = "ladder/common.rs"]
mod common;

use std::io::{self, Read, Write};
use std::ops::ControlFlow;

use common::{Dialogue, listen};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use nbcaser::protocol::messages::GREETING;
use slab::Slab;

/// The most that one read may bring, in bytes.
const READ: usize = 16 * 1024;

fn main() -> io::Result<()> {
    Reactor::new(listen()?, on_connect)?.run()
}

// ---- The reactor ----------------------------------------------------------------------------------------------------

/// What is called when input of a client has arrived (no bytes: its end). It appends what is to be sent.
type Callback = Box<dyn FnMut(&[u8], &mut Vec<u8>) -> ControlFlow<()>>;

struct Reactor {
    poll: Poll,
    listener: TcpListener,
    on_connect: fn(&mut Vec<u8>) -> Callback,
    /// A client's token is its key in here.
    clients: Slab<Client>,
}

struct Client {
    stream: TcpStream,
    callback: Callback,
    /// Output that the socket has not taken yet.
    unsent: Vec<u8>,
    /// The dialogue is over: what is unsent is still to be sent.
    is_over: bool,
}

/// No client has it: a slab counts from 0.
const LISTENER: Token = Token(usize::MAX);

impl Reactor {
    fn new(
        listener: std::net::TcpListener,
        on_connect: fn(&mut Vec<u8>) -> Callback,
    ) -> io::Result<Reactor> {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Reactor {
            poll,
            listener,
            on_connect,
            clients: Slab::new(),
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            // The only place where the program waits.
            match self.poll.poll(&mut events, None) {
                // The process was stopped and goes on: there are no events, look again.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(key) => self.serve(key),
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Some((mut stream, _)) = unless_it_would_block(self.listener.accept())? {
            let client = self.clients.vacant_entry();
            let both = Interest::READABLE | Interest::WRITABLE;
            // A new connection is writable: that is its first event, with which the greeting leaves.
            self.poll
                .registry()
                .register(&mut stream, Token(client.key()), both)?;
            let mut unsent = Vec::new();
            let callback = (self.on_connect)(&mut unsent);
            client.insert(Client {
                stream,
                callback,
                unsent,
                is_over: false,
            });
        }
        Ok(())
    }

    fn serve(&mut self, key: usize) {
        // An error of one client ends that client, and not the server.
        if !self.clients[key].go_on().unwrap_or(false) {
            self.clients.remove(key);
        }
    }
}

impl Client {
    /// Does all that can be done without waiting. False: there is nothing left to do, ever.
    fn go_on(&mut self) -> io::Result<bool> {
        let mut input = [0; READ];
        while !self.is_over
            && let Some(count) = unless_it_would_block(self.stream.read(&mut input))?
        {
            let flow = (self.callback)(&input[..count], &mut self.unsent);
            self.is_over = flow.is_break();
        }
        while !self.unsent.is_empty()
            && let Some(count) = unless_it_would_block(self.stream.write(&self.unsent))?
        {
            self.unsent.drain(..count);
        }
        Ok(!self.is_over || !self.unsent.is_empty())
    }
}

/// None: not now.
fn unless_it_would_block<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}

// ---- The business logic ---------------------------------------------------------------------------------------------

fn on_connect(output: &mut Vec<u8>) -> Callback {
    output.extend_from_slice(GREETING);
    let mut dialogue = Dialogue::new();
    Box::new(move |input, output| dialogue.answer(input, output))
}
