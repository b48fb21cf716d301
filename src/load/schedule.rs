//! The schedule of an open loop: when each line is to be sent, whatever becomes of those before it.

use crate::reactor::Time;

/// The times of all lines. Line 0 is due at the start, and the others at equal distances behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Schedule {
    start: Time,
    /// Nanoseconds from each line to the next.
    period: f64,
    /// The first number that counts.
    first: u64,
    /// The first number that is not sent any more.
    limit: u64,
    /// The first time at which nothing is sent any more.
    end: Time,
}

impl Schedule {
    /// So many lines a second from `start` on, without an end.
    pub(super) fn new(rate: f64, start: Time) -> Schedule {
        Schedule {
            start,
            period: 1e9 / rate,
            first: 0,
            limit: u64::MAX,
            end: Time::NEVER,
        }
    }

    /// The same lines, of which those count that are due from `from` on; `most` of these, or all that are due before `end`,
    /// are sent.
    pub(super) fn counted(self, from: Time, end: Time, most: Option<u64>) -> Schedule {
        let first = self.first_at(from);
        Schedule {
            first,
            limit: most.map_or(u64::MAX, |most| first.saturating_add(most)),
            end,
            ..self
        }
    }

    /// How many lines that count are due before this time.
    pub(super) fn due_before(&self, time: Time) -> u64 {
        let next = self.first_at(time.min(self.end)).min(self.limit);
        next.saturating_sub(self.first)
    }

    /// The first line that is due at this time or later.
    fn first_at(&self, time: Time) -> u64 {
        // A quotient is rounded, and so is the time of a line: it is this number or one beside it.
        let about = (time.since(self.start).as_nanos() as f64 / self.period) as u64;
        let mut number = about.saturating_sub(1);
        while self.time(number) < time {
            number += 1;
        }
        number
    }

    /// When this line would be sent.
    fn time(&self, number: u64) -> Time {
        let time = (number as f64 * self.period) as u64;
        Time::from_nanos(self.start.as_nanos().saturating_add(time))
    }

    /// When this line is to be sent; [`Time::NEVER`]: it is not.
    fn due(&self, number: u64) -> Time {
        let time = self.time(number);
        let is_sent = number < self.limit && time < self.end;
        if is_sent { time } else { Time::NEVER }
    }
}

/// The part of one connection: every `step`-th line.
///
/// The lines that are due and those that are sent and answered are each a run of numbers, one behind the other: so this
/// queue of intended times takes no memory, however far the replies fall behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seat {
    schedule: Schedule,
    step: u64,
    /// The first line that is not due yet, the first that is not sent yet, the first without a reply.
    due: u64,
    sent: u64,
    answered: u64,
}

impl Seat {
    /// The `rank`-th of `step` seats.
    pub(super) fn new(schedule: Schedule, rank: u64, step: u64) -> Seat {
        Seat {
            schedule,
            step,
            due: rank,
            sent: rank,
            answered: rank,
        }
    }

    /// The schedule is this one from now on: its times are the same, but not what counts, nor the end.
    pub(super) fn follow(&mut self, schedule: Schedule) {
        self.schedule = schedule;
    }

    /// Time has passed; tells how many more lines are due.
    pub(super) fn advance(&mut self, now: Time) -> u64 {
        let before = self.due;
        while self.next() <= now {
            self.due += self.step;
        }
        (self.due - before) / self.step
    }

    /// No further line is due.
    pub(super) fn close(&mut self) {
        self.schedule.end = Time::ZERO;
    }

    /// When the next line is due; [`Time::NEVER`]: none will be.
    pub(super) fn next(&self) -> Time {
        self.schedule.due(self.due)
    }

    /// Whether all lines that were asked for are due. That the time is over is another thing.
    pub(super) fn is_spent(&self) -> bool {
        self.due >= self.schedule.limit
    }

    /// How many lines are due and not sent.
    pub(super) fn waiting(&self) -> usize {
        ((self.due - self.sent) / self.step) as usize
    }

    /// How many lines are due and have no reply.
    pub(super) fn in_flight(&self) -> u64 {
        (self.due - self.answered) / self.step
    }

