//! What the benchmarks are measured with: time, or instructions, which repeat on a machine that others use as well.
//!
//! ```sh
//! cargo bench [--bench protocol|reactor] [-- [--instructions] [WORD]...]
//! ```
//!
//! does those whose name has one of the words in it. With `--instructions` each runs once under callgrind, which must be
//! installed (Debian: `valgrind`). `cargo test --benches` runs each once, and prints nothing.

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is to be done about each benchmark.
enum Mode {
    /// See that it runs.
    Try,
    /// Print how long it takes.
    Time,
    /// Print how many instructions it takes.
    Instructions,
    /// Be the process whose instructions are counted.
    Counted,
}

/// What the command line asks for.
pub(crate) struct Bench {
    mode: Mode,
    words: Vec<String>,
}

/// The one argument that people do not give: the exact name of the benchmark to be counted comes behind it.
const COUNTED: &str = "--counted";

impl Bench {
    pub(crate) fn from_args() -> Bench {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let has = |flag: &str| args.iter().any(|arg| arg == flag);
        let mode = match () {
            () if has(COUNTED) => Mode::Counted,
            () if has("--instructions") => Mode::Instructions,
            () if has("--bench") => Mode::Time, // says Cargo, when it is `cargo bench`
            () => Mode::Try,
        };
        let words = args.into_iter().filter(|arg| !arg.starts_with('-'));
        let words = words.collect();
        Bench { mode, words }
    }

    /// Whether this one is asked for, before much is prepared for it.
    pub(crate) fn wants(&self, name: &str) -> bool {
        match self.mode {
            Mode::Counted => self.words.iter().any(|word| word == name),
            _ => self.words.is_empty() || self.words.iter().any(|word| name.contains(word)),
        }
    }

    /// Measures `work`, which does so many of a `unit`: bytes, or tasks.
    pub(crate) fn run(&self, name: &str, units: usize, unit: &str, mut work: impl FnMut()) {
        if !self.wants(name) {
            return;
        }
        work(); // what the first time costs is no part of it
        let each = |total: f64| total / units as f64;
        match self.mode {
            Mode::Try => {}
            Mode::Counted => counted(&mut work),
            Mode::Time => {
                let each = each(fastest(&mut work));
                let rate = 1000.0 / each;
                println!("{name:<42}{each:>9.3} ns a {unit:<5}{rate:>9.0} million/s");
            }
            Mode::Instructions => {
                let each = each(instructions(name) as f64);
                println!("{name:<42}{each:>9.3} instructions a {unit}");
            }
        }
    }
}

/// What callgrind looks for: it counts only in here.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    black_box(work)();
}

/// How many instructions one call of a benchmark takes. It is run once in a process of its own.
fn instructions(name: &str) -> u64 {
    let this = std::env::current_exe().expect("the path of this program");
    let child = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args([
            "--collect-atstart=no",
            "--toggle-collect=*measure::counted*",
        ])
        .arg(this)
        .args([COUNTED, name])
        .stdout(Stdio::null())
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&child.stderr);
    let total = said.lines().find_map(|line| line.split_once("Collected :"));
    let total = total.and_then(|(_, total)| total.trim().parse().ok());
    total.unwrap_or_else(|| panic!("callgrind counted nothing for {name}:\n{said}"))
}

/// The least time that one call of `work` took, in nanoseconds: the mean of some milliseconds' worth of calls, the best
/// of nine times. All that disturbs makes it longer, so the least is nearest to the truth.
fn fastest(work: &mut dyn FnMut()) -> f64 {
    let mut measure = |calls: u32| {
        let start = Instant::now();
        (0..calls).for_each(|_| work());
        start.elapsed()
    };
    let mut calls = 1;
    while measure(calls) < Duration::from_millis(5) {
        calls *= 2;
    }
    let best = (0..9).map(|_| measure(calls)).min();
    let best = best.expect("nine are more than none");
    best.as_nanos() as f64 / f64::from(calls)
}
