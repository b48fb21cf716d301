//! Seeing the loop: what it tells of itself, in the log and in a trace.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::load::Load;
use common::{Setup, THREADS, TempDir, eventually, program};
use rustix::process::Signal;
use serde_json::Value;

/// The lines in which a loop tells what it did.
fn counters(log: &str, number: usize) -> Vec<&str> {
    let start = format!("loop {number}: ");
    let lines = log.lines().filter_map(|line| line.split_once(&start));
    lines.map(|(_, told)| told).collect()
}

/// The number before that word.
fn number(told: &str, word: &str) -> u64 {
    let before = told.split(word).next().expect("a first part");
    let number = before.trim_end().rsplit(' ').next().expect("a word");
    number.parse().unwrap_or_else(|_| panic!("{word}: {told}"))
}

#[test]
fn sigusr1_asks_each_loop_what_it_did_and_it_serves_on() {
    let mut server = Setup::reactor().flags(&["--workers", "2"]).start();
    server.serves();
    for times in 1..=2 {
        server.signal(Signal::USR1);
        eventually("both loops tell", || {
            let log = server.log();
            counters(&log, 0).len() == times && counters(&log, 1).len() == times
        });
        server.serves();
    }
    server.stop();
    let log = server.log();
    for loop_number in 0..2 {
        let told = counters(&log, loop_number);
        assert_eq!(told.len(), 3, "at the end, too: {log}");
        let turns: Vec<u64> = told.iter().map(|line| number(line, "turns,")).collect();
        assert!(turns.is_sorted() && turns[0] > 0, "{log}");
        // The end takes several turns, and all are measured from the first signal on.
        let measured = |line| number(line, "turns: ");
        assert!(measured(told[2]) >= turns[2] - turns[0] - 1, "{log}");
    }
}

#[test]
fn each_loop_tells_at_the_end_how_many_connections_it_had() {
    let mut server = Setup::reactor().flags(&["--workers", "2"]).start();
    // The kernel deals them out by their ports: that one loop gets all of so many does not happen.
    drop(server.clients(64));
    server.stop();
    let log = server.log();
    let of = |loop_number| number(counters(&log, loop_number)[0], "connections,");
    assert!(of(0) > 0 && of(1) > 0, "{log}");
    assert_eq!(of(0) + of(1), 64, "{log}");
}

#[test]
fn at_the_end_it_tells_what_it_did() {
    let mut server = Setup::reactor().start();
    let mut client = server.client();
    for _ in 0..500 {
        client.ask("hello");
    }
    server.stop();
    let log = server.log();
    let told = counters(&log, 0);
    assert_eq!(told.len(), 1, "{log}");
    assert!(number(told[0], "polls,") >= 500, "{log}");
    // One turn of 64, and each line was a turn.
    assert!(number(told[0], "turns: ") >= 500 / 64, "{log}");
    assert!(!told[0].contains("poll 0.0 us"), "{log}");
}

