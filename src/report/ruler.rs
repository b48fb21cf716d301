//! From values to places on the paper.
//!
//! A value is first *projected*, to its logarithm for instance, and then stretched over the length of the axis. A value
//! that its scale does not know (no number, zero on a logarithmic one) has no place: it is not drawn.

use super::axis::{Axis, Scale, Unit};
use super::ticks::{self, Marked};

/// A mark on an axis.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Tick {
    /// Where it is on the paper.
    pub(super) at: f64,
    pub(super) label: String,
}

/// How an axis lies on the paper.
#[derive(Debug)]
pub(super) struct Ruler {
    scale: Scale,
    /// The projected values at the two ends. They differ.
    low: f64,
    high: f64,
    /// The two ends on the paper.
    start: f64,
    end: f64,
    pub(super) ticks: Vec<Tick>,
}

impl Ruler {
    /// The ruler for these values along an axis between two places on the paper, with about `ticks` ticks at most. The
    /// ends of an `upright` one are ticks, and zero is on it if it is linear.
    pub(super) fn new(
        axis: &Axis,
        values: impl Iterator<Item = f64>,
        (start, end): (f64, f64),
        ticks: usize,
        upright: bool,
    ) -> Ruler {
        let projected: Vec<f64> = values
            .filter_map(|value| axis.scale.project(value))
            .collect();
        let (low, high) = ends(&projected);
        // Between two whole numbers of something there is nothing to mark.
        let is_counted = axis.unit == Unit::Count && projected.iter().all(|n| n.fract() == 0.0);
        let finest = if is_counted { 1.0 } else { 0.0 };
        let Marked { low, high, marks } = match axis.scale {
            Scale::Linear => ticks::linear(low, high, (ticks, finest), axis.unit, upright),
            Scale::Log => ticks::log(low, high, ticks, axis.unit, upright),
            Scale::Percentile => ticks::percentile(high, projected.contains(&f64::INFINITY)),
        };
        let mut ruler = Ruler {
            scale: axis.scale,
            low,
            high,
            start,
            end,
            ticks: Vec::new(),
        };
        let on_paper = |(projected, label)| Tick {
            at: ruler.stretch(projected),
            label,
        };
        ruler.ticks = marks.into_iter().map(on_paper).collect();
        ruler
    }

    /// Where a value stands on the paper, if it can be shown.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        self.scale
            .project(value)
            .map(|projected| self.stretch(projected))
    }

    fn stretch(&self, projected: f64) -> f64 {
        // The values at the ends may come out a hair beyond them.
        let part = ((projected - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.start + part * (self.end - self.start)
    }
}

/// The least and the greatest of them, the end of the axis apart; from 0 to 0 if there are none.
fn ends(projected: &[f64]) -> (f64, f64) {
    let finite = || projected.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().reduce(f64::min), finite().reduce(f64::max));
    (low.unwrap_or(0.0), high.unwrap_or(0.0))
}

#[cfg(test)]
mod tests;
