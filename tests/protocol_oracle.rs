//! The protocol against itself by the book, on what nasty minds and dice come up with.

mod book;

use std::sync::LazyLock;

use book::lines::{Report, lines_by_the_book, lines_found};
use book::{Facts, Mode};
use nbcaser::protocol::{Answer, Found, Line, LineBuffer, Session};
use proptest::prelude::*;

static FACTS: LazyLock<Facts> = LazyLock::new(Facts::load);

/// Answers the lines one after the other and compares each, with a farther one in front so that
/// `out` is not empty.
fn check_dialogue(lines: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let (mut session, mut mode) = (Session::default(), Mode::Upper);
    for line in lines {
        let mut out = b"before".to_vec();
        let answer = session.answer(Line::Text(line), 7, &mut out);
        let (expected, next) = FACTS.answer(mode, line);
        prop_assert_eq!(
            String::from_utf8_lossy(&out[6..]),
            String::from_utf8_lossy(&expected),
            "to {:?}",
            String::from_utf8_lossy(line)
        );
        prop_assert_eq!(answer == Answer::Switched, mode != next);
        prop_assert_eq!(answer == Answer::Quit, expected == b"quit\r\n");
        prop_assert_eq!(answer == Answer::Invalid, str::from_utf8(line).is_err());
        mode = next;
    }
    Ok(())
}

/// Lines of a few ingredients each, so that rare ones meet.
fn lines(
    ingredients: &'static [&'static [u8]],
    most: usize,
) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let line = prop::collection::vec(prop::sample::select(ingredients), 0..most)
        .prop_map(|parts| parts.concat());
    (any::<bool>(), line).prop_map(|(title, line)| {
        if title {
            vec![b"title".to_vec(), line]
        } else {
            vec![line]
        }
    })
}

const WORDS_QUOTES_AND_CONTROLS: &[&[u8]] = &[
    b"a",
    b"Z",
    b"@",
    b"[",
    b"`",
    b"{",
    b"~",
    b"\x7f",
    b"\0",
    b"\x1f",
    b"\t",
    b" ",
    b"'",
    b"\"",
    b"\\",
    b"0",
    b"the quick brown FOX",
    b"JUMPS over the lazy dog, twice at least",
    b"\xc3\x9f",
];

const LETTERS_OF_ALL_KINDS: &[&[u8]] = &[
    "Σ".as_bytes(),
    "α".as_bytes(),
    "A".as_bytes(),
    "ʰ".as_bytes(),
    "\u{345}".as_bytes(),
    "\u{301}".as_bytes(),
    "'".as_bytes(),
    ".".as_bytes(),
    "\u{20d0}".as_bytes(),
    "\u{ad}".as_bytes(),
    "1".as_bytes(),
    " ".as_bytes(),
    "ß".as_bytes(),
    "ﬃ".as_bytes(),
    "ΐ".as_bytes(),
    "ᾷ".as_bytes(),
    "ǆ".as_bytes(),
    "İ".as_bytes(),
    "ა".as_bytes(),
    "𐐨".as_bytes(),
    "漢".as_bytes(),
    "😀".as_bytes(),
    "\u{1d7a8}".as_bytes(),
    "\u{e0100}".as_bytes(),
    "ſ".as_bytes(),
    "ΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐΐ".as_bytes(),
    "some words in ASCII, plain ones".as_bytes(),
    "\u{2028}".as_bytes(),
    "საქართველო".as_bytes(),
    "हिन्दी".as_bytes(),
    "한국어".as_bytes(),
    "\u{d7ff}".as_bytes(),
    "漢字仮名".as_bytes(),
    "😀😃😄".as_bytes(),
    "\u{10ffff}".as_bytes(),
];

const LETTERS_AMONG_PLAIN_TEXT: &[&[u8]] = &[
    b"a",
    b"B",
    b" ",
    b", ",
    b"fifteen letters",
    b"This is more than one window and a block have, by far.",
    "é".as_bytes(),
    "Ñ".as_bytes(),
    "ß".as_bytes(),
    "ŉ".as_bytes(),
    "ΐ".as_bytes(),
    "ʰ".as_bytes(),
    "Σ".as_bytes(),
    "ΑΣ".as_bytes(),
    "ς".as_bytes(),
    "ж".as_bytes(),
    "\u{85}".as_bytes(),
    "\u{301}".as_bytes(),
    "漢".as_bytes(),
    "स्ते".as_bytes(),
    b"'",
    b"\"",
    b"\\",
    b".",
    b"\x01",
];

const TAILS: &[&str] = &[
    "",
    "A tail of plain text that is longer than a window and a block.",
    "漢字仮名交じり文漢字仮名交じり文",
];

