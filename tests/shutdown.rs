//! The end: signals, the drain, its deadline, the exit status, and the line that sums it all up.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::io::ErrorKind;
use std::net::{Shutdown, TcpListener};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use common::{
    Client, FULL, GREETING, PATIENCE, QUIT, Server, Setup, can_open, each_model, ending,
    eventually, is_in, upper,
};
use rustix::process::Signal;

const MIB: usize = 1 << 20;

/// Lets something arrive, and then `signal`, in this order and before the server can look at either.
fn while_stopped(server: &Server, signal: Signal, arrive: impl FnOnce()) {
    server.signal(Signal::STOP);
    arrive();
    server.signal(signal);
    server.signal(Signal::CONT);
}

/// What a deaf client sends, without the end.
fn text() -> String {
    "x".repeat(999)
}

/// A client whose replies wait for it.
fn deaf(server: &Server) -> Client {
    let mut client = server.client();
    let most = 64 * MIB;
    let sent = client.send_until_stuck(format!("{}\n", text()).as_bytes(), most);
    assert!(sent < most, "it reads on from one who does not read");
    client
}

/// Waits until nobody listens any more.
#[track_caller]
fn refuses(server: &Server) {
    eventually("connecting is refused", || {
        Client::connect(&server.address())
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
}

/// Each signal that ends it: what had arrived is answered, the end is clean, the status 0.
#[test]
fn what_had_arrived_before_the_signal_is_answered() {
    for signal in ending() {
        each_model(|setup| {
            let mut server = setup.start();
            let mut clients = server.clients(20);
            while_stopped(&server, signal, || {
                for client in &mut clients {
                    client.send("one\ntwo\r\nthree\r".repeat(100));
                }
            });
            let all = [upper("one"), upper("two"), upper("three")].concat();
            for client in &mut clients {
                assert_eq!(client.rest(), all.repeat(100));
            }
            drop(clients);
            assert_eq!(server.status(), 0);
            let summary = server.summary();
            assert_eq!((summary.connections, summary.peak), (20, 20));
            assert_eq!((summary.lines, summary.cut_off), (6000, 0));
            let input = "one\ntwo\r\nthree\r".len() * 100 * 20;
            assert_eq!(summary.bytes_in, input as u64);
            assert_eq!(summary.bytes_out, (all.len() * 100 * 20) as u64);
            assert_eq!((summary.refused, summary.lost), (0, 0));
        });
    }
}

/// With nobody there it ends at once.
#[test]
fn without_clients_it_just_ends() {
    for signal in ending() {
        each_model(|setup| {
            let mut server = setup.start();
            server.signal(signal);
            assert_eq!(server.status(), 0);
            assert_eq!(server.summary(), common::Summary::default());
            assert_eq!(server.stdout(), b"");
        });
    }
}

/// Of several signals at once the kernel gives each to any thread that takes it; all are heard.
#[test]
fn signals_that_come_together_are_all_heard() {
    for _ in 0..5 {
        each_model(|setup| {
            let mut server = setup.start();
            while_stopped(&server, Signal::TERM, || server.signal(Signal::USR1));
            assert_eq!(server.status(), 0);
        });
    }
}

/// Those who wait to be accepted are let in, greeted and answered.
#[test]
fn what_the_backlog_holds_is_served() {
    if !can_open(700) {
        return;
    }
    each_model(|setup| {
        let mut server = setup.start();
        let mut clients = Vec::new();
        while_stopped(&server, Signal::TERM, || {
            for _ in 0..500 {
                let mut client = server.connect();
                client.send("early enough\n");
                clients.push(client);
            }
        });
        for client in &mut clients {
            assert_eq!(
                client.rest(),
                [GREETING.to_vec(), upper("early enough")].concat()
            );
        }
        drop(clients);
        assert_eq!(server.status(), 0);
        assert_eq!(server.summary().connections, 500);
    });
}

/// An unfinished line is no line, unless the end of input has come behind it.
#[test]
fn half_a_line_is_dropped_and_a_rest_with_its_end_is_answered() {
    each_model(|setup| {
        let mut server = setup.start();
        let (mut half, mut rest, mut idle) = (server.client(), server.client(), server.client());
        let mut early = server.client();
        early.send("half");
        idle.ask("hello");
        while_stopped(&server, Signal::TERM, || {
            half.send("whole\nhalf a li");
            rest.send("whole\nthe rest");
            rest.half_close();
            early.half_close();
        });
        assert_eq!(half.rest(), upper("whole"));
        assert_eq!(rest.rest(), [upper("whole"), upper("the rest")].concat());
        assert_eq!(early.rest(), upper("half"));
        assert_eq!(idle.rest(), b"");
        assert_eq!(server.status(), 0);
        assert_eq!(server.summary().lines, 5);
    });
}

/// What comes after the signal is discarded: no reply, no reset.
#[test]
fn what_comes_after_the_signal_is_not_answered() {
    each_model(|setup| {
        let mut server = setup.start();
        let mut client = server.client();
        client.ask("in time");
        server.signal(Signal::TERM);
        assert_eq!(client.rest(), b"");
        client.try_send("too late\n");
        assert_eq!(server.status(), 0);
        assert_eq!(server.summary().lines, 1);
    });
}

/// An urgent byte hides nothing that came behind it, from a session that could not look at it before.
#[test]
fn what_arrived_behind_an_urgent_byte_is_answered() {
    each_model(|setup| {
        let flags = ["--max-line", "1MiB", "--drain", "60s"];
        let mut server = setup.flags(&flags).start();
        let mut client = Client::with_receive_buffer(&server.address(), Some(4096));
        let client = client.as_mut().expect("it listens");
        // Its reply is more than the kernel takes, so once that has begun the session waits and reads no more.
        client.send(format!("{}\n", "\u{390}".repeat(512 << 10)));
        client.expect(GREETING);
        eventually("the reply begins", || !client.is_silent());
        client.send("before\n");
        client.socket.send_out_of_band(b"!").expect("it is sent");
        client.send("behind\n".repeat(1000));
        server.signal(Signal::TERM);
        server.wait_for_log("SIGTERM received");
        let reply = client.read_line().len();
        assert_eq!(reply, 9 * MIB + "Upper-cased: ''\r\n".len());
        let rest = [upper("before"), upper("behind").repeat(1000)].concat();
        assert_eq!(common::show(&client.rest()), common::show(&rest));
        assert_eq!(server.status(), 0);
    });
}

/// Megabytes of replies wait for clients that read slowly: all of it is delivered.
#[test]
fn pending_replies_are_all_delivered() {
    each_model(|setup| {
        let mut server = setup.flags(&["--drain", "60s"]).start();
        let clients: Vec<Client> = (0..4).map(|_| deaf(&server)).collect();
        server.signal(Signal::TERM);
        let reply = upper(&text());
        let mut lines = 0;
        for mut client in clients {
            let got = client.rest();
            assert_eq!(got.len() % reply.len(), 0, "a reply is broken");
            let replies = got.len() / reply.len();
            assert!(got == reply.repeat(replies));
            lines += replies as u64;
        }
        assert_eq!(server.status(), 0, "{}", server.log());
        let summary = server.summary();
        assert_eq!(summary.lines, lines);
        // All that had arrived, but for at most one unfinished line of each. What else the clients sent had not: it stood
        // in their own buffers.
        let arrived = summary.bytes_in;
        assert!(
            lines * 1000 <= arrived && arrived < (lines + 4) * 1000,
            "{summary:?}"
        );
        assert!(arrived > MIB as u64, "{summary:?}");
    });
}

/// While it drains nobody can connect, those who are there can read, and a second signal ends it at once.
#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second, status) in [
        (Signal::TERM, Signal::INT, 130),
        (Signal::INT, Signal::TERM, 143),
        (Signal::INT, Signal::INT, 130),
        (Signal::TERM, Signal::TERM, 143),
    ] {
        each_model(|setup| {
            let mut server = setup.flags(&["--drain", "1h"]).start();
            let _deaf = deaf(&server);
            server.signal(first);
            refuses(&server);
            assert!(!server.has_ended());
            server.signal(second);
            assert_eq!(server.status(), status, "{}", server.log());
            assert_eq!(server.summary().cut_off, 1);
        });
    }
}

