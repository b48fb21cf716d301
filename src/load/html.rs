//! The report as a page.

use hdrhistogram::Histogram;

use super::outcome::Outcome;
use super::plan::Plan;
use super::tables;
use crate::report::axis::{Axis, Scale, Unit};
use crate::report::chart::{Chart, Series, Shape};
use crate::report::figures;
use crate::report::page::Page;

/// Each bar of the histogram ends at so many times the latency at which it begins.
const BAR: f64 = 1.1;
/// The curve has so many points for each halving of what is left to 100 %.
const POINTS: u32 = 8;

/// The report as one self-contained file; `failures` are why the run is one.
pub fn html(plan: &Plan, outcome: &Outcome, failures: &[String]) -> String {
    let mut page = Page::new(format!("nbcaser load: {}", plan.target))
        .lead(tables::result(outcome))
        .text(tables::headline(plan));
    for failure in failures {
        page = page.text(format!("failed: {failure}"));
    }
    page = page
        .section("Latency")
        .table(tables::latencies(outcome))
        .text(tables::explanation(plan))
        .chart(percentiles(plan, outcome))
        .chart(histogram(outcome))
        .section("Over time")
        .chart(throughput(outcome))
        .chart(errors_over_time(outcome))
        .section("Besides");
    let more = [
        tables::others(outcome),
        tables::errors(outcome),
        tables::mismatches(outcome),
    ];
    for table in more.into_iter().flatten() {
        page = page.table(table);
    }
    page.text(tables::remarks(plan, outcome).join("\n"))
        .to_html()
}

fn percentiles(plan: &Plan, outcome: &Outcome) -> Chart {
    let curve = |times: &Histogram<u64>| {
        let points = times.iter_quantiles(POINTS);
        let points = points.map(|step| {
            (
                step.quantile_iterated_to() * 100.0,
                step.value_iterated_to() as f64,
            )
        });
        points.collect::<Vec<_>>()
    };
    let chart = Chart::new(
        "Latency by percentile",
        Axis::new("percentile", Unit::Percent, Scale::Percentile),
        Axis::new("latency", Unit::Nanoseconds, Scale::Log),
    )
    .describe(
        "Which part of the lines was answered within which time: the table above has the same.",
    );
    if plan.rate.is_none() {
        return chart.with(Series::new(
            "intended = actual send",
            Shape::Line,
            curve(&outcome.intended),
        ));
    }
    chart
        .with(Series::new(
            "from the intended send",
            Shape::Line,
            curve(&outcome.intended),
        ))
        .with(Series::new(
            "from the actual send",
            Shape::Line,
            curve(&outcome.sent),
        ))
}

fn histogram(outcome: &Outcome) -> Chart {
    let mut begin = 0;
    let mut bars = Vec::new();
    // The first bar holds all that is faster than anything was.
    let first = outcome.intended.min().max(1);
    for step in outcome.intended.iter_log(first, BAR) {
        let end = step.value_iterated_to() + 1;
        bars.push((
            begin.max(first * 9 / 10) as f64,
            step.count_since_last_iteration() as f64,
        ));
        begin = end;
    }
    Chart::new(
        "How often which latency occurred",
        Axis::new(
            "latency from the intended send",
            Unit::Nanoseconds,
            Scale::Log,
        ),
        Axis::new("replies", Unit::Count, Scale::Linear),
    )
    .describe("How many replies took how long.")
    .with(Series::new("replies", Shape::Bars, bars))
}

fn time() -> Axis {
    Axis::new(
        "time since the load counts",
        Unit::Nanoseconds,
        Scale::Linear,
    )
}

/// A value for each second, from its begin on.
fn steps(outcome: &Outcome, value: impl Fn(&super::Second) -> f64) -> Vec<(f64, f64)> {
    let mut points: Vec<_> = outcome
        .seconds
        .iter()
        .map(|second| {
            (
                second.until.saturating_sub(second.length).as_nanos() as f64,
                value(second),
            )
        })
        .collect();
    // A step holds until the next point.
    if let (Some(last), Some(&(_, value))) = (outcome.seconds.last(), points.last()) {
        points.push((last.until.as_nanos() as f64, value));
    }
    points
}

fn throughput(outcome: &Outcome) -> Chart {
    Chart::new(
        "Throughput",
        time(),
        Axis::new("replies a second", Unit::Count, Scale::Linear),
    )
    .describe(format!(
        "{} in the mean.",
        figures::rate(outcome.rate().round())
    ))
    .with(Series::new(
        "replies/s",
        Shape::Step,
        steps(outcome, super::Second::rate),
    ))
}

fn errors_over_time(outcome: &Outcome) -> Chart {
    Chart::new(
        "Errors",
        time(),
        Axis::new("errors in a second", Unit::Count, Scale::Linear),
    )
    .describe(format!(
        "{} in all.",
        figures::count(outcome.troubles.total())
    ))
    .with(Series::new(
        "errors",
        Shape::Step,
        steps(outcome, |second| second.errors as f64),
    ))
}
