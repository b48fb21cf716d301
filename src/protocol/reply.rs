//! A text of any kind, cased and quoted: the whole road, where [`plain`](super::plain) is the short one.

#![expect(
    clippy::inline_always,
    reason = "what is to use the widest registers must be in line: see `widest`"
)]

use fearless_simd::Simd;

use super::forms::{self, Form, Forms, LONGEST};
use super::plain::{CaseByte, TitleByte, UpperByte};
use super::registers::widest;
use super::runs::{
    Gathered, Progress, caseless_run, high_run, latin_run, letter_run, plain_run, short_run,
    sigma_run, window_within,
};
use super::{ascii, title, utf8};

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

/// What comes behind a text: a quote and a line end.
const END: usize = 3;

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
