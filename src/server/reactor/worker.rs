//! One reactor and what it serves, from the start to the end.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use signal_hook::consts::signal::SIGUSR1;

use super::accept::accept;
use super::door::Pause;
use crate::reactor::sync::{Event, Semaphore};
use crate::reactor::{
    Either, Handle, Listener, Missed, Signals, TaskGroup, Time, interval, select, yield_now,
};
use crate::server::announcement::Announcement;
use crate::server::limits::Places;
use crate::server::settings::Settings;
use crate::server::signals::name;
use crate::server::stats::{Ended, Stats};
use crate::server::throttle::Throttle;

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
    /// Which worker it is. The first, 0, announces that the loop is running.
    pub number: usize,
}

/// Serves until a signal comes, and drains.
///
/// This is the main task of a reactor. It does not know which driver is behind that: the simulation runs it unchanged.
pub async fn serve(handle: Handle, job: Job, listeners: Vec<Listener>, signals: Signals) -> Ended {
    let Job {
        settings,
        places,
        refusals,
        number,
    } = job;
    let is_first = number == 0;
    handle.name_task(|| "main".into());
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
    let announcer = is_first.then(|| handle.spawn(announce(Rc::clone(&worker))));

    let signal = ending(&signals, &worker, number).await;
    let deadline = handle.now() + worker.settings.drain;
    if is_first {
        let signal = name(signal);
        log::info!("{signal} received: no new connections, what has arrived is answered");
    }
    worker.shutdown.set();
    worker.sessions.wake_all();
    let second = ending(&signals, &worker, number);
    let second_signal = match select(drain(&worker, &doors, deadline), second).await {
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
    worker.trouble.tell_the_rest();
    tell_counters(&worker, number);
    Ended {
        totals: worker.stats.totals(),
        second_signal,
    }
}

/// The next signal that ends the server. SIGUSR1 does not: it asks what the loop did.
async fn ending(signals: &Signals, worker: &Worker, number: usize) -> i32 {
    loop {
        let signal = signals.next().await;
        if signal != SIGUSR1 {
            return signal;
        }
        tell_counters(worker, number);
        // Whoever asks is about to ask again.
        worker.handle.measure();
    }
}

fn tell_counters(worker: &Worker, number: usize) {
    let connections = worker.stats.connections.get();
    let counters = worker.handle.counters();
    log::info!("loop {number}: {connections} connections, {counters}");
}

/// While the server ends, output that waits is tried so often: see [`Stream::expect_room`](crate::reactor::Stream::expect_room).
const LOOK: Duration = Duration::from_millis(100);

/// Lets everybody come to his end, until the deadline.
async fn drain(worker: &Worker, doors: &TaskGroup, deadline: Time) {
    // However little time there is, everybody gets a turn, and who is let in by that another: who is owed nothing finds
    // that out then, and is not counted as cut off.
    yield_now().await;
    yield_now().await;
    doors.join(deadline).await;
    worker.sessions.close();
    loop {
        let next = deadline.min(worker.handle.now() + LOOK);
        if worker.sessions.join(next).await == 0 || next == deadline {
            return;
        }
        worker.sessions.wake_all();
    }
}

/// Says in the log that the loop is running, on a fixed grid.
async fn announce(worker: Rc<Worker>) {
    let Some((delay, every)) = worker.settings.announcements() else {
        return;
    };
    worker.handle.name_task(|| "announcer".into());
    let first = worker.handle.now() + delay;
    let mut ticks = interval(&worker.handle, first, every, Missed::Skip);
    let announcement = Announcement::new();
    loop {
        let missed = ticks.tick().await;
        worker.stats.missed(missed);
        announcement.log();
    }
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
