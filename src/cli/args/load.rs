//! The flags of `load`.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::cli::units;
use crate::load::{Condition, Mix, Order, Plan};
use crate::server::address::Address;

/// The longest line, in bytes: 16 MiB.
const LONGEST_LINE: usize = 16 << 20;
/// The most connections, lines on their way and the like: beyond what any machine holds.
const MOST: u64 = 10_000_000;
/// The highest rate, a second.
const FASTEST: f64 = 1e9;

/// The flags of `load`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct LoadArgs {
    /// The server.
    #[arg(value_name = "ADDR", default_value = "localhost:9600")]
    #[arg(help = "The server: HOST:PORT, [IPV6]:PORT or unix:PATH")]
    pub target: Address,

    /// Connections that send lines.
    #[arg(
        short,
        long,
        value_name = "N",
        default_value = "64",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(0..=MOST))]
    #[arg(help = "Connections that send lines")]
    pub connections: usize,

    /// Lines on their way on each connection, in a closed loop.
    #[arg(
        short,
        long,
        value_name = "N",
        default_value = "1",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST))]
    #[arg(help = "Lines that each connection has on their way at a time")]
    pub pipeline: usize,

    /// Lines a second; `None`: a closed loop.
    #[arg(short, long, value_name = "R", allow_negative_numbers = true, value_parser = rate)]
    #[arg(
        help = "Send R lines a second in all, on schedule whatever the replies do (open loop), \
                  like 5000 or 20k [default: each reply makes room for the next line (closed loop)]"
    )]
    pub rate: Option<f64>,

    /// How long the load lasts; `None` if the user did not say.
    #[arg(short, long, value_name = "TIME", allow_negative_numbers = true, value_parser = some_time)]
    #[arg(
        help = "How long the load that counts lasts [default: 10s, or until -n lines are answered]"
    )]
    pub duration: Option<Duration>,

    /// How many lines count.
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    #[arg(help = "Send N lines that count, and no more")]
    pub requests: Option<u64>,

    /// Load before that; `None` if the user did not say.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = units::duration)]
    #[arg(
        help = "Load that does not count, before the load that does [default: 1s, or 0 with -n]"
    )]
    pub warmup: Option<Duration>,

    /// Bytes of a line.
    #[arg(
        long,
        value_name = "N[-M]",
        default_value = "16",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = lengths)]
    #[arg(help = "Bytes of a line without its end, up to 16777216: one number, or any of a range")]
    pub line_length: RangeInclusive<usize>,

    /// The part of the lines in title case, from 0 to 1.
    #[arg(long, value_name = "P", default_value = "0", allow_negative_numbers = true, value_parser = part)]
    #[arg(help = "Which part of the lines is to come back in title case, like 0.3 or 30%")]
    pub title_share: f64,

    /// The part of the lines that is Unicode, from 0 to 1.
    #[arg(long, value_name = "P", default_value = "0", allow_negative_numbers = true, value_parser = part)]
    #[arg(help = "Which part of the lines is Unicode")]
    pub unicode_share: f64,

    /// What the lines are made from.
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        allow_negative_numbers = true
    )]
    #[arg(help = "Make other lines: the same seed makes the same")]
    pub seed: u64,

    /// Connects a second; `None`: as fast as it goes.
    #[arg(long, value_name = "R", allow_negative_numbers = true, value_parser = rate)]
    #[arg(help = "Make R connections a second [default: as fast as 64 at a time allow]")]
    pub ramp: Option<f64>,

    /// Connect, one line, quit, again.
    #[arg(long)]
    #[arg(help = "Connect, send one line, quit, and connect again, in --connections places")]
    pub churn: bool,

    /// Silent connections.
    #[arg(
        long,
        value_name = "N",
        default_value = "0",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(0..=MOST))]
    #[arg(help = "N connections more that are silent, until each sends a line at the end")]
    pub idle: usize,

    /// Connections that hardly read.
    #[arg(
        long,
        value_name = "N",
        default_value = "0",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(0..=MOST))]
    #[arg(help = "N connections more that send all they can and hardly read")]
    pub slow_readers: usize,

    /// How long a connect or a reply may take.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5s",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = some_time)]
    #[arg(help = "How long a connect or a reply may take; more is an error")]
    pub timeout: Duration,

    /// The bound of an open loop.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    #[arg(
        help = "With --rate: give up once more than N lines are due and not answered \
                  [default: what is due in a second, at least 10000]"
    )]
    pub max_in_flight: Option<u64>,

    /// The server's process.
    #[arg(long, value_name = "PID", allow_negative_numbers = true)]
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
  SIGINT, SIGTERM  end the run; the report is printed all the same.
                   A second one does not wait for the last replies

