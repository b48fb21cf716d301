//! Any text, in both cases, against the casing by the book.
#![no_main]

#[path = "../../book/mod.rs"]
mod book;

use std::sync::LazyLock;

use book::{Facts, Mode};
use libfuzzer_sys::fuzz_target;
use nbcaser::protocol::{Line, Session};

static FACTS: LazyLock<Facts> = LazyLock::new(Facts::load);

fuzz_target!(|text: &str| {
    let text: String = text.chars().filter(|&c| FACTS.is_comparable(c)).collect();
    let line = text.as_bytes();
    // What is no text is for the target `session`.
    if matches!(FACTS.trimmed(&text), "quit" | "title" | "upper") {
        return;
    }
    let mut session = Session::default();
    for (mode, switch) in [(Mode::Upper, "title"), (Mode::Title, "upper")] {
        let mut out = Vec::new();
        session.answer(Line::Text(line), 0, &mut out);
        let (expected, _) = FACTS.answer(mode, line);
        assert_eq!(
            out.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        session.answer(Line::Text(switch.as_bytes()), 0, &mut out);
    }
});
