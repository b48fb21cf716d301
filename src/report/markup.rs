//! What keeps a name that came over the network from being more than text.

use std::fmt::{self, Display, Write};

/// A text as it may stand between tags and in a quoted attribute, of HTML and of XML alike.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            Filter {
                out: f,
                show: markup
            },
            "{}",
            self.0
        )
    }
}

/// A text as it may be printed on a terminal, within a line.
pub(super) struct Printable<T>(pub(super) T);

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            Filter {
                out: f,
                show: printable
            },
            "{}",
            self.0
        )
    }
}

/// Writes what is written to it as `show` has it: without a copy of the text in between.
struct Filter<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    show: fn(&mut fmt::Formatter<'_>, char) -> fmt::Result,
}

impl Write for Filter<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| (self.show)(self.out, c))
    }
}

fn markup(out: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '&' => out.write_str("&amp;"),
        '<' => out.write_str("&lt;"),
        '>' => out.write_str("&gt;"),
        '"' => out.write_str("&quot;"),
        '\'' => out.write_str("&#39;"),
        '\n' => out.write_char(c),
        c => printable(out, c),
    }
}

fn printable(out: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    if is_harmless(c) {
        out.write_char(c)
    } else {
        write!(out, "{}", c.escape_unicode())
    }
}

/// Whether a character shows as itself and changes nothing about its neighbours. A terminal obeys control characters,
/// XML has no way to write them, and the directional ones let a text pass for another.
fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fffe}' | '\u{ffff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_more_than_text() {
        let table = [
            ("plain, ça va", "plain, ça va", "plain, ça va"),
            (
                "<b a=\"'\">&",
                "&lt;b a=&quot;&#39;&quot;&gt;&amp;",
                "<b a=\"'\">&",
            ),
            ("a\x1b[31m\u{0}", "a\\u{1b}[31m\\u{0}", "a\\u{1b}[31m\\u{0}"),
            ("a\nb", "a\nb", "a\\u{a}b"),
            (
                "\u{202e}evil\u{ffff}",
                "\\u{202e}evil\\u{ffff}",
                "\\u{202e}evil\\u{ffff}",
            ),
        ];
        for (text, html, line) in table {
            assert_eq!(Escaped(text).to_string(), html);
            assert_eq!(Printable(text).to_string(), line);
        }
    }
}
