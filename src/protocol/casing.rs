//! Letters, one at a time and by the book: what the Unicode tables of the standard library say, and no more.
//!
//! This is where the meaning is; [`forms`](super::forms) is made from it, and [`reply`](super::reply) makes it fast.

use std::ops::Range;

/// Where in Unicode there is anything to know, past ASCII: outside of these ranges no character has a case mapping,
/// none is cased and none case-ignorable. A test looks at every scalar value whether that is still so.
pub(super) const AREAS: [Range<u32>; 7] = [
    0x80..0x3400,
    0xa000..0xac00,
    0xfb00..0x1_2000,
    0x1_3400..0x1_3480,
    0x1_6000..0x1_7000,
    0x1_af80..0x1_f400,
    0xe_0000..0xe_0200,
];

/// Appends the upper case of `c`: up to three characters, whatever is around it.
pub(super) fn push_upper(c: char, into: &mut String) {
    into.extend(c.to_uppercase());
}

/// Appends the lower case of `c` as if it stood alone; that a capital sigma has two is for
/// [`title`](super::title::ends_word) to decide.
pub(super) fn push_lower(c: char, into: &mut String) {
    into.extend(c.to_lowercase());
}

/// Whether a letter after `c` goes on a word: upper, lower or title case, by property, with a mapping or without.
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
    fn there_is_nothing_to_know_outside_the_areas() {
        let outside =
            |c: &char| !c.is_ascii() && !AREAS.iter().any(|area| area.contains(&u32::from(*c)));
        for c in ('\0'..=char::MAX).filter(outside) {
            let code = u32::from(c);
            assert!(
                c.to_uppercase().eq([c]) && c.to_lowercase().eq([c]),
                "U+{code:04X} has a mapping"
            );
            assert!(!is_cased(c), "U+{code:04X} is cased");
            let word: String = ['A', c, 'Σ'].into_iter().collect();
            assert!(
                word.to_lowercase().ends_with('σ'),
                "U+{code:04X} is ignored beside a sigma"
            );
        }
    }
}
