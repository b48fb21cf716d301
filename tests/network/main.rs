//! Networks as they are: packets that come late, twice, in another order or never, and links that go away.
//!
//! Each test has two network namespaces of its own, with the server in one and the clients in the other. That takes root;
//! where it cannot be done a test says so.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

#[path = "../common/mod.rs"]
mod common;
mod link;

use std::io;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use common::load::Load;
use common::vectors::{as_recorded, replay_all};
use common::{Client, IDLE, MODELS, PATIENCE, Server, Setup, can_open, eventually, soak, upper};
use link::{BAD_SERVER, Link, SERVER, Side};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, Signal, pidfd_getfd, pidfd_open};
use socket2::{Socket, TcpKeepalive};

/// Runs `test` for each model on a thread, which may move from side to side.
fn over_a_link(test: impl Fn(&Link, Setup) + Sync) {
    thread::scope(|scope| {
        for model in MODELS {
            let test = &test;
            scope.spawn(move || {
                if let Some(link) = Link::new() {
                    test(&link, Setup::new(model));
                }
            });
        }
    });
}

/// Starts the server on its side, and leaves the thread on the clients'.
fn start(link: &Link, setup: Setup, address: &str, flags: &[&str]) -> Server {
    link.enter(Side::Server);
    let setup = setup.listen(format!("{address}:0"));
    let server = setup.flags(flags).start();
    link.enter(Side::Client);
    server
}

/// Waits for as long as it takes.
fn within(patience: Duration, what: &str, condition: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < patience,
            "not within {patience:?}: {what}"
        );
        thread::sleep(Duration::from_millis(20)); // between two looks
    }
    start.elapsed()
}

/// All recorded connections, and a load of which every reply is looked at.
#[test]
fn what_comes_late_twice_or_not_at_all_is_answered_as_ever() {
    const HOW: &str = "--delay 5 --loss 1 --dup 1 --reorder 20";
    over_a_link(|link, setup| {
        let Some(bad) = link.badly(HOW) else { return };
        let model = setup.model.name;
        let server = start(link, setup, BAD_SERVER, &[]);
        replay_all(&server, as_recorded);
        let time = soak().map_or(2, |time| time.as_secs() / 10).max(2);
        let mixed = "--line-length 0-3000 --title-share 20% --unicode-share 20%";
        let flags = format!("-c 40 -p 4 --idle 20 -d {time}s --warmup 0 --timeout 60s {mixed}");
        let steady = Load::start(&server, "steady", &flags);
        let churn = Load::start(
            &server,
            "churn",
            &format!("--churn -c 10 -d {time}s --timeout 60s"),
        );
        let [steady, churn] = [steady, churn].map(|load| load.succeeds()["replies"].clone());
        println!(
            "{model}: {HOW}: all recorded connections, {steady} replies, {churn} sessions, all right; {}",
            bad.end()
        );
    });
}

/// A thousand clients whose link goes away: with an idle timeout the server is rid of them, and then all is as before.
#[test]
fn clients_whose_link_is_gone_are_idle() {
    const MANY: usize = 1000;
    if !can_open(MANY as u64 + 200) {
        return;
    }
    over_a_link(|link, setup| {
        let model = setup.model.name;
        let server = start(link, setup, SERVER, &["--idle-timeout", "2s"]);
        let before = server.descriptors();
        let mut clients = server.clients(MANY);
        for client in &mut clients {
            client.ask("hello");
        }
        link.set(false);
        let took = within(PATIENCE, "they are gone", || {
            server.descriptors() <= before && server.threads() < 10
        });
        link.set(true);
        server.serves();
        println!(
            "{model}: {MANY} clients behind a dead link: ended {took:.1?} after it died (idle timeout 2 s)"
        );
        // They hear of it when the link is back, or that there is nobody any more.
        for client in clients.iter_mut().take(20) {
            let (said, _) = client.rest_and_end();
            assert!(said == IDLE || said.is_empty(), "{}", said.escape_ascii());
        }
    });
}

