//! The recorded connections of `tests/vectors/`, replayed against a server.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nbcaser::protocol::{Answer, LineBuffer, Session};
use serde::Deserialize;

use super::{Client, Server};

/// One connection.
#[derive(Deserialize)]
pub struct Vector {
    name: String,
    /// What the client sends, a write each, in hexadecimal.
    send: Vec<String>,
    /// Whether it then ends its side.
    half_close: bool,
    /// All that the server sends, in hexadecimal.
    expect: String,
    /// Whether the server then ends the connection; else it stays open and silent.
    eof: bool,
}

/// Connections at a time.
const PARALLEL: usize = 16;

/// How long a server reads on behind `quit`. Who sends for longer may see a reset.
const LINGER: Duration = Duration::from_millis(900);

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn vectors() -> Vec<Vector> {
    let files = [
        include_str!("../vectors/vectors_public.jsonl"),
        include_str!("../vectors/vectors_policy.jsonl"),
    ];
    let lines = files.iter().flat_map(|file| file.lines());
    let vectors: Vec<Vector> = lines
        .map(|line| serde_json::from_str(line).expect("a vector"))
        .collect();
    assert_eq!(vectors.len(), 435 + 86);
    vectors
}

/// What of a vector is sent in one write.
pub type Cut = fn(&Vector) -> Vec<Vec<u8>>;

pub fn as_recorded(vector: &Vector) -> Vec<Vec<u8>> {
    vector.send.iter().map(|piece| bytes(piece)).collect()
}

pub fn in_one_piece(vector: &Vector) -> Vec<Vec<u8>> {
    vec![bytes(&vector.send.concat())]
}

pub fn byte_by_byte(vector: &Vector) -> Vec<Vec<u8>> {
    let all = bytes(&vector.send.concat());
    all.into_iter().map(|byte| vec![byte]).collect()
}

/// Replays one vector. If the server must stay open, returns the connection, to be looked at again.
fn replay(server: &Server, vector: &Vector, cut: Cut) -> Option<Client> {
    for _ in 0..3 {
        let mut client = server.connect();
        let start = Instant::now();
        for piece in cut(vector) {
            let taken = client.try_send(&piece);
            assert!(taken || vector.eof, "{}: closed too early", vector.name);
        }
        if vector.half_close && !vector.eof {
            client.half_close();
        } else if vector.half_close {
            // It may have been closed by a `quit` and be gone by now.
            let _ = client.socket.shutdown(std::net::Shutdown::Write);
        }
        let expected = bytes(&vector.expect);
        if !vector.eof {
            let got = client.read(expected.len());
            check(vector, &got, &expected);
            return Some(client);
        }
        match client.rest_and_end() {
            // The machine was too busy, or the network too bad, to send it all in time: once more.
            (_, Err(_)) if start.elapsed() > LINGER => {}
            (_, Err(error)) => panic!("{}: {error}", vector.name),
            (got, Ok(())) => {
                check(vector, &got, &expected);
                return None;
            }
        }
    }
    panic!("{}: sending took too long three times", vector.name);
}

#[track_caller]
fn check(vector: &Vector, got: &[u8], expected: &[u8]) {
    let text = String::from_utf8_lossy;
    assert_eq!(text(got), text(expected), "{}", vector.name);
    assert_eq!(got, expected, "{}", vector.name);
}

/// Whether something is sent behind `quit`.
pub fn goes_on_after_quit(pieces: &[Vec<u8>]) -> bool {
    let (mut lines, mut session) = (LineBuffer::new(usize::MAX), Session::default());
    let mut has_quit = false;
    for mut rest in pieces.iter().map(Vec::as_slice) {
        while !has_quit && let (consumed, Some(found)) = lines.next(rest) {
            let line = lines.line(found, rest);
            has_quit = session.answer(line, usize::MAX, &mut Vec::new()) == Answer::Quit;
            rest = &rest[consumed..];
        }
        if has_quit && !rest.is_empty() {
            return true;
        }
    }
    false
}

/// Replays all of them, and looks that those which must stay open do, and are silent.
pub fn replay_all(server: &Server, cut: Cut) {
    replay_but(server, cut, |_| false);
}

/// The same without those of whose pieces `left_out` says so.
pub fn replay_but(server: &Server, cut: Cut, left_out: fn(&[Vec<u8>]) -> bool) {
    let next = AtomicUsize::new(0);
    let vectors = vectors_but(cut, left_out);
    let work = || {
        let mut open = Vec::new();
        while let Some(vector) = vectors.get(next.fetch_add(1, Ordering::Relaxed)) {
            let client = replay(server, vector, cut);
            open.extend(client.map(|client| (vector, client)));
        }
        open
    };
    let mut open = thread::scope(|scope| {
        let threads: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(work)).collect();
        let ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
        ended
            .flat_map(|open| open.expect("no vector failed"))
            .collect::<Vec<_>>()
    });
    assert_eq!(open.len(), vectors.iter().filter(|v| !v.eof).count());
    thread::sleep(Duration::from_millis(300)); // that nothing more comes no event tells; one while is enough for all
    for (vector, client) in &mut open {
        assert!(client.is_silent(), "{}: more than expected", vector.name);
    }
}

/// The same for a server that serves one client at a time.
pub fn replay_one_by_one(server: &Server, cut: Cut, left_out: fn(&[Vec<u8>]) -> bool) {
    for vector in vectors_but(cut, left_out) {
        if let Some(mut client) = replay(server, &vector, cut) {
            assert!(client.is_silent(), "{}: more than expected", vector.name);
        }
    }
}

fn vectors_but(cut: Cut, left_out: fn(&[Vec<u8>]) -> bool) -> Vec<Vector> {
    let mut vectors = vectors();
    vectors.retain(|vector| !left_out(&cut(vector)));
    assert!(
        vectors.len() > 450,
        "{} are not all but a few",
        vectors.len()
    );
    vectors
}
