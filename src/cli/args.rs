//! What can be asked for on the command line, and what is said to who asks wrongly.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use clap::builder::{RangedU64ValueParser, Styles};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use log::LevelFilter;

use super::units;
use crate::server::Settings;
use crate::server::address::Address;
use crate::server::escape;

/// The longest `--max-line`, in bytes: 64 MiB. Everybody else waits while one line is cased, about a second for this one.
const LONGEST_LINE: usize = 64 << 20;

/// The least `--max-memory`, in bytes: 1 MiB. Two or three lines of the default limit with their replies fit; with less
/// the server would do nothing but turn clients away.
const LEAST_MEMORY: usize = 1 << 20;

/// A command line that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cli {
    /// What to log unless `RUST_LOG` says otherwise.
    pub level: LevelFilter,
    /// What to do.
    pub command: Command,
}

/// What the program is to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve lines; what is done if no command is given
    #[command(after_help = MORE)]
    Serve(ServeArgs),
}

/// The flags of `serve`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ServeArgs {
    /// Where to listen; empty if the user did not say.
    #[arg(long, value_name = "ADDR")]
    #[arg(
        help = "Listen on HOST:PORT, [IPV6]:PORT, unix:PATH or fd:N; may be repeated \
                  [default: localhost:9600]"
    )]
    pub listen: Vec<Address>,

    /// How many reactors serve side by side, from 1 to 1024.
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    #[arg(help = "Serve with N reactors, each on a thread of its own")]
    pub workers: usize,

    /// From the start to the first announcement; zero = off. Like all durations here it is zero, or from
    /// [`SHORTEST`](units::SHORTEST) to [`LONGEST`](units::LONGEST).
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1s",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = units::duration)]
    #[arg(help = "Announce that the loop runs this long after the start; 0 = off")]
    pub announce_delay: Duration,

    /// From one announcement to the next; zero = off.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "15s",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = units::duration)]
    #[arg(help = "Announce it again each time this has passed; 0 = off")]
    pub announce_every: Duration,

    /// The most clients at a time, at least 1; `None` if the user did not say.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    #[arg(help = "Serve at most N clients at a time [default: what the descriptor limit allows]")]
    pub max_connections: Option<usize>,

    /// The longest line in bytes, without its end, from 1 to 64 MiB.
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "256KiB",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = line_size)]
    #[arg(help = "Refuse lines longer than this, up to 64MiB")]
    pub max_line: usize,

    /// The most bytes in the buffers of all connections together, at least 1 MiB.
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "256MiB",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = memory_size)]
    #[arg(help = "Keep the buffers of all clients together below this, at least 1MiB")]
    pub max_memory: usize,

    /// How long a connection may stand still; zero = for ever.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = units::duration)]
    #[arg(help = "Close a connection on which nothing has moved for this long; 0 = never")]
    pub idle_timeout: Duration,

    /// How long the connections may take to end once the server is told to stop; zero = no time.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5s",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = units::duration)]
    #[arg(help = "Take at most this long to answer what has arrived when told to stop")]
    pub drain: Duration,

    /// The file that gets the bound addresses, if any.
    #[arg(long, value_name = "FILE")]
    #[arg(help = "Write the bound addresses to FILE once clients can connect")]
    pub ready_file: Option<PathBuf>,
}

impl From<ServeArgs> for Settings {
    fn from(arguments: ServeArgs) -> Settings {
        let ServeArgs {
            listen,
            workers,
            announce_delay,
            announce_every,
            max_connections,
            max_line,
            max_memory,
            idle_timeout,
            drain,
            ready_file,
        } = arguments;
        Settings {
            listen,
            workers,
            announce_delay,
            announce_every,
            max_connections,
            max_line,
            max_memory,
            idle_timeout,
            drain,
            ready_file,
        }
    }
}

/// The command line as clap sees it: the flags of `serve` also stand alone.
#[derive(Debug, Parser)]
#[command(
    name = "nbcaser",
    // Else the usage shows the path by which the program was called, whatever is in it.
    bin_name = "nbcaser",
    version,
    about = "Upper-case or title-case the lines that clients send over TCP",
    after_help = MORE,
    // `in_plain_text` counts on it.
    styles = Styles::plain(),
    max_term_width = 100
)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: ServeArgs,

    /// Log more: once the clients' lines, twice all
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Log less: once warnings, twice errors, three times nothing
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    quiet: u8,
}

/// What stands below the flags. Lines of at most 80 columns: clap would wrap longer ones, in the middle of a table.
const MORE: &str = r"Durations: 250ms, 15s, 1m 30s, 1h. Sizes: 65536, 64KB (1000 each), 64KiB (1024).

