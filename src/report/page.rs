//! Texts, tables, charts and timelines in one file that loads nothing else.

use std::fmt::{self, Display};

use super::chart::Chart;
use super::markup::Escaped;
use super::svg;
use super::table::Table;
use super::timeline::Timeline;

/// A page of HTML. It needs no network, no script and no other file, and forbids the browser to fetch any. Whatever the
/// texts in it hold is shown as text.
///
/// What is added appears in the order in which it is added.
///
/// ```
/// use nbcaser::report::page::Page;
///
/// let page = Page::new("A run").lead("It went well.").section("Details").text("None.");
/// assert!(page.to_html().starts_with("<!DOCTYPE html>"));
/// ```
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Section(String),
    Lead(String),
    Text(String),
    Code(String),
    Table(Table),
    Chart(Chart),
    Timeline(Timeline),
}

impl Page {
    /// An empty page with this title.
    pub fn new(title: impl Into<String>) -> Page {
        Page {
            title: title.into(),
            parts: Vec::new(),
        }
    }

    fn with(mut self, part: Part) -> Page {
        self.parts.push(part);
        self
    }

    /// A paragraph that says what matters most.
    #[must_use]
    pub fn lead(self, text: impl Into<String>) -> Page {
        self.with(Part::Lead(text.into()))
    }

    /// The heading of a section.
    #[must_use]
    pub fn section(self, heading: impl Into<String>) -> Page {
        self.with(Part::Section(heading.into()))
    }

    /// A paragraph. Its line ends are kept.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Page {
        self.with(Part::Text(text.into()))
    }

    /// A text in which every space counts, like a command.
    #[must_use]
    pub fn code(self, text: impl Into<String>) -> Page {
        self.with(Part::Code(text.into()))
    }

    /// A table.
    #[must_use]
    pub fn table(self, table: Table) -> Page {
        self.with(Part::Table(table))
    }

    /// A chart. Charts that follow one another stand side by side where there is room.
    #[must_use]
    pub fn chart(self, chart: Chart) -> Page {
        self.with(Part::Chart(chart))
    }

    /// A timeline, as wide as the page.
    #[must_use]
    pub fn timeline(self, timeline: Timeline) -> Page {
        self.with(Part::Timeline(timeline))
    }

    /// The whole file.
    pub fn to_html(&self) -> String {
        Html(self).to_string()
    }
}

struct Html<'a>(&'a Page);

impl Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = Escaped(&self.0.title);
        write!(
            f,
            r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>{title}</title>
<style>
{}{}</style>
</head>
<body>
<main>
<h1>{title}</h1>
"#,
            svg::STYLE,
            include_str!("page.css")
        )?;
        let is_chart = |part: &Part| matches!(part, Part::Chart(_));
        for parts in self.0.parts.chunk_by(|a, b| is_chart(a) && is_chart(b)) {
            if parts.iter().all(is_chart) {
                writeln!(f, "<div class=\"charts\">")?;
                parts.iter().try_for_each(|part| write_part(f, part))?;
                writeln!(f, "</div>")?;
            } else {
                parts.iter().try_for_each(|part| write_part(f, part))?;
            }
        }
        writeln!(f, "</main>\n</body>\n</html>")
    }
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &Part) -> fmt::Result {
    match part {
        Part::Section(heading) => writeln!(f, "<h2>{}</h2>", Escaped(heading)),
        Part::Lead(text) => writeln!(f, "<p class=\"lead\">{}</p>", Escaped(text)),
        Part::Text(text) => writeln!(f, "<p>{}</p>", Escaped(text)),
        Part::Code(text) => writeln!(f, "<pre><code>{}</code></pre>", Escaped(text)),
        Part::Table(table) => writeln!(f, "<div class=\"wide\">\n{}\n</div>", table.to_html()),
        Part::Chart(chart) => writeln!(f, "<figure>\n{}\n</figure>", svg::draw(chart, None)),
        Part::Timeline(timeline) => writeln!(
            f,
            "<figure class=\"long\">\n{}\n</figure>",
            svg::lanes::draw(timeline)
        ),
    }
}

#[cfg(test)]
mod tests;
