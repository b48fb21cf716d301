//! The servers of `examples/peers` do what ours does, so that to compare them is to compare how they wait.
//!
//! `cargo test` builds them. For this file alone say `cargo build --examples && cargo test --test peers`.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::time::{Duration, Instant};
use std::{fs, thread};

use common::vectors::{as_recorded, byte_by_byte, in_one_piece, replay_all};
use common::{Client, FULL, GREETING, QUIT, Server, Setup, eventually, upper};
use rustix::process::{Resource, Rlimit, Signal, prlimit};

const MIB: usize = 1 << 20;

fn each_peer(test: impl Fn(Setup)) {
    for peer in ["peer_tokio", "peer_smol"] {
        println!("peer: {peer}"); // shown if the test fails
        test(Setup::example(peer));
    }
}

#[test]
fn they_speak_the_protocol() {
    each_peer(|setup| {
        let server = setup.start_peer();
        for cut in [as_recorded, in_one_piece, byte_by_byte] {
            replay_all(&server, cut);
        }
    });
}

#[test]
fn a_line_of_the_limit_is_answered_and_one_byte_more_is_too_long() {
    each_peer(|setup| {
        let server = setup.start_peer();
        let mut client = server.client();
        let line = "x".repeat(256 << 10);
        client.ask(&line);
        client.send(format!("{line}y"));
        client.expect(b"<line too long: limit is 262144 bytes>\r\n");
        client.send("\n");
        client.ask("next");
    });
}

/// What is pipelined is answered in few writes: of each 16 KiB that are read the replies leave together.
#[test]
fn replies_leave_together() {
    each_peer(|setup| {
        let trace = setup.dir().join("trace");
        // With -D the tracer is the child of the program; where there is no strace the program runs without.
        let script = format!(
            "if strace -D -qq -o '{0}' true; then exec strace -D -f -qq -e trace=network -o '{0}' \"$0\" \"$@\"; fi",
            trace.display()
        );
        let server = setup.after(&script).start_peer();
        let mut client = server.client();
        for _ in 0..10 {
            client.send("one\n".repeat(1000));
            client.expect(upper("one").repeat(1000));
        }
        let Ok(trace) = fs::read_to_string(trace) else {
            return println!("skipped: strace may not trace here");
        };
        let writes = trace.lines().filter(|line| line.contains(" sendto("));
        let writes = writes.count();
        assert!((11..=21).contains(&writes), "{writes} writes: {trace}");
    });
}

#[test]
fn who_does_not_read_is_not_read() {
    each_peer(|setup| {
        let server = setup.start_peer();
        let mut deaf = server.client();
        let memory = server.peak_memory();
        let sent = deaf.send_until_stuck(b"some line\n", 64 * MIB);
        assert!(sent < 64 * MIB, "it reads on from one who does not read");
        server.serves();
        let grown = server.peak_memory() - memory;
        assert!(grown < 4 << 20, "{grown} bytes more");
    });
}

/// Nor does one who says more than can be answered.
#[test]
fn who_floods_holds_nobody_up() {
    each_peer(|setup| {
        let server = setup.start_peer();
        let mut bystander = server.client();
        let mut flood = server.client();
        let mut sender = flood.other_hand();
        thread::scope(|scope| {
            scope.spawn(move || sender.send("x\n".repeat(MIB)));
            let reader = scope.spawn(move || {
                let replies = flood.read(upper("x").len() * MIB);
                (replies.len(), Instant::now())
            });
            let mut asked = Instant::now();
            let mut slowest = Duration::ZERO;
            let mut answered = Vec::new();
            while !reader.is_finished() {
                bystander.ask("and I?");
                slowest = slowest.max(asked.elapsed());
                asked = Instant::now();
                answered.push(asked);
            }
            let (replies, end) = reader.join().expect("all is answered");
            assert_eq!(replies, upper("x").len() * MIB);
            answered.retain(|&at| at < end);
            assert!(answered.len() > 10, "{} answers", answered.len());
            assert!(slowest < Duration::from_secs(1), "{slowest:?}");
        });
    });
}

#[test]
fn who_finds_no_place_is_told() {
    each_peer(|setup| {
        // A quarter of the descriptors is not for clients.
        let server = setup.after("ulimit -n 64").start_peer();
        let mut clients = server.clients(48);
        let descriptors = server.descriptors();
        for _ in 0..5 {
            let mut refused = server.connect();
            refused.send("hello\n");
            assert_eq!(refused.rest(), FULL);
            drop(refused);
            server.settles_at(descriptors); // there is room for few of them at once
        }
        for client in &mut clients {
            client.ask("still in");
        }
        clients.pop();
        eventually("a place is free", || {
            let mut client = server.connect();
            client.read_line() == GREETING
        });
    });
}

