//! How it is decided who goes on.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::world;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, Runner};

/// Preemptions in a run of the second kind.
const PREEMPTIONS: usize = 3;

/// Runs a program so often.
pub(crate) fn draw(program: fn(), runs: usize, seed: u64) {
    let half = runs.div_ceil(2);
    let every_step = RandomScheduler::new_from_seed(seed, half);
    let few_steps = PctScheduler::new_from_seed(seed, PREEMPTIONS, half);
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    config.silence_warnings = true;
    config.failure_persistence = FailurePersistence::None; // the seed is enough
    let run = move || {
        RUNS.fetch_add(1, Relaxed);
        world::run(program);
    };
    Runner::new(ClockLast(every_step), config.clone()).run(run);
    Runner::new(ClockLast(few_steps), config).run(run);
}

/// Of this process: a count that shuttle knows nothing of.
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// How many runs there were, with the one that goes on.
pub(crate) fn runs() -> usize {
    RUNS.load(Relaxed)
}

/// A seed that is another each time.
pub(crate) fn fresh_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// The task of the world's clock: the second of all, behind the program's own.
fn is_clock(task: TaskId) -> bool {
    usize::from(task) == 1
}

/// Lets the clock go on only where nobody else can. Who is parked cannot: shuttle would wake it for no reason now and then.
struct ClockLast<S>(S);

impl<S: Scheduler> Scheduler for ClockLast<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.0.new_execution()
    }

    fn next_task(
        &mut self,
        ready: &[&Task],
        current: Option<TaskId>,
        yields: bool,
    ) -> Option<TaskId> {
        let (clock, mut others): (Vec<&Task>, Vec<&Task>) = ready
            .iter()
            .copied()
            .filter(|task| task.runnable())
            .partition(|task| is_clock(task.id()));
        if others.is_empty() {
            others = clock;
        }
        self.0.next_task(&others, current, yields)
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}
