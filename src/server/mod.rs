//! The server: addresses, what may be logged.

pub mod address;
pub mod escape;
