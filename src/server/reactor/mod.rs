//! The server on reactors: one thread waits for all clients, by tasks that read like sessions.

mod accept;
mod client;
mod door;
mod parting;
mod run;
mod session;
pub mod worker;

pub(super) use run::run;
