//! The pictures of the tutorial in which one line travels are what happens: they are drawn from a record of the server
//! as it runs, with an observer, on the simulated driver. So there is no time in them but the order, and the same
//! server gives the same picture.
//!
//! | file | what it is |
//! |---|---|
//! | `record` | the server, a client, and who tells what to whom meanwhile |
//! | `draw` | a record as a picture |
//!
//! `NBCASER_DRAW=1 cargo test --test sequence` draws them anew.

mod draw;
mod record;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{env, fs};

use draw::{Picture, width_and_room};
use record::{Act, Party, Step, record};

/// The pictures, and which acts are in each.
const PICTURES: [(&str, &str, Range<usize>); 2] = [
    ("one-line-travels.svg", "One line travels", 0..2),
    ("a-waker-is-called.svg", "A waker is called", 3..4),
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/tutorial")
        .join(name)
}

#[test]
fn the_pictures_in_the_docs_show_what_happens() {
    let acts = record();
    for (name, title, shown) in PICTURES {
        let acts = &acts[shown];
        let fresh = Picture { title, acts }.to_string();
        if env::var_os("NBCASER_DRAW").is_some() {
            fs::write(path(name), fresh).expect("it can be written");
        } else {
            let committed = fs::read_to_string(path(name)).unwrap_or_default();
            let is_same = fresh == committed; // in words: nobody wants to see where two pictures differ as text
            assert!(
                is_same,
                "{name} is another: NBCASER_DRAW=1 cargo test --test sequence draws it anew"
            );
        }
    }
}

/// How often one party tells the other something that begins so.
fn count(act: &Act, from: Party, to: Party, what: &str) -> usize {
    let is_it = |step: &&Step| (step.from, step.to) == (from, to) && step.text.starts_with(what);
    act.steps.iter().filter(is_it).count()
}

#[test]
fn a_line_takes_a_wait_a_read_and_a_write_and_no_waker_is_called() {
    use Party::{Executor, Kernel, Reactor, Task};
    let line = &record()[1];
    let calls: Vec<&str> = line
        .steps
        .iter()
        .filter(|step| (step.from, step.to) == (Reactor, Kernel))
        .map(|step| step.text.as_str())
        .collect();
    assert_eq!(calls, ["read: 6 bytes", "write: 22 bytes", "waits"]);
    assert_eq!(count(line, Reactor, Executor, "wakes session"), 1);
    assert_eq!(count(line, Executor, Task, "polls session"), 1);
    assert_eq!(count(line, Task, Executor, ""), 0);
}

#[test]
fn whom_another_task_wakes_is_woken_by_his_waker() {
    use Party::{Executor, Reactor, Task};
    let end = &record()[3];
    assert_eq!(count(end, Reactor, Executor, "wakes main"), 1);
    assert_eq!(count(end, Task, Executor, "calls the waker of accept"), 1);
    assert_eq!(count(end, Executor, Executor, "finds accept woken"), 1);
}

#[test]
fn every_word_has_its_place() {
    for (_, title, shown) in PICTURES {
        let acts = &record()[shown];
        let svg = Picture { title, acts }.to_string();
        roxmltree::Document::parse(&svg).expect("it is XML");
        for step in acts.iter().flat_map(|act| &act.steps) {
            let (width, room) = width_and_room(step);
            assert!(width <= room, "{}: {width} > {room}", step.text);
        }
    }
}
