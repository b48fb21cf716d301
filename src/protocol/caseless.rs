//! Scripts without case, eight or four characters at a time: checked, taken apart and escaped in a register.
//!
//! Their escapes need no table, and all of one kind are of one length. So what one by one is a chain of look-ups is here a
//! few steps for all of them: move their bytes apart, cut the bits of their codes out, those into digits, move the
//! digits apart for what stands between them.

#![expect(clippy::inline_always, reason = "registers are those of the caller")]

use fearless_simd::{Simd, i8x32, mask32x8, prelude::*, u8x16, u8x32, u32x4, u32x8};

use super::casing::{CASELESS, CASELESS_BLOCK, KOREAN, PAST_ALL_CASE};
use super::registers::{BLOCK, WINDOW};

/// What the escapes of [`of_three_bytes`] take, and room for whole registers.
pub(super) const EIGHT_SHORT: usize = 56;

/// The same for [`of_four_bytes`].
pub(super) const FOUR_LONG: usize = 52;

/// An index that moves a zero.
const NO: u8 = u8::MAX;

/// An index of something that is masked out afterwards.
const ANY: u8 = 0;

/// How many bytes there are before the first that is ASCII.
#[inline(always)]
pub(super) fn before_ascii<S: Simd>(simd: S, bytes: &[u8; WINDOW]) -> usize {
    let bytes: i8x32<S> = u8x32::simd_from(simd, *bytes).bitcast();
    bytes.simd_lt(0).to_bitmask().trailing_ones() as usize
}

/// The codes of the characters that `bytes` begins with, as far as they take three bytes, and how many of eight those are.
/// What is longer than need be and surrogates get through.
#[inline(always)]
pub(super) fn codes_of_three_bytes<S: Simd>(simd: S, bytes: &[u8; WINDOW]) -> ([u32; 8], usize) {
    let (codes, are_three) = taken_apart(simd, bytes);
    (*codes, are_three.to_bitmask().trailing_ones() as usize)
}

/// The codes of eight characters of three bytes, and which of them are such.
#[inline(always)]
fn taken_apart<S: Simd>(simd: S, bytes: &[u8; WINDOW]) -> (u32x8<S>, mask32x8<S>) {
    // Four of them in either half of the register.
    let half = |at: usize| u8x16::from_slice(simd, &bytes[at..at + BLOCK]);
    let apart = [2, 1, 0, ANY, 5, 4, 3, ANY, 8, 7, 6, ANY, 11, 10, 9, ANY];
    let windows: u32x8<S> = moved_in_halves(half(0).combine(half(12)), apart).bitcast();
    let are_three = (windows & 0xf0_c0c0).simd_eq(0xe0_8080);
    let codes = windows >> 4 & 0xf000 | windows >> 2 & 0x0fc0 | windows & 0x3f;
    (codes, are_three)
}

/// Writes the escapes, of 6 bytes each, of the characters that `bytes` begins with, as far as they take three bytes and
/// are certain to have no case; tells how many of eight those are.
#[inline(always)]
pub(super) fn of_three_bytes<S: Simd>(
    simd: S,
    bytes: &[u8; WINDOW],
    to: &mut [u8; EIGHT_SHORT],
) -> usize {
    let (codes, are_three) = taken_apart(simd, bytes);
    // The bits of the first block, whose codes take fewer bytes, and of the surrogates' are not set.
    let blocks = codes >> CASELESS_BLOCK.trailing_zeros();
    let are_caseless = (u32x8::splat(simd, CASELESS) >> blocks & 1).simd_eq(1)
        | (codes & !(KOREAN.end - KOREAN.start - 1)).simd_eq(KOREAN.start);

    // The last four hexadecimal digits of each code as bytes, the first one lowest.
    let digits =
        codes >> 12 & 0x0f | codes & 0x0f00 | codes << 12 & 0x0f_0000 | codes << 24 & 0x0f00_0000;
    let table = u8x16::simd_from(simd, *b"0123456789abcdef");
    let digits = table
        .combine(table)
        .swizzle_dyn_within_blocks(digits.to_bytes());
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
    (are_three & are_caseless).to_bitmask().trailing_ones() as usize
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
    let low =
        codes >> 12 & 0x0f | codes & 0x0f00 | codes << 12 & 0x0f_0000 | codes << 24 & 0x0f00_0000;
    let digits = u8x16::simd_from(simd, *b"0123456789abcdef");
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
    (are_four & are_past).to_bitmask().trailing_ones() as usize
}

/// The bytes in other places.
#[inline(always)]
fn moved<S: Simd>(bytes: u8x16<S>, places: [u8; BLOCK]) -> u8x16<S> {
    bytes.swizzle_dyn_precise(places)
}

/// The bytes of either half in other places of it.
#[inline(always)]
fn moved_in_halves<S: Simd>(bytes: u8x32<S>, places: [u8; BLOCK]) -> u8x32<S> {
    bytes.swizzle_dyn_within_blocks(twice(bytes.simd, places))
}

/// The bytes, but what `text` has where that is not zero, in either half.
#[inline(always)]
fn between<S: Simd>(bytes: u8x32<S>, text: &[u8; BLOCK]) -> u8x32<S> {
    let free = text.map(|byte| if byte == 0 { u8::MAX } else { 0 });
    bytes & twice(bytes.simd, free) | twice(bytes.simd, *text)
}

#[inline(always)]
fn twice<S: Simd>(simd: S, half: [u8; BLOCK]) -> u8x32<S> {
    let half = u8x16::simd_from(simd, half);
    half.combine(half)
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
    fn the_code_of_each_character_of_three_bytes_is_told_in_each_place() {
        for c in '\0'..'\u{20000}' {
            let place = c as usize % 8;
            let mut text = [*b"\xe1\x83\xa1"; 8].concat();
            text.splice(3 * place..3 * place + 3, c.to_string().into_bytes());
            let window = text.into_iter().chain([b'!'; WINDOW]).take(WINDOW);
            let bytes: Vec<u8> = window.collect();
            let bytes = bytes.first_chunk().expect("there are as many");
            for level in [Level::baseline(), Level::new()] {
                let (codes, count) = dispatch!(level, simd => codes_of_three_bytes(simd, bytes));
                if c.len_utf8() == 3 {
                    assert_eq!((codes[place], count), (u32::from(c), 8), "{c:?}");
                } else {
                    assert_eq!(count, place, "{c:?}");
                }
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
