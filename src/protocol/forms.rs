//! Every letter as it stands in a reply, cased and quoted, ready to be copied.
//!
//! The standard library finds a case mapping by binary search, some 20 ns a character; then the
//! result must be escaped. Both depend on the character alone (but for the sigma), so both are done
//! once for all characters that have anything to do with case, when the first line that is not
//! plain comes in: in 1 to 2 ms for each mode. After that a character costs a look-up and a copy of
//! 16 bytes.

use std::sync::LazyLock;

use super::ascii;
use super::casing::{CASED_AREAS, is_cased, push_lower, push_upper};
use super::title::push_title;
use super::utf8::ASCII;

/// What is copied at once; what is behind the length of it is overwritten by the next one.
pub(super) const WIDTH: usize = 16;

/// The longest text of one character: three Greek ones, `\u` and four digits each.
pub(super) const LONGEST: usize = 18;

/// How one character looks in a reply.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// The text, then its length, then whether the *source* character is cased: 14 + 1 + 1, so that
    /// one move copies it.
    bytes: [u8; WIDTH],
}

impl Form {
    const LENGTH: usize = WIDTH - 2;
    const CASED: usize = WIDTH - 1;

    fn new(text: &[u8], length: usize, cased: bool) -> Self {
        let mut bytes = [0; WIDTH];
        bytes[..text.len()].copy_from_slice(text);
        bytes[Self::LENGTH] = length as u8;
        bytes[Self::CASED] = u8::from(cased);
        Self { bytes }
    }

    /// The text is the first [`Form::length`] bytes of it.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8; WIDTH] {
        &self.bytes
    }

    /// 0 if the text is not here: see [`Forms::long`]. (The remainder changes nothing, and saves the
    /// check that what is copied next lies within bounds.)
    #[inline]
    pub(super) fn length(&self) -> usize {
        usize::from(self.bytes[Self::LENGTH]) % WIDTH
    }

    #[inline]
    pub(super) fn is_cased(&self) -> bool {
        self.bytes[Self::CASED] != 0
    }
}

/// Appends a character in some case.
type Case = fn(char, &mut String);

/// Characters are kept in pages of 128, and pages without a letter are not kept.
pub(super) const PAGE: usize = 128;

/// The forms of all letters in `N` roles: for upper case there is one role; for title case there
/// are two, the character that begins a word and the one that goes on.
///
/// The parts are slices, which live as long as the program, so that a loop has their addresses at
/// hand.
#[derive(Clone, Copy)]
pub(super) struct Forms<const N: usize> {
    /// All characters of one or two bytes, at their places by [`first_two`](super::utf8::first_two):
    /// the letters of Europe and the Near East need no search.
    pub(super) short: &'static [[Form; N]; ASCII + LOW],
    /// For each page of Unicode where it is in `pages`.
    index: &'static [u8; PAGES],
    pages: &'static [[[Form; N]; PAGE]],
    /// What does not fit in a form; in its stead that has the place in here.
    long: &'static [[u8; LONGEST]],
}

/// There are more than Unicode has: all that the bits of four bytes can say, so that no index needs
/// a check.
const PAGES: usize = 0x20_0000 / PAGE;

/// The first code that takes three bytes.
const LOW: usize = 0x800;

/// Not in `pages`, in the index; open, in a form.
const NONE: u8 = u8::MAX;

impl<const N: usize> Forms<N> {
    /// The forms of the character of that code, which takes `length` bytes. `None` if it is
    /// caseless in all roles, and its form but its escape.
    #[inline]
    pub(super) fn get(&self, code: u32, length: usize) -> Option<&'static [Form; N]> {
        match length {
            1 => return Some(&self.short[code as usize % ASCII]),
            2 => return Some(&self.short[ASCII + code as usize % LOW]),
            _ => {}
        }
        self.in_page(code)
    }

    /// The forms of the character of that code, if there is a page with it: never for one that takes
    /// less than three bytes.
    #[inline]
    pub(super) fn in_page(&self, code: u32) -> Option<&'static [Form; N]> {
        Some(&self.page(code)?[code as usize % PAGE])
    }

    /// All forms of the page that the character of that code is on.
    #[inline]
    pub(super) fn page(&self, code: u32) -> Option<&'static [[Form; N]; PAGE]> {
        let page = self.index[code as usize / PAGE % PAGES];
        self.pages.get(usize::from(page))
    }

    /// The text of a form of length 0; `None` if what is around the character decides, as for
    /// quotes and sigmas.
    pub(super) fn long(&self, form: &Form) -> Option<&'static [u8; LONGEST]> {
        self.long.get(usize::from(form.bytes[0]))
    }

    /// Writes down what `cases`, one for each role, make of each character; `counts` tells which
    /// are cased.
    fn new(cases: [Case; N], counts: fn(char) -> bool) -> Self {
        let (mut index, mut pages, mut long) = (Box::new([NONE; PAGES]), Vec::new(), Vec::new());
        let mut text = String::new();
        // For the code, all roles; and whether there was any need for it.
        let mut forms_of = |code: u32| {
            // A surrogate is no character; nobody will ask for it.
            let c = char::from_u32(code).unwrap_or('\0');
            let mut needed = counts(c);
            let forms = cases.map(|case| {
                text.clear();
                case(c, &mut text);
                needed |= !text.chars().eq([c]);
                form(&text, counts(c), &mut long)
            });
            (forms, needed)
        };
        // What takes two bytes though it is ASCII is not UTF-8: those 128 places are left open.
        let open = [Form::new(&[NONE], 0, false); N];
        let codes = (0..ASCII as u32).map(Some);
        let codes = codes
            .chain([None; ASCII])
            .chain((ASCII as u32..LOW as u32).map(Some));
        let short: Vec<_> = codes
            .map(|code| code.map_or(open, |code| forms_of(code).0))
            .collect();
        for first in CASED_AREAS
            .into_iter()
            .flat_map(|area| area.step_by(PAGE))
            .filter(|&first| first >= LOW as u32)
        {
            let mut needed = false;
            let page: [[Form; N]; PAGE] = std::array::from_fn(|i| {
                let (forms, any) = forms_of(first + i as u32);
                needed |= any;
                forms
            });
            if needed {
                index[first as usize / PAGE] =
                    u8::try_from(pages.len()).expect("fewer than 255 pages have letters");
                pages.push(page);
            }
        }
        let short = short
            .leak()
            .first_chunk()
            .expect("it has one for each code");
        Self {
            short,
            index: Box::leak(index),
            pages: pages.leak(),
            long: long.leak(),
        }
    }
}

/// The form with `text` in it, escaped, or in `long`.
fn form(text: &str, cased: bool, long: &mut Vec<[u8; LONGEST]>) -> Form {
    if matches!(text, "'" | "\"" | "") {
        return Form::new(&[NONE], 0, cased);
    }
    let mut escaped = Vec::new();
    for c in text.chars() {
        let mut one = [0; ascii::LONGEST];
        let length = ascii::escape(c, &mut one);
        escaped.extend_from_slice(&one[..length]);
    }
    if escaped.len() <= Form::LENGTH {
        return Form::new(&escaped, escaped.len(), cased);
    }
    long.push(
        escaped
            .try_into()
            .expect("what is over 14 bytes long is three Greek characters"),
    );
    Form::new(
        &[u8::try_from(long.len() - 1).expect("a few dozen are so long")],
        0,
        cased,
    )
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
