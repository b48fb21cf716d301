//! What a client may expect: the protocol as its specification puts it, a byte at a time.
//!
//! Nothing of the crate is used here: the lines are found by the state machine of the text, and the casing is that of
//! `tests/book`.

use std::sync::LazyLock;

use crate::book::{Facts, Mode};

pub(crate) static FACTS: LazyLock<Facts> = LazyLock::new(Facts::load);

pub(crate) const GREETING: &[u8] = b"<welcome: starting in upper case mode>\n";
pub(crate) const FULL: &[u8] = b"<server full: try again later>\r\n";
pub(crate) const IDLE: &[u8] = b"<idle timeout>\r\n";
pub(crate) const MEMORY: &[u8] = b"<server out of memory: try again later>\r\n";

/// One client's dialogue, as far as it has sent its part of it.
pub(crate) struct Dialogue {
    limit: usize,
    mode: Mode,
    line: Vec<u8>,
    after_return: bool,
    discarding: bool,
    /// `quit` was said: nothing behind it is answered.
    pub(crate) quit: bool,
    /// All that the client is to read.
    pub(crate) expected: Vec<u8>,
    /// How many lines that answers.
    pub(crate) lines: u64,
}

impl Dialogue {
    pub(crate) fn new(limit: usize) -> Dialogue {
        Dialogue {
            limit,
            mode: Mode::Upper,
            line: Vec::new(),
            after_return: false,
            discarding: false,
            quit: false,
            expected: GREETING.to_vec(),
            lines: 0,
        }
    }

    /// The client sends these.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(),
                _ if self.discarding => {}
                _ => {
                    self.line.push(byte);
                    if self.line.len() > self.limit {
                        let limit = self.limit;
                        self.reply(
                            format!("<line too long: limit is {limit} bytes>\r\n").as_bytes(),
                        );
                        self.line.clear();
                        self.discarding = true;
                    }
                }
            }
        }
    }

    /// The client sends no more.
    pub(crate) fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.discarding) || self.quit {
            return;
        }
        let (reply, mode) = match plain(self.mode, &line) {
            Some(reply) => (reply, self.mode),
            None => FACTS.answer(self.mode, &line),
        };
        self.mode = mode;
        self.reply(&reply);
        self.quit = reply == b"quit\r\n";
    }

    fn reply(&mut self, reply: &[u8]) {
        if !self.quit {
            self.expected.extend(reply);
            self.lines += 1;
        }
    }
}

/// The answer to a line of small letters, digits and blanks, which are most: the book takes its time.
fn plain(mode: Mode, line: &[u8]) -> Option<Vec<u8>> {
    let trivial = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b' ');
    let command = [&b"quit"[..], b"title", b"upper"].contains(&line);
    if command || line.ends_with(b" ") || !line.iter().all(trivial) {
        return None;
    }
    let mut reply = match mode {
        Mode::Upper => b"Upper-cased: '".to_vec(),
        Mode::Title => b"Title-cased: '".to_vec(),
    };
    let mut before = b' ';
    for &byte in line {
        let inside = mode == Mode::Title && before.is_ascii_lowercase();
        reply.push(if inside {
            byte
        } else {
            byte.to_ascii_uppercase()
        });
        before = byte;
    }
    reply.extend(b"'\r\n");
    Some(reply)
}
