//! How long the protocol takes for a line: `cargo bench --bench protocol [WORD]...`, for those
//! lines whose name has one of the words in it. A command for people; it asserts nothing.
#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is all that this does, and no simulation runs it"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use nbcaser::protocol::{Line, LineBuffer, Session};

/// Text by kind: each is repeated up to the length asked for.
const KINDS: [(&str, &str); 13] = [
    (
        "plain",
        "The quick brown fox jumps over the lazy dog, 0123456789 times. ",
    ),
    ("quotes", "they're \"quoted\" \\ and 'escaped'\t"),
    ("French", "Les élèves français étaient déjà là. "),
    ("Greek", "Καλημέρα κόσμε, τι κάνεις; "),
    ("Cyrillic", "Съешь ещё этих мягких булок "),
    ("Georgian", "საქართველო "),
    ("Chinese", "漢字仮名交じり文"),
    ("emoji", "😀😃😄"),
    ("Deseret", "𐐨𐐩𐐀"),
    ("sigmas", "Σ"),
    ("words of sigma", "ΑΣ "),
    ("sigmas in accents", "ΑΣ\u{301}\u{20d0}"),
    ("ninefold", "ΐ"),
];

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let report = |name: &str, size: usize, work: &mut dyn FnMut()| {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            let each = fastest(work);
            println!(
                "{name:<40}{each:>12.1}{:>10.3}{:>10.2}",
                each / size as f64,
                size as f64 / each
            );
        }
    };
    println!(
        "{:<40}{:>12}{:>10}{:>10}",
        "one line", "ns", "ns/byte", "GB/s"
    );
    let mut out = Vec::new();
    for mode in ["upper", "title"] {
        let mut session = Session::default();
        session.answer(Line::Text(mode.as_bytes()), usize::MAX, &mut out);
        for (kind, unit) in KINDS {
            let sizes: &[usize] = if kind == "plain" {
                &[16, 1024, 16 * 1024]
            } else {
                &[256 * 1024]
            };
            for &size in sizes {
                let mut line = unit.repeat(size / unit.len() + 1);
                while line.len() > size {
                    line.pop();
                }
                report(&format!("{mode}: {kind}, {size} bytes"), size, &mut || {
                    out.clear();
                    session.answer(Line::Text(black_box(line.as_bytes())), usize::MAX, &mut out);
                    black_box(&out);
                });
            }
        }
    }
    let (input, mut buffer) = (
        b"The quick brown\n".repeat(1024),
        LineBuffer::new(usize::MAX),
    );
    report("finding 1024 lines of 16 bytes", input.len(), &mut || {
        let mut rest = black_box(input.as_slice());
        while let (consumed, Some(found)) = buffer.next(rest) {
            black_box(buffer.line(found, rest));
            rest = &rest[consumed..];
        }
    });
}

/// The least time that one call of `work` took, in nanoseconds: the mean of some milliseconds'
/// worth of calls, the best of nine times. All that disturbs makes it longer, so the least is
/// nearest to the truth.
fn fastest(work: &mut dyn FnMut()) -> f64 {
    let mut measure = |calls: u32| {
        let start = Instant::now();
        (0..calls).for_each(|_| work());
        start.elapsed()
    };
    let mut calls = 1;
    while measure(calls) < Duration::from_millis(5) {
        calls *= 2;
    }
    let best = (0..9)
        .map(|_| measure(calls))
        .min()
        .expect("nine are more than none");
    best.as_nanos() as f64 / f64::from(calls)
}
