//! What the end-to-end tests share: the real program, started, talked to and ended.
//!
//! * [`MODELS`] and [`each_model`]: every test runs against every way that the server can wait;
//! * [`Setup`] and [`Server`]: a process, from its flags to its exit status;
//! * [`Client`]: a connection, no operation of which waits for ever;
//! * [`inject`]: system calls that fail;
//! * [`load`]: `nbcaser load` as the clients;
//! * [`vectors`]: the recorded connections, for whatever speaks the protocol;
//! * [`eventually`]: waits for what can be observed.
//!
//! No test sleeps in the hope that something has happened by then. Where one sleeps all the same, it says why.
#![allow(dead_code)] // each test program uses its part
#![allow(unreachable_pub)] // a module of tests has no outside

mod client;
pub mod inject;
pub mod load;
mod server;
pub mod vectors;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, process, thread};

use rustix::process::{Pid, Signal, getpid};

#[allow(unused_imports)] // as above
pub use client::{Client, show, upper};
#[allow(unused_imports)]
pub use server::{Server, Setup, Summary};

/// How long a test waits for what must happen, on a machine that is busy with all the other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What is tested: this build, or the program that `NBCASER_PROGRAM` names.
pub fn program() -> PathBuf {
    let program = std::env::var_os("NBCASER_PROGRAM");
    let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_nbcaser").into());
    fs::canonicalize(&program).unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// The first thing that a client reads.
pub const GREETING: &[u8] = b"<welcome: starting in upper case mode>\n";
pub const FULL: &[u8] = b"<server full: try again later>\r\n";
pub const IDLE: &[u8] = b"<idle timeout>\r\n";
pub const OUT_OF_MEMORY: &[u8] = b"<server out of memory: try again later>\r\n";
pub const QUIT: &[u8] = b"quit\r\n";

/// One way to wait for many clients.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    pub name: &'static str,
    /// The flags that choose it.
    pub flags: &'static [&'static str],
}

/// All of them: whatever a test says holds for each.
pub const MODELS: [Model; 2] = [REACTOR, THREADS];

/// For what is about the reactor alone.
pub const REACTOR: Model = Model {
    name: "reactor",
    flags: &[],
};

/// For what is about the threads alone.
pub const THREADS: Model = Model {
    name: "threads",
    flags: &["--model", "threads"],
};

/// Runs `test` against each model in turn.
pub fn each_model(test: impl Fn(Setup)) {
    for model in MODELS {
        println!("model: {}", model.name); // shown if the test fails
        test(Setup::new(model));
    }
}

/// Waits until `condition` holds, but not for ever.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5)); // between two looks
    }
}

/// How long the long form of a test shall last, if it was asked for: `NBCASER_SOAK=600`, in seconds.
pub fn soak() -> Option<Duration> {
    let seconds = std::env::var("NBCASER_SOAK").ok()?;
    let seconds = seconds
        .parse()
        .expect("NBCASER_SOAK is a number of seconds");
    Some(Duration::from_secs(seconds))
}

/// The signals that end the program. One that was started with SIGHUP ignored, as by `nohup`, leaves it so, and so it is
/// with one that is started by these tests when they are.
pub fn ending() -> Vec<Signal> {
    let mut ending = vec![Signal::INT, Signal::TERM, Signal::HUP];
    if is_in("SigIgn:", getpid(), Signal::HUP) {
        println!("skipped: SIGHUP is ignored here");
        ending.pop();
    }
    ending
}

/// Whether the signal is in that mask of the process.
pub fn is_in(mask: &str, pid: Pid, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let mask = status.lines().find_map(|line| line.strip_prefix(mask));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.expect("a mask") >> (signal.as_raw() - 1) & 1 == 1
}

/// Lets this process have `descriptors`, if the system does. Says on the console that it does not.
pub fn can_open(descriptors: u64) -> bool {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    if limit < descriptors {
        println!("skipped: {descriptors} descriptors are needed, the limit is {limit}");
    }
    limit >= descriptors
}

/// A folder that is gone with this value.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> TempDir {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("nbcaser-test-{}-{number}", process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path); // of a process that had our number and was killed
        fs::create_dir_all(&path).expect("a folder for the test");
        TempDir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
