//! Every character there is, in every place that matters, against what Python does to it.
//!
//! Python 3.11 knows Unicode 14.0; the standard library knows a newer one. What differs between the
//! two is not compared.

mod book;

use book::{Facts, Mode};
use nbcaser::protocol::{Answer, Line, Session, text};

fn comparable(facts: &Facts) -> impl Iterator<Item = char> {
    ('\0'..=char::MAX).filter(|&c| facts.is_comparable(c) && !matches!(c, '\r' | '\n'))
}

/// Compares the answers to the lines that `context` makes of the characters. Many characters share
/// a line, for speed; the digit and the blank between them are neither cased nor ignored, so no
/// one's context reaches the next.
#[track_caller]
fn compare(facts: &Facts, mode: Mode, context: impl Fn(char, &mut String)) {
    let ask = |line: &str| {
        let (mut session, mut out) = (Session::default(), Vec::new());
        if mode == Mode::Title {
            session.answer(Line::Text(b"title"), 0, &mut out);
            out.clear();
        }
        assert_eq!(
            session.answer(Line::Text(line.as_bytes()), 0, &mut out),
            Answer::Text
        );
        String::from_utf8(out).expect("it is ASCII")
    };
    let expected =
        |line: &str| String::from_utf8(facts.answer(mode, line.as_bytes()).0).expect("it is ASCII");
    let characters: Vec<char> = comparable(facts).collect();
    for some in characters.chunks(64) {
        let mut line = String::new();
        for &c in some {
            context(c, &mut line);
            line += " 1 ";
        }
        if ask(&line) != expected(&line) {
            // Now who was it?
            for &c in some {
                line.clear();
                context(c, &mut line);
                assert_eq!(ask(&line), expected(&line), "U+{:04X}", u32::from(c));
            }
            panic!("the characters {some:?} differ, but only together");
        }
    }
}

#[test]
fn upper_case() {
    compare(&Facts::load(), Mode::Upper, |c, line| {
        line.extend(['a', c, 'a']);
    });
}

#[test]
fn title_case_at_the_beginning_and_within_a_word() {
    compare(&Facts::load(), Mode::Title, |c, line| {
        line.extend([c, 'A', c, 'A']);
    });
}

#[test]
fn sigma_beside_every_character() {
    compare(&Facts::load(), Mode::Title, |c, line| {
        // Before, behind, with a letter beyond and without.
        line.extend([
            'A', c, 'Σ', ' ', '1', c, 'Σ', ' ', 'A', 'Σ', c, ' ', 'A', 'Σ', c, 'A',
        ]);
    });
}

#[test]
fn white_space_at_the_end() {
    let facts = Facts::load();
    for c in comparable(&facts) {
        for line in [format!("x{c}"), format!("{c}"), format!("x{c}\u{3000} ")] {
            assert_eq!(
                text(line.as_bytes()),
                facts.trimmed(&line).as_bytes(),
                "U+{:04X}",
                u32::from(c)
            );
        }
    }
}

/// What is not compared above is at least not answered badly: a character that 14.0 does not know
/// is one all the same.
#[test]
fn every_character_is_utf8() {
    let mut out = Vec::new();
    let mut session = Session::default();
    let scalars: Vec<char> = ('\0'..=char::MAX)
        .filter(|c| !matches!(c, '\r' | '\n'))
        .collect();
    for some in scalars.chunks(64) {
        let line: String = some.iter().collect();
        let answer = session.answer(Line::Text(line.as_bytes()), 0, &mut out);
        assert_eq!(answer, Answer::Text, "{:x?}", some[0]);
        out.clear();
    }
}
