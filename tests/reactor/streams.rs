//! Streams: what is written when, and who waits for whom.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;

use nbcaser::reactor::driver::Remote;
use nbcaser::reactor::sim::Op;
use nbcaser::reactor::sync::Event;
use nbcaser::reactor::{Endpoint, HIGH_WATER, Listener, Stream, select, sleep, timeout, yield_now};

use crate::fixture::{Fixture, Log, SECOND, fixture, ms};

fn port(n: u16) -> Remote {
    Remote::Tcp(SocketAddr::from(([127, 0, 0, 1], n)), None)
}

#[test]
fn output_leaves_when_the_task_rests_on_whatever_it_is() {
    let f = fixture();
    let (peer, stream) = f.pair();
    let handle = f.handle.clone();
    f.go(async move {
        stream.writer().write(b"now");
        stream.writer().write(b", at once");
        sleep(&handle, SECOND).await;
        drop(stream);
    });
    f.settle();
    assert_eq!(peer.received(), b"now, at once");
    assert_eq!(f.sim.count(Op::Write), 1, "and in one write");
    assert!(!peer.is_closed());
}

#[test]
fn output_that_a_callback_writes_leaves_at_once_too() {
    let f = fixture();
    let (peer, stream) = f.pair();
    let writer = stream.writer();
    f.handle.call_later(SECOND, move || writer.write(b"tick"));
    f.advance(SECOND);
    assert_eq!(peer.received(), b"tick");
    stream.writer().write(b"outside");
    f.settle();
    assert_eq!(peer.received(), b"tickoutside");
}

#[test]
fn output_of_a_task_that_panics_leaves_unless_the_stream_goes_with_it() {
    let f = fixture();
    let (peer, stream) = f.pair();
    let writer = stream.writer();
    let task = f.handle.spawn(async move {
        writer.write(b"last words");
        panic!("of a task that does not own the stream");
    });
    f.settle();
    assert!(
        task.try_take()
            .is_some_and(|result: Result<(), _>| result.is_err())
    );
    assert_eq!(peer.received(), b"last words");
    drop(stream);
}

#[test]
fn two_streams_that_are_written_in_turns_keep_their_order() {
    let f = fixture();
    let ((a, one), (b, two)) = (f.pair(), f.pair());
    f.go(async move {
        for n in 0..3 {
            one.writer().write(format!("a{n} ").as_bytes());
            two.writer().write(format!("b{n} ").as_bytes());
        }
        std::future::pending::<()>().await;
    });
    f.settle();
    assert_eq!(a.received(), b"a0 a1 a2 ");
    assert_eq!(b.received(), b"b0 b1 b2 ");
}

#[test]
fn dropping_a_stream_discards_what_was_not_sent() {
    let f = fixture();
    let (peer, stream) = f.pair();
    let (other, kept) = f.pair();
    f.go(async move {
        kept.writer().write(b"kept ");
        stream.writer().write(b"lost");
        drop(stream);
        kept.writer().write(b"kept");
        std::future::pending::<()>().await;
    });
    f.settle();
    assert_eq!(peer.received(), b"");
    assert!(peer.eof_seen());
    assert_eq!(other.received(), b"kept kept");
}

#[test]
fn output_that_is_discarded_is_not_sent_and_what_is_written_then_is() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    f.go(async move {
        stream.writer().write(b"lost");
        assert_eq!(stream.discard_output(), None);
        stream.write_all(b"kept").await.unwrap();
    });
    f.settle();
    assert_eq!(peer.received(), b"kept");
}

#[test]
fn writing_to_a_stream_that_is_gone_is_no_error() {
    let f = fixture();
    let (_peer, stream) = f.pair();
    let writer = stream.writer();
    drop(stream);
    writer.write(b"nobody");
    f.go(async move { writer.write(b"nobody") });
    f.settle();
    assert_eq!(f.sim.count(Op::Write), 0);
}

