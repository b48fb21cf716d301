//! What the loop tells becomes events.

use std::cell::RefCell;
use std::fmt::{self, Write};

use super::file::{Inlet, TraceFile};
use crate::reactor::driver::Ready;
use crate::reactor::slots::Id;
use crate::reactor::{Cause, Observer, Time, What};

/// What gathers is handed over at the end of a turn, or when it is so much.
const PIECE: usize = 32 << 10;

/// The observer of one loop.
pub(crate) struct Tracer(RefCell<Scribe>);

struct Scribe {
    inlet: Inlet,
    worker: usize,
    events: String,
    tasks: Names,
    sources: Names,
    /// Who runs.
    running: Id,
}

impl Tracer {
    pub(crate) fn new(file: &TraceFile, worker: usize) -> Tracer {
        let mut scribe = Scribe {
            inlet: file.inlet(),
            worker,
            events: String::new(),
            tasks: Names::default(),
            sources: Names::default(),
            running: Id::NONE,
        };
        let name = format!("loop {worker}");
        let metadata = format_args!(r#""ph":"M""#);
        scribe.event("thread_name", metadata, |event| event.text("name", &name));
        Tracer(RefCell::new(scribe))
    }
}

impl Observer for Tracer {
    fn saw(&self, what: &What<'_>, from: Time, to: Time) {
        let mut scribe = self.0.borrow_mut();
        if !scribe.inlet.has_ended() {
            scribe.note(what, from, to);
            if scribe.events.len() >= PIECE || matches!(what, What::Turn) {
                scribe.hand_over();
            }
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.0.get_mut().hand_over();
    }
}

impl Scribe {
    fn note(&mut self, what: &What<'_>, from: Time, to: Time) {
        let when = When(from, to);
        match *what {
            What::Turn => self.span("turn", when, |_| {}),
            What::Sleep(deadline, edges) => self.span("sleep", when, |event| {
                event.number("edges", edges);
                event.text("at most", until(deadline, from));
            }),
            What::Edge(id, ready) => {
                let source = self.source(id);
                self.instant("edge", when, |event| {
                    event.text("peer", &source);
                    event.text("ready", flags(ready));
                });
            }
            What::Polling(id) => self.running = id,
            What::Polled(id) => {
                self.running = Id::NONE;
                let name = self.tasks.get(id, "task");
                self.span(&name, when, |event| event.text("what", "poll"));
            }
            What::Spawned(id) => self.of_task("spawn", id, None, when),
            What::Named(id, name) => self.tasks.set(id, name),
            What::Ended(id) => self.of_task("end", id, None, when),
            What::Called(id) => self.of_task("waker called", id, None, when),
            What::Woken(id, cause) => {
                let by = match cause {
                    Cause::Edge => "edge".into(),
                    Cause::Timer => "timer".into(),
                    Cause::Waker => "waker".into(),
                    Cause::Task(id) => self.tasks.get(id, "task"),
                };
                self.of_task("wake", id, Some(&by), when);
            }
            What::Armed(deadline) => {
                let task = self.tasks.get(self.running, "task");
                self.instant("timer armed", when, |event| {
                    event.text("task", &task);
                    event.text("for", until(deadline, from));
                });
            }
            What::Fired(id) => self.of_task("timer fired", id, None, when),
            What::Accepted(id, peer) => {
                if let Some(peer) = peer {
                    self.sources.set(id, &peer.to_string());
                }
                self.of_source("accept", id, None, when);
            }
            What::Connected(id) => self.of_source("connect", id, None, when),
            What::Read(id, bytes) => self.of_source("read", id, Some(Ok(bytes)), when),
            What::Written(id, bytes) => self.of_source("write", id, Some(Ok(bytes)), when),
            What::Shutdown(id) => self.of_source("shutdown", id, None, when),
            What::Failed(id, name, kind) => self.of_source(name, id, Some(Err(kind)), when),
            What::Closed(id) => self.of_source("close", id, None, when),
        }
    }

    fn of_task(&mut self, name: &str, id: Id, by: Option<&str>, when: When) {
        let task = self.tasks.get(id, "task");
        self.instant(name, when, |event| {
            event.text("task", &task);
            if let Some(by) = by {
                event.text("by", by);
            }
        });
    }

    fn of_source(
        &mut self,
        name: &str,
        id: Id,
        result: Option<Result<usize, std::io::ErrorKind>>,
        when: When,
    ) {
        let source = self.source(id);
        self.span(name, when, |event| {
            event.text("peer", &source);
            match result {
                None => {}
                Some(Ok(bytes)) => event.number("bytes", bytes),
                Some(Err(error)) => event.text("error", format_args!("{error:?}")),
            }
        });
    }

