//! A point in time, as the reactor sees it.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// A point on the reactor's one monotonic clock, in nanoseconds since an instant that the driver chose
/// (the real driver: the machine's start; the simulated one: its own).
///
/// It is not `std::time::Instant`, since a simulated driver must be able to make any it likes, and since adding to
/// it must never panic: `now + Duration::MAX` is [`Time::NEVER`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Time(u64);

impl Time {
    /// Before everything else; as a deadline, "do not wait".
    pub const ZERO: Time = Time(0);
    /// After everything else (584 years); as a deadline, "no deadline".
    pub const NEVER: Time = Time(u64::MAX);

    /// The point `nanos` nanoseconds after the clock's zero.
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    /// Saturates at [`Time::NEVER`].
    fn add(self, rest: Duration) -> Time {
        Time(
            self.0
                .saturating_add(u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_far_future_is_never_and_no_panic() {
        assert_eq!(Time::from_nanos(5) + Duration::MAX, Time::NEVER);
        assert_eq!(Time::NEVER + Duration::from_secs(1), Time::NEVER);
        assert_eq!(Time::ZERO.since(Time::NEVER), Duration::ZERO);
        assert_eq!(
            (Time::ZERO + Duration::from_secs(2)).since(Time::from_nanos(500_000_000)),
            Duration::from_millis(1500)
        );
    }
}
