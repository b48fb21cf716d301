//! What no step of the ladder changes: where the server listens, and what it answers to which bytes.

use std::net::TcpListener;
use std::ops::ControlFlow;
use std::{env, io};

use nbcaser::protocol::{Answer, LineBuffer, Session};
use socket2::SockRef;

/// The longest line, its end not counted.
const MAX_LINE: usize = 256 * 1024;

/// Listens on the address that is the program's first argument, and says so.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:9600"))?;
    // Every connection inherits it: a reply leaves at once, though the one before it was not acknowledged yet.
    SockRef::from(&listener).set_tcp_nodelay(true)?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// The dialogue with one client: bytes in, bytes out. It knows no socket, and never waits.
pub(crate) struct Dialogue {
    lines: LineBuffer,
    session: Session,
}

impl Dialogue {
    pub(crate) fn new() -> Dialogue {
        Dialogue {
            lines: LineBuffer::new(MAX_LINE),
            session: Session::default(),
        }
    }

    /// Appends the replies to all lines that `input` completes; an unfinished one is kept until the rest of it comes. No
    /// bytes are the end of input, as in [`std::io::Read::read`]. `Break`: with these replies the dialogue is over.
    pub(crate) fn answer(&mut self, mut input: &[u8], replies: &mut Vec<u8>) -> ControlFlow<()> {
        if input.is_empty() {
            // The last line need not have an end.
            if let Some(found) = self.lines.finish() {
                let line = self.lines.line(found, input);
                self.session.answer(line, MAX_LINE, replies);
            }
            return ControlFlow::Break(());
        }
        while let (consumed, Some(found)) = self.lines.next(input) {
            let line = self.lines.line(found, input);
            let answer = self.session.answer(line, MAX_LINE, replies);
            if matches!(answer, Answer::Quit | Answer::NoMemory) {
                return ControlFlow::Break(());
            }
            input = &input[consumed..];
        }
        ControlFlow::Continue(())
    }
}
