//! `nbcaser trace` as a whole: read a trace, and show it.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::events::Trace;
use super::read::{ReadError, read};
use super::summary::Summary;
use super::{page, tables};
use crate::server::escape::Escaped;

/// What is asked for on the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// The trace.
    pub trace: PathBuf,
    /// Where the page goes.
    pub html: Option<PathBuf>,
    /// Which part of it the timeline shows.
    pub window: Window,
}

/// A part of a trace. What is not said is chosen so that the longest turn is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// Its begin.
    pub from: Option<Duration>,
    /// Its length.
    pub length: Option<Duration>,
}

/// How long it is if only its begin is said.
const LENGTH: u64 = 1_000_000;

impl Window {
    /// From when to when, in nanoseconds.
    fn place(self, trace: &Trace, summary: &Summary) -> (u64, u64) {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let longest = tables::longest(summary).first().copied().copied();
        let (from, length) = match (self.from.map(nanos), self.length.map(nanos), longest) {
            (Some(from), length, _) => (from, length.unwrap_or(LENGTH)),
            (None, Some(length), Some(turn)) => (turn.from, length),
            (None, Some(length), None) => (0, length),
            (None, None, Some(turn)) => {
                let air = turn.took() / 10;
                (turn.from.saturating_sub(air), turn.took() + 2 * air)
            }
            (None, None, None) => (0, trace.length()),
        };
        (from, from.saturating_add(length.max(1)))
    }
}

/// Why there is no report.
#[derive(Debug)]
pub enum OrderError {
    /// There is nothing to report.
    Read(PathBuf, ReadError),
    /// The report has no place to go to.
    Write(PathBuf, io::Error),
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, path, error): (_, _, &dyn fmt::Display) = match self {
            OrderError::Read(path, error) => ("read the trace", path, error),
            OrderError::Write(path, error) => ("write", path, error),
        };
        let path = path.to_string_lossy();
        write!(f, "cannot {what} {}: {error}", Escaped(&path))
    }
}

impl std::error::Error for OrderError {}

/// Does it: figures on stdout, and the page.
///
/// # Errors
/// There is no trace in the file, or the report has no place to go to. The page's file is not touched before the trace
/// was read.
pub fn execute(order: &Order) -> Result<(), OrderError> {
    let path = &order.trace;
    let trace = read(path).map_err(|error| OrderError::Read(path.clone(), error))?;
    let summary = Summary::new(&trace);
    for remark in tables::remarks(&trace) {
        let path = path.to_string_lossy();
        log::warn!("{}: {remark}", Escaped(&path));
    }
    if let Some(html) = &order.html {
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy();
        let window = order.window.place(&trace, &summary);
        let page = page::html(&name, &trace, &summary, window);
        let written = File::create(html).and_then(|mut file| file.write_all(page.as_bytes()));
        written.map_err(|error| OrderError::Write(html.clone(), error))?;
    }
    let tables = tables::tables(&trace, &summary).map(|table| format!("\n{table}"));
    let headline = tables::headline(&trace, &summary);
    let text = format!("{}\n{}", Escaped(&headline), tables.concat());
    let mut stdout = io::stdout();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        // Who closed stdout does not want the figures.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(OrderError::Write(Path::new("stdout").into(), error))
        }
        _ => Ok(()),
    }
}
