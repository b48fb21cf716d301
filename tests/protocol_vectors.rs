//! Transcripts of whole connections, replayed without a socket: what the original server said, byte
//! for byte (`vectors_public.jsonl`), and what this one says where that one had no sane answer
//! (`vectors_policy.jsonl`).

use nbcaser::protocol::{Answer, LineBuffer, Session, messages};
use serde::Deserialize;

/// One connection. The files say more (what to compare on a console, what the original server
/// needs); it is not for us.
#[derive(Deserialize)]
struct Vector {
    name: String,
    /// What the client sends, a write each, in hexadecimal.
    send: Vec<String>,
    /// Whether it then ends its side.
    half_close: bool,
    /// All that the server sends, in hexadecimal.
    expect: String,
    /// Whether the server then ends the connection.
    eof: bool,
}

/// More than any vector's line.
const LIMIT: usize = 256 * 1024;

/// A connection, sans I/O: what it sends in answer to `pieces`, and whether it closes.
fn converse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, half_close: bool) -> (Vec<u8>, bool) {
    let (mut buffer, mut session) = (LineBuffer::new(LIMIT), Session::default());
    let mut out = messages::GREETING.to_vec();
    for mut rest in pieces {
        loop {
            let (consumed, found) = buffer.next(rest);
            let Some(found) = found else { break };
            if session.answer(buffer.line(found, rest), LIMIT, &mut out) == Answer::Quit {
                return (out, true);
            }
            rest = &rest[consumed..];
        }
    }
    if half_close && let Some(found) = buffer.finish() {
        session.answer(buffer.line(found, &[]), LIMIT, &mut out);
    }
    (out, half_close)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn vectors() -> Vec<Vector> {
    let files = [
        include_str!("vectors/vectors_public.jsonl"),
        include_str!("vectors/vectors_policy.jsonl"),
    ];
    let vectors: Vec<Vector> = files
        .iter()
        .flat_map(|file| file.lines())
        .map(|line| serde_json::from_str(line).expect("a vector"))
        .collect();
    assert_eq!(vectors.len(), 435 + 86);
    vectors
}

#[track_caller]
fn check(vector: &Vector, how: &str, (out, eof): (Vec<u8>, bool)) {
    let expected = bytes(&vector.expect);
    assert_eq!(
        String::from_utf8_lossy(&out),
        String::from_utf8_lossy(&expected),
        "{} sent {how}",
        vector.name
    );
    assert_eq!(out, expected, "{} sent {how}", vector.name);
    assert_eq!(eof, vector.eof, "the end of {} sent {how}", vector.name);
}

#[test]
fn as_the_client_sent_it() {
    for vector in vectors() {
        let pieces: Vec<_> = vector.send.iter().map(|piece| bytes(piece)).collect();
        check(
            &vector,
            "as it was",
            converse(pieces.iter().map(Vec::as_slice), vector.half_close),
        );
    }
}

#[test]
fn in_one_piece() {
    for vector in vectors() {
        let all = bytes(&vector.send.concat());
        check(
            &vector,
            "in one piece",
            converse([all.as_slice()], vector.half_close),
        );
    }
}

#[test]
fn byte_by_byte() {
    for vector in vectors() {
        let all = bytes(&vector.send.concat());
        check(
            &vector,
            "byte by byte",
            converse(all.chunks(1), vector.half_close),
        );
    }
}

#[test]
fn cut_in_two_at_every_byte() {
    for vector in vectors() {
        let all = bytes(&vector.send.concat());
        // A cut in the middle of a long run is like the one next to it: try the first two hundred,
        // then every 997th.
        let cuts = (0..all.len().min(200)).chain((200..all.len()).step_by(997));
        for cut in cuts {
            let (one, two) = all.split_at(cut);
            check(
                &vector,
                &format!("cut at {cut}"),
                converse([one, two], vector.half_close),
            );
        }
    }
}
