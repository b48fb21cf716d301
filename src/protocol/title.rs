//! Title case: the first letter of each word, and the two sigmas.

use std::ops::Range;
use std::sync::LazyLock;

use super::casing::{is_cased, push_lower, push_upper};

/// Appends the title case of `c`. The standard library does not offer it; but it is the upper case
/// save for 135 characters, the same in every version of Unicode from 14 to 18.
pub(super) fn push_title(c: char, into: &mut String) {
    match c {
        // Digraphs: only their first half becomes a capital.
        'Ǆ'..='ǆ' => into.push('ǅ'),
        'Ǉ'..='ǉ' => into.push('ǈ'),
        'Ǌ'..='ǌ' => into.push('ǋ'),
        'Ǳ'..='ǳ' => into.push('ǲ'),
        // Georgian capitals are for whole words only.
        'ა'..='ჺ' | 'ჽ'..='ჿ' => into.push(c),
        // Greek with iota subscript keeps it below the capital.
        'ᾀ'..='ᾯ' => into.extend(char::from_u32(u32::from(c) | 8)),
        'ᾳ' | 'ᾼ' => into.push('ᾼ'),
        'ῃ' | 'ῌ' => into.push('ῌ'),
        'ῳ' | 'ῼ' => into.push('ῼ'),
        'ᾲ' | 'ᾴ' | 'ᾷ' | 'ῂ' | 'ῄ' | 'ῇ' | 'ῲ' | 'ῴ' | 'ῷ' => {
            into.extend(
                c.to_uppercase()
                    .map(|u| if u == 'Ι' { '\u{345}' } else { u }),
            );
        }
        // Ligatures: a capital, then small letters.
        'ß' | 'և' | 'ﬀ'..='ﬆ' | 'ﬓ'..='ﬗ' => {
            let mut letters = c.to_uppercase();
            into.extend(letters.next());
            letters.for_each(|letter| push_lower(letter, into));
        }
        _ => push_upper(c, into),
    }
}

/// Whether the capital sigma between `before` and `after` ends its word, and so becomes `ς` instead
/// of `σ`: there is a cased character before it and none after it, not looking at those that are
/// case-ignorable.
///
/// Costs a look at each case-ignorable character beside the sigma. Since a sigma is not one itself,
/// no character is looked at for more than two of them, and a line takes O(n) whatever is in it.
pub(super) fn ends_word(
    before: impl Iterator<Item = char>,
    after: impl Iterator<Item = char>,
    cased: impl Fn(char) -> bool,
) -> bool {
    let is_cased = |c: Option<char>| c.is_some_and(&cased);
    // What is behind it settles most.
    !is_cased({ after }.find(|&c| !is_case_ignorable(c)))
        && is_cased({ before }.find(|&c| !is_case_ignorable(c)))
}

/// The same for a sigma behind a cased character, where what is right beside it tells: letters of Greek and ASCII, of which
/// none is case-ignorable, and what there is between words. `before` ends in that character, `after` begins behind the
/// sigma.
pub(super) fn ends_word_at_once(before: &[u8], after: &[u8]) -> Option<bool> {
    let ([.., 0xce | 0xcf, _] | [.., b'A'..=b'Z' | b'a'..=b'z']) = before else {
        return None;
    };
    match after {
        []
        | [
            b' ' | b',' | b';' | b'!' | b'?' | b'-' | b'(' | b')' | b'"',
            ..,
        ] => Some(true),
        [b'A'..=b'Z' | b'a'..=b'z', ..]
        | [0xce, 0x91..=0xa1 | 0xa3..=0xbf, ..]
        | [0xcf, 0x80..=0x8e, ..] => Some(false),
        _ => None,
    }
}

/// Property `Case_Ignorable`: apostrophes, full stops, accents, modifier letters and such.
fn is_case_ignorable(c: char) -> bool {
    static IGNORABLE: LazyLock<Vec<u64>> = LazyLock::new(find_case_ignorable);
    let at = c as usize;
    IGNORABLE
        .get(at / 64)
        .is_some_and(|word| word >> (at % 64) & 1 == 1)
}

/// Where in Unicode there are case-ignorable characters; as for the letters, a test looks at all
/// the rest.
const IGNORABLE_AREAS: [Range<u32>; 14] = [
    0..0x3100,
    0xa000..0xac00,
    0xfb00..0x1_0000,
    0x1_0180..0x1_0400,
    0x1_0780..0x1_0800,
    0x1_0a00..0x1_2000,
    0x1_3400..0x1_3480,
    0x1_6100..0x1_6180,
    0x1_6a80..0x1_7000,
    0x1_af80..0x1_b000,
    0x1_bc80..0x1_bd00,
    0x1_cf00..0x1_d280,
    0x1_da00..0x1_f400,
    0xe_0000..0xe_0200,
];

/// The property of all characters, a bit each. The standard library keeps it to itself, so it is
/// asked through the one thing that shows it: what a sigma becomes behind a character. Takes some 4
/// ms, once, at the first sigma in a word.
fn find_case_ignorable() -> Vec<u64> {
    let mut bits = vec![0; IGNORABLE_AREAS[IGNORABLE_AREAS.len() - 1].end as usize / 64];
    for c in IGNORABLE_AREAS
        .into_iter()
        .flatten()
        .filter_map(char::from_u32)
    {
        if shows_ignorable(c) {
            bits[c as usize / 64] |= 1 << (c as usize % 64);
        }
    }
    bits
}

/// Whether a sigma looks through `c`. If it does, the character before that counts; if not, `c`
/// itself does; and the two are made to differ.
fn shows_ignorable(c: char) -> bool {
    let cased = is_cased(c);
    let mut probe = String::from(if cased { '1' } else { 'A' });
    probe.extend([c, 'Σ']);
    probe.to_lowercase().ends_with('ς') != cased
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_beside_a_sigma_tells_what_all_would_tell() {
        let short = || ('\0'..'\u{800}').map(Some).chain([None]);
        let mut told = 0;
        for before in short().flatten().filter(|&c| is_cased(c)) {
            for after in short() {
                let behind = after.map(String::from).unwrap_or_default();
                let before = before.to_string();
                let expected = ends_word(before.chars().rev(), behind.chars(), is_cased);
                if let Some(ends) = ends_word_at_once(before.as_bytes(), behind.as_bytes()) {
                    assert_eq!(ends, expected, "{before}Σ{behind}");
                    told += 1;
                }
            }
        }
        assert!(told > 10_000, "{told}");
    }

    #[test]
    fn nothing_is_ignored_outside_the_areas() {
        let outside = |c: &char| {
            !IGNORABLE_AREAS
                .iter()
                .any(|area| area.contains(&u32::from(*c)))
        };
        for c in ('\0'..=char::MAX).filter(outside) {
            assert!(!shows_ignorable(c), "U+{:04X}", u32::from(c));
        }
    }
}
