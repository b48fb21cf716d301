//! Every chart can be drawn, and nothing in it lies outside or upon something else.

use proptest::prelude::*;
use roxmltree::{Document, Node};

use super::*;
use crate::report::axis::{Axis, Scale, Unit};
use crate::report::chart::{Series, Shape};

const SCALES: [Scale; 3] = [Scale::Linear, Scale::Log, Scale::Percentile];
const UNITS: [Unit; 4] = [Unit::Count, Unit::Nanoseconds, Unit::Bytes, Unit::Percent];
const SHAPES: [Shape; 4] = [Shape::Line, Shape::Step, Shape::Bars, Shape::Dots];

fn chart(x: Scale, y: Scale, series: impl IntoIterator<Item = Series>) -> Chart {
    let axis = |scale| Axis::new("label", Unit::Count, scale);
    let chart = Chart::new("title", axis(x), axis(y)).describe("in words");
    series.into_iter().fold(chart, Chart::with)
}

/// The elements of this name.
fn all<'a>(svg: &'a Document, name: &str) -> Vec<Node<'a, 'a>> {
    svg.descendants()
        .filter(|node| node.tag_name().name() == name)
        .collect()
}

fn number(node: Node, attribute: &str) -> f64 {
    let text = node.attribute(attribute).expect(attribute);
    text.parse().expect(text)
}

/// The `d` of all paths of this class.
fn paths<'a>(svg: &'a Document, class: &str) -> Vec<&'a str> {
    let all = all(svg, "path").into_iter();
    all.filter(|path| path.attribute("class") == Some(class))
        .map(|path| path.attribute("d").expect("a path"))
        .collect()
}

fn height_of(svg: &Document) -> f64 {
    let view = svg.root_element().attribute("viewBox").expect("a view box");
    let view: Vec<f64> = view.split(' ').map(|n| n.parse().expect(view)).collect();
    assert_eq!(view[..3], [0.0, 0.0, WIDTH]);
    view[3]
}

/// Left, right, top and bottom of a text.
fn extent(text: Node) -> [f64; 4] {
    let width = text_width(text.text().unwrap_or_default())
        * if text.attribute("class") == Some("title") {
            1.25
        } else {
            1.0
        };
    let (x, y) = (number(text, "x"), number(text, "y"));
    let left = match text.attribute("text-anchor") {
        Some("start") => x,
        Some("middle") => x - width / 2.0,
        _ => x - width,
    };
    [left, left + width, y - 10.0, y + 3.0]
}

/// Every coordinate in the drawing, as (x, y); NaN for what an element leaves out.
fn coordinates(svg: &Document) -> Vec<(f64, f64)> {
    let mut found = Vec::new();
    for node in svg.descendants() {
        match node.tag_name().name() {
            "rect" => {
                let [x, y, width, height] =
                    ["x", "y", "width", "height"].map(|of| number(node, of));
                found.extend([(x, y), (x + width, y + height)]);
                assert!(width >= 0.0 && height >= 0.0);
            }
            "circle" => {
                let [x, y, r] = ["cx", "cy", "r"].map(|of| number(node, of));
                found.extend([(x - r, y - r), (x + r, y + r)]);
            }
            "polygon" => {
                let points = node.attribute("points").expect("points");
                found.extend(points.split_whitespace().map(|point| {
                    let (x, y) = point.split_once(',').expect(point);
                    (x.parse().expect(point), y.parse().expect(point))
                }));
            }
            "path" => found.extend(corners(node.attribute("d").expect("a path"))),
            _ => {}
        }
    }
    found
}

/// The places a path goes to. There are only the commands M, L, H and V in it.
fn corners(path: &str) -> Vec<(f64, f64)> {
    let mut at = (0.0, 0.0);
    let commands = path.split_inclusive(|c: char| c.is_ascii_alphabetic());
    let letters: Vec<char> = path.chars().filter(char::is_ascii_alphabetic).collect();
    let numbers = commands
        .skip(1)
        .map(|piece| piece.trim_end_matches(|c: char| c.is_ascii_alphabetic()));
    let mut found = Vec::new();
    for (letter, numbers) in letters.into_iter().zip(numbers) {
        let numbers: Vec<f64> = numbers.split(' ').map(|n| n.parse().expect(path)).collect();
        at = match (letter, &numbers[..]) {
            ('M' | 'L', &[x, y]) => (x, y),
            ('H', &[x]) => (x, at.1),
            ('V', &[y]) => (at.0, y),
            _ => panic!("{letter} in {path}"),
        };
        found.push(at);
    }
    found
}

