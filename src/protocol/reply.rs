//! A text of any kind, cased and quoted: the whole road, where [`plain`] is the short one.

#![expect(
    clippy::inline_always,
    reason = "what is to use the widest registers must be in line: see `widest`"
)]

use fearless_simd::Simd;

use super::ascii;
use super::caseless;
use super::forms::{self, Form, Forms, LONGEST, PAGE, WIDTH};
use super::plain::{self, CaseByte, TitleByte, UpperByte};
use super::registers::{BLOCK, WINDOW, leading, widest};
use super::utf8::ASCII;
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

/// What may be written behind that: a window of letters of two bytes, and what is copied with the last of them.
const ROOM: usize = WINDOW / 2 * WIDTH + WIDTH;

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
            [..=0x7f, ..=0x7f, ..] => {
                at = match window_within(text, at.rest) {
                    Some(_) => latin_run(simd, forms, case, text, at, quote, to),
                    None => plain_run(case, at, quote, to),
                };
                if let [0xc0..=0xdf, ..] = at.rest {
                    continue; // it has more like it behind it
                }
            }
            [..=0xdf, ..] => {
                at = short_run(forms, |_| None, at, to);
                if N > 1
                    && let [0xce, 0xa3, ..] | [_, 0xce, 0xa3, ..] | [_, _, 0xce, 0xa3, ..] = at.rest
                {
                    let left = at.rest.len();
                    at = sigma_run(forms, text, at, to);
                    if at.rest.len() < left {
                        continue;
                    }
                }
            }
            [0xe0 | 0xe3..=0xe9 | 0xeb..=0xed, ..] => at = caseless_run(simd, at, to),
            [..=0xef, ..] => at = letter_run(simd, forms, at, to),
            [0xf0, 0x9f..=0xbf, ..] => at = high_run(simd, at, to),
            _ => {}
        }
        if at.has_room() && !at.rest.is_empty() {
            at = one(forms, text, at, quote, to)?;
        }
    }
    Some(at)
}

/// Plain ASCII, with a letter of two bytes or an escape here and there: French, Polish, code.
///
/// The plain pieces are found in one mask for a whole window: the next one waits for that alone, not for what the last one
/// became.
#[inline(always)]
fn latin_run<'a, const N: usize>(
    simd: impl Simd,
    forms: Forms<N>,
    case: impl CaseByte,
    text: &[u8],
    mut at: Progress<'a>,
    quote: u8,
    to: &mut Gathered,
) -> Progress<'a> {
    while at.has_room()
        && let Some(window) = window_within(text, at.rest)
        && let Some(looked_at) = window[1..].first_chunk()
    {
        let odd = plain::odd_in_window(simd, looked_at, quote);
        let mut i = 0;
        let goes_on = loop {
            if i >= WINDOW {
                break true;
            }
            let (Some(before), Some(block)) = (
                window[i..].first_chunk::<BLOCK>(),
                window[1 + i..].first_chunk(),
            ) else {
                unreachable!("there is a block behind the window")
            };
            let length = ((odd >> i).trailing_zeros() as usize).min(BLOCK);
            let before = plain::behind(simd, at.in_word, before);
            at.put(to, &plain::cased_in_loop(case, block, &before), length);
            i += length;
            if let Some(last) = block[..length].last() {
                at.in_word = plain::is_letter(*last);
            }
            if length == BLOCK || i >= WINDOW {
                continue;
            }
            let (place, consumed) = match [window[1 + i], window[2 + i]] {
                [ascii @ ..=0x7f, _] => (usize::from(ascii), 1),
                [first @ 0xc0..=0xdf, second @ 0x80..=0xbf] => (
                    ASCII + (usize::from(first & 0x1f) << 6 | usize::from(second & 0x3f)),
                    2,
                ),
                _ => break false,
            };
            let roles = &forms.short[place];
            let form = &roles[usize::from(at.in_word) % N];
            if form.length() == 0 {
                break false;
            }
            at.put(to, form.bytes(), form.length());
            at.in_word = roles[0].is_cased();
            i += consumed;
            if !window[1 + i].is_ascii() {
                break false; // there is a loop that takes two such letters at once
            }
        };
        at.pass(i, at.in_word);
        if !goes_on {
            break;
        }
    }
    at
}

