//! `nbcaser`: an upper/title-case line server on a reactor written by hand.
#![forbid(unsafe_code)]

pub mod protocol;
pub mod reactor;
