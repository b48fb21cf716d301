//! Bytes to lines, in whatever pieces the bytes arrive.
//!
//! A line ends at `\n`, at `\r\n` or at a lone `\r`, and at nothing else. Nobody can tell a lone
//! `\r` from half a `\r\n` before the next byte comes, and that may take for ever; so the line is
//! handed out at the `\r`, and a `\n` that turns up right behind it is swallowed.
//!
//! ```text
//!              any other byte: append          over the limit: report, forget what was kept
//!                     ┌──┐                ┌──────────────────────────────────┐
//!                     │  ▼                │                                  ▼
//!   a line is out ──> in a line ──────────┘                              discarding ──┐
//!        ▲                │                                                  │   ▲    │ any
//!        └────────────────┴──────── `\n`, `\r` (and a `\n` behind it) ───────┘   └────┘ other byte
//! ```
//!
//! The common case is that a read brings whole lines: those are found and never copied. Only the
//! unfinished rest of a read is kept, and each byte is searched once: what is kept holds no line
//! end, so only new bytes are looked at.

use std::collections::TryReserveError;

use memchr::memchr2;

use super::registers::{BLOCK, either};

/// A complete line, as the session gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// The bytes of the line without its end; not checked in any way.
    Text(&'a [u8]),
    /// The line has, or will have, more bytes than the limit. They are gone.
    TooLong,
    /// The system had no memory for the line. It is gone.
    NoMemory,
}

impl<'a> Line<'a> {
    /// Its bytes; none if they are gone.
    #[inline]
    pub fn text(self) -> &'a [u8] {
        match self {
            Line::Text(bytes) => bytes,
            Line::TooLong | Line::NoMemory => &[],
        }
    }
}

/// Where a complete line lies; [`LineBuffer::line`] turns it into the [`Line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// In the input itself: `input[start..end]`.
    Whole {
        /// Offset of its first byte in the input.
        start: usize,
        /// Offset of its line end in the input.
        end: usize,
    },
    /// In the buffer, since it came in several pieces.
    Held,
    /// Nowhere: it was too long.
    TooLong,
    /// Nowhere: there was no memory to keep it.
    NoMemory,
}

/// What one connection must remember between two reads to find its lines.
///
/// Between lines it owns no memory. See [`LineBuffer::next`] for the loop it is made for.
#[derive(Debug)]
pub struct LineBuffer {
    state: State,
    /// The unfinished line: at most `limit` bytes, and not one of them a line end. In another state
    /// than `Within` it is the line that was handed out last; its memory goes when the caller is
    /// done with it, which is at the next call.
    kept: Vec<u8>,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between two lines.
    Between,
    /// Between two lines, the first of which ended in `\r` at the very end of the input: a `\n`
    /// that comes next is a part of its end.
    AfterReturn,
    /// In a line; what there is of it is kept.
    Within,
    /// In a line that was reported as too long already.
    Discarding,
}

impl LineBuffer {
    /// A buffer that reports lines of more than `limit` bytes, their ends not counted, as too long.
    /// Allocates nothing.
    pub const fn new(limit: usize) -> Self {
        Self {
            state: State::Between,
            kept: Vec::new(),
            limit,
        }
    }

