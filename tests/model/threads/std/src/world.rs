//! Waiting, and the time.
//!
//! Who waits looks whether he may go on, and parks until somebody has [stirred](stir) something. When nobody can go on, one
//! task is left, the [clock](keep_time): it has everybody look once more, since the kernel does not tell who has closed a
//! socket, and then lets the time jump to the first deadline. Where there is none everybody waits for ever: a wake-up was
//! lost.

use std::cell::RefCell;
use std::panic::panic_any;
use std::time::Duration;

use shuttle::thread::{Thread, current, park};

/// What the clock read when the program began: no one may take zero for no time.
const START: Duration = Duration::from_secs(1000);
/// No deadline.
pub const NEVER: Duration = Duration::MAX;

struct World {
    now: Duration,
    waiting: Vec<(Thread, Duration)>,
    /// Somebody went on since the clock last looked.
    moved: bool,
    over: bool,
}

thread_local! {
    static WORLD: RefCell<World> = const { RefCell::new(World { now: START, waiting: Vec::new(), moved: true, over: false }) };
}

fn with<T>(what: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(what)
}

/// The time, from an origin of no meaning.
pub fn now() -> Duration {
    with(|world| world.now)
}

/// How long the program has run.
pub fn elapsed() -> Duration {
    now() - START
}

/// Lets shuttle choose who goes on.
pub fn switch() {
    if !std::thread::panicking() {
        shuttle::thread::sleep(Duration::ZERO);
    }
}

/// A number below `count`, of shuttle's choice.
pub fn choose(count: usize) -> usize {
    shuttle::rand::Rng::gen_range(&mut shuttle::rand::thread_rng(), 0..count)
}

/// Waits until `look` finds something, or for the deadline.
pub fn wait<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    switch();
    loop {
        if let Some(found) = look() {
            with(|world| world.moved = true);
            return Some(found);
        }
        if now() >= deadline {
            with(|world| world.moved = true);
            return None;
        }
        with(|world| world.waiting.push((current(), deadline)));
        park();
    }
}

/// Something has changed that somebody may wait for.
pub fn stir() {
    if std::thread::panicking() {
        return;
    }
    for (thread, _) in with(|world| std::mem::take(&mut world.waiting)) {
        thread.unpark();
    }
}

/// The deadline `patience` from now.
pub fn after(patience: Duration) -> Duration {
    now().saturating_add(patience)
}

/// The first task of a program. Shuttle's scheduler runs it only when it can run no other: see `calm`.
pub(crate) fn keep_time() {
    loop {
        shuttle::thread::yield_now();
        let first = with(|world| {
            if world.over {
                return None;
            }
            let moved = std::mem::take(&mut world.moved);
            let first = world.waiting.iter().map(|(_, deadline)| *deadline).min();
            let first = first.unwrap_or(NEVER);
            if !moved && first == NEVER {
                return Some(false);
            }
            if !moved {
                world.now = world.now.max(first);
            }
            Some(true)
        });
        match first {
            None => return,
            Some(true) => stir(),
            Some(false) => panic_any("everybody waits for ever"),
        }
    }
}

/// Runs a program once, in a shuttle execution.
pub fn run(program: impl FnOnce()) {
    with(|world| {
        *world = World {
            now: START,
            waiting: Vec::new(),
            moved: true,
            over: false,
        };
    });
    let clock = shuttle::thread::spawn(keep_time);
    program();
    with(|world| world.over = true);
    clock.join().expect("the clock keeps time");
}
