//! `nbcaser compare` as a whole: the rounds, the reports, and the exit status.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::metric::Metric;
use super::results::Run;
use super::run::{CompareError, run};
use super::setup::Setup;
use super::{json, page, show};
use crate::load::order::{OrderError, create, write};
use crate::report::figures;

/// What is asked for on the command line.
#[derive(Clone, Debug)]
pub struct Order {
    /// The comparison.
    pub setup: Setup,
    /// How it was asked for, to be told on the page.
    pub command: String,
    /// Where the report goes as JSON; `-` is stdout, instead of the text.
    pub json: Option<PathBuf>,
    /// Where it goes as a page.
    pub html: Option<PathBuf>,
}

/// Why it failed.
#[derive(Debug)]
pub enum Failure {
    /// The comparison ended before its time.
    Compare(CompareError),
    /// The report has no place to go to.
    Report(OrderError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Compare(error) => error.fmt(f),
            Failure::Report(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

/// Does it. Gives the exit status: 0, or 128 and the signal's number if one ended the comparison.
///
/// # Errors
/// A server failed, or there is no report. What was measured until then is told all the same.
pub fn execute(order: &Order) -> Result<u8, Failure> {
    let setup = &order.setup;
    // Whether the files can be written is known before the runs, not behind them.
    let to_stdout = order.json.as_deref() == Some(Path::new("-"));
    let json_file =
        create(order.json.as_deref().filter(|_| !to_stdout)).map_err(Failure::Report)?;
    let html_file = create(order.html.as_deref()).map_err(Failure::Report)?;

    let runs = setup.runs();
    if let Some(length) = setup.length() {
        log::info!("{runs} runs, about {:.0} s", length.as_secs_f64());
    }
    let mut done = 0;
    let (results, ended) = run(setup, |run| {
        done += 1;
        log::info!("{done} of {runs}: {}", line(setup, run));
    });
    let error = ended.as_ref().err().map(CompareError::to_string);

    let report = || -> Result<(), _> {
        let as_json = format!("{:#}\n", json::json(&results, error.as_deref()));
        let json = json_file.map(|(path, mut file)| write(path, &mut file, &as_json));
        let html = html_file.map(|(path, mut file)| {
            let page = page::html(&results, &order.command, error.as_deref());
            write(path, &mut file, &page)
        });
        let shown = if to_stdout {
            Some(as_json)
        } else {
            (!results.is_empty()).then(|| show::text(&results))
        };
        let stdout = shown.map(|text| write(Path::new("stdout"), &mut io::stdout(), &text));
        // That one of them fails is told when the others are written.
        [json, html, stdout].into_iter().flatten().collect()
    };
    report().map_err(Failure::Report)?;
    match ended {
        Ok(()) => Ok(0),
        Err(CompareError::Signal(signal)) => Ok(128 + u8::try_from(signal).unwrap_or(0)),
        Err(error) => Err(Failure::Compare(error)),
    }
}

/// A run in one line.
fn line(setup: &Setup, run: &Run) -> String {
    let of = |metric: Metric| {
        let value = metric.of(&run.figures).unwrap_or(f64::NAN);
        metric.show(value)
    };
    format!(
        "round {}, {} connections, {}: {}: {} of CPU time a request, {}, p99 {}",
        run.round + 1,
        figures::count(run.connections as u64),
        run.cpus,
        setup.contenders[run.contender].name,
        of(Metric::Cpu),
        of(Metric::Rate),
        of(Metric::P99),
    )
}
