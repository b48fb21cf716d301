//! `nbcaser load` as a whole: a run, its reports, and the exit status.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::live::Live;
use super::outcome::Ended;
use super::plan::Plan;
use super::run::{LoadError, run};
use super::verdict::{Condition, failures};
use super::{html, json, text};

/// What is asked for on the command line.
#[derive(Clone, Debug)]
pub struct Order {
    /// The run.
    pub plan: Plan,
    /// What makes it a failure.
    pub conditions: Vec<Condition>,
    /// Where the report goes as JSON; `-` is stdout, instead of the text.
    pub json: Option<PathBuf>,
    /// Where it goes as a page.
    pub html: Option<PathBuf>,
}

/// Why there is no report.
#[derive(Debug)]
pub enum OrderError {
    /// There was no run.
    Load(LoadError),
    /// The report has no place to go to.
    Write(PathBuf, io::Error),
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderError::Load(error) => error.fmt(f),
            OrderError::Write(path, error) => write!(f, "cannot write {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for OrderError {}

/// Does it. Gives the exit status: 0, 1 for a failure, 128 and the signal's number if one ended the run.
///
/// # Errors
/// There is no report.
pub fn execute(order: &Order) -> Result<u8, OrderError> {
    let Order {
        plan,
        conditions,
        json,
        html,
    } = order;
    // Whether the files can be written is known before the run, not behind it.
    let to_stdout = json.as_deref() == Some(Path::new("-"));
    let json_file = create(json.as_deref().filter(|_| !to_stdout))?;
    let html_file = create(html.as_deref())?;
    let live = Live::new(plan);
    let outcome = run(plan, live.observer()).map_err(OrderError::Load)?;
    drop(live);

    let failures = failures(&outcome, conditions);
    let as_json = format!("{:#}\n", json::json(plan, &outcome, &failures));
    let shown = if to_stdout {
        as_json.clone()
    } else {
        text::text(plan, &outcome, &failures)
    };
    let json = json_file.map(|(path, mut file)| write(path, &mut file, &as_json));
    let html = html_file
        .map(|(path, mut file)| write(path, &mut file, &html::html(plan, &outcome, &failures)));
    let stdout = write(Path::new("stdout"), &mut io::stdout(), &shown);
    // That one of them fails is told when the others are written.
    [json, html, Some(stdout)]
        .into_iter()
        .flatten()
        .collect::<Result<(), _>>()?;
    Ok(match outcome.ended {
        Ended::Signal(signal) => 128 + u8::try_from(signal).unwrap_or(0),
        _ => u8::from(!failures.is_empty()),
    })
}

pub(super) fn create(path: Option<&Path>) -> Result<Option<(&Path, File)>, OrderError> {
    let Some(path) = path else { return Ok(None) };
    match File::create(path) {
        Ok(file) => Ok(Some((path, file))),
        Err(error) => Err(OrderError::Write(path.into(), error)),
    }
}

pub(super) fn write(path: &Path, file: &mut impl Write, text: &str) -> Result<(), OrderError> {
    match file.write_all(text.as_bytes()).and_then(|()| file.flush()) {
        // Who closed stdout does not want the report: the status tells him enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(OrderError::Write(path.into(), error))
        }
        _ => Ok(()),
    }
}
