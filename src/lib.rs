//! `nbcaser`: an upper/title-case line server on a reactor written by hand. This page is the map of its source.
//!
//! An arrow is an import, and there are no others:
//!
//! ```text
//! main.rs ──┬──> cli ─────> server, load, timeline   (only their vocabulary: settings, address, escape; plan, condition)
//!           │
//!           ├──> server ─┬─> reactor
//!           │            └─> protocol
//!           │
//!           ├──> load ───┬─> reactor, protocol, report
//!           │            └─> server   (only its vocabulary: address, escape)
//!           │
//!           └──> timeline ──> report, server   (only its vocabulary: escape, the form of a trace)
//! ```
//!
//! | room | what it is for | what it knows |
//! |---|---|---|
//! | [`reactor`] | one thread that waits for many things: the loop, tasks and their wakers, timers, sockets, signals | nothing of this crate |
//! | [`protocol`] | what is answered to which bytes: lines, casing, quoting | nothing: no socket, no clock |
//! | [`server`] | the dialogue with every client, who is let in, the limits, the end | both |
//! | `cli` | arguments, units, the log; a leaf, behind the feature `cli` | the words for what can be set |
//! | `load` | many clients, who check every reply and tell how long it took; behind the feature `cli` | all but `cli` |
//! | `timeline` | a trace of the loop as tables and a page; behind the feature `cli` | what a trace looks like |
//! | `report` | figures, tables, charts, timelines, one page of HTML; a leaf, behind the feature `cli` | nothing |
//!
//! The order to read them in, each by the list on its own page:
//!
//! 1. The file `server/reactor/session.rs`: one client's dialogue, the program that all the rest is there for (3 minutes).
//! 2. [`reactor`]: how thousands of them wait in one thread (an hour and twenty minutes).
//! 3. [`server`]: what stands between such a loop and the world, and the same with a thread for each client (an hour and
//!    ten minutes).
//! 4. [`protocol`]: the casing, if letters are your interest (half an hour); it can be left out.
//! 5. `cli` and `main.rs`: a log that never blocks the loop (a quarter of an hour).
//! 6. `load`: the reactor from the other side, as a client that measures (an hour and a half, with `compare`).
//! 7. `timeline`: what the loop did, drawn (25 minutes).
//!
//! Who wants the reactor alone takes the crate with `default-features = false`, or the folder.
#![forbid(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!(
    "nbcaser runs on 64-bit Linux only: it waits with epoll and timerfd, reads /proc, and packs an id into one word"
);

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod load;
pub mod protocol;
pub mod reactor;
#[cfg(feature = "cli")]
pub mod report;
pub mod server;
#[cfg(feature = "cli")]
pub mod timeline;
