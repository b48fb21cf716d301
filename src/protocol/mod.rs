//! The protocol: bytes in, bytes out; no socket, no clock, no I/O.
//!
//! The server speaks it through two values for each connection:
//!
//! 1. [`lines`](LineBuffer) finds the lines in what arrives, however it is cut up.
//! 2. [`session`](Session) answers each line; [`messages`] are the fixed phrases.
//! 3. `casing` and `title` say what upper and title case *are*, letter by letter; `ascii` how the
//!    result is quoted.
//! 4. `plain` and `reply` do the same fast: plain ASCII in whole `registers`, and any text, by
//!    `runs` of characters of a kind: `caseless` in registers, too, the rest from the `forms` in a
//!    table made of 3, with `utf8` taking the bytes apart.

mod ascii;
mod caseless;
mod casing;
mod forms;
mod lines;
pub mod messages;
mod plain;
mod registers;
mod reply;
mod runs;
mod session;
mod title;
mod utf8;

pub use lines::{Found, Line, LineBuffer};
pub use session::{Answer, Session, text};
