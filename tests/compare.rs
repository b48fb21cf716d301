//! `nbcaser compare`, the real program: both models, a peer, and peers that do wrong.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use common::{GREETING, TempDir, ending, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_nbcaser");
/// As short as runs can be that measure something on a machine that has much else to do.
const SHORT: [&str; 6] = ["-d", "500ms", "--warmup", "20ms", "-c", "4"];
/// A comparison that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A comparison under way. All that it starts is in its folder.
struct Comparison {
    child: Child,
    dir: TempDir,
}

/// One that has ended.
#[derive(Debug)]
struct Compared {
    status: Option<i32>,
    stdout: String,
    stderr: String,
    json: Value,
    page: String,
}

impl Comparison {
    fn start(args: &[&str]) -> Comparison {
        Comparison::start_as(Command::new(PROGRAM), args)
    }

    /// With this command, which becomes the program.
    fn start_as(mut program: Command, args: &[&str]) -> Comparison {
        let dir = TempDir::new();
        let file = |name| File::create(dir.join(name)).expect("a file");
        let child = program
            .arg("compare")
            .args(args)
            .args(["--json", "json", "--html", "page"])
            .current_dir(dir.path())
            .env_remove("RUST_LOG")
            .env("TMPDIR", dir.path())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("it starts");
        Comparison { child, dir }
    }

    /// The processes that it has started and that have not ended.
    fn servers(&self) -> Vec<u32> {
        let others = processes_in(&self.dir).into_iter();
        others.filter(|pid| *pid != self.child.id()).collect()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it has not been waited for");
    }

    /// Waits for its end. Nothing that it started is left then, and no file.
    #[track_caller]
    fn end(mut self) -> Compared {
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                break status;
            }
            assert!(begin.elapsed() < LIMIT, "it hangs");
            thread::sleep(Duration::from_millis(5)); // between two looks
        };
        assert_eq!(self.servers(), [0; 0], "processes are left behind");
        let read = |name| fs::read_to_string(self.dir.join(name)).expect("UTF-8");
        let compared = Compared {
            status: status.code(),
            stdout: read("stdout"),
            stderr: read("stderr"),
            json: serde_json::from_str(&read("json")).expect("JSON"),
            page: read("page"),
        };
        let left = fs::read_dir(self.dir.path()).expect("a folder").count();
        assert_eq!(left, 4, "files are left behind");
        compared
    }
}

impl Drop for Comparison {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind either.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for server in self.servers() {
            let pid = Pid::from_raw(server as i32).expect("a process");
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// All processes whose working folder this is.
fn processes_in(dir: &TempDir) -> Vec<u32> {
    let is_there =
        |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == dir.path());
    let entries = fs::read_dir("/proc").expect("a folder").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_there).collect()
}

/// What is measured but once, and shortly.
fn once<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&SHORT[..], &["--rounds", "1"], args].concat()
}

/// Runs a comparison to its end, which must be a good one.
#[track_caller]
fn compare(args: &[&str]) -> Compared {
    let compared = Comparison::start(args).end();
    assert_eq!(compared.status, Some(0), "{}", compared.stderr);
    assert_eq!(compared.json["ok"], true);
    compared
}

/// Runs one that must fail, and gives the only line that says why.
#[track_caller]
fn failure(args: &[&str]) -> String {
    let compared = Comparison::start(&once(&[&["-q"], args].concat())).end();
    let Compared {
        status,
        stderr,
        json,
        ..
    } = compared;
    assert_eq!(status, Some(1), "{stderr}");
    let line = stderr.trim_end();
    assert_eq!(line.lines().count(), 1, "{stderr}");
    assert_eq!(
        (&json["ok"], json["error"].as_str()),
        (&Value::Bool(false), line.strip_prefix("nbcaser: "))
    );
    line.into()
}

fn cpus() -> usize {
    thread::available_parallelism().expect("a number").get()
}

/// The places that are measured by default.
fn places() -> Vec<&'static str> {
    if cpus() > 1 {
        vec!["same", "apart"]
    } else {
        vec!["same"]
    }
}

