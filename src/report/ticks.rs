//! Where the ticks of an axis go: to values that are round in its unit.

use super::axis::Unit;

/// A part of an axis, and what is marked on it.
pub(super) struct Marked {
    /// The projected values at its ends. They differ.
    pub(super) low: f64,
    pub(super) high: f64,
    /// The projected value of each tick, and its label.
    pub(super) marks: Vec<(f64, String)>,
}

/// A linear axis for values in this range, with about `most` ticks at most, which are at least `finest` apart. If it is
/// upright, zero is on it and its ends are ticks.
pub(super) fn linear(
    low: f64,
    high: f64,
    (most, finest): (usize, f64),
    unit: Unit,
    upright: bool,
) -> Marked {
    let (low, high) = if upright {
        (low.min(0.0), high.max(0.0))
    } else {
        (low, high)
    };
    let (mut low, mut high) = apart(low, high, (low.abs() * 0.1).max(0.5));
    let step = round_step((high - low) / most as f64, unit).max(finest);
    if upright {
        (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    }
    let marks = multiples(low, high, step);
    let label = |value| (value, unit.tick(value, step));
    Marked {
        low,
        high,
        marks: marks.map(label).collect(),
    }
}

/// A logarithmic axis for values whose decimal logarithms are in this range. If it is upright, its ends are round.
pub(super) fn log(mut low: f64, mut high: f64, most: usize, unit: Unit, upright: bool) -> Marked {
    if upright {
        let rungs = ladder(low, high, 1, unit);
        (low, high) = (rungs[0].log10(), rungs[rungs.len() - 1].log10());
    }
    (low, high) = apart(low, high, 0.5);
    // Every rung; or, as long as they are too many, every decade, every second one...; for sizes every 4, 32, 1024...
    let every: &[i32] = match unit {
        Unit::Bytes => &[1, 2, 5, 10, 20, 50, 100, 200],
        _ => &[1, 3, 6, 9, 15, 30, 60, 150],
    };
    let inside = |&every: &i32| {
        let mut rungs = ladder(low, high, every, unit);
        rungs.retain(|rung| (low - 1e-9..=high + 1e-9).contains(&rung.log10()));
        rungs
    };
    let rungs = every
        .iter()
        .map(inside)
        .find(|rungs| rungs.len() <= most)
        .filter(|rungs| rungs.len() >= 2);
    let marks = if let Some(rungs) = rungs {
        let label = |rung: f64| (rung.log10(), unit.tick(rung, rung));
        rungs.into_iter().map(label).collect()
    } else {
        // So little lies between the ends that there are no two rungs.
        let (low, high) = (10f64.powf(low), 10f64.powf(high));
        let step = round_step((high - low) / most as f64, unit);
        let label = |value: f64| (value.log10(), unit.tick(value, step));
        let marks = multiples(low, high, step).filter(|&value| value > 0.0);
        marks.map(label).collect()
    };
    Marked { low, high, marks }
}

/// What a label takes of an upright axis, and a little: 13 pixels of 260.
const LABEL: f64 = 1.0 / 18.0;

/// An axis of percentages up to the one that has `high` nines, or on to 100.
pub(super) fn percentile(high: f64, to_the_end: bool) -> Marked {
    let median = 2f64.log10();
    let mut high = high.max(1.0);
    let nines = (high + 1e-9) as usize;
    if to_the_end {
        // As far beyond the last nine as the median is from 0, if there is room for a label.
        high += median.max(high * LABEL);
    }
    let mut marks = vec![(0.0, "0%".into())];
    if median > high * LABEL {
        marks.push((median, "50%".into()));
    }
    marks.extend((1..=nines).map(|nines| {
        let label = match nines {
            1 => "90%".into(),
            2 => "99%".into(),
            n => format!("99.{}%", "9".repeat(n - 2)),
        };
        (nines as f64, label)
    }));
    if to_the_end {
        marks.push((high, "max".into()));
    }
    Marked {
        low: 0.0,
        high,
        marks,
    }
}

/// The two ends, taken apart by so much at either end if they are one, or so near that no number is between.
fn apart(low: f64, high: f64, by: f64) -> (f64, f64) {
    if high - low > 1e-9 * low.abs().max(high.abs()) && high - low > 1e-95 {
        (low, high)
    } else if low == 0.0 {
        (0.0, 2.0 * by)
    } else {
        (low - by, high + by)
    }
}

/// The least round number that is not below `least`: 1, 2 or 5 and zeros, or for sizes a power of two.
fn round_step(least: f64, unit: Unit) -> f64 {
    if unit == Unit::Bytes && least > 1.0 {
        return least.log2().ceil().exp2();
    }
    let decade = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|digit| digit * decade)
        .find(|&step| step >= least)
        .unwrap_or(10.0 * decade)
}

/// The multiples of `step` between the ends. One that lies on an end may come out a hair beyond it.
fn multiples(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let (first, last) = ((low / step - 1e-6).ceil(), (high / step + 1e-6).floor());
    (0..=(last - first) as usize).map(move |i| (first + i as f64) * step)
}

/// Round values whose logarithms are evenly spaced, or nearly so: from the last one that is not above 10^`low` to the
/// first one that is not below 10^`high`.
///
/// With `every` = 1 they are 1, 2, 5, 10, 20, 50, and so on in both directions, or for sizes the powers of two; else every
/// second, third... of them, counted from 1.
fn ladder(low: f64, high: f64, every: i32, unit: Unit) -> Vec<f64> {
    let (value, a_decade): (fn(i32) -> f64, f64) = match unit {
        Unit::Bytes => (|rung| f64::from(rung).exp2(), 10f64.log2()),
        _ => (
            |rung| [1.0, 2.0, 5.0][rung.rem_euclid(3) as usize] * 10f64.powi(rung.div_euclid(3)),
            3.0,
        ),
    };
    let value = |rung| value(rung * every);
    // An end that lies on a rung may come out a hair beyond it.
    let (low, high) = (low + 1e-9, high - 1e-9);
    let mut rung = (low * a_decade / f64::from(every)).floor() as i32 + 1;
    while value(rung).log10() > low {
        rung -= 1;
    }
    let mut rungs = vec![value(rung)];
    while value(rung).log10() < high {
        rung += 1;
        rungs.push(value(rung));
    }
    rungs
}
