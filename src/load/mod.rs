//! The load tester: many clients on our own reactor, in one thread.
//!
//! | file | what it is for | minutes |
//! |---|---|---|
//! | `plan`, `outcome` | what goes in and what comes out: plain data | 3 |
//! | [`traffic`] | lines from a seed, and their replies, made before the first byte leaves | 5 |
//! | `dialogue` | one connection's walk through them: what is owed, and whether what comes is right | 5 |
//! | `client` | a connection that sends lines: the hot path | 6 |
//! | `schedule` | when each line of an open loop is to be sent | 3 |
//! | `connection`, `crowd` | a question and its answer; those who come and go, are silent, or hardly read | 6 |
//! | `target`, `trouble` | how to get there, and what can go wrong, by kind | 4 |
//! | `run`, `stage`, `tally` | what all connections share, the acts of a run, what is measured | 10 |
//! | `process` | CPU time and memory | 2 |
//! | [`compare`] | several servers under the same load, in turn | 40 |
//! | `verdict`, `live`, `tables`, `text`, `json`, `html`, `order` | `--fail-if`, the view while it runs, the reports, the whole command | 8 |
//!
//! ```no_run
//! use nbcaser::load::{self, Plan};
//!
//! let plan = Plan { connections: 100, ..Plan::default() };
//! let outcome = load::run(&plan, |tick| eprintln!("{:.0} replies/s", tick.second.rate()))?;
//! println!("p99: {} ns", outcome.intended.value_at_percentile(99.0));
//! assert!(outcome.is_clean(), "{:?}", outcome.troubles);
//! # Ok::<(), nbcaser::load::LoadError>(())
//! ```
//!
//! [`run()`] takes a [`Plan`], plain settings, and gives an [`Outcome`], plain data. It blocks its thread until the run is
//! over, and may be called as often as one likes: nothing is global, but that SIGINT, SIGTERM and SIGHUP, once caught,
//! end no process any more; they end the run that is under way ([`Ended::Signal`]).
mod client;
pub mod compare;
mod connection;
mod crowd;
mod dialogue;
mod html;
mod json;
mod live;
mod order;
mod outcome;
mod plan;
mod process;
mod run;
mod schedule;
mod stage;
mod tables;
mod tally;
mod target;
mod text;
pub mod traffic;
mod trouble;
mod verdict;

pub use dialogue::Mismatch;
pub use html::html;
pub use json::json;
pub use order::{Order, OrderError, execute};
pub use outcome::{Ended, Outcome, ServerUse};
pub use plan::Plan;
pub use run::{LoadError, Phase, Tick, run};
pub use stage::CONNECTING;
pub use tally::Second;
pub use text::text;
pub use traffic::Mix;
pub use trouble::{Trouble, Troubles};
pub use verdict::{Condition, ConditionError, failures};