    /// The name of a source: its peer's address, or that of the task that uses it first.
    fn source(&mut self, id: Id) -> String {
        if !self.sources.has(id) && self.tasks.has(self.running) {
            let name = self.tasks.get(self.running, "task");
            self.sources.set(id, &name);
        }
        self.sources.get(id, "source")
    }

    fn span(&mut self, name: &str, When(from, to): When, fill: impl FnOnce(&mut Arguments<'_>)) {
        let took = Micros(to.as_nanos().saturating_sub(from.as_nanos()));
        let timed = format_args!(r#""ph":"X","ts":{},"dur":{took}"#, Micros(from.as_nanos()));
        self.event(name, timed, fill);
    }

    fn instant(&mut self, name: &str, When(_, at): When, fill: impl FnOnce(&mut Arguments<'_>)) {
        let timed = format_args!(r#""ph":"i","s":"t","ts":{}"#, Micros(at.as_nanos()));
        self.event(name, timed, fill);
    }

    /// One event, a line. (A `String` takes everything.)
    fn event(
        &mut self,
        name: &str,
        timed: fmt::Arguments<'_>,
        fill: impl FnOnce(&mut Arguments<'_>),
    ) {
        let (name, worker) = (Quoted(name), self.worker);
        let _ = write!(
            self.events,
            r#"{{"name":{name},{timed},"pid":1,"tid":{worker},"args":{{"#
        );
        let mut arguments = Arguments(&mut self.events, true);
        fill(&mut arguments);
        self.events.push_str("}},\n");
    }

    fn hand_over(&mut self) {
        self.inlet.push(self.events.as_bytes());
        self.events.clear();
    }
}

/// From then to then.
#[derive(Clone, Copy)]
struct When(Time, Time);

/// What an event tells besides its time; and whether that is nothing yet.
struct Arguments<'a>(&'a mut String, bool);

impl Arguments<'_> {
    fn number(&mut self, key: &str, value: usize) {
        self.add(key, value);
    }

    fn text(&mut self, key: &str, value: impl fmt::Display) {
        self.add(key, Quoted(value));
    }

    fn add(&mut self, key: &str, value: impl fmt::Display) {
        let comma = if std::mem::take(&mut self.1) { "" } else { "," };
        let _ = write!(self.0, r#"{comma}"{key}":{value}"#);
    }
}

/// The names of things, by their places. They are not forgotten when the things are, but overwritten by whoever comes to
/// the same place: what is told of them last comes after their end.
#[derive(Default)]
struct Names(Vec<(Option<Id>, String)>);

impl Names {
    fn set(&mut self, id: Id, name: &str) {
        if id != Id::NONE {
            if self.0.len() <= id.index() {
                self.0.resize_with(id.index() + 1, Default::default);
            }
            self.0[id.index()] = (Some(id), name.to_owned());
        }
    }

    fn has(&self, id: Id) -> bool {
        let place = self.0.get(id.index());
        place.is_some_and(|place| place.0 == Some(id))
    }

    /// Its name, or what it is and its place.
    fn get(&self, id: Id, what: &str) -> String {
        match self.0.get(id.index()) {
            Some((Some(known), name)) if *known == id => name.clone(),
            _ if id == Id::NONE => format!("no {what}"),
            _ => format!("{what} {}", id.index()),
        }
    }
}

/// Nanoseconds, written as microseconds.
struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// A text as JSON has it.
struct Quoted<T>(T);

impl<T: fmt::Display> fmt::Display for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write!(Filter(f), "{}", self.0)?;
        f.write_char('"')
    }
}

struct Filter<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Filter<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '"' | '\\' => write!(self.0, "\\{c}"),
            c if c.is_control() => write!(self.0, "\\u{:04x}", c as u32),
            c => self.0.write_char(c),
        })
    }
}

fn until(deadline: Time, now: Time) -> String {
    match deadline {
        Time::NEVER => "for ever".into(),
        Time::ZERO => "no time".into(),
        deadline => format!("{} us", Micros(deadline.since(now).as_nanos() as u64)),
    }
}

fn flags(ready: Ready) -> String {
    let names = [
        (Ready::READABLE, "readable"),
        (Ready::WRITABLE, "writable"),
        (Ready::TAIL, "with an end behind"),
    ];
    let set = names.iter().filter(|(flag, _)| ready.any(*flag));
    set.map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_quotes_and_control_characters_are_json() {
        let text = Quoted("a\"b\\c\n\u{1}\u{9b}\u{e9}").to_string();
        assert_eq!(text, "\"a\\\"b\\\\c\\u000a\\u0001\\u009b\u{e9}\"");
    }
}
