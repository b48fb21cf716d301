//! Step 5: timers, on a heap.
//!
//! New against step 4: the loop can do something at a certain time. `Poll::poll` takes a timeout; so, before it waits, the
//! loop looks up when the first timer is due, and it waits no longer than that. All timers are on a *heap*, which has the
//! smallest element on top: the first one costs nothing to find, and a further one log n to add.
//!
//! Three things that are easily got wrong:
//!
//! * the clock is the *monotonic* one (`Instant`). The wall clock may be set, and the timers would hang or rush.
//! * two timers may be due at the same instant: then the number decides that stands beside the time.
//! * a periodic timer is due one period after it *was due*, not after it was served: its lateness does not add up.
//!
//! So the server can say from time to time that it is running, whatever its clients do or leave undone.
//!
//! What it cannot do yet: the three of step 4, less the first.
//!
//! * stop one who does not read: `unsent` grows without a limit. To mend it, the dialogue would have to be in one of two
//!   states, "I wait for input" and "I wait for my output to leave". There is no place to keep that: there are two
//!   `while`s that know nothing of each other, and a callback that must always return.
//! * interrupt one who never stops talking; he holds up the timers, too.

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
use std::time::{Duration, Instant};

use common::{Dialogue, listen};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use nbcaser::protocol::messages::GREETING;
use slab::Slab;

/// The most that one read may bring, in bytes.
const READ: usize = 16 * 1024;

fn main() -> io::Result<()> {
    let mut reactor = Reactor::new(listen()?, on_connect)?;
    reactor.call_periodic(Duration::from_secs(1), Duration::from_secs(15), announce);
    reactor.run()
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
    /// When which of `periodic` is due. The heap has the greatest on top: reversed, the earliest.
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    periodic: Vec<(Duration, fn())>,
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
                    Token(key) => self.serve(key),
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

fn announce() {
    let now = jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Y");
    eprintln!("The event loop is still running at: {now}");
}
