use proptest::prelude::*;

use super::*;

/// What `serve --trace` writes, with these lines in it.
fn whole(lines: &[&str]) -> String {
    let end = r#"{"name":"end","ph":"M","pid":0,"args":{"lost":3,"full":true}}"#;
    let lines = [FIRST].iter().chain(lines).chain([&end]);
    let lines: Vec<_> = lines.copied().collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

const TURN: &str = r#"{"name":"turn","ph":"X","ts":10.500,"dur":20.001,"pid":1,"tid":2,"args":{}}"#;
const READ: &str =
    r#"{"name":"read","ph":"X","ts":12,"dur":1,"pid":1,"tid":2,"args":{"peer":"p","bytes":6}}"#;
const POLL: &str =
    r#"{"name":"p","ph":"X","ts":11,"dur":5,"pid":1,"tid":2,"args":{"what":"poll"}}"#;
const WAKE: &str =
    r#"{"name":"wake","ph":"i","s":"t","ts":10.5,"pid":1,"tid":2,"args":{"task":"p","by":"edge"}}"#;

fn told(text: &str) -> String {
    parse(text.as_bytes()).expect_err(text).to_string()
}

#[test]
fn events_are_read_and_calls_belong_to_the_poll_around_them() {
    let text = whole(&[WAKE, READ, POLL, TURN]);
    let trace = parse(text.as_bytes()).expect("a trace");
    let all = trace.events.iter();
    let all: Vec<_> = all
        .map(|one| (one.kind, trace.name(one.owner), one.from, one.took()))
        .collect();
    let want = [
        (Kind::Wake, "p", 0, 0),
        (Kind::Read, "p", 1500, 1000),
        (Kind::Poll, "p", 500, 5000),
        (Kind::Turn, "", 0, 20_001),
    ];
    assert_eq!(all, want);
    assert_eq!(trace.name(trace.events[0].note), "edge");
    assert_eq!((trace.events[1].bytes, trace.events[3].tid), (6, 2));
    assert_eq!(
        (trace.lost, trace.is_full, trace.length()),
        (3, true, 20_001)
    );
    assert_eq!(trace.cut_off, None);
}

#[test]
fn a_call_before_a_poll_is_not_of_that_task() {
    let early = READ.replace(r#""ts":12"#, r#""ts":10.8"#);
    let trace = parse(whole(&[&early, POLL, TURN]).as_bytes()).expect("a trace");
    assert_eq!(trace.events[0].owner, LOOP);
}

#[test]
fn what_is_cut_off_is_read_as_far_as_it_goes() {
    let text = whole(&[WAKE, READ, POLL, TURN]);
    let begin = text.find("\"turn\"").expect("it");
    let trace = parse(&text.as_bytes()[..begin]).expect("a part");
    assert_eq!(trace.events.len(), 3);
    assert_eq!(trace.cut_off.as_deref(), Some("it is cut off in line 6"));
    // At the end of a line, too.
    let begin = text.find("{\"name\":\"turn\"").expect("it");
    let trace = parse(&text.as_bytes()[..begin]).expect("a part");
    assert_eq!(trace.cut_off.as_deref(), Some("it is cut off in line 5"));
}

#[test]
fn what_is_no_trace_is_one_clear_line() {
    let foreign = "it is not a trace of nbcaser serve --trace";
    let other = format!("[\n{TURN},\n]\n");
    for text in ["", "[\n", "{}", "\u{0}\u{0}", "[]\n", &other] {
        assert_eq!(told(text), foreign, "{text}");
    }
    assert_eq!(told(&whole(&[])), "it ends before anything happened");
    let head = format!("[\n{FIRST},\n");
    assert_eq!(told(&head), "it ends before anything happened");
    let table = [
        ("junk", "line 3 is no event: expected"),
        ("{}", "line 3 is no event: it has no name"),
        (
            &TURN.replace("10.500", "-1"),
            "line 3 is no event: its time is none",
        ),
        (&TURN.replace("10.500", "1e300"), "its time is none"),
        (&TURN.replace("20.001", "\"x\""), "its time is none"),
        (
            &TURN.replace("\"tid\":2", "\"tid\":5000"),
            "it is of no loop",
        ),
    ];
    for (line, hint) in table {
        let told = told(&whole(&[line, TURN]));
        assert!(told.contains(hint) && !told.contains('\n'), "{told}");
    }
}

#[test]
fn no_line_and_no_file_is_read_without_an_end() {
    let long = whole(&[&TURN.replace("turn", &"x".repeat(LINE))]);
    assert!(
        told(&long).starts_with("line 3 is no event"),
        "{}",
        &told(&long)
    );
    let head = format!("[\n{FIRST},\n");
    let endless = head.as_bytes().chain(BufReader::new(io::repeat(b'\n')));
    assert!(parse(endless).is_err());
    let line = format!("{TURN},\n");
    let many = line.repeat(LIMIT / line.len() + 100);
    let told = parse(head.as_bytes().chain(many.as_bytes()));
    let told = told.expect_err("too long").to_string();
    assert_eq!(told, "it has more than 67108864 bytes, the most of a trace");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        lines in prop::collection::vec(prop_oneof![
            Just(TURN.to_owned()), Just(POLL.to_owned()), Just(READ.to_owned()), Just(WAKE.to_owned()), any::<String>(),
        ], 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let text = whole(&lines);
        let text = &text.as_bytes()[..cut.index(text.len() + 1)];
        match parse(text) {
            Ok(trace) => {
                let summary = super::super::summary::Summary::new(&trace);
                prop_assert!(summary.turns.len() <= trace.events.len());
            }
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}
