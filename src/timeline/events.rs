//! What an event is, and to whom each call belongs.

use std::collections::BTreeMap;

/// What kind of thing happened. All that a trace tells beyond is for the viewers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// From the end of one sleep to the begin of the next.
    Turn,
    /// A poll of a task.
    Poll,
    /// A read from a source.
    Read,
    /// A write to one.
    Write,
    /// Another call of the system.
    Call,
    /// A task was put on the ready queue.
    Wake,
    /// A timer was armed, or was due.
    Timer,
}

/// Something that a loop did. Times are nanoseconds since the trace's beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// What kind of thing it was.
    pub kind: Kind,
    /// Which loop.
    pub tid: u32,
    /// Its begin.
    pub from: u64,
    /// Its end.
    pub to: u64,
    /// Whose it was, by its place among the trace's [names](Trace::name): the task's, or [`LOOP`] if it is known of none.
    pub owner: u32,
    /// How many bytes were read or written.
    pub bytes: u64,
    /// What else is to be told, by its place among the names: which call, who woke the task, what was wrong.
    pub note: u32,
}

impl Event {
    /// How long it took.
    pub fn took(&self) -> u64 {
        self.to - self.from
    }

    /// Whether it has a part in this time.
    pub fn is_within(&self, from: u64, to: u64) -> bool {
        self.from <= to && self.to >= from
    }
}

/// The name of nobody in particular: the first, and empty.
pub const LOOP: u32 = 0;

/// All that was read.
#[derive(Debug)]
pub struct Trace {
    /// The events, in the order in which they ended.
    pub events: Vec<Event>,
    names: Vec<String>,
    places: BTreeMap<String, u32>,
    /// So many events found no room on their way to the disk.
    pub lost: u64,
    /// It ended when it had the most bytes that a trace may have.
    pub is_full: bool,
    /// Why it is not whole, if it is not.
    pub cut_off: Option<String>,
}

impl Default for Trace {
    fn default() -> Trace {
        Trace {
            events: Vec::new(),
            names: vec![String::new()],
            places: BTreeMap::from([(String::new(), LOOP)]),
            lost: 0,
            is_full: false,
            cut_off: None,
        }
    }
}

impl Trace {
    /// The name at that place.
    pub fn name(&self, place: u32) -> &str {
        self.names.get(place as usize).map_or("", |name| name)
    }

    /// The place of that name, from now on.
    pub(super) fn place(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }

    /// How long it is.
    pub fn length(&self) -> u64 {
        self.events.iter().map(|event| event.to).max().unwrap_or(0)
    }

    /// Gives each call to the task whose poll it lies in. (By its peer's name it could not be told: the poll of `accept`
    /// has calls for many.) Time begins with the first event.
    pub(super) fn settle(&mut self) {
        let zero = self.events.iter().map(|event| event.from).min();
        let zero = zero.unwrap_or(0);
        // A poll is told when it ends, behind all that is within it.
        let mut open: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for place in 0..self.events.len() {
            let event = &mut self.events[place];
            (event.from, event.to) = (event.from - zero, event.to - zero);
            let (kind, owner, from) = (event.kind, event.owner, event.from);
            let calls = open.entry(event.tid).or_default();
            match kind {
                Kind::Read | Kind::Write | Kind::Call => calls.push(place),
                Kind::Poll => {
                    for call in calls.drain(..) {
                        if self.events[call].from >= from {
                            self.events[call].owner = owner;
                        }
                    }
                }
                Kind::Turn => calls.clear(),
                Kind::Wake | Kind::Timer => {}
            }
        }
    }
}
