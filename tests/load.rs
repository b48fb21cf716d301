//! `nbcaser load`, the real program: against our server, and against little servers that do wrong.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod book;
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use book::{Facts, Mode, Property};
use common::{GREETING, PATIENCE, Server, Setup, ending, eventually};
use nbcaser::load::traffic::{ALPHABET, Script};
use nbcaser::load::{self, Ended, Mix, Plan};
use nbcaser::protocol::{Line, Session};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use socket2::SockRef;

/// A run that has ended.
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
    took: Duration,
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbcaser"));
    command
        .arg("load")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("RUST_LOG");
    command
}

/// Waits for it, but not for ever.
#[track_caller]
fn wait(mut child: Child, since: Instant) -> Ran {
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |mut from: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut text = String::new();
            from.read_to_string(&mut text).expect("UTF-8");
            text
        })
    };
    let _ = (&mut stdout, &mut stderr);
    let (stdout, stderr) = (read(Box::new(stdout)), read(Box::new(stderr)));
    let mut status = None;
    let deadline = Instant::now() + 3 * PATIENCE;
    while status.is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("the run hangs");
        }
        thread::sleep(Duration::from_millis(5)); // between two looks
        status = child.try_wait().expect("our child");
    }
    let took = since.elapsed();
    Ran {
        status: status
            .and_then(|status| status.code())
            .expect("no signal killed it"),
        stdout: stdout.join().expect("its stdout"),
        stderr: stderr.join().expect("its stderr"),
        took,
    }
}

#[track_caller]
fn load(args: &[&str]) -> Ran {
    wait(
        command(args).spawn().expect("the program starts"),
        Instant::now(),
    )
}

