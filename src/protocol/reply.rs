//! A text of any kind, cased and quoted: the whole road, where [`plain`] is the short one.

#![expect(
    clippy::inline_always,
    reason = "what is to use the widest registers must be in line: see `widest`"
)]

use fearless_simd::Simd;

use super::ascii;
use super::caseless::{self, EIGHT_SHORT};
use super::forms::{self, Form, Forms, LONGEST};
use super::plain::{self, CaseByte, TitleByte, UpperByte};
use super::registers::{BLOCK, widest};
use super::{title, utf8};

/// Why a text has no reply.
pub(super) enum Failure {
    /// It is not UTF-8; where, the standard library shall say.
    NotUtf8,
    /// The system has no memory for it.
    NoMemory,
}

/// Appends `ascii(upper(text))`, its quotes included, to `out`, which has room for as much as the
/// text and three bytes more at least. Costs 1 to 5 ns a character, on an error too;
/// then `out` got some bytes that the caller must remove.
pub(super) fn push_upper_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    push(*forms::UPPER, UpperByte, text, out)
}

/// Appends `ascii(title(text))`, as [`push_upper_text`] does.
pub(super) fn push_title_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    push(*forms::TITLE, TitleByte, text, out)
}

/// Where forms gather: to append them to a vector one by one would be to spend more time on its
/// length and capacity than on the bytes.
type Gathered = [u8; FULL + ROOM];

/// With more than this, it is time to empty it.
const FULL: usize = 512;

/// What may be written behind that: two forms, one of the longest, or eight escapes.
const ROOM: usize = EIGHT_SHORT;

/// What comes behind a text: a quote and a line end.
const END: usize = 3;

/// How far a text has been cased. It is handed on by value, or each character would wait for the
/// store of the one before it.
#[derive(Clone, Copy)]
struct Progress<'a> {
    /// What is left of the text.
    rest: &'a [u8],
    /// It goes on a word.
    in_word: bool,
    /// So many bytes have gathered.
    length: usize,
}

impl Progress<'_> {
    #[inline]
    fn has_room(&self) -> bool {
        self.length <= FULL
    }

    /// Gathers the first `length` bytes of what is copied.
    #[inline]
    fn put<const COPIED: usize>(&mut self, to: &mut Gathered, bytes: &[u8; COPIED], length: usize) {
        to[self.length..][..COPIED].copy_from_slice(bytes);
        self.length += length;
    }

    #[inline]
    fn pass(&mut self, consumed: usize, in_word: bool) {
        self.rest = &self.rest[consumed..];
        self.in_word = in_word;
    }
}

fn push<const N: usize>(
    forms: Forms<N>,
    case: impl CaseByte,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    widest!(simd => push_with(simd, forms, case, text, out))
}

#[inline(always)]
fn push_with<const N: usize>(
    simd: impl Simd,
    forms: Forms<N>,
    case: impl CaseByte,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let quote = ascii::quote_for(text);
    out.push(quote);
    let mut gathered = [0; _];
    let mut at = Progress {
        rest: text,
        in_word: false,
        length: 0,
    };
    while !at.rest.is_empty() {
        at.length = 0;
        at = gather(simd, forms, case, text, at, quote, &mut gathered).ok_or(Failure::NotUtf8)?;
        // There is room for the rest as it is; escapes are longer.
        let more = at.length + at.rest.len() + END;
        out.try_reserve(more).map_err(|_| Failure::NoMemory)?;
        out.extend_from_slice(&gathered[..at.length]);
    }
    out.push(quote);
    Ok(())
}

