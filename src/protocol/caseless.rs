//! Scripts without case, eight or four characters at a time: checked, taken apart and escaped in a register.
//!
//! Their escapes need no table, and all of one kind are of one length. So what one by one is a chain of look-ups is here a
//! few steps for all of them: move their bytes apart, cut the bits of their codes out, those into digits, move the
//! digits apart for what stands between them.

#![expect(clippy::inline_always, reason = "registers are those of the caller")]

use std::ops::{BitAnd, BitOr, Shl, Shr};

use fearless_simd::{Simd, prelude::*, u8x16, u8x32, u32x4, u32x8};

use super::casing::{CASELESS, CASELESS_BLOCK, KOREAN, PAST_ALL_CASE};
use super::registers::{BLOCK, WINDOW, leading, moved_in_halves, twice};
use super::utf8;

/// What the escapes of [`of_three_bytes`] take, and room for whole registers.
pub(super) const EIGHT_SHORT: usize = 56;

/// The same for [`of_four_bytes`].
pub(super) const FOUR_LONG: usize = 52;

const DIGITS: &[u8; BLOCK] = b"0123456789abcdef";

/// An index that moves a zero.
const NO: u8 = u8::MAX;

/// An index of something that is masked out afterwards.
const ANY: u8 = 0;

/// Writes the escapes, of 6 bytes each, of the characters that `bytes` begins with, as far as they take three bytes and
/// are certain to have no case; tells how many of eight those are.
#[inline(always)]
pub(super) fn of_three_bytes<S: Simd>(
    simd: S,
    bytes: &[u8; WINDOW],
    to: &mut [u8; EIGHT_SHORT],
) -> usize {
    let (codes, are_three) = utf8::of_three(simd, bytes);
    // The bits of the first block, whose codes take fewer bytes, and of the surrogates' are not set.
    let blocks = codes >> CASELESS_BLOCK.trailing_zeros();
    let are_caseless = (u32x8::splat(simd, CASELESS) >> blocks & 1).simd_eq(1)
        | (codes & !(KOREAN.end - KOREAN.start - 1)).simd_eq(KOREAN.start);

    let digits = twice(simd, *DIGITS).swizzle_dyn_within_blocks(four_low(codes).to_bytes());
    let begin = [ANY, ANY, 0, 1, 2, 3, ANY, ANY, 4, 5, 6, 7, ANY, ANY, 8, 9];
    let end = [
        10, 11, ANY, ANY, 12, 13, 14, 15, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY,
    ];
    let begins = between(
        moved_in_halves(digits, begin),
        b"\\u\0\0\0\0\\u\0\0\0\0\\u\0\0",
    );
    let ends = between(
        moved_in_halves(digits, end),
        b"\0\0\\u\0\0\0\0\0\0\0\0\0\0\0\0",
    );
    let ((first, third), (second, fourth)) = (begins.split(), ends.split());
    // Each overwrites what the one before it has too many.
    first.store_slice(&mut to[..16]);
    second.store_slice(&mut to[16..32]);
    third.store_slice(&mut to[24..40]);
    fourth.store_slice(&mut to[40..]);
    leading(are_three & are_caseless)
}

/// The same for those that take four bytes and are past all letters, with escapes of 10 bytes.
#[inline(always)]
pub(super) fn of_four_bytes<S: Simd>(
    simd: S,
    bytes: &[u8; BLOCK],
    to: &mut [u8; FOUR_LONG],
) -> usize {
    let bytes = u8x16::simd_from(simd, *bytes);
    let apart = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];
    let windows: u32x4<S> = moved(bytes, apart).bitcast();
    let are_four = (windows & 0xf8c0_c0c0).simd_eq(0xf080_8080);
    let codes =
        windows >> 6 & 0x1c_0000 | windows >> 4 & 0x3_f000 | windows >> 2 & 0x0fc0 | windows & 0x3f;
    let are_past = codes.simd_ge(*PAST_ALL_CASE.start()) & codes.simd_le(*PAST_ALL_CASE.end());

    let high = codes >> 4 & 0x0f_0000 | codes << 8 & 0x0f00_0000;
    let low = four_low(codes);
    let digits = u8x16::simd_from(simd, *DIGITS);
    let first = [NO, NO, 0, 1, 2, 3, 4, 5, 6, 7, NO, NO, 8, 9, 10, 11];
    let second = [
        12, 13, 14, 15, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    ];
    let between = u8x16::simd_from(simd, *b"\\U\0\0\0\0\0\0\0\0\\U\0\0\0\0");
    for (pair, at) in [(high.zip_low(low), 0), (high.zip_high(low), 20)] {
        let digits = digits.swizzle_dyn(pair.to_bytes());
        (moved(digits, first) | between).store_slice(&mut to[at..at + 16]);
        moved(digits, second).store_slice(&mut to[at + 16..at + 32]);
    }
    leading(are_four & are_past)
}

