//! Making untrusted text safe to look at.
//!
//! Who can write into a log can draw on the terminal of its reader: move the cursor, retitle the window, begin a forged
//! line, show text backwards. So whatever came from a client, an argument or a panic passes through here first.

use std::fmt::{self, Display, Write};

/// How many bytes [`Escaped`] takes: 1 KiB.
pub const SHOWN: usize = 1024;

/// Shows a text with its control characters escaped, in [`SHOWN`] bytes at the most.
///
/// Escaped are C0 but for the tab, DEL, C1, the line and paragraph separators, and the bidirectional controls; all other
/// text is unchanged, the backslash too: this is for reading, not for parsing back. A text that was cut ends in its whole
/// length in bytes.
///
/// ```
/// use nbcaser::server::escape::Escaped;
///
/// assert_eq!(Escaped("caf\u{e9} \x1b[2J\r\n").to_string(), "caf\u{e9} \\x1b[2J\\r\\n");
/// assert!(Escaped(&"x".repeat(70_000)).to_string().ends_with("xxx... (70000 bytes)"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        let mut shown = 0;
        let cut = text.char_indices().find(|&(_, c)| {
            shown += width(c);
            shown > SHOWN
        });
        match cut {
            None => escape(text, f),
            Some((at, _)) => {
                escape(&text[..at], f)?;
                write!(f, "... ({} bytes)", text.len())
            }
        }
    }
}

/// How many bytes `c` takes when it is shown.
fn width(c: char) -> usize {
    match c {
        '\n' | '\r' => 2,
        c if !is_harmful(c) => c.len_utf8(),
        '\0'..='\u{ff}' => 4,
        _ => 6,
    }
}

/// Writes the whole of `text` to `out`, escaped like [`Escaped`] does.
///
/// # Errors
///
/// Those of `out` alone.
pub fn escape(text: &str, out: &mut impl Write) -> fmt::Result {
    // Most text is harmless, so what lies between two harmful characters goes out in one piece.
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_harmful(c)) {
        out.write_str(&rest[..at])?;
        match c {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\0'..='\u{ff}' => write!(out, "\\x{:02x}", u32::from(c))?,
            _ => write!(out, "\\u{:04x}", u32::from(c))?,
        }
        rest = &rest[at + c.len_utf8()..];
    }
    out.write_str(rest)
}

/// Whether `c` does something to a terminal or to a line instead of being seen.
fn is_harmful(c: char) -> bool {
    matches!(c,
        '\0'..='\x08' | '\x0a'..='\x1f' | '\x7f'..='\u{9f}'          // C0 but for the tab, DEL, C1
        | '\u{2028}' | '\u{2029}'                                    // end a line for some readers of logs
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') // turn text around
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_harmful_characters_are_these() {
        let harmful: Vec<u32> = ('\0'..=char::MAX)
            .filter(|&c| is_harmful(c))
            .map(u32::from)
            .collect();
        let want: Vec<u32> = (0..=8)
            .chain(0xa..=0x1f)
            .chain(0x7f..=0x9f)
            .chain([0x61c, 0x200e, 0x200f])
            .chain(0x2028..=0x202e)
            .chain(0x2066..=0x2069)
            .collect();
        assert_eq!(harmful, want);
    }

    #[test]
    fn each_kind_has_its_form() {
        let text = "a\tb\\c'\"\u{e9}\u{1F600}\0\x1b\x7f\u{85}\u{9b}\n\r\u{2028}\u{202e}\u{2066}";
        let want = "a\tb\\c'\"\u{e9}\u{1F600}\\x00\\x1b\\x7f\\x85\\x9b\\n\\r\\u2028\\u202e\\u2066";
        assert_eq!(Escaped(text).to_string(), want);
    }

    #[test]
    fn a_text_of_the_limit_is_whole_and_one_more_is_cut() {
        let text = "x".repeat(SHOWN);
        assert_eq!(Escaped(&text).to_string(), text);
        let longer = format!("{text}y");
        assert_eq!(
            Escaped(&longer).to_string(),
            format!("{text}... (1025 bytes)")
        );
    }

    #[test]
    fn what_is_shown_is_bounded_however_it_is_escaped() {
        let shown = Escaped(&"\u{1b}\u{2028}\n".repeat(1000)).to_string();
        assert!(shown.len() <= SHOWN + "... (5000 bytes)".len());
        assert!(shown.ends_with("... (5000 bytes)"));
    }

    #[test]
    fn a_cut_steps_back_to_a_character() {
        let text = format!("{}\u{1F600}tail", "x".repeat(SHOWN - 2));
        assert_eq!(
            Escaped(&text).to_string(),
            format!("{}... (1030 bytes)", "x".repeat(SHOWN - 2))
        );
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in any::<String>()) {
            let shown = Escaped(&text).to_string();
            prop_assert!(!shown.contains(is_harmful));
            prop_assert!(text.contains(is_harmful) || text.len() > SHOWN || shown == text);
            prop_assert!(shown.len() <= SHOWN + 40);
        }
    }
}
