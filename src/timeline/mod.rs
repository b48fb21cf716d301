//! A trace of `nbcaser serve --trace` as tables and as a page, for readers without a trace viewer.
//!
//! | file | what it is for | minutes |
//! |---|---|---|
//! | [`read`] | from the file to events: nothing in it is believed | 6 |
//! | [`events`] | what an event is, and to whom each call belongs | 3 |
//! | [`summary`] | what the loops, turns and tasks come to | 5 |
//! | `tables`, `page` | the same for people: figures, curves, and the timeline itself | 8 |
//! | `order` | the whole command | 2 |

pub mod events;
mod order;
mod page;
pub mod read;
pub mod summary;
mod tables;

pub use order::{Order, OrderError, Window, execute};
