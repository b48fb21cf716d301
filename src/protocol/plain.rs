//! The straight road: text of printable ASCII that needs no escape.
//!
//! Nearly all traffic is such text, and nothing about it needs more than its bytes: it is cased in
//! whole registers, and checked in the same pass that it is plain in the first place. The loops are
//! written so that the compiler vectorises them, for what every x86-64 has (SSE2) and, where a line
//! is worth the question, for what newer ones have: see [`registers`](super::registers).

use fearless_simd::{prelude::*, u8x16, u8x32, u8x64};

use super::registers::{BLOCK, WINDOW, either, outside, widest};

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

/// The same for long functions, in which the compiler makes `from_fn` a call. In short ones this takes half as many
/// instructions more.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `widest`")]
pub(super) fn cased_in_loop(
    case: impl CaseByte,
    text: &[u8; BLOCK],
    before: &[u8; BLOCK],
) -> [u8; BLOCK] {
    let mut cased = [0; BLOCK];
    for (i, byte) in cased.iter_mut().enumerate() {
        *byte = case.cased(text[i], before[i]);
    }
    cased
}

/// The bytes with another one in place of the first: a letter or a blank, as what is before a piece of plain text.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `widest`")]
pub(super) fn behind<S: Simd>(simd: S, letter: bool, before: &[u8; BLOCK]) -> [u8; BLOCK] {
    // In registers: written to memory and read again with all the rest, the byte would be waited for.
    let but_first = u8x16::simd_from(simd, *before) & !u8x16::simd_from(simd, ONE[2]);
    *(but_first | u8x16::simd_from(simd, ONE[usize::from(letter)]))
}

/// One byte, and zeros behind it: a blank, a letter, or all bits.
const ONE: [[u8; BLOCK]; 3] = [one(b' '), one(b'a'), one(u8::MAX)];

const fn one(byte: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[0] = byte;
    block
}

/// Which bytes of a window are not plain, the first one's bit being the lowest. The first bit behind the window is set.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `widest`")]
pub(super) fn odd_in_window<S: Simd>(simd: S, text: &[u8; WINDOW], quote: u8) -> u64 {
    let bytes = u8x32::simd_from(simd, *text);
    let odd =
        bytes.simd_lt(b' ') | bytes.simd_gt(b'~') | bytes.simd_eq(b'\\') | bytes.simd_eq(quote);
    odd.to_bitmask() | 1 << WINDOW
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
    if text.len() >= WIDE {
        return push_long(case, text, out);
    }
    let Some(cased) = block(case, first, &behind_blank(first), b'\'') else {
        return false;
    };
    out.extend_from_slice(&cased);
    text.len() == BLOCK || push_rest(case, text, out)
}

/// What begins one byte earlier than the first bytes of a text: no byte is before it, and a blank stands in.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as for `block`")]
fn behind_blank<const N: usize>(first: &[u8; N]) -> [u8; N] {
    let mut before = [b' '; N];
    before[1..].copy_from_slice(&first[..N - 1]);
    before
}

/// All but the first block of `text`, which has more than that.
fn push_rest(case: impl CaseByte, text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut at = BLOCK;
    while at < text.len() {
        // The last one may begin inside the one before it, and then does a part of its work again.
        let from = at.min(text.len() - BLOCK);
        out.truncate(out.len() - (at - from));
        let (Some(this), Some(before)) =
            (text[from..].first_chunk(), text[from - 1..].first_chunk())
        else {
            unreachable!("each has a block")
        };
        let Some(cased) = block(case, this, before, b'\'') else {
            return false;
        };
        out.extend_from_slice(&cased);
        at = from + BLOCK;
    }
    true
}

/// How many bytes one round of the loop for long text takes: two registers of 32.
const WIDE: usize = 64;

/// Text of that much at least, in one loop for which `out` grows once. Block by block takes 3 instructions a byte;
/// this takes 0.4 with registers of 32 bytes.
#[inline(never)]
fn push_long(case: impl CaseByte, text: &[u8], out: &mut Vec<u8>) -> bool {
    widest!(simd => {
        let Some(first) = text.first_chunk() else {
            unreachable!("it is long")
        };
        let rounds = text.len() / WIDE * WIDE;
        push_wide(simd, case, first, &behind_blank(first), out)
            && push_bulk(case, &text[WIDE..rounds], &text[WIDE - 1..], out)
            && (rounds == text.len() || {
                // What is left begins inside the last round, and does a part of its work again.
                let from = text.len() - WIDE;
                out.truncate(out.len() - (rounds - from));
                let (Some(last), Some(before)) = (text[from..].first_chunk(), text[from - 1..].first_chunk()) else {
                    unreachable!("it is long")
                };
                push_wide(simd, case, last, before, out)
            })
    })
}

/// One round, at either end of a long text.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `widest`")]
fn push_wide(
    simd: impl Simd,
    case: impl CaseByte,
    text: &[u8; WIDE],
    before: &[u8; WIDE],
    out: &mut Vec<u8>,
) -> bool {
    let bytes = u8x64::simd_from(simd, *text);
    let odd =
        bytes.simd_lt(b' ') | bytes.simd_gt(b'~') | bytes.simd_eq(b'\'') | bytes.simd_eq(b'\\');
    out.extend_from_slice(&std::array::from_fn::<_, WIDE, _>(|i| {
        case.cased(text[i], before[i])
    }));
    !odd.any_true()
}

/// All rounds in between.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `widest`")]
fn push_bulk(case: impl CaseByte, text: &[u8], before: &[u8], out: &mut Vec<u8>) -> bool {
    // Minima and a maximum cost less than comparisons and what puts them together.
    let (mut least, mut greatest, mut nearest) = (u8::MAX, 0, u8::MAX);
    out.extend(text.iter().zip(before).map(|(&byte, &before)| {
        least = least.min(byte);
        greatest = greatest.max(byte);
        nearest = nearest.min(byte ^ b'\'').min(byte ^ b'\\');
        case.cased(byte, before)
    }));
    least >= b' ' && greatest <= b'~' && nearest > 0
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
