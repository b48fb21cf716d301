//! The ladder of `examples/`: what each step can do, and what it cannot do yet, which is why there is a next one.
//!
//! `cargo test` builds the steps. For this file alone say `cargo build --examples && cargo test --test ladder`.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::net::Shutdown;
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use common::vectors::{
    as_recorded, byte_by_byte, goes_on_after_quit, in_one_piece, replay_all, replay_but,
    replay_one_by_one,
};
use common::{Client, FULL, GREETING, IDLE, QUIT, Server, Setup, can_open, eventually, upper};
use rustix::process::Signal;

const STEPS: [&str; 10] = [
    "01_blocking",
    "02_threads",
    "03_nonblocking",
    "04_event_loop",
    "05_timers",
    "06_futures",
    "07_tasks_and_wakers",
    "08_async_await",
    "09_limits",
    "10_shutdown",
];

const MIB: usize = 1 << 20;

fn step(number: usize) -> Setup {
    let name = STEPS[number - 1];
    println!("step: {name}"); // shown if the test fails
    Setup::example(name)
}

/// Each of these steps, started.
fn steps(numbers: RangeInclusive<usize>) -> impl Iterator<Item = Server> {
    numbers.map(|number| step(number).start_step(&[]))
}

// ---- The protocol ---------------------------------------------------------------------------------------------------

#[test]
fn step_1_speaks_the_protocol_with_one_at_a_time() {
    for server in steps(1..=1) {
        for cut in [as_recorded, in_one_piece, byte_by_byte] {
            replay_one_by_one(&server, cut, goes_on_after_quit);
        }
    }
}

#[test]
fn steps_2_to_8_speak_the_protocol_up_to_the_quit() {
    for server in steps(2..=8) {
        for cut in [as_recorded, in_one_piece, byte_by_byte] {
            replay_but(&server, cut, goes_on_after_quit);
        }
    }
}

#[test]
fn steps_9_and_10_speak_all_of_the_protocol() {
    for server in steps(9..=10) {
        for cut in [as_recorded, in_one_piece, byte_by_byte] {
            replay_all(&server, cut);
        }
    }
}

/// What is pipelined is answered at once; a reset, at whatever point, ends that client; nor does a pause of the process
/// end anything.
#[test]
fn each_step_survives_its_clients_and_a_pause() {
    for server in steps(1..=10) {
        let mut client = server.client();
        client.send("one\n".repeat(1000));
        client.expect(upper("one").repeat(1000));
        client.reset();
        let mut client = server.client();
        client.send("half a li");
        client.reset();
        server.connect().reset();
        let mut client = server.client();
        client.ask("one");
        server.signal(Signal::STOP);
        client.send("two\n");
        server.signal(Signal::CONT);
        client.expect(upper("two"));
        client.half_close();
        assert_eq!(client.rest(), b"");
    }
}

// ---- Step 1 -> 2 ----------------------------------------------------------------------------------------------------

#[test]
fn step_1_leaves_the_second_client_waiting() {
    for server in steps(1..=1) {
        let mut first = server.client();
        let mut second = server.connect();
        second.send("and I?\n");
        (0..100).for_each(|_| first.ask("hello"));
        assert!(second.is_silent());
        drop(first);
        second.expect([GREETING, &upper("and I?")].concat());
    }
}

#[test]
fn from_step_2_on_half_a_line_keeps_nobody_waiting() {
    for server in steps(2..=10) {
        let (mut slow, mut other) = (server.client(), server.client());
        slow.send("half ");
        other.ask("hello");
        slow.send("a line");
        other.ask("hello again");
        slow.send("\r");
        slow.expect(upper("half a line"));
    }
}

// ---- Step 2 -> 3 ----------------------------------------------------------------------------------------------------

#[test]
fn step_2_takes_a_thread_for_each_client_and_no_other_step_does() {
    const CLIENTS: usize = 100;
    for (number, server) in (2..).zip(steps(2..=10)) {
        let clients = server.clients(CLIENTS);
        let threads = if number == 2 { 1 + CLIENTS } else { 1 };
        assert_eq!(server.threads(), threads as u64);
        drop(clients);
    }
}

// ---- Step 3 -> 4 ----------------------------------------------------------------------------------------------------

#[test]
fn step_3_burns_the_cpu_for_one_who_says_nothing() {
    for server in steps(3..=3) {
        let _silent = server.client();
        let (cpu, start) = (server.cpu(), Instant::now());
        let mut used = Duration::ZERO;
        // On an idle machine this takes half a second of each clock; on a busy one it gets its share.
        eventually("half a second of CPU time is used for nothing", || {
            used = server.cpu().saturating_sub(cpu);
            used >= Duration::from_millis(500)
        });
        println!("{used:?} of CPU time in {:?}", start.elapsed());
    }
}

