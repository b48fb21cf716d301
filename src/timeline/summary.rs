//! What the loops, turns and tasks come to.

use std::collections::{BTreeMap, BTreeSet};

use super::events::{Event, Kind, Trace};

/// Durations of one kind, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spans {
    /// How many.
    pub count: u64,
    /// All together.
    pub sum: u64,
    /// The longest.
    pub longest: u64,
}

impl Spans {
    fn add(&mut self, span: u64) {
        self.count += 1;
        add(&mut self.sum, span);
        self.longest = self.longest.max(span);
    }

    /// The mean; no number of none.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count as f64
    }
}

/// What one loop did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Loop {
    /// Its turns.
    pub turns: Spans,
    /// Polls of tasks.
    pub polls: Spans,
    /// From a task's wake to its poll.
    pub waits: Spans,
}

/// A turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Which loop.
    pub tid: u32,
    /// Its begin.
    pub from: u64,
    /// Its end.
    pub to: u64,
    /// How many tasks were polled in it.
    pub polls: u64,
    /// Who was polled the longest, by his name's place, and how long.
    pub longest: Option<(u32, u64)>,
}

impl Turn {
    /// How long it took.
    pub fn took(&self) -> u64 {
        self.to - self.from
    }
}

/// What was done for one task.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Task {
    /// Its polls.
    pub polls: Spans,
    /// From its wake to its poll.
    pub waits: Spans,
    /// Bytes that it read.
    pub read: u64,
    /// Bytes that it wrote.
    pub written: u64,
}

/// What a trace comes to.
#[derive(Debug, Default)]
pub struct Summary {
    /// Each loop that did anything.
    pub loops: BTreeMap<u32, Loop>,
    /// All turns, in the order in which they ended.
    pub turns: Vec<Turn>,
    /// Each task, by loop and by its name's place.
    pub tasks: BTreeMap<(u32, u32), Task>,
}

impl Summary {
    /// Adds it all up.
    pub fn new(trace: &Trace) -> Summary {
        let mut summary = Summary::default();
        let mut since: BTreeMap<u32, Since> = BTreeMap::new();
        for event in &trace.events {
            summary.add(event, since.entry(event.tid).or_default());
        }
        summary
    }

    fn add(&mut self, event: &Event, since: &mut Since) {
        let own = self.loops.entry(event.tid).or_default();
        let whose = (event.tid, event.owner);
        match event.kind {
            Kind::Turn => {
                own.turns.add(event.took());
                // What came before the first turn that is told was in none.
                let polls = since.polls.drain(..);
                let polls = polls.filter(|(from, ..)| *from >= event.from);
                let polls: Vec<_> = polls.map(|(_, owner, took)| (owner, took)).collect();
                self.turns.push(Turn {
                    tid: event.tid,
                    from: event.from,
                    to: event.to,
                    polls: polls.len() as u64,
                    longest: polls.into_iter().max_by_key(|(_, took)| *took),
                });
            }
            Kind::Poll => {
                own.polls.add(event.took());
                let task = self.tasks.entry(whose).or_default();
                task.polls.add(event.took());
                // Who was woken while he ran waits for his next poll.
                let woken = since.woken.entry(event.owner).or_default();
                let first = woken.first().copied();
                if let Some(first) = first.filter(|at| *at <= event.from) {
                    own.waits.add(event.from - first);
                    task.waits.add(event.from - first);
                }
                while woken.first().is_some_and(|at| *at <= event.from) {
                    woken.pop_first();
                }
                since.polls.push((event.from, event.owner, event.took()));
            }
            Kind::Read => {
                let task = self.tasks.entry(whose).or_default();
                add(&mut task.read, event.bytes);
            }
            Kind::Write => {
                let task = self.tasks.entry(whose).or_default();
                add(&mut task.written, event.bytes);
            }
            Kind::Wake => {
                let woken = since.woken.entry(event.owner).or_default();
                woken.insert(event.from);
            }
            Kind::Call | Kind::Timer => {}
        }
    }
}

/// A file can claim any number.
fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// What happened in a loop since its last turn.
#[derive(Default)]
struct Since {
    /// When each poll began, whose it was, and how long it took.
    polls: Vec<(u64, u32, u64)>,
    /// Who waits to be polled, and since when.
    woken: BTreeMap<u32, BTreeSet<u64>>,
}

#[cfg(test)]
mod tests;
