//! The load tester: many clients on our own reactor, in one thread.
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
//! [`run`] takes a [`Plan`], plain settings, and gives an [`Outcome`], plain data. It blocks its thread until the run is
//! over, and may be called as often as one likes: nothing is global, but that SIGINT and SIGTERM, once caught, end no
//! process any more; they end the run that is under way ([`Ended::Signal`]).
mod client;
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