    /// So many of those that were due were sent; tells how many of them count.
    pub(super) fn send(&mut self, count: usize) -> u64 {
        let (count, before) = (count as u64, self.sent);
        self.sent += count * self.step;
        let early = self.schedule.first.saturating_sub(before);
        count.saturating_sub(early.div_ceil(self.step))
    }

    /// The next reply came; tells when its line was to be sent.
    pub(super) fn answer(&mut self) -> Time {
        let time = self.schedule.time(self.answered);
        self.answered += self.step;
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn all_seats_together_send_the_whole_rate_evenly() {
        let schedule = Schedule::new(1000.0, at(500)).counted(at(500), at(1500), None);
        let mut times = Vec::new();
        for rank in 0..7 {
            let mut seat = Seat::new(schedule, rank, 7);
            assert_eq!(seat.advance(at(499)), 0, "not before the start");
            let due = seat.advance(Time::NEVER.min(at(9999)));
            assert_eq!(seat.next(), Time::NEVER);
            seat.send(due as usize);
            times.extend((0..due).map(|_| seat.answer()));
            assert_eq!((seat.waiting(), seat.in_flight()), (0, 0));
        }
        times.sort();
        let want: Vec<Time> = (0..1000).map(|n| at(500 + n)).collect();
        assert_eq!(times, want);
    }

    #[test]
    fn a_number_of_lines_is_counted_behind_the_warm_up() {
        let schedule = Schedule::new(100.0, at(0)).counted(at(995), Time::NEVER, Some(10));
        let mut seat = Seat::new(schedule, 0, 1);
        assert!(seat.advance(at(1000)) == 101 && !seat.is_spent());
        assert!(seat.advance(at(100_000)) == 9 && seat.is_spent());
    }

    #[test]
    fn so_many_lines_count_at_any_rate_whoever_sends_them() {
        for rate in [3.0, 370.0, 1270.0, 50_000.0, 1e6 / 3.0] {
            for (warmup, step) in [(0, 1), (100, 1), (100, 3), (200, 8), (333, 7)] {
                let warm_up = Schedule::new(rate, at(0));
                let load = warm_up.counted(at(warmup), Time::NEVER, Some(10));
                let (mut counted, mut answered) = (0, 0);
                for rank in 0..step {
                    let mut seat = Seat::new(warm_up, rank, step);
                    // The last lines of the warm-up leave late, together with those that count.
                    let due = seat.advance(at(warmup));
                    seat.send(due as usize / 2);
                    seat.follow(load);
                    seat.advance(at(9999));
                    counted += seat.send(seat.waiting());
                    let times = (0..seat.in_flight()).map(|_| seat.answer());
                    answered += times.filter(|time| *time >= at(warmup)).count();
                }
                assert_eq!((counted, answered), (10, 10), "{rate} {warmup} {step}");
            }
        }
    }

    #[test]
    fn what_was_due_is_known_without_the_seats() {
        let schedule = Schedule::new(100.0, at(0)).counted(at(100), at(1000), Some(50));
        let due = [0, 100, 101, 110, 111, 590, 600, 9999].map(|time| schedule.due_before(at(time)));
        assert_eq!(due, [0, 0, 1, 1, 2, 49, 50, 50]);
        let schedule = Schedule::new(100.0, at(0)).counted(at(100), at(1000), None);
        assert_eq!(schedule.due_before(at(9999)), 90);
    }

    #[test]
    fn what_is_due_and_not_answered_is_in_flight() {
        let schedule = Schedule::new(1000.0, at(0));
        let mut seat = Seat::new(schedule, 1, 2);
        assert_eq!(seat.advance(at(9)), 5);
        seat.send(3);
        assert_eq!((seat.waiting(), seat.in_flight()), (2, 5));
        assert_eq!(seat.answer(), at(1));
        assert_eq!(seat.answer(), at(3));
        assert_eq!((seat.waiting(), seat.in_flight()), (2, 3));
        assert_eq!(seat.next(), at(11));
    }

    #[test]
    fn a_rate_that_is_no_whole_number_does_not_drift() {
        let schedule = Schedule::new(3.0, at(0));
        assert_eq!(schedule.time(3 * 3600), at(3_600_000));
    }
}
