//! The dialogue: a line in, an answer out, and the mode in between.
//!
//! ```text
//!                 title                          quit
//!     ┌───────┐ ────────> ┌───────┐      any ───────────> closed, by the caller
//!  ──>│ upper │           │ title │
//!     └───────┘ <──────── └───────┘      all else is text, `upper` in upper mode
//!                 upper                  and `title` in title mode included
//! ```

use super::lines::Line;
use super::plain::{self, TitleByte, UpperByte};
use super::registers::BLOCK;
use super::reply::{self, Failure};
use super::{messages, utf8};

/// What a connection remembers between two lines: the mode, upper case at first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    mode: Mode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Upper,
    Title,
}

/// What a line was, and thereby what its answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Text, which goes back cased.
    Text,
    /// A change of mode.
    Switched,
    /// `quit`: once its answer is sent the connection is to be closed, and what comes behind it
    /// never answered.
    Quit,
    /// Not UTF-8. All stays as it was.
    Invalid,
    /// Over the limit. All stays as it was.
    TooLong,
    /// The system has no memory for the line or for its answer, of which nothing was appended. All
    /// stays as it was, and the connection can only be closed: a line without an answer would put
    /// the client out of step.
    NoMemory,
}

impl Session {
    /// Appends the answer to `line` to `out`, in one piece of at most 9 bytes for each byte of the
    /// line and 50 more. `limit` is the one that the line was measured by, in bytes; it is for the
    /// message only.
    ///
    /// ```
    /// use nbcaser::protocol::{Answer, Line, Session};
    ///
    /// let (mut session, mut out) = (Session::default(), Vec::new());
    /// assert_eq!(session.answer(Line::Text(b"title"), 1024, &mut out), Answer::Switched);
    /// assert_eq!(session.answer(Line::Text("they're Ça ".as_bytes()), 1024, &mut out), Answer::Text);
    /// assert_eq!(out, b"<switching to title case mode>\r\nTitle-cased: \"They'Re \\xc7a\"\r\n");
    /// ```
    ///
    /// Costs less than 0.1 ns a byte for plain ASCII, and 1 to 5 ns a character for the rest (25 ns for
    /// a capital sigma in title case with an accent beside it). The very first lines that are not
    /// plain also pay for tables: 1 ms in upper case, 2 ms in title case, 4 ms for the first sigma
    /// whose neighbours do not tell what becomes of it.
    #[inline]
    pub fn answer(&mut self, line: Line<'_>, limit: usize, out: &mut Vec<u8>) -> Answer {
        let line = match line {
            Line::Text(line) => line,
            Line::TooLong => {
                messages::line_too_long(limit, out);
                return Answer::TooLong;
            }
            Line::NoMemory => return Answer::NoMemory,
        };
        let text = text(line);
        match (self.mode, text) {
            (_, b"quit") => {
                out.extend_from_slice(messages::QUIT);
                Answer::Quit
            }
            (Mode::Upper, b"title") => {
                out.extend_from_slice(messages::TO_TITLE);
                self.mode = Mode::Title;
                Answer::Switched
            }
            (Mode::Title, b"upper") => {
                out.extend_from_slice(messages::TO_UPPER);
                self.mode = Mode::Upper;
                Answer::Switched
            }
            _ => self.cased(line, text, out),
        }
    }

    /// Answers a line that is no command. `text` is the line without the white space at its end.
    #[inline]
    fn cased(&self, line: &[u8], text: &[u8], out: &mut Vec<u8>) -> Answer {
        let start = out.len();
        if out.try_reserve(PREFIX + text.len() + BLOCK).is_err() {
            return Answer::NoMemory;
        }
        let plain = match self.mode {
            Mode::Upper => {
                out.extend_from_slice(b"Upper-cased: '");
                plain::push(UpperByte, text, out)
            }
            Mode::Title => {
                out.extend_from_slice(b"Title-cased: '");
                plain::push(TitleByte, text, out)
            }
        };
        if plain {
            out.extend_from_slice(b"'\r\n");
            return Answer::Text;
        }
        out.truncate(start + PREFIX - 1);
        self.cased_by_character(line, text, out, start)
    }

    /// Goes on where the short road ended: in `out`, what begins at `start` is the answer up to its
    /// quote.
    #[inline(never)]
    fn cased_by_character(
        &self,
        line: &[u8],
        text: &[u8],
        out: &mut Vec<u8>,
        start: usize,
    ) -> Answer {
        let done = match self.mode {
            Mode::Upper => reply::push_upper_text(text, out),
            Mode::Title => reply::push_title_text(text, out),
        };
        match done {
            Ok(()) => {
                out.extend_from_slice(b"\r\n");
                Answer::Text
            }
            Err(Failure::NotUtf8) => {
                out.truncate(start);
                // The offset is one in the line, and what was removed from its end is valid.
                let at = str::from_utf8(line).map_or_else(|error| error.valid_up_to(), str::len);
                messages::invalid_utf8(at, out);
                Answer::Invalid
            }
            Err(Failure::NoMemory) => {
                out.truncate(start);
                Answer::NoMemory
            }
        }
    }
}

/// The length of `Upper-cased: '` and of `Title-cased: '`.
const PREFIX: usize = 14;

/// The text of a line: what is left without the white space at its end. That is the property
/// `White_Space` and the four separators U+001C to U+001F. If the line is UTF-8 the text is, and
/// the other way round.
///
/// Costs nothing for a line that ends in another character, and else a look at each one that goes.
#[inline]
pub fn text(line: &[u8]) -> &[u8] {
    match line {
        [.., b'!'..=b'~'] | [] => line,
        _ => trimmed(line),
    }
}

#[inline(never)]
fn trimmed(mut line: &[u8]) -> &[u8] {
    loop {
        let length = match line {
            [.., b' ' | b'\t'..=b'\r' | 0x1c..=0x1f] => 1,
            [.., 0x80..=0xff] => match utf8::last_char(line) {
                Some((c, length)) if c.is_whitespace() => length,
                _ => return line,
            },
            _ => return line,
        };
        line = &line[..line.len() - length];
    }
}
