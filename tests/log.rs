//! The log of a whole process: its stderr is read by nobody, closed, full, or watched as it grows.
//!
//! A process has one log, so each test starts this program anew and runs in it the one test [`child`], told what to do by
//! a variable. What the child answers goes to its stdout.
#![cfg(feature = "cli")]

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write, pipe};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use log::LevelFilter;
use nbcaser::cli::logging::Log;

const ROLE: &str = "NBCASER_TEST_ROLE";

/// What the child does; as a test of its own, nothing.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let log = Log::init(LevelFilter::Info).expect("a log");
    match role.as_str() {
        "levels" => {
            log::debug!("the debug line");
            log::info!("the info line");
        }
        "wait" => {
            log::info!("at once");
            io::stdin().read_to_end(&mut Vec::new()).expect("stdin");
        }
        "panic" => {
            let worker = thread::Builder::new().name("worker".into());
            let end = worker
                .spawn(|| panic!("bad \x1b[2J\nline {}", 7))
                .expect("a thread")
                .join();
            assert!(end.is_err());
        }
        "die" => {
            log::info!("before");
            assert_eq!(log.die(&"no such\nplace: \x1b"), ExitCode::FAILURE);
        }
        "flood" => (0..40_000).for_each(|n| log::info!("{n:0100}")),
        "few" => {
            log::error!("one");
            log::error!("two");
        }
        other => panic!("no role {other}"),
    }
    log.finish();
    // Dropping it finishes it once more, and that should not take another second.
    #[allow(clippy::disallowed_methods)] // it looks at real time
    let again = Instant::now();
    log.finish();
    assert!(again.elapsed() < Duration::from_millis(500));
    println!("\ndropped {}", log.dropped());
}

fn start(role: &str, stderr: impl Into<Stdio>, variables: &[(&str, &str)]) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env_remove("RUST_LOG").env_remove("RUST_LOG_STYLE");
    command
        .env("RUST_BACKTRACE", "1")
        .env(ROLE, role)
        .envs(variables.iter().copied());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr);
    command.spawn().expect("it starts")
}

/// Waits for the end of the child. Returns how many lines it says were dropped.
fn dropped(child: Child) -> u64 {
    let output = child.wait_with_output().expect("its output");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{told}");
    let number = told.lines().find_map(|line| line.strip_prefix("dropped "));
    number.expect("it tells").parse().expect("a number")
}

/// What it wrote on stderr in `role`.
fn logged(role: &str, variables: &[(&str, &str)]) -> String {
    let (mut reader, writer) = pipe().expect("a pipe");
    let child = start(role, writer, variables);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("UTF-8");
    assert_eq!(dropped(child), 0);
    text
}

#[test]
fn the_level_is_the_programs_unless_rust_log_says_otherwise() {
    let table = [
        (None, false, true),
        (Some(""), false, true),
        (Some("debug"), true, true),
        (Some("log=debug"), true, true),
        (Some("warn"), false, false),
        (Some("elsewhere=debug"), false, false),
    ];
    for (spec, debug, info) in table {
        let variables: Vec<_> = spec.map(|spec| ("RUST_LOG", spec)).into_iter().collect();
        let text = logged("levels", &variables);
        assert_eq!(text.contains("the debug line"), debug, "{spec:?}: {text}");
        assert_eq!(text.contains("the info line"), info, "{spec:?}: {text}");
    }
}

#[test]
fn a_rust_log_that_is_nonsense_is_told_and_ignored() {
    let text = logged("levels", &[("RUST_LOG", "a=b=c,\x1b[31m")]);
    assert!(
        text.contains("RUST_LOG is ignored") && text.contains("the info line"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "{text:?}");
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    assert!(!logged("levels", &[]).contains('\x1b'));
    assert!(logged("levels", &[("RUST_LOG_STYLE", "always")]).contains('\x1b'));
}

#[test]
fn a_line_appears_as_it_happens() {
    let (reader, writer) = pipe().expect("a pipe");
    let mut child = start("wait", writer, &[]);
    let mut line = String::new();
    // The child goes on only when its stdin ends, and that is not before the line is here.
    BufReader::new(reader).read_line(&mut line).expect("a line");
    assert!(line.ends_with("at once\n"), "{line:?}");
    drop(child.stdin.take());
    assert_eq!(dropped(child), 0);
}

#[test]
fn a_panic_is_one_line() {
    let text = logged("panic", &[]);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains("ERROR") && text.contains("panic in thread worker at tests/log.rs:"),
        "{text}"
    );
    assert!(text.ends_with(": bad \\x1b[2J\\nline 7\n"), "{text}");
}

#[test]
fn the_last_words_come_last_and_at_every_level() {
    let text = logged("die", &[]);
    assert!(
        text.ends_with("before\nnbcaser: no such\\nplace: \\x1b\n"),
        "{text}"
    );
    assert_eq!(
        logged("die", &[("RUST_LOG", "off")]),
        "nbcaser: no such\\nplace: \\x1b\n"
    );
}

#[test]
fn a_pipe_that_nobody_reads_costs_lines_and_not_the_program() {
    let (mut reader, writer) = pipe().expect("a pipe");
    let lost = dropped(start("flood", writer, &[]));
    // 40,000 lines of more than 100 bytes, of which 1 MiB waits and a pipe holds 64 KiB or so.
    assert!(lost > 20_000, "{lost}");
    let mut text = Vec::new();
    reader.read_to_end(&mut text).expect("what was written");
    assert!(text.len() > 1000);
}

#[test]
fn a_stderr_that_is_gone_or_full_costs_lines_and_not_the_program() {
    let nonsense = [("RUST_LOG", "a=b=c")];
    for variables in [&[][..], &nonsense[..]] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        assert_eq!(
            dropped(start("few", writer, variables)),
            2 + variables.len() as u64
        );
    }
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        assert_eq!(dropped(start("few", full, &[])), 2);
    }
}

#[test]
fn a_closed_stderr_is_nobodys_trouble() {
    let this = std::env::current_exe().expect("this program");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", r#"exec "$0" child --exact --nocapture 2>&-"#])
        .arg(this)
        .env(ROLE, "flood");
    let output = shell.output().expect("it starts");
    assert!(output.status.success());
    let _ = io::stdout().write_all(&output.stdout);
}
