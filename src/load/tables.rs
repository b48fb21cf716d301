//! What is told of a run, for people: the same words and tables on the terminal and on the page.

use hdrhistogram::Histogram;

use super::dialogue::{Mismatch, shown};
use super::outcome::{Ended, Outcome};
use super::plan::Plan;
use super::tally::per_second;
use super::trouble::Trouble;
use super::verdict::PERCENTILES;
use crate::report::figures::{bytes, count, duration, plain, share};
use crate::report::table::{Align, Table};
use crate::server::address::Address;

/// From this part of a CPU on the load tester itself is suspected of being what limits the rate.
const SATURATED: f64 = 0.9;

/// What was done, in one line.
pub(super) fn headline(plan: &Plan) -> String {
    described(plan, &count(plan.connections as u64), Some(&plan.target))
}

/// The same for so many connections, to a target that may be left out.
pub(super) fn described(plan: &Plan, connections: &str, target: Option<&Address>) -> String {
    let mix = &plan.mix;
    let besides = |number: usize, what| {
        (number > 0).then(|| format!("besides {} {what}", count(number as u64)))
    };
    let load = match (plan.churn, plan.rate) {
        _ if plan.connections == 0 => String::from("nobody sends a line"),
        (true, _) => {
            format!("{connections} places, each a connection with one line after the other")
        }
        (_, Some(lines)) => format!(
            "open loop, {} lines/s over {connections} connections",
            plain(lines)
        ),
        _ => format!(
            "closed loop, {connections} connections, pipeline {}",
            plan.pipeline
        ),
    };
    let parts = [
        Some(load),
        target.map(|target| format!("to {target}")),
        plan.requests
            .map(|requests| format!("{} lines", count(requests))),
        plan.duration.map(|time| duration(time.as_nanos() as f64)),
        besides(plan.idle, "idle"),
        besides(plan.slow_readers, "slow readers"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let (least, most) = (mix.length.start(), mix.length.end());
    let length = if least == most {
        least.to_string()
    } else {
        format!("{least} to {most}")
    };
    format!(
        "{}; {}lines of {length} bytes, {} in title case, {} Unicode, seed {}",
        parts.join(", "),
        if mix.plain { "plain " } else { "" },
        share(mix.title_share),
        share(mix.unicode_share),
        mix.seed
    )
}

/// What came of it, in one line.
pub(super) fn result(outcome: &Outcome) -> String {
    let per = |bytes_in_all| bytes(per_second(bytes_in_all, outcome.elapsed));
    format!(
        "{} replies/s: {} replies in {}; sent {}/s, received {}/s",
        plain(outcome.rate().round()),
        count(outcome.replies),
        duration(outcome.elapsed.as_nanos() as f64),
        per(outcome.bytes_sent),
        per(outcome.bytes_received),
    )
}

/// What the two columns of latencies mean.
pub(super) fn explanation(plan: &Plan) -> &'static str {
    if plan.rate.is_some() {
        "The schedule says when a line is intended to be sent; what it then waited, since the connection took no more or this\n\
         program was late, counts in the first column and not in the second."
    } else {
        "In a closed loop a line is due when a reply makes room for it, and leaves at once: so both columns are the same, and\n\
         while the server stalls it is asked less. In an open loop (--rate) it is not."
    }
}

/// Percentiles of the latency, in both columns.
pub(super) fn latencies(outcome: &Outcome) -> Table {
    let mut table = Table::new([
        ("latency", Align::Left),
        ("from the intended send", Align::Right),
        ("from the actual send", Align::Right),
    ]);
    for (name, percentile) in PERCENTILES {
        table.row([
            name.into(),
            at(&outcome.intended, percentile),
            at(&outcome.sent, percentile),
        ]);
    }
    table
}

/// Percentiles of all that was timed besides.
pub(super) fn others(outcome: &Outcome) -> Option<Table> {
    let mut table = Table::new([
        ("", Align::Left),
        ("count", Align::Right),
        ("p50", Align::Right),
        ("p99", Align::Right),
        ("max", Align::Right),
    ]);
    let rows = [
        ("connect", &outcome.connects),
        ("connect and greeting", &outcome.greetings),
        ("connect to close", &outcome.sessions),
        ("ping of an idle connection", &outcome.pings),
    ];
    let mut is_empty = true;
    for (name, times) in rows.into_iter().filter(|(_, times)| !times.is_empty()) {
        is_empty = false;
        table.row([
            name.into(),
            count(times.len()),
            at(times, 50.0),
            at(times, 99.0),
            at(times, 100.0),
        ]);
    }
    (!is_empty).then_some(table)
}

fn at(times: &Histogram<u64>, percentile: f64) -> String {
    if times.is_empty() {
        return "-".into();
    }
    duration(times.value_at_percentile(percentile) as f64)
}

/// Errors by kind.
pub(super) fn errors(outcome: &Outcome) -> Option<Table> {
    let mut table = Table::new([("errors", Align::Left), ("count", Align::Right)]);
    let kinds = Trouble::ALL
        .into_iter()
        .map(|kind| (kind, outcome.troubles.of(kind)));
    for (kind, number) in kinds.filter(|(_, number)| *number > 0) {
        table.row([kind.words().into(), count(number)]);
    }
    (outcome.troubles.total() > 0).then_some(table)
}

/// The wrong replies that are shown.
pub(super) fn mismatches(outcome: &Outcome) -> Option<Table> {
    let mut table = Table::new([("expected", Align::Left), ("got", Align::Left)]);
    for Mismatch { expected, got } in &outcome.mismatches {
        let expected = if expected.is_empty() {
            "(nothing)".into()
        } else {
            quoted(expected)
        };
        table.row([expected, quoted(got)]);
    }
    (!outcome.mismatches.is_empty()).then_some(table)
}

pub(super) fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", shown(bytes))
}

