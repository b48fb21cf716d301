//! The server on threads, and the queue of the log, in a great many interleavings.
//!
//! Here stands the product's own code, compiled against another standard library and another rustix, those in the folders
//! beside: threads are coroutines, and at each step that another could notice [shuttle](https://docs.rs/shuttle) draws who goes
//! on; sockets are real; the time is virtual. Each program of `programs` runs as often as it is told, each time with other
//! lots: `threads-on-shuttle [RUNS [PROGRAM [SEED]]]`.

extern crate rustix_on_shuttle as rustix;
extern crate std_on_shuttle as std;

#[path = "../../../../src/protocol/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod protocol;
#[rustfmt::skip] // it would look for the queue's tests
#[path = "../../../../src/cli/queue.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod queue;
#[path = "../../../../src/reactor/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod reactor;
#[path = "../../../../src/server/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod server;

mod client;
mod lots;
mod programs;
mod site;

use std::env::{args, current_exe};
use std::process::{Command, ExitCode};
use std::time::Instant;

fn main() -> ExitCode {
    let mut args = args().skip(1);
    let runs = args.next().map_or(Ok(1000), |runs| runs.parse());
    let (Ok(runs), program, seed) = (runs, args.next(), args.next()) else {
        return ExitCode::from(2);
    };
    match program {
        Some(name) => run(&name, runs, seed.and_then(|seed| seed.parse().ok())),
        None => run_all(runs),
    }
}

/// Each in a process of its own: what a failed one leaves behind is in nobody's way.
fn run_all(runs: usize) -> ExitCode {
    let own = current_exe().expect("this program");
    let passes = |name: &str| {
        let status = Command::new(&own).args([&runs.to_string(), name]).status();
        status.is_ok_and(|status| status.success())
    };
    let failed = programs::ALL
        .iter()
        .filter(|(name, _)| !passes(name))
        .count();
    println!("{} programs, {failed} failed", programs::ALL.len());
    ExitCode::from(u8::from(failed > 0))
}

/// Half of the runs with every step drawn, half with few preemptions at places that are drawn.
fn run(name: &str, runs: usize, seed: Option<u64>) -> ExitCode {
    let Some(&(_, program)) = programs::ALL.iter().find(|(known, _)| *known == name) else {
        return ExitCode::from(2);
    };
    let seed = seed.unwrap_or_else(lots::fresh_seed);
    println!("{name}: seed {seed}");
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        eprintln!("run {}", lots::runs());
        tell(info);
    }));
    let started = Instant::now();
    lots::draw(program, runs, seed);
    let seconds = started.elapsed().as_secs_f32();
    println!("{name}: ok, {runs} runs, {seconds:.1} s");
    ExitCode::SUCCESS
}
