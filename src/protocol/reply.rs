//! A text of any kind, cased and quoted: the whole road, where [`plain`](super::plain) is the short one.

use super::ascii;
use super::forms::{self, Forms, WIDTH};
use super::plain::{self, BLOCK, CaseByte, TitleByte, UpperByte};
use super::{title, utf8};

/// The text is not UTF-8; where, the standard library shall say.
pub(super) struct NotUtf8;

/// Appends `ascii(upper(text))`, its quotes included. Costs about 1 ns a character, on an error too; then `out` got some
/// bytes that the caller must remove.
pub(super) fn push_upper_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), NotUtf8> {
    push(&*forms::UPPER, UpperByte, text, out)
}

/// Appends `ascii(title(text))`, as [`push_upper_text`] does.
pub(super) fn push_title_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), NotUtf8> {
    push(&*forms::TITLE, TitleByte, text, out)
}

fn push<const N: usize>(
    forms: &Forms<N>,
    case: impl CaseByte,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), NotUtf8> {
    let quote = ascii::quote_for(text);
    out.push(quote);
    let mut to = Staging::new(out);
    let mut at = 0;
    let mut in_word = false;
    while at < text.len() {
        if let Some(block) = text[at..].first_chunk::<BLOCK>() {
            let mut before = [if in_word { b'a' } else { b' ' }; BLOCK];
            before[1..].copy_from_slice(&block[..BLOCK - 1]);
            if let Some(cased) = plain::block(case, block, &before, quote) {
                to.push(&cased, BLOCK);
                in_word = plain::is_letter(block[BLOCK - 1]);
                at += BLOCK;
                continue;
            }
        }
        let end = text.len().min(at + BLOCK);
        while at < end {
            let (c, length) = utf8::first_char(&text[at..]).ok_or(NotUtf8)?;
            match forms.get(c) {
                None => {
                    to.push_escape(c);
                    in_word = false;
                }
                Some(roles) => {
                    let role = usize::from(in_word) % N;
                    let form = &roles[role];
                    if form.length() > 0 {
                        to.push(form.bytes(), form.length());
                    } else if c == 'Σ' {
                        to.push_escape(sigma(forms, text, at));
                    } else if u32::from(c) == u32::from(quote) {
                        let mut escaped = [b'\\'; WIDTH];
                        escaped[1] = quote;
                        to.push(&escaped, 2);
                    } else {
                        forms.spell(role, c).chars().for_each(|c| to.push_escape(c));
                    }
                    in_word = form.is_cased();
                }
            }
            at += length;
        }
    }
    to.flush();
    out.push(quote);
    Ok(())
}

/// The small letter for the capital sigma at `text[at..]`, which is not the first of its word.
fn sigma<const N: usize>(forms: &Forms<N>, text: &[u8], at: usize) -> char {
    let is_cased = |c| forms.get(c).is_some_and(|roles| roles[0].is_cased());
    let behind = at + 'Σ'.len_utf8();
    if title::ends_word(
        utf8::chars_back(&text[..at]),
        utf8::chars(&text[behind..]),
        is_cased,
    ) {
        'ς'
    } else {
        'σ'
    }
}

/// Output on its way to a vector: pieces of a few bytes each would spend more time on the vector's length and capacity
/// than on the bytes (1.7 ns a piece instead of 0.5).
struct Staging<'a> {
    out: &'a mut Vec<u8>,
    staged: [u8; 512],
    length: usize,
}

impl<'a> Staging<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            staged: [0; 512],
            length: 0,
        }
    }

    /// Appends the first `length` bytes of `piece`, though it copies them all: a copy of fixed size is one move.
    #[inline]
    fn push(&mut self, piece: &[u8; WIDTH], length: usize) {
        *self.room() = *piece;
        self.length += length;
    }

    #[inline]
    fn push_escape(&mut self, c: char) {
        self.length += ascii::escape(c, self.room());
    }

    /// The place for the next piece.
    #[inline]
    fn room<const LENGTH: usize>(&mut self) -> &mut [u8; LENGTH] {
        if self.length > self.staged.len() - LENGTH {
            self.flush();
        }
        self.staged[self.length..]
            .first_chunk_mut()
            .expect("it is longer than any piece")
    }

    #[inline(never)]
    fn flush(&mut self) {
        self.out.extend_from_slice(&self.staged[..self.length]);
        self.length = 0;
    }
}