/// Fails if anything is outside the view box or a text upon another one.
#[track_caller]
fn check(chart: &Chart) {
    let text = chart.to_svg();
    let svg = Document::parse(&text).expect("well-formed XML");
    let height = height_of(&svg);
    for (x, y) in coordinates(&svg) {
        assert!(
            (0.0..=WIDTH).contains(&x) && (0.0..=height).contains(&y),
            "({x}, {y}) in {text}"
        );
    }
    let texts: Vec<[f64; 4]> = all(&svg, "text").into_iter().map(extent).collect();
    for (i, &[left, right, top, bottom]) in texts.iter().enumerate() {
        assert!(
            left >= -0.1 && right <= WIDTH + 0.1 && top >= 0.0 && bottom <= height,
            "text {i} in {text}"
        );
        for &[a, b, c, d] in &texts[..i] {
            assert!(
                right <= a || b <= left || bottom <= c || d <= top,
                "text {i} lies on one before it: {text}"
            );
        }
    }
}

#[test]
fn a_line_goes_through_its_points() {
    let points = [(0.0, 0.0), (5.0, 100.0), (10.0, 50.0)];
    let text = chart(
        Scale::Linear,
        Scale::Linear,
        [Series::new("one", Shape::Line, points)],
    )
    .to_svg();
    let svg = Document::parse(&text).expect("well-formed XML");
    let line = corners(paths(&svg, "line")[0]);
    let (foot, top) = (line[0].1, line[1].1);
    let equal = |a: f64, b: f64| (a - b).abs() < 0.11;
    assert!(equal(foot - top, PLOT), "from zero to the greatest value");
    assert!(equal(line[2].1, foot.midpoint(top)), "{line:?}");
    assert!(equal(line[1].0, line[0].0.midpoint(line[2].0)), "{line:?}");
    assert_eq!(all(&svg, "circle").len(), 3);
    let tips: Vec<_> = all(&svg, "circle")
        .iter()
        .map(|dot| dot.first_element_child().and_then(|tip| tip.text()))
        .collect();
    assert_eq!(tips[2], Some("one: 10, 50"));
}

#[test]
fn what_has_no_place_leaves_a_gap() {
    let points = [
        (1.0, 5.0),
        (2.0, 0.0),
        (3.0, 5.0),
        (4.0, f64::NAN),
        (5.0, 6.0),
        (6.0, 7.0),
    ];
    let text = chart(
        Scale::Linear,
        Scale::Log,
        [Series::new("one", Shape::Line, points)],
    )
    .to_svg();
    let svg = Document::parse(&text).expect("well-formed XML");
    let line = paths(&svg, "line")[0];
    assert_eq!(
        (line.matches('M').count(), line.matches('L').count()),
        (3, 1)
    );
    assert_eq!(all(&svg, "circle").len(), 4);

    let text = chart(
        Scale::Linear,
        Scale::Log,
        [Series::new("one", Shape::Step, points)],
    )
    .to_svg();
    let svg = Document::parse(&text).expect("well-formed XML");
    let line = paths(&svg, "line")[0];
    assert_eq!(
        (line.matches('M').count(), line.matches('L').count()),
        (3, 1)
    );
}

#[test]
fn bars_reach_to_the_next_one_and_stand_on_zero() {
    let points = [(0.0, 10.0), (1.0, -10.0), (3.0, 5.0)];
    let text = chart(
        Scale::Linear,
        Scale::Linear,
        [Series::new("one", Shape::Bars, points)],
    )
    .to_svg();
    let svg = Document::parse(&text).expect("well-formed XML");
    let bars: Vec<[f64; 4]> = all(&svg, "rect")
        .into_iter()
        .map(|bar| ["x", "y", "width", "height"].map(|of| number(bar, of)))
        .collect();
    let [first, second, last] = bars[..] else {
        panic!("{bars:?}")
    };
    assert!(
        (first[0] + first[2] - second[0]).abs() < 0.11,
        "no gap between {first:?} and {second:?}"
    );
    assert!(
        (first[1] + first[3] - second[1]).abs() < 0.11,
        "one above, one below zero: {first:?}, {second:?}"
    );
    assert!(
        (second[2] - 2.0 * first[2]).abs() < 0.21 && (last[2] - second[2]).abs() < 0.21,
        "{bars:?}"
    );
    assert!(
        (first[3] - second[3]).abs() < 0.11 && (first[3] - 2.0 * last[3]).abs() < 0.21,
        "{bars:?}"
    );
}

#[test]
fn the_last_bar_is_as_wide_as_the_one_before() {
    let points = [(1.0, 1.0), (2.0, 1.0), (4.0, 1.0)];
    for scale in [Scale::Linear, Scale::Log] {
        let text = chart(
            scale,
            Scale::Linear,
            [Series::new("one", Shape::Bars, points)],
        )
        .to_svg();
        let svg = Document::parse(&text).expect("well-formed XML");
        let widths: Vec<f64> = all(&svg, "rect")
            .into_iter()
            .map(|bar| number(bar, "width"))
            .collect();
        assert!(
            (widths[2] - widths[1]).abs() < 0.21,
            "{scale:?}: {widths:?}"
        );
    }
}

