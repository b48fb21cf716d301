//! What a chart is made of.

use super::axis::Axis;
use super::svg;

/// How the points of a series are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Points joined by straight lines.
    Line,
    /// A value that holds from its point to the next one.
    Step,
    /// A bar from each point to the next one; the last is as wide as the one before it. It stands on zero, or on the
    /// foot of a logarithmic axis.
    Bars,
    /// Points alone.
    Dots,
}

/// Points that belong together.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) spreads: Vec<(f64, f64, f64)>,
}

impl Series {
    /// A series of points (x, y), in the order in which they are joined.
    pub fn new(
        name: impl Into<String>,
        shape: Shape,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Series {
        Series {
            name: name.into(),
            shape,
            points: points.into_iter().collect(),
            spreads: Vec::new(),
        }
    }

    /// The same with upright strokes (x, from y, to y) that show how far the values behind the points are spread.
    #[must_use]
    pub fn spread(mut self, strokes: impl IntoIterator<Item = (f64, f64, f64)>) -> Series {
        self.spreads = strokes.into_iter().collect();
        self
    }
}

/// A chart: series of points between two axes.
///
/// Whatever is in it, it can be drawn. A point that has no place (it is no number, or its scale does not know it, like zero
/// on a logarithmic one) is left out, and a line has a gap there.
///
/// ```
/// use nbcaser::report::axis::{Axis, Scale, Unit};
/// use nbcaser::report::chart::{Chart, Series, Shape};
///
/// let chart = Chart::new(
///     "Replies over time",
///     Axis::new("time since the start", Unit::Nanoseconds, Scale::Linear),
///     Axis::new("replies a second", Unit::Count, Scale::Linear),
/// )
/// .describe("About 5,000 replies a second throughout.")
/// .with(Series::new("replies", Shape::Step, [(0.0, 5012.0), (1e9, 4987.0), (2e9, 5004.0)]));
/// assert!(chart.to_svg().starts_with("<svg "));
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Chart {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
}

impl Chart {
    /// A chart with nothing between its axes yet.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Chart {
        Chart {
            title: title.into(),
            description: String::new(),
            x,
            y,
            series: Vec::new(),
        }
    }

    /// The same chart with a text for those who do not see it.
    #[must_use]
    pub fn describe(mut self, description: impl Into<String>) -> Chart {
        self.description = description.into();
        self
    }

    /// The same chart with one more series. They are told apart by their colours, by the dashes of their lines and by
    /// their markers.
    #[must_use]
    pub fn with(mut self, series: Series) -> Chart {
        self.series.push(series);
        self
    }

    /// The chart as a file of its own, for light and for dark. In a [page](super::page) it shares the page's colours.
    pub fn to_svg(&self) -> String {
        svg::draw(self, Some(svg::STYLE))
    }
}
