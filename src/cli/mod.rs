//! The command line's own: a leaf, behind the feature `cli`.
//!
//! | file | what it is for |
//! |---|---|
//! | [`args`] | what can be asked for, and what is said to who asks wrongly |
//! | [`units`] | `15s` and `256KiB` |
//! | [`logging`] | from the `log` crate to stderr, without ever waiting for stderr |
//! | `queue` | the bounded queue, and the thread that owns stderr |

pub mod args;
pub mod logging;
mod queue;
pub mod units;
