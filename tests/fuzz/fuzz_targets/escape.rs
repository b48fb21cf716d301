//! Any text, made safe to look at: against the same, a character at a time, and cut where that is too long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nbcaser::server::escape::{Escaped, SHOWN, escape};

fuzz_target!(|text: &str| {
    let mut expected = String::new();
    let mut cut = None;
    for (at, c) in text.char_indices() {
        let shown = by_the_book(c);
        if cut.is_none() && expected.len() + shown.len() > SHOWN {
            cut = Some((at, expected.clone()));
        }
        expected += &shown;
    }
    let mut whole = String::new();
    escape(text, &mut whole).expect("a string takes it");
    assert_eq!(whole, expected);
    let shown = Escaped(text).to_string();
    match cut {
        None => assert_eq!(shown, expected),
        Some((_, beginning)) => assert_eq!(shown, format!("{beginning}... ({} bytes)", text.len())),
    }
});

/// Cc is C0, DEL and C1; the rest are the separators of lines and what turns text around.
fn by_the_book(c: char) -> String {
    let code = u32::from(c);
    let turns = [0x61c, 0x200e, 0x200f].contains(&code)
        || (0x202a..=0x202e).contains(&code)
        || (0x2066..=0x2069).contains(&code);
    match c {
        '\t' => c.into(),
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        _ if c.is_control() => format!("\\x{code:02x}"),
        '\u{2028}' | '\u{2029}' => format!("\\u{code:04x}"),
        _ if turns => format!("\\u{code:04x}"),
        _ => c.into(),
    }
}
