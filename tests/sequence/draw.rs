//! A record as a picture: a line of life for each party, from the task to the kernel, and an arrow for each step.

use std::fmt::{self, Display};

use crate::record::{Act, Party, Step};

/// The colours are those of the charts.
const STYLE: &str = include_str!("../../src/report/chart.css");

const WIDTH: f64 = 800.0;
/// From a line of life to the next.
const LANE: f64 = 196.0;
/// From the left to the first.
const LEFT: f64 = 90.0;
const ROW: f64 = 27.0;
const TOP: f64 = 74.0;
/// From a line to the words beside it.
const GAP: f64 = 8.0;
/// How far out a step goes that a party takes by itself.
const LOOP: f64 = 16.0;

/// Acts, one below the other.
pub(crate) struct Picture<'a> {
    pub(crate) title: &'a str,
    pub(crate) acts: &'a [Act],
}

/// A step at a height.
struct Arrow<'a>(&'a Step, f64);

/// All steps in words, for who does not see them.
struct Words<'a>(&'a [Act]);

/// A text as it may stand between tags.
struct Escaped<'a>(&'a str);

fn x(party: Party) -> f64 {
    match party {
        Party::Task => LEFT,
        Party::Executor => LEFT + LANE,
        Party::Reactor => LEFT + 2.0 * LANE,
        Party::Kernel => LEFT + 3.0 * LANE,
        Party::World => WIDTH,
    }
}

/// About how wide the words of a step are at most, and how wide they may be.
pub(crate) fn width_and_room(step: &Step) -> (f64, f64) {
    let (from, to) = (x(step.from), x(step.to));
    let room = if step.from == step.to {
        LANE - LOOP - 2.0 * GAP
    } else {
        (from - to).abs().min(LANE) - GAP
    };
    (7.0 * step.text.chars().count() as f64, room)
}

impl Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: usize = self.acts.iter().map(|act| act.steps.len() + 2).sum();
        let height = TOP + ROW * (rows - 1) as f64;
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" \
             viewBox=\"0 0 {WIDTH} {height}\">\n<style>\n{STYLE}</style>\n<title>{}</title>\n<desc>{}</desc>\n\
             <rect fill=\"var(--paper)\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
             <text class=\"quiet\" x=\"{GAP}\" y=\"32\">step</text>",
            Escaped(self.title),
            Words(self.acts)
        )?;
        for party in [Party::Task, Party::Executor, Party::Reactor, Party::Kernel] {
            let x = x(party);
            writeln!(
                f,
                "<path class=\"rule\" d=\"M{x} 44V{height}\"/>\n\
                 <text class=\"title\" text-anchor=\"middle\" x=\"{x}\" y=\"32\">{party}</text>"
            )?;
        }
        let mut y = TOP;
        for act in self.acts {
            let title = Escaped(act.title);
            writeln!(
                f,
                "<text class=\"title\" x=\"{GAP}\" y=\"{y}\">{title}</text>"
            )?;
            let mut last = None;
            for step in &act.steps {
                y += ROW;
                if let Some(number) = step.number.filter(|_| step.number != last) {
                    writeln!(
                        f,
                        "<text class=\"quiet\" x=\"{GAP}\" y=\"{y}\">{number}</text>"
                    )?;
                }
                last = step.number;
                writeln!(f, "{}", Arrow(step, y))?;
            }
            y += 2.0 * ROW;
        }
        writeln!(f, "</svg>")
    }
}

impl Display for Arrow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arrow(step, y) = *self;
        let (from, to) = (x(step.from), x(step.to));
        let side = (from - to).signum();
        let (words, anchor, path, end) = if step.from == step.to {
            let (out, end) = (from + LOOP, y + 8.0);
            let path = format!("M{from} {}H{out}V{end}H{from}", y - 4.0);
            (out + GAP, "start", path, end)
        } else {
            let end = y + 6.0;
            // Where an arrow passes by somebody the words stand before him.
            let half = (from - to).abs().min(LANE) / 2.0;
            (
                from - side * half,
                "middle",
                format!("M{from} {end}H{to}"),
                end,
            )
        };
        let (above, below, back) = (end - 4.0, end + 4.0, to + 7.0 * side);
        write!(
            f,
            "<g class=\"s{}\"><path class=\"line\" d=\"{path}\"/>\
             <path class=\"dot\" d=\"M{to} {end}L{back} {above}V{below}Z\"/></g>\
             <text text-anchor=\"{anchor}\" x=\"{words}\" y=\"{y}\">{}</text>",
            step.from as usize,
            Escaped(&step.text)
        )
    }
}

impl Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for act in self.0 {
            write!(f, "{}.", Escaped(act.title))?;
            for Step { from, to, text, .. } in &act.steps {
                write!(f, " The {from}")?;
                if from != to {
                    write!(f, " to the {to}")?;
                }
                write!(f, ": {}.", Escaped(text))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.replace('&', "&amp;").replace('<', "&lt;");
        f.write_str(&text.replace('>', "&gt;"))
    }
}
