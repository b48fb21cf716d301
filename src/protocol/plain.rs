//! The straight road: text of printable ASCII that needs no escape.
//!
//! Nearly all traffic is such text, and nothing about it needs more than its bytes: it is cased in
//! whole registers, and checked in the same pass that it is plain in the first place. The loops are
//! written so that the compiler vectorises them with what every x86-64 has (SSE2), and likewise
//! elsewhere; a mask with a bit a byte it does not find by itself, so that one is asked of [`wide`].

use memchr::memchr2;
use wide::u8x16;

/// How many bytes are cased at once: an SSE2 register.
pub(super) const BLOCK: usize = 16;

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
    let bytes = u8x16::new(*text);
    let outside = bytes.simd_lt(u8x16::splat(b' ')) | bytes.simd_gt(u8x16::splat(b'~'));
    let escaped = bytes.simd_eq(u8x16::splat(b'\\')) | bytes.simd_eq(u8x16::splat(quote));
    (outside | escaped).to_bitmask()
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
    let bulk = (text.len() - at) & !(2 * BLOCK - 1);
    if bulk >= WORTHWHILE {
        if !push_bulk(
            case,
            &text[at..at + bulk],
            &text[at - 1..at + bulk - 1],
            out,
        ) {
            return false;
        }
        at += bulk;
    }
    while at < text.len() {
        // The last block may begin inside the one before it, and then does a part of its work
        // again.
        let from = at.min(text.len() - BLOCK);
        out.truncate(out.len() - (at - from));
        let (Some(this), Some(before)) =
            (text[from..].first_chunk(), text[from - 1..].first_chunk())
        else {
            unreachable!("a block from the end, or farther")
        };
        let Some(cased) = block(case, this, before, b'\'') else {
            return false;
        };
        out.extend_from_slice(&cased);
        at = from + BLOCK;
    }
    true
}

/// From how many bytes on the bulk loop is faster than block by block.
const WORTHWHILE: usize = 4 * BLOCK;

/// A long run in one loop, for which `out` grows once. Block by block takes 3 instructions a byte,
/// this takes 0.9: a running minimum and maximum cost less than four comparisons, and the two
/// characters in the middle of the range that are not plain are searched with the wide registers
/// that `memchr` finds at run time.
fn push_bulk(case: impl CaseByte, text: &[u8], before: &[u8], out: &mut Vec<u8>) -> bool {
    if memchr2(b'\'', b'\\', text).is_some() {
        return false;
    }
    let (mut least, mut greatest) = (u8::MAX, 0);
    out.extend(text.iter().zip(before).map(|(&byte, &before)| {
        least = least.min(byte);
        greatest = greatest.max(byte);
        case.cased(byte, before)
    }));
    least >= b' ' && greatest <= b'~'
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