    /// Searches `input`, the bytes that follow those of all calls before, for the end of the
    /// current line.
    ///
    /// Returns how many bytes it consumed, and where the line lies that is now complete. `None`
    /// means that all of `input` is consumed, and an unfinished line is kept. What was found is
    /// valid until the next call, which frees its memory: to wait with none, call it with no input.
    ///
    /// ```
    /// use nbcaser::protocol::{Line, LineBuffer};
    ///
    /// let mut buffer = LineBuffer::new(1024);
    /// let mut lines = Vec::new();
    /// for input in [&b"one\ntw"[..], b"o\r", b"\nthree\r"] {
    ///     let mut rest = input;
    ///     loop {
    ///         let (consumed, found) = buffer.next(rest);
    ///         let Some(found) = found else { break };
    ///         let Line::Text(text) = buffer.line(found, rest) else { panic!("none is over 1024 bytes") };
    ///         lines.push(text.to_vec());
    ///         rest = &rest[consumed..];
    ///     }
    /// }
    /// assert_eq!(lines, [&b"one"[..], b"two", b"three"]);
    /// ```
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "as a call it takes 27 instructions more, a tenth of a short line"
    )]
    pub fn next(&mut self, input: &[u8]) -> (usize, Option<Found>) {
        // Nearly always there is nothing to remember: one test for all that there might be.
        if self.state != State::Between || self.kept.capacity() > 0 {
            return self.resume(input);
        }
        let Some(end) = find_end(input) else {
            return (input.len(), self.keep(input));
        };
        let consumed = self.pass_end(input, end);
        if end > self.limit {
            return (consumed, Some(self.give_up(Found::TooLong)));
        }
        (consumed, Some(Found::Whole { start: 0, end }))
    }

    /// The end of the input has come: an unfinished line is complete now. `None` if there is none,
    /// and for one that was reported as too long already.
    pub fn finish(&mut self) -> Option<Found> {
        let found = (self.state == State::Within).then_some(Found::Held);
        self.state = State::Between;
        if found.is_none() {
            self.kept = Vec::new();
        }
        found
    }

    /// The line that the last call found; `input` is what that call was given (after
    /// [`LineBuffer::finish`]: anything).
    ///
    /// Finding and looking are two steps because the first changes the buffer and the second
    /// borrows from it.
    #[inline]
    pub fn line<'a>(&'a self, found: Found, input: &'a [u8]) -> Line<'a> {
        match found {
            Found::Whole { start, end } => Line::Text(&input[start..end]),
            _ => self.not_whole(found),
        }
    }

    /// The same, unless it is in the input: a branch for nearly all lines instead of a jump table, 3 instructions a line.
    #[cold]
    fn not_whole(&self, found: Found) -> Line<'_> {
        match found {
            Found::Whole { .. } => unreachable!("it is looked for in the input"),
            Found::Held => Line::Text(&self.kept),
            Found::TooLong => Line::TooLong,
            Found::NoMemory => Line::NoMemory,
        }
    }

    /// How many bytes of memory it occupies on the heap.
    pub fn held(&self) -> usize {
        self.kept.capacity()
    }

    /// [`LineBuffer::next`], when there is something to remember.
    #[inline(never)]
    fn resume(&mut self, input: &[u8]) -> (usize, Option<Found>) {
        match self.state {
            State::Within => {
                let Some(length) = find_end(input) else {
                    return (input.len(), self.keep(input));
                };
                let consumed = self.pass_end(input, length);
                if self.kept.len() + length > self.limit {
                    return (consumed, Some(self.give_up(Found::TooLong)));
                }
                match self.append(&input[..length]) {
                    Ok(()) => (consumed, Some(Found::Held)),
                    Err(_) => (consumed, Some(self.give_up(Found::NoMemory))),
                }
            }
            State::Discarding => match find_end(input) {
                None => (input.len(), None),
                Some(end) => {
                    let consumed = self.pass_end(input, end);
                    self.next_from(consumed, input)
                }
            },
            State::Between => {
                self.kept = Vec::new();
                self.next_from(0, input)
            }
            State::AfterReturn => {
                self.kept = Vec::new();
                let Some(&first) = input.first() else {
                    return (0, None);
                };
                self.state = State::Between;
                self.next_from(usize::from(first == b'\n'), input)
            }
        }
    }

    /// [`LineBuffer::next`] for `input[from..]`.
    #[inline(never)]
    fn next_from(&mut self, from: usize, input: &[u8]) -> (usize, Option<Found>) {
        let (consumed, mut found) = self.next(&input[from..]);
        if let Some(Found::Whole { start, end }) = &mut found {
            *start += from;
            *end += from;
        }
        (from + consumed, found)
    }

    /// Goes between lines, past the line end that begins at `end`; returns where it ends.
    #[inline]
    fn pass_end(&mut self, input: &[u8], end: usize) -> usize {
        self.state = State::Between;
        if input[end] == b'\r' {
            match input.get(end + 1) {
                Some(b'\n') => return end + 2,
                Some(_) => {}
                None => self.state = State::AfterReturn,
            }
        }
        end + 1
    }

    /// Keeps `rest`, which holds no line end; reports the line that becomes too long by it, or for which there is no memory.
    #[inline(never)]
    fn keep(&mut self, rest: &[u8]) -> Option<Found> {
        let failed = if self.kept.len() + rest.len() > self.limit {
            Found::TooLong
        } else if rest.is_empty() {
            return None;
        } else if self.append(rest).is_ok() {
            self.state = State::Within;
            return None;
        } else {
            Found::NoMemory
        };
        self.state = State::Discarding;
        Some(self.give_up(failed))
    }

    /// Forgets what was kept, and says why.
    #[cold]
    fn give_up(&mut self, why: Found) -> Found {
        self.kept = Vec::new();
        why
    }

    /// Appends to the kept bytes. The first piece gets just the room that it needs, for most lines
    /// that come in pieces come in two; after that the room doubles, so that a line that drips in
    /// costs O(n), and never exceeds the limit.
    fn append(&mut self, piece: &[u8]) -> Result<(), TryReserveError> {
        let needed = self.kept.len() + piece.len();
        if needed > self.kept.capacity() {
            let room = needed.max(self.limit.min(self.kept.capacity() * 2));
            self.kept.try_reserve_exact(room - self.kept.len())?;
        }
        self.kept.extend_from_slice(piece);
        Ok(())
    }
}

/// The offset of the first byte that ends a line.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `LineBuffer::next`")]
fn find_end(input: &[u8]) -> Option<usize> {
    // Nothing finds it faster than `memchr2` in a long line; but to call it takes 45 instructions,
    // for a line of 16 bytes as much as all the rest. So up to 32 bytes are looked at right here,
    // the second half of them perhaps overlapping the first.
    let Some(first) = input.first_chunk() else {
        return input.iter().position(|byte| b"\n\r".contains(byte));
    };
    let from = BLOCK.min(input.len() - BLOCK);
    let ends = |block| either(block, b'\n', b'\r');
    let second = input[from..].first_chunk().map_or(0, ends);
    match ends(first) | second << from {
        0 if input.len() <= 2 * BLOCK => None,
        0 => memchr2(b'\n', b'\r', input),
        ends => Some(ends.trailing_zeros() as usize),
    }
}
