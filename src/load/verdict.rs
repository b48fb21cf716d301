//! `--fail-if`: what makes a run a failure, besides errors.

use std::fmt::{self, Display};
use std::str::FromStr;

use hdrhistogram::Histogram;

use super::outcome::Outcome;
use super::trouble::Trouble;
use crate::report::figures;

/// A condition like `p99>5ms`: if it holds after a run, the run has failed. So it has if there is nothing to compare.
///
/// ```
/// use nbcaser::load::Condition;
///
/// assert!("p99 > 5ms".parse::<Condition>().is_ok());
/// let error = "p98>5ms".parse::<Condition>().unwrap_err();
/// assert!(error.to_string().contains("p99.9"), "{error}");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    metric: Metric,
    comparison: Comparison,
    /// In nanoseconds, a second, pieces, or CPUs, as the metric is.
    bound: f64,
    /// As it was written.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    Time(Times, f64),
    Rate,
    Requests,
    Errors,
    Mismatches,
    Unsent,
    Cpu,
}

/// Which times.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Times {
    Intended,
    Sent,
    Connect,
    Session,
    Ping,
}

/// The percentiles that are told, by their names.
pub(super) const PERCENTILES: [(&str, f64); 7] = [
    ("p50", 50.0),
    ("p75", 75.0),
    ("p90", 90.0),
    ("p99", 99.0),
    ("p99.9", 99.9),
    ("p99.99", 99.99),
    ("max", 100.0),
];

const PREFIXES: [(&str, Times); 4] = [
    ("sent-", Times::Sent),
    ("connect-", Times::Connect),
    ("session-", Times::Session),
    ("ping-", Times::Ping),
];

const OTHERS: [(&str, Metric); 6] = [
    ("rate", Metric::Rate),
    ("requests", Metric::Requests),
    ("errors", Metric::Errors),
    ("mismatches", Metric::Mismatches),
    ("unsent", Metric::Unsent),
    ("cpu", Metric::Cpu),
];

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionError(String);

impl Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConditionError {}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Condition, ConditionError> {
        let shape = || ConditionError("write it like `p99>5ms`, `rate<10000` or `errors>0`".into());
        let at = text.find(['<', '>']).ok_or_else(shape)?;
        let (name, rest) = text.split_at(at);
        let (comparison, bound) = [
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ]
        .into_iter()
        .find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?.trim())))
        .ok_or_else(shape)?;
        let metric = Metric::named(name.trim())?;
        Ok(Condition {
            bound: metric.bound(bound)?,
            metric,
            comparison,
            text: text.trim().into(),
        })
    }
}

impl Metric {
    fn named(name: &str) -> Result<Metric, ConditionError> {
        if let Some((_, metric)) = OTHERS.into_iter().find(|(other, _)| *other == name) {
            return Ok(metric);
        }
        let (times, percentile) = PREFIXES
            .into_iter()
            .find_map(|(prefix, times)| Some((times, name.strip_prefix(prefix)?)))
            .unwrap_or((Times::Intended, name));
        let known = PERCENTILES
            .into_iter()
            .find(|(name, _)| *name == percentile);
        known.map(|(_, percentile)| Metric::Time(times, percentile)).ok_or_else(|| {
            ConditionError(
                "what is compared is p50, p75, p90, p99, p99.9, p99.99 or max, these with sent-, connect-, session- or \
                 ping- before them, or rate, requests, errors, mismatches, unsent or cpu"
                    .into(),
            )
        })
    }

    fn bound(self, text: &str) -> Result<f64, ConditionError> {
        if let Metric::Time(..) = self {
            // One number and its unit: sums of them can make `humantime` panic, and nobody needs one here.
            let unit = text.trim_start_matches(|c: char| !c.is_alphabetic());
            let duration = unit
                .chars()
                .all(char::is_alphabetic)
                .then(|| humantime::parse_duration(text).ok())
                .flatten();
            let duration = duration.ok_or_else(|| {
                ConditionError(
                    "a time is compared with a time: write it like `500us`, `5ms` or `1.5s`".into(),
                )
            })?;
            return Ok(duration.as_nanos() as f64);
        }
        let (number, scale) = match (self, text.strip_suffix('%')) {
            (Metric::Cpu, Some(percent)) => (percent, 0.01),
            _ => (text, 1.0),
        };
        let number = number.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        number.map(|number| number * scale).ok_or_else(|| {
            ConditionError("behind the comparison belongs a number, like `rate<10000`".into())
        })
    }

