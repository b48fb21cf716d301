//! The commands that the texts show.

use std::process::Command;

use super::text::{read, root, texts};

/// Programs of the system's that texts may show, and words of the shell.
const OTHERS: [&str; 20] = [
    "do", "done", "echo", "for", "grep", "head", "kill", "nc", "pidof", "ps", "seq", "sleep", "ss",
    "strace", "tail", "timeout", "ulimit", "yes", "&", "",
];

#[test]
fn commands_name_programs_tests_and_flags_that_there_are() {
    let mut count = 0;
    for text in texts() {
        let consoles = text
            .blocks
            .iter()
            .filter(|block| block.language == "console");
        let lines = consoles.flat_map(|block| &block.lines);
        for line in lines.filter_map(|line| line.strip_prefix("$ ")) {
            let place = text.at(line);
            // What is quoted is one word, and no command.
            let parts = line.split('\'').enumerate();
            let line: String = parts
                .map(|(n, part)| if n % 2 == 0 { part } else { "_" })
                .collect();
            let line = line.split(" #").next().expect("what is no comment");
            for command in line.split(['|', ';', '(', '&']) {
                let command = command.split(')').next().expect("what a bracket ends");
                let words: Vec<&str> = command.split_whitespace().collect();
                check(&words, &place);
                count += 1;
            }
        }
    }
    assert!(count > 60, "{count} commands");
}

fn check(words: &[&str], place: &str) {
    match words {
        ["cargo", rest @ ..] => check_cargo(rest, place),
        ["nbcaser", rest @ ..] => check_nbcaser(rest, place),
        ["pidof", name] => assert!(*name == "nbcaser" || is_example(name), "{place}"),
        ["do", rest @ ..] | ["timeout", _, rest @ ..] if !rest.is_empty() => check(rest, place),
        [assignment, rest @ ..] if assignment.contains('=') => check(rest, place),
        [] | ["\\"] => {}
        [program, ..] => {
            let is_ours = program.starts_with(".ci/") && root().join(program).exists();
            assert!(
                is_ours || OTHERS.contains(program),
                "{place}: what is {program}?"
            );
        }
    }
}

fn is_example(name: &str) -> bool {
    let folder = root().join("examples");
    folder.join(format!("{name}.rs")).exists() || folder.join(name).join("main.rs").exists()
}

fn check_cargo(words: &[&str], place: &str) {
    let ours = words.iter().position(|word| *word == "--");
    let (cargos, ours) = words.split_at(ours.unwrap_or(words.len()));
    let behind = |flag| {
        cargos
            .iter()
            .copied()
            .skip_while(move |word| *word != flag)
            .skip(1)
    };
    match (cargos, behind("--example").next(), behind("--test").next()) {
        (["run", ..], Some(name), None) => assert!(is_example(name), "{place}"),
        (["run", ..], None, None) => check_nbcaser(ours.get(1..).unwrap_or_default(), place),
        (["test", ..], None, Some(name)) => {
            let tests = root().join("tests");
            let files = [
                tests.join(format!("{name}.rs")),
                tests.join(name).join("main.rs"),
            ];
            let file = files.iter().find(|file| file.exists());
            let file = file.unwrap_or_else(|| panic!("{place}: no such test"));
            if let Some(filter) = behind("--test").nth(1) {
                assert!(
                    read(file).contains(&format!("fn {filter}")),
                    "{place}: none is so called"
                );
            }
        }
        (["test"] | ["build", ..], None, None) => {}
        _ => panic!("{place}: a command of what kind?"),
    }
}

fn check_nbcaser(words: &[&str], place: &str) {
    let command = words.first().filter(|word| !word.starts_with('-'));
    let help = Command::new(env!("CARGO_BIN_EXE_nbcaser"))
        .args(command)
        .arg("--help")
        .output()
        .expect("the program starts");
    assert!(help.status.success(), "{place}: no such command");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let known: Vec<&str> = help.split([' ', ',', '\n', '[', ']', '=']).collect();
    for flag in words.iter().filter(|word| word.starts_with('-')) {
        assert!(known.contains(flag), "{place}: what is {flag}?");
    }
}
