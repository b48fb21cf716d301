//! A connection that sends lines as long as the run lasts: the hot path of the load tester.
//!
//! Each time that replies come, they are compared in place, their times are recorded, and as many new lines leave in one
//! write. Nothing is allocated for that, and the clock is read once.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::connection::{Connection, Failure, nanos};
use super::dialogue::Dialogue;
use super::run::Run;
use super::schedule::Seat;
use super::trouble::Trouble;
use crate::reactor::sync::Permit;
use crate::reactor::{Sleep, Time, sleep_until};

/// Connects, and sends lines from when the load begins until it ends. `permit` is held until the server has greeted.
pub(super) async fn client(run: Rc<Run>, number: usize, permit: Permit) {
    let opened = Connection::open(&run).await;
    drop(permit);
    let ended = match opened {
        Ok(connection) => Client::new(connection, number).run().await,
        Err(failure) => Err(failure),
    };
    run.leave(ended);
}

/// Lines that were sent at the same time and are not answered yet.
struct Flight {
    sent: Time,
    count: usize,
}

struct Client {
    connection: Connection,
    dialogue: Dialogue,
    flights: VecDeque<Flight>,
    /// In an open loop, from when the load begins.
    seat: Option<Seat>,
    /// Goes off at the latest when a reply is overdue. It is moved only when it went off or is too late, not for each
    /// reply.
    alarm: Sleep,
}

impl Client {
    fn new(connection: Connection, number: usize) -> Client {
        let run = &connection.run;
        Client {
            dialogue: Dialogue::new(&run.script, number),
            flights: VecDeque::new(),
            seat: None,
            alarm: sleep_until(&run.handle, Time::ZERO),
            connection,
        }
    }

    async fn run(mut self) -> Result<(), Failure> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let mut heard_at = None;
        loop {
            match self.connection.stream.poll_fill(cx, usize::MAX) {
                Poll::Ready(Ok(true)) => {
                    let now = self.connection.run.handle.now();
                    self.hear(now);
                    heard_at = Some(now);
                }
                Poll::Ready(Ok(false)) => return Poll::Ready(Err(Trouble::ClosedEarly.into())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => break,
            }
        }
        let now = heard_at.unwrap_or_else(|| self.connection.run.handle.now());
        self.ask(now, cx);
        if self.dialogue.owed() == 0 && self.is_done() {
            return Poll::Ready(Ok(()));
        }
        self.rest(now, cx)
    }

    /// Takes the replies that came.
    fn hear(&mut self, now: Time) {
        let run = &*self.connection.run;
        let input = self.connection.stream.input();
        let mut heard = self.dialogue.hear(input);
        let mut tally = run.tally.borrow_mut();
        tally.answered += heard as u64;
        run.settle(heard);
        tally.bytes_received += input.len() as u64;
        let bytes = input.len();
        self.connection.stream.consume(bytes);
        let from = run.counts_from.get();
        while heard > 0 {
            let Some(flight) = self.flights.front_mut() else {
                break;
            };
            let count = flight.count.min(heard);
            let latency = nanos(flight.sent, now);
            if let Some(seat) = &mut self.seat {
                for _ in 0..count {
                    let intended = seat.answer();
                    let counts = intended >= from;
                    if counts {
                        tally.intended.saturating_record(nanos(intended, now));
                        tally.sent.saturating_record(latency);
                    }
                    tally.replies += u64::from(run.counts_reply(counts));
                }
                run.in_flight.set(run.in_flight.get() - count as u64);
            } else {
                let counts = flight.sent >= from;
                if counts {
                    tally.intended.saturating_record_n(latency, count as u64);
                }
                if run.counts_reply(counts) {
                    tally.replies += count as u64;
                }
            }
            heard -= count;
            flight.count -= count;
            if flight.count == 0 {
                self.flights.pop_front();
            }
        }
        drop(tally);
        self.tell_mismatches();
    }

    fn tell_mismatches(&mut self) {
        for mismatch in self.dialogue.take_mismatches() {
            self.connection.run.tally.borrow_mut().mismatch(mismatch);
        }
    }

    /// Sends as many lines as are to be sent now, and as the socket takes: what it does not take waits here, as numbers.
    fn ask(&mut self, now: Time, cx: &mut Context<'_>) {
        let mut wanted = self.wanted(now);
        while wanted > 0
            && Pin::new(&mut self.connection.stream.flush())
                .poll(cx)
                .is_ready()
        {
            let (bytes, count) = self.connection.writer.write_with(|out| {
                let before = out.len();
                let count = self.dialogue.ask(wanted, out);
                (out.len() - before, count)
            });
            self.flights.push_back(Flight { sent: now, count });
            self.connection.run.take_lines(count);
            let counted = match &mut self.seat {
                Some(seat) => seat.send(count),
                None => count as u64,
            };
            self.connection.run.sent(counted, bytes);
            self.connection.run.owe(count);
            wanted -= count;
        }
    }

    fn wanted(&mut self, now: Time) -> usize {
        let run = &*self.connection.run;
        if run.plan.rate.is_none() {
            return run.may_send(run.plan.pipeline - self.dialogue.owed());
        }
        if self.seat.is_none() {
            self.seat = run.take_seat();
        }
        let (Some(seat), Some(schedule)) = (&mut self.seat, run.schedule.get()) else {
            return 0;
        };
        seat.follow(schedule);
        if run.is_cut() {
            seat.close();
            return 0;
        }
        let due = seat.advance(now);
        run.due(due);
        seat.waiting()
    }

    /// Whether nothing more is to be sent.
    fn is_done(&self) -> bool {
        let run = &*self.connection.run;
        match self.seat {
            Some(seat) if run.is_cut() => seat.next() == Time::NEVER && run.is_over(),
            Some(seat) => seat.waiting() == 0 && (seat.is_spent() || run.is_over()),
            None => run.is_over(),
        }
    }

    /// Waits for replies, but not longer than one may take, nor, in an open loop, until after the next line is due.
    fn rest(&mut self, now: Time, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let patience = self.connection.run.plan.timeout;
        let overdue = self
            .flights
            .front()
            .map_or(Time::NEVER, |flight| flight.sent + patience);
        let next = self.seat.map_or(Time::NEVER, |seat| seat.next());
        let wake = overdue.min(next);
        if now >= self.alarm.deadline() || wake < self.alarm.deadline() {
            if now >= overdue {
                return Poll::Ready(Err(Trouble::Timeout.into()));
            }
            self.alarm.reset(wake);
            if Pin::new(&mut self.alarm).poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // What is owed to it will not come any more, nor the end of a wrong reply, and what it was to send will not go.
        let run = &self.connection.run;
        run.settle(self.dialogue.owed());
        if let Some(seat) = &self.seat {
            run.in_flight.set(run.in_flight.get() - seat.in_flight());
        }
        self.dialogue.finish();
        self.tell_mismatches();
    }
}
