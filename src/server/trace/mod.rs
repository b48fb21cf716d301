//! `--trace FILE`: the loop's life as a file that trace viewers open.
//!
//! | file | what it is for |
//! |---|---|
//! | `tracer` | what the loop tells becomes events, in the words of the viewers |
//! | [`mod@file`] | the bounded way from the loops to the disk, which holds none of them up |
//!
//! The form is Chrome's [trace events](https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU),
//! a JSON array with an event a line, each with its time and duration in microseconds.

pub mod file;
mod tracer;

pub use file::TraceFile;
pub(super) use tracer::Tracer;
