//! The series, between the axes.

use std::fmt::{self, Write};

use super::ink::{self, Px, line, marker};
use crate::report::axis::Scale;
use crate::report::chart::{Chart, Series, Shape};
use crate::report::markup::Escaped;
use crate::report::ruler::Ruler;

/// A line of more points has no markers: they would hide it.
const MARKED: usize = 32;

/// Where the series are drawn.
pub(super) struct Plot<'a> {
    pub(super) chart: &'a Chart,
    pub(super) x: Ruler,
    pub(super) y: Ruler,
    pub(super) bottom: f64,
    pub(super) right: f64,
}

impl Plot<'_> {
    /// Draws all series. Returns whether there was anything to draw.
    pub(super) fn draw(&self, f: &mut fmt::Formatter<'_>) -> Result<bool, fmt::Error> {
        let mut drawn = 0;
        for (index, series) in self.chart.series.iter().enumerate() {
            drawn += self.series(f, index, series)?;
        }
        Ok(drawn > 0)
    }

    /// Draws a series. Returns how many of its points could be shown.
    fn series(
        &self,
        f: &mut fmt::Formatter<'_>,
        index: usize,
        series: &Series,
    ) -> Result<usize, fmt::Error> {
        let places: Vec<Option<(f64, f64)>> = series
            .points
            .iter()
            .map(|&(x, y)| Some((self.x.place(x)?, self.y.place(y)?)))
            .collect();
        writeln!(f, "<g class=\"{}\">", ink::colour(index))?;
        self.spreads(f, series)?;
        match series.shape {
            Shape::Line => line(f, index, &joined(&places))?,
            Shape::Step => line(f, index, &self.steps(series, &places))?,
            Shape::Bars => self.bars(f, index, series, &places)?,
            Shape::Dots => {}
        }
        if is_marked(series) {
            for (&point, place) in series.points.iter().zip(&places) {
                if let Some(place) = *place {
                    marker(f, index, place, &self.tip(series, point))?;
                }
            }
        }
        writeln!(f, "</g>")?;
        Ok(places.iter().flatten().count())
    }

    /// What a point says when the mouse is over it.
    fn tip(&self, series: &Series, (x, y): (f64, f64)) -> String {
        let (x, y) = (self.chart.x.unit.figure(x), self.chart.y.unit.figure(y));
        format!("{}: {x}, {y}", series.name)
    }

    fn spreads(&self, f: &mut fmt::Formatter<'_>, series: &Series) -> fmt::Result {
        let mut lines = String::new();
        for &(x, from, to) in &series.spreads {
            if let (Some(x), Some(from), Some(to)) =
                (self.x.place(x), self.y.place(from), self.y.place(to))
            {
                let (a, b) = (Px(x - 4.0), Px(x + 4.0));
                let (x, from, to) = (Px(x), Px(from), Px(to));
                write!(lines, "M{a} {from}H{b}M{x} {from}V{to}M{a} {to}H{b}")?;
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        writeln!(f, "<path class=\"spread\" d=\"{lines}\"/>")
    }

    /// Where the step or bar of a point ends: where the next point is.
    fn end_of(&self, series: &Series, index: usize) -> Option<f64> {
        match series.points.get(index + 1) {
            Some(next) => self.x.place(next.0),
            None => last_end(series, self.chart.x.scale).and_then(|end| self.x.place(end)),
        }
    }

    fn steps(&self, series: &Series, places: &[Option<(f64, f64)>]) -> String {
        let mut path = String::new();
        let mut after = None;
        for (index, place) in places.iter().enumerate() {
            let Some((x, y)) = *place else {
                after = None;
                continue;
            };
            // The last place is joined to this one only if no gap is between.
            let begin = if after == Some(x) { 'L' } else { 'M' };
            let end = self.end_of(series, index);
            // A `String` takes everything.
            let _ = write!(path, "{begin}{} {}H{}", Px(x), Px(y), Px(end.unwrap_or(x)));
            after = end;
        }
        path
    }

    fn bars(
        &self,
        f: &mut fmt::Formatter<'_>,
        index: usize,
        series: &Series,
        places: &[Option<(f64, f64)>],
    ) -> fmt::Result {
        let foot = self.y.place(0.0).unwrap_or(self.bottom);
        for (i, place) in places.iter().enumerate() {
            let Some((x, y)) = *place else { continue };
            // The only bar has no neighbour to be as wide as.
            let end = self.end_of(series, i).unwrap_or((x + 24.0).min(self.right));
            writeln!(
                f,
                "<rect class=\"bar\" stroke-dasharray=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>",
                ink::dashes(index),
                Px(x.min(end)),
                Px(y.min(foot)),
                Px((end - x).abs()),
                Px((foot - y).abs()),
                Escaped(self.tip(series, series.points[i]))
            )?;
        }
        Ok(())
    }
}

/// The path through these places, with a gap where there is none.
fn joined(places: &[Option<(f64, f64)>]) -> String {
    let mut path = String::new();
    let mut begin = 'M';
    for place in places {
        if let Some((x, y)) = *place {
            // A `String` takes everything.
            let _ = write!(path, "{begin}{} {}", Px(x), Px(y));
            begin = 'L';
        } else {
            begin = 'M';
        }
    }
    path
}

/// Whether the points of a series have markers.
pub(super) fn is_marked(series: &Series) -> bool {
    match series.shape {
        Shape::Line => series.points.len() <= MARKED,
        Shape::Step | Shape::Bars => false,
        Shape::Dots => true,
    }
}

/// Where the last bar or step ends, if it is to be as wide as the one before.
pub(super) fn last_end(series: &Series, scale: Scale) -> Option<f64> {
    match (series.shape, &series.points[..]) {
        (Shape::Bars | Shape::Step, [.., (before, _), (last, _)]) => Some(match scale {
            Scale::Log => last * (last / before),
            Scale::Linear | Scale::Percentile => last + (last - before),
        }),
        _ => None,
    }
}
