//! The README and the table of faults are complete: no flag is missing, none is invented, each fault has its test.
#![cfg(feature = "cli")]

use std::process::Command;

const README: &str = include_str!("../README.md");

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
    let commands = ["load", "compare", "trace"].map(|command| help(&[command, "--help"]));
    let help = help(&["--help"]) + &commands.concat();
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