#[test]
fn the_spread_of_a_point_is_on_the_axis_too() {
    let series = Series::new("one", Shape::Line, [(1.0, 10.0)]).spread([(1.0, 5.0, 100.0)]);
    let chart = chart(Scale::Log, Scale::Linear, [series]);
    check(&chart);
    let text = chart.to_svg();
    let svg = Document::parse(&text).expect("well-formed XML");
    let stroke = corners(paths(&svg, "spread")[0]);
    assert!(
        (stroke[2].1 - stroke[3].1 - 0.95 * PLOT).abs() < 0.11,
        "from 5 to 100 of 0 to 100: {stroke:?}"
    );
}

#[test]
fn series_differ_in_more_than_their_colour() {
    let series = |i| {
        Series::new(
            format!("s{i}"),
            Shape::Line,
            [(0.0, f64::from(i)), (1.0, 2.0)],
        )
    };
    let chart = chart(Scale::Linear, Scale::Linear, (0..5).map(series));
    check(&chart);
    let text = chart.to_svg();
    let svg = Document::parse(&text).expect("well-formed XML");
    let mut dashes: Vec<_> = all(&svg, "path")
        .iter()
        .filter_map(|path| path.attribute("stroke-dasharray"))
        .collect();
    assert_eq!(dashes.len(), 10, "in the legend and in the plot");
    dashes.dedup();
    dashes.sort_unstable();
    dashes.dedup();
    assert_eq!(dashes.len(), 5);
}

#[test]
fn one_series_needs_no_legend_and_none_says_so() {
    let texts = |chart: &Chart| {
        check(chart);
        let text = chart.to_svg();
        let svg = Document::parse(&text).expect("well-formed XML");
        let texts: Vec<String> = all(&svg, "text")
            .iter()
            .filter_map(Node::text)
            .map(String::from)
            .collect();
        texts.join("|")
    };
    let one = chart(
        Scale::Linear,
        Scale::Linear,
        [Series::new("lonely", Shape::Dots, [(1.0, 1.0)])],
    );
    assert!(!texts(&one).contains("lonely") && !texts(&one).contains("no data"));
    assert!(texts(&chart(Scale::Log, Scale::Log, [])).contains("no data"));
    let nothing = Series::new("", Shape::Bars, [(0.0, f64::NAN), (f64::INFINITY, 1.0)]);
    assert!(texts(&chart(Scale::Linear, Scale::Linear, [nothing])).contains("no data"));
}

#[test]
fn it_has_a_name_and_a_description_for_those_who_do_not_see_it() {
    let text = chart(Scale::Linear, Scale::Linear, []).to_svg();
    let svg = Document::parse(&text).expect("well-formed XML");
    assert_eq!(svg.root_element().attribute("role"), Some("img"));
    assert_eq!(all(&svg, "title")[0].text(), Some("title"));
    assert_eq!(all(&svg, "desc")[0].text(), Some("in words"));
    assert!(
        all(&svg, "style")[0]
            .text()
            .expect("a style")
            .contains("prefers-color-scheme: dark")
    );
}

#[test]
fn no_label_of_percentages_lies_on_another() {
    for last in [50.0, 99.9, 99.999, 99.999_848, 99.9999, 99.999_99] {
        for values in [vec![0.0, last], vec![0.0, last, 100.0]] {
            let points = values.into_iter().map(|value| (value, value));
            let series = Series::new("", Shape::Line, points);
            check(&chart(Scale::Percentile, Scale::Percentile, [series]));
        }
    }
}

#[test]
fn long_names_are_clipped() {
    assert_eq!(fitted("abc", 21.0), "abc");
    assert_eq!(fitted("abcd", 21.0), "ab…");
    assert_eq!(fitted("漢字漢字", 40.0), "漢字…");
    assert_eq!(fitted("abc", 0.0), "…");
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        0.0..1e6f64,
        -100.0..101f64,
        prop::sample::select(vec![
            0.0,
            -0.0,
            100.0,
            f64::NAN,
            f64::INFINITY,
            1e-300,
            f64::MAX,
            f64::MIN
        ]),
    ]
}

fn any_series() -> impl Strategy<Value = Series> {
    let point = || (any_value(), any_value());
    let points = prop::collection::vec(point(), 0..6);
    let spreads = prop::collection::vec((any_value(), any_value(), any_value()), 0..3);
    let shape = prop::sample::select(&SHAPES[..]);
    (any::<String>(), shape, points, spreads)
        .prop_map(|(name, shape, points, spreads)| Series::new(name, shape, points).spread(spreads))
}

fn any_axis() -> impl Strategy<Value = Axis> {
    let (scale, unit) = (
        prop::sample::select(&SCALES[..]),
        prop::sample::select(&UNITS[..]),
    );
    (any::<String>(), unit, scale).prop_map(|(label, unit, scale)| Axis::new(label, unit, scale))
}

proptest! {
    #[test]
    fn any_chart_is_well_formed_and_within_its_box(
        (title, description) in any::<(String, String)>(),
        (x, y) in (any_axis(), any_axis()),
        series in prop::collection::vec(any_series(), 0..9),
    ) {
        let chart = Chart::new(title, x, y).describe(description);
        check(&series.into_iter().fold(chart, Chart::with));
    }
}
