//! From the file to events.
//!
//! A file may come from anywhere, so nothing in it is believed: it has so many bytes at the most, and so has a line; a time
//! is a time, and a name is cut where it would be longer than a name of ours.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use super::events::{Event, Kind, LOOP, Trace};
use crate::server::trace::file::{FIRST, LIMIT};

/// The most bytes of a line, many times what one of ours has.
const LINE: usize = 64 << 10;
/// The most letters of a name.
const NAME: usize = 100;
/// The most loops: as many as `--workers` can be.
const LOOPS: u64 = 1024;
/// No time is beyond it: 31 years, in microseconds.
const LATEST: f64 = 1e15;

/// Why there is nothing to be seen.
#[derive(Debug)]
pub enum ReadError {
    /// It cannot be read.
    Io(io::Error),
    /// It is something else.
    Foreign,
    /// It is longer than any trace.
    TooLong,
    /// That line is no event.
    Line(usize, String),
    /// It ends before anything happened.
    Empty,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(error) => error.fmt(f),
            ReadError::Foreign => f.write_str("it is not a trace of nbcaser serve --trace"),
            ReadError::TooLong => write!(f, "it has more than {LIMIT} bytes, the most of a trace"),
            ReadError::Line(number, error) => write!(f, "line {number} is no event: {error}"),
            ReadError::Empty => f.write_str("it ends before anything happened"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads a trace file.
///
/// # Errors
/// It is no trace, or there is nothing in it. One that is cut off is read as far as it goes.
pub fn read(path: &Path) -> Result<Trace, ReadError> {
    let file = File::open(path).map_err(ReadError::Io)?;
    parse(BufReader::new(file))
}

/// The same, from any source.
///
/// # Errors
/// As [`read()`].
pub fn parse(source: impl BufRead) -> Result<Trace, ReadError> {
    // The first and the last lines do not count for the limit.
    let most = LIMIT as u64 + 1024;
    let mut source = source.take(most);
    let mut trace = Trace::default();
    let mut line = Vec::new();
    let (mut number, mut has_ended) = (0, false);
    while next_line(&mut source, &mut line).map_err(ReadError::Io)? {
        number += 1;
        if source.limit() == 0 {
            return Err(ReadError::TooLong);
        }
        let is_last = !line.ends_with(b"\n") && line.len() < LINE;
        let text = line.trim_ascii();
        match (number, text) {
            (1, b"[") => continue,
            (2, text) if text.strip_suffix(b",") == Some(FIRST.as_bytes()) => continue,
            (1 | 2, _) => return Err(ReadError::Foreign),
            (_, b"]") => {
                has_ended = true;
                break;
            }
            _ => {}
        }
        match event(text.strip_suffix(b",").unwrap_or(text), &mut trace) {
            Ok(event) => trace.events.extend(event),
            // Where the disk was full, or the server was killed.
            Err(_) if is_last => break,
            Err(error) => return Err(ReadError::Line(number, error)),
        }
    }
    if number < 2 {
        return Err(ReadError::Foreign);
    }
    if trace.events.is_empty() {
        return Err(ReadError::Empty);
    }
    if !has_ended {
        trace.cut_off = Some(format!("it is cut off in line {number}"));
    }
    trace.settle();
    Ok(trace)
}

/// The next line, with its end if it has one. False: there is none.
fn next_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    source.take(LINE as u64).read_until(b'\n', line)?;
    Ok(!line.is_empty())
}

/// The event in a line, if it is of a kind that is drawn.
fn event(text: &[u8], trace: &mut Trace) -> Result<Option<Event>, String> {
    let json: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let name = json["name"].as_str().ok_or("it has no name")?;
    let arguments = &json["args"];
    if json["ph"] == "M" {
        if name == "end" {
            trace.lost = arguments["lost"].as_u64().unwrap_or(0);
            trace.is_full = arguments["full"] == true;
        }
        return Ok(None);
    }
    let text = |key: &str| arguments[key].as_str().unwrap_or_default();
    let (kind, owner, note) = match name {
        _ if text("what") == "poll" => (Kind::Poll, name, ""),
        "turn" => (Kind::Turn, "", ""),
        "read" => (Kind::Read, "", text("error")),
        "write" => (Kind::Write, "", text("error")),
        "accept" | "connect" | "shutdown" | "close" => (Kind::Call, "", name),
        "wake" => (Kind::Wake, text("task"), text("by")),
        "timer armed" | "timer fired" => (Kind::Timer, text("task"), name),
        _ => return Ok(None),
    };
    let nanoseconds = |value: &Value| {
        let micros = value.as_f64().filter(|t| (0.0..=LATEST).contains(t));
        Ok::<_, String>((micros.ok_or("its time is none")? * 1000.0).round() as u64)
    };
    let from = nanoseconds(&json["ts"])?;
    let took = match &json["dur"] {
        Value::Null => 0,
        duration => nanoseconds(duration)?,
    };
    let tid = json["tid"].as_u64().filter(|tid| *tid < LOOPS);
    let short = |text: &str| text.chars().take(NAME).collect::<String>();
    Ok(Some(Event {
        kind,
        tid: tid.ok_or("it is of no loop")? as u32,
        from,
        to: from + took,
        owner: if owner.is_empty() {
            LOOP
        } else {
            trace.place(&short(owner))
        },
        bytes: arguments["bytes"].as_u64().unwrap_or(0),
        note: trace.place(&short(note)),
    }))
}

#[cfg(test)]
mod tests;
