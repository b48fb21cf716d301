//! A text of any kind, cased and quoted: the whole road, where [`plain`] is the short one.

use super::ascii;
use super::casing::{PAST_ALL_CASE, is_caseless};
use super::forms::{self, Form, Forms, LONGEST, WIDTH};
use super::plain::{self, CaseByte, TitleByte, UpperByte};
use super::registers::BLOCK;
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

/// What may be written behind that: two forms, or one of the longest.
const ROOM: usize = 2 * WIDTH;

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
        at = gather(forms, case, text, at, quote, &mut gathered).ok_or(Failure::NotUtf8)?;
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
#[inline]
fn gather<'a, const N: usize>(
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
            [0xe0 | 0xe3..=0xe9 | 0xeb..=0xed, ..] => at = caseless_run(at, to),
            [..=0xef, ..] => at = letter_run(forms, at, to),
            [0xf0, 0x9f..=0xbf, ..] => at = high_run(at, to),
            _ => {}
        }
        if at.has_room() && !at.rest.is_empty() {
            at = one(forms, text, at, quote, to)?;
        }
    }
    Some(at)
}

/// Plain ASCII, in whole registers.
#[inline]
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
#[inline]
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

/// Chinese, Hindi, and what else is certain to have no case, two at a time: escapes, and no look at a
/// table of letters.
#[inline]
fn caseless_run<'a>(mut at: Progress<'a>, to: &mut Gathered) -> Progress<'a> {
    while at.has_room()
        && let Some([first, second]) = utf8::two_of_three(at.rest)
        && is_caseless(first)
        && is_caseless(second)
    {
        for code in [first, second] {
            let escape = ascii::four_digits(code);
            at.put(to, &escape, escape.len());
        }
        at.pass(6, false);
    }
    at
}

/// Letters of three bytes: Georgian, Vietnamese, ancient Greek.
#[inline]
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

/// Emoji: as [`caseless_run`].
#[inline]
fn high_run<'a>(mut at: Progress<'a>, to: &mut Gathered) -> Progress<'a> {
    while at.has_room()
        && let Some(code) = utf8::first_of_four(at.rest)
        && PAST_ALL_CASE.contains(&code)
    {
        let escape = ascii::eight_digits(code);
        at.put(to, &escape, escape.len());
        at.pass(4, false);
    }
    at
}

/// The first character, whatever it is; `None` if it is not UTF-8.
#[inline]
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