#[test]
fn a_short_write_is_gone_on_with_at_once_and_a_full_socket_on_its_edge() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    peer.limit(usize::MAX, 2);
    peer.window(5);
    let task = f
        .handle
        .spawn(async move { stream.write_all(b"0123456789").await });
    f.settle();
    assert_eq!(peer.received(), b"01234");
    assert_eq!(
        f.sim.count(Op::Write),
        4,
        "2, 2, 1 and one that would block"
    );
    f.turn();
    assert_eq!(f.sim.count(Op::Write), 4, "no edge, no write");
    assert!(!task.is_finished());
    peer.read(3);
    f.settle();
    assert_eq!(peer.received(), b"01234567");
    peer.read(100);
    f.settle();
    assert_eq!(peer.received(), b"0123456789");
    assert!(task.is_finished());
}

#[test]
fn output_that_waits_goes_out_while_its_task_sleeps() {
    let f = fixture();
    let (peer, stream) = f.pair();
    let handle = f.handle.clone();
    peer.window(3);
    f.go(async move {
        stream.writer().write(b"abcdef");
        sleep(&handle, SECOND).await;
        stream.writer().write(b"ghi");
        sleep(&handle, SECOND).await;
        drop(stream);
    });
    f.settle();
    assert_eq!(f.handle.census().kept_bytes, 4);
    f.advance(SECOND); // more gathers behind what waits
    peer.read(100);
    f.settle();
    assert_eq!(peer.received(), b"abcdefghi");
    assert_eq!(f.handle.census().kept_bytes, 0);
}

#[test]
fn who_does_not_read_is_not_read() {
    let f = fixture();
    let (peer, stream) = f.pair();
    echo(&f, stream);
    peer.window(4);
    peer.send("first\n");
    f.settle();
    let reads = f.sim.count(Op::Read);
    peer.send("second\n");
    f.settle();
    assert_eq!(f.sim.count(Op::Read), reads);
    assert_eq!(peer.unread(), 7);
    peer.read(100);
    f.settle();
    assert_eq!(peer.received(), b"first\nsecond\n");
}

#[test]
fn who_reads_ahead_is_given_input_while_its_output_waits() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    peer.window(4);
    let log = Log::default();
    let notes = log.clone();
    f.go(async move {
        stream.read_ahead();
        stream.writer().write(b"a long question");
        while let Ok(true) = stream.fill().await {
            notes.note(String::from_utf8_lossy(stream.input()));
            stream.consume(stream.input().len());
        }
        let _ = stream.flush().await;
        notes.note("flushed");
    });
    f.settle();
    for part in ["one", "two"] {
        peer.send(part);
        f.settle();
        assert_eq!(log.take(), part);
        assert_eq!(peer.received(), b"a lo", "the rest waits");
    }
    peer.finish();
    f.settle();
    assert_eq!(log.take(), "", "a flush waits all the same");
    peer.read(100);
    f.settle();
    assert_eq!(peer.received(), b"a long question");
    assert_eq!(log.take(), "flushed");
}

fn echo(f: &Fixture, mut stream: Stream) {
    f.go(async move {
        let mut line = Vec::new();
        while let Ok(true) = stream.read_line(&mut line, 1000).await {
            stream.writer().write(&line);
            line.clear();
        }
        let _ = stream.flush().await;
    });
}

#[test]
fn replies_to_lines_that_are_there_already_wait_for_the_socket_too() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    peer.window(100);
    peer.send(b"x\n".repeat(10_000));
    let written = Rc::new(Cell::new(0));
    let writes = Rc::clone(&written);
    f.go(async move {
        let mut line = Vec::new();
        while let Ok(true) = stream.read_line(&mut line, 1000).await {
            stream.writer().write(&[b'y'; 1000]);
            writes.set(writes.get() + 1000);
            line.clear();
        }
    });
    f.settle();
    assert!(
        written.get() <= 2 * HIGH_WATER + 1000,
        "{} bytes",
        written.get()
    );
}

#[test]
fn an_echo_of_whole_buffers_gathers_little_more_than_the_high_water_mark() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    peer.window(0);
    peer.send(vec![b'x'; 10 << 20]);
    f.go(async move {
        while let Ok(true) = stream.fill().await {
            stream.writer().write(stream.input());
            let n = stream.input().len();
            stream.consume(n);
        }
    });
    f.settle();
    let kept = f.handle.census().kept_bytes;
    assert!(kept <= 4 * HIGH_WATER, "{kept} bytes");
}

