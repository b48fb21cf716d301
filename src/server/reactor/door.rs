//! The door of one reactor: open, or shut for want of descriptors or memory.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::reactor::sync::Event;
use crate::server::limits::{self, Places};

/// The state of a door that nobody can be let in by, for want of descriptors or memory.
#[derive(Default)]
pub(super) struct Pause {
    /// How long it lasts this time; none: there is no pause.
    pub(super) length: Cell<Option<Duration>>,
    /// A client has left: perhaps there is room.
    pub(super) room: Event,
}

/// A client's place. Dropping it, when the descriptor has been closed, frees it and tells a door that is shut.
pub(super) struct Place {
    _place: limits::Place,
    pause: Rc<Pause>,
}

impl Place {
    /// Takes a place, if one is free.
    pub(super) fn take(places: &Arc<Places>, pause: &Rc<Pause>) -> Option<Place> {
        Some(Place {
            _place: places.take()?,
            pause: Rc::clone(pause),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.pause.length.get().is_some() {
            self.pause.room.set();
        }
    }
}
