//! `nbcaser compare`: several servers under the same load, in turn, and what each of them costs.
//!
//! | file | what it is for | minutes |
//! |---|---|---|
//! | [`setup`] | what is compared, how often, under which loads | 3 |
//! | [`run`](mod@run) | the rounds: who is measured when | 5 |
//! | `child` | a server's process, from its start to its end, which comes unless we are killed | 6 |
//! | `owner` | whether it is the process that we started that listens | 2 |
//! | `cpus` | which CPUs the two sides run on, and how far apart those are | 4 |
//! | `metric` | the figures by which servers are compared | 3 |
//! | [`results`] | medians and spreads | 3 |
//! | `show`, `page`, `json` | for people, for people with a browser, for programs | 10 |
//! | `order` | the command as a whole | 2 |
//!
//! What is measured, and why so: on a machine that is shared with others, the time that a request takes from the outside
//! says more about the others than about the server. The CPU time that the server spends on a request, in a closed loop
//! with both sides on one CPU, repeats within some ten per cent on a quiet machine: no cache line travels from one CPU to
//! another, and nobody waits for a CPU to wake up. So it stands first, and what needs two CPUs stands below it, with its
//! spread.

mod child;
mod cpus;
mod json;
mod metric;
mod order;
mod owner;
mod page;
pub mod results;
pub mod run;
pub mod setup;
mod show;

pub use order::{Order, execute};
pub use results::Results;
pub use run::{CompareError, run};
pub use setup::{Contender, Cpus, Setup};