#[test]
fn a_stream_that_gets_stuck_while_its_task_writes_to_another_is_asked_again() {
    let f = fixture();
    let ((a, mut one), (b, two)) = (f.pair(), f.pair());
    a.window(0);
    a.send(b"x\n".repeat(100));
    f.go(async move {
        let mut line = Vec::new();
        while let Ok(true) = one.read_line(&mut line, 10).await {
            one.writer().write(&line);
            two.writer().write(&line);
            line.clear();
        }
    });
    f.settle();
    assert!(b.received().len() <= 4, "{} bytes", b.received().len());
    a.read(1000);
    f.settle();
    assert_eq!(a.received(), b"x\n".repeat(100));
    assert_eq!(b.received(), b"x\n".repeat(100));
}

#[test]
fn input_that_was_kept_is_not_counted_once_it_was_consumed() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    f.go(async move {
        let mut line = Vec::new();
        while let Ok(true) = stream.read_line(&mut line, 1000).await {
            stream.writer().write(&line);
            line.clear();
            yield_now().await;
        }
    });
    peer.window(0);
    peer.send("a\nbcdefghijk\n");
    f.settle();
    assert_eq!(f.handle.census().kept_bytes, 2 + 11, "a reply and a line");
    peer.read(2);
    f.settle();
    assert_eq!(f.handle.census().kept_bytes, 11, "a reply");
    peer.read(1000);
    f.settle();
    assert_eq!(peer.received(), b"a\nbcdefghijk\n");
    assert_eq!(f.handle.census().kept_bytes, 0);
}

/// What one read may bring.
const BUFFER: usize = 128 * 1024;

#[test]
fn a_rest_of_just_the_buffers_size_is_not_counted_once_it_was_consumed() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    f.go(async move {
        while let Ok(true) = stream.fill().await {
            stream.writer().write(stream.input());
            poll_fn(|cx| stream.poll_in_order(cx))
                .await
                .expect("in order");
            stream.consume(stream.buffered());
        }
    });
    peer.window(1000);
    peer.send(vec![b'x'; BUFFER]);
    f.settle();
    assert_eq!(
        f.handle.census().kept_bytes,
        2 * BUFFER - 998,
        "and one byte that was sent"
    );
    peer.window(usize::MAX);
    f.settle();
    assert_eq!(peer.received().len(), BUFFER);
    assert_eq!(f.handle.census().kept_bytes, 0);
}

/// Linux does not tell of a little room.
#[test]
fn room_that_no_edge_tells_of_is_found_by_asking() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    let (ask, asked) = (Rc::new(Event::new()), Log::default());
    let (asks, notes) = (Rc::clone(&ask), asked.clone());
    peer.low_water(1000);
    peer.window(4);
    f.go(async move {
        stream.writer().write(b"a long answer");
        let asking = async {
            asks.wait().await;
        };
        select(stream.flush(), asking).await;
        stream.expect_room();
        let _ = stream.flush().await;
        notes.note("flushed");
    });
    f.settle();
    peer.read(20);
    f.settle();
    assert_eq!(peer.received(), b"a lo");
    ask.set();
    f.settle();
    assert_eq!(
        (peer.received().as_slice(), asked.take().as_str()),
        (&b"a long answer"[..], "flushed")
    );
}

#[test]
fn one_reply_gathers_no_further_than_the_high_water_mark() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    let big = vec![b'x'; 3 * HIGH_WATER + 7];
    let sent = big.clone();
    let task = f
        .handle
        .spawn(async move { stream.write_all(&sent).await.map(|()| stream) });
    f.settle();
    assert_eq!(peer.received(), big);
    assert_eq!(f.sim.count(Op::Write), 4);
    assert!(task.is_finished());
}

#[test]
fn a_long_write_to_a_fast_reader_leaves_turns_for_others() {
    let (f, log) = (fixture(), Log::default());
    let (_peer, mut stream) = f.pair();
    let noted = log.clone();
    f.go(async move {
        stream.write_all(&vec![b'x'; 64 << 20]).await.unwrap();
        noted.note("written");
    });
    let noted = log.clone();
    f.go(async move { noted.note("other") });
    f.settle();
    assert_eq!(log.take(), "other written");
}