const BYTES_THAT_ARE_NOT_UTF8: &[&[u8]] = &[
    b"a",
    b"\x7f",
    b"\x80",
    b"\xbf",
    b"\xc0",
    b"\xc1",
    b"\xc2",
    b"\xdf",
    b"\xe0",
    b"\xe2",
    b"\xed",
    b"\xef",
    b"\xf0",
    b"\xf1",
    b"\xf4",
    b"\xf5",
    b"\xff",
    b"\xed\xa0\x80\xe5\xad\x97!!",
    b"\xe0\x9f\xbf\xe0\xa0\x80!!",
    b"\xe5\xad\x97\xe5\xadA!!",
    b"\xe5\xad\x97\xe5A\x97!!",
    b"\xe5\xadA\xe5\xad\x97!!",
    b"\xf0\x9f\x98A!!",
    b"\xf0\x9fA\x80!!",
    b"\xf4\x90\x80\x80",
    b"\x9f",
    b"\xa0",
    b"\x8f",
    b"\x90",
    b"\x80\x80",
    "é漢😀".as_bytes(),
    "漢字😀😃".as_bytes(),
    b"twenty plain bytes.",
];

const COMMANDS_AND_WHITE_SPACE: &[&[u8]] = &[
    b"quit",
    b"title",
    b"upper",
    b"title \t",
    b"upper\x1c\xc2\x85",
    b"quit\xe3\x80\x80\xc2\xa0",
    b" quit",
    b"Title",
    b"upper\0",
    b"",
    b" ",
    b"quit\xc2",
    b"title\xe3\x80",
    b"\xe2\x80\x8a",
    b"quit\xe2\x80\x8b",
    b"x\xff ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn commands_and_white_space(dialogue in prop::collection::vec(prop::sample::select(COMMANDS_AND_WHITE_SPACE), 1..8)) {
        check_dialogue(&dialogue.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>())?;
    }

    #[test]
    fn words_quotes_and_controls(dialogue in lines(WORDS_QUOTES_AND_CONTROLS, 40)) {
        check_dialogue(&dialogue)?;
    }

    #[test]
    fn plain_text_of_all_lengths(dialogue in lines(&[b"a", b"Bc", b" ", b"~!", b"long, and then some", b"zAZ@[`{"], 120)) {
        check_dialogue(&dialogue)?;
    }

    #[test]
    fn letters_of_all_kinds(dialogue in lines(LETTERS_OF_ALL_KINDS, 60)) {
        check_dialogue(&dialogue)?;
    }

    #[test]
    fn letters_among_plain_text(dialogue in lines(LETTERS_AMONG_PLAIN_TEXT, 60)) {
        check_dialogue(&dialogue)?;
    }

    #[test]
    fn bytes_that_are_not_utf8(dialogue in lines(BYTES_THAT_ARE_NOT_UTF8, 6)) {
        check_dialogue(&dialogue)?;
    }

    #[test]
    fn bytes_that_are_not_utf8_in_a_long_line(
        (text, odd) in (lines(LETTERS_AMONG_PLAIN_TEXT, 30), lines(BYTES_THAT_ARE_NOT_UTF8, 4)),
        tail in prop::sample::select(TAILS),
    ) {
        let last = |lines: Vec<Vec<u8>>| lines.into_iter().next_back().unwrap_or_default();
        let line = [&last(text)[..], &last(odd), tail.as_bytes()].concat();
        check_dialogue(&[line.clone(), b"title".to_vec(), line])?;
    }

    #[test]
    fn any_text(text in "\\PC{0,60}") {
        let line: String = text.chars().filter(|&c| FACTS.is_comparable(c)).collect();
        check_dialogue(&[b"title".to_vec(), line.clone().into_bytes(), b"upper".to_vec(), line.into_bytes()])?;
    }
}

/// Pieces of input rich in line ends.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop::sample::select(&b"aab\r\n\n\r\xc3\xa9"[..]);
    let long = prop::collection::vec(Just(b'x'), 0..70);
    let short = prop::collection::vec(byte, 0..12);
    prop::collection::vec(prop_oneof![4 => short, 1 => long], 0..12)
}

