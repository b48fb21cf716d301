//! The server: the same dialogue with every client, within limits, until a signal ends it.
//!
//! Read it in this order, 35 minutes in all:
//!
//! 1. `session`: one client's dialogue, the Python coroutine line for line (3 minutes).
//! 2. `client`: what is between the dialogue and the stream: lines, the idle timeout, the drain (7); `parting`: the last
//!    words and the linger (3).
//! 3. `accept`: who is let in, and what each error of `accept(2)` means (5).
//! 4. [`worker`]: one reactor with its listeners, from the start to the drain (5); [`mod@run`]: one or several of them (3).
//! 5. [`bind`] with `unix` and `inherit`, [`settings`], [`address`], [`ready`], [`error`]: how it comes up,
//!    or why it does not (5).
//! 6. [`limits`], [`stats`], `throttle`, [`escape`]: what is counted, and what is told (5).

mod accept;
pub mod address;
pub mod bind;
mod client;
pub mod error;
pub mod escape;
mod inherit;
pub mod limits;
mod parting;
pub mod ready;
pub mod run;
mod session;
pub mod settings;
pub mod stats;
mod throttle;
mod unix;
pub mod worker;

pub use run::run;
pub use settings::Settings;
