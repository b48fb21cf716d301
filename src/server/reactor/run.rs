//! One reactor, or several side by side.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use signal_hook::consts::signal::SIGTERM;

use super::worker::{Job, listeners, serve};
use crate::reactor::real::MioDriver;
use crate::reactor::{Endpoint, MemoryLimit, Reactor, Signals};
use crate::server::bind::Bound;
use crate::server::error::RunError;
use crate::server::limits::{Capacity, Places, capacity};
use crate::server::memory;
use crate::server::run::report_start;
use crate::server::settings::Settings;
use crate::server::signals;
use crate::server::stats::Ended;
use crate::server::trace::{TraceFile, Tracer};

/// Descriptors that the process has besides those of its workers: the standard streams, and one to spare.
const PROCESS: usize = 4;
/// Descriptors of each worker besides its listeners: the poller, its waker, the alarm, the two of the signals.
const WORKER: usize = 5;
/// Bytes of a client besides its buffers: half a KiB here, and what the kernel takes for its socket.
const CLIENT: u64 = 6 << 10;

/// Serves what was bound until a signal comes, and drains.
pub(crate) fn run(settings: Settings, mut bound: Bound) -> Result<Ended, RunError> {
    let workers = bound.endpoints.len();
    let own = PROCESS + workers * (WORKER + bound.addresses.len());
    let (
        Capacity {
            connections,
            refusals,
        },
        lowered,
    ) = capacity(
        settings.max_connections,
        own,
        &[(memory::clients(CLIENT), "memory")],
    );

    let memory = MemoryLimit::new(settings.max_memory);
    // Dropped behind all loops: then it is written to its end.
    let trace = match &settings.trace {
        Some(path) => {
            let file = TraceFile::create(path);
            Some(Arc::new(
                file.map_err(|error| RunError::Trace(path.clone(), error))?,
            ))
        }
        None => None,
    };
    let settings = Arc::new(settings);
    let places = Places::new(connections);
    let job = |number| Job {
        settings: Arc::clone(&settings),
        places: Arc::clone(&places),
        refusals: refusals / workers,
        number,
    };
    let mut endpoints = std::mem::take(&mut bound.endpoints).into_iter();
    let ours = endpoints.next().unwrap_or_default();
    // What comes before all of them listen for signals would be heard by some, and the others would go on for ever.
    let signals = signals::Held::new();
    let first = Worker::new(job(0), ours, memory.clone(), trace.as_deref())?;
    let mut others = Vec::new();
    for (number, theirs) in (1..).zip(endpoints) {
        others.push(Thread::spawn(
            job(number),
            theirs,
            memory.clone(),
            trace.clone(),
        )?);
    }
    drop(signals);
    report_start(&settings, &bound, connections, lowered)?;

    let mut ended = first.run();
    if ended.is_err() {
        // Without this one the others would go on and nobody would know: they come to their ends, too.
        let _ = signal_hook::low_level::raise(SIGTERM);
    }
    for thread in others {
        ended = both(ended, thread.join());
    }
    ended.map(|mut ended| {
        ended.totals.peak = places.peak() as u64;
        ended
    })
}

fn both(a: Result<Ended, RunError>, b: Result<Ended, RunError>) -> Result<Ended, RunError> {
    let (a, b) = (a?, b?);
    Ok(Ended {
        totals: a.totals.plus(b.totals),
        second_signal: a.second_signal.or(b.second_signal),
    })
}

/// A worker before it runs: all that can be refused has been asked for.
struct Worker {
    reactor: Reactor,
    job: Job,
    listeners: Vec<crate::reactor::Listener>,
    signals: Signals,
}

impl Worker {
    fn new(
        job: Job,
        endpoints: Vec<Endpoint>,
        memory: MemoryLimit,
        trace: Option<&TraceFile>,
    ) -> Result<Worker, RunError> {
        let driver =
            MioDriver::new().map_err(|error| RunError::System("set up the poller", error))?;
        let driver = Box::new(driver);
        let reactor = match trace {
            Some(file) => {
                let tracer = Tracer::new(file, job.number);
                Reactor::observed(driver, memory, Rc::new(tracer))
            }
            None => Reactor::with_driver(driver, memory),
        };
        let handle = reactor.handle();
        let signals = Signals::new(&handle, &signals::all());
        let signals = signals.map_err(|error| RunError::System("catch signals", error))?;
        let listeners = listeners(&handle, endpoints);
        let listeners = listeners.map_err(|error| RunError::System("poll the listeners", error))?;
        Ok(Worker {
            reactor,
            job,
            listeners,
            signals,
        })
    }

    fn run(self) -> Result<Ended, RunError> {
        let Worker {
            reactor,
            job,
            listeners,
            signals,
        } = self;
        let main = serve(reactor.handle(), job, listeners, signals);
        reactor
            .block_on(main)
            .map_err(|error| RunError::System("poll", error))
    }
}

/// A worker on a thread of its own: a reactor never leaves the thread that made it.
struct Thread(thread::JoinHandle<Result<Ended, RunError>>);

impl Thread {
    fn spawn(
        job: Job,
        endpoints: Vec<Endpoint>,
        memory: MemoryLimit,
        trace: Option<Arc<TraceFile>>,
    ) -> Result<Thread, RunError> {
        let name = format!("worker-{}", job.number);
        let (up, is_up) = std::sync::mpsc::sync_channel(1);
        let body = move || match Worker::new(job, endpoints, memory, trace.as_deref()) {
            Ok(worker) => {
                let _ = up.send(Ok(()));
                worker.run()
            }
            Err(error) => {
                let _ = up.send(Err(error));
                Ok(Ended::default())
            }
        };
        let thread = thread::Builder::new().name(name).spawn(body);
        let thread = thread.map_err(|error| RunError::System("start a worker's thread", error))?;
        match is_up.recv() {
            Ok(Ok(())) => Ok(Thread(thread)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(RunError::System(
                "start a worker",
                io::Error::other("it panicked"),
            )),
        }
    }

    fn join(self) -> Result<Ended, RunError> {
        self.0.join().unwrap_or_else(|_| {
            Err(RunError::System(
                "go on",
                io::Error::other("a worker panicked"),
            ))
        })
    }
}
