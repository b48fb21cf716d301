//! `nbcaser`: an upper/title-case line server on a reactor written by hand.
#![forbid(unsafe_code)]

#[cfg(feature = "cli")]
pub mod cli;
pub mod protocol;
pub mod reactor;
pub mod server;