/// The events of a trace: the viewers take nothing but JSON.
fn events(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("a trace");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A server that writes a trace to the file `trace` in its folder.
fn traced() -> Setup {
    let setup = Setup::reactor();
    let path = setup.dir().join("trace");
    setup.flags(&["--trace", path.to_str().expect("UTF-8")])
}

/// What an event is, in a word or two.
fn gist(event: &Value) -> String {
    let name = event["name"].as_str().expect("a name");
    let argument = |key: &str| event["args"][key].as_str().unwrap_or_default();
    match name {
        "read" | "write" if argument("error").is_empty() => {
            format!("{name} {}", event["args"]["bytes"])
        }
        "wake" => format!("wake by {}", argument("by")),
        _ if argument("what") == "poll" => "poll".into(),
        _ => name.into(),
    }
}

/// Begin and end of an event, in nanoseconds, if it is of that kind.
fn span(event: &Value, is_it: impl Fn(&Value) -> bool) -> Option<(i64, i64)> {
    let number = |key: &str| Some((event[key].as_f64()? * 1000.0).round() as i64);
    let from = number("ts").filter(|_| is_it(event))?;
    Some((from, from + number("dur").unwrap_or(0)))
}

/// All are told at their ends, in order. Calls lie within polls, and polls within turns.
#[track_caller]
fn check_nesting(events: &[Value]) {
    let all: Vec<_> = events.iter().filter_map(|e| span(e, |_| true)).collect();
    assert!(all.is_sorted_by_key(|(_, end)| *end), "{all:?}");
    let of = |is_it: &dyn Fn(&Value) -> bool| -> Vec<_> {
        events.iter().filter_map(|e| span(e, is_it)).collect()
    };
    let turns = of(&|e| e["name"] == "turn");
    let polls = of(&|e| e["args"]["what"] == "poll");
    let calls = of(&|e| e["name"] == "read" || e["name"] == "write");
    // The first turn began before anybody looked on, and the last did not come to its sleep.
    let (first, last) = (turns[0].0, turns[turns.len() - 1].1);
    let whole = |span: &&(i64, i64)| span.0 >= first && span.1 <= last;
    let within = |inner: &(i64, i64), outer: &[(i64, i64)]| {
        outer.iter().any(|o| o.0 <= inner.0 && inner.1 <= o.1)
    };
    let (some_polls, some_calls) = (polls.iter().filter(whole), calls.iter().filter(whole));
    assert!(some_polls.clone().count() > 1 && some_calls.clone().count() > 1);
    for poll in some_polls {
        assert!(within(poll, &turns), "the poll {poll:?}");
    }
    for call in some_calls {
        assert!(within(call, &polls), "the call {call:?}");
    }
    assert!(turns.is_sorted_by(|a, b| a.1 <= b.0), "{turns:?}");
}

#[test]
fn a_request_is_traced_from_its_edge_to_its_reply() {
    let mut server = traced().start();
    let mut client = server.client();
    let peer = client.name();
    client.send("hello\n");
    client.expect("Upper-cased: 'HELLO'\r\n");
    server.stop();
    let events = events(&server.dir().join("trace"));
    let of_peer = events.iter().filter(|event| {
        let is = |value: &Value| value.as_str() == Some(&peer);
        is(&event["name"]) || is(&event["args"]["peer"]) || is(&event["args"]["task"])
    });
    let gists: Vec<String> = of_peer.map(gist).collect();
    let told = gists.join(", ");
    let request = "edge, wake by edge, read 6, write 22, poll";
    assert!(told.contains(request), "{told}");
    assert!(told.starts_with("accept, "), "{told}");
    assert!(told.contains("close"), "{told}");
    check_nesting(&events);
    for name in ["turn", "sleep", "timer armed", "main", "accept"] {
        assert!(events.iter().any(|event| event["name"] == name), "{name}");
    }
    assert_eq!(events.last().expect("the end")["args"]["lost"], 0);
}

#[test]
fn all_loops_write_one_trace() {
    let mut server = traced().flags(&["--workers", "3"]).start();
    server.serves();
    server.stop();
    let events = events(&server.dir().join("trace"));
    for worker in 0..3 {
        let turns = events
            .iter()
            .filter(|event| event["name"] == "turn" && event["tid"] == worker);
        assert!(turns.count() > 0, "loop {worker}");
    }
}

#[test]
fn a_full_disk_ends_the_trace_and_not_the_server() {
    let mut server = Setup::reactor().flags(&["--trace", "/dev/full"]).start();
    server.wait_for_log("the trace in /dev/full ends here: No space left on device");
    server.serves();
    server.stop();
    assert_eq!(server.logged("the trace in"), 1, "told once");
}

#[test]
fn a_trace_that_cannot_be_begun_is_one_line() {
    let mut server = Setup::reactor()
        .flags(&["--trace", "/nonexistent/trace"])
        .spawn();
    assert_eq!(server.status(), 1);
    let log = server.log();
    let told = "nbcaser: cannot write the trace /nonexistent/trace: No such file";
    assert!(log.starts_with(told) && log.lines().count() == 1, "{log}");
}

#[test]
fn threads_have_no_loop_to_trace() {
    let mut server = Setup::new(THREADS).flags(&["--trace", "t"]).spawn();
    assert_eq!(server.status(), 2);
    let log = server.log();
    assert!(log.contains("--trace is of the reactor's loop"), "{log}");
    let mut server = Setup::new(THREADS).start();
    server.signal(Signal::USR1);
    server.wait_for_log("SIGUSR1 received: with --model threads there is no loop to tell of");
    server.serves();
    server.stop();
}

/// What `nbcaser trace` makes of a file: its exit status, stdout and stderr.
fn shown(path: &Path, flags: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program());
    command.arg("trace").arg(path).args(flags);
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A page that loads nothing.
#[track_caller]
fn page(path: &Path) -> String {
    let html = fs::read_to_string(path).expect("a page");
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
    // The name of the form of the drawings is no address that is asked for.
    let rest = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for what in [
        "http:", "https:", "src=", "href=", "url(", "@import", "<script",
    ] {
        assert!(!rest.contains(what), "{what}");
    }
    assert!(html.contains("default-src 'none'") && html.contains("prefers-color-scheme: dark"));
    html
}

#[test]
fn a_trace_becomes_a_page_with_a_timeline_and_tables() {
    let mut server = traced().flags(&["--workers", "2"]).start();
    let mut client = server.client();
    client.ask("hello");
    let peer = client.name();
    server.stop();
    let (trace, out) = (server.dir().join("trace"), server.dir().join("page"));
    let to = out.to_str().expect("UTF-8");
    let (status, stdout, stderr) = shown(&trace, &["--html", to]);
    assert_eq!((status, &stderr[..]), (Some(0), ""));
    assert!(
        stdout.starts_with("2 loops over ") && stdout.contains(&peer),
        "{stdout}"
    );
    let html = page(&out);
    for what in [
        "nbcaser trace: trace",
        "turn of the loop",
        "poll of a task",
        "loop 1",
        &peer,
    ] {
        assert!(html.contains(what), "{what}");
    }
    // All of it: there the line is, to be pointed at.
    let (status, ..) = shown(&trace, &["--html", to, "--from", "0", "--for", "1h"]);
    assert_eq!(status, Some(0));
    let html = page(&out);
    assert!(html.contains("<title>write of 22 B, "), "{html}");
    assert!(html.contains("<title>woken by edge</title>"));
    assert!(html.contains("from 0.000000 s on"));
}

#[test]
fn of_a_trace_that_is_cut_off_the_rest_is_shown_and_a_line_says_so() {
    let mut server = traced().start();
    server.serves();
    server.stop();
    let trace = server.dir().join("trace");
    let whole = fs::read(&trace).expect("a trace");
    fs::write(&trace, &whole[..whole.len() / 2]).expect("a half");
    let out = server.dir().join("page");
    let (status, stdout, stderr) = shown(&trace, &["--html", out.to_str().expect("UTF-8")]);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stdout.starts_with("1 loop over "), "{stdout}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.contains("not the whole trace: it is cut off in line "),
        "{stderr}"
    );
    assert!(page(&out).contains("not the whole trace"));
}

