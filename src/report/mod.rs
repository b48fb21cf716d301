//! Figures, tables, charts and timelines, as text for the terminal and as one HTML page: a leaf, which knows nothing of this crate.
//!
//! | file | what it is for | minutes |
//! |---|---|---|
//! | [`figures`] | `41.3 us`, `1.20 MiB`, `545,168/s`: one way to write each quantity | 2 |
//! | [`table`] | rows and columns, aligned for the terminal or as an HTML table | 3 |
//! | [`chart`], [`axis`] | what a chart is made of | 5 |
//! | [`timeline`] | what a timeline is made of | 2 |
//! | `ruler`, `ticks` | from values to places on the paper, and which values are marked | 6 |
//! | `svg` | how a chart and a timeline are drawn | 13 |
//! | [`page`] | texts, tables, charts and timelines in one file that loads nothing else | 3 |
//! | `markup` | what keeps a name that came over the network from being more than text | 2 |
//!
//! `chart.css` and `page.css` hold the colours, for light and for dark; no number in them is repeated in the source.

pub mod axis;
pub mod chart;
pub mod figures;
mod markup;
pub mod page;
mod ruler;
mod svg;
pub mod table;
mod ticks;
pub mod timeline;
