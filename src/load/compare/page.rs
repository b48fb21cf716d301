//! For people with a browser.

use super::metric::Metric;
use super::results::Results;
use super::setup::Setup;
use super::show;
use crate::report::axis::{Axis, Scale, Unit};
use crate::report::chart::{Chart, Series, Shape};
use crate::report::page::Page;

/// A curve of latencies has so many points for each halving of what is left to 100 %.
const POINTS: u32 = 8;

/// The report as one self-contained file; `error` is why it ended before its time.
pub(super) fn html(results: &Results, command: &str, error: Option<&str>) -> String {
    let setup = &results.setup;
    let names: Vec<&str> = setup
        .contenders
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let mut page = Page::new(format!("nbcaser compare: {}", names.join(", ")));
    for line in show::result(results) {
        page = page.lead(line);
    }
    page = page.text(show::headline(setup)).code(command);
    if let Some(error) = error {
        page = page.text(format!("It ended before its time: {error}"));
    }
    if setup.sweep.is_some() {
        page = page.section("Over the number of connections");
        for metric in show::SWEPT {
            page = page.chart(over_connections(results, metric));
        }
    } else {
        page = page.section("Round by round");
        for metric in [Metric::Cpu, Metric::Rate] {
            page = page.chart(over_rounds(results, metric));
        }
    }
    page = page.section("Figures");
    for table in show::tables(results) {
        page = page.table(table);
    }
    for remark in show::remarks(results) {
        // Its lines are for a terminal.
        page = page.text(remark.replace('\n', " "));
    }
    page = page.section("Latency");
    for connections in setup.loads() {
        page = page.chart(latencies(results, connections));
    }
    page.to_html()
}

/// The median over the number of connections, with a stroke from the least to the greatest round.
fn over_connections(results: &Results, metric: Metric) -> Chart {
    let Setup { contenders, .. } = &results.setup;
    let cpus = results.best_place(metric);
    let scale = match metric {
        // They grow with the connections, by orders of magnitude.
        Metric::P99 | Metric::Memory => Scale::Log,
        _ => Scale::Linear,
    };
    let chart = Chart::new(
        sentence(metric.words()),
        Axis::new("connections", Unit::Count, Scale::Log),
        Axis::new(cpus.to_string(), metric.unit(), scale),
    )
    .describe(format!(
        "The median {} of each server over the number of connections; the table below has the same.",
        metric.words()
    ));
    let series = contenders.iter().enumerate().map(|(number, contender)| {
        let all = results.setup.loads().into_iter().filter_map(|connections| {
            let summary = results.summary(number, connections, cpus, metric)?;
            Some((connections as f64, summary))
        });
        let all: Vec<_> = all.collect();
        let points = all.iter().map(|(x, summary)| (*x, summary.median));
        Series::new(&contender.name, Shape::Line, points).spread(
            all.iter()
                .map(|(x, summary)| (*x, summary.low, summary.high)),
        )
    });
    series.fold(chart, Chart::with)
}

/// Each round: what repeats is level.
fn over_rounds(results: &Results, metric: Metric) -> Chart {
    let cpus = results.best_place(metric);
    let chart = Chart::new(
        sentence(metric.words()),
        Axis::new("round", Unit::Count, Scale::Linear),
        Axis::new(cpus.to_string(), metric.unit(), Scale::Linear),
    )
    .describe(format!(
        "The {} of each server in each round.",
        metric.words()
    ));
    let contenders = results.setup.contenders.iter().enumerate();
    let series = contenders.map(|(number, contender)| {
        let runs = results.runs.iter();
        let runs = runs.filter(|run| (run.contender, run.cpus) == (number, cpus));
        let points =
            runs.filter_map(|run| Some(((run.round + 1) as f64, metric.of(&run.figures)?)));
        Series::new(&contender.name, Shape::Line, points)
    });
    series.fold(chart, Chart::with)
}

/// Which part of the lines was answered within which time.
fn latencies(results: &Results, connections: usize) -> Chart {
    let cpus = results.best_place(Metric::P99);
    let many = crate::report::figures::count(connections as u64);
    let chart = Chart::new(
        format!("Latency by percentile, {many} connections"),
        Axis::new("percentile", Unit::Percent, Scale::Percentile),
        Axis::new(cpus.to_string(), Unit::Nanoseconds, Scale::Log),
    )
    .describe("Which part of the lines was answered within which time, all rounds together.");
    let contenders = results.setup.contenders.iter().enumerate();
    let series = contenders.map(|(number, contender)| {
        let latencies = results.latencies.get(&(number, connections, cpus));
        let points = latencies
            .into_iter()
            .flat_map(|all| all.iter_quantiles(POINTS));
        let points = points.map(|step| {
            (
                step.quantile_iterated_to() * 100.0,
                step.value_iterated_to() as f64,
            )
        });
        Series::new(&contender.name, Shape::Line, points)
    });
    series.fold(chart, Chart::with)
}

fn sentence(words: &str) -> String {
    let words = words.trim();
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