/// A client that never reads is cut off at the deadline: not before, status 1, and the summary tells.
#[test]
fn the_deadline_cuts_off_who_does_not_read() {
    each_model(|setup| {
        let mut server = setup.flags(&["--drain", "1s"]).start();
        let _deaf = deaf(&server);
        let mut other = server.client();
        other.ask("hello");
        let start = Instant::now();
        server.signal(Signal::TERM);
        assert_eq!(other.rest(), b"");
        drop(other);
        assert_eq!(server.status(), 1);
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_secs(1) && waited < PATIENCE,
            "{waited:?}"
        );
        let summary = server.summary();
        assert_eq!((summary.cut_off, summary.connections), (1, 2));
        assert_eq!(server.logged(" quit"), 2, "{}", server.log());
    });
}

/// An inherited port is closed when the drain begins, too: no descriptor keeps it open.
#[test]
fn an_inherited_port_is_closed_while_it_drains() {
    let by_number = |setup: Setup| setup.after("exec 7<&0 </dev/null").listen("fd:7");
    let by_convention = |setup: Setup| {
        let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$";
        setup.after(script).listen_by_default()
    };
    for inherit in [by_number, by_convention] {
        each_model(|setup| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let setup = setup.stdin(OwnedFd::from(listener));
            let server = inherit(setup.flags(&["--drain", "1m"])).start();
            let _deaf = deaf(&server);
            server.signal(Signal::TERM);
            refuses(&server);
        });
    }
}

