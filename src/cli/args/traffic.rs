//! The flags that `load` and `compare` share.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::cli::units;
use crate::load::{Mix, Plan};

/// The longest line, in bytes: 16 MiB.
const LONGEST_LINE: usize = 16 << 20;
/// The most connections, lines on their way and the like: beyond what any machine holds.
pub(super) const MOST: u64 = 10_000_000;
/// Why two reports cannot go to one place.
pub(super) const ONE_FILE: &str =
    "--json and --html name the same file: one would overwrite the other";
/// The highest rate, a second.
const FASTEST: f64 = 1e9;

/// The flags that say what is sent, and by whom.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct TrafficArgs {
    /// Connections that send lines.
    #[arg(short, long, value_name = "N", default_value = "64")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(0..=MOST))]
    #[arg(help = "Connections that send lines")]
    pub connections: usize,

    /// Lines on their way on each connection, in a closed loop.
    #[arg(short, long, value_name = "N", default_value = "1")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST))]
    #[arg(help = "Lines that each connection has on their way at a time")]
    pub pipeline: usize,

    /// Lines a second; `None`: a closed loop.
    #[arg(short, long, value_name = "R", value_parser = rate)]
    #[arg(
        help = "Send R lines a second in all, on schedule whatever the replies do (open loop), \
                  like 5000 or 20k [default: each reply makes room for the next line (closed loop)]"
    )]
    pub rate: Option<f64>,

    /// Bytes of a line.
    #[arg(long, value_name = "N[-M]", default_value = "16")]
    #[arg(value_parser = lengths)]
    #[arg(help = "Bytes of a line without its end, up to 16777216: one number, or any of a range")]
    pub line_length: RangeInclusive<usize>,

    /// The part of the lines in title case, from 0 to 1.
    #[arg(long, value_name = "P", default_value = "0", value_parser = part)]
    #[arg(help = "Which part of the lines is to come back in title case, like 0.3 or 30%")]
    pub title_share: f64,

    /// The part of the lines that is Unicode, from 0 to 1.
    #[arg(long, value_name = "P", default_value = "0", value_parser = part)]
    #[arg(help = "Which part of the lines is Unicode")]
    pub unicode_share: f64,

    /// No quotes and no backslashes.
    #[arg(long)]
    #[arg(help = "Send no quotes and no backslashes: no reply in ASCII needs an escape")]
    pub plain: bool,

    /// What the lines are made from.
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(help = "Make other lines: the same seed makes the same")]
    pub seed: u64,

    /// Connects a second; `None`: as fast as it goes.
    #[arg(long, value_name = "R", value_parser = rate)]
    #[arg(help = "Make R connections a second [default: as fast as 64 at a time allow]")]
    pub ramp: Option<f64>,

    /// Connect, one line, quit, again.
    #[arg(long)]
    #[arg(help = "Connect, send one line, quit, and connect again, in --connections places")]
    pub churn: bool,

    /// Silent connections.
    #[arg(long, value_name = "N", default_value = "0")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(0..=MOST))]
    #[arg(help = "N connections more that are silent, until each sends a line at the end")]
    pub idle: usize,

    /// Connections that hardly read.
    #[arg(long, value_name = "N", default_value = "0")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(0..=MOST))]
    #[arg(help = "N connections more that send all they can and hardly read")]
    pub slow_readers: usize,

    /// How long a connect or a reply may take.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    #[arg(value_parser = some_time)]
    #[arg(help = "How long a connect or a reply may take; more is an error")]
    pub timeout: Duration,

    /// The bound of an open loop.
    #[arg(long, value_name = "N")]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    #[arg(
        help = "With --rate: give up once more than N lines are due and not answered \
                  [default: what is due in a second, at least 10000]"
    )]
    pub max_in_flight: Option<u64>,
}

impl TrafficArgs {
    /// What no flag alone can tell to be wrong.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let wrong = [
            (
                self.connections == 0 && (self.rate.is_some() || self.churn),
                "--rate and --churn need --connections to send lines",
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

/// A plan in which all else is left as it is by default.
impl From<TrafficArgs> for Plan {
    fn from(arguments: TrafficArgs) -> Plan {
        Plan {
            mix: Mix {
                length: arguments.line_length,
                title_share: arguments.title_share,
                unicode_share: arguments.unicode_share,
                plain: arguments.plain,
                seed: arguments.seed,
            },
            connections: arguments.connections,
            pipeline: arguments.pipeline,
            rate: arguments.rate,
            churn: arguments.churn,
            idle: arguments.idle,
            slow_readers: arguments.slow_readers,
            ramp: arguments.ramp,
            timeout: arguments.timeout,
            max_in_flight: arguments.max_in_flight,
            ..Plan::default()
        }
    }
}

/// A duration that is not zero.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
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
