use std::time::Duration;

use nbcaser::reactor::{Handle, sleep};

#[path = "tests.rs"]
pub(crate) mod tests;

/// Ticks on a grid: one `period` after the begin, two, three.
pub(crate) struct Ticks {
    handle: Handle,
    period: Duration,
    number: u64,
}

impl Ticks {
    pub(crate) fn new(handle: &Handle, period: Duration) -> Ticks {
        Ticks {
            handle: handle.clone(),
            period,
            number: 0,
        }
    }

    /// Waits for the next tick; tells its number on the grid. If several are due already it tells the last of them.
    pub(crate) async fn next(&mut self) -> u64 {
        // Here is something missing: the time that has passed between the ticks.
        sleep(&self.handle, self.period).await;
        self.number += 1;
        self.number
    }
}
