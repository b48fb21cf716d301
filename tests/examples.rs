//! The examples that use the reactor for something else do what they say.
//!
//! `cargo test` builds them. For this file alone say `cargo build --examples && cargo test --test examples`.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::time::{Duration, Instant};

use common::vectors::{as_recorded, byte_by_byte, in_one_piece, replay_all};
use common::{Server, Setup, eventually};

const MIB: usize = 1 << 20;

#[test]
fn chat_tells_all_others() {
    let server = Setup::example("chat").start_step(&[]);
    let mut one = server.connect();
    let mut two = server.connect();
    one.expect(format!("{} has come\n", two.name()));
    let mut three = server.connect();
    for member in [&mut one, &mut two] {
        member.expect(format!("{} has come\n", three.name()));
    }
    // Half a line is not told, and is not lost when a message comes in between.
    one.send("hel");
    two.send("wait\n");
    for member in [&mut one, &mut three] {
        member.expect(format!("{} wait\n", two.name()));
    }
    one.send("lo\n");
    for member in [&mut two, &mut three] {
        member.expect(format!("{} hello\n", one.name()));
    }
    let name = three.name();
    three.half_close();
    for member in [&mut one, &mut two] {
        member.expect(format!("{name} has left\n"));
    }
    assert!(one.is_silent(), "nobody hears himself");
}

#[test]
fn chat_waits_for_nobody_and_keeps_little_for_who_does_not_read() {
    let server = Setup::example("chat").start_step(&[]);
    let mut one = server.connect();
    let mut two = server.connect();
    one.expect(format!("{} has come\n", two.name()));
    let deaf = server.connect();
    for member in [&mut one, &mut two] {
        member.expect(format!("{} has come\n", deaf.name()));
    }
    let before = server.resident();
    let line = "x".repeat(1000) + "\n";
    for _ in 0..20_000 {
        one.send(&line);
        two.expect(format!("{} {line}", one.name()));
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < MIB as u64, "{grown} bytes more");
}

/// All recorded connections, through it: with a half-close in either direction, and input behind `quit`.
#[test]
fn proxy_passes_on_everything_and_the_ends() {
    let target = Setup::reactor().start();
    let proxy = Setup::example("proxy").start_step(&[&target.addresses[0]]);
    let client = proxy.client();
    let descriptors = proxy.descriptors() - 2; // of its own: one who is served takes one for each side
    drop(client);
    for cut in [as_recorded, in_one_piece, byte_by_byte] {
        replay_all(&proxy, cut);
    }
    proxy.settles_at(descriptors);
}

#[test]
fn proxy_reads_from_neither_side_what_the_other_does_not_take() {
    let target = Setup::reactor().start();
    let proxy = Setup::example("proxy").start_step(&[&target.addresses[0]]);
    let before = proxy.resident();
    let mut deaf = proxy.client();
    let sent = deaf.send_until_stuck(b"some line\n", 64 * MIB);
    assert!(sent < 64 * MIB, "it reads on");
    let grown = proxy.resident().saturating_sub(before);
    assert!(grown < 4 * MIB as u64, "{grown} bytes more");
    proxy.serves();
}

#[test]
fn ticker_ticks_for_each_client_until_it_leaves() {
    let server = Setup::example("ticker").start_step(&["20"]);
    let start = Instant::now();
    let (mut one, mut two) = (server.connect(), server.connect());
    one.send("what it says is no matter");
    let number = |line: Vec<u8>| -> u32 {
        let line = String::from_utf8(line).expect("UTF-8");
        line.trim_end().parse().expect("a number")
    };
    let mut last = 0;
    while last < 10 {
        let next = number(one.read_line());
        // A busy machine may make it miss some; it says how many there have been.
        assert!(next > last, "{next} after {last}");
        last = next;
    }
    assert!(start.elapsed() >= Duration::from_millis(10 * 20));
    assert!(number(two.read_line()) < 10, "it counts for each client");
    let descriptors = server.descriptors() - 2;
    one.half_close();
    two.half_close();
    one.is_closed();
    two.is_closed();
    server.settles_at(descriptors);
}

#[test]
fn site_sizes_are_the_same_in_three_ways_and_two_of_them_are_faster() {
    let mut program: Server = Setup::example("site_sizes").spawn();
    eventually("it is done", || program.has_ended());
    assert_eq!(program.status(), 0, "{}", program.log());
    let printed = String::from_utf8(program.stdout()).expect("UTF-8");
    let milliseconds = |how: &str| -> u64 {
        let mut lines = printed.lines();
        let time = lines.find_map(|line| line.strip_prefix(&format!("{how}: 20 pages in ")));
        let time = time.and_then(|time| time.strip_suffix(" ms"));
        time.expect("a time").parse().expect("a number")
    };
    let one_by_one = milliseconds("one by one");
    assert!(one_by_one >= 20 * 50);
    let pool = milliseconds("a pool of 5 threads");
    assert!(pool >= 4 * 50 && pool < one_by_one, "{printed}");
    let reactor = milliseconds("on the reactor");
    assert!(reactor >= 50 && reactor < one_by_one, "{printed}");
    let lines = printed
        .lines()
        .filter_map(|line| line.strip_suffix(" bytes"));
    let mut sizes: Vec<usize> = lines
        .map(|line| {
            line.rsplit(' ')
                .next()
                .expect("a word")
                .parse()
                .expect("a size")
        })
        .collect();
    sizes.sort_unstable();
    assert_eq!(
        sizes,
        (1..=20).map(|number| 1000 * number).collect::<Vec<_>>()
    );
}
