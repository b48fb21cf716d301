//! Every value that has a place lies on the axis, and the ticks are round.

use proptest::prelude::*;

use super::*;
use crate::report::axis::Unit;

fn labels(scale: Scale, unit: Unit, upright: bool, values: &[f64]) -> Vec<String> {
    let axis = Axis::new("", unit, scale);
    let ruler = Ruler::new(&axis, values.iter().copied(), (0.0, 1.0), 6, upright);
    ruler.ticks.into_iter().map(|tick| tick.label).collect()
}

#[test]
fn ticks_are_round() {
    use Scale::{Linear, Log, Percentile};
    use Unit::{Bytes, Count, Nanoseconds, Percent};
    let table: [(Scale, Unit, bool, &[f64], &str); 17] = [
        (
            Linear,
            Count,
            true,
            &[3.0, 95_000.0],
            "0|20,000|40,000|60,000|80,000|100,000",
        ),
        (
            Linear,
            Nanoseconds,
            true,
            &[2.3e6],
            "0|500 us|1 ms|1.5 ms|2 ms|2.5 ms",
        ),
        (
            Linear,
            Bytes,
            true,
            &[3.0 * 1_048_576.0],
            "0|512 KiB|1 MiB|1.5 MiB|2 MiB|2.5 MiB|3 MiB",
        ),
        (
            Linear,
            Nanoseconds,
            false,
            &[0.0, 10e9],
            "0|2 s|4 s|6 s|8 s|10 s",
        ),
        (
            Linear,
            Count,
            true,
            &[-0.3, 0.3],
            "-0.3|-0.2|-0.1|0|0.1|0.2|0.3",
        ),
        (Linear, Count, true, &[], "0|1"),
        (Linear, Count, false, &[1.0, 5.0], "1|2|3|4|5"),
        (Linear, Count, false, &[7.0], "7"),
        (Linear, Count, true, &[1e99], "0|2e98|4e98|6e98|8e98|1e99"),
        (Log, Count, false, &[1.0, 10_000.0], "1|10|100|1,000|10,000"),
        (
            Log,
            Nanoseconds,
            true,
            &[3_000.0, 40_000.0],
            "2 us|5 us|10 us|20 us|50 us",
        ),
        (
            Log,
            Bytes,
            true,
            &[2e6, 1.8e8],
            "1 MiB|4 MiB|16 MiB|64 MiB|256 MiB",
        ),
        (Log, Count, false, &[41.0, 47.0], "42|44|46"),
        (Log, Count, false, &[0.0, 1000.0], "500|1,000|2,000"),
        (
            Percentile,
            Percent,
            false,
            &[0.0, 99.99],
            "0%|50%|90%|99%|99.9%|99.99%",
        ),
        (
            Percentile,
            Percent,
            false,
            &[99.9, 100.0],
            "0%|50%|90%|99%|99.9%|max",
        ),
        // The median would lie on 0.
        (
            Percentile,
            Percent,
            true,
            &[99.9999, 100.0],
            "0%|90%|99%|99.9%|99.99%|99.999%|99.9999%|max",
        ),
    ];
    for (scale, unit, upright, values, want) in table {
        let got = labels(scale, unit, upright, values).join("|");
        assert_eq!(got, want, "{scale:?} {unit:?} {values:?}");
    }
}

#[test]
fn places_follow_the_scale() {
    let place = |scale, values: &[f64], value| {
        let axis = Axis::new("", Unit::Count, scale);
        Ruler::new(&axis, values.iter().copied(), (100.0, 0.0), 6, false).place(value)
    };
    assert_eq!(place(Scale::Linear, &[0.0, 10.0], 2.5), Some(75.0));
    assert_eq!(place(Scale::Log, &[1.0, 10_000.0], 100.0), Some(50.0));
    let nine = place(Scale::Percentile, &[99.0], 90.0).expect("a place");
    assert!((nine - 50.0).abs() < 1e-9, "{nine}");
    assert_eq!(place(Scale::Percentile, &[100.0], 100.0), Some(0.0));
    for nothing in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
        assert_eq!(
            place(Scale::Linear, &[0.0, 10.0], nothing),
            None,
            "{nothing}"
        );
    }
    for nothing in [0.0, -1.0, f64::NAN, 5e-324] {
        assert_eq!(place(Scale::Log, &[1.0, 10.0], nothing), None, "{nothing}");
    }
    for nothing in [-0.1, 100.1, f64::NAN] {
        assert_eq!(
            place(Scale::Percentile, &[1.0, 99.0], nothing),
            None,
            "{nothing}"
        );
    }
}

proptest! {
    #[test]
    fn every_axis_has_ticks_in_their_order_and_labels_that_differ(
        values in prop::collection::vec(prop_oneof![any::<f64>(), 0.0..1e9f64, 99.0..101f64], 0..6),
        scale in prop::sample::select(&[Scale::Linear, Scale::Log, Scale::Percentile][..]),
        unit in prop::sample::select(&[Unit::Count, Unit::Nanoseconds, Unit::Bytes, Unit::Percent][..]),
        upright in any::<bool>(),
    ) {
        let axis = Axis::new("", unit, scale);
        let ruler = Ruler::new(&axis, values.iter().copied(), (0.0, 600.0), 6, upright);
        let ticks = &ruler.ticks;
        prop_assert!((1..=16).contains(&ticks.len()), "{ticks:?}");
        for tick in ticks {
            prop_assert!((0.0..=600.0).contains(&tick.at) && tick.label.len() < 20, "{tick:?}");
        }
        for pair in ticks.windows(2) {
            prop_assert!(pair[0].at < pair[1].at && pair[0].label != pair[1].label, "{ticks:?}");
        }
        for value in values {
            prop_assert!(ruler.place(value).is_none_or(|at| (0.0..=600.0).contains(&at)), "{value}");
        }
    }
}