/// Without one it is the kernel that asks, after 300 s of silence: the timer is armed for every client. With a shorter time
/// set from outside it ends them all; the long form waits for the true one.
#[test]
fn clients_whose_link_is_gone_are_found_out_by_keepalive() {
    const MANY: usize = 200;
    over_a_link(|link, setup| {
        let model = setup.model.name;
        let server = start(link, setup, SERVER, &[]);
        let before = server.descriptors();
        let mut clients = server.clients(MANY);
        for client in &mut clients {
            client.ask("hello");
        }
        link.enter(Side::Server);
        let Some(armed) = keepalives() else { return };
        assert_eq!(armed, MANY, "not all timers are armed");
        Link::tune("tcp_keepalive_intvl", 1);
        Link::tune("tcp_keepalive_probes", 2);
        link.enter(Side::Client);
        let is_long = soak().is_some_and(|time| time.as_secs() >= 400);
        if !is_long {
            shorten_keepalive(&server);
        }
        link.set(false);
        let patience = if is_long { 330 } else { 20 };
        let took = within(Duration::from_secs(patience), "they are gone", || {
            server.descriptors() <= before
        });
        link.set(true);
        server.serves();
        let what = if is_long {
            "as it is, 300 s"
        } else {
            "shortened to 1 s"
        };
        println!(
            "{model}: keep-alive ({what}; two probes a second apart) ended {MANY} clients after {took:.1?}; armed on {armed}"
        );
    });
}

/// How many connections on the side of the calling thread have a keep-alive timer of some five minutes, as `ss` shows them.
fn keepalives() -> Option<usize> {
    let count = || -> io::Result<[usize; 2]> {
        let output = Command::new("ss")
            .args(["-tnoH", "state", "established"])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_armed = |line: &&str| {
            ["4min", "5min"]
                .iter()
                .any(|time| line.contains(&format!("timer:(keepalive,{time}")))
        };
        Ok([text.lines().count(), text.lines().filter(is_armed).count()])
    };
    let Ok([mut all, mut armed]) = count() else {
        println!("skipped: there is no ss to see the timers with");
        return None;
    };
    // While an acknowledgement is waited for it is the timer for that which is shown.
    eventually("the timers are armed", || {
        [all, armed] = count().expect("as before");
        armed == all
    });
    Some(armed)
}

/// Sets the time of all connections of a server, which it does not notice, to a second.
fn shorten_keepalive(server: &Server) {
    let process = pidfd_open(server.pid(), PidfdFlags::empty()).expect("our child");
    for number in server.sockets() {
        let copy = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).expect("root");
        let socket = Socket::from(copy);
        let second = TcpKeepalive::new().with_time(Duration::from_secs(1));
        if socket.peer_addr().is_ok_and(|peer| peer.is_ipv4()) {
            socket.set_tcp_keepalive(&second).expect("an option");
        }
    }
}

/// Replies on their way when the link dies: the kernel gives up after some tries, and those clients are gone.
#[test]
fn replies_into_a_dead_link_end_their_clients() {
    const MANY: usize = 200;
    over_a_link(|link, setup| {
        let model = setup.model.name;
        let mut server = start(link, setup, SERVER, &["--drain", "1s"]);
        let before = server.descriptors();
        let mut clients = server.clients(MANY);
        link.enter(Side::Server);
        Link::tune("tcp_retries2", 3); // of 15, which take a quarter of an hour
        link.enter(Side::Client);
        server.signal(Signal::STOP);
        for client in &mut clients {
            client.send("hello\n".repeat(10));
        }
        link.set(false);
        server.signal(Signal::CONT);
        let took = within(PATIENCE, "they are gone", || server.descriptors() <= before);
        link.set(true);
        server.serves();
        println!(
            "{model}: replies to {MANY} clients into a dead link: ended after {took:.1?} (3 retransmissions)"
        );
        server.stop();
    });
}

/// Two seconds without a link: what was said meanwhile arrives, and the dialogues go on.
#[test]
fn a_link_that_comes_back_has_cost_nobody_anything() {
    const MANY: usize = 1000;
    if !can_open(MANY as u64 + 200) {
        return;
    }
    over_a_link(|link, setup| {
        let mut server = start(link, setup, SERVER, &[]);
        let mut clients: Vec<Client> = server.clients(MANY);
        for client in &mut clients {
            client.ask("hello");
        }
        link.set(false);
        for client in &mut clients {
            client.send("is there anybody?\n");
        }
        thread::sleep(Duration::from_secs(2)); // that it is gone is what it is about
        link.set(true);
        for client in &mut clients {
            client.expect(upper("is there anybody?"));
            client.ask("and on");
        }
        drop(clients);
        assert_eq!(server.stop().connections, MANY as u64);
    });
}
