//! Step 1: a blocking socket, and one client at a time.
//!
//! `cargo run --example 01_blocking -- [ADDRESS]`, then `nc localhost 9600`. All steps are started so; Ctrl-C ends them.
//!
//! Four calls make a server: `accept`, `read`, `write`, `close`. Each of them *blocks*: it returns when it has something
//! to return, and until then the thread sleeps in the kernel and costs nothing. So the program reads as the dialogue is
//! held: greet, then read and reply until the client leaves. What is to be answered stands in `ladder/common.rs`, which no
//! step changes; what changes from step to step is only how one waits.
//!
//! What it cannot do yet:
//!
//! * serve a second client. While it waits in `read` for one, it is not in `accept`. The kernel completes the other's
//!   connect all the same, and queues it: that client is connected, and hears nothing. One that never speaks keeps
//!   all others out for ever.
//!
//! Also left open, for later steps: an `accept` that fails ends the server (step 8), a client that sends more behind its
//! `quit` may lose replies (step 9), and to end the server is to kill it (step 10).

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
    loop {
        let (stream, _) = listener.accept()?;
        // An error of one client ends that client, and not the server.
        let _ = serve(stream);
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
