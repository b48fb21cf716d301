//! A whole connection, any bytes, cut anywhere, against the dialogue by the book.
//!
//! The first byte is the limit, and whether the client ends its side. In the rest a byte FE is a cut.
#![no_main]

#[path = "../../book/mod.rs"]
mod book;

use std::sync::LazyLock;

use book::lines::{Report, lines_by_the_book};
use book::{Facts, Mode};
use libfuzzer_sys::{Corpus, fuzz_target};
use nbcaser::protocol::{Answer, LineBuffer, Session};

static FACTS: LazyLock<Facts> = LazyLock::new(Facts::load);

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((&first, input)) = data.split_first() else {
        return Corpus::Reject;
    };
    let (limit, ended) = (usize::from(first & 0x7f), first & 0x80 != 0);
    let pieces: Vec<&[u8]> = input.split(|&byte| byte == 0xfe).collect();
    let whole = pieces.concat();
    let mut characters = whole.utf8_chunks().flat_map(|chunk| chunk.valid().chars());
    if !characters.all(|c| FACTS.is_comparable(c)) {
        return Corpus::Reject;
    }
    let expected = by_the_book(&whole, limit, ended);
    let got = converse(&pieces, limit, ended);
    assert_eq!(
        got.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    Corpus::Keep
});

fn by_the_book(input: &[u8], limit: usize, ended: bool) -> Vec<u8> {
    let (mut out, mut mode) = (Vec::new(), Mode::Upper);
    for (_, report) in lines_by_the_book(input, limit, ended) {
        let reply = match report {
            Report::TooLong => format!("<line too long: limit is {limit} bytes>\r\n").into_bytes(),
            Report::Text(line) => {
                let (reply, next) = FACTS.answer(mode, &line);
                mode = next;
                reply
            }
        };
        out.extend_from_slice(&reply);
        if reply == b"quit\r\n" {
            break;
        }
    }
    out
}

fn converse(pieces: &[&[u8]], limit: usize, ended: bool) -> Vec<u8> {
    let (mut lines, mut session) = (LineBuffer::new(limit), Session::default());
    let mut out = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while let (consumed, Some(found)) = lines.next(rest) {
            if session.answer(lines.line(found, rest), limit, &mut out) == Answer::Quit {
                return out;
            }
            rest = &rest[consumed..];
        }
    }
    if ended && let Some(found) = lines.finish() {
        session.answer(lines.line(found, &[]), limit, &mut out);
    }
    out
}
