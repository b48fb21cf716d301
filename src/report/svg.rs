//! How a chart is drawn. All lengths are in units of the view box, which are pixels if the chart is shown as it is.
//!
//! ```text
//!   0 ┌──────────────────────────────────────────┐
//!     │ title                                    │
//!     │ ── reactor  -- threads                   │  legend, in as many lines as it takes
//!     │ label of the upright axis                │
//! top │ tick ┬─────────────────────────────────┐ │
//!     │ tick ┤                                 │ │
//!     │    0 ┴──┴──────┴──────┴──────┴─────────┘ │  bottom
//!     │        tick   tick   tick                │
//!     │              label of the other axis     │
//!     └──────left────────────────────────right───┘  WIDTH
//! ```
//!
//! The legend and the series have files of their own, `svg/legend.rs` and `svg/plot.rs`; timelines are drawn by
//! `svg/lanes.rs`. All draw with what is in `svg/ink.rs`.

use std::fmt::{self, Display, Write};

use super::chart::Chart;
use super::markup::Escaped;
use super::ruler::{Ruler, Tick};
use ink::{Px, fitted, text, text_width};
use legend::Legend;
use plot::Plot;

mod ink;
pub(super) mod lanes;
mod legend;
mod plot;

/// What a chart needs of CSS.
pub(super) const STYLE: &str = include_str!("chart.css");

const WIDTH: f64 = 640.0;
/// From the top to the bottom of the plot.
const PLOT: f64 = 260.0;
/// The room at the right of the plot.
const MARGIN: f64 = 24.0;
/// From the edge of the plot to the first and to the last point: half a marker, and some air.
const AIR: f64 = 8.0;
/// The chart as SVG, with this style sheet in it.
pub(super) fn draw(chart: &Chart, style: Option<&str>) -> String {
    Drawing { chart, style }.to_string()
}

struct Drawing<'a> {
    chart: &'a Chart,
    style: Option<&'a str>,
}

impl Display for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chart = self.chart;
        let legend = Legend::new(&chart.series);
        let label = 30.0 + legend.height + 16.0;
        let top = label + 16.0;
        let bottom = top + PLOT;
        let height = bottom + 46.0;

        let y = upright_ruler(chart, top, bottom);
        let labels = y.ticks.iter().map(|tick| text_width(&tick.label));
        let left = labels.fold(0.0, f64::max) + 10.0;
        let right = WIDTH - MARGIN;
        let x = level_ruler(chart, left, right);

        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" viewBox=\"0 0 {WIDTH} {}\">",
            Px(height)
        )?;
        writeln!(f, "<title>{}</title>", Escaped(&chart.title))?;
        if !chart.description.is_empty() {
            writeln!(f, "<desc>{}</desc>", Escaped(&chart.description))?;
        }
        if let Some(style) = self.style {
            writeln!(f, "<style>\n{style}</style>")?;
        }
        // Bold, and a quarter larger than the rest.
        text(
            f,
            "title",
            "start",
            (0.0, 16.0),
            &fitted(&chart.title, WIDTH / 1.4),
        )?;
        legend.draw(f, 30.0)?;
        text(
            f,
            "quiet",
            "start",
            (0.0, label),
            &fitted(&chart.y.label, WIDTH),
        )?;

        draw_grid(f, &x, &y, (left, right), (top, bottom))?;
        let x_label = fitted(&chart.x.label, WIDTH - left);
        text(f, "quiet", "end", (right, bottom + 38.0), &x_label)?;

        let plot = Plot {
            chart,
            x,
            y,
            bottom,
            right,
        };
        if !plot.draw(f)? {
            let middle = (left.midpoint(right), top.midpoint(bottom));
            text(f, "quiet", "middle", middle, "no data")?;
        }
        write!(f, "</svg>")
    }
}

fn upright_ruler(chart: &Chart, top: f64, bottom: f64) -> Ruler {
    let points = chart.series.iter().flat_map(|series| {
        let points = series.points.iter().map(|point| point.1);
        points.chain(
            series
                .spreads
                .iter()
                .flat_map(|stroke| [stroke.1, stroke.2]),
        )
    });
    Ruler::new(&chart.y, points, (bottom, top), 8, true)
}

fn level_ruler(chart: &Chart, left: f64, right: f64) -> Ruler {
    let points = chart.series.iter().flat_map(|series| {
        let points = series.points.iter().map(|point| point.0);
        points
            .chain(plot::last_end(series, chart.x.scale))
            .chain(series.spreads.iter().map(|stroke| stroke.0))
    });
    Ruler::new(&chart.x, points, (left + AIR, right - AIR), 8, false)
}

fn draw_grid(
    f: &mut fmt::Formatter<'_>,
    x: &Ruler,
    y: &Ruler,
    (left, right): (f64, f64),
    (top, bottom): (f64, f64),
) -> fmt::Result {
    let mut lines = String::new();
    for Tick { at, .. } in &y.ticks {
        write!(lines, "M{} {}H{}", Px(left), Px(*at), Px(right))?;
    }
    for Tick { at, .. } in &x.ticks {
        write!(lines, "M{} {}V{}", Px(*at), Px(top), Px(bottom))?;
    }
    writeln!(f, "<path class=\"grid\" d=\"{lines}\"/>")?;
    for Tick { at, label } in &y.ticks {
        text(f, "quiet", "end", (left - 6.0, at + 4.0), label)?;
    }
    // Labels that would run into the one before are left out; the last one is the one to keep, so it is set first.
    let mut free = WIDTH;
    for Tick { at, label } in x.ticks.iter().rev() {
        let half = text_width(label) / 2.0;
        let middle = at.min(WIDTH - half);
        if middle + half <= free && middle - half >= 0.0 {
            text(f, "quiet", "middle", (middle, bottom + 18.0), label)?;
            free = middle - half - 8.0;
        }
    }
    writeln!(
        f,
        "<path class=\"rule\" d=\"M{} {}H{}\"/>",
        Px(left),
        Px(bottom),
        Px(right)
    )
}

#[cfg(test)]
mod tests;
