//! Step 2: a thread for each connection.
//!
//! New against step 1: one line, `thread::spawn`. `serve` is unchanged. One thread can wait for one thing only, so there
//! are as many threads as there are things to wait for; the kernel's scheduler runs whichever has something to do. A
//! client that is silent, slow or does not read at all blocks its own thread and nobody else's.
//!
//! For some hundred clients this is a good server, and nothing below is simpler. `nbcaser --model threads` is this step,
//! made complete.
//!
//! What it cannot do yet:
//!
//! * have many clients without having many threads: a stack each, a task in the kernel each, and a switch between two of
//!   them for each message. Ten thousand clients who say nothing are ten thousand threads which do nothing, and when the
//!   system refuses to make one more, `thread::spawn` panics and the server ends.
//! * do anything for all clients together, for each is in another thread: count them, tell them something, end them.

#[path = "ladder/common.rs"]
mod common;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;

use common::{Dialogue, listen};
use nbcaser::protocol::messages::GREETING;

/// The most that one read may bring, in bytes.
const READ: usize = 16 * 1024;

fn main() -> io::Result<()> {
    let listener = listen()?;
    loop {
        let (stream, _) = listener.accept()?;
        // An error of one client ends that client, and not the server.
        thread::spawn(|| serve(stream));
    }
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut dialogue = Dialogue::new();
    let mut input = vec![0; READ];
    stream.write_all(GREETING)?;
    loop {
        let count = stream.read(&mut input)?;
        let mut replies = Vec::new();
        let flow = dialogue.answer(&input[..count], &mut replies);
        stream.write_all(&replies)?;
        if flow.is_break() {
            return Ok(()); // and with `stream` the connection is closed
        }
    }
}