/// No time at all: who has something to come is cut off, and who has not is no reason to complain.
#[test]
fn a_drain_of_no_time_ends_it_at_once() {
    each_model(|setup| {
        let mut server = setup.flags(&["--drain", "0"]).start();
        let mut client = server.client();
        client.ask("hello");
        server.signal(Signal::TERM);
        assert_eq!(server.status(), 0, "{}", server.log());
        client.is_closed();
    });
    each_model(|setup| {
        let mut server = setup.flags(&["--drain", "0"]).start();
        let _deaf = deaf(&server);
        server.signal(Signal::TERM);
        assert_eq!(server.status(), 1, "{}", server.log());
    });
}

/// However little time there is, what had arrived is answered if that takes no waiting.
#[test]
fn a_drain_of_no_time_answers_what_can_be_answered_at_once() {
    each_model(|setup| {
        let mut server = setup.flags(&["--drain", "0"]).start();
        let mut clients = server.clients(50);
        while_stopped(&server, Signal::TERM, || {
            for client in &mut clients {
                client.send("hello\n".repeat(500));
            }
        });
        for client in &mut clients {
            assert_eq!(client.rest(), upper("hello").repeat(500));
        }
        assert_eq!(server.status(), 0, "{}", server.log());
        assert_eq!(server.summary().cut_off, 0);
    });
}

/// A client that has all its replies and stays is not cut off from anything.
#[test]
fn who_has_everything_and_stays_does_not_spoil_the_status() {
    each_model(|setup| {
        let mut server = setup.start();
        let (mut stays, mut quit) = (server.client(), server.client());
        stays.ask("hello");
        quit.send("quit\n");
        assert_eq!(quit.rest(), QUIT);
        server.signal(Signal::TERM);
        assert_eq!(server.status(), 0);
        assert_eq!(server.summary().cut_off, 0);
        assert_eq!(stays.rest(), b"");
    });
}

/// `nohup` has SIGHUP ignored, and so it stays.
#[test]
fn sighup_stays_ignored_if_it_was_at_the_start() {
    each_model(|setup| {
        let mut server = setup.after("trap '' HUP").start();
        let mut client = server.client();
        server.signal(Signal::HUP);
        for _ in 0..20 {
            client.ask("still there");
            server.serves();
        }
        assert_eq!(server.logged("received"), 0);
        drop(client);
        server.stop();
    });
}

/// Signals that mean nothing to it change nothing.
#[test]
fn sigpipe_changes_nothing() {
    each_model(|setup| {
        let mut server = setup.start();
        server.signal(Signal::PIPE);
        server.serves();
        server.stop();
    });
}

/// What one client of the traffic below saw: how many replies to whole lines.
fn chat(mut client: Client, number: usize) -> u64 {
    let mut replies = 0;
    loop {
        let text = format!("client {number} line {replies}");
        if !client.try_send(format!("{text}\n")) {
            return replies;
        }
        match client.read_reply() {
            Some(reply) if reply.is_empty() => return replies,
            Some(reply) => assert_eq!(reply, upper(&text)),
            // It has sent a line after it was parted with, so late that the server was gone.
            None => return replies,
        }
        replies += 1;
    }
}

/// The signal comes while a hundred clients talk.
fn ends_in_the_middle_of_traffic(setup: Setup) {
    let mut server = setup.start();
    let clients = server.clients(100);
    let threads: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(number, client)| thread::spawn(move || chat(client, number)))
        .collect();
    // Until it is well in the middle of it: a few thousand lines.
    let busy = server.cpu() + Duration::from_millis(200);
    eventually("the traffic flows", || server.cpu() >= busy);
    server.signal(Signal::TERM);
    let replies = threads
        .into_iter()
        .map(|thread| thread.join().expect("every reply was right"))
        .sum();
    assert_eq!(server.status(), 0, "{}", server.log());
    let summary = server.summary();
    assert_eq!((summary.connections, summary.peak), (100, 100));
    assert_eq!((summary.lines, summary.cut_off), (replies, 0));
}