/// The bytes in other places.
#[inline(always)]
fn moved<S: Simd>(bytes: u8x16<S>, places: [u8; BLOCK]) -> u8x16<S> {
    bytes.swizzle_dyn_precise(places)
}

/// The last four hexadecimal digits of each code as bytes, the first one lowest.
#[inline(always)]
fn four_low<V>(codes: V) -> V
where
    V: Copy
        + Shr<u32, Output = V>
        + Shl<u32, Output = V>
        + BitAnd<u32, Output = V>
        + BitOr<Output = V>,
{
    codes >> 12 & 0x0f | codes & 0x0f00 | codes << 12 & 0x0f_0000 | codes << 24 & 0x0f00_0000
}

/// The bytes, but what `text` has where that is not zero, in either half.
#[inline(always)]
fn between<S: Simd>(bytes: u8x32<S>, text: &[u8; BLOCK]) -> u8x32<S> {
    let free = text.map(|byte| if byte == 0 { u8::MAX } else { 0 });
    bytes & twice(bytes.simd, free) | twice(bytes.simd, *text)
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;
    use crate::protocol::{ascii, casing};

    /// How many of the characters that `text` begins with are taken, on every level; and that they are escaped as each is.
    #[track_caller]
    fn taken(text: &[u8], four_bytes: bool) -> usize {
        let mut bytes = [b'!'; WINDOW];
        let length = text.len().min(WINDOW);
        bytes[..length].copy_from_slice(&text[..length]);
        let counts = [Level::baseline(), Level::new()].map(|level| {
            let mut to = [0; EIGHT_SHORT];
            let count = if four_bytes {
                let bytes = bytes.first_chunk().expect("a window has two blocks");
                let room = to.first_chunk_mut().expect("there is more");
                dispatch!(level, simd => of_four_bytes(simd, bytes, room))
            } else {
                dispatch!(level, simd => of_three_bytes(simd, &bytes, &mut to))
            };
            let bytes = &bytes[..count * if four_bytes { 4 } else { 3 }];
            let mut expected = Vec::new();
            for c in str::from_utf8(bytes)
                .expect("what is taken is UTF-8")
                .chars()
            {
                let mut escape = [0; ascii::LONGEST];
                let length = ascii::escape(c, &mut escape);
                expected.extend_from_slice(&escape[..length]);
            }
            assert_eq!(to[..expected.len()], expected, "{bytes:x?}");
            count
        });
        assert_eq!(counts[0], counts[1], "{bytes:x?}");
        counts[0]
    }

    #[test]
    fn each_character_is_taken_in_each_place_if_it_has_no_case() {
        // There are no letters past the first of these.
        let far = ('\u{20000}'..=char::MAX).step_by(251);
        for c in ('\0'..'\u{20000}').chain(far) {
            let code = u32::from(c);
            let has_no_case = !casing::CASED_AREAS.iter().any(|area| area.contains(&code));
            let in_block = CASELESS >> (code / CASELESS_BLOCK).min(31) & 1 == 1;
            let short = c.len_utf8() == 3 && (in_block || KOREAN.contains(&code));
            let long = PAST_ALL_CASE.contains(&code);
            assert!(has_no_case || !short && !long, "U+{code:04X}");
            for (usual, most, fits) in [('漢', 8, short), ('😀', 4, long)] {
                let place = code as usize % most;
                let mut text = vec![usual; most];
                text[place] = c;
                let expected = if fits { most } else { place };
                let text = String::from_iter(text);
                assert_eq!(taken(text.as_bytes(), most == 4), expected, "U+{code:04X}");
            }
        }
    }

    #[test]
    fn what_is_not_utf8_is_not_taken() {
        let second = [0, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
        let late = [0, 0x7f, 0x80, 0xbf, 0xc0];
        for (a, b) in (0..=u8::MAX).flat_map(|a| second.map(|b| (a, b))) {
            for (c, d) in late.iter().flat_map(|&c| late.map(|d| (c, d))) {
                for four_bytes in [false, true] {
                    let odd = [a, b, c, d];
                    let odd = &odd[..if four_bytes { 4 } else { 3 }];
                    if str::from_utf8(odd).is_err() {
                        assert_eq!(taken(odd, four_bytes), 0, "{odd:x?}");
                    }
                }
            }
        }
    }
}
