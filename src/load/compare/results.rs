//! What was measured: medians and spreads.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::metric::Metric;
use super::setup::{Cpus, Setup};
use crate::load::{Outcome, ServerUse};

/// One run of one server.
#[derive(Clone, Debug)]
pub struct Run {
    /// From 0.
    pub round: usize,
    /// Its place among the contenders, from 0.
    pub contender: usize,
    /// Connections that sent lines.
    pub connections: usize,
    /// Where the two sides ran.
    pub cpus: Cpus,
    /// What came of it.
    pub figures: Figures,
}

/// What is told of a run.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Replies in the time that counts.
    pub replies: u64,
    /// That time, in seconds.
    pub elapsed: f64,
    /// What the server took in it.
    pub server: ServerUse,
    /// Silent connections beside the load.
    pub idle: usize,
    /// Which part of a CPU the load tester took.
    pub load_busy: f64,
    /// From the intended send to the reply, in nanoseconds.
    pub latency: Histogram<u64>,
    /// How long a cache line took from CPU to CPU before the run, in nanoseconds.
    pub distance: Option<f64>,
}

impl Figures {
    /// None if there is nothing to divide by.
    pub(super) fn of(outcome: Outcome, idle: usize, distance: Option<f64>) -> Option<Figures> {
        let server = outcome.server.filter(|_| outcome.replies > 0)?;
        Some(Figures {
            replies: outcome.replies,
            elapsed: outcome.elapsed.as_secs_f64(),
            server,
            idle,
            load_busy: outcome.own_share(),
            latency: outcome.intended,
            distance,
        })
    }
}

/// What several runs have in common.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Summary {
    /// The middle one; of an even number of runs, what lies between the middle two.
    pub median: f64,
    /// The least.
    pub low: f64,
    /// The greatest.
    pub high: f64,
    /// How many there were, at least one.
    pub runs: usize,
}

impl Summary {
    /// None if there are no values.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Summary> {
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let runs = values.len();
        Some(Summary {
            median: values[(runs - 1) / 2].midpoint(values[runs / 2]),
            low,
            high,
            runs,
        })
    }

    /// How far the values are apart: half of that, as a part of the median. None if one run, or a median of nothing, tells
    /// nothing about it.
    pub fn spread(&self) -> Option<f64> {
        let spread = (self.high - self.low) / 2.0 / self.median;
        (self.runs > 1 && spread.is_finite()).then_some(spread)
    }
}

/// All that was measured.
#[derive(Clone, Debug)]
pub struct Results {
    pub(super) setup: Setup,
    pub(super) runs: Vec<Run>,
    /// The latencies of all rounds together, by contender, connections and place.
    pub(super) latencies: BTreeMap<(usize, usize, Cpus), Histogram<u64>>,
}

impl Results {
    pub(super) fn new(setup: Setup) -> Results {
        Results {
            setup,
            runs: Vec::new(),
            latencies: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, run: Run) {
        let key = (run.contender, run.connections, run.cpus);
        let latency = &run.figures.latency;
        self.latencies
            .entry(key)
            .and_modify(|all| {
                // They have the same bounds.
                let _ = all.add(latency);
            })
            .or_insert_with(|| latency.clone());
        self.runs.push(run);
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// What the rounds of a contender under a load say; none: there were none, or they say nothing of it.
    pub(super) fn summary(
        &self,
        contender: usize,
        connections: usize,
        cpus: Cpus,
        metric: Metric,
    ) -> Option<Summary> {
        let wanted = (contender, connections, cpus);
        let runs = self.runs.iter();
        let runs = runs.filter(|run| (run.contender, run.connections, run.cpus) == wanted);
        Summary::of(runs.filter_map(|run| metric.of(&run.figures)).collect())
    }

    /// Where a metric is best looked at, of the places that were asked for.
    pub(super) fn best_place(&self, metric: Metric) -> Cpus {
        let best = metric.best_place();
        let cpus = &self.setup.cpus;
        if cpus.contains(&best) {
            best
        } else {
            cpus.first().copied().unwrap_or(best)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_middle_and_the_ends() {
        let summary = |values: &[f64]| Summary::of(values.to_vec());
        let of = |median, low, high, runs| {
            Some(Summary {
                median,
                low,
                high,
                runs,
            })
        };
        assert_eq!(summary(&[3.0, 1.0, 2.0]), of(2.0, 1.0, 3.0, 3));
        assert_eq!(summary(&[4.0, 1.0, 2.0, 3.0]), of(2.5, 1.0, 4.0, 4));
        assert_eq!(summary(&[7.0]), of(7.0, 7.0, 7.0, 1));
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn the_spread_is_a_part_of_the_median_where_there_is_one() {
        let spread = |values: &[f64]| Summary::of(values.to_vec()).and_then(|all| all.spread());
        assert_eq!(spread(&[90.0, 100.0, 120.0]), Some(0.15));
        assert_eq!(spread(&[100.0]), None);
        assert_eq!(spread(&[0.0, 0.0]), None);
    }
}
