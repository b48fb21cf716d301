//! For people: the same words and tables on the terminal and on the page.

use std::fmt::Write;

use super::metric::Metric;
use super::results::{Results, Run, Summary};
use super::setup::{Cpus, Setup};
use crate::load::tables;
use crate::report::figures;
use crate::report::table::{Align, Table};

/// From this part of a CPU on the load tester is suspected of being what limits the rate.
const SATURATED: f64 = 0.9;
/// Where the two sides had less than this part of the CPU that they share, others had the rest.
const TAKEN: f64 = 0.9;
/// Two CPUs that are at times so many times as far apart as at others have been moved.
const MOVED: f64 = 2.0;

/// What of a sweep is told, and drawn.
pub(super) const SWEPT: [Metric; 4] = [Metric::Cpu, Metric::Rate, Metric::P99, Metric::Memory];

/// The report, for a terminal.
pub(super) fn text(results: &Results) -> String {
    let mut text = headline(&results.setup);
    for table in tables(results) {
        let _ = write!(text, "\n\n{table}");
    }
    for remark in remarks(results) {
        let _ = write!(text, "\n{remark}");
    }
    text + "\n"
}

/// What was done, in one line.
pub(super) fn headline(setup: &Setup) -> String {
    let plan = &setup.plan;
    let rounds = match setup.rounds {
        1 => "1 round".into(),
        n => format!("{n} rounds"),
    };
    let loads = setup.loads().into_iter();
    let loads: Vec<String> = loads.map(|n| figures::count(n as u64)).collect();
    let load = tables::described(plan, &loads.join(" | "), None);
    format!("{rounds}, the servers in turn; {load}")
}

/// What came of it, a line for each contender after the first.
pub(super) fn result(results: &Results) -> Vec<String> {
    let Setup {
        contenders, plan, ..
    } = &results.setup;
    let cpus = results.best_place(Metric::Cpu);
    let loads = results.setup.loads();
    let connections = *loads.last().unwrap_or(&plan.connections);
    let median = |contender| {
        let summary = results.summary(contender, connections, cpus, Metric::Cpu)?;
        Some(summary.median)
    };
    let Some(first) = median(0) else {
        return Vec::new();
    };
    let line = |contender| {
        let other = median(contender)?;
        Some(format!(
            "{} takes {} of CPU time a request, {} that of {} ({}), at {} connections.",
            contenders[contender].name,
            figures::duration(other),
            figures::ratio(other / first),
            contenders[0].name,
            figures::duration(first),
            figures::count(connections as u64)
        ))
    };
    (1..contenders.len()).filter_map(line).collect()
}

/// The tables: all figures of one load, or some figures of all loads.
pub(super) fn tables(results: &Results) -> Vec<Table> {
    if results.setup.sweep.is_some() {
        return vec![swept(results)];
    }
    vec![full(results)]
}

fn columns(results: &Results, first: &str) -> Table {
    let mut columns = vec![(first.to_owned(), Align::Left)];
    for (number, contender) in results.setup.contenders.iter().enumerate() {
        columns.push((contender.name.clone(), Align::Right));
        columns.push(("spread".into(), Align::Right));
        if number > 0 {
            columns.push(("ratio".into(), Align::Right));
        }
    }
    Table::new(columns)
}

fn full(results: &Results) -> Table {
    let setup = &results.setup;
    let mut table = columns(results, "");
    for &cpus in &setup.cpus {
        table.heading(cpus.to_string());
        for metric in shown(setup, cpus) {
            let row = row(results, setup.plan.connections, cpus, metric);
            if let Some(row) = row {
                table.row([metric.words().to_owned()].into_iter().chain(row));
            }
        }
    }
    table
}

/// What is told of each place.
fn shown(setup: &Setup, cpus: Cpus) -> impl Iterator<Item = Metric> {
    let alone = setup.cpus.len() == 1;
    Metric::ALL.into_iter().filter(move |metric| {
        // The cost is told at both: apart, it is what the wake-ups add.
        let at_both = *metric == Metric::Cpu || alone;
        at_both || metric.best_place() == cpus
    })
}