#[test]
fn what_is_no_trace_is_refused_in_a_line_and_no_page_is_begun() {
    let dir = TempDir::new();
    let (file, out) = (dir.join("file"), dir.join("page"));
    let head = "[\n{\"name\":\"nbcaser trace\",\"ph\":\"M\",\"pid\":0,\"args\":{\"form\":1}},\n";
    let table = [
        (String::new(), "it is not a trace of nbcaser serve --trace"),
        (
            "\u{1b}]0;x\u{7}\u{0}".into(),
            "it is not a trace of nbcaser serve --trace",
        ),
        (
            "[{\"name\":\"other\"}]".into(),
            "it is not a trace of nbcaser serve --trace",
        ),
        (head.into(), "it ends before anything happened"),
        (format!("{head}nonsense\n"), "line 3 is no event: "),
    ];
    for (text, hint) in table {
        fs::write(&file, text).expect("a file");
        let (status, stdout, stderr) = shown(&file, &["--html", out.to_str().expect("UTF-8")]);
        assert_eq!((status, &stdout[..]), (Some(1), ""), "{stderr}");
        assert!(
            stderr.starts_with("nbcaser: cannot read the trace /"),
            "{stderr}"
        );
        assert!(
            stderr.contains(hint) && stderr.lines().count() == 1,
            "{stderr}"
        );
        assert!(!stderr.trim_end().contains(char::is_control), "{stderr:?}");
    }
    assert!(!out.exists());
    let (status, _, stderr) = shown(&dir.join("none"), &[]);
    assert_eq!(status, Some(1));
    assert!(stderr.contains("No such file"), "{stderr}");
}

#[test]
fn a_page_that_cannot_be_written_is_one_line() {
    let mut server = traced().start();
    server.serves();
    server.stop();
    let (status, _, stderr) = shown(&server.dir().join("trace"), &["--html", "/dev/full"]);
    assert_eq!(status, Some(1));
    assert_eq!(
        stderr,
        "nbcaser: cannot write /dev/full: No space left on device (os error 28)\n"
    );
}

/// A trace is 64 MiB at the most. That many events are made by lines that come one by one.
#[test]
fn a_trace_has_an_end_and_the_server_goes_on() {
    const LIMIT: u64 = 64 << 20;
    let mut server = traced().start();
    let load = Load::start(&server, "load", "-c 32 -d 300s --timeout 60s");
    let trace = server.dir().join("trace");
    let size = || fs::metadata(&trace).expect("it").len();
    let full = "ends here: it has 67108864 bytes, the most";
    let mut last = 0;
    while server.logged(full) == 0 {
        // It grows, slowly maybe.
        eventually("it grows, or is full", || {
            size() > last || server.logged(full) > 0
        });
        last = size();
        assert!(last <= LIMIT + 1024, "{last}");
    }
    drop(load);
    server.serves();
    server.stop();
    assert_eq!(server.logged("the trace in"), 1, "told once");
    let end = size();
    assert!((LIMIT - (1 << 20)..=LIMIT + 1024).contains(&end), "{end}");
    let (status, stdout, stderr) = shown(&trace, &[]);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stderr.contains("as many bytes as one may have"), "{stderr}");
    assert!(stdout.starts_with("1 loop over "), "{stdout}");
}
