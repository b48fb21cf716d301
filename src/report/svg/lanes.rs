//! How a timeline is drawn: a lane for each name, all over one axis of time.
//!
//! ```text
//!  title
//!  ▇ poll  ▄ read  ▾ wake                      legend, in as many lines as it takes
//!  loop 0     │▇▇▇▇▇▇▇▇▇▇▇       ▇▇▇▇▇▇▇▇▇▇▇▇│  top
//!  127.0.0.1  │ ▇▄▇▇▄▇          ▾            │
//!  accept     │        ▇▇▇                   │
//!             └──┴─────┴─────┴─────┴─────┴───┘  bottom
//!                tick  tick  tick
//! ```

use std::fmt::{self, Display, Write};

use super::ink::{self, Px, fitted, text, text_width};
use crate::report::axis::{Axis, Scale, Unit};
use crate::report::markup::Escaped;
use crate::report::ruler::{Ruler, Tick};
use crate::report::timeline::{Event, Stroke, Timeline};

const WIDTH: f64 = 1200.0;
/// The most room for the names of the lanes.
const NAMES: f64 = 240.0;
const LANE: f64 = 24.0;
/// The line height of the legend.
const LINE: f64 = 20.0;
/// What is shorter could not be seen.
const THINNEST: f64 = 1.0;

/// The timeline as SVG.
pub(in crate::report) fn draw(timeline: &Timeline) -> String {
    Drawing(timeline).to_string()
}

struct Drawing<'a>(&'a Timeline);

impl Display for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timeline = self.0;
        let (legend, lines) = legend(timeline);
        let top = 30.0 + lines as f64 * LINE + 10.0;
        let bottom = top + timeline.lanes.len() as f64 * LANE;

        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" viewBox=\"0 0 {WIDTH} {}\">",
            Px(bottom + 30.0)
        )?;
        writeln!(f, "<title>{}</title>", Escaped(&timeline.title))?;
        if !timeline.description.is_empty() {
            writeln!(f, "<desc>{}</desc>", Escaped(&timeline.description))?;
        }
        // Bold, and a quarter larger than the rest.
        let title = fitted(&timeline.title, WIDTH / 1.4);
        text(f, "title", "start", (0.0, 16.0), &title)?;
        for (kind, (at, line, name)) in legend.iter().enumerate() {
            let middle = 30.0 + *line as f64 * LINE + LINE / 2.0;
            writeln!(f, "<g class=\"{}\">", ink::colour(kind))?;
            let (how, from) = (timeline.kinds[kind].1, *at);
            match how {
                // It hangs from the top of a lane, and to both sides of its place.
                Stroke::Mark => shape(f, how, (from + 8.0, from + 8.0), middle + 7.0, "")?,
                _ => shape(f, how, (from, from + 16.0), middle, "")?,
            }
            writeln!(f, "</g>")?;
            text(f, "quiet", "start", (at + 22.0, middle + 4.0), name)?;
        }

        let names = timeline.lanes.iter().map(|(name, _)| text_width(name));
        let left = names.fold(0.0, f64::max).min(NAMES) + 10.0;
        let axis = Axis::new("time", Unit::Nanoseconds, Scale::Linear);
        let ends = [0.0, timeline.length].into_iter();
        let ruler = Ruler::new(&axis, ends, (left, WIDTH - 24.0), 12, false);
        grid(f, &ruler, left, (top, bottom))?;
        for (place, (name, events)) in timeline.lanes.iter().enumerate() {
            let middle = top + (place as f64 + 0.5) * LANE;
            let name = fitted(name, left - 10.0);
            text(f, "quiet", "end", (left - 8.0, middle + 4.0), &name)?;
            for (kind, &(_, how)) in timeline.kinds.iter().enumerate() {
                let mut all = events.iter().filter(|event| event.kind == kind).peekable();
                if all.peek().is_none() {
                    continue;
                }
                writeln!(f, "<g class=\"{}\">", ink::colour(kind))?;
                for event in all {
                    if let Some(ends) = ends_of(event, timeline.length, &ruler) {
                        shape(f, how, ends, middle, &event.tip)?;
                    }
                }
                writeln!(f, "</g>")?;
            }
        }
        write!(f, "</svg>")
    }
}

/// Where each kind's entry stands, in which line, and its name; and how many lines there are.
fn legend(timeline: &Timeline) -> (Vec<(f64, usize, String)>, usize) {
    let (mut at, mut line, mut entries) = (0.0, 0, Vec::new());
    for (name, _) in &timeline.kinds {
        let name = fitted(name, WIDTH - 22.0);
        let width = 22.0 + text_width(&name);
        if at > 0.0 && at + width > WIDTH {
            (at, line) = (0.0, line + 1);
        }
        entries.push((at, line, name));
        at += width + 14.0;
    }
    (entries, line + 1)
}

/// From where to where an event goes on the paper, if it is on it at all.
fn ends_of(event: &Event, length: f64, ruler: &Ruler) -> Option<(f64, f64)> {
    if !(event.from <= event.to && event.to >= 0.0 && event.from <= length) {
        return None;
    }
    let begin = ruler.place(event.from.max(0.0))?;
    let end = ruler.place(event.to.min(length))?;
    Some((begin, end.max(begin + THINNEST)))
}