fn swept(results: &Results) -> Table {
    let mut table = columns(results, "connections");
    for metric in SWEPT {
        let cpus = results.best_place(metric);
        table.heading(format!("{}, {cpus}", metric.words()));
        for connections in results.setup.loads() {
            if let Some(row) = row(results, connections, cpus, metric) {
                let name = figures::count(connections as u64);
                table.row([name].into_iter().chain(row));
            }
        }
    }
    table
}

/// The cells of a row but for the first; none if there is nothing in any of them.
fn row(results: &Results, connections: usize, cpus: Cpus, metric: Metric) -> Option<Vec<String>> {
    let of = |contender| results.summary(contender, connections, cpus, metric);
    let first = of(0);
    let mut cells = Vec::new();
    let mut is_empty = true;
    for contender in 0..results.setup.contenders.len() {
        let summary: Option<Summary> = of(contender);
        is_empty &= summary.is_none();
        let dash = || String::from("-");
        cells.push(summary.map_or_else(dash, |all| metric.show(all.median)));
        cells.push(
            summary
                .and_then(|all| all.spread())
                .map_or_else(dash, |part| format!("±{}", figures::share(part))),
        );
        if contender > 0 {
            let ratio = summary.zip(first).filter(|_| metric.has_ratio());
            let ratio = ratio.map(|(this, first)| this.median / first.median);
            cells.push(ratio.map_or_else(dash, figures::ratio));
        }
    }
    (!is_empty).then_some(cells)
}

/// Whatever else is to be said, a sentence or two each.
pub(super) fn remarks(results: &Results) -> Vec<String> {
    let setup = &results.setup;
    let mut remarks = vec![
        "A figure is the median of the rounds, its spread half the distance from the least to the greatest.".to_owned(),
        "CPU time is that of the server's process in all its threads, ended ones too, by its own clock (nanoseconds);\n\
         how much of it was in user mode is known to a hundredth of a second."
            .to_owned(),
        "A voluntary switch is a thread that waited for something, an involuntary one a thread that had to leave the CPU;\n\
         those of threads that ended in the meantime are not known."
            .to_owned(),
    ];
    if setup.cpus.contains(&Cpus::Same) {
        remarks.push(
            "On one CPU the two take turns and every wake-up costs the same: so the CPU time a request is what repeats best\n\
             on a machine that is shared with others."
                .into(),
        );
    }
    if setup.cpus.contains(&Cpus::Apart) {
        remarks.push(
            "On different CPUs, the load tester has one and the server all the others. Latency is what the client sees,\n\
             from the time at which a line was to be sent."
                .into(),
        );
    }
    let share = |run: &Run| {
        let parts = [Metric::ServerBusy, Metric::LoadBusy];
        parts
            .into_iter()
            .filter_map(|part| part.of(&run.figures))
            .sum()
    };
    let same = results.runs.iter().filter(|run| run.cpus == Cpus::Same);
    let had = Summary::of(same.map(share).collect());
    // In a closed loop one of the two always has something to do.
    if let Some(had) = had.filter(|had| had.low < TAKEN && setup.plan.rate.is_none()) {
        remarks.push(format!(
            "The two had but {} of their one CPU in a run: others had the rest, and their traces are in the figures.",
            figures::share(had.low)
        ));
    }
    let apart = |metric| {
        let runs = results.runs.iter().filter(|run| run.cpus == Cpus::Apart);
        Summary::of(
            runs.filter_map(|run| Metric::of(metric, &run.figures))
                .collect(),
        )
    };
    if apart(Metric::LoadBusy).is_some_and(|busy| busy.high > SATURATED) {
        remarks.push(
            "The load tester was busy nearly all the time at least once: that rate is its own, not the server's."
                .into(),
        );
    }
    if apart(Metric::Distance).is_some_and(|distance| distance.high > MOVED * distance.low) {
        remarks.push(
            "The CPUs were not equally far apart all the time (a hypervisor moves them): what needs two of them varies."
                .into(),
        );
    }
    remarks
}