Exit status:
  0         every reply was right, and nothing of --fail-if is so
  1         an error, a wrong reply, overload, or something of --fail-if is so
  2         wrong usage
  128 + N   ended by a signal, of number N: 130, 143";

impl LoadArgs {
    /// What no flag alone can tell to be wrong.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let wrong = [
            (
                matches!(self.target, Address::Fd(_)),
                "a descriptor is nothing to connect to: write HOST:PORT, [IPV6]:PORT or unix:PATH",
            ),
            (
                self.connections + self.idle + self.slow_readers == 0,
                "there is nothing to do without --connections, --idle or --slow-readers",
            ),
            (
                self.connections == 0
                    && (self.rate.is_some() || self.requests.is_some() || self.churn),
                "--rate, --requests and --churn need --connections to send lines",
            ),
            (
                self.churn && self.rate.is_some(),
                "--churn has no schedule: its places connect again as soon as they can, so leave --rate out",
            ),
            (
                self.churn && self.ramp.is_some(),
                "--churn connects all the time: leave --ramp out",
            ),
            (
                self.pipeline > 1 && (self.churn || self.rate.is_some()),
                "--pipeline is for the closed loop: leave --churn and --rate out",
            ),
            (
                self.max_in_flight.is_some() && self.rate.is_none(),
                "--max-in-flight is for the open loop: it needs --rate",
            ),
        ];
        wrong
            .into_iter()
            .find(|(is_so, _)| *is_so)
            .map_or(Ok(()), |(_, what)| Err(what))
    }
}

impl From<LoadArgs> for Order {
    fn from(arguments: LoadArgs) -> Order {
        let defaults = Plan::default();
        let is_counted = arguments.requests.is_some();
        let plan = Plan {
            target: arguments.target,
            mix: Mix {
                length: arguments.line_length,
                title_share: arguments.title_share,
                unicode_share: arguments.unicode_share,
                seed: arguments.seed,
            },
            connections: arguments.connections,
            pipeline: arguments.pipeline,
            rate: arguments.rate,
            churn: arguments.churn,
            idle: arguments.idle,
            slow_readers: arguments.slow_readers,
            ramp: arguments.ramp,
            warmup: arguments.warmup.unwrap_or(if is_counted {
                Duration::ZERO
            } else {
                defaults.warmup
            }),
            duration: arguments
                .duration
                .or(defaults.duration.filter(|_| !is_counted)),
            requests: arguments.requests,
            timeout: arguments.timeout,
            max_in_flight: arguments.max_in_flight,
            server_pid: arguments.server_pid,
        };
        Order {
            plan,
            conditions: arguments.fail_if,
            json: arguments.json,
            html: arguments.html,
        }
    }
}

/// A duration that is not zero.
fn some_time(text: &str) -> Result<Duration, String> {
    match units::duration(text)? {
        Duration::ZERO => Err("it is no time at all".into()),
        time => Ok(time),
    }
}

/// So many a second.
fn rate(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (number, scale) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => text
            .strip_suffix('M')
            .map_or((text, 1.0), |number| (number, 1e6)),
    };
    match number.parse::<f64>() {
        // Slower than one in a year there is nothing to measure.
        Ok(number) if number * scale >= 1e-6 && number * scale <= FASTEST => Ok(number * scale),
        Ok(_) => Err("a rate is above 0 and up to 1000000000".into()),
        Err(_) => Err("a rate is a number a second: write it like `5000`, `20k` or `0.5`".into()),
    }
}

/// A part of a whole.
fn part(text: &str) -> Result<f64, String> {
    let (number, scale) = text
        .strip_suffix('%')
        .map_or((text, 1.0), |number| (number, 0.01));
    match number.trim().parse::<f64>() {
        Ok(number) if (0.0..=1.0).contains(&(number * scale)) => Ok(number * scale),
        _ => Err("a part is from 0 to 1, or from 0% to 100%".into()),
    }
}

/// `N` or `N-M`.
fn lengths(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        text.trim()
            .parse::<usize>()
            .ok()
            .filter(|n| *n <= LONGEST_LINE)
    };
    match (number(least), number(most)) {
        (Some(least), Some(most)) if least <= most => Ok(least..=most),
        _ => Err(format!(
            "a length is from 0 to {LONGEST_LINE}, or two of them, like `1-1000`"
        )),
    }
}