/// Every line that the server counts has been answered, and every reply has arrived.
#[test]
fn in_the_middle_of_traffic_no_reply_is_lost() {
    each_model(ends_in_the_middle_of_traffic);
}

/// A signal that comes while they start, and some listen for signals already and some do not yet. Nor do the threads of the
/// log and of the trace take it.
#[test]
fn a_signal_that_comes_while_workers_start_is_heard_by_all() {
    if !can_open(2000) {
        return;
    }
    for traced in [false, true, false, true] {
        let mut setup = Setup::reactor().flags(&["--workers", "200"]);
        if traced {
            let path = setup.dir().join("trace");
            setup = setup.flags(&["--trace", path.to_str().expect("UTF-8")]);
        }
        let mut server = setup.spawn();
        let pid = server.pid();
        eventually("it catches the signal", || {
            is_in("SigCgt:", pid, Signal::TERM)
        });
        server.signal(Signal::TERM);
        assert_eq!(server.status(), 0, "{}", server.log());
    }
}

/// The same with two reactors.
#[test]
fn two_workers_drain_and_their_counts_add_up() {
    ends_in_the_middle_of_traffic(Setup::reactor().flags(&["--workers", "2"]));
}

/// How often each of the threads called so has waited, one number a thread.
fn waits(server: &Server, names: [&str; 2]) -> [u64; 2] {
    names.map(|name| server.waits_of(name).expect("a thread of that name"))
}

/// Both workers get clients, from a TCP port and from a Unix socket.
#[test]
fn two_workers_both_serve() {
    for unix in [false, true] {
        let setup = Setup::reactor().flags(&["--workers", "2"]);
        let mut server = if unix { setup.listen_unix() } else { setup }.start();
        let names = ["nbcaser", "worker-1"];
        let before = waits(&server, names);
        let mut clients = Vec::new();
        eventually("both have served", || {
            clients.push(server.client());
            // Each waits once more for each of its requests, and hardly for anything else.
            (0..20).for_each(|_| clients.last_mut().expect("it").ask("hello"));
            let now = waits(&server, names);
            now[0] >= before[0] + 20 && now[1] >= before[1] + 20
        });
        let count = clients.len() as u64;
        drop(clients);
        let summary = server.stop();
        assert_eq!((summary.connections, summary.lines), (count, 20 * count));
    }
}

/// The limit is the process's, however many workers there are.
#[test]
fn two_workers_have_one_limit() {
    let flags = ["--workers", "2", "--max-connections", "5"];
    let mut server = Setup::reactor().flags(&flags).start();
    let mut clients: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    let words: Vec<Vec<u8>> = clients.iter_mut().map(Client::read_line).collect();
    let greeted = words.iter().filter(|word| *word == GREETING).count();
    let refused = words.iter().filter(|word| *word == FULL).count();
    assert_eq!((greeted, refused), (5, 35));
    drop(clients);
    let summary = server.stop();
    assert_eq!((summary.peak, summary.refused), (5, 35));
}

/// A second signal ends both, whichever of them has something to do.
#[test]
fn two_workers_end_at_once_at_a_second_signal() {
    let flags = ["--workers", "2", "--drain", "1h"];
    let mut server = Setup::reactor().flags(&flags).start();
    let _deaf = deaf(&server);
    server.signal(Signal::TERM);
    refuses(&server);
    server.signal(Signal::TERM);
    assert_eq!(server.status(), 143, "{}", server.log());
}

/// Those who are refused while it drains, or linger, do not hold it up.
#[test]
fn lingering_clients_do_not_hold_the_end_up_for_long() {
    each_model(|setup| {
        let flags = ["--max-connections", "2", "--drain", "15s"];
        let mut server = setup.flags(&flags).start();
        let mut clients = server.clients(2);
        let mut refused = server.connect();
        assert_eq!(refused.rest(), FULL);
        clients[0].send("quit\n");
        assert_eq!(clients[0].rest(), QUIT);
        // It stays, and it has ended its sending side itself.
        let _ = clients[1].socket.shutdown(Shutdown::Write);
        let start = Instant::now();
        server.signal(Signal::TERM);
        assert_eq!(server.status(), 0);
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}
