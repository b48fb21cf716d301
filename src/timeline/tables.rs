//! The figures, for the terminal and for the page alike.

use super::events::Trace;
use super::summary::{Spans, Summary, Turn};
use crate::report::figures::{bytes, count, duration, share};
use crate::report::table::{Align, Table};

/// So many of the longest turns are told.
const TURNS: usize = 10;
/// So many of the busiest tasks.
const TASKS: usize = 30;

/// What matters most, in a line.
pub(super) fn headline(trace: &Trace, summary: &Summary) -> String {
    let length = trace.length();
    let busy = summary.loops.values().map(|one| one.turns.sum);
    let busy = busy.fold(0, u64::saturating_add);
    let loops = summary.loops.len();
    let many = if loops == 1 { "loop" } else { "loops" };
    let whole = format!(
        "{loops} {many} over {}: {} turns, busy {} of the time.",
        duration(length as f64),
        count(summary.turns.len() as u64),
        share(busy as f64 / length as f64 / loops as f64)
    );
    let Some(turn) = longest(summary).first().copied() else {
        return whole;
    };
    let most = turn.longest.map_or_else(String::new, |(owner, took)| {
        let took = duration(took as f64);
        format!(", of which {took} went to {}", trace.name(owner))
    });
    let longest = duration(turn.took() as f64);
    format!("{whole} The longest turn took {longest}{most}.")
}

/// What a reader should know about the trace itself.
pub(super) fn remarks(trace: &Trace) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(why) = &trace.cut_off {
        remarks.push(format!("This is not the whole trace: {why}."));
    }
    if trace.is_full {
        remarks.push("The trace ended when it had as many bytes as one may have.".into());
    }
    if trace.lost > 0 {
        let lost = count(trace.lost);
        remarks.push(format!("{lost} events are missing: the disk was too slow."));
    }
    remarks
}

/// The longest turns, the longest first.
pub(super) fn longest(summary: &Summary) -> Vec<&Turn> {
    let mut turns: Vec<&Turn> = summary.turns.iter().collect();
    turns.sort_by_key(|turn| std::cmp::Reverse(turn.took()));
    turns.truncate(TURNS);
    turns
}

/// All of them.
pub(super) fn tables(trace: &Trace, summary: &Summary) -> [Table; 3] {
    [
        of_loops(trace, summary),
        of_turns(trace, summary),
        of_tasks(trace, summary),
    ]
}

fn of_loops(trace: &Trace, summary: &Summary) -> Table {
    let mut table = columns(
        &["loop"],
        &[
            "busy", "turns", "mean", "longest", "polls", "mean", "longest", "wait", "longest",
        ],
    )
    .caption("Loops: how long turns and polls take, and from a task's wake to its poll");
    for (tid, one) in &summary.loops {
        let busy = share(one.turns.sum as f64 / trace.length() as f64);
        let mut row = vec![tid.to_string(), busy];
        row.extend([
            count(one.turns.count),
            mean(&one.turns),
            longest_of(&one.turns),
        ]);
        row.extend([
            count(one.polls.count),
            mean(&one.polls),
            longest_of(&one.polls),
        ]);
        row.extend([mean(&one.waits), longest_of(&one.waits)]);
        table.row(row);
    }
    table
}

fn of_turns(trace: &Trace, summary: &Summary) -> Table {
    let columns = [
        ("begin", Align::Right),
        ("loop", Align::Right),
        ("took", Align::Right),
        ("polls", Align::Right),
        ("longest poll", Align::Right),
        ("of", Align::Left),
    ];
    let mut table = Table::new(columns).caption("The longest turns");
    for turn in longest(summary) {
        let (owner, took) = match turn.longest {
            Some((owner, took)) => (trace.name(owner), duration(took as f64)),
            None => ("", "-".into()),
        };
        table.row([
            format!("{:.6} s", turn.from as f64 / 1e9),
            turn.tid.to_string(),
            duration(turn.took() as f64),
            count(turn.polls),
            took,
            owner.to_owned(),
        ]);
    }
    table
}

fn of_tasks(trace: &Trace, summary: &Summary) -> Table {
    let mut tasks: Vec<_> = summary.tasks.iter().collect();
    tasks.retain(|(_, task)| task.polls.count > 0);
    tasks.sort_by_key(|(_, task)| std::cmp::Reverse(task.polls.sum));
    let caption = match tasks.len() {
        all if all > TASKS => format!("The {TASKS} busiest of {} tasks", count(all as u64)),
        _ => "Tasks".into(),
    };
    let mut table = columns(
        &["task", "loop"],
        &[
            "busy", "polls", "mean", "longest", "wait", "longest", "read", "written",
        ],
    )
    .caption(caption);
    for ((tid, owner), task) in tasks.into_iter().take(TASKS) {
        let mut row = vec![trace.name(*owner).to_owned(), tid.to_string()];
        row.extend([duration(task.polls.sum as f64), count(task.polls.count)]);
        row.extend([mean(&task.polls), longest_of(&task.polls)]);
        row.extend([mean(&task.waits), longest_of(&task.waits)]);
        row.extend([bytes(task.read as f64), bytes(task.written as f64)]);
        table.row(row);
    }
    table
}

fn columns(names: &[&str], figures: &[&str]) -> Table {
    let names = names.iter().map(|name| (*name, Align::Left));
    Table::new(names.chain(figures.iter().map(|figure| (*figure, Align::Right))))
}

fn mean(spans: &Spans) -> String {
    duration(spans.mean())
}

fn longest_of(spans: &Spans) -> String {
    match spans.count {
        0 => duration(f64::NAN),
        _ => duration(spans.longest as f64),
    }
}
