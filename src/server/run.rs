//! The server as a whole: it binds, and serves by whichever model.

use rustix::event::{EventfdFlags, eventfd};

use super::address::Address;
use super::bind::{Bound, bind};
use super::error::RunError;
use super::memory;
use super::ready;
use super::settings::{Model, Settings};
use super::stats::Ended;

/// Serves until a signal comes, and drains.
///
/// # Errors
/// See [`RunError`].
pub fn run(mut settings: Settings) -> Result<Ended, RunError> {
    let workers = settings.workers.max(1);
    let mut bound = bind(&settings.listen, workers).map_err(RunError::Bind)?;
    let (parts, spared) = match settings.model {
        Model::Reactor => (memory::PARTS, u64::MAX),
        Model::Threads => (super::threads::PARTS, super::threads::BUFFERS),
    };
    let (memory, want) = memory::fitted(settings.max_memory, parts, spared);
    if let Some(want) = want {
        bound.warnings.push(format!(
            "--max-memory is lowered to {memory} bytes: the system allows no more {want}"
        ));
    }
    settings.max_memory = memory;
    match settings.model {
        Model::Reactor => super::reactor::run(settings, bound),
        Model::Threads => super::threads::run(settings, bound),
    }
}

/// Says that it is up, to whoever wants to know. `lowered`: of what the system allows too little for all connections
/// that were asked for.
pub(super) fn report_start(
    settings: &Settings,
    bound: &Bound,
    connections: usize,
    lowered: Option<&str>,
) -> Result<(), RunError> {
    // One more descriptor, for the first client: a server that can let nobody in had better say so than say it is up.
    let spare = eventfd(0, EventfdFlags::CLOEXEC);
    drop(spare.map_err(|error| RunError::System("let a client in", error.into()))?);
    if let Some(path) = &settings.ready_file {
        ready::write_file(path, &bound.addresses)
            .map_err(|error| RunError::ReadyFile(path.clone(), error))?;
    }
    for warning in &bound.warnings {
        log::warn!("{warning}");
    }
    if let Some(want) = lowered {
        log::warn!(
            "--max-connections is lowered to {connections}: the system allows no more {want}"
        );
    }
    for address in &bound.addresses {
        match address {
            Address::Host { host, port } => {
                log::info!("Server up, running, and waiting for call on {host} {port}");
            }
            other => log::info!("Server up, running, and waiting for call on {other}"),
        }
    }
    ready::notify_manager();
    Ok(())
}
