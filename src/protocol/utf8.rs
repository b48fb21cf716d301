//! One character off the front or the back of bytes that may not be UTF-8.
//!
//! To check a whole line first, as `str::from_utf8` does, would take as long again as to answer it
//! (0.7 ns a byte of Greek text): so the check is made on the way.

use fearless_simd::{Simd, i8x32, mask32x8, prelude::*, u8x16, u8x32, u32x8};

use super::registers::{BLOCK, WINDOW, leading, moved_in_halves};

/// How many characters take one byte.
pub(super) const ASCII: usize = 0x80;

/// The code of the character that `bytes` begins with, and its length in bytes. `None` if there is
/// none or it is not UTF-8, except that surrogates and codes past U+10FFFF get through: those
/// `char::from_u32` refuses.
#[expect(
    clippy::inline_always,
    reason = "as a call it returns through memory, for every character"
)]
#[inline(always)]
pub(super) fn first_code(bytes: &[u8]) -> Option<(u32, usize)> {
    // The first byte lowest. One load and one comparison for each length, instead of one for each
    // byte.
    let window = match bytes.first_chunk() {
        Some(&window) => u32::from_le_bytes(window),
        None if bytes.is_empty() => return None,
        None => u32::from_le_bytes(with_zeros(bytes)),
    };
    let bits = |byte: u32, mask: u32, shift: u32| (window >> (8 * byte) & mask) << shift;
    // Longer than need be is not UTF-8 either, hence the least code of each length.
    if window & 0x80 == 0 {
        Some((bits(0, 0x7f, 0), 1))
    } else if window & 0xc0e0 == 0x80c0 {
        let code = bits(0, 0x1f, 6) | bits(1, 0x3f, 0);
        (code >= 0x80).then_some((code, 2))
    } else if window & 0xc0_c0f0 == 0x80_80e0 {
        let code = bits(0, 0x0f, 12) | bits(1, 0x3f, 6) | bits(2, 0x3f, 0);
        (code >= 0x800).then_some((code, 3))
    } else if window & 0xc0c0_c0f8 == 0x8080_80f0 {
        let code = bits(0, 0x07, 18) | bits(1, 0x3f, 12) | bits(2, 0x3f, 6) | bits(3, 0x3f, 0);
        (code >= 0x1_0000).then_some((code, 4))
    } else {
        None
    }
}

/// The first two characters, if each takes one or two bytes and they are not both ASCII: as most are
/// in Greek or Cyrillic, blanks included. Gives their places in a table that has ASCII first and then
/// what takes two bytes, by code, and how many bytes they take. What is longer than need be gets
/// through: with a code below 0x80 behind ASCII.
#[expect(clippy::inline_always, reason = "as for `first_code`")]
#[inline(always)]
pub(super) fn first_two(bytes: &[u8]) -> Option<([usize; 2], usize)> {
    let window = u32::from_le_bytes(*bytes.first_chunk()?);
    let one = |shift: u32| (window >> shift & 0x7f) as usize;
    let two = |shift: u32| {
        let window = window >> shift;
        ASCII + ((window & 0x1f) << 6 | window >> 8 & 0x3f) as usize
    };
    if window & 0xc0e0_c0e0 == 0x80c0_80c0 {
        Some(([two(0), two(16)], 4))
    } else if window & 0x80_c0e0 == 0x80c0 {
        Some(([two(0), one(16)], 3))
    } else if window & 0xc0_e080 == 0x80_c000 {
        Some(([one(0), two(8)], 3))
    } else {
        None
    }
}

/// How many bytes there are before the first that is ASCII.
#[inline(always)]
#[expect(clippy::inline_always, reason = "registers are those of the caller")]
pub(super) fn before_ascii<S: Simd>(simd: S, bytes: &[u8; WINDOW]) -> usize {
    let bytes: i8x32<S> = u8x32::simd_from(simd, *bytes).bitcast();
    leading(bytes.simd_lt(0))
}

