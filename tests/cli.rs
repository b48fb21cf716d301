//! The command line of the real program: what it says, where, and with which status.
#![cfg(feature = "cli")]

use std::io::pipe;
use std::process::{Command, Output, Stdio};

fn nbcaser(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbcaser"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("RUST_LOG")
        .env("RUST_BACKTRACE", "1");
    command
}

fn output(mut command: Command) -> Output {
    command.output().expect("the program starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8 on stderr")
}

#[test]
fn wrong_usage_is_status_2_on_stderr() {
    let table: [&[&str]; 14] = [
        &["--no-such-flag"],
        &["--no-such-flag\x1b]0;owned\x07"],
        &["stray\x1b[31m"],
        &["serve", "stray\u{9b}31m\nerror: forged"],
        &["--listen", "localhost:notanumber"],
        &["--listen", "localhost:70000"],
        &["--listen", "localhost:-1"],
        &["--listen", "\u{202e}"],
        &["--listen"],
        &["--drain", "15"],
        &["--announce-every", "18446744073709551615s"],
        &["--max-line", "0"],
        &["--workers", "-1"],
        &["--drain", "1s", "serve"],
    ];
    for args in table {
        let output = output(nbcaser(args));
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert_eq!(output.stdout, b"", "{args:?}");
        assert!(told.starts_with("error: "), "{args:?}: {told}");
        assert!(
            !told.contains("panicked") && !told.contains("\nerror: forged"),
            "{args:?}: {told}"
        );
        assert!(
            told.chars()
                .all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')),
            "{args:?}: {told:?}"
        );
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let help = output(nbcaser(&["--help"]));
    assert_eq!((help.status.code(), stderr(&help).as_str()), (Some(0), ""));
    let text = String::from_utf8(help.stdout).expect("UTF-8");
    let flags = "--listen --workers --announce-delay --announce-every --max-connections --max-line --max-memory \
                 --idle-timeout --drain --ready-file --trace --verbose --quiet --version --help";
    for flag in flags.split_whitespace() {
        assert!(text.contains(flag), "{flag} is missing");
    }
    let version = output(nbcaser(&["--version"]));
    assert_eq!(
        (version.status.code(), stderr(&version).as_str()),
        (Some(0), "")
    );
    assert_eq!(
        version.stdout,
        concat!("nbcaser ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()
    );
}

#[test]
fn nobody_has_to_read_the_help_or_the_error() {
    for (args, status) in [(["--help"], 0), (["--version"], 0), (["--wrong"], 2)] {
        // A pipe whose reader has gone,
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let mut broken = nbcaser(&args);
        broken
            .stdout(writer.try_clone().expect("a descriptor"))
            .stderr(writer);
        assert_eq!(
            broken.status().expect("it starts").code(),
            Some(status),
            "{args:?}, broken pipe"
        );
        // and no descriptor at all.
        let mut closed = Command::new("sh");
        closed
            .args([
                "-c",
                r#"exec "$0" "$@" >&- 2>&-"#,
                env!("CARGO_BIN_EXE_nbcaser"),
            ])
            .args(args);
        assert_eq!(
            closed.status().expect("it starts").code(),
            Some(status),
            "{args:?}, closed"
        );
    }
}