/// A window at the front of `rest`, the end of `text`, with the byte before it and a block behind it.
#[inline(always)]
fn window_within<'a>(text: &'a [u8], rest: &[u8]) -> Option<&'a [u8; 1 + WINDOW + BLOCK]> {
    let from = (text.len() - rest.len()).checked_sub(1)?;
    text[from..].first_chunk()
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
    closed: impl Fn(&[u8]) -> Option<&'static Form>,
    mut at: Progress<'a>,
    to: &mut Gathered,
) -> Progress<'a> {
    while at.has_room()
        && let Some((places, consumed)) = utf8::first_two(at.rest)
    {
        let [first, second] = places.map(|place| &forms.short[place]);
        // Whether one is cased each of its forms knows. Asked of the first, it is known at once: of
        // the form itself, only when that of the character before it is, which takes twice as long.
        let mut form = &first[usize::from(at.in_word) % N];
        let mut next = &second[usize::from(first[0].is_cased()) % N];
        if form.length() == 0 {
            let Some(found) = closed(at.rest) else { break };
            form = found;
        }
        if next.length() == 0 {
            let Some(found) = closed(&at.rest[consumed - 'Σ'.len_utf8()..]) else {
                break;
            };
            next = found;
        }
        at.put(to, form.bytes(), form.length());
        at.put(to, next.bytes(), next.length());
        at.pass(consumed, second[0].is_cased());
    }
    at
}

/// The same from the first capital sigma on that goes on a word: a loop that knows of them would be longer for all that
/// has none.
#[inline(never)]
fn sigma_run<'a, const N: usize>(
    forms: Forms<N>,
    text: &[u8],
    at: Progress<'a>,
    to: &mut Gathered,
) -> Progress<'a> {
    short_run(forms, |rest| sigma_at_once(forms, text, rest), at, to)
}

/// The form of the capital sigma, behind a cased character, that `rest`, the end of `text`, begins with, if what is right
/// beside it tells.
#[inline(always)]
fn sigma_at_once<const N: usize>(
    forms: Forms<N>,
    text: &[u8],
    rest: &[u8],
) -> Option<&'static Form> {
    let before = &text[..text.len() - rest.len()];
    let after = rest.strip_prefix("Σ".as_bytes())?;
    let letter = if title::ends_word_at_once(before, after)? {
        'ς'
    } else {
        'σ'
    };
    Some(&forms.short[ASCII + letter as usize][1 % N])
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
        let length = utf8::before_ascii(simd, window).min(3 * 8);
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

/// Letters of three bytes: Georgian, Vietnamese, ancient Greek, and the blanks in between.
#[inline(always)]
fn letter_run<'a, const N: usize>(
    simd: impl Simd,
    forms: Forms<N>,
    mut at: Progress<'a>,
    to: &mut Gathered,
) -> Progress<'a> {
    while at.has_room() {
        let mut padded = None;
        let window = utf8::window(at.rest, &mut padded);
        let (codes, are_three) = utf8::of_three(simd, window);
        let count = leading(are_three);
        let Some(page) = forms.page(codes[0]) else {
            break;
        };
        let mut done = 0;
        // Most alphabets are on one page.
        let of_page = |code: &u32| *code as usize / PAGE == codes[0] as usize / PAGE;
        for code in codes.into_iter().take(count).take_while(of_page) {
            let roles = &page[code as usize % PAGE];
            let form = &roles[usize::from(at.in_word) % N];
            if form.length() == 0 {
                break;
            }
            at.put(to, form.bytes(), form.length());
            at.in_word = roles[0].is_cased();
            done += 1;
        }
        at.pass(3 * done, at.in_word);
        if let [b' ', ..] = at.rest {
            at.put(to, b" ", 1);
            at.pass(1, false);
        } else if done == 0 {
            break;
        }
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
