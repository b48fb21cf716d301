//! Step 3: sockets that never block, and one thread that asks them all, again and again.
//!
//! New against step 2: no threads. A *non-blocking* socket never lets its caller wait: where it would have to, the call
//! fails with `WouldBlock`, which means "not now". So one thread can hold any number of connections: it asks the
//! listener, then each client in turn, takes what is there, and goes on.
//!
//! What a thread kept for its client on its stack has to be kept by hand now: how far the dialogue is, and which replies
//! the socket has not taken yet. The struct `Client` is what has become of the local variables of `serve`.
//!
//! What it cannot do yet:
//!
//! * wait. With nothing to do at all it asks on and on: it *spins*, and uses a whole CPU to find out that nobody said
//!   anything. A pause in the loop would only trade the CPU for time that each reply is late. Nobody has told the
//!   kernel what the program is waiting for.
//! * find who speaks without asking everybody: with ten thousand clients, a round is ten thousand system calls.
//! * stop one who does not read: what his socket does not take piles up in `unsent`, without a limit. The threads had none
//!   of that: there, one `write_all` that blocked kept its client from being read.

#[path = "ladder/common.rs"]
mod common;

use std::io::{self, Read, Write};
use std::net::TcpStream;

use common::{Dialogue, listen};
use nbcaser::protocol::messages::GREETING;

/// The most that one read may bring, in bytes.
const READ: usize = 16 * 1024;

fn main() -> io::Result<()> {
    let listener = listen()?;
    listener.set_nonblocking(true)?;
    let mut clients = Vec::new();
    loop {
        if let Some((stream, _)) = unless_it_would_block(listener.accept())? {
            stream.set_nonblocking(true)?;
            clients.push(Client::new(stream));
        }
        // An error of one client ends that client, and not the server.
        clients.retain_mut(|client| client.go_on().unwrap_or(false));
    }
}

struct Client {
    stream: TcpStream,
    dialogue: Dialogue,
    /// Output that the socket has not taken yet.
    unsent: Vec<u8>,
    /// The dialogue is over: what is unsent is still to be sent.
    is_over: bool,
}

impl Client {
    fn new(stream: TcpStream) -> Client {
        Client {
            stream,
            dialogue: Dialogue::new(),
            unsent: GREETING.to_vec(),
            is_over: false,
        }
    }

    /// Does what can be done without waiting. False: there is nothing left to do, ever.
    fn go_on(&mut self) -> io::Result<bool> {
        let mut input = [0; READ];
        if !self.is_over
            && let Some(count) = unless_it_would_block(self.stream.read(&mut input))?
        {
            let flow = self.dialogue.answer(&input[..count], &mut self.unsent);
            self.is_over = flow.is_break();
        }
        if !self.unsent.is_empty()
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