/// Gathers until it is time to empty that, or until `text` ends; `None` if it is not UTF-8.
///
/// Most characters have neighbours of their kind: each kind has a loop, which is a third to a half
/// as long as what can be said of just any character. That is for where a loop gives up.
#[inline(always)]
fn gather<'a, const N: usize>(
    simd: impl Simd,
    forms: Forms<N>,
    case: impl CaseByte,
    text: &[u8],
    mut at: Progress<'a>,
    quote: u8,
    to: &mut Gathered,
) -> Option<Progress<'a>> {
    while at.has_room() {
        match at.rest {
            [] => break,
            [..=0x7f, ..=0x7f, ..] => at = plain_run(case, at, quote, to),
            [..=0xdf, ..] => at = short_run(forms, at, to),
            [0xe0 | 0xe3..=0xe9 | 0xeb..=0xed, ..] => at = caseless_run(simd, at, to),
            [..=0xef, ..] => at = letter_run(forms, at, to),
            [0xf0, 0x9f..=0xbf, ..] => at = high_run(simd, at, to),
            _ => {}
        }
        if at.has_room() && !at.rest.is_empty() {
            at = one(forms, text, at, quote, to)?;
        }
    }
    Some(at)
}

/// Plain ASCII, in whole registers.
#[inline(always)]
fn plain_run<'a>(
    case: impl CaseByte,
    mut at: Progress<'a>,
    quote: u8,
    to: &mut Gathered,
) -> Progress<'a> {
    while at.has_room()
        && let Some(block) = at.rest.first_chunk::<BLOCK>()
    {
        let mut before = [if at.in_word { b'a' } else { b' ' }; BLOCK];
        before[1..].copy_from_slice(&block[..BLOCK - 1]);
        let (cased, plain) = plain::prefix(case, block, &before, quote);
        let Some(last) = block[..plain].last() else {
            break;
        };
        at.put(to, &cased, plain);
        at.pass(plain, plain::is_letter(*last));
        if plain < BLOCK {
            break;
        }
    }
    at
}

/// Characters of one or two bytes, two at a time.
#[inline(always)]
fn short_run<'a, const N: usize>(
    forms: Forms<N>,
    mut at: Progress<'a>,
    to: &mut Gathered,
) -> Progress<'a> {
    while at.has_room()
        && let Some((places, consumed)) = utf8::first_two(at.rest)
    {
        let [first, second] = places.map(|place| &forms.short[place]);
        // Whether one is cased each of its forms knows. Asked of the first, it is known at once: of
        // the form itself, only when that of the character before it is, which takes twice as long.
        let form = &first[usize::from(at.in_word) % N];
        let next = &second[usize::from(first[0].is_cased()) % N];
        if form.length() == 0 || next.length() == 0 {
            break;
        }
        at.put(to, form.bytes(), form.length());
        at.put(to, next.bytes(), next.length());
        at.pass(consumed, second[0].is_cased());
    }
    at
}

/// Chinese, Hindi, and what else is certain to have no case, and the blanks in between.
#[inline(always)]
fn caseless_run<'a>(simd: impl Simd, mut at: Progress<'a>, to: &mut Gathered) -> Progress<'a> {
    while at.has_room()
        && let Some(room) = to[at.length..].first_chunk_mut()
    {
        // Where it ends is seen before the characters are taken apart: the next ones wait for that alone, and whether these
        // are what they seem the processor guesses.
        let mut padded = None;
        let window = utf8::window(at.rest, &mut padded);
        let length = caseless::before_ascii(simd, window).min(3 * 8);
        let count = caseless::of_three_bytes(simd, window, room);
        if 3 * count < length {
            at.length += 6 * count;
            at.pass(3 * count, at.in_word && count == 0);
            break;
        }
        at.length += 2 * length;
        at.pass(length, false);
        if length < 3 * 8 {
            let [b' ', ..] = at.rest else { break };
            at.put(to, b" ", 1);
            at.pass(1, false);
        }
    }
    at
}

/// Letters of three bytes: Georgian, Vietnamese, ancient Greek.
#[inline(always)]
fn letter_run<'a, const N: usize>(
    forms: Forms<N>,
    mut at: Progress<'a>,
    to: &mut Gathered,
) -> Progress<'a> {
    while at.has_room()
        && let Some(code) = utf8::first_of_three(at.rest)
        && let Some(roles) = forms.in_page(code)
    {
        let form = &roles[usize::from(at.in_word) % N];
        if form.length() == 0 {
            break;
        }
        at.put(to, form.bytes(), form.length());
        at.pass(3, roles[0].is_cased());
    }
    at
}

