//! A text of any kind, cased and quoted: the whole road, where [`plain`] is the short one.

use super::ascii;
use super::forms::{self, Form, Forms, LONGEST, WIDTH};
use super::plain::{self, BLOCK, CaseByte, TitleByte, UpperByte};
use super::{title, utf8};

/// Why a text has no reply.
pub(super) enum Failure {
    /// It is not UTF-8; where, the standard library shall say.
    NotUtf8,
    /// The system has no memory for it.
    NoMemory,
}

/// Appends `ascii(upper(text))`, its quotes included, to `out`, which has room for as much as the
/// text and three bytes more at least. Costs 2 to 5 ns a character, on an error too;
/// then `out` got some bytes that the caller must remove.
pub(super) fn push_upper_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    push(*forms::UPPER, UpperByte, text, out)
}

/// Appends `ascii(title(text))`, as [`push_upper_text`] does.
pub(super) fn push_title_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    push(*forms::TITLE, TitleByte, text, out)
}

/// Where the forms gather: to append them to a vector one by one would be to spend more time on its
/// length and capacity than on the bytes.
struct Gathered {
    bytes: [u8; Self::FULL + LONGEST],
    length: usize,
}

/// What comes behind a text: a quote and a line end.
const END: usize = 3;

impl Gathered {
    /// With more than this, it is time to empty it; and to try again whether the text goes on
    /// plain.
    const FULL: usize = 256;
}

fn push<const N: usize>(
    forms: Forms<N>,
    case: impl CaseByte,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let quote = ascii::quote_for(text);
    out.push(quote);
    let mut gathered = Gathered {
        bytes: [0; _],
        length: 0,
    };
    let mut rest = text;
    let mut in_word = false;
    while !rest.is_empty() {
        if let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
            let mut before = [if in_word { b'a' } else { b' ' }; BLOCK];
            before[1..].copy_from_slice(&block[..BLOCK - 1]);
            if let Some(cased) = plain::block(case, block, &before, quote) {
                out.extend_from_slice(&cased);
                in_word = plain::is_letter(block[BLOCK - 1]);
                rest = behind;
                continue;
            }
        }
        (rest, in_word) =
            gather(forms, text, rest, in_word, quote, &mut gathered).ok_or(Failure::NotUtf8)?;
        // There is room for the rest as it is; escapes are longer.
        let more = gathered.length + rest.len() + END;
        out.try_reserve(more).map_err(|_| Failure::NoMemory)?;
        out.extend_from_slice(&gathered.bytes[..gathered.length]);
    }
    out.push(quote);
    Ok(())
}

/// Gathers the forms of the first characters of `rest`, which is the end of `text`. Returns what is
/// left, and whether that goes on a word; `None` if it is not UTF-8.
#[inline]
fn gather<'a, const N: usize>(
    forms: Forms<N>,
    text: &[u8],
    mut rest: &'a [u8],
    mut in_word: bool,
    quote: u8,
    to: &mut Gathered,
) -> Option<(&'a [u8], bool)> {
    let mut length = 0;
    while length <= Gathered::FULL && !rest.is_empty() {
        let (code, consumed) = utf8::first_code(rest)?;
        let roles = forms.get(code, consumed);
        let room = to.bytes[length..].first_chunk_mut::<LONGEST>()?;
        if let Some(roles) = roles {
            let form = &roles[usize::from(in_word) % N];
            if form.length() > 0 {
                room[..WIDTH].copy_from_slice(form.bytes());
                length += form.length();
            } else {
                let at = text.len() - rest.len();
                length += rare(forms, form, text, at, quote, room);
            }
            in_word = form.is_cased();
        } else {
            length += ascii::escape(char::from_u32(code)?, room);
            in_word = false;
        }
        rest = &rest[consumed..];
    }
    to.length = length;
    Some((rest, in_word))
}

/// Writes the character at `text[at..]`, whose text is not in its form, and returns how many bytes
/// that took.
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
        _ => ascii::escape(sigma(forms, text, at), room),
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
