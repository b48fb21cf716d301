//! The straight road: text of printable ASCII that needs no escape.
//!
//! Nearly all traffic is such text, and nothing about it needs more than its bytes: it is cased in
//! whole registers, and checked in the same pass that it is plain in the first place. The loops are
//! written so that the compiler vectorises them, for what every x86-64 has (SSE2) and, where a line
//! is worth the question, for what newer ones have: see [`registers`](super::registers).

use super::registers::{BLOCK, either, outside, widest};

/// Cases one byte of plain text, given the byte before it.
pub(super) trait CaseByte: Copy {
    fn cased(self, byte: u8, before: u8) -> u8;
}

#[derive(Clone, Copy)]
pub(super) struct UpperByte;

#[derive(Clone, Copy)]
pub(super) struct TitleByte;

impl CaseByte for UpperByte {
    #[inline]
    fn cased(self, byte: u8, _before: u8) -> u8 {
        byte.wrapping_sub(if is_lower(byte) { 0x20 } else { 0 })
    }
}

impl CaseByte for TitleByte {
    /// A letter is lower case exactly if there is a letter before it. In ASCII that is one bit, set
    /// or cleared.
    #[inline]
    fn cased(self, byte: u8, before: u8) -> u8 {
        let case_bit = if is_letter(byte) { 0x20 } else { 0 };
        let wanted = if is_letter(before) { 0xff } else { 0 };
        (byte & !case_bit) | (case_bit & wanted)
    }
}

/// Right for ASCII, anything for other bytes. Adding 5 takes `z` to the greatest signed byte and
/// `a` to 0x66, so one signed comparison does: SSE2 has no other, and `is_ascii_lowercase` takes
/// two instructions more in a loop of nine.
#[inline]
fn is_lower(byte: u8) -> bool {
    byte.wrapping_add(5).cast_signed() > 0x65
}

/// Right for ASCII, anything for other bytes.
#[inline]
pub(super) fn is_letter(byte: u8) -> bool {
    is_lower(byte | 0x20)
}

/// Cases a block; `None` if it is not all plain. `before` is the block that starts one byte
/// earlier.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "as a call it takes half as long again"
)]
fn block(
    case: impl CaseByte,
    text: &[u8; BLOCK],
    before: &[u8; BLOCK],
    quote: u8,
) -> Option<[u8; BLOCK]> {
    (odd(text, quote) == 0).then(|| cased(case, text, before))
}

/// The same for a block of which only the beginning is plain; and how many bytes that are.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as for `block`")]
pub(super) fn prefix(
    case: impl CaseByte,
    text: &[u8; BLOCK],
    before: &[u8; BLOCK],
    quote: u8,
) -> ([u8; BLOCK], usize) {
    let odd_or_end = odd(text, quote) | 1 << BLOCK;
    (
        cased(case, text, before),
        odd_or_end.trailing_zeros() as usize,
    )
}

/// A block in the case; right where it is plain.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as for `block`")]
fn cased(case: impl CaseByte, text: &[u8; BLOCK], before: &[u8; BLOCK]) -> [u8; BLOCK] {
    std::array::from_fn(|i| case.cased(text[i], before[i]))
}

/// Which bytes of a block are not plain, the first one's bit being the lowest.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as for `block`")]
fn odd(text: &[u8; BLOCK], quote: u8) -> u32 {
    outside(text, b' ', b'~') | either(text, b'\\', quote)
}

/// Appends `text` in the given case if all of it is printable ASCII without `'` and backslash.
/// Otherwise returns false, and `out` may have got some bytes that the caller must remove.
#[inline]
pub(super) fn push(case: impl CaseByte, text: &[u8], out: &mut Vec<u8>) -> bool {
    let Some((first, _)) = text.split_first_chunk::<BLOCK>() else {
        return push_short(case, text, out);
    };
    // The first block has no byte before it; a blank stands in.
    let mut before = [b' '; BLOCK];
    before[1..].copy_from_slice(&first[..BLOCK - 1]);
    let Some(cased) = block(case, first, &before, b'\'') else {
        return false;
    };
    out.extend_from_slice(&cased);
    if text.len() == BLOCK {
        return true;
    }
    push_rest(case, text, out)
}

/// All but the first block of `text`, which has more than that.
fn push_rest(case: impl CaseByte, text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut at = BLOCK;
    while at < text.len() {
        // The last piece may begin inside the one before it, and then does a part of its work again.
        let is_long = text.len() > BULK;
        let length = if is_long {
            BULK.max((text.len() - at) / BULK * BULK)
        } else {
            BLOCK
        };
        let from = at.min(text.len() - length);
        out.truncate(out.len() - (at - from));
        let before = &text[from - 1..];
        let text = &text[from..from + length];
        let plain = if is_long {
            push_bulk(case, text, before, out)
        } else {
            push_block(case, text, before, out)
        };
        if !plain {
            return false;
        }
        at = from + length;
    }
    true
}

/// One block; `before` begins one byte earlier.
fn push_block(case: impl CaseByte, text: &[u8], before: &[u8], out: &mut Vec<u8>) -> bool {
    let (Some(text), Some(before)) = (text.first_chunk(), before.first_chunk()) else {
        unreachable!("each has a block")
    };
    let Some(cased) = block(case, text, before, b'\'') else {
        return false;
    };
    out.extend_from_slice(&cased);
    true
}

/// How many bytes one round of the bulk loop takes where registers have 32: the compiler has four of them at work. What is
/// left over it would case byte by byte.
const BULK: usize = 128;

/// The same for many blocks in one loop, for which `out` grows once. Block by block takes 3 instructions a byte;
/// this takes 0.4 with registers of 32 bytes.
#[inline(never)]
fn push_bulk(case: impl CaseByte, text: &[u8], before: &[u8], out: &mut Vec<u8>) -> bool {
    widest!(_simd => {
        // A minimum and a maximum cost less than two comparisons and what puts them together.
        let (mut least, mut greatest, mut escaped) = (u8::MAX, 0, false);
        out.extend(text.iter().zip(before).map(|(&byte, &before)| {
            least = least.min(byte);
            greatest = greatest.max(byte);
            escaped |= byte == b'\'' || byte == b'\\';
            case.cased(byte, before)
        }));
        least >= b' ' && greatest <= b'~' && !escaped
    })
}

/// Text of less than a block: padded to one, and the padding removed from the answer.
fn push_short(case: impl CaseByte, text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut padded = [b' '; BLOCK + 1];
    padded[1..=text.len()].copy_from_slice(text);
    let (before, _) = padded
        .split_first_chunk()
        .expect("17 bytes are more than 16");
    let (_, this) = padded
        .split_last_chunk()
        .expect("17 bytes are more than 16");
    let Some(cased) = block(case, this, before, b'\'') else {
        return false;
    };
    let end = out.len() + text.len();
    out.extend_from_slice(&cased);
    out.truncate(end);
    true
}