fn number(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {value:#}"))
}

// ---- what goes well

#[test]
fn both_models_are_measured_in_turn() {
    let compared = compare(&[&SHORT[..], &["--rounds", "2"]].concat());
    let json = &compared.json;
    let runs = json["runs"].as_array().expect("runs");
    let order: Vec<String> = runs
        .iter()
        .map(|run| {
            format!(
                "{} {} {}",
                run["round"],
                run["cpus"].as_str().expect("a place"),
                run["server"].as_str().expect("a name")
            )
        })
        .collect();
    let mut expected = Vec::new();
    for (round, servers) in [(0, ["reactor", "threads"]), (1, ["threads", "reactor"])] {
        for place in places() {
            expected.extend(servers.map(|server| format!("{round} {place} {server}")));
        }
    }
    assert_eq!(order, expected);

    for run in runs {
        let cpu = number(run, "server_cpu_ns_per_request");
        assert!((100.0..1e8).contains(&cpu), "{run:#}");
        let busy = cpu * number(run, "requests") / 1e9 / number(run, "elapsed_s");
        assert!((busy - number(run, "server_cpu")).abs() < 1e-6, "{run:#}");
        let on_one = run["cpus"] == "same";
        assert!(
            !on_one || number(run, "server_cpu") + number(run, "own_cpu") < 1.05,
            "both on one CPU: {run:#}"
        );
        assert!(number(run, "server_memory_peak_bytes") > 1e6, "{run:#}");
        assert!(
            number(run, "latency_p50_ns") <= number(run, "latency_p99_ns"),
            "{run:#}"
        );
        // One thread a client and a few more, or a few.
        let threads = number(run, "server_threads");
        assert_eq!(run["server"] == "threads", threads >= 4.0 + 1.0, "{run:#}");
        // A busy machine may not have two CPUs at once for us.
        assert!(!on_one || run["cpu_distance_ns"].is_null(), "{run:#}");
    }
    let medians = json["medians"].as_array().expect("medians");
    for median in medians {
        let cpu = &median["server_cpu_ns_per_request"];
        assert!(
            number(cpu, "min") <= number(cpu, "median")
                && number(cpu, "median") <= number(cpu, "max")
        );
        let of_first = medians.iter().find(|first| first["cpus"] == median["cpus"]);
        let of_first = &of_first.expect("the reactor's")["server_cpu_ns_per_request"];
        let ratio = number(cpu, "median") / number(of_first, "median");
        assert!((number(cpu, "ratio") - ratio).abs() < 1e-9, "{median:#}");
        assert_eq!(cpu["runs"], 2);
    }
    for text in [
        "reactor",
        "threads",
        "server CPU time a request",
        "ratio",
        "server and load tester on one CPU",
    ] {
        assert!(
            compared.stdout.contains(text),
            "{text} in {}",
            compared.stdout
        );
        assert!(compared.page.contains(text), "{text} on the page");
    }
    assert!(compared.page.matches("</svg>").count() == 3 && !compared.page.contains("<script"));
    let told = compared
        .stderr
        .lines()
        .filter(|line| line.contains("of CPU time a request"));
    assert_eq!(told.count(), runs.len(), "{}", compared.stderr);
}

#[test]
fn a_peer_is_compared_with_us() {
    let peer = format!("other={PROGRAM} serve --listen 127.0.0.1:{{port}} --workers 2");
    let compared = compare(&once(&[
        "--models", "reactor", "--peer", &peer, "--cpus", "same",
    ]));
    let servers = &compared.json["servers"];
    assert_eq!(
        (&servers[0]["name"], &servers[1]["name"]),
        (&Value::from("reactor"), &Value::from("other"))
    );
    assert_eq!(servers[1]["command"][3], "127.0.0.1:{port}");
    let threads = |run: usize| number(&compared.json["runs"][run], "server_threads");
    assert!(threads(1) > threads(0), "the peer has a worker more");
}

#[test]
fn a_sweep_measures_each_number_of_connections_and_draws_curves() {
    let compared = compare(&once(&["--sweep", "3,1,3", "--models", "reactor,reactor"]));
    assert_eq!(compared.json["sweep"], serde_json::json!([1, 3]));
    let runs = compared.json["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 2 * 2 * places().len());
    assert!(
        runs.iter()
            .any(|run| run["server"] == "reactor#2" && run["connections"] == 3)
    );
    // Four curves, and the latencies of either number.
    assert_eq!(compared.page.matches("</svg>").count(), 4 + 2);
    assert!(
        compared.stdout.contains("connections"),
        "{}",
        compared.stdout
    );
}

#[test]
fn loads_of_other_kinds_are_measured_too() {
    for load in [
        &["--churn"][..],
        &["--rate", "500"],
        &["--pipeline", "8"],
        &["--idle", "50"],
    ] {
        let compared = compare(&once(&[load, &["--cpus", "same"]].concat()));
        let run = &compared.json["runs"][0];
        assert!(
            number(run, "server_cpu_ns_per_request") > 0.0,
            "{load:?}: {run:#}"
        );
        let per_idle = &run["server_memory_per_idle_bytes"];
        assert_eq!(per_idle.is_null(), load[0] != "--idle", "{load:?}: {run:#}");
    }
}

/// The CPUs on which the thread with this folder in `/proc` may run.
fn allowed(thread: &Path) -> Option<String> {
    let status = fs::read_to_string(thread.join("status")).ok()?;
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.map(|list| list.trim().to_owned())
}

#[test]
fn both_sides_are_kept_on_their_cpus_with_all_their_threads() {
    for place in places() {
        let comparison = Comparison::start(&[
            "--models", "threads", "--rounds", "1", "-d", "5s", "-c", "8", "--cpus", place,
        ]);
        let mut threads = Vec::new();
        eventually("the server has its clients", || {
            let tasks = comparison
                .servers()
                .into_iter()
                .flat_map(|pid| fs::read_dir(format!("/proc/{pid}/task")))
                .flatten();
            let tasks = tasks.flatten().map(|task| task.path());
            threads = tasks.filter_map(|task| allowed(&task)).collect();
            threads.len() > 8
        });
        let places: BTreeSet<_> = threads.iter().collect();
        assert_eq!(places.len(), 1, "{places:?}");
        let single = threads[0].parse::<usize>().is_ok();
        assert!(single || (place == "apart" && cpus() > 2), "{places:?}");
        let ours = allowed(format!("/proc/{}", comparison.child.id()).as_ref());
        let ours = ours.expect("it is there");
        assert!(
            ours.parse::<usize>().is_ok(),
            "the load tester is on {ours}"
        );
        assert_eq!(ours == threads[0], place == "same", "{ours}, {threads:?}");
        comparison.signal(Signal::TERM);
        assert_eq!(comparison.end().status, Some(143));
    }
}

#[test]
fn every_key_of_the_json_is_documented() {
    let json = compare(&once(&["--sweep", "1,2", "--idle", "1"])).json;
    let mut emitted = BTreeSet::new();
    keys(&json, "", &mut emitted);
    // The plan is that of `load`, and the medians are all alike.
    let is_told = |key: &String| {
        let figure = key.strip_prefix("medians.");
        let is_alike = figure.is_some_and(|figure| {
            json["runs"][0]
                .get(figure.split('.').next().unwrap_or(figure))
                .is_some()
                && !["server", "connections", "cpus"].contains(&figure)
                && !figure.starts_with("server_cpu_ns_per_request")
        });
        !key.starts_with("plan.") && !is_alike
    };
    emitted.retain(is_told);
    let rows = include_str!("../docs/compare-json.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<String> = rows
        .filter_map(|row| row.split('`').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(documented, emitted);
}

fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| keys(value, path, found)),
        Value::Object(values) => {
            for (key, value) in values {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                found.insert(path.clone());
                keys(value, &path, found);
            }
        }
        _ => {}
    }
}

// ---- what goes wrong

/// A command for a server that does what `what` says: this very program, as a test that is none.
fn broken(what: &str) -> String {
    let this = env::current_exe().expect("a program");
    let this = this.to_str().expect("UTF-8");
    format!(
        "{what}=env NBCASER_TEST_PEER={what} NBCASER_TEST_PORT={{port}} '{this}' a_peer_that_does_wrong --exact --nocapture"
    )
}

#[test]
fn a_peer_that_does_wrong() {
    let (Ok(what), Ok(port)) = (env::var("NBCASER_TEST_PEER"), env::var("NBCASER_TEST_PORT"))
    else {
        return; // as one of the tests it has nothing to do: it is the server of others
    };
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("its port");
    let other = || process::Command::new("sleep").arg("60").spawn();
    let _other = (what == "fork").then(|| other().expect("a process of its own"));
    for stream in listener.incoming().flatten() {
        let what = what.clone();
        thread::spawn(move || wrong_dialogue(stream, &what));
    }
}

fn wrong_dialogue(mut stream: TcpStream, what: &str) -> std::io::Result<()> {
    match what {
        "silent" => thread::park(),
        "slow" => {
            thread::sleep(Duration::from_secs(6)); // it is a slow server that is tested
            stream.write_all(GREETING)?;
        }
        "rude" => return stream.write_all(b"go away\n"),
        _ => stream.write_all(GREETING)?,
    }
    if what == "dying" {
        process::exit(3);
    }
    if what == "chatty" {
        loop {
            stream.write_all(b"anybody there?\r\n")?;
            thread::sleep(Duration::from_millis(100)); // it is a slow server that is tested
        }
    }
    let mut bytes = [0; 1000];
    loop {
        let n = stream.read(&mut bytes)?;
        match (what, &bytes[..n]) {
            (_, b"quit\n" | b"") => return Ok(()),
            ("mortal", _) => {
                eprintln!("\nfirst words\nlast \x1b[31mwords");
                process::exit(7);
            }
            ("liar" | "fork", _) => stream.write_all(b"Upper-cased: 'WHATEVER'\r\n")?,
            ("lazy" | "slow", _) => {}
            _ => panic!("{what}"),
        }
    }
}

#[test]
fn a_server_that_does_not_come_up_is_told_in_a_line() {
    let wrapper =
        format!("wrapper=sh -c '\"$0\" -q --listen 127.0.0.1:$1; true' {PROGRAM} {{port}}");
    let table = [
        (
            "no-such-program-anywhere {port}".to_owned(),
            "no-such-program-anywhere: cannot start it: No such file",
        ),
        (
            "false {port}".into(),
            "false: the server ended by itself (exit status: 1)",
        ),
        (
            broken("dying"),
            "dying: the server ended by itself (exit status: 3)",
        ),
        (
            "sh -c 'echo some >&2; echo last words >&2; exit 3' {port}".into(),
            "(exit status: 3): last words",
        ),
        ("sh -c 'kill -9 $$' {port}".into(), "(signal: 9 (SIGKILL))"),
        (
            "late=sh -c 'exec sleep 1000' {port}".into(),
            "late: greets nobody on 127.0.0.1:",
        ),
        (
            wrapper,
            "wrapper: not the process that was started listens on port",
        ),
        (
            broken("silent"),
            "does not greet like a server of this protocol",
        ),
        (
            broken("rude"),
            "does not greet like a server of this protocol",
        ),
    ];
    for (peer, expected) in table {
        let told = failure(&["--models", "none", "--peer", &peer, "--start-timeout", "2s"]);
        assert!(told.contains(expected), "{peer}: {told}");
    }
}

#[test]
fn a_server_that_does_wrong_under_load_is_told_in_a_line() {
    let table = [
        (
            "mortal",
            "mortal: the server ended by itself (exit status: 7): last \\x1b[31mwords",
        ),
        ("liar", "liar: a wrong reply: "),
        ("slow", "slow: 4 timeouts"),
        ("chatty", "chatty: a wrong reply: "),
        ("lazy", "lazy: 4 timeouts"),
        ("fork", "fork: it serves by several processes"),
    ];
    for (what, expected) in table {
        if what == "fork" && !Path::new("/proc/thread-self/children").exists() {
            println!("skipped: this kernel does not tell of children");
            continue;
        }
        let told = failure(&[
            "--models",
            "none",
            "--peer",
            &broken(what),
            "--timeout",
            "300ms",
        ]);
        assert!(told.contains(expected), "{what}: {told}");
    }
}

#[test]
fn what_was_measured_before_a_failure_is_told() {
    let liar = broken("liar");
    let args = once(&["--models", "reactor", "--peer", &liar, "--cpus", "same"]);
    let compared = Comparison::start(&args).end();
    assert_eq!(compared.status, Some(1));
    assert!(
        compared.stdout.contains("server CPU time a request"),
        "{}",
        compared.stdout
    );
    assert_eq!(compared.json["runs"].as_array().map(Vec::len), Some(1));
    assert!(
        compared.page.contains("liar: a wrong reply"),
        "it is on the page"
    );
}

#[test]
fn a_signal_ends_it_and_its_servers() {
    for (signal, status) in [
        (Signal::INT, 130),
        (Signal::TERM, 143),
        (Signal::HUP, 129),
        (Signal::QUIT, 131),
    ] {
        if signal != Signal::QUIT && !ending().contains(&signal) {
            continue;
        }
        // In a run,
        let comparison = Comparison::start(&["--rounds", "9", "-d", "10m"]);
        eventually("a server is there", || !comparison.servers().is_empty());
        comparison.signal(signal);
        assert_eq!(comparison.end().status, Some(status));
        // and while a server is waited for.
        let comparison = Comparison::start(&[
            "--models",
            "none",
            "--peer",
            "sh -c 'exec sleep 1000' {port}",
        ]);
        eventually("a server is there", || !comparison.servers().is_empty());
        comparison.signal(signal);
        let compared = comparison.end();
        assert_eq!(compared.status, Some(status), "{}", compared.stderr);
        assert_eq!(
            compared.json["error"],
            format!("ended by signal {}", status - 128)
        );
    }
}

/// `nohup` has SIGHUP ignored, and so it stays.
#[test]
fn sighup_that_was_ignored_stays_ignored() {
    let args = once(&["--models", "reactor", "--cpus", "same"]);
    let mut program = Command::new("sh");
    program.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", PROGRAM]);
    let comparison = Comparison::start_as(program, &args);
    eventually("a server is there", || !comparison.servers().is_empty());
    comparison.signal(Signal::HUP);
    assert_eq!(comparison.end().status, Some(0));
}

#[test]
fn reports_that_have_no_place_are_told_before_anything_is_measured() {
    for flag in ["--json", "--html"] {
        let output = Command::new(PROGRAM)
            .args(["compare", flag, "/no/such/folder/file"])
            .output()
            .expect("it starts");
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(
            told.contains("cannot write /no/such/folder/file") && !told.contains("round 1"),
            "{told}"
        );
    }
}
