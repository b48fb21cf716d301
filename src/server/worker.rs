//! One reactor and what it serves, from the start to the end.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};

use super::accept::accept;
use super::limits::{Pause, Places};
use super::settings::Settings;
use super::stats::{Stats, Totals};
use super::throttle::Throttle;
use crate::reactor::sync::{Event, Semaphore};
use crate::reactor::{
    Either, Handle, Listener, Missed, Signals, TaskGroup, interval, select, yield_now,
};

/// What all sessions of one reactor share.
pub(super) struct Worker {
    pub(super) handle: Handle,
    pub(super) settings: Arc<Settings>,
    pub(super) places: Arc<Places>,
    pub(super) refusals: Semaphore,
    pub(super) sessions: TaskGroup,
    /// The server ends.
    pub(super) shutdown: Event,
    pub(super) pause: Rc<Pause>,
    /// Sessions whose replies have all been sent, and that only wait for the client to go.
    pub(super) parting: Cell<usize>,
    pub(super) trouble: Throttle,
    pub(super) stats: Stats,
}

/// What a worker needs besides its reactor.
pub struct Job {
    /// The settings of the server.
    pub settings: Arc<Settings>,
    /// The places for clients, shared by all workers.
    pub places: Arc<Places>,
    /// How many refused clients of this worker may linger.
    pub refusals: usize,
    /// Whether this worker announces that the loop is running.
    pub announces: bool,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ended {
    /// What it did.
    pub totals: Totals,
    /// The signal that ended its drain early.
    pub second_signal: Option<i32>,
}

/// The signals that end the server. SIGHUP is one of them unless it was ignored at the start, as `nohup` has it.
pub fn ending_signals() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    let mut signals = vec![SIGINT, SIGTERM];
    if ignored >> (SIGHUP - 1) & 1 == 0 {
        signals.push(SIGHUP);
    }
    signals
}

/// Serves until a signal comes, and drains.
///
/// This is the main task of a reactor. It does not know which driver is behind that: the simulation runs it unchanged.
pub async fn serve(handle: Handle, job: Job, listeners: Vec<Listener>, signals: Signals) -> Ended {
    let Job {
        settings,
        places,
        refusals,
        announces,
    } = job;
    let worker = Rc::new(Worker {
        sessions: TaskGroup::new(&handle),
        settings,
        places,
        refusals: Semaphore::new(refusals),
        shutdown: Event::new(),
        pause: Rc::default(),
        parting: Cell::new(0),
        trouble: Throttle::default(),
        stats: Stats::default(),
        handle,
    });
    let handle = &worker.handle;
    let doors = TaskGroup::new(handle);
    for listener in listeners {
        doors.spawn(accept(Rc::clone(&worker), listener));
    }
    let announcer = announces.then(|| handle.spawn(announce(Rc::clone(&worker))));

    let signal = signals.next().await;
    let deadline = handle.now() + worker.settings.drain;
    if announces {
        let signal = name(signal);
        log::info!("{signal} received: no new connections, what has arrived is answered");
    }
    worker.shutdown.set();
    worker.sessions.wake_all();
    let second_signal = match select(drain(&worker, &doors, deadline), signals.next()).await {
        Either::First(()) => None,
        Either::Second(signal) => Some(signal),
    };
    let owing = worker.sessions.len() - worker.parting.get();
    worker.stats.cut(owing, worker.sessions.panics());
    worker.sessions.cancel();
    doors.cancel();
    if let Some(announcer) = announcer {
        announcer.cancel();
    }
    Ended {
        totals: worker.stats.totals(),
        second_signal,
    }
}

/// Lets everybody come to his end, until the deadline.
async fn drain(worker: &Worker, doors: &TaskGroup, deadline: crate::reactor::Time) {
    // However little time there is, everybody gets a turn, and who is let in by that another: who is owed nothing finds
    // that out then, and is not counted as cut off.
    yield_now().await;
    yield_now().await;
    doors.join(deadline).await;
    worker.sessions.close();
    worker.sessions.join(deadline).await;
}

/// Says in the log that the loop is running, on a fixed grid.
async fn announce(worker: Rc<Worker>) {
    let Settings {
        announce_delay,
        announce_every: every,
        ..
    } = *worker.settings;
    if every.is_zero() {
        return;
    }
    let delay = if announce_delay.is_zero() {
        every
    } else {
        announce_delay
    };
    let mut ticks = interval(
        &worker.handle,
        worker.handle.now() + delay,
        every,
        Missed::Skip,
    );
    // Asked for once: it reads files, which the loop had better not wait for.
    let zone = TimeZone::system();
    loop {
        let missed = ticks.tick().await;
        worker.stats.missed(missed);
        // The wall clock, for people to read; nothing is computed from it.
        let now = Timestamp::now().to_zoned(zone.clone());
        log::info!(
            "The event loop is still running at: {}",
            now.strftime("%a %b %e %H:%M:%S %Y")
        );
    }
}

/// What people call a signal.
pub fn name(signal: i32) -> &'static str {
    signal_hook::low_level::signal_name(signal).unwrap_or("a signal")
}

/// Takes in what was bound.
///
/// # Errors
/// The poller's.
pub fn listeners(
    handle: &Handle,
    endpoints: Vec<crate::reactor::Endpoint>,
) -> io::Result<Vec<Listener>> {
    endpoints
        .into_iter()
        .map(|endpoint| Listener::new(handle, endpoint))
        .collect()
}