/// The lines are those of the whole, each told as soon as the piece is there in which it ends, or becomes too long.
fn check_lines(pieces: &[&[u8]], limit: usize, ended: bool) -> Result<(), TestCaseError> {
    let mut end = 0;
    let ends: Vec<usize> = pieces
        .iter()
        .map(|piece| {
            end += piece.len();
            end
        })
        .collect();
    let told = |at| ends.iter().copied().find(|&end| end >= at).unwrap_or(0);
    let expected: Vec<_> = lines_by_the_book(&pieces.concat(), limit, ended)
        .into_iter()
        .map(|(at, report)| (told(at), report))
        .collect();
    prop_assert_eq!(lines_found(pieces, limit, ended), expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn lines_do_not_depend_on_the_pieces(pieces in pieces(), limit in 0_usize..80, ended: bool) {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        check_lines(&pieces, limit, ended)?;
    }
}

proptest! {
    #[test]
    fn short_input_may_be_cut_in_every_way(input in prop::collection::vec(prop::sample::select(&b"ab\r\n"[..]), 1..10), limit in 0_usize..6, ended: bool) {
        for cuts in 0..1_u32 << (input.len() - 1) {
            let (mut pieces, mut rest) = (Vec::new(), &input[..]);
            for at in (1..input.len()).rev().filter(|at| cuts >> (at - 1) & 1 == 1) {
                let (left, piece) = rest.split_at(at);
                pieces.insert(0, piece);
                rest = left;
            }
            pieces.insert(0, rest);
            check_lines(&pieces, limit, ended)?;
        }
    }
}

#[test]
fn a_line_of_exactly_the_limit_is_a_line() {
    for end in [&["\n"][..], &["\r\n"], &["\r"], &["\r", "\n"]] {
        for (length, expected) in [(4, Report::Text(b"xxxx".to_vec())), (5, Report::TooLong)] {
            let line = "x".repeat(length);
            let mut pieces: Vec<&[u8]> = vec![line.as_bytes()];
            pieces.extend(end.iter().map(|piece| piece.as_bytes()));
            pieces.push(b"y\n");
            let reports: Vec<_> = lines_found(&pieces, 4, true)
                .into_iter()
                .map(|(_, report)| report)
                .collect();
            assert_eq!(
                reports,
                [expected, Report::Text(b"y".to_vec())],
                "{length} bytes, then {end:?}"
            );
        }
    }
}

#[test]
fn a_line_that_drips_in_is_neither_searched_nor_copied_again_and_again() {
    const LIMIT: usize = 256 * 1024;
    let mut buffer = LineBuffer::new(LIMIT);
    let (mut room, mut moved) = (0, 0);
    for _ in 0..LIMIT {
        // What is searched is what it is given: it consumes that one byte, and never sees it again.
        assert_eq!(buffer.next(b"x"), (1, None));
        if buffer.held() != room {
            moved += room;
            room = buffer.held();
        }
    }
    assert!(moved < LIMIT, "growing moved at most {moved} bytes");
    assert_eq!(room, LIMIT, "the limit bounds it");
    assert_eq!(buffer.next(b"\r"), (1, Some(Found::Held)));
    assert_eq!(
        buffer.line(Found::Held, b"\r"),
        Line::Text("x".repeat(LIMIT).as_bytes())
    );
    assert_eq!(buffer.next(b"\n"), (1, None));
    assert_eq!(buffer.held(), 0, "between lines it owns nothing");
}

#[test]
fn the_first_piece_gets_just_the_room_it_needs() {
    let mut buffer = LineBuffer::new(1000);
    buffer.next(b"thirteen byte");
    assert_eq!(buffer.held(), 13);
    assert!(
        size_of::<LineBuffer>() <= 40,
        "it is a part of every connection"
    );
}

#[test]
fn a_line_too_long_is_forgotten_at_once() {
    let mut buffer = LineBuffer::new(8);
    assert_eq!(buffer.next(b"12345678"), (8, None));
    assert_eq!(buffer.next(b"9"), (1, Some(Found::TooLong)));
    assert_eq!(
        (buffer.held(), buffer.next(b"no end of it")),
        (0, (12, None))
    );
    assert_eq!((buffer.held(), buffer.finish()), (0, None));
}

#[test]
fn what_a_line_too_long_is_answered() {
    let mut out = Vec::new();
    assert_eq!(
        Session::default().answer(Line::TooLong, 262_144, &mut out),
        Answer::TooLong
    );
    assert_eq!(out, b"<line too long: limit is 262144 bytes>\r\n");
}

/// No work of the casing is done twice for a byte: twice the length of the worst lines takes about
/// twice the looks. Time would say so too, but not on a busy machine: so the lines are long enough
/// to take minutes, were it otherwise.
#[test]
fn sigmas_and_what_is_ignored_beside_them_take_linear_time() {
    let mut session = Session::default();
    let mut out = Vec::new();
    session.answer(Line::Text(b"title"), 0, &mut out);
    for unit in ["Σ", "ΑΣ\u{301}", "Σ'", "ʰΣʰ", "\u{345}"] {
        let line = format!("Α{}Σ{}", unit.repeat(200_000), "'".repeat(400_000));
        assert_eq!(
            session.answer(Line::Text(line.as_bytes()), 0, &mut out),
            Answer::Text
        );
        out.clear();
    }
}
