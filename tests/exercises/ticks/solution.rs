use std::time::Duration;

use nbcaser::reactor::{Handle, Time, sleep_until};

#[path = "tests.rs"]
pub(crate) mod tests;

/// Ticks on a grid: one `period` after the begin, two, three.
pub(crate) struct Ticks {
    handle: Handle,
    period: Duration,
    number: u64,
    /// When that one was due.
    last: Time,
}

impl Ticks {
    pub(crate) fn new(handle: &Handle, period: Duration) -> Ticks {
        Ticks {
            handle: handle.clone(),
            period,
            number: 0,
            last: handle.now(),
        }
    }

    /// Waits for the next tick; tells its number on the grid. If several are due already it tells the last of them.
    pub(crate) async fn next(&mut self) -> u64 {
        sleep_until(&self.handle, self.last + self.period).await;
        while self.last + self.period <= self.handle.now() {
            self.last = self.last + self.period;
            self.number += 1;
        }
        self.number
    }
}
