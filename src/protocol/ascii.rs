//! Quoting: text as a literal in ASCII, as Python's `ascii()` writes it.
//!
//! No case mapping creates or removes a quote or a backslash, so the quote is chosen by the text as
//! it came in, and the answer is written in one pass.

use memchr::memchr;

/// The quote that goes around `text`: the single one, unless that would need escapes and the double
/// one would not. Costs a search of the text, two if it has a `'`.
pub(super) fn quote_for(text: &[u8]) -> u8 {
    if memchr(b'\'', text).is_some() && memchr(b'"', text).is_none() {
        b'"'
    } else {
        b'\''
    }
}

/// The hexadecimal digits of every byte: a look-up for two digits, where there are four to write a
/// character.
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

/// The beginning of an escape of four digits, by the first two: one look-up for a store of 4 bytes.
const HEAD: [[u8; 4]; 256] = {
    let mut table = [*b"\\u00"; 256];
    let mut byte = 0;
    while byte < 256 {
        [table[byte][2], table[byte][3]] = HEX[byte];
        byte += 1;
    }
    table
};

/// A character of U+0100 to U+FFFF between quotes.
#[inline]
pub(super) fn four_digits(code: u32) -> [u8; 6] {
    let [_, _, high, low] = code.to_be_bytes();
    let mut text = [0; 6];
    text[..4].copy_from_slice(&HEAD[usize::from(high)]);
    text[4..].copy_from_slice(&HEX[usize::from(low)]);
    text
}

/// A character past U+FFFF between quotes.
#[inline]
pub(super) fn eight_digits(code: u32) -> [u8; LONGEST] {
    let [_, plane, high, low] = code.to_be_bytes();
    let mut text = *b"\\U00000000";
    text[4..6].copy_from_slice(&HEX[usize::from(plane)]);
    text[6..8].copy_from_slice(&HEX[usize::from(high)]);
    text[8..].copy_from_slice(&HEX[usize::from(low)]);
    text
}

/// The longest escape, `\U` and 8 digits.
pub(super) const LONGEST: usize = 10;

/// Writes `c` to the front of `to` as it stands between quotes, and returns how many bytes that
/// took. A quote is written as it is: whether it needs a backslash is for the caller to know.
#[inline]
pub(super) fn escape(c: char, to: &mut [u8]) -> usize {
    let low = u32::from(c).to_be_bytes()[3];
    // In the order of how often it is asked.
    match c {
        '\u{100}'..='\u{ffff}' => {
            to[..6].copy_from_slice(&four_digits(u32::from(c)));
            6
        }
        '\u{10000}'.. => {
            to[..LONGEST].copy_from_slice(&eight_digits(u32::from(c)));
            LONGEST
        }
        '\\' | '\t' | '\n' | '\r' => {
            to[0] = b'\\';
            to[1] = match c {
                '\t' => b't',
                '\n' => b'n',
                '\r' => b'r',
                _ => b'\\',
            };
            2
        }
        ' '..='~' => {
            to[0] = low;
            1
        }
        _ => {
            to[..2].copy_from_slice(b"\\x");
            to[2..4].copy_from_slice(&HEX[usize::from(low)]);
            4
        }
    }
}
