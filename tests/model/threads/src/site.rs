//! A server in its own thread.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use std::world;

use signal_hook::consts::SIGTERM;
use signal_hook::low_level::raise;

use crate::server::address::Address;
use crate::server::error::RunError;
use crate::server::settings::{Model, Settings};
use crate::server::stats::{Ended, Totals};

/// A server that runs.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    thread: JoinHandle<Result<Ended, RunError>>,
}

/// Settings without announcements.
pub(crate) fn settings() -> Settings {
    Settings {
        listen: vec![Address::Host {
            host: "127.0.0.1".into(),
            port: 0,
        }],
        model: Model::Threads,
        announce_every: Duration::ZERO,
        max_connections: Some(8),
        ready_file: Some(ready_file()),
        ..Settings::default()
    }
}

fn ready_file() -> PathBuf {
    std::env::temp_dir().join(format!("nbcaser-model-{}", std::process::id()))
}

/// Starts a server, and waits until it is up.
pub(crate) fn start(settings: Settings) -> Site {
    let file = ready_file();
    let _ = fs::remove_file(&file);
    let thread = spawn(move || {
        let ended = crate::server::run(settings);
        world::stir();
        ended
    });
    let address = world::wait(world::NEVER, || fs::read_to_string(&file).ok());
    let address = address.expect("it comes up");
    let _ = fs::remove_file(&file);
    let address = address.trim().parse().expect("an address");
    Site { address, thread }
}

impl Site {
    /// Sends the process a signal: the server is to end.
    pub(crate) fn signal() {
        world::switch();
        raise(SIGTERM).expect("raised");
        world::stir();
    }

    /// Waits for the end.
    pub(crate) fn end(self) -> Totals {
        let ended = self.thread.join().expect("no panic").expect("no error");
        assert_eq!(ended.totals.panics, 0);
        ended.totals
    }

    /// Signals, and waits for the end.
    pub(crate) fn stop(self) -> Totals {
        Site::signal();
        self.end()
    }
}

/// A thread of the model.
pub(crate) fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let thread: io::Result<_> = Builder::new().spawn(body);
    thread.expect("a thread")
}
