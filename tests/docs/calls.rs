//! The system calls that the texts show of a line are those that are made.

use std::fs;
use std::path::Path;

use super::common::inject::can_trace;
use super::common::{Server, Setup, eventually, upper};
use super::text::{Block, texts};

const TRACED: &str = "$ strace -qq -p $(pidof ";

/// A system call: its name, and what it returned; nothing, if that is an address.
#[derive(PartialEq, Debug)]
struct Call(String, String);

impl Call {
    /// Of `name(arguments) = result`. What a library asks for memory is none of ours.
    fn parse(line: &str) -> Option<Call> {
        let (call, result) = line.rsplit_once(" = ")?;
        let (name, _) = call.split_once('(')?;
        let is_memory = ["mmap", "munmap", "brk"].contains(&name);
        let call = Call(name.to_owned(), result.trim().to_owned());
        (!is_memory).then_some(call)
    }
}

fn calls<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Call> {
    lines.into_iter().filter_map(Call::parse).collect()
}

#[test]
fn the_calls_of_a_line_are_those_that_are_shown() {
    if !can_trace() {
        return;
    }
    let mut count = 0;
    for text in texts() {
        let shows_a_line =
            |block: &&Block| block.lines.iter().any(|line| line.contains("hello\\n"));
        for block in text.blocks.iter().filter(shows_a_line) {
            let Some(name) = block.lines[0].strip_prefix(TRACED) else {
                continue;
            };
            let shown = calls(block.lines[1..].iter().map(String::as_str));
            let made = of_a_line(name.trim_end_matches(')'), shown.len());
            assert_eq!(shown, made, "{}", text.at(block.number));
            count += 1;
        }
    }
    assert!(count >= 5, "{count} traces");
}

/// What a program is asked to do for a line: so many calls, and the wait behind them.
fn of_a_line(program: &str, count: usize) -> Vec<Call> {
    let is_ours = program == "nbcaser";
    let setup = if is_ours {
        Setup::reactor().flags(&["-q", "--announce-every", "0"])
    } else {
        Setup::example(program.to_owned().leak())
    };
    let trace = setup.dir().join("trace");
    // With -D the program is our child, and not the tracer's.
    let trace_it = format!("exec strace -D -qq -o '{}' \"$0\" \"$@\"", trace.display());
    let setup = setup.after(&trace_it);
    let server = if is_ours {
        setup.start()
    } else {
        setup.start_step(&[])
    };
    talk(&server, &trace);
    let trace = fs::read_to_string(&trace).expect("the trace");
    let lines: Vec<&str> = trace.lines().collect();
    let read = lines.iter().position(|line| line.contains("hello\\n"));
    let before = &lines[..read.expect("the line was read")];
    let wait = before
        .iter()
        .rposition(|line| line.starts_with("epoll_wait("));
    let mut calls = calls(lines[wait.expect("it waited")..].iter().copied());
    // Behind them it waits, and does not just look: what comes then is no further wait.
    let waits = calls[count..].iter().map(|call| call.0 == "epoll_wait");
    let waits: Vec<bool> = waits.take(2).collect();
    assert_eq!(waits, [true, false], "there are more: {calls:?}");
    calls.truncate(count);
    calls
}

/// A line, its reply, and the end, which ends the wait behind them. Before each the server has come to rest.
fn talk(server: &Server, trace: &Path) {
    let mut client = server.client();
    eventually("it waits for a line", || rests(server, trace));
    client.send("hello\n");
    client.expect(upper("hello"));
    eventually("it waits for more", || rests(server, trace));
    client.half_close();
    assert_eq!(client.rest(), b"");
    eventually("the end is in the trace", || {
        let trace = fs::read_to_string(trace).expect("the trace");
        let (_, behind) = trace.split_once("hello\\n").unwrap_or_default();
        behind.contains(", \"\", ") // a read that brought nothing
    });
}

/// Whether it is in a call that waits for events, and does not just look for them.
fn rests(server: &Server, trace: &Path) -> bool {
    let trace = fs::read_to_string(trace).expect("the trace");
    let last = trace.rsplit('\n').next().unwrap_or_default();
    // The number of the call and its arguments, of which the fourth is the timeout.
    let pid = server.pid().as_raw_nonzero();
    let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let timeout = call.split_whitespace().nth(4);
    last.starts_with("epoll_wait(") && timeout.is_some_and(|timeout| timeout != "0x0")
}
