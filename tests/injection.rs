//! System calls that fail: every one that the server makes, with every error that its manual page allows and that a
//! sound program can meet, once, later, several in a row, and for ever.
//!
//! Whatever fails, the server goes on, or ends that one client, or says one clear line and exits where nothing else is
//! possible (which is at its start). It never panics, spins or falls silent.
//!
//! Left out, since a failure of them cannot be told from the truth: EAGAIN of `recvfrom` and `sendto` (an edge would
//! have to follow, and none does), EINTR of `sendto` (ours never sleeps, so nothing can interrupt it) and of any call for
//! ever, `shutdown` (its ENOTCONN means that the connection is gone, and so nobody waits for it), `close` (the kernel closes whatever it returns, strace does not), `timerfd_settime`
//! and FIONREAD on sound descriptors (nothing is in their pages that could happen), and the calls of the allocator.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::io::{self, ErrorKind};
use std::thread;
use std::time::Duration;

use common::inject::{Injected, can_trace};
use common::{Client, FULL, GREETING, MODELS, Model, OUT_OF_MEMORY, Server, Setup, eventually};
use rustix::process::Signal;

/// Calls while clients are served, and how they can fail.
const SERVING: [(&str, &str); 11] = [
    (
        "accept4",
        "EINTR ECONNABORTED EMFILE ENFILE ENOBUFS ENOMEM EPERM EPROTO ENETDOWN ENETUNREACH EHOSTDOWN EHOSTUNREACH \
         ENONET ENOPROTOOPT EOPNOTSUPP ENOSR ETIMEDOUT",
    ),
    ("recvfrom", "EINTR ECONNRESET ETIMEDOUT EHOSTUNREACH ENOMEM"),
    (
        "sendto",
        "ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENOBUFS ENOMEM",
    ),
    ("setsockopt", "ENOBUFS ENOMEM"),
    ("epoll_wait", "EINTR"),
    ("epoll_ctl", "ENOMEM ENOSPC"),
    ("poll,ppoll", "EINTR ENOMEM"),
    ("clone3,clone", "EAGAIN ENOMEM"),
    ("read", "EINTR"),
    ("write", "EINTR EIO ENOSPC EPIPE"),
    ("openat", "EMFILE ENFILE ENOMEM"),
];

/// Calls at the start.
const STARTING: [(&str, &str); 12] = [
    ("socket", "EMFILE ENFILE ENOBUFS ENOMEM EACCES EAFNOSUPPORT"),
    ("setsockopt", "ENOBUFS ENOMEM"),
    ("bind", "EADDRINUSE EACCES EADDRNOTAVAIL ENOMEM"),
    ("listen", "EADDRINUSE"),
    ("getsockname", "ENOBUFS"),
    ("epoll_create1", "EMFILE ENFILE ENOMEM"),
    ("epoll_ctl", "ENOMEM ENOSPC"),
    ("eventfd2", "EMFILE ENFILE ENOMEM"),
    ("timerfd_create", "EMFILE ENFILE ENOMEM"),
    ("socketpair", "EMFILE ENFILE ENOMEM"),
    ("clone3,clone", "EAGAIN"),
    ("rename", "EACCES EDQUOT ENOSPC EROFS"),
];

/// Which of the calls fail, in strace's words.
const WHEN: [&str; 4] = ["1", "2", "2..7", "1+"];

/// The lines of a table, each with every one of these ways to fail.
fn cases(table: &[(&'static str, &'static str)], ways: &[&'static str]) -> Vec<[&'static str; 3]> {
    let mut cases = Vec::new();
    for &(call, errors) in table {
        for error in errors.split(' ') {
            let true_ways = ways
                .iter()
                .filter(|way| error != "EINTR" || !way.ends_with('+'));
            cases.extend(true_ways.map(|when| [call, error, when]));
        }
    }
    cases
}

/// What a client says that is served as it should be, and what it hears.
const SAYS: &[u8] = b"hello\ntitle\nso it is\nquit\n";
const HEARS: &str =
    "Upper-cased: 'HELLO'\r\n<switching to title case mode>\r\nTitle-cased: 'So It Is'\r\nquit\r\n";

/// Holds the dialogue, as far as the server does. What it hears is right, and it comes to an end.
fn talk(server: &Server) {
    let Ok(mut client) = Client::connect(&server.address()) else {
        return; // the server's `accept4` was not asked: it is the kernel that connects
    };
    client.try_send(SAYS);
    let (heard, end): (Vec<u8>, io::Result<()>) = client.rest_and_end();
    if let Err(error) = end {
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "it waits for ever");
    }
    let whole = [GREETING, HEARS.as_bytes()].concat();
    let last_words = [&b""[..], FULL, OUT_OF_MEMORY, b"<idle timeout>\r\n"];
    let is_right = last_words.iter().any(|&word| {
        let said = heard.strip_suffix(word);
        said.is_some_and(|said| whole.starts_with(said))
    });
    assert!(is_right, "{}", heard.escape_ascii());
}