#[test]
fn who_reads_without_end_leaves_turns_for_others() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    peer.send(vec![b'x'; 16 << 20]);
    f.go(async move {
        while stream.fill().await.unwrap() {
            stream.consume(stream.input().len());
        }
    });
    f.turn();
    f.turn();
    let read = f.sim.count(Op::Read);
    assert!((1..=10).contains(&read), "{read} reads in a turn");
}

#[test]
fn a_failed_write_shows_at_the_next_operation_and_wakes_who_waits() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    let writer = stream.writer();
    let task = f.handle.spawn(async move { stream.fill().await });
    f.settle();
    f.sim.fail(Op::Write, ErrorKind::BrokenPipe, 1);
    f.go(async move { writer.write(b"x") });
    f.settle();
    let error = task.try_take().unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert!(peer.is_closed());
}

#[test]
fn a_client_that_resets_while_output_waits_ends_the_wait() {
    for leave in [
        nbcaser::reactor::sim::Peer::reset,
        nbcaser::reactor::sim::Peer::close,
    ] {
        let f = fixture();
        let (peer, mut stream) = f.pair();
        peer.window(1);
        let task = f
            .handle
            .spawn(async move { stream.write_all(b"abc").await });
        f.settle();
        leave(&peer);
        f.settle();
        assert!(task.try_take().expect("it ended").unwrap().is_err());
        assert_eq!(f.handle.census(), nbcaser::reactor::Census::default());
    }
}

#[test]
fn a_half_closed_client_gets_all_its_answers() {
    let f = fixture();
    let (peer, stream) = f.pair();
    echo(&f, stream);
    peer.send("a\nb\nno newline");
    peer.finish();
    f.settle();
    assert_eq!(peer.received(), b"a\nb\nno newline");
    assert!(peer.eof_seen() && !peer.reset_seen());
}

#[test]
fn shutdown_ends_the_output_and_not_the_input() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    let task = f.handle.spawn(async move {
        stream.write_all(b"bye").await?;
        stream.shutdown()?;
        let mut buf = [0; 10];
        let n = stream.read(&mut buf).await?;
        io::Result::Ok(buf[..n].to_vec())
    });
    f.settle();
    assert_eq!(peer.received(), b"bye");
    assert!(peer.eof_seen() && !peer.is_closed());
    peer.send("still here");
    f.settle();
    assert_eq!(task.try_take().unwrap().unwrap().unwrap(), b"still here");
}

#[test]
fn closing_with_input_unread_is_a_reset() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    peer.send("unread");
    assert_eq!(stream.unread().unwrap(), 6);
    f.go(async move { stream.write_all(b"bye").await.unwrap() });
    f.settle();
    assert!(peer.reset_seen() && !peer.eof_seen());
}

#[test]
fn read_line_dropped_half_way_keeps_what_it_took() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    let handle = f.handle.clone();
    let task = f.handle.spawn(async move {
        let mut line = Vec::new();
        let cut = timeout(&handle, SECOND, stream.read_line(&mut line, 100)).await;
        assert!(cut.is_none());
        stream.read_line(&mut line, 100).await.unwrap();
        line
    });
    peer.send("first ");
    f.settle();
    f.advance(SECOND);
    peer.send("second\n");
    f.settle();
    assert_eq!(task.try_take().unwrap().unwrap(), b"first second\n");
}

#[test]
fn read_line_ends_at_its_limit() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    peer.send([b'x'; 200]);
    let read = async move { stream.read_line(&mut Vec::new(), 100).await };
    let result = f.now_or_never(read).unwrap();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn read_gives_what_fits_and_then_the_rest_and_then_the_end() {
    let f = fixture();
    let (peer, mut stream) = f.pair();
    peer.send("abcde");
    peer.finish();
    let read = async move {
        let (mut out, mut buf) = (Vec::new(), [0; 2]);
        loop {
            let n = stream.read(&mut buf).await.unwrap();
            out.push(n);
            if n == 0 {
                return out;
            }
        }
    };
    assert_eq!(f.now_or_never(read).unwrap(), [2, 2, 1, 0]);
}

