//! The flags of `serve`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::cli::units;
use crate::server::Settings;
use crate::server::address::Address;
use crate::server::settings::Model;

/// The longest `--max-line`, in bytes: 64 MiB. Everybody else waits while one line is cased, about a third of a second for
/// this one.
const LONGEST_LINE: usize = 64 << 20;

/// The least `--max-memory`, in bytes: 1 MiB. Two or three lines of the default limit with their replies fit; with less
/// the server would do nothing but turn clients away.
const LEAST_MEMORY: usize = 1 << 20;

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

    /// How the server waits for its clients.
    #[arg(long, value_enum, value_name = "MODEL", default_value = "reactor")]
    #[arg(help = "Wait for all clients in one thread (reactor), or for each in its own (threads)")]
    #[arg(hide_possible_values = true)]
    pub model: Model,

    /// How many reactors serve side by side, from 1 to 1024.
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    #[arg(help = "Serve with N reactors, each on a thread of its own")]
    pub workers: usize,

    /// From the start to the first announcement; zero = as long as between two. Like all durations here it is zero, or
    /// from [`SHORTEST`](units::SHORTEST) to [`LONGEST`](units::LONGEST).
    #[arg(long, value_name = "TIME", default_value = "1s")]
    #[arg(value_parser = units::duration)]
    #[arg(
        help = "Announce that the loop runs this long after the start; 0 = after --announce-every"
    )]
    pub announce_delay: Duration,

    /// From one announcement to the next; zero = there is none, not even the first.
    #[arg(long, value_name = "TIME", default_value = "15s")]
    #[arg(value_parser = units::duration)]
    #[arg(help = "Announce it again each time this has passed; 0 = never, nor the first time")]
    pub announce_every: Duration,

    /// The most clients at a time, at least 1; `None` if the user did not say.
    #[arg(long, value_name = "N")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    #[arg(help = "Serve at most N clients at a time [default: what the descriptor limit allows]")]
    pub max_connections: Option<usize>,

    /// The longest line in bytes, without its end, from 1 to 64 MiB.
    #[arg(long, value_name = "SIZE", default_value = "256KiB")]
    #[arg(value_parser = line_size)]
    #[arg(help = "Refuse lines longer than this, up to 64MiB")]
    pub max_line: usize,

    /// The most bytes in the buffers of all connections together, at least 1 MiB.
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    #[arg(value_parser = memory_size)]
    #[arg(help = "Keep the buffers of all clients together below this, at least 1MiB")]
    pub max_memory: usize,

    /// How long a connection may stand still; zero = for ever.
    #[arg(long, value_name = "TIME", default_value = "0")]
    #[arg(value_parser = units::duration)]
    #[arg(help = "Close a connection on which nothing has moved for this long; 0 = never")]
    pub idle_timeout: Duration,

    /// How long the connections may take to end once the server is told to stop; zero = no time.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    #[arg(value_parser = units::duration)]
    #[arg(help = "Take at most this long to answer what has arrived when told to stop")]
    pub drain: Duration,

    /// The file that gets the bound addresses, if any.
    #[arg(long, value_name = "FILE")]
    #[arg(help = "Write the bound addresses to FILE once clients can connect")]
    pub ready_file: Option<PathBuf>,

    /// The file that gets what the loops do, if any.
    #[arg(long, value_name = "FILE")]
    #[arg(help = "Write what the loop does to FILE, as Chrome trace events, 64MiB at the most")]
    pub trace: Option<PathBuf>,
}

impl ServeArgs {
    /// What no flag alone can tell to be wrong.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.model == Model::Threads && self.workers > 1 {
            return Err(
                "--workers are reactors: with --model threads each client has a thread already",
            );
        }
        if self.model == Model::Threads && self.trace.is_some() {
            return Err("--trace is of the reactor's loop: with --model threads there is none");
        }
        Ok(())
    }
}

impl From<ServeArgs> for Settings {
    fn from(arguments: ServeArgs) -> Settings {
        let ServeArgs {
            listen,
            model,
            workers,
            announce_delay,
            announce_every,
            max_connections,
            max_line,
            max_memory,
            idle_timeout,
            drain,
            ready_file,
            trace,
        } = arguments;
        Settings {
            listen,
            model,
            workers,
            announce_delay,
            announce_every,
            max_connections,
            max_line,
            max_memory,
            idle_timeout,
            drain,
            ready_file,
            trace,
        }
    }
}

fn line_size(text: &str) -> Result<usize, String> {
    units::size(text, 1, LONGEST_LINE)
}

fn memory_size(text: &str) -> Result<usize, String> {
    // What no allocation could hold is no limit: sums of it would overflow.
    units::size(text, LEAST_MEMORY, isize::MAX as usize)
}
