//! The server with one thread for each client.
use super::bind::Bound;
use super::error::RunError;
use super::settings::Settings;
use super::stats::Ended;

pub(super) fn run(_: Settings, _: Bound) -> Result<Ended, RunError> {
    Err(RunError::System("serve", std::io::Error::other("not yet")))
}