#[test]
fn a_connect_meets_a_listener() {
    let f = fixture();
    let listener = Listener::new(&f.handle, Endpoint::Simulated(7)).unwrap();
    let handle = f.handle.clone();
    let client = f.handle.spawn(async move {
        let mut stream = Stream::connect(&handle, &port(7)).await?;
        stream.write_all(b"ping\n").await?;
        let mut line = Vec::new();
        stream.read_line(&mut line, 100).await?;
        io::Result::Ok(line)
    });
    f.go(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut line = Vec::new();
        stream.read_line(&mut line, 100).await.unwrap();
        stream.write_all(b"pong\n").await.unwrap();
    });
    f.settle();
    assert_eq!(client.try_take().unwrap().unwrap().unwrap(), b"pong\n");
    assert_eq!(f.sim.open_sources(), 0);
}

#[test]
fn a_connect_meets_the_test() {
    let f = fixture();
    f.sim.listen(7);
    let handle = f.handle.clone();
    let task = f.handle.spawn(async move {
        let mut stream = Stream::connect(&handle, &port(7)).await?;
        stream.write_all(b"hello").await
    });
    f.settle();
    let peer = f.sim.accept(7).unwrap();
    assert_eq!(peer.received(), b"hello");
    assert!(peer.eof_seen() && task.is_finished());
    assert!(f.sim.accept(7).is_none());
}

#[test]
fn a_connect_is_refused_at_once_or_late() {
    let f = fixture();
    for slow in [ms(0), ms(10)] {
        f.sim.slow_connect(slow);
        let handle = f.handle.clone();
        let task = f
            .handle
            .spawn(async move { Stream::connect(&handle, &port(7)).await.map(drop) });
        f.settle();
        assert_eq!(task.is_finished(), slow.is_zero());
        f.advance(slow);
        let error = task.try_take().unwrap().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
    f.sim.fail(Op::Connect, ErrorKind::AddrNotAvailable, 1);
    let handle = f.handle.clone();
    let connect = async move { Stream::connect(&handle, &port(7)).await.map(drop) };
    let error = f.now_or_never(connect).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    assert_eq!(f.sim.open_sources(), 0);
    assert_eq!(f.handle.census().sources, 0);
}

#[test]
fn a_slow_connect_can_be_given_up_and_spurious_edges_do_not_end_it() {
    let f = fixture();
    f.sim.listen(7);
    f.sim.slow_connect(2 * SECOND);
    let handle = f.handle.clone();
    let task = f.handle.spawn(async move {
        let to = port(7);
        timeout(&handle, SECOND, Stream::connect(&handle, &to))
            .await
            .is_some()
    });
    f.settle();
    f.advance(SECOND);
    assert!(!task.try_take().unwrap().unwrap());
    assert_eq!(f.sim.open_sources(), 0);
    f.advance(2 * SECOND);
    assert!(f.sim.accept(7).is_none(), "it never arrived");
}

#[test]
fn a_listener_that_fails_to_register_leaves_nothing() {
    let f = fixture();
    f.sim.fail(Op::Listen, 28, 1); // ENOSPC
    assert!(Listener::new(&f.handle, Endpoint::Simulated(1)).is_err());
    assert_eq!(f.handle.census().sources, 0);
    let kept = Listener::new(&f.handle, Endpoint::Simulated(1)).unwrap();
    assert!(Listener::new(&f.handle, Endpoint::Simulated(1)).is_err());
    drop(kept);
    assert!(f.sim.connect(1).reset_seen(), "nobody listens any more");
}

#[test]
fn after_a_failed_accept_the_next_asks_at_once() {
    let f = fixture();
    let listener = Listener::new(&f.handle, Endpoint::Simulated(1)).unwrap();
    let _peer = f.sim.connect(1);
    f.sim.fail(Op::Accept, 24, 1); // EMFILE
    let accept = async move {
        let failed = listener.accept().await.map(drop).unwrap_err();
        assert_eq!(failed.raw_os_error(), Some(24));
        assert_eq!(
            listener
                .try_accept()
                .map(drop)
                .map_err(|error| error.kind()),
            Ok(())
        );
        let none = listener.try_accept().map(drop).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::WouldBlock);
    };
    assert_eq!(f.now_or_never(accept), Some(()));
    assert_eq!(f.handle.census().sources, 0);
}
