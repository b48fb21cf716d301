//! The page: curves over all of it, and the timeline of a part.

use std::collections::BTreeMap;

use super::events::{Event, Kind, LOOP, Trace};
use super::summary::Summary;
use super::tables;
use crate::report::axis::{Axis, Scale, Unit};
use crate::report::chart::{Chart, Series, Shape};
use crate::report::figures::{bytes, count, duration};
use crate::report::page::Page;
use crate::report::timeline::{self, Stroke, Timeline};

/// The curves have so many points.
const SLICES: usize = 120;
/// The most loops that have a curve: so many colours there are.
const CURVES: usize = 7;
/// The most lanes of a timeline, and events of a kind: more can be neither read nor drawn in reasonable time.
const LANES: usize = 40;
const EVENTS: usize = 1000;

/// How the kinds are drawn, in the order of [`place`].
const KINDS: [(&str, Stroke); 7] = [
    ("turn of the loop", Stroke::Outer),
    ("poll of a task", Stroke::Outer),
    ("write", Stroke::Inner),
    ("read", Stroke::Inner),
    ("other call", Stroke::Inner),
    ("wake", Stroke::Mark),
    ("timer", Stroke::Mark),
];

fn place(kind: Kind) -> usize {
    match kind {
        Kind::Turn => 0,
        Kind::Poll => 1,
        Kind::Write => 2,
        Kind::Read => 3,
        Kind::Call => 4,
        Kind::Wake => 5,
        Kind::Timer => 6,
    }
}

/// The report as one self-contained file, with the timeline from then to then.
pub(super) fn html(
    title: &str,
    trace: &Trace,
    summary: &Summary,
    (from, to): (u64, u64),
) -> String {
    let mut page = Page::new(format!("nbcaser trace: {title}"));
    page = page.lead(tables::headline(trace, summary));
    for remark in tables::remarks(trace) {
        page = page.text(remark);
    }
    let (timeline, left_out) = timeline(trace, (from, to));
    page = page.section("Timeline").text(format!(
        "{} from {:.6} s on. A loop that is in no turn sleeps. Point at something to see what it is; \
         nbcaser trace --from TIME --for TIME shows another part.",
        duration((to - from) as f64),
        from as f64 / 1e9
    ));
    if let Some(left_out) = left_out {
        page = page.text(left_out);
    }
    page = page.timeline(timeline).section("Over time");
    page = page
        .chart(busy(trace, summary))
        .chart(turns(trace, summary));
    page = page.section("Figures");
    for table in tables::tables(trace, summary) {
        page = page.table(table);
    }
    page.to_html()
}

/// The timeline, and what had no room in it.
fn timeline(trace: &Trace, (from, to): (u64, u64)) -> (Timeline, Option<String>) {
    let mut kinds: BTreeMap<usize, Vec<&Event>> = BTreeMap::new();
    for event in trace.events.iter().filter(|one| one.is_within(from, to)) {
        kinds.entry(place(event.kind)).or_default().push(event);
    }
    let mut shorter = 0;
    for events in kinds.values_mut() {
        // The longest say the most. A stable sort: of those that are alike the first are kept.
        events.sort_by_key(|event| std::cmp::Reverse(event.took()));
        shorter += events.len().saturating_sub(EVENTS);
        events.truncate(EVENTS);
    }

    let mut lanes: BTreeMap<(u32, u32), Vec<&Event>> = BTreeMap::new();
    for event in kinds.into_values().flatten() {
        lanes
            .entry((event.tid, event.owner))
            .or_default()
            .push(event);
    }
    // Whoever was polled the longest stays, and below his loop, in the order in which they came.
    let busy = |events: &[&Event]| -> u64 {
        let polls = events.iter().filter(|event| event.kind == Kind::Poll);
        polls.fold(0, |sum, poll| sum.saturating_add(poll.took()))
    };
    let mut order: Vec<_> = lanes.into_iter().collect();
    order.sort_by_key(|((_, owner), events)| (*owner != LOOP, std::cmp::Reverse(busy(events))));
    let quieter = order.len().saturating_sub(LANES);
    order.truncate(LANES);
    let first = |events: &[&Event]| events.iter().map(|event| event.from).min();
    order.sort_by_key(|((tid, owner), events)| (*tid, *owner != LOOP, first(events)));

    let mut timeline = Timeline::new(
        format!("From {:.6} s on", from as f64 / 1e9),
        (to - from) as f64,
        KINDS,
    )
    .describe("Each loop with its turns, and below it its tasks with their polls and calls.");
    for ((tid, owner), events) in order {
        let name = match trace.name(owner) {
            "" => format!("loop {tid}"),
            name => name.to_owned(),
        };
        let shift = |time: u64| time as f64 - from as f64;
        let drawn = events.into_iter().map(|event| timeline::Event {
            kind: place(event.kind),
            from: shift(event.from),
            to: shift(event.to),
            tip: tip(trace, event),
        });
        timeline = timeline.lane(name, drawn);
    }
    let mut left_out = Vec::new();
    if shorter > 0 {
        left_out.push(format!("the {} shortest events", count(shorter as u64)));
    }
    if quieter > 0 {
        left_out.push(format!(
            "the {} tasks with the least to do",
            count(quieter as u64)
        ));
    }
    let left_out =
        (!left_out.is_empty()).then(|| format!("Left out are {}.", left_out.join(" and ")));
    (timeline, left_out)
}