    /// None: there is nothing to tell.
    fn of(self, outcome: &Outcome) -> Option<f64> {
        let at = |times: &Histogram<u64>, percentile| {
            (!times.is_empty()).then(|| times.value_at_percentile(percentile) as f64)
        };
        match self {
            Metric::Time(Times::Intended, p) => at(&outcome.intended, p),
            Metric::Time(Times::Sent, p) => at(&outcome.sent, p),
            Metric::Time(Times::Connect, p) => at(&outcome.connects, p),
            Metric::Time(Times::Session, p) => at(&outcome.sessions, p),
            Metric::Time(Times::Ping, p) => at(&outcome.pings, p),
            Metric::Rate => Some(outcome.rate()),
            Metric::Requests => Some(outcome.requests as f64),
            Metric::Errors => Some(outcome.troubles.total() as f64),
            Metric::Mismatches => Some(outcome.troubles.of(Trouble::Mismatch) as f64),
            Metric::Unsent => Some(outcome.unsent as f64),
            Metric::Cpu => Some(outcome.own_share()),
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Metric::Time(..) => figures::duration(value),
            Metric::Rate => figures::rate(value),
            Metric::Cpu => figures::share(value),
            _ => figures::plain(value),
        }
    }
}

impl Condition {
    /// What is to be said if the condition holds.
    pub fn failure(&self, outcome: &Outcome) -> Option<String> {
        let Some(value) = self.metric.of(outcome) else {
            return Some(format!("{}: nothing was measured", self.text));
        };
        let holds = match self.comparison {
            Comparison::Less => value < self.bound,
            Comparison::LessOrEqual => value <= self.bound,
            Comparison::Greater => value > self.bound,
            Comparison::GreaterOrEqual => value >= self.bound,
        };
        holds.then(|| format!("{}: it is {}", self.text, self.metric.show(value)))
    }
}

/// All that made a run a failure, a line each; empty: it was none.
pub fn failures(outcome: &Outcome, conditions: &[Condition]) -> Vec<String> {
    let own = match outcome.troubles.total() {
        0 => None,
        total => Some(format!("{} errors", figures::count(total))),
    };
    let ended = outcome.ended.failure().map(str::to_owned);
    let conditions = conditions
        .iter()
        .filter_map(|condition| condition.failure(outcome));
    own.into_iter().chain(ended).chain(conditions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> (Metric, Comparison, f64) {
        let condition: Condition = text
            .parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        (condition.metric, condition.comparison, condition.bound)
    }

    #[test]
    fn every_metric_is_read() {
        use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
        let table = [
            (
                "p99>5ms",
                (Metric::Time(Times::Intended, 99.0), Greater, 5e6),
            ),
            (
                "p99.9 >= 1.5s",
                (Metric::Time(Times::Intended, 99.9), GreaterOrEqual, 1.5e9),
            ),
            (
                "sent-p99.99<500us",
                (Metric::Time(Times::Sent, 99.99), Less, 5e5),
            ),
            (
                " connect-max <= 1s ",
                (Metric::Time(Times::Connect, 100.0), LessOrEqual, 1e9),
            ),
            (
                "session-p50>1ns",
                (Metric::Time(Times::Session, 50.0), Greater, 1.0),
            ),
            (
                "ping-p75>1m",
                (Metric::Time(Times::Ping, 75.0), Greater, 6e10),
            ),
            ("rate<10000.5", (Metric::Rate, Less, 10_000.5)),
            ("requests<1", (Metric::Requests, Less, 1.0)),
            ("errors>0", (Metric::Errors, Greater, 0.0)),
            ("mismatches>0", (Metric::Mismatches, Greater, 0.0)),
            ("unsent>0", (Metric::Unsent, Greater, 0.0)),
            ("cpu>95%", (Metric::Cpu, Greater, 0.95)),
            ("cpu>0.5", (Metric::Cpu, Greater, 0.5)),
        ];
        for (text, want) in table {
            let is = condition(text);
            assert!(
                (is.0, is.1) == (want.0, want.1) && (is.2 - want.2).abs() < 1e-6,
                "{text}: {is:?}"
            );
        }
    }

    #[test]
    fn a_wrong_one_is_refused_with_a_hint() {
        let table = [
            ("", "write it like"),
            ("p99", "write it like"),
            ("p99=5ms", "write it like"),
            ("p98>5ms", "p99.99 or max"),
            (">5ms", "p99.99 or max"),
            ("connect-rate>5", "p99.99 or max"),
            ("p99>5", "a time is compared with a time"),
            ("p99>", "a time is compared with a time"),
            ("p99>>5ms", "a time is compared with a time"),
            ("p99>1s 1ms", "a time is compared with a time"),
            (
                "p99>18446744073709551615s1000ms",
                "a time is compared with a time",
            ),
            ("rate<5ms", "belongs a number"),
            ("rate<", "belongs a number"),
            ("rate<nan", "belongs a number"),
            ("errors>5%", "belongs a number"),
        ];
        for (text, hint) in table {
            let error = text.parse::<Condition>().expect_err(text).to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }
}
