//! What serving costs, counted and never timed: system calls a request, system calls at rest, memory a connection.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests run in real time

mod common;

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use common::inject::can_trace;
use common::{Client, Server, Setup, can_open, eventually, upper};

const CLIENTS: usize = 64;
const ROUNDS: usize = 50;

/// A server of which every system call becomes a line of a file.
struct Traced {
    server: Server,
    trace: PathBuf,
}

impl Traced {
    #[track_caller]
    fn start() -> Traced {
        let setup = Setup::reactor().flags(&["-qqq", "--announce-every", "0"]);
        let trace = setup.dir().join("trace");
        // With -D the tracer is the child of the program, not its parent: it is the program that is signalled and waited for.
        let script = format!(
            "exec strace -D -f -qq -s 0 -o '{}' \"$0\" \"$@\"",
            trace.display()
        );
        let server = setup.after(&script).start();
        Traced { server, trace }
    }

    /// Waits until no system call has been made for half a second, and gives the lines so far.
    #[track_caller]
    fn settled(&self) -> usize {
        let (mut lines, mut since) = (self.lines().len(), Instant::now());
        eventually("the server rests", || {
            let now = self.lines().len();
            if now != lines {
                (lines, since) = (now, Instant::now());
            }
            since.elapsed() > Duration::from_millis(500)
        });
        lines
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.trace).expect("the trace");
        text.lines().map(str::to_owned).collect()
    }

    /// The calls since line `from`, by family.
    fn count(&self, from: usize) -> Count {
        let mut count = Count::default();
        for line in &self.lines()[from..] {
            // `PID name(arguments) = result`; the second half of one that was interrupted by another thread's is not counted.
            let call = line
                .split_once(' ')
                .map_or("", |(_, call)| call.trim_start());
            match call.split_once('(').map_or("", |(name, _)| name) {
                "read" | "readv" | "recvfrom" | "recvmsg" => count.reads += 1,
                "write" | "writev" | "sendto" | "sendmsg" => count.writes += 1,
                "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => count.waits += 1,
                _ if call.starts_with("<...") => {}
                _ => count.others += 1,
            }
        }
        count
    }
}

#[derive(Debug, Default)]
struct Count {
    reads: usize,
    writes: usize,
    waits: usize,
    others: usize,
}

/// All clients send `lines` lines in one piece and then wait for the replies, so many rounds; what that took.
fn rounds(lines: usize) -> Count {
    let traced = Traced::start();
    let mut clients: Vec<Client> = traced.server.clients(CLIENTS);
    let start = traced.settled();
    let replies = upper("hello").repeat(lines);
    for _ in 0..ROUNDS {
        for client in &mut clients {
            client.send("hello\n".repeat(lines));
        }
        for client in &mut clients {
            client.expect(&replies);
        }
    }
    traced.settled();
    let count = traced.count(start);
    println!(
        "{CLIENTS} clients, {ROUNDS} rounds, lines a message: {lines}, messages: {}: {count:?}",
        CLIENTS * ROUNDS
    );
    count
}

#[track_caller]
fn assert_one_read_and_one_write_a_message(count: &Count) {
    let messages = CLIENTS * ROUNDS;
    let few = messages / 100;
    let exactly = messages..=messages + few;
    assert!(exactly.contains(&count.reads), "{count:?}");
    assert!(exactly.contains(&count.writes), "{count:?}");
    assert!(count.waits <= messages + few, "{count:?}");
    assert!(count.others <= few, "{count:?}");
}

#[test]
fn a_request_costs_one_read_and_one_write() {
    if can_trace() {
        assert_one_read_and_one_write_a_message(&rounds(1));
    }
}

#[test]
fn pipelined_lines_share_one_read_and_one_write() {
    if can_trace() {
        assert_one_read_and_one_write_a_message(&rounds(32));
    }
}