#[test]
fn no_other_step_uses_the_cpu_for_those_who_say_nothing() {
    let servers: Vec<Server> = steps(1..=2).chain(steps(4..=10)).collect();
    let clients: Vec<Client> = servers.iter().map(Server::client).collect();
    let before: Vec<Duration> = servers.iter().map(Server::cpu).collect();
    thread::sleep(Duration::from_secs(1)); // it is idleness that is measured
    for (server, before) in servers.iter().zip(before) {
        // The announcement costs something, the first of all.
        assert!(server.cpu().saturating_sub(before) <= Duration::from_millis(50));
    }
    drop(clients);
}

// ---- Step 4 -> 5 ----------------------------------------------------------------------------------------------------

#[test]
fn step_4_has_no_timers_and_from_step_5_on_they_come_in_time() {
    let mut before: Vec<Server> = steps(1..=4).collect();
    let started = Instant::now();
    let servers: Vec<Server> = steps(5..=10).collect();
    for server in &servers {
        let mut client = server.client();
        client.send("half a line keeps them from nothing");
        server.wait_for_log("The event loop is still running at: ");
        assert!(started.elapsed() >= Duration::from_secs(1));
        client.send("\n");
        client.expect(upper("half a line keeps them from nothing"));
    }
    // All that time the others have said nothing at all.
    for server in &mut before {
        assert_eq!(server.log(), "");
        assert!(!server.has_ended());
    }
}

// ---- Step 5 -> 6 ----------------------------------------------------------------------------------------------------

/// A line of a thousand bytes, whose reply is hardly longer.
fn long_line() -> Vec<u8> {
    [&[b'x'; 999][..], b"\n"].concat()
}

#[test]
fn steps_3_to_5_keep_all_that_a_client_does_not_read() {
    for server in steps(3..=5) {
        let (mut clients, before) = (Vec::new(), server.resident());
        // One that was not read for half a second by a busy machine is followed by another.
        eventually("16 MiB are kept", || {
            let mut deaf = server.client();
            deaf.send_until_stuck(&long_line(), 32 * MIB);
            clients.push(deaf);
            server.resident().saturating_sub(before) > 16 * MIB as u64
        });
        server.serves();
    }
}

#[test]
fn who_does_not_read_is_not_read_by_the_threads_and_from_step_6_on() {
    for server in steps(2..=2).chain(steps(6..=10)) {
        let before = server.resident();
        let mut deaf = server.client();
        let sent = deaf.send_until_stuck(&long_line(), 64 * MIB);
        assert!(sent < 64 * MIB, "it reads on from one who does not read");
        let grown = server.resident().saturating_sub(before);
        assert!(grown < 8 * MIB as u64, "{grown} bytes more");
        server.serves();
    }
}

// ---- Step 6 -> 7 ----------------------------------------------------------------------------------------------------

/// Whether a client that sends more than the server can look at keeps another from being served until all is looked at.
fn a_flood_holds_up_others(server: &Server) -> bool {
    /// Twice as many as the kernel keeps for a receiver that does not come to read them.
    const LINES: usize = 100;
    // Much to look at, and little to say: a line that turns out not to be UTF-8 at its last byte.
    let mut line = "é".repeat(100_000).into_bytes();
    line.extend(b"\xff\n");
    let (mut flood, mut other) = (server.client(), server.client());
    let (sent, answered) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while sent.load(Relaxed) < LINES && !answered.load(Relaxed) {
                flood.send(&line);
                sent.fetch_add(1, Relaxed);
            }
        });
        eventually("the flood comes", || sent.load(Relaxed) > 0);
        other.ask("and I?");
        answered.store(true, Relaxed);
    });
    let sent = sent.into_inner();
    flood.expect(b"<invalid UTF-8 at byte 200000>\r\n".repeat(sent));
    sent == LINES
}

#[test]
fn steps_4_to_6_listen_to_nobody_but_one_who_never_stops() {
    for server in steps(4..=6) {
        // If the machine lets the flood ebb for a moment, the other's turn has come.
        let held_up = (0..5).any(|_| a_flood_holds_up_others(&server));
        assert!(held_up);
    }
}

#[test]
fn one_who_never_stops_holds_up_nobody_in_the_other_steps() {
    for server in steps(2..=3).chain(steps(7..=10)) {
        assert!(!a_flood_holds_up_others(&server));
    }
}

// ---- Step 7 -> 8 ----------------------------------------------------------------------------------------------------

#[test]
fn up_to_step_7_an_accept_that_fails_ends_them() {
    for number in 2..=7 {
        let mut server = step(number).after("ulimit -n 24").start_step(&[]);
        let clients: Vec<_> = (0..24)
            .map_while(|_| Client::connect(&server.address()).ok())
            .collect();
        assert_eq!(server.status(), 1);
        assert!(server.log().contains("Too many open files"));
        drop(clients);
    }
}

#[test]
fn from_step_8_on_accepting_pauses_and_goes_on_by_itself() {
    for number in 8..=10 {
        let server = step(number).after("ulimit -n 24").start_step(&[]);
        let mut first = server.client();
        let rest: Vec<Client> = (0..24).map(|_| server.connect()).collect();
        server.wait_for_log("accepting pauses: Too many open files");
        first.ask("I am in");
        let mut last = server.connect();
        last.send("am I?\n");
        assert!(server.load() < 0.1, "it spins");
        assert!(last.is_silent());
        drop(rest);
        last.expect([GREETING, &upper("am I?")].concat());
    }
}

