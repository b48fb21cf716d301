//! What the loop counts, and what it tells who looks on.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use nbcaser::reactor::sim::Sim;
use nbcaser::reactor::{
    Cause, Endpoint, Listener, MemoryLimit, Observer, Reactor, Time, What, sleep, yield_now,
};

use crate::fixture::{SECOND, fixture, ms};

/// Everything that was told, a line each.
#[derive(Default)]
struct Lines(RefCell<Vec<String>>);

impl Observer for Lines {
    fn saw(&self, what: &What<'_>, from: Time, to: Time) {
        assert!(from <= to, "{what:?}");
        let line = match *what {
            What::Turn | What::Edge(..) | What::Closed(_) | What::Spawned(_) | What::Ended(_) => {
                format!("{what:?}").split('(').next().unwrap().to_owned()
            }
            What::Sleep(_, edges) => format!("Sleep{edges}"),
            What::Polled(_) => "Task".into(),
            What::Polling(_) => "Poll".into(),
            What::Named(_, name) => format!("Named:{name}"),
            What::Called(_) => "Called".into(),
            What::Woken(id, Cause::Task(by)) if id == by => "Woken:itself".into(),
            What::Woken(_, Cause::Task(_)) => "Woken:task".into(),
            What::Woken(_, cause) => format!("Woken:{cause:?}"),
            What::Armed(at) => format!("Armed:{at}"),
            What::Fired(_) => "Fired".into(),
            What::Read(_, n) => format!("Read{n}"),
            What::Written(_, n) => format!("Written{n}"),
            What::Accepted(_, peer) => format!("Accepted:{}", peer.is_some()),
            What::Failed(_, name, kind) => format!("Failed:{name}:{kind:?}"),
            What::Connected(_) | What::Shutdown(_) => format!("{what:?}"),
        };
        self.0.borrow_mut().push(line);
    }
}

fn observed() -> (Sim, Reactor, Rc<Lines>) {
    let (sim, lines) = (Sim::new(), Rc::new(Lines::default()));
    let observer = Rc::clone(&lines) as Rc<dyn Observer>;
    let reactor = Reactor::observed(sim.driver(), MemoryLimit::default(), observer);
    (sim, reactor, lines)
}