/// Emoji.
#[inline(always)]
fn high_run<'a>(simd: impl Simd, mut at: Progress<'a>, to: &mut Gathered) -> Progress<'a> {
    while at.has_room()
        && let Some(room) = to[at.length..].first_chunk_mut()
    {
        let mut padded = None;
        let window = utf8::window(at.rest, &mut padded);
        let count = caseless::of_four_bytes(simd, window, room);
        if count == 4 {
            at.length += 10 * 4; // as above
            at.pass(4 * 4, false);
            continue;
        }
        at.length += 10 * count;
        at.pass(4 * count, at.in_word && count == 0);
        break;
    }
    at
}

/// The first character, whatever it is; `None` if it is not UTF-8.
#[inline(always)]
fn one<'a, const N: usize>(
    forms: Forms<N>,
    text: &[u8],
    mut at: Progress<'a>,
    quote: u8,
    to: &mut Gathered,
) -> Option<Progress<'a>> {
    let (code, consumed) = utf8::first_code(at.rest)?;
    let Some(roles) = forms.get(code, consumed) else {
        let room = to[at.length..].first_chunk_mut::<LONGEST>()?;
        at.length += ascii::escape(char::from_u32(code)?, room);
        at.pass(consumed, false);
        return Some(at);
    };
    let form = &roles[usize::from(at.in_word) % N];
    if form.length() > 0 {
        at.put(to, form.bytes(), form.length());
    } else {
        let room = to[at.length..].first_chunk_mut::<LONGEST>()?;
        let offset = text.len() - at.rest.len();
        at.length += rare(forms, form, text, offset, quote, room);
    }
    at.pass(consumed, roles[0].is_cased());
    Some(at)
}

/// Writes the character at `text[at..]`, whose text is not in its form, and returns how many bytes
/// that took.
#[inline(never)]
fn rare<const N: usize>(
    forms: Forms<N>,
    form: &Form,
    text: &[u8],
    at: usize,
    quote: u8,
    room: &mut [u8; LONGEST],
) -> usize {
    if let Some(long) = forms.long(form) {
        *room = *long;
        return LONGEST;
    }
    match text[at] {
        c @ (b'\'' | b'"') if c == quote => {
            room[..2].copy_from_slice(&[b'\\', quote]);
            2
        }
        c @ (b'\'' | b'"') => {
            room[0] = c;
            1
        }
        _ => {
            let escape = ascii::four_digits(u32::from(sigma(forms, text, at)));
            room[..escape.len()].copy_from_slice(&escape);
            escape.len()
        }
    }
}

/// The small letter for the capital sigma at `text[at..]`, which is not the first of its word.
fn sigma<const N: usize>(forms: Forms<N>, text: &[u8], at: usize) -> char {
    let is_cased = |c: char| {
        forms
            .get(u32::from(c), c.len_utf8())
            .is_some_and(|roles| roles[0].is_cased())
    };
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

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    /// What this machine's widest registers do is compared with the book elsewhere; what every machine has is compared
    /// with that here.
    #[test]
    fn whatever_registers_there_are_the_reply_is_the_same() {
        let all: Vec<char> = ('\0'..='\u{1ffff}').collect();
        // As they come, and each kind among others.
        for (step, length) in [(1, 60), (4099, 23), (30_011, 7)] {
            for first in 0..all.len() / length {
                let chars = (0..length).map(|n| all[(first * length + n) * step % all.len()]);
                let text: String = chars.collect();
                let text = text.as_bytes();
                let (mut widest, mut least) = (vec![0; 3], vec![0; 3]);
                let ok = [
                    push(*forms::TITLE, TitleByte, text, &mut widest),
                    dispatch!(Level::baseline(), simd => push_with(simd, *forms::TITLE, TitleByte, text, &mut least)),
                    push(*forms::UPPER, UpperByte, text, &mut widest),
                    dispatch!(Level::baseline(), simd => push_with(simd, *forms::UPPER, UpperByte, text, &mut least)),
                ];
                assert!(ok.iter().all(Result::is_ok));
                assert_eq!(widest, least, "{text:x?}");
            }
        }
    }
}
