//! Letters, one at a time and by the book: what the Unicode tables of the standard library say, and
//! no more.
//!
//! This is where the meaning is; [`forms`](super::forms) is made from it, and
//! [`reply`](super::reply) makes it fast.

use std::ops::{Range, RangeInclusive};

/// Where in Unicode the letters are that have a case, past ASCII: no other character has a case
/// mapping or is cased. A test looks at every scalar value whether that is still so.
pub(super) const CASED_AREAS: [Range<u32>; 15] = [
    0x80..0x600,
    0x1080..0x1400,
    0x1c80..0x2200,
    0x2480..0x2e00,
    0xa600..0xac00,
    0xfb00..0xfb80,
    0xff00..0xff80,
    0x1_0400..0x1_0e00,
    0x1_1880..0x1_1900,
    0x1_6e00..0x1_6f00,
    0x1_d400..0x1_d800,
    0x1_df00..0x1_df80,
    0x1_e000..0x1_e080,
    0x1_e900..0x1_e980,
    0x1_f100..0x1_f200,
];

/// The blocks of 2,048 characters that take three bytes and have no case, a bit each, the first one's the
/// lowest: the scripts of India, Thailand, China and Japan, two thirds of Korea's.
pub(super) const CASELESS: u32 = 0x77cf_ffc2;
pub(super) const CASELESS_BLOCK: u32 = 0x800;

/// Half of such a block, which has the other third.
pub(super) const KOREAN: Range<u32> = CASED_AREAS[4].end..0xb000;

/// What is past them all: emoji, and rare characters of China and Japan.
pub(super) const PAST_ALL_CASE: RangeInclusive<u32> = CASED_AREAS[14].end..=char::MAX as u32;

/// Appends the upper case of `c`: up to three characters, whatever is around it.
pub(super) fn push_upper(c: char, into: &mut String) {
    into.extend(c.to_uppercase());
}

/// Appends the lower case of `c` as if it stood alone; that a capital sigma has two is for
/// [`title`](super::title::ends_word) to decide.
pub(super) fn push_lower(c: char, into: &mut String) {
    into.extend(c.to_lowercase());
}

/// Whether a letter after `c` goes on a word: upper, lower or title case, by property, with a
/// mapping or without.
pub(super) fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || is_title_case(c)
}

/// General category Lt, complete: digraphs, and Greek capitals with an iota beside them.
fn is_title_case(c: char) -> bool {
    matches!(c,
        'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | 'ᾈ'..='ᾏ' | 'ᾘ'..='ᾟ' | 'ᾨ'..='ᾯ' | 'ᾼ' | 'ῌ' | 'ῼ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_case_outside_the_areas() {
        let outside = |c: &char| {
            !c.is_ascii() && !CASED_AREAS.iter().any(|area| area.contains(&u32::from(*c)))
        };
        for c in ('\0'..=char::MAX).filter(outside) {
            let code = u32::from(c);
            assert!(
                c.to_uppercase().eq([c]) && c.to_lowercase().eq([c]),
                "U+{code:04X} has a mapping"
            );
            assert!(!is_cased(c), "U+{code:04X} is cased");
        }
    }

    #[test]
    fn caseless_is_each_block_outside_the_areas_that_takes_three_bytes() {
        let is_free = |block: &[u32]| {
            block.iter().all(|&code| {
                let is_in_area = CASED_AREAS.iter().any(|area| area.contains(&code));
                !is_in_area && char::from_u32(code).is_some_and(|c| c.len_utf8() == 3)
            })
        };
        let codes: Vec<u32> = (0..0x1_0000).collect();
        for block in codes.chunks(CASELESS_BLOCK as usize) {
            let is_free = is_free(block);
            let is_caseless = CASELESS >> (block[0] / CASELESS_BLOCK) & 1 == 1;
            assert_eq!(is_caseless, is_free, "U+{:04X}", block[0]);
        }
    }
}