Examples:
  nbcaser                                     serve on localhost:9600
  nc localhost 9600                           talk to it; quit ends it
  printf 'hello\nquit\n' | nc localhost 9600  two lines, and the end
  nbcaser --listen 0.0.0.0:9600               serve the whole network
  nbcaser --listen unix:nbcaser.sock          serve on a Unix socket,
  nc -U nbcaser.sock                          and talk to it

Signals:
  SIGINT, SIGTERM  answer what has arrived and exit, within --drain;
                   a second one ends it at once
  SIGHUP           the same, unless it was ignored at the start (nohup)

Environment:
  RUST_LOG         what to log, like debug; it wins over -v and -q
  RUST_LOG_STYLE   colours in the log: auto, always or never
  LISTEN_FDS       inherited sockets (systemd), served if no --listen is given
  NOTIFY_SOCKET    gets READY=1 (systemd)

Exit status:
  0         told to stop, and every reply was sent
  1         it could not start, or replies were cut off
  2         wrong usage
  128 + N   ended at once by a second signal, of number N: 130, 143, 129";

/// Reads the program's arguments. On `--help` and `--version`, and on wrong usage (status 2), it ends the program.
pub fn parse() -> Cli {
    try_parse_from(std::env::args_os()).unwrap_or_else(|error| {
        let text = in_plain_text(&error);
        // Who closed stdout does not want the help: no reason to panic, nor to fail.
        let _ = if error.use_stderr() {
            io::stderr().write_all(text.as_bytes())
        } else {
            io::stdout()
                .write_all(text.as_bytes())
                .and_then(|()| io::stdout().flush())
        };
        process::exit(error.exit_code())
    })
}

/// Reads these arguments, the first of which is the name of the program.
///
/// # Errors
///
/// Wrong usage, or the call for help or the version, as [`clap`] tells them; [`in_plain_text`] shows them.
pub fn try_parse_from<T: Into<OsString>>(
    args: impl IntoIterator<Item = T>,
) -> Result<Cli, clap::Error> {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    read(&args).map_err(|error| {
        // A message quotes the argument at fault. Were it to hold a line end, no one could tell it from ours any more: so
        // ask for the message once more, with every argument made harmless. (Harmless, it could also be right.)
        let harmless: Vec<OsString> = args
            .iter()
            .map(|arg| escaped(&arg.to_string_lossy()).into())
            .collect();
        match read(&harmless) {
            Err(same) if same.kind() == error.kind() => same,
            _ => error,
        }
    })
}

/// The text of an error of [`try_parse_from`]: without colours, and with nothing that a terminal would obey.
pub fn in_plain_text(error: &clap::Error) -> String {
    // `to_string` would leave out what a terminal obeys, though the user should see it; `ansi` leaves it in, and as there
    // are no styles it is all from the user.
    let text = error.render().ansi().to_string();
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A `String` takes everything.
    let _ = escape::escape(text, &mut out);
    out
}

fn read(args: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = Line::command().try_get_matches_from(args)?;
    refuse_flags_before_the_command(&matches)?;
    let line = Line::from_arg_matches(&matches)?;
    Ok(Cli {
        level: level(line.verbose, line.quiet),
        command: line.command.unwrap_or(Command::Serve(line.serve)),
    })
}

/// `nbcaser --drain 1s serve` would lose the flag without a word: clap reads it as one of the command that was not given.
fn refuse_flags_before_the_command(matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some(command) = matches.subcommand_name() else {
        return Ok(());
    };
    let flags = ServeArgs::augment_args(clap::Command::new("flags"));
    let early = flags.get_arguments().find(|flag| {
        matches.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine)
    });
    early.and_then(clap::Arg::get_long).map_or(Ok(()), |flag| {
        let message = format!("write --{flag} behind the command: nbcaser {command} --{flag} ...");
        Err(Line::command().error(ErrorKind::ArgumentConflict, message))
    })
}

/// The level after so many `-v` and `-q`, which take each other away.
fn level(verbose: u8, quiet: u8) -> LevelFilter {
    match i16::from(verbose) - i16::from(quiet) {
        ..=-3 => LevelFilter::Off,
        -2 => LevelFilter::Error,
        -1 => LevelFilter::Warn,
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        2.. => LevelFilter::Trace,
    }
}

fn line_size(text: &str) -> Result<usize, String> {
    units::size(text, 1, LONGEST_LINE)
}

fn memory_size(text: &str) -> Result<usize, String> {
    // What no allocation could hold is no limit: sums of it would overflow.
    units::size(text, LEAST_MEMORY, isize::MAX as usize)
}

#[cfg(test)]
mod tests;
