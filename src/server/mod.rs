//! The server: the same dialogue with every client, within limits, until a signal ends it.
//!
//! It can wait for its clients in two ways, and the two differ in nothing else. They stand side by side, file by file:
//!
//! | | [`reactor`]: one thread for all | `threads`: one thread each |
//! |---|---|---|
//! | one client's dialogue | `session` | `session` |
//! | what is between the dialogue and the socket | `client`, `parting` | `client`, `parting` |
//! | who is let in | `accept`, `door` | `door`, `room` |
//! | from the start to the drain | [`worker`](reactor::worker), `run` | `run`, `clerk`, `announcer` |
//!
//! Read the reactor's first, in the order of its table (20 minutes), then the threads' (30). What both use:
//!
//! 1. [`bind`] with `unix` and `inherit`, [`settings`], [`address`], [`mod@run`], [`ready`], [`error`]: how it comes up,
//!    or why it does not (5 minutes).
//! 2. `admission`, [`limits`], `memory` with `group`: who is let in, and what each may take (6).
//! 3. [`trace`]: the loop's life as a file (4).
//! 4. [`stats`], `peer`, `throttle`, `announcement`, [`escape`], `signals`: what is counted, and what is told (5).

pub mod address;
mod admission;
mod announcement;
pub mod bind;
pub mod error;
pub mod escape;
mod group;
mod inherit;
pub mod limits;
mod memory;
mod peer;
pub mod reactor;
pub mod ready;
pub mod run;
pub mod settings;
pub(crate) mod signals;
pub mod stats;
mod threads;
mod throttle;
pub mod trace;
mod unix;

pub use run::run;
pub use settings::Settings;