/// The codes of the eight characters of three bytes that `bytes` begins with, and which of them are such. What is longer
/// than need be and surrogates get through.
#[inline(always)]
#[expect(clippy::inline_always, reason = "registers are those of the caller")]
pub(super) fn of_three<S: Simd>(simd: S, bytes: &[u8; WINDOW]) -> (u32x8<S>, mask32x8<S>) {
    // Four of them in either half of the register.
    let half = |at: usize| u8x16::from_slice(simd, &bytes[at..at + BLOCK]);
    // The first byte highest, and on top one that is masked out.
    let apart = [2, 1, 0, 0, 5, 4, 3, 0, 8, 7, 6, 0, 11, 10, 9, 0];
    let windows: u32x8<S> = moved_in_halves(half(0).combine(half(12)), apart).bitcast();
    let are_three = (windows & 0xf0_c0c0).simd_eq(0xe0_8080);
    let codes = windows >> 4 & 0xf000 | windows >> 2 & 0x0fc0 | windows & 0x3f;
    (codes, are_three)
}

/// The first bytes; where there are not so many, in `padded`, zeros behind, which are no part of any character.
#[inline(always)]
#[expect(clippy::inline_always, reason = "it is to stay in registers")]
pub(super) fn window<'a, const N: usize>(
    bytes: &'a [u8],
    padded: &'a mut Option<[u8; N]>,
) -> &'a [u8; N] {
    match bytes.first_chunk() {
        Some(window) => window,
        None => padded.insert(with_zeros(bytes)),
    }
}

#[cold]
fn with_zeros<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut window = [0; N];
    window[..bytes.len()].copy_from_slice(bytes);
    window
}

/// The character that `bytes` begins with, and its length in bytes; `None` if there is none or it
/// is not UTF-8.
fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let (code, length) = first_code(bytes)?;
    Some((char::from_u32(code)?, length))
}

/// The character that `bytes` ends with, and its length in bytes; `None` if there is none or it is
/// not UTF-8.
pub(super) fn last_char(bytes: &[u8]) -> Option<(char, usize)> {
    let length = bytes
        .iter()
        .rev()
        .take(4)
        .position(|byte| byte & 0xc0 != 0x80)?
        + 1;
    first_char(&bytes[bytes.len() - length..]).filter(|&(_, found)| found == length)
}

/// The characters of `bytes` from the front, up to the first that is not UTF-8.
pub(super) fn chars(mut bytes: &[u8]) -> impl Iterator<Item = char> {
    std::iter::from_fn(move || {
        let (c, length) = first_char(bytes)?;
        bytes = &bytes[length..];
        Some(c)
    })
}

/// The characters of `bytes` from the back, up to the first that is not UTF-8.
pub(super) fn chars_back(mut bytes: &[u8]) -> impl Iterator<Item = char> {
    std::iter::from_fn(move || {
        let (c, length) = last_char(bytes)?;
        bytes = &bytes[..bytes.len() - length];
        Some(c)
    })
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    #[test]
    fn every_beginning_is_taken_as_the_standard_library_takes_it() {
        // The third and the fourth byte have just the continuation bits to be looked at.
        let late = [0, 0x7f, 0x80, 0x9f, 0xbf, 0xc0, 0xff];
        for (a, b) in (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).map(move |b| (a, b))) {
            for (c, d) in late
                .into_iter()
                .flat_map(|c| late.into_iter().map(move |d| (c, d)))
            {
                let bytes = [a, b, c, d];
                for length in 1..=4 {
                    let bytes = &bytes[..length];
                    let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
                    let expected = valid.chars().next().map(|c| (c, c.len_utf8()));
                    assert_eq!(first_char(bytes), expected, "{bytes:x?}");
                    let last = (0..length)
                        .find_map(|from| str::from_utf8(&bytes[from..]).ok())
                        .unwrap_or_default();
                    let expected = last.chars().next_back().map(|c| (c, c.len_utf8()));
                    assert_eq!(last_char(bytes), expected, "{bytes:x?}");
                }
            }
        }
        assert_eq!((first_char(b""), last_char(b"")), (None, None));
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
                let (codes, count) = dispatch!(level, simd => {
                    let (codes, are_three) = of_three(simd, bytes);
                    (*codes, leading(are_three))
                });
                if c.len_utf8() == 3 {
                    assert_eq!((codes[place], count), (u32::from(c), 8), "{c:?}");
                } else {
                    assert_eq!(count, place, "{c:?}");
                }
            }
        }
    }
}
