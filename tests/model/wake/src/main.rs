//! The wake path of the reactor, in every interleaving.
//!
//! Here stands the product's own reactor, all of it, compiled with [loom](https://docs.rs/loom)'s mutexes and atomics in
//! place of the standard library's: `std` is another crate here, see `lib.rs`. Loom runs each program of `programs` again
//! and again, until it has seen every order in which its threads may come to them, and every value that a weak memory may
//! show them. A wake-up that is lost leaves the reactor asleep for ever, and loom calls that a deadlock.

extern crate std_on_loom as std;

#[path = "../../../../src/reactor/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod reactor;

mod bell;
mod programs;

use std::env::{args, current_exe};
use std::process::{Command, ExitCode};
use std::time::Instant;

fn main() -> ExitCode {
    match args().nth(1) {
        Some(name) => run(&name),
        None => run_all(),
    }
}

/// Each in a process of its own: one that fails ends by an abort, since loom refuses to go on in destructors.
fn run_all() -> ExitCode {
    let own = current_exe().expect("this program");
    let fails = |name: &str| {
        !Command::new(&own)
            .arg(name)
            .status()
            .is_ok_and(|s| s.success())
    };
    let failed = programs::ALL
        .iter()
        .filter(|program| fails(program.0))
        .count();
    println!("{} programs, {failed} failed", programs::ALL.len());
    ExitCode::from(u8::from(failed > 0))
}

fn run(name: &str) -> ExitCode {
    let Some(&(_, preemptions, program)) = programs::ALL.iter().find(|known| known.0 == name)
    else {
        return ExitCode::from(2);
    };
    let started = Instant::now();
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        eprintln!("interleaving {}", programs::runs());
        tell(info);
    }));
    let mut model = loom::model::Builder::new();
    model.max_branches = 10_000;
    model.preemption_bound = preemptions;
    model.check(move || {
        programs::count();
        program();
    });
    let seconds = started.elapsed().as_secs_f32();
    println!(
        "{name}: ok, {} interleavings, {seconds:.1} s",
        programs::runs()
    );
    ExitCode::SUCCESS
}