/// All that was told since the last time, but for the empty looks at the sources.
fn take(lines: &Lines) -> String {
    let told = lines.0.take();
    let told = told
        .into_iter()
        .filter(|line| !["Turn", "Sleep0", "Poll"].contains(&&line[..]));
    told.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_line_is_told_from_its_edge_to_its_reply() {
    let (sim, reactor, lines) = observed();
    let handle = reactor.handle();
    let listener = Listener::new(&handle, Endpoint::Simulated(1)).unwrap();
    let inside = handle.clone();
    drop(handle.spawn(async move {
        inside.name_task(|| "echo".into());
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.fill().await.unwrap() {
            stream.writer().write(stream.input());
            stream.consume(stream.input().len());
        }
    }));
    assert_eq!(take(&lines), "Spawned");
    sim.settle(&reactor);
    assert_eq!(
        take(&lines),
        "Named:echo Failed:accept:WouldBlock Closed Task"
    );
    let peer = sim.connect(1);
    sim.settle(&reactor);
    assert_eq!(
        take(&lines),
        "Sleep1 Edge Woken:Edge Accepted:true Task Sleep1 Edge"
    );
    // The last edge tells that it can be written to.
    peer.send("hello");
    sim.settle(&reactor);
    assert_eq!(take(&lines), "Sleep1 Edge Woken:Edge Read5 Written5 Task");
    peer.finish();
    sim.settle(&reactor);
    assert_eq!(
        take(&lines),
        "Sleep1 Edge Woken:Edge Read0 Closed Closed Ended Task"
    );
}

#[test]
fn timers_and_wakers_are_told() {
    let (sim, reactor, lines) = observed();
    let handle = reactor.handle();
    let inside = handle.clone();
    drop(handle.spawn(async move {
        sleep(&inside, SECOND).await;
        yield_now().await;
    }));
    sim.settle(&reactor);
    assert_eq!(take(&lines), "Spawned Armed:2s Task");
    sim.advance(SECOND);
    sim.settle(&reactor);
    assert_eq!(
        take(&lines),
        "Fired Woken:Timer Called Task Woken:Waker Ended Task"
    );
    assert_eq!(handle.counters().measured.self_wakes, 1);
}

#[test]
fn a_measured_turn_tells_how_long_it_took() {
    let f = fixture();
    f.handle.measure();
    let (peer, mut stream) = f.pair();
    f.go(async move {
        while stream.fill().await.unwrap() {
            stream.consume(1);
        }
    });
    f.settle();
    let before = f.handle.counters();
    f.sim.cost(ms(1)); // each call of the driver takes so long
    peer.send("x");
    f.turn(); // finds the edge
    f.turn(); // reads
    let after = f.handle.counters();
    assert_eq!(
        (after.turns, after.polls),
        (before.turns + 2, before.polls + 1)
    );
    let (poll, asleep) = (after.measured.poll, after.measured.asleep);
    assert_eq!(poll.count, before.measured.poll.count + 1);
    assert_eq!((poll.sum, poll.longest), (ms(1), ms(1)));
    assert_eq!(asleep.sum, ms(2));
    assert_eq!(after.measured.turn.longest, ms(1));
}

#[test]
fn who_comes_last_has_waited_for_the_others() {
    let f = fixture();
    f.handle.measure();
    f.settle();
    for _ in 0..3 {
        let sim = f.sim.clone();
        f.go(async move { sim.advance(ms(5)) });
    }
    f.settle();
    let measured = f.handle.counters().measured;
    assert_eq!(measured.delay.longest, ms(10));
    assert_eq!(measured.delay.sum, ms(15));
    assert_eq!(measured.poll.mean(), ms(5));
    assert_eq!(measured.turn.longest, ms(15));
    assert_eq!(measured.self_wakes, 0);
}

#[test]
fn of_many_turns_one_is_measured_unless_all_are_asked_for() {
    let f = fixture();
    for _ in 0..640 {
        f.turn();
    }
    let counters = f.handle.counters();
    assert_eq!((counters.turns, counters.measured.turns), (640, 10));
    f.handle.measure();
    for _ in 0..10 {
        f.turn();
    }
    assert_eq!(f.handle.counters().measured.turns, 20);
}

#[test]
fn whoever_runs_out_of_budget_is_counted() {
    let f = fixture();
    f.handle.measure();
    let (peer, mut stream) = f.pair();
    f.go(async move {
        while stream.fill().await.unwrap() {
            stream.consume(1);
            stream.writer().spend(1_000_000);
        }
    });
    f.settle();
    peer.send("abc");
    f.settle();
    let counters = f.handle.counters();
    assert_eq!((counters.yields, counters.measured.self_wakes), (3, 3));
}

#[test]
fn counters_are_one_line() {
    let (sim, reactor, _) = observed();
    let before = reactor.handle().counters().to_string();
    assert_eq!(before, "0 turns, 0 polls, 0 budget yields");
    sim.settle(&reactor);
    let line = reactor.handle().counters().to_string();
    assert!(
        line.contains("turns, 0 polls, 0 budget yields; of "),
        "{line}"
    );
    assert!(line.contains("turn 0.0 us (longest 0.0)"), "{line}");
    assert!(!line.contains('\n'), "{line}");
}

/// An observer takes nothing from an error, and adds none.
#[test]
fn an_observed_driver_fails_as_it_did() {
    let (sim, reactor, lines) = observed();
    let handle = reactor.handle();
    let listener = Listener::new(&handle, Endpoint::Simulated(1)).unwrap();
    let peer = sim.connect(1);
    let task = handle.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.fill().await.map_err(|error| error.kind())
    });
    peer.reset();
    sim.settle(&reactor);
    let told = take(&lines);
    assert!(told.contains("Failed:read:ConnectionReset"), "{told}");
    let result = task.try_take().expect("it has ended").expect("no panic");
    assert_eq!(result, Err(io::ErrorKind::ConnectionReset));
    assert_eq!(sim.now(), handle.now());
    assert_eq!(handle.now().since(Time::ZERO), Duration::from_secs(1));
}
