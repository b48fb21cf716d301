//! The rules of edge triggering: what is read when, and what is not.

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;

use nbcaser::reactor::driver::Ready;
use nbcaser::reactor::sim::Op;
use nbcaser::reactor::slots::Id;
use nbcaser::reactor::{Endpoint, Listener, Stream, sleep};

use crate::fixture::{Fixture, Log, SECOND, fixture};

/// Reads on and on; notes each piece, and how it ended.
fn read_all(f: &Fixture, mut stream: Stream) -> Log {
    let log = Log::default();
    let noted = log.clone();
    f.go(async move {
        loop {
            match stream.fill().await {
                Ok(true) => {
                    noted.note(String::from_utf8_lossy(stream.input()));
                    let n = stream.input().len();
                    stream.consume(n);
                }
                Ok(false) => return noted.note("end"),
                Err(error) => return noted.note(format!("{:?}", error.kind())),
            }
        }
    });
    log
}

#[test]
fn a_request_costs_one_read_and_one_write_and_nothing_that_would_block() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    f.go(async move {
        let mut line = Vec::new();
        while stream.read_line(&mut line, 100).await.unwrap() {
            stream.writer().write(&line);
            line.clear();
        }
    });
    f.settle();
    let before = (f.sim.count(Op::Read), f.sim.count(Op::Write));
    for _ in 0..10 {
        peer.send("x\n");
        f.settle();
    }
    assert_eq!(peer.received(), b"x\n".repeat(10));
    let after = (f.sim.count(Op::Read), f.sim.count(Op::Write));
    assert_eq!((after.0 - before.0, after.1 - before.1), (10, 10));
}

#[test]
fn bytes_and_their_end_in_one_edge_are_both_read() {
    let f = fixture();
    let (peer, stream) = f.pair();
    let log = read_all(&f, stream);
    f.settle();
    peer.send("last");
    peer.finish();
    f.settle();
    assert_eq!(log.take(), "last end");
}

#[test]
fn an_end_that_comes_later_has_its_own_edge() {
    let f = fixture();
    let (peer, stream) = f.pair();
    let log = read_all(&f, stream);
    peer.send("a");
    f.settle();
    peer.finish();
    f.settle();
    assert_eq!(log.take(), "a end");
    assert_eq!(f.handle.census().tasks, 0);
}

#[test]
fn what_was_there_before_the_stream_was_accepted_is_read() {
    let f = fixture();
    let listener = Listener::new(&f.handle, Endpoint::Simulated(1)).unwrap();
    let peer = f.sim.connect(1);
    peer.send("early");
    peer.finish();
    let accept = async move { listener.accept().await.unwrap() };
    let (stream, address) = f.now_or_never(accept).unwrap();
    assert_eq!(address, Some(peer.address()));
    let log = read_all(&f, stream);
    f.settle();
    assert_eq!(log.take(), "early end");
}

#[test]
fn an_edge_that_came_before_anybody_waited_is_remembered() {
    let f = fixture();
    let (peer, stream) = f.pair();
    peer.send("early");
    f.settle();
    let log = read_all(&f, stream);
    f.settle();
    assert_eq!(log.take(), "early");
}

#[test]
fn bytes_behind_an_urgent_one_are_read_though_no_edge_tells_of_them() {
    let f = fixture();
    let (peer, stream) = f.pair();
    let log = read_all(&f, stream);
    f.settle();
    peer.send("before");
    peer.send_urgent();
    peer.send("behind");
    f.settle();
    assert_eq!(log.take(), "before behind");
    peer.send("after");
    f.settle();
    assert_eq!(log.take(), "after");
}

#[test]
fn bytes_that_trickle_in_are_all_read() {
    let f = fixture();
    let (peer, stream) = f.pair();
    peer.limit(1, usize::MAX);
    let log = read_all(&f, stream);
    peer.send("abc");
    peer.finish();
    f.settle();
    assert_eq!(log.take(), "a b c end");
}

#[test]
fn a_reset_is_told_behind_the_bytes() {
    let f = fixture();
    let (peer, stream) = f.pair();
    let log = read_all(&f, stream);
    f.settle();
    peer.send("a");
    peer.reset();
    f.settle();
    assert_eq!(log.take(), "a ConnectionReset");
    assert_eq!(f.sim.open_sources(), 0);
}

#[test]
fn spurious_and_stale_events_are_ignored() {
    let f = fixture();
    let listener = Rc::new(Listener::new(&f.handle, Endpoint::Simulated(1)).unwrap());
    let all = Ready::READABLE.with(Ready::WRITABLE).with(Ready::TAIL);
    let serve = || {
        let listener = Rc::clone(&listener);
        f.handle.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.fill().await.unwrap();
        })
    };
    let (peer, task) = (f.sim.connect(1), serve());
    f.settle();
    let id = peer.stream_id().unwrap();
    f.sim.spurious(id, all);
    f.settle();
    assert!(!task.is_finished());
    task.cancel();
    assert!(peer.is_closed());
    // Another stream takes the place, and must not be taken for the first.
    let (second, task) = (f.sim.connect(1), serve());
    f.settle();
    assert_eq!(second.stream_id().map(Id::index), Some(id.index()));
    let reads = f.sim.count(Op::Read);
    f.sim.spurious(id, all);
    f.settle();
    assert_eq!(f.sim.count(Op::Read), reads, "not even asked");
    assert!(!task.is_finished());
}

