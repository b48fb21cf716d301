//! What the axes of a chart can be, and how the numbers on them are written.

use super::figures::{self, SIZE, TIME, group, to_unit};

/// How values are spread over an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// Equal distances for equal differences. Upright, the axis begins at zero, so that heights can be compared.
    Linear,
    /// Equal distances for equal ratios. It has no zero and no negative values.
    Log,
    /// For percentages from 0 to 100: each further nine is as far away as the one before, and 100 stands at the end.
    Percentile,
}

/// What the numbers on an axis are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Numbers of something, or a second.
    Count,
    /// Time, given in nanoseconds and shown in the unit that suits.
    Nanoseconds,
    /// Sizes, in units of 1024.
    Bytes,
    /// Parts of a hundred.
    Percent,
}

/// One of the two axes of a chart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Axis {
    pub(super) label: String,
    pub(super) unit: Unit,
    pub(super) scale: Scale,
}

impl Axis {
    /// An axis that says what it shows.
    pub fn new(label: impl Into<String>, unit: Unit, scale: Scale) -> Axis {
        Axis {
            label: label.into(),
            unit,
            scale,
        }
    }
}

impl Scale {
    /// Beyond this, or nearer to zero on a logarithmic scale than its inverse, nothing was ever measured; up to it no
    /// sum or difference overflows.
    const LARGEST: f64 = 1e100;

    /// The most nines that are told apart.
    const NINES: f64 = 9.0;

    /// Where a value stands before it is stretched; infinity for the end of the axis.
    pub(super) fn project(self, value: f64) -> Option<f64> {
        match self {
            Scale::Linear => (value.abs() <= Scale::LARGEST).then_some(value),
            Scale::Log => (1.0 / Scale::LARGEST..=Scale::LARGEST)
                .contains(&value)
                .then(|| value.log10()),
            Scale::Percentile if !(0.0..=100.0).contains(&value) => None,
            Scale::Percentile if value < 100.0 => {
                Some((-(1.0 - value / 100.0).log10()).min(Scale::NINES))
            }
            Scale::Percentile => Some(f64::INFINITY),
        }
    }
}

impl Unit {
    /// A measured value, as a reader wants to know it.
    pub(super) fn figure(self, value: f64) -> String {
        match self {
            Unit::Count => figures::plain(value),
            Unit::Nanoseconds => figures::duration(value),
            Unit::Bytes => figures::bytes(value),
            Unit::Percent => format!("{} %", decimal(value, 1e-4)),
        }
    }

    /// The round value of a tick, which is so far from the next one: no digit more than tells them apart.
    pub(super) fn tick(self, value: f64, step: f64) -> String {
        let in_units = |base, units: &[&'static str]| {
            let (scaled, unit) = to_unit(value, base, units);
            format!("{} {unit}", decimal(scaled, step * scaled / value))
        };
        match self {
            _ if value == 0.0 => "0".into(),
            Unit::Count => decimal(value, step),
            Unit::Nanoseconds => in_units(1000.0, &TIME),
            Unit::Bytes => in_units(1024.0, &SIZE),
            Unit::Percent => format!("{}%", decimal(value, step)),
        }
    }
}

/// A number with the digits that a step of this size needs, and without zeros at its end.
fn decimal(value: f64, step: f64) -> String {
    if value != 0.0 && !(1e-6..1e10).contains(&value.abs()) {
        let text = format!("{value:.2e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", without_zeros(digits));
    }
    // Two more than the first digit of the step: the steps of sizes, 1/4 and 1/8 among them, need them.
    let decimals = (2.0 - step.log10().floor()).clamp(0.0, 12.0) as usize;
    group(without_zeros(&format!("{value:.decimals$}")))
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_units_of_their_axis() {
        let all = [Unit::Count, Unit::Nanoseconds, Unit::Bytes, Unit::Percent];
        let figures = all.map(|unit| unit.figure(2048.5));
        assert_eq!(figures, ["2,048", "2.05 us", "2.00 KiB", "2,048.5 %"]);
    }
}