#[test]
fn a_connection_costs_the_calls_that_it_needs_and_ends_in_one_packet() {
    if !can_trace() {
        return;
    }
    let traced = Traced::start();
    let dialogue = || {
        let mut client = traced.server.client();
        client.ask("hello");
        client.send("quit\n");
        client.expect("quit\r\n");
        client.is_closed();
    };
    dialogue(); // the first one sets the alarm, which the next finds set
    let start = traced.settled();
    dialogue();
    traced.settled();
    let calls: Vec<String> = traced.lines().split_off(start);
    // `PID name(arguments) = result`; a debug build looks with `fcntl` whether what it closes is open.
    let name = |call: &String| {
        let call = call.split_once(' ')?.1.trim_start().split_once('(')?.0;
        (!["epoll_wait", "fcntl"].contains(&call)).then(|| call.to_owned())
    };
    let names: Vec<String> = calls.iter().filter_map(name).collect();
    println!("a connection, a line and quit: {names:?}");
    let [greeting, line, quit] = [
        &["accept4", "epoll_ctl", "accept4", "sendto"][..],
        &["recvfrom", "sendto"],
        &["recvfrom", "sendto", "shutdown", "recvfrom", "close"],
    ];
    assert_eq!(names, [greeting, line, quit].concat(), "{calls:#?}");
    // What is sent last waits for the end, which follows at once.
    let last = |call: &&String| call.contains("sendto(");
    let waits: Vec<bool> = calls
        .iter()
        .filter(last)
        .map(|call| call.contains("MSG_MORE"))
        .collect();
    assert_eq!(waits, [false, false, true], "{calls:#?}");
}

#[test]
fn an_idle_server_makes_no_system_call() {
    if !can_trace() {
        return;
    }
    let traced = Traced::start();
    let mut clients = traced.server.clients(CLIENTS);
    for client in &mut clients {
        client.ask("hello");
    }
    let start = traced.settled();
    thread::sleep(Duration::from_secs(3)); // it is idleness that is measured
    let lines = traced.lines();
    assert_eq!(lines[start..], [""; 0]);
    // And had there been one, it would have been seen.
    clients[0].ask("hello");
    eventually("a request is seen", || traced.lines().len() > start);
    println!("{CLIENTS} clients at rest for 3 s: no system call");
}

/// Where two threads share a table of descriptors each system call counts that it uses one, and 64 clients take 3 % longer.
#[test]
fn the_log_does_not_share_the_descriptors_of_a_reactor() {
    let may_leave = || nix::sched::unshare(nix::sched::CloneFlags::CLONE_FILES).is_ok();
    if !thread::spawn(may_leave).join().expect("no panic") {
        println!("skipped: this process may not leave a table of descriptors");
        return;
    }
    // What it inherits it would keep open, were it not to close it.
    let inherited = TcpListener::bind("127.0.0.1:0").expect("a port");
    let setup = Setup::reactor().stdin(OwnedFd::from(inherited));
    let server = setup.after("exec 7<&0 </dev/null").listen("fd:7").start();
    let of = |task: &str| {
        let open = fs::read_dir(format!("/proc/{}/task/{task}/fd", server.pid()));
        let names = open.expect("a running process").flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    eventually("the log has the standard three", || {
        let log = server.thread("nbcaser-log"); // it names itself
        log.is_some_and(|log| of(&log) == ["0", "1", "2"])
    });
    let main = of(&server.pid().to_string());
    assert!(main.len() > 4, "{main:?}");
}

#[test]
fn ten_thousand_idle_connections_cost_less_than_a_kibibyte_each_even_after_long_lines() {
    const MANY: usize = 10_000;
    if !can_open(MANY as u64 + 100) {
        return;
    }
    let server = Setup::reactor().flags(&["-q"]).start();
    server.client().ask("hello"); // so that what the first client costs is no part of it
    let before = server.resident();
    let mut clients = server.clients(MANY);
    for client in &mut clients {
        client.ask("hello");
    }
    assert!(clients.iter_mut().all(Client::is_silent));
    let each = server.resident().saturating_sub(before) / MANY as u64;
    println!("{MANY} connections, each greeted and answered: {each} bytes of resident memory each");
    assert!(each < 1024, "{each} bytes");
    // And after a tenth of them had half a line of 64 KiB each there, which the server had to keep.
    let line = "x".repeat(64 << 10);
    let (half, rest) = line.split_at(30_000);
    let tenth = || (0..MANY).step_by(10);
    tenth().for_each(|n| clients[n].send(half));
    let kept = half.len() as u64 * MANY as u64 / 10;
    eventually("half the lines are kept", || {
        server.resident() - before > kept
    });
    tenth().for_each(|n| clients[n].send(format!("{rest}\n")));
    tenth().for_each(|n| clients[n].expect(upper(&line)));
    let each = server.resident().saturating_sub(before) / MANY as u64;
    println!("and after lines of 64 KiB on every tenth: {each} bytes each");
    assert!(each < 1024, "{each} bytes after long lines");
    clients.into_iter().for_each(Client::reset); // else their ports would be taken for a minute
}
