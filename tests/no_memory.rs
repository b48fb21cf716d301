//! Memory that the system refuses costs the client that it was for, and nobody else: what a client can make grow is asked
//! for, never demanded. (An allocation that is demanded and fails aborts the process.)
#![allow(clippy::disallowed_methods)] // tests run in real time

use std::alloc::System;
use std::io::ErrorKind;

use cap::Cap;
use nbcaser::protocol::{Answer, Found, Line, LineBuffer, Session};
use nbcaser::reactor::sim::{Peer, Sim};
use nbcaser::reactor::{Endpoint, Listener, MemoryLimit, Reactor, Stream};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// The limit holds for the process, so there is one test here.
#[test]
fn memory_that_is_refused_costs_whom_it_was_for() {
    a_line_for_which_there_is_no_room_is_reported_once_and_the_next_is_as_ever();
    an_answer_for_which_there_is_no_room_is_none_at_all();
    output_that_cannot_be_kept_fails_its_stream_which_still_knows_where_it_was_cut();
    input_that_cannot_be_kept_fails_its_stream();
}

/// What is left while there is too little: enough for all but what a client makes grow.
const LITTLE: usize = 64 << 10;

/// While it is there, there is little memory left.
struct Want;

impl Want {
    fn begin() -> Want {
        let limit = ALLOCATOR.allocated() + LITTLE;
        ALLOCATOR.set_limit(limit).expect("as much as is used");
        Want
    }
}

impl Drop for Want {
    fn drop(&mut self) {
        ALLOCATOR.set_limit(usize::MAX).expect("no limit");
    }
}

fn a_line_for_which_there_is_no_room_is_reported_once_and_the_next_is_as_ever() {
    let (mut lines, piece) = (LineBuffer::new(1 << 20), [b'x'; 10_000]);
    let most = vec![b'y'; LITTLE / 2];
    let last = [&vec![b'z'; LITTLE][..], b"\n"].concat();
    let _want = Want::begin();
    let mut kept = 0;
    while lines.next(&piece) == (piece.len(), None) {
        kept += piece.len();
    }
    assert!(kept >= LITTLE / 4, "{kept}");
    assert_eq!(lines.held(), 0);
    assert_eq!(lines.next(&piece), (piece.len(), None), "told before");
    let (consumed, found) = lines.next(b"\nnext\n");
    assert_eq!(consumed, b"\nnext\n".len());
    let found = found.expect("a line");
    assert_eq!(lines.line(found, b"\nnext\n"), Line::Text(b"next"));
    // What is missing may be room for its last piece.
    assert_eq!(lines.next(&most), (most.len(), None));
    assert_eq!(lines.next(&last), (last.len(), Some(Found::NoMemory)));
    assert_eq!(lines.line(Found::NoMemory, &last), Line::NoMemory);
    assert_eq!(lines.finish(), None);
}

fn an_answer_for_which_there_is_no_room_is_none_at_all() {
    let plain = "x".repeat(2 * LITTLE);
    let escaped = "\u{390}".repeat(LITTLE / 4); // nine times as long as it is
    for first in ["upper", "title"] {
        for line in [&plain, &escaped] {
            let (mut session, mut out) = (Session::default(), Vec::new());
            session.answer(Line::Text(first.as_bytes()), 0, &mut out);
            // The first line of its kind makes tables.
            session.answer(Line::Text("\u{390}\u{3a3}".as_bytes()), 0, &mut out);
            out.shrink_to_fit();
            let (before, mode) = (out.clone(), session.clone());
            let want = Want::begin();
            let answer = session.answer(Line::Text(line.as_bytes()), 0, &mut out);
            drop(want);
            assert_eq!(answer, Answer::NoMemory);
            assert!(out == before && session == mode);
            let answer = session.answer(Line::Text(line.as_bytes()), 0, &mut out);
            assert_eq!(answer, Answer::Text);
        }
    }
    let mut out = Vec::new();
    let answer = Session::default().answer(Line::NoMemory, 0, &mut out);
    assert_eq!((answer, out.len()), (Answer::NoMemory, 0));
}

/// A client, and the stream that serves it.
fn pair() -> (Reactor, Sim, Peer, Stream) {
    let sim = Sim::new();
    let reactor = Reactor::with_driver(sim.driver(), MemoryLimit::default());
    let listener = Listener::new(&reactor.handle(), Endpoint::Simulated(1)).expect("a listener");
    let peer = sim.connect(1);
    let accepted = reactor
        .handle()
        .spawn(async move { listener.accept().await });
    sim.settle(&reactor);
    let accepted = accepted.try_take().expect("a client is there");
    let (stream, _) = accepted.expect("no panic").expect("no error");
    (reactor, sim, peer, stream)
}

fn output_that_cannot_be_kept_fails_its_stream_which_still_knows_where_it_was_cut() {
    let (reactor, sim, peer, mut stream) = pair();
    peer.window(10);
    let task = reactor.handle().spawn(async move {
        stream
            .writer()
            .write(&[b"0123456789 not taken ", &vec![b'x'; 2 * LITTLE][..]].concat());
        let flush = stream.flush();
        let want = Want::begin();
        let error = flush.await.map_err(|error| error.kind());
        drop(want);
        assert_eq!(error, Err(ErrorKind::OutOfMemory));
        assert_eq!(stream.discard_output(), Some(b'9'));
        // And there may be a last word.
        stream.writer().write(b"bye");
        stream.flush().await.expect("there is room for that");
    });
    sim.settle(&reactor);
    peer.read(1000);
    sim.settle(&reactor);
    task.try_take().expect("it is done").expect("no panic");
    assert_eq!(peer.received(), b"0123456789bye");
}

fn input_that_cannot_be_kept_fails_its_stream() {
    let (reactor, sim, peer, mut stream) = pair();
    peer.send(vec![b'x'; 2 * LITTLE - 1]);
    let task = reactor.handle().spawn(async move {
        assert!(stream.fill().await.expect("input"));
        assert_eq!(stream.input().len(), 2 * LITTLE - 1);
        // It has had its turn: it rests, and what is unread is to be kept.
        stream.writer().spend(1 << 30);
        let want = Want::begin();
        let filled = stream.fill().await.map_err(|error| error.kind());
        drop(want);
        assert_eq!(filled, Err(ErrorKind::OutOfMemory));
    });
    sim.settle(&reactor);
    task.try_take().expect("it is done").expect("no panic");
}
