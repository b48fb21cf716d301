//! Strokes, markers and letters. Who draws a series says only which one it is: from that follows how it looks.
//!
//! The width of a text is known to nobody but the browser, so it is estimated on the safe side.

use std::fmt::{self, Display};

use crate::report::markup::{Escaped, Printable};

/// So many colours are in the style sheet. As 7, 5 and 6 have no common divisors, only the 211th series looks like the
/// first again.
const COLOURS: usize = 7;
const DASHES: [&str; 5] = ["none", "7 4", "2 3", "10 4 2 4", "5 2"];
const MARKERS: usize = 6;

/// The class that gives a series its colour.
pub(super) fn colour(index: usize) -> String {
    format!("s{}", index % COLOURS)
}

/// The dashes that tell it from others where colours do not.
pub(super) fn dashes(index: usize) -> &'static str {
    DASHES[index % DASHES.len()]
}

pub(super) fn line(f: &mut fmt::Formatter<'_>, index: usize, path: &str) -> fmt::Result {
    let dashes = dashes(index);
    writeln!(
        f,
        "<path class=\"line\" stroke-dasharray=\"{dashes}\" d=\"{path}\"/>"
    )
}

/// One of six shapes that are told apart at a glance.
pub(super) fn marker(
    f: &mut fmt::Formatter<'_>,
    index: usize,
    (x, y): (f64, f64),
    tip: &str,
) -> fmt::Result {
    let tip = Escaped(tip);
    let corners: &[(f64, f64)] = match index % MARKERS {
        0 => {
            return writeln!(
                f,
                "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"4\"><title>{tip}</title></circle>",
                Px(x),
                Px(y)
            );
        }
        1 => &[(-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)],
        2 => &[(0.0, -4.8), (4.6, 3.4), (-4.6, 3.4)],
        3 => &[(0.0, -5.2), (5.2, 0.0), (0.0, 5.2), (-5.2, 0.0)],
        4 => &[(0.0, 4.8), (4.6, -3.4), (-4.6, -3.4)],
        _ => &[
            (-1.5, -5.0),
            (1.5, -5.0),
            (1.5, -1.5),
            (5.0, -1.5),
            (5.0, 1.5),
            (1.5, 1.5),
            (1.5, 5.0),
            (-1.5, 5.0),
            (-1.5, 1.5),
            (-5.0, 1.5),
            (-5.0, -1.5),
            (-1.5, -1.5),
        ],
    };
    write!(f, "<polygon class=\"dot\" points=\"")?;
    for (dx, dy) in corners {
        write!(f, "{},{} ", Px(x + dx), Px(y + dy))?;
    }
    writeln!(f, "\"><title>{tip}</title></polygon>")
}

pub(super) fn text(
    f: &mut fmt::Formatter<'_>,
    class: &str,
    anchor: &str,
    (x, y): (f64, f64),
    text: &str,
) -> fmt::Result {
    let (x, y) = (Px(x), Px(y));
    writeln!(
        f,
        "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x}\" y=\"{y}\">{}</text>",
        Escaped(text)
    )
}

/// About how wide a text is at most: letters beyond Latin may be as wide as they are high.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars()
        .map(|c| {
            if c < '\u{250}' || c == '…' {
                7.0
            } else {
                13.0
            }
        })
        .sum()
}

/// The text as it can be shown on a line of this width, an ellipsis at its end if not all of it can.
pub(super) fn fitted(text: &str, width: f64) -> String {
    let text = Printable(text).to_string();
    if text_width(&text) <= width {
        return text;
    }
    let mut free = width - text_width("…");
    let fits = |c: &char| {
        free -= text_width(c.encode_utf8(&mut [0; 4]));
        free >= 0.0
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// A length, to a tenth of a pixel.
pub(super) struct Px(pub(super) f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round();
        write!(f, "{}", tenths / 10.0)
    }
}
