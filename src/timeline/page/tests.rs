use roxmltree::{Document, ParsingOptions};

use super::*;
use crate::server::trace::file::FIRST;
use crate::timeline::read::parse;

/// A trace of so many turns of 100 us each, 1 ms apart, with a poll of a task in each; and a name in it that wants out.
fn trace(turns: usize, task: impl Fn(usize) -> String) -> Trace {
    let mut text = format!("[\n{FIRST},\n");
    for turn in 0..turns {
        let (ts, name) = (turn * 1000, serde_json::Value::from(task(turn)));
        for line in [
            format!(
                r#"{{"name":"wake","ph":"i","ts":{ts},"tid":0,"args":{{"task":{name},"by":"edge"}}}}"#
            ),
            format!(
                r#"{{"name":"read","ph":"X","ts":{},"dur":2,"tid":0,"args":{{"bytes":5}}}}"#,
                ts + 20
            ),
            format!(
                r#"{{"name":{name},"ph":"X","ts":{},"dur":50,"tid":0,"args":{{"what":"poll"}}}}"#,
                ts + 10
            ),
            format!(r#"{{"name":"turn","ph":"X","ts":{ts},"dur":100,"tid":0,"args":{{}}}}"#),
        ] {
            text += &line;
            text += ",\n";
        }
    }
    parse((text + "]\n").as_bytes()).expect("a trace")
}

fn page(trace: &Trace, window: (u64, u64)) -> String {
    html("t.json", trace, &Summary::new(trace), window)
}

#[track_caller]
fn parsed(html: &str) -> Document<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(html, options).expect("well-formed XML")
}

#[test]
fn the_window_is_drawn_and_all_of_it_is_told() {
    let html = page(
        &trace(100, |turn| format!("task {}", turn % 2)),
        (0, 2_000_000),
    );
    let page = parsed(&html);
    let long = page
        .descendants()
        .find(|node| node.attribute("class") == Some("long"))
        .expect("the timeline");
    let tips = long.descendants().filter(|node| node.has_tag_name("title"));
    let tips: Vec<_> = tips.filter_map(|node| node.text()).collect();
    let count = |tip: &str| tips.iter().filter(|one| **one == tip).count();
    // At 0, at 1 ms, and at 2 ms what begins there.
    assert_eq!(count("turn, 100 us"), 3, "{tips:?}");
    assert_eq!(count("poll, 50.0 us"), 2);
    assert_eq!(count("read of 5 B, 2.00 us"), 2);
    assert_eq!(count("woken by edge"), 3);
    assert!(
        html.contains("1 loop over 99.1 ms: 100 turns, busy 10.1 % of the time."),
        "{html}"
    );
    assert!(
        html.contains("10.0 us</td>"),
        "the wait from a wake to its poll"
    );
    assert!(html.contains("250 B"), "all that a task read");
}

#[test]
fn a_page_has_an_end_whatever_the_trace_has() {
    let trace = trace(6000, |turn| format!("task {turn}"));
    let html = page(&trace, (0, u64::MAX));
    parsed(&html);
    assert!(html.len() < 4 << 20, "{}", html.len());
    assert!(
        html.contains("Left out are the 20,000 shortest events"),
        "{}",
        &html[..5000]
    );
    assert!(
        html.contains(" and the 961 tasks with the least to do."),
        "{}",
        &html[..5000]
    );
    assert!(html.contains("The 30 busiest of 6,000 tasks"));
    // The loop has a lane, too.
    assert_eq!(html.matches("\">task ").count(), 39 + 30);
}

#[test]
fn names_are_text_and_nothing_is_loaded() {
    let name = "</title></svg><script src=\"http://x/\">\u{1b}[2J\u{202e}";
    let html = page(&trace(2, |_| name.into()), (0, 1_000_000));
    let page = parsed(&html);
    assert!(!page.descendants().any(|node| node.has_tag_name("script")));
    assert!(!html.contains(['\u{1b}', '\u{202e}']));
    let fetches = |node: roxmltree::Node| {
        let mut attributes = node.attributes();
        attributes.any(|attribute| ["src", "href"].contains(&attribute.name()))
    };
    assert!(!page.descendants().any(fetches));
}

#[test]
fn a_trace_without_a_turn_is_drawn_too() {
    let text = format!(
        "[\n{FIRST},\n{}\n",
        r#"{"name":"a","ph":"X","ts":0,"dur":0,"tid":0,"args":{"what":"poll"}}"#
    );
    let trace = parse(text.as_bytes()).expect("a poll");
    parsed(&page(&trace, (0, 1)));
    parsed(&page(&trace, (u64::MAX, u64::MAX)));
}
