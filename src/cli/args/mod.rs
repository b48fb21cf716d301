//! What can be asked for on the command line, and what is said to who asks wrongly.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process;

use clap::builder::Styles;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use log::LevelFilter;

use crate::server::escape;

mod compare;
mod load;
mod serve;
mod trace;
mod traffic;

pub use compare::{CompareArgs, Models, Where};
pub use load::LoadArgs;
pub use serve::ServeArgs;
pub use trace::TraceArgs;
pub use traffic::TrafficArgs;

/// A command line that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Cli {
    /// What to log unless `RUST_LOG` says otherwise.
    pub level: LevelFilter,
    /// What to do.
    pub command: Command,
}

/// What the program is to do.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Command {
    /// Serve lines; what is done if no command is given
    #[command(after_help = MORE)]
    Serve(ServeArgs),
    /// Load a server with many clients, check every reply, and tell how fast it was
    #[command(after_help = load::MORE)]
    Load(LoadArgs),
    /// Compare servers under the same load: what each of them costs
    #[command(after_help = compare::MORE)]
    Compare(CompareArgs),
    /// Show what serve --trace wrote: figures, and a page with a timeline
    #[command(after_help = trace::MORE)]
    Trace(TraceArgs),
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
  SIGUSR1          tell in the log what the loop did until now

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
    let matches = Line::command().try_get_matches_from(with_negatives(args))?;
    refuse_flags_before_the_command(&matches)?;
    let line = Line::from_arg_matches(&matches)?;
    let command = line.command.unwrap_or(Command::Serve(line.serve));
    let checked = match &command {
        Command::Serve(arguments) => arguments.check(),
        Command::Load(arguments) => arguments.check(),
        Command::Compare(arguments) => arguments.check(),
        Command::Trace(_) => Ok(()),
    };
    checked.map_err(|what| Line::command().error(ErrorKind::ArgumentConflict, what))?;
    Ok(Cli {
        level: level(line.verbose, line.quiet),
        command,
    })
}

/// Joins `--drain -5s` to `--drain=-5s`: no flag begins with a digit, so this is a value, and clap says what is wrong with
/// it. To have clap take whatever begins with a hyphen for a value would not do: where one is forgotten, that would be
/// the next flag.
fn with_negatives(args: &[OsString]) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    let end = args
        .iter()
        .position(|arg| arg == "--")
        .unwrap_or(args.len());
    for (n, arg) in args.iter().enumerate() {
        match (joined.last_mut(), arg.as_encoded_bytes()) {
            (Some(flag), [b'-', b'0'..=b'9', ..]) if n < end && is_bare_flag(flag) => {
                flag.push("=");
                flag.push(arg);
            }
            _ => joined.push(arg.clone()),
        }
    }
    joined
}

/// A flag without a value behind it: `-d`, `--drain`.
fn is_bare_flag(arg: &OsStr) -> bool {
    match arg.as_encoded_bytes() {
        [b'-', b'-', name @ ..] => !name.is_empty() && !name.contains(&b'='),
        [b'-', letter] => letter.is_ascii_alphabetic(),
        _ => false,
    }
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
        let message = match command {
            "serve" => format!("write --{flag} behind the command: nbcaser serve --{flag} ..."),
            other => format!("--{flag} is for serve, and not for {other}"),
        };
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

#[cfg(test)]
mod tests;