/// One line of the table: clients come while the call fails, and after that all is well.
fn serving(server: &Server, model: Model, [call, error, when]: [&str; 3]) {
    println!("{}: {call} {error} {when}", model.name);
    let injected = Injected::into(server, &format!("{call}:error={error}:when={when}"));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| talk(server))).collect();
        if when == "1+" {
            thread::sleep(Duration::from_millis(300)); // that it does not spin is seen in time only
            let count = injected.count();
            assert!(count < 300, "{call} was tried {count} times");
        } else {
            eventually("the clients have come to their ends", || {
                clients.iter().all(thread::ScopedJoinHandle::is_finished)
            });
        }
        drop(injected);
    });
    let mut client = server.client();
    client.send(SAYS);
    assert_eq!(client.rest(), HEARS.as_bytes());
}

#[test]
fn a_call_that_fails_harms_one_client_at_most() {
    if !can_trace() {
        return;
    }
    let cases = cases(&SERVING, &WHEN);
    thread::scope(|scope| {
        for model in MODELS {
            for part in cases.chunks(cases.len().div_ceil(4)) {
                scope.spawn(move || {
                    let mut server = Setup::new(model).flags(&["-v"]).start();
                    for &case in part {
                        serving(&server, model, case);
                    }
                    assert!(!server.log().contains("panic"), "{}", server.log());
                    server.signal(Signal::TERM);
                    assert_eq!(server.status(), 0);
                });
            }
        }
    });
}

/// Calls fail while the server drains: it ends all the same. Not the first, which may be that of the signal's handler: no
/// signal comes while that runs, and its `sendto` is to a socket pair that has room.
#[test]
fn a_call_that_fails_does_not_keep_the_server_from_its_end() {
    if !can_trace() {
        return;
    }
    for model in MODELS {
        for [call, error, when] in cases(&SERVING, &["2..20"]) {
            println!("{}: {call} {error} {when}", model.name);
            let mut server = Setup::new(model).flags(&["--drain", "1s"]).start();
            let mut clients = server.clients(3);
            clients[0].send("hello\nand");
            let injected = Injected::into(&server, &format!("{call}:error={error}:when={when}"));
            server.signal(Signal::TERM);
            let status = server.status();
            drop(injected);
            assert!([0, 1].contains(&status), "status {status}");
            assert!(!server.log().contains("panic"), "{}", server.log());
        }
    }
}

/// Calls fail while the server starts: it serves, or says why not in one line and exits with status 1.
#[test]
fn a_call_that_fails_at_the_start_is_told_in_one_line() {
    if !can_trace() {
        return;
    }
    for model in MODELS {
        for [call, error, when] in cases(&STARTING, &["1", "2", "3", "1+"]) {
            println!("{}: {call} {error} {when}", model.name);
            let script = format!(
                "exec strace -D -f -qq -o /dev/null -e trace={call} \
                 -e inject={call}:error={error}:when={when} \"$0\" \"$@\""
            );
            let setup = Setup::new(model).after(&script);
            let ready = setup.dir().join("ready");
            let flags = ["--ready-file", ready.to_str().expect("UTF-8")];
            let mut server = setup.flags(&flags).spawn();
            let mut is_up = false;
            eventually("it serves or ends", || {
                is_up = ready.exists();
                is_up || server.has_ended()
            });
            if is_up {
                server.signal(Signal::TERM);
                assert_eq!(server.status(), 0, "{}", server.log());
                continue;
            }
            assert_eq!(server.status(), 1);
            let log = server.log();
            let told: Vec<&str> = log.lines().filter(|l| l.starts_with("nbcaser: ")).collect();
            assert_eq!(told.len(), 1, "{log}");
            assert!(!log.contains("panic"), "{log}");
        }
    }
}
