//! The server as it is, in a world without a kernel, with hundreds of clients of all kinds and whatever can go wrong;
//! the same seed is the same run.
//!
//! ```text
//! cargo test --test simulation                                      some hundred seeds
//! NBCASER_SIM_SEEDS=100000 ...                                      as many; or 300s, as long; or 100000,300s
//! NBCASER_SIM_FIRST=1000000 ...                                     from another seed on than 1
//! NBCASER_SIM_SEED=17 cargo test --test simulation -- --nocapture   one of them, step by step
//! cargo test --no-default-features --profile simulation ...          faster by far, with all checks on
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `plan`, with `dice` and `text` | what a seed stands for: settings, faults, a script for each client |
//! | `oracle` | what the protocol says, from its specification |
//! | `client` | what one client did and got, and whether that is right |
//! | `ledger` | what goes on in all |
//! | `rules` | what the server may do meanwhile: the invariants of each step |
//! | `verdict` | those of the end |
//! | `run`, `counts` | one run of the server, and how much was done |

#[path = "../book/mod.rs"]
mod book;
mod client;
mod counts;
mod dice;
mod ledger;
mod oracle;
mod plan;
mod rules;
mod run;
mod text;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime};

use counts::Counts;
use ledger::Violation;
use run::{Run, run};

/// What `cargo test` runs.
const SEEDS: u64 = 200;
/// A run takes milliseconds; one that takes so long has come into a loop without an end.
const HANGS: Duration = Duration::from_secs(60);
/// How much of the trace is told of a failure.
const TAIL: usize = 40;

/// How long to go on: until one of these is reached.
#[derive(Clone, Copy)]
struct Measure {
    seeds: u64,
    time: Duration,
}

/// `200`, `300s`, or both: `100000,300s`.
fn measure(text: &str) -> Measure {
    let mut measure = Measure {
        seeds: u64::MAX,
        time: Duration::MAX,
    };
    for part in text.split(',') {
        let number = |digits: &str| {
            digits
                .parse()
                .expect("a number of seeds, or of seconds: 300s")
        };
        match part.strip_suffix('s') {
            Some(seconds) => measure.time = Duration::from_secs(number(seconds)),
            None => measure.seeds = number(part),
        }
    }
    measure
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Tells of a seed that failed: what, the steps before it that concern the same client, and how to see them all.
fn tell(seed: u64, violation: &Violation) -> String {
    let again = run(seed, true);
    let whom = violation.client;
    let concerned = again
        .steps
        .iter()
        .filter(|(client, _)| whom.is_none() || *client == whom);
    let steps: Vec<&str> = concerned.map(|(_, step)| step.as_str()).collect();
    let tail = steps[steps.len().saturating_sub(TAIL)..].join("\n");
    let whom = whom.map_or(String::new(), |client| format!(", client {client}"));
    format!(
        "seed {seed} violates \"{}\"{whom}: {}\n{tail}\nto see it all: NBCASER_SIM_SEED={seed} cargo test --test simulation \
         -- --nocapture",
        violation.invariant, violation.detail
    )
}

#[test]
fn nothing_knocks_it_over_whatever_the_seed() {
    if let Some(seed) = variable("NBCASER_SIM_SEED") {
        return replay(seed.parse().expect("a seed is a number"));
    }
    let measure = measure(&variable("NBCASER_SIM_SEEDS").unwrap_or_else(|| SEEDS.to_string()));
    let first: u64 =
        variable("NBCASER_SIM_FIRST").map_or(1, |first| first.parse().expect("a number"));
    let start = SystemTime::now();
    let elapsed = || start.elapsed().unwrap_or_default();
    let next = AtomicU64::new(first);
    let failed = AtomicBool::new(false);
    let (news, told) = mpsc::channel();
    let work = |news: Sender<News>| {
        while !failed.load(Ordering::Relaxed) && elapsed() < measure.time {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed - first >= measure.seeds {
                break;
            }
            let _ = news.send((seed, None));
            let _ = news.send((seed, Some(run(seed, false))));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let sum = std::thread::scope(|scope| {
        for _ in 0..threads {
            let news = news.clone();
            scope.spawn(|| work(news));
        }
        drop(news);
        gather(&told, &failed)
    });
    let counts = sum.counts.per_second(elapsed());
    println!("{} seeds from {first}: {counts}", sum.seeds);
    if let Some((seed, violation)) = sum.violations.first_key_value() {
        panic!("{}", tell(*seed, violation));
    }
}

/// A seed is begun, or its run is over.
type News = (u64, Option<Run>);

#[derive(Default)]
struct Sum {
    seeds: u64,
    counts: Counts,
    /// Some may fail at the same time.
    violations: BTreeMap<u64, Violation>,
}

/// Adds up what the threads tell. A run that does not come to its end cannot be ended, only told of.
fn gather(told: &Receiver<News>, failed: &AtomicBool) -> Sum {
    let mut sum = Sum::default();
    let mut running = BTreeSet::new();
    loop {
        match told.recv_timeout(HANGS) {
            Ok((seed, None)) => {
                running.insert(seed);
            }
            Ok((seed, Some(run))) => {
                running.remove(&seed);
                sum.seeds += 1;
                sum.counts = sum.counts.plus(run.counts);
                if let Some(violation) = run.violation {
                    failed.store(true, Ordering::Relaxed);
                    sum.violations.insert(seed, violation);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return sum,
            Err(RecvTimeoutError::Timeout) => {
                for seed in running {
                    // Not by a macro: what those print is kept for an end that does not come.
                    let what =
                        format!("seed {seed} violates \"it ends\": no end after {HANGS:?}\n");
                    let _ = std::io::stderr().write_all(what.as_bytes());
                }
                std::process::exit(1);
            }
        }
    }
}

fn replay(seed: u64) {
    let Run {
        violation, steps, ..
    } = run(seed, true);
    for (_, step) in steps {
        println!("{step}");
    }
    if let Some(violation) = violation {
        panic!(
            "seed {seed} violates \"{}\": {}",
            violation.invariant, violation.detail
        );
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let traces = || {
        (1..=10)
            .map(|seed| run(seed, false).trace)
            .collect::<Vec<_>>()
    };
    let first = traces();
    assert_eq!(first, traces());
    let mut distinct = first.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), first.len());
}
