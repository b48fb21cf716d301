//! What the protocol costs a byte: casing, by script, and finding lines. See `measure` for how to ask.
#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is all that this does, and no simulation runs it"
)]

mod measure;

use std::hint::black_box;

use measure::Bench;
use nbcaser::protocol::{Line, LineBuffer, Session};

/// Text by kind: each is repeated up to the length asked for.
const KINDS: [(&str, &str); 16] = [
    (
        "plain",
        "The quick brown fox jumps over the lazy dog, 0123456789 times. ",
    ),
    ("quotes", "they're \"quoted\" \\ and 'escaped'\t"),
    ("French", "Les élèves français étaient déjà là. "),
    ("Greek", "Καλημέρα κόσμε, τι κάνεις; "),
    ("Cyrillic", "Съешь ещё этих мягких булок "),
    ("Georgian", "საქართველო "),
    ("Hindi", "नमस्ते दुनिया "),
    ("Korean", "안녕하세요 세계 "),
    ("Chinese", "漢字仮名交じり文"),
    ("emoji", "😀😃😄"),
    ("Deseret", "𐐨𐐩𐐀"),
    ("sigmas", "Σ"),
    ("words of sigma", "ΑΣ "),
    ("sigmas in accents", "ΑΣ\u{301}\u{20d0}"),
    ("ninefold", "ΐ"),
    ("mixed", "Ça, Σίσυφος и 漢字 \"x\" 😀. "),
];

/// From one that fits in a register to the longest that the server takes by default.
const SIZES: [usize; 4] = [16, 1 << 10, 16 << 10, 256 << 10];

fn main() {
    let bench = Bench::from_args();
    casing(&bench);
    lines(&bench);
}

fn casing(bench: &Bench) {
    let mut out = Vec::new();
    for mode in ["upper", "title"] {
        let mut session = Session::default();
        session.answer(Line::Text(mode.as_bytes()), usize::MAX, &mut out);
        for (kind, unit) in KINDS {
            for size in SIZES {
                let mut line = unit.repeat(size / unit.len() + 1);
                while line.len() > size {
                    line.pop();
                }
                bench.run(
                    &format!("{mode}: {kind}, {size} bytes"),
                    size,
                    "byte",
                    || {
                        out.clear();
                        session.answer(
                            Line::Text(black_box(line.as_bytes())),
                            usize::MAX,
                            &mut out,
                        );
                        black_box(&out);
                    },
                );
            }
        }
    }
}

fn lines(bench: &Bench) {
    for size in SIZES {
        let lines = [&vec![b'x'; size - 1][..], b"\n"].concat();
        let input = lines.repeat((64 << 10) / size + 1);
        // Whole, and in pieces that end within a line.
        for piece in [input.len(), 7 * size / 4] {
            let mut buffer = LineBuffer::new(usize::MAX);
            let how = if piece == input.len() {
                "whole"
            } else {
                "in pieces"
            };
            let name = format!("lines: of {size} bytes, {how}");
            bench.run(&name, input.len(), "byte", || {
                for mut rest in black_box(input.as_slice()).chunks(piece) {
                    while let (consumed, Some(found)) = buffer.next(rest) {
                        black_box(buffer.line(found, rest));
                        rest = &rest[consumed..];
                    }
                }
            });
        }
    }
}
