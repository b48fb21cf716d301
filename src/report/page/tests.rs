//! A page is well formed whatever is in it, and loads nothing.

use proptest::prelude::*;
use roxmltree::{Document, ParsingOptions};

use super::*;
use crate::report::axis::{Axis, Scale, Unit};
use crate::report::chart::{Series, Shape};
use crate::report::table::Align;
use crate::report::timeline::{Event, Stroke};

/// A page with one of everything, and this text wherever there can be one.
fn full(text: &str) -> Page {
    let mut table = Table::new([(text, Align::Left), (text, Align::Right)]).caption(text);
    table.row([text, text]);
    table.heading(text);
    let axis = || Axis::new(text, Unit::Count, Scale::Linear);
    let series = || Series::new(text, Shape::Line, [(1.0, 2.0), (2.0, 3.0)]);
    let chart = Chart::new(text, axis(), axis())
        .describe(text)
        .with(series())
        .with(series());
    let event = Event {
        kind: 0,
        from: 1.0,
        to: 2.0,
        tip: text.into(),
    };
    let timeline = Timeline::new(text, 3.0, [(text, Stroke::Outer)])
        .describe(text)
        .lane(text, [event]);
    Page::new(text)
        .lead(text)
        .section(text)
        .text(text)
        .code(text)
        .table(table)
        .chart(chart.clone())
        .chart(chart)
        .timeline(timeline)
}

#[track_caller]
fn parse(html: &str) -> Document<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(html, options).expect("well-formed XML")
}

fn count(page: &Document, name: &str) -> usize {
    page.descendants()
        .filter(|node| node.tag_name().name() == name)
        .count()
}

/// What would have a browser fetch something or run it. That the texts in a page are `text` must not add any.
fn loads(page: &Document) -> Vec<String> {
    const ELEMENTS: [&str; 9] = [
        "script", "link", "img", "iframe", "object", "embed", "base", "form", "use",
    ];
    let mut found = Vec::new();
    for node in page.descendants() {
        let name = node.tag_name().name();
        if ELEMENTS.contains(&name) {
            found.push(name.to_owned());
        }
        for attribute in node.attributes() {
            let name = attribute.name();
            if ["href", "src", "style"].contains(&name) || name.starts_with("on") {
                found.push(name.to_owned());
            }
        }
        if node.is_text() && name == "style" {
            assert!(
                !node
                    .text()
                    .is_some_and(|css| css.contains("url(") || css.contains("@import"))
            );
        }
    }
    found
}

#[test]
fn the_parts_stand_in_their_order_and_charts_side_by_side() {
    let html = full("words").to_html();
    let page = parse(&html);
    let main = page
        .descendants()
        .find(|node| node.has_tag_name("main"))
        .expect("a main part");
    let parts: Vec<_> = main
        .children()
        .filter(roxmltree::Node::is_element)
        .map(|node| node.tag_name().name())
        .collect();
    assert_eq!(parts, ["h1", "p", "h2", "p", "pre", "div", "div", "figure"]);
    assert_eq!(
        (
            count(&page, "table"),
            count(&page, "figure"),
            count(&page, "style")
        ),
        (1, 3, 1)
    );
}

#[test]
fn nothing_is_loaded_and_nothing_may_be() {
    let html = full("words").to_html();
    let page = parse(&html);
    assert_eq!(loads(&page), [""; 0]);
    let policy = page
        .descendants()
        .find(|node| node.attribute("http-equiv") == Some("Content-Security-Policy"));
    let policy = policy
        .and_then(|node| node.attribute("content"))
        .expect("a policy");
    assert_eq!(policy, "default-src 'none'; style-src 'unsafe-inline'");
}

#[test]
fn the_style_sheets_are_text_in_html_and_in_xml() {
    for css in [svg::STYLE, include_str!("../page.css")] {
        assert!(!css.contains(['<', '&']), "{css}");
    }
}

proptest! {
    #[test]
    fn any_text_is_only_text(text in any::<String>(), tag in prop::sample::select(vec!["<script>", "</style>", "]]>", "<img src=x onerror=alert(1)>", "\" onload=\"", "&#0;", "\u{0}\u{202e}"])) {
        let html = full(&(text + tag)).to_html();
        let page = parse(&html);
        prop_assert_eq!(loads(&page), [""; 0]);
        prop_assert_eq!((count(&page, "h1"), count(&page, "tr"), count(&page, "svg")), (1, 3, 3));
    }
}
