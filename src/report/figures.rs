//! Quantities as people read them: three significant digits and a unit.
//!
//! What is no number (a rate over no time, the median of nothing) is written as `-`.

/// What stands for a value that there is not.
const NONE: &str = "-";

pub(super) const TIME: [&str; 4] = ["ns", "us", "ms", "s"];
pub(super) const SIZE: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// A span of time, given in nanoseconds.
///
/// ```
/// use nbcaser::report::figures::duration;
///
/// assert_eq!(duration(812.0), "812 ns");
/// assert_eq!(duration(41_273.0), "41.3 us");
/// assert_eq!(duration(1_200_000.0), "1.20 ms");
/// assert_eq!(duration(3.4e9), "3.40 s");
/// ```
pub fn duration(nanoseconds: f64) -> String {
    in_units(nanoseconds, 1000.0, &TIME)
}

/// A size in bytes, in units of 1024: `632 B`, `1.21 KiB`, `3.40 MiB`.
pub fn bytes(bytes: f64) -> String {
    in_units(bytes, 1024.0, &SIZE)
}

/// How often something happens in a second: `545,168/s`, `3.40/s`.
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() {
        return NONE.into();
    }
    format!("{}/s", plain(per_second))
}

/// A whole number with its thousands set apart: `545,168`.
pub fn count(number: u64) -> String {
    group(&number.to_string())
}

/// A number that need not be whole: `545,168`, `12.3`, `0.012`.
pub fn plain(number: f64) -> String {
    if !number.is_finite() {
        return NONE.into();
    }
    if number.fract() == 0.0 {
        return group(&format!("{number:.0}"));
    }
    group(&three_digits(number))
}

/// How many times as much: `1.00x`, `0.47x`, `12.3x`, `0.012x`.
pub fn ratio(ratio: f64) -> String {
    if !ratio.is_finite() {
        return NONE.into();
    }
    match ratio.abs() {
        0.0 => "0x".into(),
        // Two digits are enough for what is about the same, three for what is next to nothing.
        r if (0.0995..9.995).contains(&r) => format!("{ratio:.2}x"),
        _ => format!("{}x", group(&three_digits(ratio))),
    }
}

/// A part of the whole, given from 0 to 1: `12.3 %`.
pub fn share(part: f64) -> String {
    let percent = part * 100.0;
    if !percent.is_finite() {
        return NONE.into();
    }
    format!("{percent:.1} %")
}

fn in_units(value: f64, step: f64, units: &[&str]) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    let (scaled, unit) = to_unit(value, step, units);
    // What was counted in the smallest unit is mostly whole: 812 ns, not 812.0, and 3 B, not 3.00.
    let number = if unit == units[0] {
        plain(scaled)
    } else {
        group(&three_digits(scaled))
    };
    format!("{number} {unit}")
}

/// The value in the largest unit in which it is not below one, but for what rounding makes a thousand of.
pub(super) fn to_unit<'a>(mut value: f64, step: f64, units: &[&'a str]) -> (f64, &'a str) {
    let mut unit = 0;
    while value.abs() >= 999.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    (value, units[unit])
}

fn three_digits(value: f64) -> String {
    // The borders lie where rounding adds a digit: 9.996 is written 10.0, not 10.00.
    let decimals = match value.abs() {
        v if v < 0.9995 => 3,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// Sets thousands apart in a decimal number.
pub(super) fn group(number: &str) -> String {
    let (whole, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut out = String::from(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_significant_digits_and_a_unit() {
        let table = [
            (0.0, "0 ns"),
            (3.0, "3 ns"),
            (3.25, "3.25 ns"),
            (999.0, "999 ns"),
            (999.6, "1.00 us"),
            (9_994.0, "9.99 us"),
            (9_996.0, "10.0 us"),
            (99_960.0, "100 us"),
            (999_600.0, "1.00 ms"),
            (1.2e6, "1.20 ms"),
            (3.4e9, "3.40 s"),
            (1.2345e12, "1,234 s"),
            (-41_273.0, "-41.3 us"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
        ];
        for (nanoseconds, want) in table {
            assert_eq!(duration(nanoseconds), want, "{nanoseconds}");
        }
    }

    #[test]
    fn sizes_are_in_units_of_1024() {
        let table = [
            (0.0, "0 B"),
            (632.0, "632 B"),
            (1000.0, "0.977 KiB"),
            (1024.0, "1.00 KiB"),
            (1_048_576.0, "1.00 MiB"),
            (3.5 * 1_048_576.0, "3.50 MiB"),
            (f64::NAN, "-"),
        ];
        for (size, want) in table {
            assert_eq!(bytes(size), want, "{size}");
        }
    }

    #[test]
    fn numbers_without_a_unit() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(545_168), "545,168");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(rate(0.0), "0/s");
        assert_eq!(rate(3.4), "3.40/s");
        assert_eq!(rate(545_168.4), "545,168/s");
        assert_eq!(rate(f64::NAN), "-");
        assert_eq!(plain(-1234.5), "-1,234");
        assert_eq!(share(0.1234), "12.3 %");
        assert_eq!(share(f64::INFINITY), "-");
    }

    #[test]
    fn ratios_keep_their_digits_when_they_are_small() {
        let table = [
            (0.0, "0x"),
            (0.0123, "0.012x"),
            (0.0994, "0.099x"),
            (0.0996, "0.10x"),
            (0.474, "0.47x"),
            (0.994, "0.99x"),
            (0.9951, "1.00x"),
            (1.0, "1.00x"),
            (12.34, "12.3x"),
            (4321.0, "4,321x"),
            (f64::NAN, "-"),
        ];
        for (number, want) in table {
            assert_eq!(ratio(number), want, "{number}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_the_value_to_half_a_percent(value in 1.0..1e15f64) {
            let text = duration(value);
            let (number, unit) = text.split_once(' ').expect("a unit");
            let unit = 1000f64.powi(TIME.iter().position(|&u| u == unit).expect("a known unit") as i32);
            let read = number.replace(',', "").parse::<f64>().expect("a number") * unit;
            prop_assert!((read - value).abs() <= value * 0.00501, "{value} is written {text}");
        }

        #[test]
        fn any_number_is_written_somehow(value in any::<f64>()) {
            for text in [duration(value), bytes(value), rate(value), plain(value), ratio(value), share(value)] {
                prop_assert!(!text.is_empty() && !text.contains("NaN") && !text.contains("inf"), "{text}");
            }
        }
    }
}
