//! The protocol by the book: slow and obvious, one character at a time, from facts that Python
//! stated.
//!
//! Nothing here is shared with the crate: neither code nor data, which is what makes it worth
//! comparing with.
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod arguments;
pub(crate) mod lines;

use std::collections::BTreeMap;
use std::fmt::Write;

/// What `tests/facts/casing.txt` says; see `generate.py` beside it.
pub(crate) struct Facts {
    pub(crate) version: (u8, u8),
    mappings: [BTreeMap<char, String>; 3],
    properties: Vec<u8>,
}

/// Assigned in 14.0, but with other properties since.
const CHANGED: [char; 11] = [
    // Got capitals in 16.0 and 17.0.
    '\u{19b}',
    '\u{264}',
    '\u{a7d3}',
    '\u{a7d5}',
    // Became cased in 15.0; the last one ceased to be after 15.1.
    '\u{10fc}',
    '\u{a7f2}',
    '\u{a7f3}',
    '\u{a7f4}',
    '\u{ab69}',
    '\u{295}',
    // Ceased to be ignored beside a sigma after 15.1.
    '\u{1171e}',
];

#[derive(Clone, Copy)]
pub(crate) enum Mapping {
    Upper,
    Lower,
    Title,
}

#[derive(Clone, Copy)]
pub(crate) enum Property {
    Assigned,
    Space,
    Cased,
    Ignorable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Upper,
    Title,
}

impl Facts {
    pub(crate) fn load() -> Self {
        let mut facts = Self {
            version: (0, 0),
            mappings: Default::default(),
            properties: vec![0; 0x11_0000],
        };
        for line in include_str!("../facts/casing.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
        {
            let (name, rest) = line.split_once(' ').expect("a name and more");
            match name {
                "unicode" => {
                    let mut parts = rest.split('.').map(|part| part.parse().expect("a number"));
                    facts.version = (parts.next().expect("major"), parts.next().expect("minor"));
                }
                "upper" => facts.map(Mapping::Upper, rest),
                "lower" => facts.map(Mapping::Lower, rest),
                "title" => facts.map(Mapping::Title, rest),
                "assigned" => facts.mark(Property::Assigned, rest),
                "space" => facts.mark(Property::Space, rest),
                "cased" => facts.mark(Property::Cased, rest),
                "ignorable" => facts.mark(Property::Ignorable, rest),
                _ => panic!("a fact of what kind? {line}"),
            }
        }
        facts
    }

    fn mark(&mut self, property: Property, range: &str) {
        for code in codes(range) {
            self.properties[code as usize] |= 1 << property as u8;
        }
    }

    fn map(&mut self, mapping: Mapping, rest: &str) {
        let (range, becomes) = rest.split_once(' ').expect("a range and what it becomes");
        for code in codes(range) {
            let text = if becomes.starts_with(['+', '-']) {
                let delta: i32 = becomes.parse().expect("a number");
                String::from(character(code.checked_add_signed(delta).expect("a code")))
            } else {
                becomes
                    .split(' ')
                    .map(|code| character(number(code)))
                    .collect()
            };
            self.mappings[mapping as usize].insert(character(code), text);
        }
    }

    /// Whether Python and the standard library know the same of `c`, each by its version of Unicode.
    pub(crate) fn is_comparable(&self, c: char) -> bool {
        assert_eq!(
            self.version,
            (14, 0),
            "the list of changes is relative to this version"
        );
        self.is(Property::Assigned, c) && !CHANGED.contains(&c)
    }

    pub(crate) fn is(&self, property: Property, c: char) -> bool {
        self.properties[c as usize] & (1 << property as u8) != 0
    }

    fn mapped(&self, mapping: Mapping, c: char) -> String {
        self.mappings[mapping as usize]
            .get(&c)
            .cloned()
            .unwrap_or_else(|| c.into())
    }

    pub(crate) fn upper(&self, text: &str) -> String {
        text.chars()
            .map(|c| self.mapped(Mapping::Upper, c))
            .collect()
    }

    pub(crate) fn title(&self, text: &str) -> String {
        let text: Vec<char> = text.chars().collect();
        let mut result = String::new();
        let mut in_word = false;
        for (i, &c) in text.iter().enumerate() {
            result += &match (in_word, c) {
                (false, _) => self.mapped(Mapping::Title, c),
                (true, 'Σ') if self.ends_word(&text, i) => "ς".into(),
                (true, _) => self.mapped(Mapping::Lower, c),
            };
            in_word = self.is(Property::Cased, c);
        }
        result
    }

    fn ends_word(&self, text: &[char], sigma: usize) -> bool {
        let counts = |c: &&char| !self.is(Property::Ignorable, **c);
        let cased = |c: Option<&char>| c.is_some_and(|&c| self.is(Property::Cased, c));
        cased(text[..sigma].iter().rev().find(counts))
            && !cased(text[sigma + 1..].iter().find(counts))
    }

    pub(crate) fn trimmed<'a>(&self, line: &'a str) -> &'a str {
        line.trim_end_matches(|c| self.is(Property::Space, c))
    }

    /// The answer to one line, and the mode after it.
    pub(crate) fn answer(&self, mode: Mode, line: &[u8]) -> (Vec<u8>, Mode) {
        let (answer, mode) = match (str::from_utf8(line).map(|line| self.trimmed(line)), mode) {
            (Err(error), _) => (
                format!("<invalid UTF-8 at byte {}>", error.valid_up_to()),
                mode,
            ),
            (Ok("quit"), _) => ("quit".to_string(), mode),
            (Ok("title"), Mode::Upper) => {
                ("<switching to title case mode>".to_string(), Mode::Title)
            }
            (Ok("upper"), Mode::Title) => {
                ("<switching to upper case mode>".to_string(), Mode::Upper)
            }
            (Ok(text), Mode::Upper) => {
                (format!("Upper-cased: {}", quoted(&self.upper(text))), mode)
            }
            (Ok(text), Mode::Title) => {
                (format!("Title-cased: {}", quoted(&self.title(text))), mode)
            }
        };
        ((answer + "\r\n").into_bytes(), mode)
    }
}

/// What Python's `ascii()` makes of it.
pub(crate) fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut result = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => result += r"\\",
            '\t' => result += r"\t",
            '\n' => result += r"\n",
            '\r' => result += r"\r",
            _ if c == quote => result.extend(['\\', c]),
            ' '..='~' => result.push(c),
            ..='\u{ff}' => write!(result, "\\x{:02x}", u32::from(c)).unwrap(),
            ..='\u{ffff}' => write!(result, "\\u{:04x}", u32::from(c)).unwrap(),
            _ => write!(result, "\\U{:08x}", u32::from(c)).unwrap(),
        }
    }
    result.push(quote);
    result
}

/// `FIRST..LAST` or `FIRST..LAST/STEP`.
fn codes(range: &str) -> impl Iterator<Item = u32> {
    let (range, step) = range.split_once('/').unwrap_or((range, "1"));
    let (first, last) = range.split_once("..").expect("a range");
    (number(first)..=number(last)).step_by(step.parse().expect("a number"))
}

fn number(digits: &str) -> u32 {
    u32::from_str_radix(digits, 16).expect("hexadecimal digits")
}

fn character(code: u32) -> char {
    char::from_u32(code).expect("a scalar value")
}
