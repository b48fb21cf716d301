//! The flags of `load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::traffic::{ONE_FILE, TrafficArgs, some_time};
use crate::cli::units;
use crate::load::{Condition, Order, Plan};
use crate::server::address::Address;

/// The flags of `load`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct LoadArgs {
    /// The server.
    #[arg(value_name = "ADDR", default_value = "localhost:9600")]
    #[arg(help = "The server: HOST:PORT, [IPV6]:PORT or unix:PATH")]
    pub target: Address,

    /// What is sent, and by whom.
    #[command(flatten)]
    pub traffic: TrafficArgs,

    /// How long the load lasts; `None` if the user did not say.
    #[arg(short, long, value_name = "TIME", value_parser = some_time)]
    #[arg(
        help = "How long the load that counts lasts [default: 10s, or until -n lines are answered]"
    )]
    pub duration: Option<Duration>,

    /// How many lines count.
    #[arg(short = 'n', long, value_name = "N")]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    #[arg(help = "Send N lines that count, and no more")]
    pub requests: Option<u64>,

    /// Load before that; `None` if the user did not say.
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    #[arg(
        help = "Load that does not count, before the load that does [default: 1s, or 0 with -n]"
    )]
    pub warmup: Option<Duration>,

    /// The server's process.
    #[arg(long, value_name = "PID")]
    #[arg(
        help = "Tell what the server's process takes: CPU time, memory, also for each idle connection"
    )]
    pub server_pid: Option<u32>,

    /// Where the report goes as JSON.
    #[arg(long, value_name = "FILE")]
    #[arg(help = "Write the report as JSON to FILE; - is stdout, instead of the text")]
    pub json: Option<PathBuf>,

    /// Where the report goes as a page.
    #[arg(long, value_name = "FILE")]
    #[arg(help = "Write the report as one HTML page to FILE")]
    pub html: Option<PathBuf>,

    /// What makes the run a failure.
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    #[arg(
        help = "Exit with status 1 if this is so, like 'p99>5ms' or 'rate<10000'; may be repeated"
    )]
    pub fail_if: Vec<Condition>,
}

/// What stands below the flags.
pub(super) const MORE: &str = r"Durations: 250ms, 15s, 1m 30s, 1h. Rates: 5000, 20k, 1.5M.

What --fail-if compares (with <, <=, > or >=):
  p50 p75 p90 p99 p99.9 p99.99 max   latency from the intended send; with sent-
                                     before it, from the actual send
  connect-p99 session-p99 ping-p99   connects; whole connections of --churn;
  and the like                       pings of --idle
  rate requests errors mismatches unsent cpu

Examples:
  nbcaser load                                  64 connections, for 10 s
  nbcaser load -c 1000 -p 16 --html run.html    pipelined, and a page to look at
  nbcaser load --rate 20k --fail-if 'p99>5ms'   on schedule, and judged
  nbcaser load -n 100000 --json -               so many lines, for a program
  nbcaser load -c 8 --idle 10000 --ramp 2000    a silent crowd beside a few
  nbcaser load unix:nbcaser.sock --churn        connections come and go
  nbcaser load --line-length 1-1000 --title-share 30% --unicode-share 10%

Signals:
  SIGINT, SIGTERM, SIGHUP  end the run; the report is printed all the same.
                           A second one does not wait for the last replies

Exit status:
  0         every reply was right, and nothing of --fail-if is so
  1         an error, a wrong reply, overload, or something of --fail-if is so
  2         wrong usage
  128 + N   ended by a signal, of number N: 130, 143, 129";

impl LoadArgs {
    /// What no flag alone can tell to be wrong.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let traffic = &self.traffic;
        let wrong = [
            (
                matches!(self.target, Address::Fd(_)),
                "a descriptor is nothing to connect to: write HOST:PORT, [IPV6]:PORT or unix:PATH",
            ),
            (
                traffic.connections + traffic.idle + traffic.slow_readers == 0,
                "there is nothing to do without --connections, --idle or --slow-readers",
            ),
            (
                traffic.connections == 0 && self.requests.is_some(),
                "--requests needs --connections to send lines",
            ),
            (self.json.is_some() && self.json == self.html, ONE_FILE),
        ];
        wrong
            .into_iter()
            .find(|(is_so, _)| *is_so)
            .map_or_else(|| traffic.check(), |(_, what)| Err(what))
    }
}

impl From<LoadArgs> for Order {
    fn from(arguments: LoadArgs) -> Order {
        let defaults = Plan::default();
        let is_counted = arguments.requests.is_some();
        let plan = Plan {
            target: arguments.target,
            warmup: arguments.warmup.unwrap_or(if is_counted {
                Duration::ZERO
            } else {
                defaults.warmup
            }),
            duration: arguments
                .duration
                .or(defaults.duration.filter(|_| !is_counted)),
            requests: arguments.requests,
            server_pid: arguments.server_pid,
            ..arguments.traffic.into()
        };
        Order {
            plan,
            conditions: arguments.fail_if,
            json: arguments.json,
            html: arguments.html,
        }
    }
}
