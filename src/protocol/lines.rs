//! Bytes to lines, in whatever pieces the bytes arrive.
//!
//! A line ends at `\n`, at `\r\n` or at a lone `\r`, and at nothing else. Nobody can tell a lone `\r` from half a
//! `\r\n` before the next byte comes, and that may take for ever; so the line is handed out at the `\r`, and a `\n`
//! that turns up right behind it is swallowed.
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
//! The common case is that a read brings whole lines: those are found and never copied. Only the unfinished rest of
//! a read is kept, and each byte is searched once: what is kept holds no line end, so only new bytes are looked at.

use memchr::memchr2;

/// A complete line, as the session gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// The bytes of the line without its end; not checked in any way.
    Text(&'a [u8]),
    /// The line has, or will have, more bytes than the limit. They are gone.
    TooLong,
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
}

/// What one connection must remember between two reads to find its lines.
///
/// Between lines it owns no memory. See [`LineBuffer::next`] for the loop it is made for.
#[derive(Debug)]
pub struct LineBuffer {
    /// The unfinished line. At most `limit` bytes, and not one of them a line end.
    kept: Vec<u8>,
    limit: usize,
    /// The last line ended in `\r` at the very end of the input: a `\n` that comes next belongs to it.
    after_return: bool,
    /// The line was reported as too long and its end has not come yet.
    discarding: bool,
    /// `kept` is a line that was handed out: its memory goes when the caller is done with it, which is at the next call.
    spent: bool,
}

impl LineBuffer {
    /// A buffer that reports lines of more than `limit` bytes, their ends not counted, as too long. Allocates nothing.
    pub const fn new(limit: usize) -> Self {
        Self {
            kept: Vec::new(),
            limit,
            after_return: false,
            discarding: false,
            spent: false,
        }
    }

    /// Searches `input`, the bytes that follow those of all calls before, for the end of the current line.
    ///
    /// Returns how many bytes it consumed, and where the line lies that is now complete. `None` means that all of
    /// `input` is consumed, and an unfinished line is kept. What was found is valid until the next call.
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
    #[inline]
    pub fn next(&mut self, input: &[u8]) -> (usize, Option<Found>) {
        if self.spent {
            self.forget();
        }
        let mut start = 0;
        if self.after_return && !input.is_empty() {
            self.after_return = false;
            start = usize::from(input[0] == b'\n');
        }
        let Some(length) = memchr2(b'\n', b'\r', &input[start..]) else {
            return (input.len(), self.keep(&input[start..]));
        };
        let end = start + length;
        let mut consumed = end + 1;
        if input[end] == b'\r' {
            match input.get(consumed) {
                Some(b'\n') => consumed += 1,
                Some(_) => {}
                None => self.after_return = true,
            }
        }
        if self.discarding {
            return self.resume(input, consumed);
        }
        let found = if self.kept.len() + length > self.limit {
            self.forget();
            Found::TooLong
        } else if self.kept.is_empty() {
            Found::Whole { start, end }
        } else {
            self.append(&input[start..end]);
            self.spent = true;
            Found::Held
        };
        (consumed, Some(found))
    }

    /// The end of the input has come: an unfinished line is complete now. `None` if there is none, and for one that
    /// was reported as too long already.
    pub fn finish(&mut self) -> Option<Found> {
        if self.spent {
            self.forget();
        }
        self.discarding = false;
        self.spent = !self.kept.is_empty();
        self.spent.then_some(Found::Held)
    }

    /// The line that the last call found; `input` is what that call was given (after [`LineBuffer::finish`]: anything).
    ///
    /// Finding and looking are two steps because the first changes the buffer and the second borrows from it.
    #[inline]
    pub fn line<'a>(&'a self, found: Found, input: &'a [u8]) -> Line<'a> {
        match found {
            Found::Whole { start, end } => Line::Text(&input[start..end]),
            Found::Held => Line::Text(&self.kept),
            Found::TooLong => Line::TooLong,
        }
    }

    /// How many bytes of memory it occupies on the heap.
    pub fn held(&self) -> usize {
        self.kept.capacity()
    }

    /// The end of a line that was too long has come, at `consumed`: goes on behind it.
    #[cold]
    fn resume(&mut self, input: &[u8], consumed: usize) -> (usize, Option<Found>) {
        self.discarding = false;
        let (more, found) = self.next(&input[consumed..]);
        (consumed + more, found.map(|found| found.moved(consumed)))
    }

    /// Keeps `rest`, which holds no line end; reports the line that becomes too long by it.
    #[inline(never)]
    fn keep(&mut self, rest: &[u8]) -> Option<Found> {
        if self.discarding {
            return None;
        }
        if self.kept.len() + rest.len() > self.limit {
            self.forget();
            self.discarding = true;
            return Some(Found::TooLong);
        }
        self.append(rest);
        None
    }

    /// Appends to the kept bytes. The first piece gets just the room that it needs, for most lines that come in pieces
    /// come in two; after that the room doubles, so that a line that drips in costs O(n), and never exceeds the limit.
    fn append(&mut self, piece: &[u8]) {
        let needed = self.kept.len() + piece.len();
        if needed > self.kept.capacity() {
            let room = needed.max(self.limit.min(self.kept.capacity() * 2));
            self.kept.reserve_exact(room - self.kept.len());
        }
        self.kept.extend_from_slice(piece);
    }

    fn forget(&mut self) {
        self.kept = Vec::new();
        self.spent = false;
    }
}

impl Found {
    /// The same line in an input that has `by` more bytes before it.
    fn moved(self, by: usize) -> Self {
        match self {
            Self::Whole { start, end } => Self::Whole {
                start: start + by,
                end: end + by,
            },
            Self::Held | Self::TooLong => self,
        }
    }
}
