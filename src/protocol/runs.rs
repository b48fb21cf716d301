//! The loops of [`reply`](super::reply): each takes characters of one kind, as many as there are, and leaves the first that
//! is of another.

#![expect(
    clippy::inline_always,
    reason = "what is to use the widest registers must be in line: see `widest`"
)]

use fearless_simd::Simd;

use super::forms::{Form, Forms, PAGE, WIDTH};
use super::plain::{self, CaseByte};
use super::registers::{BLOCK, WINDOW, leading};
use super::utf8::{self, ASCII};
use super::{caseless, title};

/// Where forms gather: to append them to a vector one by one would be to spend more time on its
/// length and capacity than on the bytes.
pub(super) type Gathered = [u8; FULL + ROOM];

/// With more than this, it is time to empty it.
const FULL: usize = 512;

/// What may be written behind that: a window of letters of two bytes, and what is copied with the last of them.
const ROOM: usize = WINDOW / 2 * WIDTH + WIDTH;

/// How far a text has been cased. It is handed on by value, or each character would wait for the
/// store of the one before it.
#[derive(Clone, Copy)]
pub(super) struct Progress<'a> {
    /// What is left of the text.
    pub(super) rest: &'a [u8],
    /// It goes on a word.
    pub(super) in_word: bool,
    /// So many bytes have gathered.
    pub(super) length: usize,
}

impl Progress<'_> {
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.length <= FULL
    }

    /// Gathers the first `length` bytes of what is copied.
    #[inline]
    pub(super) fn put<const COPIED: usize>(
        &mut self,
        to: &mut Gathered,
        bytes: &[u8; COPIED],
        length: usize,
    ) {
        to[self.length..][..COPIED].copy_from_slice(bytes);
        self.length += length;
    }

    #[inline]
    pub(super) fn pass(&mut self, consumed: usize, in_word: bool) {
        self.rest = &self.rest[consumed..];
        self.in_word = in_word;
    }
}

/// Plain ASCII, with a letter of two bytes or an escape here and there: French, Polish, code.
///
/// The plain pieces are found in one mask for a whole window: the next one waits for that alone, not for what the last one
/// became.
#[inline(always)]
pub(super) fn latin_run<'a, const N: usize>(
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
pub(super) fn window_within<'a>(
    text: &'a [u8],
    rest: &[u8],
) -> Option<&'a [u8; 1 + WINDOW + BLOCK]> {
    let from = (text.len() - rest.len()).checked_sub(1)?;
    text[from..].first_chunk()
}

/// Plain ASCII, in whole registers.
#[inline(always)]
pub(super) fn plain_run<'a>(
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
pub(super) fn short_run<'a, const N: usize>(
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
pub(super) fn sigma_run<'a, const N: usize>(
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
pub(super) fn caseless_run<'a>(
    simd: impl Simd,
    mut at: Progress<'a>,
    to: &mut Gathered,
) -> Progress<'a> {
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
pub(super) fn letter_run<'a, const N: usize>(
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
pub(super) fn high_run<'a>(
    simd: impl Simd,
    mut at: Progress<'a>,
    to: &mut Gathered,
) -> Progress<'a> {
    while at.has_room()
        && let Some(room) = to[at.length..].first_chunk_mut()
    {
        let mut padded = None;
        let window = utf8::window(at.rest, &mut padded);
        let count = caseless::of_four_bytes(simd, window, room);
        if count == 4 {
            at.length += 10 * 4; // a constant: the next ones do not wait for the count
            at.pass(4 * 4, false);
            continue;
        }
        at.length += 10 * count;
        at.pass(4 * count, at.in_word && count == 0);
        break;
    }
    at
}
