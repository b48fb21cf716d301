//! The log: from the macros of the [`log`] crate to stderr.
//!
//! `env_logger` formats and filters; what it has formatted goes into a queue of [`QUEUE`] bytes, and one thread writes it.
//! So nothing in this program waits for stderr but that thread, and nothing dies of it.

use std::any::Any;
use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::fd::RawFd;
use std::panic::{self, PanicHookInfo};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use env_logger::{Target, WriteStyle};
use log::LevelFilter;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::SigSet;
use nix::unistd::close;

use super::queue::Queue;
use crate::server::escape::Escaped;
use crate::server::signals::Held;

/// The most bytes of log that wait for stderr: 1 MiB. What comes beyond them is dropped and counted.
pub const QUEUE: usize = 1024 * 1024;

/// How long the end of the program waits for stderr to take what is queued.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// The running log. Dropping it is [`Log::finish`].
#[must_use = "dropped, it takes no more lines"]
pub struct Log {
    queue: Arc<Queue>,
    /// Whether all was written at the end, once that has come.
    finished: OnceLock<bool>,
}

impl Log {
    /// Sends everything that is logged from now on, and every panic, to stderr.
    ///
    /// `level` is what is shown unless `RUST_LOG` says otherwise; `RUST_LOG_STYLE` is honoured too. Colours are for
    /// terminals.
    ///
    /// # Errors
    ///
    /// The system has no thread for it, or a logger is installed already.
    pub fn init(level: LevelFilter) -> io::Result<Log> {
        let mut builder = env_logger::Builder::new();
        let refused = set_filter(
            &mut builder,
            level,
            std::env::var("RUST_LOG").ok().as_deref(),
        );
        builder.write_style(style()).format_target(false);

        // Or it could take one before it has set its own mask.
        let signals = Held::new();
        let queue = Queue::start(QUEUE, || {
            leave_descriptors();
            io::stderr()
        })?;
        drop(signals);
        let log = Log {
            queue,
            finished: OnceLock::new(),
        };
        builder.target(Target::Pipe(Box::new(Sink(Arc::clone(&log.queue)))));
        builder.try_init().map_err(io::Error::other)?;
        panic::set_hook(Box::new(log_panic));
        if let Some(reason) = refused {
            log::warn!("RUST_LOG is ignored: {}", Escaped(&reason));
        }
        Ok(log)
    }

    /// How many lines were lost so far because stderr did not take them.
    pub fn dropped(&self) -> u64 {
        self.queue.lost()
    }

    /// Takes no more lines and gives stderr at most [`LAST_WORDS`] to take those that wait.
    ///
    /// Returns whether it was done in that time. Lines that stderr refused were dealt with: they are [dropped](Log::dropped).
    pub fn finish(&self) -> bool {
        let finish = || self.queue.finish(LAST_WORDS);
        *self.finished.get_or_init(finish)
    }

    /// The last words of a run that failed: `nbcaser: MESSAGE`, one line behind all that was logged, whatever the level.
    /// Then [`Log::finish`]; the status is 1.
    pub fn die(&self, message: &impl Display) -> ExitCode {
        self.queue.push(last_line(message).as_bytes());
        self.finish();
        ExitCode::FAILURE
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The same last words where there is no [`Log`] yet: straight to stderr. It may wait for stderr, it never panics.
pub fn die(message: &impl Display) -> ExitCode {
    // `eprintln!` would panic where nobody listens any more.
    let _ = io::stderr().write_all(last_line(message).as_bytes());
    ExitCode::FAILURE
}

fn last_line(message: &impl Display) -> String {
    format!("nbcaser: {}\n", Escaped(&message.to_string()))
}

/// Takes the calling thread out of the table of descriptors that all threads share: it has a copy from then on, of which it
/// keeps stdin, stdout and stderr. Where that cannot be done, as the filters of some containers forbid it, all stays as it was.
///
/// A table that two threads share makes each system call on a descriptor count that it uses it, up and down: a single
/// reactor takes 3 % less for a request if it has its table for itself.
fn leave_descriptors() {
    const OPEN: &str = "/proc/thread-self/fd";
    // A signal that is handled here would be told to a descriptor that is not in this table.
    let deaf = SigSet::all().thread_block();
    // Without a list of what it would hold, better no table.
    if deaf.is_err() || fs::read_dir(OPEN).is_err() || unshare(CloneFlags::CLONE_FILES).is_err() {
        return;
    }
    // What was inherited, such as a listener, must be closed when the server closes it.
    let open = fs::read_dir(OPEN).into_iter().flatten().flatten();
    let numbers: Vec<RawFd> = open
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|&number| number > 2) {
        let _ = close(number); // one of them was the list itself
    }
}

/// Where `env_logger` writes: it hands over one whole record a call.
struct Sink(Arc<Queue>);

impl Write for Sink {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.0.push(record);
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sets what is shown. Returns why `spec`, the value of `RUST_LOG`, could not be used.
fn set_filter(
    builder: &mut env_logger::Builder,
    level: LevelFilter,
    spec: Option<&str>,
) -> Option<String> {
    builder.filter_level(level);
    let spec = spec.filter(|spec| !spec.trim().is_empty())?;
    // `parse_filters` warns of a bad one by `eprintln!`, which panics where stderr is closed: so ask beforehand.
    if let Err(error) = env_filter::Builder::new().try_parse(spec) {
        return Some(error.to_string());
    }
    // A builder of its own, for a level left over from above would show what the user did not ask for.
    *builder = env_logger::Builder::new();
    builder.parse_filters(spec);
    None
}

/// What `RUST_LOG_STYLE` asks for. Left to itself `env_logger` sees a pipe, ours, and would never colour.
fn style() -> WriteStyle {
    let is =
        |name: &str, test: fn(&str) -> bool| std::env::var(name).is_ok_and(|value| test(&value));
    if is("RUST_LOG_STYLE", |v| v == "always") {
        return WriteStyle::Always;
    }
    let plain = is("RUST_LOG_STYLE", |v| v == "never")
        || is("NO_COLOR", |v| !v.is_empty())
        || is("TERM", |v| v == "dumb");
    if io::stderr().is_terminal() && !plain {
        WriteStyle::Always
    } else {
        WriteStyle::Never
    }
}

/// The panic hook: one line in the log, in place of several on a stderr that it would wait for.
fn log_panic(info: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let place = info
        .location()
        .map_or_else(|| "an unknown place".into(), ToString::to_string);
    log::error!(
        "panic in thread {} at {place}: {}",
        thread.name().unwrap_or("without a name"),
        Escaped(message(info.payload()))
    );
}

/// What `panic!` was called with, where it was text.
fn message(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
