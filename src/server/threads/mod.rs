//! The server on threads: each client has one, which waits for it alone.
//!
//! Nothing here is a future, and nothing waits for two things at once: a session reads, and the system lets it sleep until
//! there is something to read. What is left to do is what threads make hard: to share, and to be told to stop. Four rules,
//! which the keynote gives for threads, make it easy again:
//!
//! 1. *What is shared belongs to one thread, and the others send it messages.* stderr belongs to the thread of the log,
//!    the announcements to theirs, the listeners to the `door`, the totals and the list of sessions to the `clerk`. A
//!    session counts for itself and reports at its end. Only what needs an answer at once, a place and the bytes that are
//!    kept, is an atomic.
//! 2. *A thread is joined, never killed.* The clerk has every session's handle, and joins it when it has reported.
//! 3. *Who waits for a socket is woken by that socket.* The order is put into the session's queue, then its receiving
//!    side is shut down: it reads an end of input, and looks into its queue.
//! 4. *There are no more threads than the system has room for*, for past some limits it does not say so but aborts.
//!
//! ```text
//!             ┌─ door ── accepts ──> a session each ──┐
//!    signals ─┤  ▲ bell                 ▲ orders      │ messages: came, left, over the limit, trouble
//!             │  └──────── clerk ───────┘             │
//!             │              ▲                        │
//!             └──────────────┴── announcer ───────────┘
//! ```
//!
//! | file | what it is for |
//! |---|---|
//! | `session` | one client's dialogue (2 minutes) |
//! | `client`, `parting` | what is between the dialogue and the socket (5); the last words (3) |
//! | `connection` | what others may know of a session, and how it is woken (3) |
//! | `turns` | who may do long work (1) |
//! | `door` | who is let in (5) |
//! | `clerk` | who is there, what was done, who must go, the end (5) |
//! | `run`, `announcer`, `room` | the start (2), the announcements (1), how many threads there may be (3) |

mod announcer;
mod clerk;
mod client;
mod connection;
mod door;
mod parting;
mod room;
mod run;
mod session;
mod turns;

pub(super) use room::{BUFFERS, PARTS};
pub(super) use run::run;

use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};

use self::connection::Budget;
use self::turns::Turns;
use super::limits::Places;
use super::settings::Settings;
use crate::reactor::Time;

/// What all threads share: none of it needs an owner, as it never changes or is an atomic.
struct Office {
    settings: Settings,
    /// The places for clients, and those for refused ones that may linger.
    places: Arc<Places>,
    refusals: Arc<Places>,
    budget: Budget,
    turns: Turns,
}

/// The time, on the clock that never goes backwards.
fn now() -> Time {
    let now = clock_gettime(ClockId::Monotonic);
    Time::from_nanos(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
}
