//! One client's dialogue.

use std::io;

use super::client::Client;
use crate::protocol::messages::GREETING;
use crate::protocol::{Answer, Session};

/// What a line counts against the budget of its turn, in nanoseconds: each, and one for so many of its bytes.
const LINE: usize = 50;
const BYTES: usize = 4;
/// And each byte of what had been cased before it was found that the line is not UTF-8: there is no reply to read it off.
const THROWN_AWAY: usize = 8;

/// The dialogue, as the keynote's coroutine holds it: greet, and answer line after line until the client says `quit` or
/// nothing more. Replies gather, and leave when there is no further line to answer.
///
/// # Errors
/// The client cannot be talked to any more; [`Client::part`] knows why, and what to do about it.
pub(super) async fn nbcaser(client: &mut Client) -> io::Result<()> {
    let replies = client.writer();
    let worker = client.worker();
    let mut session = Session::default();
    replies.write(GREETING);
    while let Some(found) = client.read_line().await? {
        let line = client.line(found);
        let length = line.text().len();
        let (answer, reply) = replies.write_with(|out| {
            let before = out.len();
            let answer = session.answer(line, worker.settings.max_line, out);
            (answer, out.len() - before)
        });
        worker.stats.line(reply);
        // What a line costs is read off its reply: escapes, the slow part of it, make that longer than the line.
        replies.spend(LINE + length / BYTES + 4 * reply.saturating_sub(length));
        match answer {
            Answer::Text if log::log_enabled!(log::Level::Debug) => client.log_text(line),
            Answer::Text | Answer::Switched => {}
            Answer::Invalid => {
                replies.spend(THROWN_AWAY * length);
                client.trouble("a line was not UTF-8");
            }
            Answer::TooLong => client.trouble("a line was too long"),
            Answer::NoMemory => return Err(io::ErrorKind::OutOfMemory.into()),
            Answer::Quit => break,
        }
    }
    client.finish().await
}