/// Its report for programs, and its status.
#[track_caller]
fn json(address: &str, args: &[&str]) -> (Value, i32) {
    let ran = load(&[&[address, "--json", "-", "-q"], args].concat());
    let report = serde_json::from_str(&ran.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {} {}", ran.stdout, ran.stderr));
    (report, ran.status)
}

#[track_caller]
fn number(report: &Value, path: &str) -> u64 {
    report
        .pointer(path)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{path} in {report:#}"))
}

/// All kinds of errors that there were.
fn errors(report: &Value) -> Vec<(String, u64)> {
    let errors = report["errors"].as_object().expect("errors").iter();
    let errors = errors.map(|(kind, count)| (kind.clone(), count.as_u64().expect("a number")));
    errors
        .filter(|(kind, count)| kind != "total" && *count > 0)
        .collect()
}

fn only(kind: &str, count: u64) -> Vec<(String, u64)> {
    vec![(kind.into(), count)]
}

/// A server that does what `serve` does with each client, on a thread of its own. It ends when it is dropped.
struct Broken {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Broken {
    fn start(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Broken {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let over = Arc::new(AtomicBool::new(false));
        let (is_over, serve) = (Arc::clone(&over), Arc::new(serve));
        let thread = thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let (client, serve) = (client.expect("a client"), Arc::clone(&serve));
                thread::spawn(move || serve(number, client));
            }
        });
        Broken {
            address,
            over,
            thread: Some(thread),
        }
    }

    /// One that greets, and answers line `n` of a client, counted from 0, with what `answer` makes of the right reply;
    /// without one it closes.
    fn answering(
        answer: impl Fn(usize, usize, Vec<u8>) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Broken {
        Broken::start(move |client, stream| {
            answer_lines(stream, |n, reply| answer(client, n, reply));
        })
    }

    fn address(&self) -> String {
        self.address.to_string()
    }
}

fn answer_lines(mut stream: TcpStream, answer: impl Fn(usize, Vec<u8>) -> Option<Vec<u8>>) {
    let mut session = Session::default();
    let mut lines = BufReader::new(stream.try_clone().expect("a clone"));
    let _ = stream.write_all(GREETING);
    for n in 0.. {
        let (mut line, mut reply) = (Vec::new(), Vec::new());
        match lines.read_until(b'\n', &mut line) {
            Ok(1..) => {}
            _ => return,
        }
        session.answer(Line::Text(&line[..line.len() - 1]), usize::MAX, &mut reply);
        let Some(reply) = answer(n, reply) else {
            return;
        };
        if stream.write_all(&reply).is_err() || line == b"quit\n" {
            return;
        }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn server() -> Server {
    Setup::reactor().flags(&["-q"]).start()
}

// ---- a server that does right

#[test]
fn so_many_lines_are_sent_and_no_more_and_all_are_answered() {
    for (flags, connections) in [
        (&["-c", "7", "-n", "1000"][..], 7),
        (&["-c", "3", "-n", "1000", "-p", "50"], 3),
        (&["-c", "7", "-n", "1000", "--rate", "5k"], 7),
        (&["-c", "3", "-n", "100", "--churn"], 100),
    ] {
        let mut server = Setup::reactor().start();
        let (report, status) = json(&server.addresses[0], flags);
        assert_eq!(status, 0, "{report:#}");
        let sent = number(&report, "/requests");
        assert_eq!(number(&report, "/replies"), sent);
        assert_eq!(number(&report, "/latency/intended/count"), sent);
        assert_eq!(number(&report, "/latency/sent/count"), sent);
        assert_eq!(number(&report, "/connect/count"), connections);
        assert_eq!(report["ended"], "requests");
        let summary = server.stop();
        let quits = if flags.contains(&"--churn") { sent } else { 0 };
        assert_eq!(
            (summary.lines, summary.connections),
            (sent + quits, connections),
            "{flags:?}"
        );
        assert_eq!(summary.bytes_in, number(&report, "/bytes_sent") + 5 * quits);
    }
}

#[test]
fn all_kinds_of_lines_and_clients_go_well_together() {
    let server = Setup::reactor()
        .flags(&["-q"])
        .listen_unix()
        .listen("127.0.0.1:0")
        .start();
    let pid = server.pid().as_raw_nonzero().to_string();
    for address in &server.addresses {
        let (report, status) = json(
            address,
            &[
                "-c",
                "20",
                "-p",
                "3",
                "-d",
                "1s",
                "--warmup",
                "100ms",
                "--idle",
                "50",
                "--slow-readers",
                "2",
                "--line-length",
                "0-200",
                "--title-share",
                "30%",
                "--unicode-share",
                "0.5",
                "--server-pid",
                &pid,
            ],
        );
        assert_eq!(status, 0, "{report:#}");
        assert_eq!(number(&report, "/connections/greeted"), 72);
        assert!(number(&report, "/replies") > 100, "{report:#}");
        assert_eq!(number(&report, "/ping/count"), 50);
        assert!(number(&report, "/slow_readers/replies") > 0);
        let seconds = report["seconds"].as_array().expect("seconds");
        let replies: u64 = seconds
            .iter()
            .map(|second| number(second, "/replies"))
            .sum();
        assert_eq!(replies, number(&report, "/replies"));
        assert!(
            report["own_cpu"]
                .as_f64()
                .is_some_and(|share| share > 0.0 && share < 1.1)
        );
        assert!(number(&report, "/server/memory_after_bytes") > 1 << 20);
    }
}

#[test]
fn more_than_all_buffers_hold_can_be_on_its_way() {
    // 32 MiB of lines, and as much of replies: had the client not read while it writes, both sides would wait for each
    // other for ever.
    let server = server();
    let flags = [
        "-c",
        "1",
        "-p",
        "2048",
        "--line-length",
        "16384",
        "-n",
        "2048",
        "--timeout",
        "15s",
    ];
    let (report, status) = json(&server.addresses[0], &flags);
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(number(&report, "/replies"), 2048);
}

#[test]
fn an_open_loop_lasts_until_its_time_is_over() {
    // The last line is due 90 ms before the end.
    let server = server();
    let flags = ["-c", "2", "--rate", "10", "-d", "1090ms", "--warmup", "0"];
    let (report, status) = json(&server.addresses[0], &flags);
    assert_eq!((status, &report["ended"]), (0, &Value::from("time")));
    assert_eq!(number(&report, "/requests"), 11);
}

#[test]
fn an_open_loop_counts_as_many_lines_as_were_asked_for() {
    let server = server();
    for (connections, rate, lines) in [("1", "370", 1), ("1", "1270", 10), ("8", "20k", 2000)] {
        let (wanted, bound) = (lines.to_string(), "1000000");
        let flags = ["-c", connections, "--rate", rate, "-n", &wanted];
        let more = ["--warmup", "100ms", "--max-in-flight", bound];
        let (report, status) = json(&server.addresses[0], &[&flags[..], &more].concat());
        assert_eq!((status, &report["ended"]), (0, &Value::from("requests")));
        let counts = [
            "/requests",
            "/latency/intended/count",
            "/latency/sent/count",
        ];
        let counts = counts.map(|path| number(&report, path));
        assert_eq!(counts, [lines; 3], "{rate}");
        assert_eq!(number(&report, "/unsent"), 0, "{rate}");
    }
}

#[test]
fn behind_a_warm_up_so_many_lines_count_and_so_do_their_replies() {
    let server = server();
    for flags in [
        &["-c", "8", "-p", "20", "-n", "100"][..],
        &["-c", "8", "-n", "100", "--rate", "5k"],
        &["-c", "30", "-n", "100", "--churn"],
    ] {
        let (report, status) = json(
            &server.addresses[0],
            &[flags, &["--warmup", "100ms"]].concat(),
        );
        assert_eq!((status, &report["ended"]), (0, &Value::from("requests")));
        let counts = ["/requests", "/replies", "/latency/intended/count"];
        let counts = counts.map(|path| number(&report, path));
        assert_eq!(counts, [100; 3], "{flags:?}");
    }
}

#[test]
fn lines_of_a_connection_that_is_gone_are_unsent() {
    let server = Broken::answering(|client, n, reply| (client == 0 || n < 3).then_some(reply));
    let flags = ["-c", "2", "--rate", "100", "-d", "1s", "--warmup", "0"];
    let (report, status) = json(&server.address(), &flags);
    assert_eq!((status, &report["ended"]), (1, &Value::from("time")));
    let (sent, unsent) = (number(&report, "/requests"), number(&report, "/unsent"));
    assert!(sent + unsent == 100 && unsent > 0, "{sent} and {unsent}");
}

#[test]
fn an_open_loop_keeps_its_schedule_whatever_the_replies_do() {
    // The server stands still for 300 ms: 300 of 1000 lines are due then.
    let server = Broken::answering(|_, n, reply| {
        if n == 300 {
            thread::sleep(Duration::from_millis(300)); // it is a slow server that is tested
        }
        Some(reply)
    });
    let flags = ["-c", "1", "--rate", "1000", "-n", "1000"];
    let (report, status) = json(&server.address(), &flags);
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(number(&report, "/requests"), 1000);
    let elapsed = report["elapsed_s"].as_f64().expect("a time");
    assert!((0.99..3.0).contains(&elapsed), "{elapsed}");
    assert!(
        number(&report, "/latency/intended/p90_ns") > 100_000_000,
        "{report:#}"
    );

    // In a closed loop it is one line of a thousand that shows it.
    let (report, _) = json(&server.address(), &["-c", "1", "-n", "1000"]);
    assert!(
        number(&report, "/latency/intended/p90_ns") < 100_000_000,
        "{report:#}"
    );
    assert!(
        number(&report, "/latency/intended/max_ns") > 300_000_000,
        "{report:#}"
    );
}

#[test]
fn of_the_addresses_of_a_name_the_one_that_the_server_has_is_used() {
    // `localhost` is `::1`, too, where there is IPv6; this server has but the other.
    let server = Broken::answering(|_, _, reply| Some(reply));
    let address = format!("localhost:{}", server.address.port());
    let (report, status) = json(&address, &["-c", "3", "-n", "30"]);
    assert_eq!((status, number(&report, "/connections/greeted")), (0, 3));
}

#[test]
fn a_library_runs_again_and_again_and_tells_each_second() {
    let server = server();
    let plan = Plan {
        target: server.addresses[0].parse().expect("an address"),
        connections: 4,
        warmup: Duration::ZERO,
        duration: Some(Duration::from_millis(2500)),
        ..Plan::default()
    };
    for _ in 0..2 {
        let ticks = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&ticks);
        let outcome = load::run(&plan, move |tick| {
            assert_eq!((tick.connected, tick.errors), (4, 0));
            seen.fetch_add(1, Ordering::SeqCst);
        });
        let outcome = outcome.expect("a run");
        assert!(outcome.is_clean() && outcome.ended == Ended::Time);
        assert_eq!(
            (ticks.load(Ordering::SeqCst), outcome.seconds.len()),
            (2, 3)
        );
    }
}

// ---- servers that do wrong

#[test]
fn a_wrong_byte_is_shown_and_counted_and_fails_the_run() {
    // Whichever client comes to so many lines first: of sixty among three one does.
    let is_done = AtomicBool::new(false);
    let server = Broken::answering(move |_, n, mut reply| {
        if n == 4 && !is_done.swap(true, Ordering::Relaxed) {
            reply[14] = b'\x1b';
        }
        Some(reply)
    });
    let (report, status) = json(&server.address(), &["-c", "3", "-n", "60"]);
    assert_eq!((status, errors(&report)), (1, only("mismatch", 1)));
    assert_eq!(
        number(&report, "/replies"),
        60,
        "the connection goes on behind it"
    );

    let ran = load(&[&server.address(), "-c", "3", "-n", "60", "-q"]);
    assert_eq!(
        ran.status, 0,
        "that was the server's second client, and no other: {}",
        ran.stdout
    );
    let server = Broken::answering(|_, _, reply| Some(reply.to_ascii_lowercase()));
    let ran = load(&[&server.address(), "-c", "2", "-n", "20"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stdout.contains(r#""Upper-cased: '"#), "{}", ran.stdout);
    assert!(ran.stdout.contains(r#""upper-cased: '"#), "{}", ran.stdout);
    assert!(ran.stdout.contains(r"\r\n"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\x1b') && !ran.stdout.contains('\r'));
    assert!(ran.stdout.contains("failed: 20 errors"), "{}", ran.stdout);
}

#[test]
fn a_reply_too_many_is_wrong() {
    let server = Broken::answering(|_, n, mut reply| {
        if n == 5 {
            reply.extend_from_slice(b"and more\r\n");
        }
        Some(reply)
    });
    let (report, status) = json(&server.address(), &["-c", "1", "-n", "100"]);
    assert_eq!(status, 1);
    assert!(number(&report, "/errors/mismatch") > 0, "{report:#}");
}

#[test]
fn a_wrong_greeting_is_shown() {
    let server =
        Broken::start(|_, mut stream| drop(stream.write_all(b"220 mail.example ESMTP\r\n")));
    let ran = load(&[&server.address(), "-c", "1", "-n", "1"]);
    assert_eq!(ran.status, 1);
    assert!(
        ran.stdout.contains("220 mail.example") && ran.stdout.contains("<welcome"),
        "{}",
        ran.stdout
    );
}

#[test]
fn connections_that_are_closed_early_are_counted_and_the_run_ends() {
    let server = Broken::answering(|_, n, reply| (n < 10).then_some(reply));
    let (report, status) = json(&server.address(), &["-c", "5", "-d", "1m"]);
    assert_eq!((status, errors(&report)), (1, only("closed_early", 5)));
    assert_eq!(report["ended"], "lost");
}

#[test]
fn a_server_that_never_answers_is_a_timeout() {
    for greets in [true, false] {
        let server = Broken::start(move |_, mut stream| {
            if greets {
                let _ = stream.write_all(GREETING);
            }
            let _ = stream.read_to_end(&mut Vec::new());
        });
        for mode in [&["-p", "2"][..], &["--rate", "100"], &["--churn"]] {
            let flags = [mode, &["-c", "3", "-d", "1m", "--timeout", "300ms"]].concat();
            let begun = Instant::now();
            let (report, status) = json(&server.address(), &flags);
            assert_eq!(status, 1);
            let kinds: Vec<_> = errors(&report).into_iter().map(|(kind, _)| kind).collect();
            assert_eq!(kinds, ["timeout"], "{report:#}");
            assert_eq!(report["ended"], "lost");
            assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
        }
    }
}

#[test]
fn a_server_that_answers_nobody_at_the_end_is_a_timeout_and_no_success() {
    // It answers until just before the end: what was owed then is still owed.
    let server = Broken::answering(|_, n, reply| {
        if n == 20 {
            thread::sleep(Duration::from_secs(30)); // longer than the test takes
        }
        Some(reply)
    });
    let (report, status) = json(
        &server.address(),
        &["-c", "2", "-n", "1000", "--timeout", "300ms"],
    );
    assert_eq!((status, errors(&report)), (1, only("timeout", 2)));
}

#[test]
fn nobody_there_is_refused() {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = address.expect("a port that was free").to_string();
    for mode in [
        &[][..],
        &["--rate", "100"],
        &["--churn", "--timeout", "300ms"],
        &["-c", "0", "--idle", "3"],
    ] {
        let flags = [mode, &["-d", "1m"]].concat();
        let (report, status) = json(&address, &flags);
        assert_eq!(
            (status, &report["ended"]),
            (1, &Value::from("lost")),
            "{mode:?}"
        );
        let errors = errors(&report);
        assert!(
            errors.len() == 1 && errors[0].0 == "refused",
            "{mode:?} {errors:?}"
        );
    }
    let ran = load(&[&address, "-d", "1m"]);
    assert!(
        ran.stdout.contains("connections refused     64"),
        "{}",
        ran.stdout
    );
    assert!(
        !ran.stdout.contains("p99"),
        "no latency without a reply: {}",
        ran.stdout
    );
    let (report, status) = json("unix:/no/such/socket", &["-d", "1m"]);
    assert_eq!((status, errors(&report)), (1, only("unreachable", 64)));
}

#[test]
fn half_of_the_connections_reset_mid_run_are_counted_and_the_others_go_on() {
    let server = Broken::start(|client, stream| {
        let is_to_break = client % 2 == 1;
        if is_to_break {
            let linger = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            linger.expect("a socket"); // its close is a reset
        }
        answer_lines(stream, |n, reply| (!is_to_break || n < 50).then_some(reply));
    });
    let (report, status) = json(
        &server.address(),
        &["-c", "8", "-p", "4", "-d", "1s", "--warmup", "0"],
    );
    assert_eq!(status, 1);
    assert_eq!(errors(&report), only("reset", 4));
    assert_eq!(report["ended"], "time");
    assert!(number(&report, "/replies") > 4 * 50, "{report:#}");
}

#[test]
fn one_who_comes_and_goes_fails_and_all_lines_that_were_asked_for_are_spent() {
    let server = Broken::answering(|client, _, reply| (client != 2).then_some(reply));
    let (report, status) = json(&server.address(), &["-c", "3", "-n", "20", "--churn"]);
    assert_eq!((status, errors(&report)), (1, only("closed_early", 1)));
    assert_eq!(report["ended"], "requests");
}

#[test]
fn one_who_is_greeted_when_the_time_is_over_sends_nothing() {
    let server = Broken::start(|_, stream| {
        thread::sleep(Duration::from_millis(600)); // it is a slow server that is tested
        answer_lines(stream, |_, reply| Some(reply));
    });
    let flags = ["-c", "2", "--churn", "-d", "100ms", "--warmup", "0"];
    let (report, status) = json(&server.address(), &flags);
    assert_eq!((status, &report["ended"]), (0, &Value::from("time")));
    let bytes = number(&report, "/bytes_sent");
    assert_eq!((number(&report, "/requests"), bytes), (0, 0), "{report:#}");
}

#[test]
fn a_server_that_is_full_says_so() {
    let server = Setup::reactor()
        .flags(&["-q", "--max-connections", "5"])
        .start();
    let (report, status) = json(
        &server.addresses[0],
        &["-c", "8", "-d", "300ms", "--warmup", "0"],
    );
    assert_eq!((status, errors(&report)), (1, only("server_full", 3)));
    assert_eq!(number(&report, "/connections/greeted"), 5);
}

#[test]
fn a_server_that_is_killed_ends_the_run() {
    // At any time: while connections are made, and when all are there.
    for (descriptors, connections) in [(5, "20"), (15, "20"), (25, "20"), (38, "20"), (15, "0")] {
        let server = server();
        let begun = Instant::now();
        let before = server.descriptors();
        let flags = ["-c", connections, "--idle", "20", "-d", "1m"];
        let run = command(&[&[&*server.addresses[0]], &flags[..]].concat()).spawn();
        let run = run.expect("the program starts");
        eventually("they are connected", || {
            server.descriptors() >= before + descriptors
        });
        server.signal(Signal::KILL);
        let ran = wait(run, begun);
        assert_eq!(ran.status, 1, "{}", ran.stdout);
        assert!(
            ran.stdout.contains("no connection was left"),
            "{}",
            ran.stdout
        );
        assert!(ran.took < PATIENCE);
    }
}

#[test]
fn too_much_for_an_open_loop_ends_it() {
    let server = Broken::answering(|_, _, reply| {
        thread::sleep(Duration::from_millis(20)); // it is a slow server that is tested
        Some(reply)
    });
    let flags = [
        "-c",
        "2",
        "--rate",
        "10k",
        "-d",
        "1m",
        "--max-in-flight",
        "500",
        "--timeout",
        "1s",
    ];
    let (report, status) = json(&server.address(), &flags);
    assert_eq!((status, &report["ended"]), (1, &Value::from("overload")));
    assert!(
        report["elapsed_s"]
            .as_f64()
            .is_some_and(|elapsed| elapsed < 10.0)
    );
    let ran = load(&[&[&*server.address()], &flags[..]].concat());
    assert!(
        ran.stdout.contains("more than 500 lines were due"),
        "{}",
        ran.stdout
    );
}

/// A client that hardly reads notices that its connection is gone when it writes.
#[test]
fn a_slow_reader_ends_with_its_connection() {
    let server = Broken::start(|_, mut stream| {
        let _ = stream.write_all(GREETING);
        let _ = stream.read(&mut [0; 4096]);
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let flags = ["-c", "0", "--slow-readers", "1", "-d", "1m"];
    let (report, status) = json(&server.address(), &flags);
    assert_eq!((status, errors(&report)), (1, only("reset", 1)));
}

/// One that sends bytes for ever, and one that sends a byte and no more.
#[test]
fn a_wrong_reply_that_does_not_end_is_wrong() {
    let endless = Broken::start(|_, mut stream| {
        let _ = stream.write_all(GREETING);
        while stream.write_all(&[b'x'; 1024]).is_ok() {}
    });
    let flags = ["-c", "0", "--slow-readers", "2", "-d", "1m"];
    let (report, status) = json(&endless.address(), &flags);
    assert_eq!((status, errors(&report)), (1, only("mismatch", 2)));

    let stuck = Broken::answering(|_, n, _| {
        if n > 0 {
            thread::sleep(PATIENCE); // it is a server that does not answer
        }
        Some(b"x".to_vec())
    });
    let flags = ["-c", "1", "-n", "1", "--timeout", "300ms"];
    let (report, status) = json(&stuck.address(), &flags);
    assert_eq!((status, number(&report, "/errors/timeout")), (1, 1));
    assert_eq!(report["mismatches"][0]["got"], "x", "{report:#}");
}

// ---- the program

/// While it waits for the last replies, and while it tries those that were silent.
#[test]
fn a_signal_behind_the_load_ends_the_run_too() {
    // So many lines are answered, and the next is the one that it waits for.
    for (answered, flags) in [
        (0, &["-c", "1", "--warmup", "0", "-d", "200ms"][..]),
        (1, &["-c", "1", "-n", "1", "--idle", "3"]),
    ] {
        let count = Arc::new(AtomicUsize::new(0));
        let heard = Arc::clone(&count);
        let server = Broken::answering(move |_, _, reply| {
            if heard.fetch_add(1, Ordering::SeqCst) < answered {
                return Some(reply);
            }
            thread::sleep(PATIENCE); // it is a server that does not answer
            None
        });
        let (begun, address) = (Instant::now(), server.address());
        let args = [&[&*address, "-q", "--timeout", "1m"], flags].concat();
        let run = command(&args).spawn().expect("the program starts");
        eventually("the last line was heard", || {
            count.load(Ordering::SeqCst) > answered
        });
        if answered == 0 {
            thread::sleep(Duration::from_millis(400)); // the load ends after 200, and nothing tells
        }
        kill_process(Pid::from_child(&run), Signal::INT).expect("it is there");
        let ran = wait(run, begun);
        assert_eq!(ran.status, 130, "{}", ran.stdout);
        assert!(ran.took < PATIENCE, "{:?}", ran.took);
        assert!(!ran.stdout.contains("timeout"), "{}", ran.stdout);
    }
}

/// Its lines do not count: nor do the replies that are waited for.
#[test]
fn a_run_that_is_cut_in_its_warm_up_has_measured_nothing() {
    let count = Arc::new(AtomicUsize::new(0));
    let heard = Arc::clone(&count);
    let server = Broken::answering(move |_, _, reply| {
        heard.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(300)); // it is a slow server that is tested
        Some(reply)
    });
    let (begun, address) = (Instant::now(), server.address());
    let flags = ["--json", "-", "-q", "-c", "1", "--warmup", "1m"];
    let run = command(&[&[&*address], &flags[..]].concat()).spawn();
    let run = run.expect("the program starts");
    eventually("a line was heard", || count.load(Ordering::SeqCst) > 0);
    kill_process(Pid::from_child(&run), Signal::INT).expect("it is there");
    let ran = wait(run, begun);
    let report: Value = serde_json::from_str(&ran.stdout).expect("a report");
    assert_eq!((ran.status, number(&report, "/requests")), (130, 0));
    assert_eq!(report["latency"]["intended"], Value::Null, "{report:#}");
}

#[test]
fn ctrl_c_ends_the_run_and_the_report_comes_all_the_same() {
    let server = server();
    for (phase, flags, line, signal, status) in [
        (
            "load",
            &["-d", "1m"][..],
            " replies/s, p50 ",
            Signal::INT,
            130,
        ),
        ("load", &["-d", "1m"], " replies/s, p50 ", Signal::HUP, 129),
        (
            "connecting",
            &["--ramp", "1"],
            "connecting: ",
            Signal::INT,
            130,
        ),
    ] {
        if !ending().contains(&signal) {
            continue;
        }
        let begun = Instant::now();
        let args = [&[&*server.addresses[0], "-c", "30"], flags].concat();
        let mut run = command(&args).spawn().expect("the program starts");
        let mut log = BufReader::new(run.stderr.take().expect("its stderr"));
        let mut text = String::new();
        while !text.contains(line) {
            assert!(
                log.read_line(&mut text).expect("a line") > 0,
                "{phase}: {text}"
            );
        }
        run.stderr = Some(log.into_inner());
        kill_process(Pid::from_child(&run), signal).expect("it is there");
        let ran = wait(run, begun);
        assert_eq!(ran.status, status, "{phase}: {}", ran.stdout);
        assert!(
            ran.stdout.contains("It was ended by a signal."),
            "{phase}: {}",
            ran.stdout
        );
        assert!(!ran.stdout.contains("failed"), "{phase}: {}", ran.stdout);
    }
}

#[test]
fn conditions_decide_the_status() {
    let server = server();
    let status = |conditions: &[&str]| {
        let mut args = vec![&*server.addresses[0], "-c", "2", "-n", "50", "-q"];
        for condition in conditions {
            args.extend(["--fail-if", condition]);
        }
        load(&args)
    };
    assert_eq!(
        status(&["p99>1h", "errors>0", "rate<0.001", "connect-p99>1h"]).status,
        0
    );
    let failed = status(&["p99>1h", "p50 > 1ns", "requests>=50"]);
    assert_eq!(failed.status, 1);
    assert!(
        failed.stdout.contains("failed: p50 > 1ns: it is "),
        "{}",
        failed.stdout
    );
    assert!(
        failed.stdout.contains("failed: requests>=50: it is 50"),
        "{}",
        failed.stdout
    );
    assert!(!failed.stdout.contains("failed: p99"));
    assert!(
        status(&["ping-p99>1h"])
            .stdout
            .contains("nothing was measured")
    );
}

#[test]
fn what_cannot_be_done_is_one_line() {
    let dir = common::TempDir::new();
    let nowhere = dir.join("no/such/file");
    let nowhere = nowhere.to_str().expect("UTF-8");
    let table: [(&[&str], i32, &str); 11] = [
        (
            &["no-such-host.invalid:1"],
            1,
            "nbcaser: cannot find no-such-host.invalid:1: ",
        ),
        (&["--json", nowhere], 1, "nbcaser: cannot write "),
        (&["--html", nowhere], 1, "nbcaser: cannot write "),
        (
            &["-n", "1", "--server-pid", "4000000000"],
            1,
            "nbcaser: cannot look at the server's process",
        ),
        (
            &["-c", "9000000"],
            1,
            "nbcaser: so many connections need 9000032 descriptors",
        ),
        (&["fd:3"], 2, "a descriptor is nothing to connect to"),
        (&["--fail-if", "p98>5ms"], 2, "p99.99"),
        (&["--fail-if", "p99=5ms"], 2, "write it like"),
        (&["--fail-if", "p99>5"], 2, "a time is compared with a time"),
        (&["--churn", "--rate", "5"], 2, "--churn has no schedule"),
        (&["--json", nowhere, "--html", nowhere], 2, "the same file"),
    ];
    for (args, status, text) in table {
        let ran = load(args);
        assert_eq!(ran.status, status, "{args:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(text), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(
            status == 2 || ran.stderr.lines().count() == 1,
            "{args:?}: {}",
            ran.stderr
        );
    }
}

#[test]
fn the_page_has_the_charts_and_loads_nothing() {
    let (server, dir) = (server(), common::TempDir::new());
    let (page, report) = (dir.join("run.html"), dir.join("run.json"));
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let address = &*server.addresses[0];
    let (html, json) = (path(&page), path(&report));
    let ran = load(&[
        address, "-d", "1s", "--rate", "2000", "--html", &html, "--json", &json,
    ]);
    assert_eq!(ran.status, 0);
    assert!(ran.stdout.contains("replies/s"));
    let html = std::fs::read_to_string(page).expect("a page");
    assert_eq!(html.matches("<svg ").count(), 4);
    assert!(
        ["from the intended send", "p99.99", "Throughput"]
            .iter()
            .all(|part| html.contains(part))
    );
    assert!(!html.contains("src=") && !html.contains("@import") && !html.contains("<script"));
    let json = std::fs::read_to_string(report).expect("a report");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["ok"], true);
}

#[test]
fn files_are_written_though_stdout_takes_nothing() {
    let (server, dir) = (server(), common::TempDir::new());
    let names = ["run.json", "run.html"].map(|name| dir.join(name));
    let [json, html] = names.each_ref().map(|path| path.to_str().expect("UTF-8"));
    let args = [
        &server.addresses[0],
        "-n",
        "5",
        "--json",
        json,
        "--html",
        html,
    ];
    let full = std::fs::File::options().write(true).open("/dev/full");
    let status = command(&args)
        .stdout(full.expect("a device"))
        .stderr(Stdio::null())
        .status();
    assert_eq!(status.expect("the program starts").code(), Some(1));
    let read = |path| std::fs::read_to_string(path).expect("a report");
    let report: Value = serde_json::from_str(&read(json)).expect("JSON");
    assert_eq!(report["ok"], true);
    assert!(read(html).contains("</html>"));
    // Nor does a file without room keep the others from being written.
    std::fs::remove_file(html).expect("a report");
    let ran = load(&[
        &server.addresses[0],
        "-n",
        "5",
        "--json",
        "/dev/full",
        "--html",
        html,
    ]);
    assert_eq!(ran.status, 1);
    assert!(read(html).contains("</html>") && !ran.stdout.is_empty());
}

/// The keys of a report, with the path to them. An array counts as its first element.
fn keys(value: &Value, path: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let path = format!("{path}{key}");
                into.push(path.clone());
                keys(value, &format!("{path}."), into);
            }
        }
        Value::Array(array) => {
            if let Some(first @ Value::Object(_)) = array.first() {
                keys(first, path, into);
            }
        }
        _ => {}
    }
}

#[test]
fn every_key_of_the_json_is_documented_and_none_is_invented() {
    let server = server();
    let pid = server.pid().as_raw_nonzero().to_string();
    let common = [
        "-c",
        "2",
        "-d",
        "300ms",
        "--warmup",
        "0",
        "--idle",
        "1",
        "--server-pid",
        &pid,
    ];
    let wrong = Broken::answering(|_, _, reply| Some(reply.to_ascii_lowercase()));
    let mut emitted = Vec::new();
    for (address, more) in [
        (&server.addresses[0], &["--rate", "100"][..]),
        (&server.addresses[0], &["--churn"]),
        (&wrong.address(), &[]),
    ] {
        keys(
            &json(address, &[&common[..], more].concat()).0,
            "",
            &mut emitted,
        );
    }
    // The times are all alike.
    for times in ["latency.sent", "connect", "greeting", "session", "ping"] {
        emitted.retain(|key| !key.starts_with(&format!("{times}.")));
    }
    emitted.sort();
    emitted.dedup();
    let rows = include_str!("../docs/load-json.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let mut documented: Vec<_> = rows
        .filter_map(|row| row.split('`').next())
        .map(str::to_owned)
        .collect();
    documented.sort();
    assert_eq!(documented, emitted);
}

// ---- what is sent

#[test]
fn lines_keep_to_characters_on_which_all_servers_agree() {
    let facts = Facts::load();
    for c in ALPHABET.into_iter().flatten() {
        assert!(facts.is(Property::Assigned, c), "{c:?} is assigned");
        // Each place that a character can have in a word, the sigma's included.
        for line in [
            format!("{c}"),
            format!("a{c}b"),
            format!("{c}A{c}"),
            format!("A{c}Σ{c}A"),
            format!("Σ{c}"),
        ] {
            for mode in [Mode::Upper, Mode::Title] {
                let (mut session, mut reply) = (Session::default(), Vec::new());
                if mode == Mode::Title {
                    session.answer(Line::Text(b"title"), 0, &mut reply);
                    reply.clear();
                }
                session.answer(Line::Text(line.as_bytes()), 0, &mut reply);
                assert_eq!(
                    reply,
                    facts.answer(mode, line.as_bytes()).0,
                    "{line:?} {mode:?}"
                );
            }
        }
    }
}

#[test]
fn every_reply_that_is_waited_for_is_what_python_says() {
    let facts = Facts::load();
    for seed in 0..20 {
        let script = Script::new(&Mix {
            length: 0..=60,
            title_share: 0.5,
            unicode_share: 0.7,
            plain: false,
            seed,
        });
        let mut mode = Mode::Upper;
        for n in 0..script.len() {
            let line = script.lines(n, n);
            let (reply, next) = facts.answer(mode, &line[..line.len() - 1]);
            assert_eq!(script.reply(n), reply, "seed {seed}");
            mode = next;
        }
        assert_eq!(mode, Mode::Upper);
    }
}
