//! Rows and columns, aligned for the terminal or as an HTML table.

use std::fmt::{self, Display};
use std::iter;

use super::markup::{Escaped, Printable};

/// On which side of its column a cell stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// Texts.
    Left,
    /// Numbers, so that their digits stand below one another.
    Right,
}

/// A table. As text it is aligned by spaces; the cells can hold anything, untrusted text as well.
///
/// ```
/// use nbcaser::report::table::{Align, Table};
///
/// let mut table = Table::new([("server", Align::Left), ("requests", Align::Right)]);
/// table.row(["reactor", "545,168"]);
/// table.row(["threads", "98,765"]);
/// assert_eq!(
///     table.to_string(),
///     "\
/// server   requests
/// reactor   545,168
/// threads    98,765
/// "
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    caption: Option<String>,
    columns: Vec<(String, Align)>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
enum Row {
    Cells(Vec<String>),
    /// What the rows below it have in common.
    Heading(String),
}

impl Table {
    /// A table without rows that has these columns, from left to right. The first one names the rows.
    pub fn new<T: Into<String>>(columns: impl IntoIterator<Item = (T, Align)>) -> Table {
        Table {
            caption: None,
            columns: columns
                .into_iter()
                .map(|(title, align)| (title.into(), align))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// The same table with a text above it.
    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Table {
        self.caption = Some(caption.into());
        self
    }

    /// Adds a row at the bottom.
    ///
    /// # Panics
    ///
    /// It has not as many cells as there are columns.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(Row::Cells(cells));
    }

    /// Adds a line of text at the bottom which says what the rows below it have in common.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.rows.push(Row::Heading(text.into()));
    }

    /// The table as an HTML fragment, with its caption.
    pub fn to_html(&self) -> String {
        Html(self).to_string()
    }

    /// The width of each column in characters, once no cell is cut.
    fn widths(&self) -> Vec<usize> {
        let titles = self.columns.iter().map(|(title, _)| width(title));
        let mut widths: Vec<usize> = titles.collect();
        for row in &self.rows {
            if let Row::Cells(cells) = row {
                for (widest, cell) in iter::zip(&mut widths, cells) {
                    *widest = width(cell).max(*widest);
                }
            }
        }
        widths
    }
}

fn width(cell: &str) -> usize {
    Printable(cell).to_string().chars().count()
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(caption) = &self.caption {
            writeln!(f, "{}", Printable(caption))?;
        }
        let widths = self.widths();
        let line = |cells: &mut dyn Iterator<Item = &String>| -> String {
            let padded = |((cell, &width), (_, align)): ((_, &usize), &(String, Align))| {
                let cell = Printable(cell).to_string();
                match align {
                    Align::Left => format!("{cell:<width$}"),
                    Align::Right => format!("{cell:>width$}"),
                }
            };
            let cells = cells.zip(&widths).zip(&self.columns).map(padded);
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let titles = line(&mut self.columns.iter().map(|(title, _)| title));
        writeln!(f, "{titles}")?;
        for row in &self.rows {
            match row {
                Row::Cells(cells) => writeln!(f, "{}", line(&mut cells.iter()))?,
                Row::Heading(text) => writeln!(f, "\n{}", Printable(text))?,
            }
        }
        Ok(())
    }
}

struct Html<'a>(&'a Table);

impl Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Table {
            caption,
            columns,
            rows,
        } = self.0;
        writeln!(f, "<table>")?;
        if let Some(caption) = caption {
            writeln!(f, "<caption>{}</caption>", Escaped(caption))?;
        }
        write!(f, "<thead><tr>")?;
        for (title, align) in columns {
            write!(
                f,
                "<th scope=\"col\"{}>{}</th>",
                class(*align),
                Escaped(title)
            )?;
        }
        writeln!(f, "</tr></thead>\n<tbody>")?;
        for row in rows {
            match row {
                Row::Heading(text) => {
                    let all = columns.len().max(1);
                    writeln!(
                        f,
                        "<tr class=\"heading\"><th colspan=\"{all}\">{}</th></tr>",
                        Escaped(text)
                    )?;
                }
                Row::Cells(cells) => {
                    write!(f, "<tr>")?;
                    for (i, (cell, (_, align))) in iter::zip(cells, columns).enumerate() {
                        let (class, cell) = (class(*align), Escaped(cell));
                        if i == 0 {
                            write!(f, "<th scope=\"row\"{class}>{cell}</th>")?;
                        } else {
                            write!(f, "<td{class}>{cell}</td>")?;
                        }
                    }
                    writeln!(f, "</tr>")?;
                }
            }
        }
        write!(f, "</tbody>\n</table>")
    }
}

fn class(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"number\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Table {
        let mut table = Table::new([
            ("name", Align::Left),
            ("n", Align::Right),
            ("note", Align::Left),
        ])
        .caption("what & why");
        table.row(["a", "1", "-"]);
        table.heading("the others");
        table.row(["longer", "23,456", "<b>"]);
        table
    }

    #[test]
    fn text_is_aligned_without_spaces_at_the_end() {
        let want = "\
what & why
name         n  note
a            1  -

the others
longer  23,456  <b>
";
        assert_eq!(sample().to_string(), want);
    }

    #[test]
    fn html_has_its_scopes() {
        let want = "\
<table>
<caption>what &amp; why</caption>
<thead><tr><th scope=\"col\">name</th><th scope=\"col\" class=\"number\">n</th><th scope=\"col\">note</th></tr></thead>
<tbody>
<tr><th scope=\"row\">a</th><td class=\"number\">1</td><td>-</td></tr>
<tr class=\"heading\"><th colspan=\"3\">the others</th></tr>
<tr><th scope=\"row\">longer</th><td class=\"number\">23,456</td><td>&lt;b&gt;</td></tr>
</tbody>
</table>";
        assert_eq!(sample().to_html(), want);
    }

    #[test]
    #[should_panic(expected = "a cell for each column")]
    fn a_row_has_all_its_cells() {
        sample().row(["only one"]);
    }

    proptest! {
        #[test]
        fn any_text_stays_in_its_cell(texts in prop::collection::vec(any::<String>(), 8)) {
            let mut table = Table::new([(&texts[0][..], Align::Left), (&texts[1], Align::Right)]).caption(&texts[2]);
            table.row(&texts[3..5]);
            table.heading(&texts[5]);
            table.row(&texts[6..8]);
            // Caption, titles, row, the heading below an empty line, row.
            prop_assert_eq!(table.to_string().lines().count(), 6);
            let html = table.to_html();
            let html = roxmltree::Document::parse(&html).expect("well-formed XML");
            prop_assert_eq!(html.descendants().filter(|node| node.has_tag_name("td")).count(), 2);
        }
    }
}
