//! Futures and callbacks that wait for time.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use super::handle::Handle;
use super::join::JoinHandle;
use super::observe::What;
use super::slots::Id;
use super::task::Waiter;
use super::time::Time;

/// Waits until a point in time. Made by [`sleep`] and [`sleep_until`].
///
/// Borrows nothing. Never ready early, and late by the rest of a turn at most. Dropping it cancels the timer.
pub struct Sleep {
    handle: Handle,
    deadline: Time,
    /// Its timer, once it has been polled.
    timer: Id,
}

/// Waits for a while, from now on. Far too long a while is for ever.
pub fn sleep(handle: &Handle, rest: Duration) -> Sleep {
    sleep_until(handle, handle.now() + rest)
}

/// Waits until then.
pub fn sleep_until(handle: &Handle, deadline: Time) -> Sleep {
    Sleep {
        handle: handle.clone(),
        deadline,
        timer: Id::NONE,
    }
}

impl Sleep {
    /// When it is ready.
    pub fn deadline(&self) -> Time {
        self.deadline
    }

    /// Moves it. To push it back costs one store: the timer heap is not touched.
    pub fn reset(&mut self, deadline: Time) {
        self.deadline = deadline;
        self.handle
            .0
            .timers
            .borrow_mut()
            .reset(self.timer, deadline);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let core = &self.handle.0;
        if core.now.get() >= self.deadline {
            return Poll::Ready(());
        }
        let waiter = core.tasks.waiter(cx);
        let (timer, old) = {
            let mut timers = core.timers.borrow_mut();
            if let Some(known) = timers.waiter(self.timer) {
                (self.timer, std::mem::replace(known, waiter))
            } else {
                core.tell(|| What::Armed(self.deadline));
                (timers.arm(self.deadline, waiter), Waiter::NOBODY)
            }
        };
        drop(old);
        self.timer = timer;
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waiter = self.handle.0.timers.borrow_mut().cancel(self.timer);
        drop(waiter); // foreign code: with no borrow held
    }
}

/// What an interval does about ticks that were missed: because a turn took long, or the process was stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Missed {
    /// Leaves them out, counts them, and stays on the grid.
    #[default]
    Skip,
    /// Makes up for all of them at once.
    Burst,
    /// Counts on from now: the grid moves.
    Delay,
}

/// Ticks on a fixed grid: the next is due one period after the last was *due*, however late that one was served.
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    policy: Missed,
}

/// Ticks at `first`, and then every `period`.
///
/// # Panics
/// With a period of zero, which would tick for ever.
pub fn interval(handle: &Handle, first: Time, period: Duration, policy: Missed) -> Interval {
    assert!(!period.is_zero(), "an interval needs a period");
    Interval {
        sleep: sleep_until(handle, first),
        period,
        policy,
    }
}

impl Interval {
    /// Waits for the next tick; tells how many were left out before it. Dropping the future loses no tick.
    pub fn tick(&mut self) -> Tick<'_> {
        Tick(self)
    }

    /// When the next tick is due.
    pub fn next(&self) -> Time {
        self.sleep.deadline
    }
}

/// See [`Interval::tick`]. Borrows the interval; wakes when the tick is due; dropping it loses nothing.
pub struct Tick<'a>(&'a mut Interval);

impl Future for Tick<'_> {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        let Interval {
            sleep,
            period,
            policy,
        } = &mut *self.0;
        std::task::ready!(Pin::new(&mut *sleep).poll(cx));
        let (next, missed) = after(sleep.deadline, *period, sleep.handle.0.now.get(), *policy);
        sleep.reset(next);
        Poll::Ready(missed)
    }
}

/// The tick after the one that was due at `due` and is served at `now`, and how many are left out before it.
fn after(due: Time, period: Duration, now: Time, policy: Missed) -> (Time, u64) {
    match policy {
        Missed::Burst => (due + period, 0),
        Missed::Delay => (now + period, 0),
        Missed::Skip => {
            let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
            let missed = now.as_nanos().saturating_sub(due.as_nanos()) / period;
            let grid = due
                .as_nanos()
                .saturating_add(period.saturating_mul(missed.saturating_add(1)));
            (Time::from_nanos(grid), missed)
        }
    }
}

/// Gives `future` until a while from now; `None` if that was not enough. The future is dropped then.
///
/// The future is asked first: what is ready in the same turn as the deadline is not lost.
pub async fn timeout<F: Future>(handle: &Handle, rest: Duration, future: F) -> Option<F::Output> {
    timeout_at(sleep(handle, rest), future).await
}

/// The same with a sleep of the caller's.
pub async fn timeout_at<F: Future>(sleep: Sleep, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut sleep = pin!(sleep);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// A callback to come. Dropping this lets it come; [`cancel`](Callback::cancel) does not.
pub struct Callback(JoinHandle<()>);

impl Callback {
    /// Nobody is called any more.
    pub fn cancel(self) {
        self.0.cancel();
    }
}

/// The keynote's first half: business logic as callbacks. Each is a small task, which sleeps and then calls.
impl Handle {
    /// Calls `callback` after a while. A panic in it harms nobody.
    pub fn call_later(&self, rest: Duration, callback: impl FnOnce() + 'static) -> Callback {
        self.call_at(self.now() + rest, callback)
    }

    /// Calls `callback` then.
    pub fn call_at(&self, deadline: Time, callback: impl FnOnce() + 'static) -> Callback {
        let sleep = sleep_until(self, deadline);
        Callback(self.spawn(async move {
            sleep.await;
            callback();
        }))
    }

    /// Calls `callback` after `first` and then on a grid of `period`; tells it how many calls were left out since it
    /// was due. After a panic in it the next call comes all the same.
    ///
    /// # Panics
    /// With a period of zero.
    pub fn call_periodic(
        &self,
        first: Duration,
        period: Duration,
        mut callback: impl FnMut(u64) + 'static,
    ) -> Callback {
        let mut ticks = interval(self, self.now() + first, period, Missed::Skip);
        Callback(self.spawn(async move {
            loop {
                let missed = ticks.tick().await;
                let _ = catch_unwind(AssertUnwindSafe(|| callback(missed)));
            }
        }))
    }
}
