//! The server under a crowd of every sort at once, and what happens to it then: it is told to end, killed, left alone.
//!
//! `cargo test --test soak` takes seconds. `NBCASER_PROGRAM=target/release/nbcaser NBCASER_SOAK=600 cargo test --test soak --
//! --nocapture --test-threads=1` has 10,000 connections for ten minutes, a million connections in a row, and a hundred ends: for
//! each model. Less of it for fewer seconds.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

#[path = "../common/mod.rs"]
mod common;
mod crowd;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::load::Load;
use common::{Client, MODELS, Server, Setup, can_open, each_model, eventually, soak};
use crowd::{Talker, crowd, percentile, quiet, settled};
use rustix::process::Signal;

const MIB: u64 = 1 << 20;
/// What the allocator may keep of each connection of a crowd that has gone, in bytes: twice of what was seen.
const KEPT: u64 = 8 << 10;
/// Two rounds, and more if the second one left more than the first.
const ROUNDS: usize = 4;

/// In the long form the models take turns, since one of them takes all the machine has; in the short one they need not.
fn models(test: impl Fn(Setup) + Sync) {
    if soak().is_some() {
        return each_model(test);
    }
    thread::scope(|scope| {
        for model in MODELS {
            let test = &test;
            scope.spawn(move || test(Setup::new(model)));
        }
    });
}

/// How often what ends a server is done.
fn times() -> u64 {
    soak().map_or(5, |time| time.as_secs() / 6).max(5)
}

fn counts(server: &Server) -> (usize, u64) {
    server.serves();
    eventually("the server rests", || {
        let (descriptors, threads) = (server.descriptors(), server.threads());
        thread::sleep(Duration::from_millis(50)); // between two looks
        (descriptors, threads) == (server.descriptors(), server.threads())
    });
    (server.descriptors(), server.threads())
}

/// After equal rounds the server has what it had after the one before. The allocator keeps some of what it had, in pieces,
/// and how much depends on who came in which order: but what grew once must not go on growing, as a leak does in each
/// round, and however it came about it must not be much. What is kept is printed, and how a quiet client fared.
#[test]
fn nothing_grows_under_a_crowd_and_who_behaves_is_served() {
    let (size, time) = match soak() {
        Some(time) => (10_000, time / 2),
        None => (400, Duration::from_millis(700)),
    };
    if !can_open(size as u64 * 3 / 2) {
        return;
    }
    models(|setup| {
        let model = setup.model.name;
        let mut server = setup.flags(&["-q"]).start();
        let before = counts(&server);
        let over = AtomicBool::new(false);
        let alone = thread::scope(|scope| {
            let quiet = scope.spawn(|| quiet(&server, &over));
            thread::sleep(time.min(Duration::from_secs(5))); // it is quietness that is measured
            over.store(true, Ordering::Relaxed);
            quiet.join().expect("it was served")
        });
        let start = settled(&server, before);
        let mut after = Vec::new();
        let grows = |after: &[u64]| match after {
            [.., before, now] => *now > before + before / 10 + 2 * MIB,
            _ => true,
        };
        while grows(&after) {
            let round = after.len() + 1;
            assert!(round <= ROUNDS, "memory grows: {after:?}");
            let done = crowd(&server, size, time);
            let resident = settled(&server, before);
            let of = |times: &[Duration]| {
                let [p50, p99] = [0.5, 0.99].map(|share| percentile(times, share));
                format!(
                    "p50 {p50:.1?}, p99 {p99:.1?}, longest {:.1?}",
                    times[times.len() - 1]
                )
            };
            println!(
                "{model}, round {round}: {size} connections at once for {time:?}: {} lines on schedule, {} lines of \
                 floods, {} sessions one after the other, {} lines byte by byte, {} resets, no error; a quiet client: \
                 {} (alone: {}); memory {} KiB (at the start {}), {} descriptors, {} threads",
                done.lines,
                done.floods,
                done.sessions,
                done.dripped,
                done.resets,
                of(&done.quiet),
                of(&alone),
                resident >> 10,
                start >> 10,
                server.descriptors(),
                server.threads(),
            );
            assert!(
                done.quiet[done.quiet.len() - 1] < Duration::from_secs(10),
                "it had to wait"
            );
            assert!(
                resident <= start + KEPT * size as u64 + 16 * MIB,
                "much is kept: {resident} bytes"
            );
            after.push(resident);
        }
        server.signal(Signal::TERM);
        assert_eq!(server.status(), 0);
    });
}

