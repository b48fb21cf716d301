//! What the README says is so: its session is held with the real program, its links lead somewhere, no flag is missing.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::path::Path;
use std::process::Command;

use common::Setup;

const README: &str = include_str!("../README.md");

#[test]
fn the_session_is_what_happens() {
    let (_, session) = README.split_once("$ nc localhost 9600\n").expect("it");
    let (session, _) = session.split_once("```").expect("its end");
    let mut lines = session.lines();
    let server = Setup::reactor().start();
    let mut client = server.connect();
    let greeting = lines.next().expect("the greeting");
    client.expect(format!("{greeting}\n"));
    let mut pairs = 0;
    while let (Some(typed), Some(reply)) = (lines.next(), lines.next()) {
        client.send(format!("{typed}\n"));
        client.expect(format!("{reply}\r\n"));
        pairs += 1;
    }
    assert!(pairs > 3);
    assert_eq!(client.rest(), b"");
}

#[test]
fn every_link_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = root.join("docs");
    let texts = [
        (root, README),
        (root, include_str!("../CHANGELOG.md")),
        (&docs, include_str!("../docs/README.md")),
        (&docs, include_str!("../docs/comparison.md")),
        (&docs, include_str!("../docs/decisions.md")),
        (&docs, include_str!("../docs/faults.md")),
        (&docs, include_str!("../docs/compare-json.md")),
        (&docs, include_str!("../docs/load-json.md")),
        (&docs, include_str!("../docs/reliability.md")),
        (root, include_str!("../SECURITY.md")),
    ];
    for (place, text) in texts {
        for link in text.split("](").skip(1) {
            let (target, _) = link.split_once(')').expect("the end of a link");
            let is_there = match target.strip_prefix('#') {
                Some(anchor) => headings(text).any(|heading| heading == anchor),
                None => target.starts_with("https://") || place.join(target).exists(),
            };
            assert!(is_there, "{target}");
        }
    }
}

/// The headings of a text, as links name them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().filter(|line| line.starts_with("##"));
    lines.map(|line| {
        let kept = line.trim_start_matches(['#', ' ']).chars();
        let kept = kept.filter(|c| c.is_alphanumeric() || [' ', '-'].contains(c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    })
}

#[test]
fn each_fault_in_the_docs_has_its_test_and_each_test_its_row() {
    let tests = include_str!("seed_faults.rs").split("fn fault_").skip(1);
    let tests: Vec<_> = tests.filter_map(|test| test.split('(').next()).collect();
    let rows = include_str!("../docs/faults.md").split("| `fault_").skip(1);
    let rows: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(rows, tests);
}

#[test]
fn no_flag_is_missing_and_none_is_invented() {
    let help = |args: &[&str]| {
        let help = Command::new(env!("CARGO_BIN_EXE_nbcaser"))
            .args(args)
            .output()
            .expect("the program starts");
        String::from_utf8(help.stdout).expect("UTF-8")
    };
    let help = help(&["--help"]) + &help(&["load", "--help"]) + &help(&["compare", "--help"]);
    let is_of_a_flag = |c: char| c.is_ascii_lowercase() || c == '-';
    let flags = |text: &str| {
        let words = text.split(|c| !is_of_a_flag(c));
        let flags = words.filter(|word| word.starts_with("--") && !word.ends_with('-'));
        flags.map(str::to_owned).collect::<Vec<_>>()
    };
    let (in_help, in_readme) = (flags(&help), flags(README));
    for flag in &in_help {
        let is_small = ["--help", "--version", "--verbose", "--quiet"].contains(&&**flag);
        assert!(is_small || in_readme.contains(flag), "{flag} is missing");
    }
    // These are cargo's.
    let others = [
        "--release",
        "--test",
        "--nocapture",
        "--test-threads",
        "--open",
    ];
    for flag in &in_readme {
        assert!(
            in_help.contains(flag) || others.contains(&&**flag),
            "what is {flag}?"
        );
    }
}
