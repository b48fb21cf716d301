//! One client's dialogue.

use std::io;

use super::client::Client;
use crate::protocol::messages::GREETING;
use crate::protocol::{Answer, Session};

/// The dialogue, as its twin on the reactor holds it, without `async` and `await`: what waits there for its turn sleeps
/// here.
///
/// # Errors
/// The client cannot be talked to any more; [`Client::part`] knows why, and what to do about it.
pub(super) fn nbcaser(client: &mut Client) -> io::Result<()> {
    let mut session = Session::default();
    client.write(GREETING);
    while let Some(line) = client.read_line()? {
        match client.answer(&mut session, line)? {
            Answer::Text => client.log_text(line),
            Answer::Switched => {}
            Answer::Invalid => client.trouble("a line was not UTF-8"),
            Answer::TooLong => client.trouble("a line was too long"),
            Answer::NoMemory => return Err(io::ErrorKind::OutOfMemory.into()),
            Answer::Quit => break,
        }
    }
    client.finish()
}