/// Connections one after the other: the second half of them leaves nothing that the first had not.
#[test]
fn nothing_grows_with_the_number_of_connections() {
    let count = soak().map_or(3_000, |time| time.as_secs() * 2500 / 3);
    models(|setup| {
        let model = setup.model.name;
        let mut server = setup.flags(&["-q"]).start();
        let before = counts(&server);
        let after = [1, 2].map(|_| {
            let flags = format!("--churn -c 8 -n {count} --timeout 60s");
            let report = Load::start(&server, "churn", &flags).succeeds();
            assert!(report["replies"].as_u64() >= Some(count));
            settled(&server, before)
        });
        println!(
            "{model}: {} connections, each with a line and a quit: memory {} KiB after half of them, {} KiB after all",
            2 * count,
            after[0] >> 10,
            after[1] >> 10,
        );
        assert!(after[1] <= after[0] + MIB, "memory grows: {after:?}");
        server.signal(Signal::TERM);
        assert_eq!(server.status(), 0);
    });
}

/// SIGTERM while they talk: who reads hears the reply to every line that he had sent before, in order, and a clean end.
#[test]
fn told_to_end_under_load_it_answers_every_line_sent_before() {
    const TALKERS: usize = 24;
    let (times, crowd) = (times(), soak().map_or(100, |_| 1000));
    models(|setup| {
        let model = setup.model;
        let (mut answered, mut late, mut longest) = (0, 0, Duration::ZERO);
        for time in 0..times {
            let mut server = Setup::new(model).flags(&["-q"]).start();
            let talkers: Vec<Talker> = (0..TALKERS)
                .map(|number| Talker::new(server.client(), number))
                .collect();
            let flags = format!("--idle {crowd} -c {} -p 10 -d 1h --warmup 0", crowd / 4);
            let _others = Load::start(&server, "others", &flags);
            let (no_more, never) = (AtomicBool::new(false), AtomicBool::new(false));
            let (before, heard) = thread::scope(|scope| {
                let threads: Vec<_> = talkers
                    .iter()
                    .map(|talker| {
                        // Half of them fall silent at the signal, the others do not hear of it.
                        let over = if talker.number() % 2 == 0 {
                            &no_more
                        } else {
                            &never
                        };
                        scope.spawn(move || talker.talk(over))
                    })
                    .collect();
                eventually("the load is there", || {
                    server.descriptors() > crowd + TALKERS
                });
                let busy = server.cpu() + Duration::from_millis(20 + 10 * (time % 7));
                eventually("all talk", || server.cpu() >= busy);
                let before: Vec<u64> = talkers.iter().map(Talker::sent).collect();
                no_more.store(true, Ordering::SeqCst);
                server.signal(Signal::TERM);
                let signalled = Instant::now();
                assert_eq!(server.status(), 0, "{}", server.log());
                longest = longest.max(signalled.elapsed());
                let heard = threads
                    .into_iter()
                    .map(|thread| thread.join().expect("right replies"));
                (before, heard.collect::<Vec<_>>())
            });
            for ((talker, before), heard) in talkers.iter().zip(before).zip(heard) {
                let goes_on = talker.number() % 2 == 1;
                answered += heard.replies;
                if goes_on && heard.end.is_err() {
                    // It spoke once more when the server was gone: its system may have thrown away what it had not read.
                    late += 1;
                    continue;
                }
                assert!(
                    heard.end.is_ok(),
                    "{model:?}: no clean end: {:?}",
                    heard.end
                );
                assert!(
                    heard.replies >= before,
                    "{model:?}: {} replies to {before} lines",
                    heard.replies
                );
            }
        }
        println!(
            "{}: told to end {times} times, with {TALKERS} talking among {} others: {answered} replies, none lost, {late} \
             spoke after the end; within {longest:.1?}",
            model.name,
            crowd + crowd / 4,
        );
        assert!(late <= times as usize * TALKERS / 8, "{late} saw a reset");
    });
}

/// `kill -9`, with clients in mid-dialogue: another server has the port at once, and they can come back.
#[test]
fn killed_it_leaves_its_port_free() {
    models(|setup| {
        let model = setup.model;
        let mut server = setup.flags(&["-q"]).start();
        let mut longest = Duration::ZERO;
        for _ in 0..times() {
            let mut clients = server.clients(100);
            for (number, client) in clients.iter_mut().enumerate() {
                match number % 3 {
                    0 => client.ask("hello"),
                    1 => client.send("half a li"),
                    _ => client.send("not read\n".repeat(1000)),
                }
            }
            server.signal(Signal::KILL);
            assert_eq!(server.status(), -9);
            let start = Instant::now();
            let address = server.addresses[0].clone();
            server = Setup::new(model).flags(&["-q"]).listen(address).start();
            for client in &mut clients {
                client.is_closed();
                *client = Client::connect(&server.address())
                    .expect("it is back")
                    .greeted();
                client.ask("again");
            }
            longest = longest.max(start.elapsed());
        }
        println!(
            "{}: killed, restarted on its port, 100 clients served again: {longest:.1?} at most",
            model.name
        );
    });
}