#[test]
fn interrupted_operations_are_tried_again() {
    let f = fixture();
    for op in [Op::Accept, Op::Read, Op::Write, Op::Poll] {
        f.sim.fail(op, ErrorKind::Interrupted, 2);
    }
    let (peer, mut stream) = f.pair();
    peer.send("x\n");
    f.go(async move {
        let mut line = Vec::new();
        stream.read_line(&mut line, 10).await.unwrap();
        stream.write_all(&line).await.unwrap();
    });
    f.settle();
    assert_eq!(peer.received(), b"x\n");
}

#[test]
fn a_flood_on_one_stream_does_not_keep_another_waiting() {
    let f = fixture();
    let (flood, mut stream) = f.pair();
    flood.send(vec![b'x'; 64 << 20]);
    let seen = Rc::new(Cell::new(0_usize));
    let count = Rc::clone(&seen);
    f.go(async move {
        while stream.fill().await.unwrap() {
            let n = stream.input().len();
            count.set(count.get() + n);
            stream.consume(n);
        }
    });
    f.turn();
    f.turn();
    assert!(seen.get() > 0, "it has begun");
    let (other, mut stream) = f.pair_in_turns();
    other.send("hello\n");
    let before = seen.get();
    let task = f.handle.spawn(async move {
        let mut line = Vec::new();
        stream.read_line(&mut line, 100).await.unwrap();
    });
    for _ in 0..4 {
        f.turn();
    }
    assert!(task.is_finished());
    assert!(seen.get() - before < 64 << 20);
}

#[test]
fn many_floods_keep_another_waiting_no_longer_than_one_and_get_on_by_turns() {
    const FLOODS: usize = 32;
    let f = fixture();
    let seen: Rc<[Cell<usize>]> = (0..FLOODS).map(|_| Cell::new(0)).collect();
    let floods: Vec<_> = (0..FLOODS).map(|_| f.pair()).collect();
    let peers: Vec<_> = floods
        .into_iter()
        .enumerate()
        .map(|(n, (flood, mut stream))| {
            flood.send(vec![b'x'; 16 << 20]);
            let seen = Rc::clone(&seen);
            f.go(async move {
                while stream.fill().await.unwrap() {
                    let bytes = stream.input().len();
                    seen[n].set(seen[n].get() + bytes);
                    stream.consume(bytes);
                }
            });
            flood
        })
        .collect();
    for _ in 0..3 {
        f.turn();
    }
    let total = || seen.iter().map(Cell::get).sum::<usize>();
    let (other, mut stream) = f.pair_in_turns();
    let before = total();
    other.send("hello\n");
    let task = f.handle.spawn(async move {
        let mut line = Vec::new();
        stream.read_line(&mut line, 100).await.unwrap();
    });
    for _ in 0..2 {
        f.turn();
    }
    assert!(task.is_finished());
    let meanwhile = total() - before;
    assert!(meanwhile > 0, "they go on");
    assert!(
        meanwhile < 4 << 20,
        "{meanwhile} bytes of floods: more than two turns' budget"
    );
    let before: Vec<_> = seen.iter().map(Cell::get).collect();
    for _ in 0..FLOODS {
        f.turn();
    }
    for (seen, before) in seen.iter().zip(before) {
        assert!(seen.get() > before, "each has had its turn");
    }
    drop(peers);
}

#[test]
fn a_flood_of_short_lines_read_by_read_line_ends_the_turn() {
    let f = fixture();
    let (flood, mut stream) = f.pair();
    let lines = 1_000_000;
    flood.send(b"x\n".repeat(lines));
    let seen = Rc::new(Cell::new(0_usize));
    let count = Rc::clone(&seen);
    f.go(async move {
        let mut line = Vec::new();
        while stream.read_line(&mut line, 100).await.unwrap() {
            line.clear();
            count.set(count.get() + 1);
        }
    });
    f.turn();
    let mut before = 0;
    while seen.get() < lines {
        f.turn();
        assert!(seen.get() > before, "each turn gets on");
        assert!(
            seen.get() - before < 20_000,
            "{} lines in one turn",
            seen.get() - before
        );
        before = seen.get();
    }
}

#[test]
fn a_stream_whose_task_sleeps_is_not_read() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    let handle = f.handle.clone();
    f.go(async move {
        sleep(&handle, SECOND).await;
        stream.fill().await.unwrap();
    });
    peer.send("x");
    f.settle();
    assert_eq!(f.sim.count(Op::Read), 0);
    f.advance(SECOND);
    assert_eq!(f.sim.count(Op::Read), 1);
}