/// What is told of an event when the mouse is over it.
fn tip(trace: &Trace, event: &Event) -> String {
    let (note, took) = (trace.name(event.note), duration(event.took() as f64));
    match event.kind {
        Kind::Turn => format!("turn, {took}"),
        Kind::Poll => format!("poll, {took}"),
        Kind::Read | Kind::Write => {
            let name = if event.kind == Kind::Read {
                "read"
            } else {
                "write"
            };
            match note {
                "" => format!("{name} of {}, {took}", bytes(event.bytes as f64)),
                error => format!("{name}, {error}, {took}"),
            }
        }
        Kind::Call => format!("{note}, {took}"),
        Kind::Wake => format!("woken by {note}"),
        Kind::Timer => note.to_owned(),
    }
}

/// Which part of the time each loop was awake.
fn busy(trace: &Trace, summary: &Summary) -> Chart {
    let slice = slice(trace);
    let mut chart = Chart::new(
        "How busy the loops are",
        Axis::new("time since the beginning", Unit::Nanoseconds, Scale::Linear),
        Axis::new("in a turn, of the time", Unit::Percent, Scale::Linear),
    )
    .describe("Which part of the time each loop was awake.");
    for tid in summary.loops.keys().take(CURVES) {
        let mut sums = vec![0.0; SLICES];
        for turn in summary.turns.iter().filter(|turn| turn.tid == *tid) {
            let (from, to) = (turn.from as f64 / slice, turn.to as f64 / slice);
            let part = sums.iter_mut().enumerate().skip(from as usize);
            for (place, sum) in part.take_while(|(place, _)| (*place as f64) < to) {
                let (begin, end) = (from.max(place as f64), to.min(place as f64 + 1.0));
                *sum += end - begin;
            }
        }
        let points = sums.into_iter().enumerate();
        let points = points.map(|(place, part)| (place as f64 * slice, part.min(1.0) * 100.0));
        chart = chart.with(Series::new(format!("loop {tid}"), Shape::Step, points));
    }
    chart
}

/// The longest turn of each slice: so long somebody waited, at the worst.
fn turns(trace: &Trace, summary: &Summary) -> Chart {
    let slice = slice(trace);
    let mut chart = Chart::new(
        "The longest turns",
        Axis::new("time since the beginning", Unit::Nanoseconds, Scale::Linear),
        Axis::new("longest turn", Unit::Nanoseconds, Scale::Log),
    )
    .describe("The longest turn of each loop over time: the table below has the longest of all.");
    for tid in summary.loops.keys().take(CURVES) {
        let mut longest = vec![0.0; SLICES];
        for turn in summary.turns.iter().filter(|turn| turn.tid == *tid) {
            let place = ((turn.from as f64 / slice) as usize).min(SLICES - 1);
            longest[place] = f64::max(longest[place], turn.took() as f64);
        }
        let points = longest.into_iter().enumerate();
        let points = points.map(|(place, took)| (place as f64 * slice, took));
        chart = chart.with(Series::new(format!("loop {tid}"), Shape::Step, points));
    }
    chart
}

/// How long a point of a curve stands for.
fn slice(trace: &Trace) -> f64 {
    (trace.length() as f64 / SLICES as f64).max(1.0)
}

#[cfg(test)]
mod tests;