fn shape(
    f: &mut fmt::Formatter<'_>,
    how: Stroke,
    (from, to): (f64, f64),
    middle: f64,
    tip: &str,
) -> fmt::Result {
    let half = match how {
        Stroke::Outer => 9.0,
        Stroke::Inner => 5.0,
        Stroke::Mark => {
            let (left, right, top) = (Px(from - 4.0), Px(from + 4.0), Px(middle - 11.0));
            return writeln!(
                f,
                "<path class=\"dot\" d=\"M{} {}L{left} {top}H{right}Z\"><title>{}</title></path>",
                Px(from),
                Px(middle - 3.0),
                Escaped(tip)
            );
        }
    };
    let class = if how == Stroke::Outer { "bar" } else { "inner" };
    writeln!(
        f,
        "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>",
        Px(from),
        Px(middle - half),
        Px(to - from),
        Px(2.0 * half),
        Escaped(tip)
    )
}

fn grid(
    f: &mut fmt::Formatter<'_>,
    ruler: &Ruler,
    left: f64,
    (top, bottom): (f64, f64),
) -> fmt::Result {
    let mut lines = String::new();
    for Tick { at, .. } in &ruler.ticks {
        write!(lines, "M{} {}V{}", Px(*at), Px(top), Px(bottom))?;
    }
    writeln!(f, "<path class=\"grid\" d=\"{lines}\"/>")?;
    let mut free = left - 40.0;
    for Tick { at, label } in &ruler.ticks {
        let half = text_width(label) / 2.0;
        if at - half >= free && at + half <= WIDTH {
            text(f, "quiet", "middle", (*at, bottom + 18.0), label)?;
            free = at + half + 8.0;
        }
    }
    let (left, bottom) = (Px(left), Px(bottom));
    writeln!(
        f,
        "<path class=\"rule\" d=\"M{left} {bottom}H{}\"/>",
        Px(WIDTH - 24.0)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use roxmltree::Document;

    use super::*;

    fn event(kind: usize, from: f64, to: f64) -> Event {
        let tip = format!("{kind}: {from} to {to}");
        Event {
            kind,
            from,
            to,
            tip,
        }
    }

    fn timeline() -> Timeline {
        let kinds = [
            ("outer", Stroke::Outer),
            ("inner", Stroke::Inner),
            ("mark", Stroke::Mark),
        ];
        Timeline::new("title", 1000.0, kinds).describe("in words")
    }

    /// Left edges, widths and middles of the blocks that are told something of.
    fn blocks(svg: &str) -> Vec<(f64, f64, f64)> {
        let svg = Document::parse(svg).expect("well-formed XML");
        let blocks = svg.descendants().filter(|node| {
            let tip = node.children().find(|child| child.has_tag_name("title"));
            node.has_tag_name("rect") && tip.is_some_and(|tip| tip.text().is_some())
        });
        let number = |node: roxmltree::Node, name| -> f64 {
            let text = node.attribute(name).expect(name);
            text.parse().expect(text)
        };
        blocks
            .map(|block| {
                let middle = number(block, "y") + number(block, "height") / 2.0;
                (number(block, "x"), number(block, "width"), middle)
            })
            .collect()
    }

    #[test]
    fn who_comes_later_stands_further_right_and_the_next_lane_lower() {
        let drawn = timeline()
            .lane("a", [event(0, 0.0, 500.0), event(0, 500.0, 1000.0)])
            .lane("b", [event(1, 0.0, 1.0)]);
        let svg = draw(&drawn);
        let [a, b, c] = blocks(&svg)[..] else {
            panic!("{svg}")
        };
        assert!(
            (a.0 + a.1 - b.0).abs() < 0.2 && (a.1 - b.1).abs() < 0.2,
            "{svg}"
        );
        assert!((b.0 + b.1 - (WIDTH - 24.0)).abs() < 0.2, "{svg}");
        assert!((c.0 - a.0).abs() < 0.2 && c.1 >= THINNEST, "{svg}");
        assert!((c.2 - a.2 - LANE).abs() < 0.2, "{svg}");
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let all = [
            event(0, -500.0, -1.0),
            event(0, -500.0, 2000.0),
            event(0, 1001.0, 2000.0),
            event(0, 5.0, 4.0),
            event(0, f64::NAN, 4.0),
            event(7, 0.0, 4.0),
        ];
        let svg = draw(&timeline().lane("a", all));
        let blocks = blocks(&svg);
        assert_eq!(blocks.len(), 1, "{svg}");
        assert!((blocks[0].0 + blocks[0].1 - (WIDTH - 24.0)).abs() < 0.2);
    }

    proptest! {
        #[test]
        fn any_timeline_can_be_drawn(
            length in prop_oneof![Just(0.0), 0.0..1e12, any::<f64>()],
            times in prop::collection::vec((0usize..4, any::<f64>(), 0.0..1e12), 0..20),
            text in any::<String>(),
        ) {
            let events = times.iter().map(|&(kind, from, to)| Event { kind, from, to, tip: text.clone() });
            let kinds = [(&text[..], Stroke::Outer), ("b", Stroke::Inner), ("c", Stroke::Mark)];
            let drawn = Timeline::new(&text, length, kinds).describe(&text).lane(&text, events);
            let svg = draw(&drawn);
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{}", svg);
            Document::parse(&svg).expect("well-formed XML");
        }
    }
}
