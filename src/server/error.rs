//! Why a server did not come up, or could not go on.

use std::fmt;
use std::io;

use super::bind::BindError;
use super::escape::Escaped;

/// Why a server did not come up, or could not go on.
#[derive(Debug)]
pub enum RunError {
    /// No listener.
    Bind(BindError),
    /// The ready file could not be written.
    ReadyFile(std::path::PathBuf, io::Error),
    /// The trace could not be begun.
    Trace(std::path::PathBuf, io::Error),
    /// The system refused something that a reactor needs.
    System(&'static str, io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Bind(error) => error.fmt(f),
            RunError::ReadyFile(path, error) => {
                let path = path.to_string_lossy();
                write!(f, "cannot write the ready file {}: {error}", Escaped(&path))
            }
            RunError::Trace(path, error) => {
                let path = path.to_string_lossy();
                write!(f, "cannot write the trace {}: {error}", Escaped(&path))
            }
            RunError::System(what, error) => write!(f, "cannot {what}: {error}"),
        }
    }
}

impl std::error::Error for RunError {}
