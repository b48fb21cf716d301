//! Which series is which.

use std::fmt;

use super::WIDTH;
use super::ink::{self, Px, fitted, line, marker, text, text_width};
use super::plot::is_marked;
use crate::report::chart::{Series, Shape};

/// The line height of the legend.
const LINE: f64 = 20.0;
/// The room for the sample of a line in the legend.
const SAMPLE: f64 = 34.0;

/// The names of the series, where there are several.
pub(super) struct Legend<'a> {
    /// Each with its place from the left, and its line.
    entries: Vec<(f64, usize, String, &'a Series)>,
    pub(super) height: f64,
}

impl Legend<'_> {
    pub(super) fn new(series: &[Series]) -> Legend<'_> {
        if series.len() < 2 {
            return Legend {
                entries: Vec::new(),
                height: 0.0,
            };
        }
        let (mut at, mut line, mut entries) = (0.0, 0, Vec::new());
        for one in series {
            let name = fitted(&one.name, WIDTH - SAMPLE);
            let width = SAMPLE + text_width(&name);
            if at > 0.0 && at + width > WIDTH {
                (at, line) = (0.0, line + 1);
            }
            entries.push((at, line, name, one));
            at += width + 18.0;
        }
        Legend {
            entries,
            height: (line + 1) as f64 * LINE,
        }
    }

    pub(super) fn draw(&self, f: &mut fmt::Formatter<'_>, top: f64) -> fmt::Result {
        for (index, (at, row, name, series)) in self.entries.iter().enumerate() {
            let middle = top + *row as f64 * LINE + LINE / 2.0;
            let end = at + SAMPLE - 8.0;
            writeln!(f, "<g class=\"{}\">", ink::colour(index))?;
            match series.shape {
                Shape::Bars => writeln!(
                    f,
                    "<rect class=\"bar\" stroke-dasharray=\"{}\" x=\"{}\" y=\"{}\" width=\"24\" height=\"10\"/>",
                    ink::dashes(index),
                    Px(at + 1.0),
                    Px(middle - 5.0)
                )?,
                Shape::Line | Shape::Step => line(
                    f,
                    index,
                    &format!("M{} {}H{}", Px(*at), Px(middle), Px(end)),
                )?,
                Shape::Dots => {}
            }
            if is_marked(series) {
                marker(f, index, (at.midpoint(end), middle), &series.name)?;
            }
            text(f, "", "start", (at + SAMPLE, middle + 4.0), name)?;
            writeln!(f, "</g>")?;
        }
        Ok(())
    }
}
