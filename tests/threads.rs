//! The server with one thread for each client: what is true of it alone.
//!
//! All else is tested for both models at once, by the other files. Three things a thread does otherwise than the reactor,
//! and the tests named so are where it shows:
//!
//! * `a_drained_client_sees_the_end_a_fifth_of_a_second_later`;
//! * `over_a_unix_socket_writing_fails_once_the_server_drains`;
//! * a client that has ended its side and does not read is looked at once a second, if its memory is called in.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use common::inject::{Injected, can_trace};
use common::{Client, FULL, GREETING, QUIT, Setup, THREADS, can_open, eventually, upper};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, prlimit};
use socket2::SockAddr;

fn setup() -> Setup {
    Setup::new(THREADS)
}

/// Ten thousand clients are ten thousand threads, which come and go.
#[test]
fn ten_thousand_connections_work() {
    const MANY: usize = 10_000;
    if !can_open(MANY as u64 + 100) {
        return;
    }
    let mut server = setup().flags(&["--drain", "20s"]).start();
    server.serves();
    eventually("its thread has been joined", || server.threads() == 5);
    let before = server.resident();
    let mut clients = server.clients(MANY);
    if server.threads() < MANY as u64 {
        println!("skipped: the system has no {MANY} threads");
        return;
    }
    for client in &mut clients {
        client.ask("hello");
    }
    let each = server.resident().saturating_sub(before) / MANY as u64;
    println!("{MANY} threads, each has greeted and answered: {each} bytes of resident memory each");
    assert!(each < 48 << 10, "{each} bytes");
    server.signal(Signal::TERM);
    for client in &mut clients {
        assert_eq!(client.rest(), b"");
    }
    assert_eq!(server.status(), 0);
    let summary = server.summary();
    assert_eq!((summary.peak, summary.cut_off), (MANY as u64, 0));
}

/// The program waits in all its threads, and for nothing that comes by itself.
#[test]
fn a_server_at_rest_does_nothing() {
    let server = setup().flags(&["--announce-every", "0"]).start();
    let mut clients = server.clients(100);
    for client in &mut clients {
        client.ask("hello");
    }
    let waits = || {
        ["nbcaser", "nbcaser-log", "door", "signals", "client"]
            .map(|name| server.waits_of(name).expect("a thread of that name"))
    };
    let before = waits();
    thread::sleep(Duration::from_secs(2)); // it is rest that is looked at
    assert_eq!(waits(), before);
}

/// The address space is limited: who has no room is told so, and the program does not abort.
#[test]
fn there_are_no_more_threads_than_address_space() {
    let mut server = setup().after("ulimit -v 600000").start();
    let mut clients: Vec<Client> = (0..2000).map(|_| server.connect()).collect();
    let mut refused = 0;
    clients.retain_mut(|client| {
        let first = client.read_line();
        refused += usize::from(first == FULL);
        assert!(first == GREETING || first == FULL, "{first:?}");
        first == GREETING
    });
    assert!(refused > 0 && clients.len() > 20, "{refused} refused");
    // Those who were let in were let in for good.
    for client in &mut clients {
        client.ask("hello");
    }
    drop(clients);
    eventually("there is room again", || {
        server.connect().read_line() == GREETING
    });
    server.stop();
}

/// The system has fewer threads than were asked for, and that is known beforehand.
#[test]
fn a_limit_above_what_the_system_has_is_lowered_and_told() {
    // Shells do not agree on the letter.
    let setup = setup().after("ulimit -u 200 2>/dev/null || ulimit -p 200");
    let server = setup.flags(&["--max-connections", "1000"]).start();
    server.wait_for_log("--max-connections is lowered to 184: the system allows no more threads");
    server.serves();
}

/// `clone` fails for want of processes: that client is told, and the next is served.
#[test]
fn a_thread_that_the_system_refuses_costs_one_client() {
    if !can_trace() {
        return;
    }
    let mut server = setup().start();
    let every_second = "clone3,clone:error=EAGAIN:when=2+2";
    let injected = Injected::into_thread(&server, "door", every_second);
    for _ in 0..10 {
        server.client().ask("hello");
        assert_eq!(server.connect().rest(), FULL);
    }
    drop(injected);
    server.wait_for_log("there is no thread for a client, it is sent away: 127.0.0.1:");
    let summary = server.stop();
    assert_eq!((summary.connections, summary.refused), (10, 10));
}

