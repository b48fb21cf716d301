//! What a timeline is made of: who does what, and when.

/// How one kind of event is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stroke {
    /// As a block, as high as its lane.
    Outer,
    /// As a lower block, which can lie within an outer one.
    Inner,
    /// As a mark at the moment at which it begins.
    Mark,
}

/// Something that happened, in nanoseconds since the timeline's beginning.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Which kind it is, by its place among the timeline's kinds.
    pub kind: usize,
    /// Its begin.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// What is told of it when the mouse is over it.
    pub tip: String,
}

/// Events in lanes below one another, over one level axis of time.
///
/// ```
/// use nbcaser::report::page::Page;
/// use nbcaser::report::timeline::{Event, Stroke, Timeline};
///
/// let poll = Event { kind: 0, from: 100.0, to: 400.0, tip: "poll, 300 ns".into() };
/// let timeline = Timeline::new("A turn", 1000.0, [("poll", Stroke::Outer)]).lane("main", [poll]);
/// assert!(Page::new("A trace").timeline(timeline).to_html().contains("poll, 300 ns"));
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Timeline {
    pub(super) title: String,
    pub(super) description: String,
    /// How long it is.
    pub(super) length: f64,
    pub(super) kinds: Vec<(String, Stroke)>,
    pub(super) lanes: Vec<(String, Vec<Event>)>,
}

impl Timeline {
    /// A timeline of so many nanoseconds, with nothing in it yet, for events of these kinds. What is drawn later lies
    /// upon what was drawn before, and the kinds are drawn in their order.
    pub fn new<T: Into<String>>(
        title: impl Into<String>,
        length: f64,
        kinds: impl IntoIterator<Item = (T, Stroke)>,
    ) -> Timeline {
        let kinds = kinds.into_iter().map(|(name, how)| (name.into(), how));
        Timeline {
            title: title.into(),
            description: String::new(),
            length,
            kinds: kinds.collect(),
            lanes: Vec::new(),
        }
    }

    /// The same timeline with a text for those who do not see it.
    #[must_use]
    pub fn describe(mut self, description: impl Into<String>) -> Timeline {
        self.description = description.into();
        self
    }

    /// The same timeline with one more lane at the bottom. What lies outside the timeline is cut off, and so is an event
    /// of a kind that it does not have.
    #[must_use]
    pub fn lane(
        mut self,
        name: impl Into<String>,
        events: impl IntoIterator<Item = Event>,
    ) -> Timeline {
        self.lanes.push((name.into(), events.into_iter().collect()));
        self
    }
}