// ---- Step 8 -> 9 ----------------------------------------------------------------------------------------------------

/// The descriptors that it has without a client. One that is greeted shows that it has them all.
fn own_descriptors(server: &Server) -> usize {
    let _client = server.client();
    server.descriptors() - 1
}

/// What comes to one who quits with more behind it, and whether it ends cleanly.
fn quits_and_goes_on(server: &Server) -> (Vec<u8>, bool) {
    let mut client = server.client();
    client.try_send("one\nquit\n".to_owned() + &"x".repeat(300_000));
    let (replies, end) = client.rest_and_end();
    (replies, end.is_ok())
}

#[test]
fn up_to_step_8_who_sends_more_behind_quit_is_reset() {
    for server in steps(1..=8) {
        // It takes that some of it has come, and was not read, at the moment of the close.
        assert!((0..10).any(|_| !quits_and_goes_on(&server).1));
    }
}

#[test]
fn from_step_9_on_who_sends_more_behind_quit_gets_all_replies_and_a_clean_end() {
    for server in steps(9..=10) {
        let before = own_descriptors(&server);
        for _ in 0..20 {
            let all = [&upper("one"), QUIT].concat();
            assert_eq!(quits_and_goes_on(&server), (all, true));
        }
        server.settles_at(before);
    }
}

#[test]
fn from_step_9_on_who_finds_no_place_is_told() {
    if !can_open(1200) {
        return;
    }
    for server in steps(9..=10) {
        let mut clients = server.clients(500);
        let mut refused = server.connect();
        refused.send("hello\n");
        assert_eq!(refused.rest(), FULL);
        for client in &mut clients {
            client.ask("still in");
        }
        clients.pop();
        eventually("a place is free", || {
            server.connect().read_line() == GREETING
        });
    }
}

#[test]
fn from_step_9_on_who_keeps_the_server_waiting_is_sent_away() {
    for number in 9..=10 {
        let before = steps(8..=8).next().expect("step 8");
        let mut kept = before.client();
        let server = step(number).start_step(&["1"]);
        let descriptors = own_descriptors(&server);
        let start = Instant::now();
        let mut silent = server.client();
        assert_eq!(silent.rest(), IDLE);
        assert!(start.elapsed() >= Duration::from_secs(1));
        assert!(kept.is_silent(), "step 8 knows no such limit");
        // Nor does one who does not read keep his place.
        let mut deaf = server.client();
        deaf.send_until_stuck(&vec![b'\n'; 65536], 64 * MIB);
        server.settles_at(descriptors);
    }
}

// ---- Step 9 -> 10 ---------------------------------------------------------------------------------------------------

fn while_stopped(server: &Server, arrive: impl FnOnce()) {
    server.signal(Signal::STOP);
    arrive();
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
}

#[test]
fn up_to_step_9_a_signal_takes_the_replies_with_it() {
    for mut server in steps(1..=9) {
        let mut client = server.client();
        while_stopped(&server, || client.send("one\n"));
        assert_eq!(server.status(), -15, "killed");
        assert_eq!(client.rest_and_end().0, b"");
    }
}

/// What had arrived is answered, in the backlog too; what had not is not, nor is half a line.
#[test]
fn step_10_ends_in_good_order() {
    for mut server in steps(10..=10) {
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
        drop((clients, half, rest, idle, waiting));
        assert_eq!(server.status(), 0);
    }
}

/// One who goes on talking does not put it off, nor does one who does not read, beyond the deadline.
#[test]
fn step_10_ends_within_its_deadline_and_at_once_for_a_second_signal() {
    for (signal, status) in [
        (None, 1),
        (Some(Signal::INT), 130),
        (Some(Signal::TERM), 143),
    ] {
        let mut server = step(10).start_step(&[]);
        let mut deaf = server.client();
        deaf.send_until_stuck(&vec![b'\n'; 65536], 64 * MIB);
        let start = Instant::now();
        server.signal(Signal::TERM);
        eventually("nobody listens", || {
            Client::connect(&server.address()).is_err()
        });
        if let Some(signal) = signal {
            server.signal(signal);
        }
        assert_eq!(server.status(), status);
        let took = start.elapsed().as_secs_f64();
        let in_time = if signal.is_none() {
            5.0..10.0
        } else {
            0.0..5.0
        };
        assert!(in_time.contains(&took), "{took} s");
    }
}

#[test]
fn step_10_does_not_wait_for_one_who_goes_on_talking() {
    let mut server = step(10).start_step(&[]);
    let mut client = server.client();
    let mut sender = client.other_hand();
    thread::scope(|scope| {
        scope.spawn(move || while sender.try_send("on and on\n".repeat(100)) {});
        client.expect(upper("on and on"));
        server.signal(Signal::TERM);
        scope.spawn(move || {
            client.is_closed();
            let _ = client.socket.shutdown(Shutdown::Both);
        });
        assert_eq!(server.status(), 0, "nobody was cut off at the deadline");
    });
}