/// There are no descriptors left, and they come back one at a time: not all of them are for who waits at the first listener.
#[test]
fn what_there_is_little_of_is_for_all_listeners() {
    let server = setup().listen("127.0.0.1:0").listen("127.0.0.1:0").start();
    let addresses = server.addresses.iter().map(|address| {
        let address: SocketAddr = address.parse().expect("an address");
        SockAddr::from(address)
    });
    let addresses: Vec<SockAddr> = addresses.collect();
    let mut old = server.clients(20);
    let most = Rlimit {
        current: Some(server.descriptors() as u64),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    prlimit(Some(server.pid()), Resource::Nofile, most).expect("the limit of our child");
    let waiting = |address| Client::connect(address).expect("it listens");
    let _first: Vec<Client> = (0..40).map(|_| waiting(&addresses[0])).collect();
    let mut second = waiting(&addresses[1]);
    server.wait_for_log("accepting pauses");
    while second.is_silent() {
        let welcomed = server.logged("Received connection");
        drop(old.pop().expect("the second listener has its turn"));
        eventually("another is let in", || {
            server.logged("Received connection") > welcomed
        });
    }
    second.expect(GREETING);
}

/// Sending is interrupted: whoever it is that is spoken to, the last words of a session or the only ones of a refused client.
#[test]
fn an_interrupted_send_is_tried_again() {
    if !can_trace() {
        return;
    }
    let server = setup().flags(&["--max-connections", "1"]).start();
    let mut client = server.client();
    let injected = Injected::into(&server, "sendto:error=EINTR:when=1+2");
    for _ in 0..5 {
        assert_eq!(server.connect().rest(), FULL);
    }
    client.ask("hello");
    assert!(injected.count() > 0);
}

/// The seed's way to tell a session to stop, shutting its socket down, has a price over TCP: were its sending side shut
/// at once, the kernel would answer a client that still sends with a reset. So the end waits for silence.
#[test]
fn a_drained_client_sees_the_end_a_fifth_of_a_second_later() {
    let mut server = setup().start();
    let mut client = server.client();
    client.send("hello\nand then");
    let start = Instant::now();
    server.signal(Signal::TERM);
    eventually("its thread waits for nothing but orders", || {
        client.send(" and then"); // silence would end it
        server.waits_for_a_thread("client")
    });
    client.send("too late\n");
    assert_eq!(client.rest(), upper("hello"));
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(server.status(), 0);
}

/// The signal comes while a session says its last words: it is not both deaf and mute then, for the kernel would answer
/// what the client still sends with a reset, and that takes the last words from it.
#[test]
fn a_client_that_quits_as_the_server_drains_hears_the_last_words() {
    if !can_trace() {
        return;
    }
    let mut server = setup().start();
    let mut client = server.client();
    let slow = Injected::into_thread(&server, "client", "sendto:delay_exit=500000");
    client.send("quit\n");
    eventually("it has been said", || !client.is_silent());
    server.signal(Signal::TERM);
    server.wait_for_log("SIGTERM received");
    for _ in 0..100 {
        assert!(client.try_send("too late\n"), "a reset");
        thread::sleep(Duration::from_millis(10)); // silence would end it
    }
    drop(slow);
    assert_eq!(client.rest(), QUIT);
    assert_eq!(server.status(), 0);
}

/// A Unix socket passes the shut side on: who writes then fails, and can still read what is owed to it.
#[test]
fn over_a_unix_socket_writing_fails_once_the_server_drains() {
    let mut server = setup().listen_unix().start();
    let mut client = server.client();
    client.send("hello\n");
    server.signal(Signal::TERM);
    eventually("the socket takes no more", || !client.try_send("x"));
    assert_eq!(client.rest(), upper("hello"));
    assert_eq!(server.status(), 0);
}