#[test]
fn out_of_descriptors_they_wait_and_go_on_by_themselves() {
    each_peer(|setup| {
        let server = setup.start_peer();
        let limit = |soft| Rlimit {
            current: Some(soft),
            maximum: Some(4096),
        };
        let set = |soft| prlimit(Some(server.pid()), Resource::Nofile, limit(soft));
        let mut old = server.client();
        set(server.descriptors() as u64).expect("the limit of our child");
        let mut new: Vec<Client> = (0..50).map(|_| server.connect()).collect();
        server.wait_for_log("accepting pauses");
        old.ask("I am in");
        assert!(server.load() < 0.3, "it spins");
        assert_eq!(server.logged("accepting pauses"), 1, "a line a pause");
        set(4096).expect("the limit of our child");
        for client in &mut new {
            client.expect(GREETING);
            client.ask("in at last");
        }
    });
}

/// A half-closed client gets the replies to all that it said, the unfinished last line too; input behind `quit` takes
/// none away.
#[test]
fn the_end_is_a_clean_one_whoever_makes_it() {
    each_peer(|setup| {
        let server = setup.start_peer();
        let mut client = server.client();
        client.send("line\n".repeat(5000) + "the rest");
        client.half_close();
        assert_eq!(
            client.rest(),
            [upper("line").repeat(5000), upper("the rest")].concat()
        );
        let mut client = server.client();
        client.send("line\n".repeat(1000) + "quit\n" + &"more\n".repeat(50_000));
        assert_eq!(client.rest(), [&upper("line").repeat(1000), QUIT].concat());
        // Who is silent behind `quit` is not waited for.
        let mut client = server.client();
        client.send("quit\n");
        assert_eq!(client.rest(), QUIT);
        let descriptors = server.descriptors();
        server.settles_at(descriptors - 1);
    });
}

fn while_stopped(server: &Server, arrive: impl FnOnce()) {
    server.signal(Signal::STOP);
    arrive();
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
}

/// What had arrived is answered, in the backlog too; what had not is not, nor is half a line.
#[test]
fn a_signal_ends_them_in_good_order() {
    each_peer(|setup| {
        let mut server = setup.start_peer();
        let mut clients = server.clients(20);
        let (mut half, mut rest, mut idle) = (server.client(), server.client(), server.client());
        let mut waiting = Vec::new();
        while_stopped(&server, || {
            for client in &mut clients {
                client.send("one\ntwo\r\nthree\r".repeat(1000));
            }
            half.send("whole\nhalf a li");
            rest.send("whole\nthe rest");
            rest.half_close();
            for _ in 0..50 {
                let mut client = server.connect();
                client.send("early enough\n");
                waiting.push(client);
            }
        });
        let all = [upper("one"), upper("two"), upper("three")].concat();
        for client in &mut clients {
            assert_eq!(client.rest(), all.repeat(1000));
        }
        assert_eq!(half.rest(), upper("whole"));
        assert_eq!(rest.rest(), [upper("whole"), upper("the rest")].concat());
        assert_eq!(idle.rest(), b"");
        for client in &mut waiting {
            let expected = [GREETING, &upper("early enough")].concat();
            assert_eq!(client.rest(), expected);
        }
        assert_eq!(server.status(), 0);
    });
}

/// Nobody can keep one from ending: neither who does not read, after 5 s, nor who does not want to wait for that.
#[test]
fn the_end_comes_in_time_and_a_second_signal_brings_it_at_once() {
    for (signal, status) in [
        (None, 1),
        (Some(Signal::INT), 130),
        (Some(Signal::TERM), 143),
    ] {
        each_peer(|setup| {
            let mut server = setup.start_peer();
            // Empty lines have the longest replies: what has arrived of them cannot be answered into what room there is.
            let deaf = Client::with_receive_buffer(&server.address(), Some(4096));
            let mut deaf = deaf.expect("the server accepts").greeted();
            deaf.send_until_stuck(&vec![b'\n'; 65536], 64 * MIB);
            // Each time the others have had their turn, and of its lines 16 KiB more are answered: by now none can be.
            let mut bystander = server.client();
            (0..300).for_each(|_| bystander.ask("and now?"));
            let start = Instant::now();
            server.signal(Signal::TERM);
            eventually("nobody listens", || {
                Client::connect(&server.address()).is_err()
            });
            if let Some(signal) = signal {
                server.signal(signal);
            }
            assert_eq!(server.status(), status);
            let least = Duration::from_secs(if signal.is_none() { 5 } else { 0 });
            let took = start.elapsed();
            assert!(
                took >= least && took < least + Duration::from_secs(3),
                "{took:?}"
            );
        });
    }
}

#[test]
fn they_announce_themselves_after_a_second() {
    each_peer(|setup| {
        let start = Instant::now();
        let server = setup.start_peer();
        server.wait_for_log("The event loop is still running at: ");
        assert!(start.elapsed() >= Duration::from_secs(1));
    });
}

#[test]
fn a_port_in_use_is_one_line_and_status_1() {
    each_peer(|setup| {
        let other = Setup::reactor().start();
        let mut server = setup.flags(&["--port", &other.port().to_string()]).spawn();
        assert_eq!(server.status(), 1);
        let log = server.log();
        assert!(
            log.contains("Address already in use") && log.lines().count() == 1,
            "{log}"
        );
    });
}
