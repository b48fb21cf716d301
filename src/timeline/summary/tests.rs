use super::super::events::LOOP;
use super::super::tables::headline;
use super::*;

/// A trace of events of one loop: kind, owner, from, to.
fn trace(events: &[(Kind, &str, u64, u64)]) -> Trace {
    let mut trace = Trace::default();
    for &(kind, owner, from, to) in events {
        let owner = trace.place(owner);
        trace.events.push(Event {
            kind,
            tid: 0,
            from,
            to,
            owner,
            bytes: 7,
            note: LOOP,
        });
    }
    trace
}

#[test]
fn a_turn_knows_its_polls_and_not_those_before_it() {
    let trace = trace(&[
        (Kind::Poll, "early", 0, 50),
        (Kind::Poll, "a", 100, 110),
        (Kind::Poll, "b", 110, 140),
        (Kind::Turn, "", 100, 150),
        (Kind::Turn, "", 150, 160),
    ]);
    let summary = Summary::new(&trace);
    let turns = summary.turns.iter().map(|turn| {
        let longest = turn.longest.map(|(owner, took)| (trace.name(owner), took));
        (turn.took(), turn.polls, longest)
    });
    assert_eq!(
        turns.collect::<Vec<_>>(),
        [(50, 2, Some(("b", 30))), (10, 0, None)]
    );
    let own = summary.loops[&0];
    assert_eq!(
        (own.turns.count, own.turns.sum, own.turns.longest),
        (2, 60, 50)
    );
    assert_eq!(
        (own.polls.count, own.polls.sum, own.polls.longest),
        (3, 90, 50)
    );
}

#[test]
fn a_wait_is_from_a_wake_to_the_next_poll_that_begins() {
    let trace = trace(&[
        (Kind::Wake, "a", 100, 100),
        // Woken by itself while it runs: that wait ends with the poll after this one.
        (Kind::Wake, "a", 150, 150),
        (Kind::Poll, "a", 130, 160),
        (Kind::Poll, "a", 170, 180),
        (Kind::Poll, "a", 200, 210),
        (Kind::Read, "a", 205, 206),
        (Kind::Write, "a", 206, 207),
        (Kind::Write, "a", 207, 208),
    ]);
    let summary = Summary::new(&trace);
    let task = summary.tasks.values().next().expect("one");
    assert_eq!(
        (task.waits.count, task.waits.sum, task.waits.longest),
        (2, 50, 30)
    );
    assert_eq!(summary.loops[&0].waits, task.waits);
    assert_eq!((task.read, task.written), (7, 14));
}

#[test]
fn no_sum_overflows() {
    let far = u64::MAX;
    let trace = trace(&[(Kind::Turn, "", 0, far), (Kind::Turn, "", 0, far)]);
    let mut summary = Summary::new(&trace);
    assert_eq!(summary.loops[&0].turns.sum, far);
    let one = summary.loops[&0];
    summary.loops.insert(1, one);
    assert!(headline(&trace, &summary).starts_with("2 loops"));
}
