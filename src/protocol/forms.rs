//! Every letter as it stands in a reply, cased and quoted, ready to be copied.
//!
//! The standard library finds a case mapping by binary search, 20 to 30 ns a character; then the result must be
//! escaped. Both depend on the character alone (but for the sigma), so both are done once for all characters that have
//! anything to do with case, when the first line that is not plain comes in: in about 2 ms, for 400 KiB. After that a
//! character costs a look-up and a copy of 16 bytes.

use std::sync::LazyLock;

use super::ascii::{self, LONGEST};
use super::casing::{AREAS, is_cased, push_lower, push_upper};
use super::title::push_title;

/// What is copied at once; what is behind `length` of it is overwritten by the next one.
pub(super) const WIDTH: usize = 16;

/// How one character looks in a reply.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// The text, then its length, then whether the *source* character is cased: 14 + 1 + 1, so that one move copies it.
    bytes: [u8; WIDTH],
}

impl Form {
    const LENGTH: usize = WIDTH - 2;
    const CASED: usize = WIDTH - 1;

    /// The text is the first [`Form::length`] bytes of it.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8; WIDTH] {
        &self.bytes
    }

    /// 0 for the few that the table cannot say: quotes, a sigma within a word, and what becomes three characters.
    #[inline]
    pub(super) fn length(&self) -> usize {
        usize::from(self.bytes[Self::LENGTH])
    }

    #[inline]
    pub(super) fn is_cased(&self) -> bool {
        self.bytes[Self::CASED] != 0
    }

    fn of(text: &str, cased: bool) -> Self {
        let mut bytes = [0; WIDTH];
        let mut length = 0;
        for c in text.chars() {
            let mut escaped = [0; LONGEST];
            let more = ascii::escape(c, &mut escaped);
            if matches!(c, '\'' | '"') || length + more > Self::LENGTH {
                length = 0;
                break;
            }
            bytes[length..length + more].copy_from_slice(&escaped[..more]);
            length += more;
        }
        bytes[Self::LENGTH] = length as u8;
        bytes[Self::CASED] = u8::from(cased);
        Self { bytes }
    }
}

/// Appends a character in some case.
type Case = fn(char, &mut String);

/// Characters are kept in pages of 128, and pages without a letter are not kept.
const PAGE: usize = 128;

/// The forms of all letters in `N` roles: for upper case there is one role; for title case there are two, the character
/// that begins a word and the one that goes on.
pub(super) struct Forms<const N: usize> {
    cases: [Case; N],
    /// For each page of Unicode where it is in `pages`.
    index: Vec<u8>,
    pages: Vec<[[Form; N]; PAGE]>,
}

/// Not in `pages`.
const NONE: u8 = u8::MAX;

impl<const N: usize> Forms<N> {
    /// The forms of `c`; `None` if it is caseless in all roles, and its form but its escape.
    #[inline]
    pub(super) fn get(&self, c: char) -> Option<&[Form; N]> {
        let page = *self.index.get(c as usize / PAGE)?;
        Some(&self.pages.get(usize::from(page))?[c as usize % PAGE])
    }

    /// The long way: `c` in the given role, not escaped.
    pub(super) fn spell(&self, role: usize, c: char) -> String {
        let mut text = String::new();
        self.cases[role](c, &mut text);
        text
    }

    /// Writes down what `cases`, one for each role, make of each character; `counts` tells which are cased.
    fn new(cases: [Case; N], counts: fn(char) -> bool) -> Self {
        let mut forms = Self {
            cases,
            index: Vec::new(),
            pages: Vec::new(),
        };
        let mut text = String::new();
        for first in std::iter::once(0..PAGE as u32)
            .chain(AREAS)
            .flat_map(|area| area.step_by(PAGE))
        {
            let mut plain = true;
            let page = std::array::from_fn(|i| {
                // A surrogate is no character; nobody will ask for it.
                let c = char::from_u32(first + i as u32).unwrap_or('\0');
                cases.map(|case| {
                    text.clear();
                    case(c, &mut text);
                    plain &= text.chars().eq([c]) && !counts(c);
                    Form::of(&text, counts(c))
                })
            });
            if !plain {
                forms.index.resize(first as usize / PAGE, NONE);
                forms.index.push(
                    u8::try_from(forms.pages.len()).expect("fewer than 255 pages have letters"),
                );
                forms.pages.push(page);
            }
        }
        forms
    }
}

/// For upper case mode. Here nothing counts as cased: there are no words.
pub(super) static UPPER: LazyLock<Forms<1>> = LazyLock::new(|| Forms::new([push_upper], |_| false));

/// For title case mode: at the beginning of a word, and after a cased character.
pub(super) static TITLE: LazyLock<Forms<2>> = LazyLock::new(|| {
    let within: Case = |c, into| match c {
        // It depends on what is around it: left open.
        'Σ' => {}
        _ => push_lower(c, into),
    };
    Forms::new([push_title, within], is_cased)
});