/// Whatever else is to be said, a sentence each.
pub(super) fn remarks(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let mut remarks = Vec::new();
    match outcome.ended {
        Ended::Time | Ended::Requests => {}
        Ended::Signal(_) => remarks.push("It was ended by a signal.".into()),
        Ended::Overload => remarks.push(format!(
            "It ended itself: more than {} lines were due and not answered, so the server cannot keep up with {} lines/s.",
            count(plan.bound()),
            plain(plan.rate.unwrap_or(f64::NAN)),
        )),
        Ended::Lost => remarks.push("It ended early: no connection was left.".into()),
    }
    if !plan.churn && outcome.connected < outcome.asked as u64 {
        remarks.push(format!(
            "{} of {} connections were made.",
            count(outcome.connected),
            count(outcome.asked as u64)
        ));
    }
    if outcome.unsent > 0 {
        remarks.push(format!(
            "{} lines were due and were not sent.",
            count(outcome.unsent)
        ));
    }
    if plan.slow_readers > 0 {
        remarks.push(format!(
            "The slow readers read {} replies, {}.",
            count(outcome.slow_replies),
            bytes(outcome.slow_bytes as f64)
        ));
    }
    if let Some(server) = &outcome.server {
        let cpu = server.cpu.as_secs_f64();
        let each = |what: f64, replies: u64, show: fn(f64) -> String| match replies {
            0 => String::new(),
            replies => format!(" ({} a reply)", show(what / replies as f64)),
        };
        remarks.push(format!(
            "The server took {} of a CPU{}, waited {} times{}, and has {} of memory.",
            share(cpu / outcome.elapsed.as_secs_f64()),
            each(cpu * 1e9, outcome.replies, duration),
            count(server.waits),
            each(server.waits as f64, server.answered, plain),
            bytes(server.memory_after as f64),
        ));
        if plan.idle > 0 {
            let grown = server.memory_idle.saturating_sub(server.memory_before);
            remarks.push(format!(
                "Its memory grew by {} for each idle connection.",
                bytes(grown as f64 / plan.idle as f64)
            ));
        }
    }
    if outcome.elapsed.is_zero() {
        return remarks;
    }
    if outcome.own_share() > SATURATED {
        remarks.push(format!(
            "The load tester itself was busy for {} of the time: it may be what limits the rate, and what the latencies \
             show.",
            share(outcome.own_share())
        ));
    } else {
        remarks.push(format!(
            "The load tester itself was busy for {} of the time.",
            share(outcome.own_share())
        ));
    }
    remarks
}
