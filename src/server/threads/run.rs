//! From what was bound to the end.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::signal::SIGUSR1;
use signal_hook::iterator::backend::{Handle, SignalDelivery};
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::Office;
use super::announcer::announce;
use super::clerk::{Clerk, Message};
use super::connection::Budget;
use super::door::Door;
use super::room::{self, Room};
use super::turns::Turns;
use crate::server::admission::PAUSE;
use crate::server::bind::Bound;
use crate::server::error::RunError;
use crate::server::limits::{Places, capacity};
use crate::server::memory;
use crate::server::run::report_start;
use crate::server::settings::Settings;
use crate::server::signals;
use crate::server::stats::Ended;

/// Descriptors besides the listeners: the standard streams, the bell and the signals' with two ends each, one of them
/// twice, how much address space is taken, one to spare.
const OWN: usize = 10;

/// Serves what was bound until a signal comes, and drains. The calling thread becomes the clerk.
pub(in crate::server) fn run(settings: Settings, mut bound: Bound) -> Result<Ended, RunError> {
    let (capacity, lowered) = capacity(
        settings.max_connections,
        OWN + bound.addresses.len(),
        &[
            (room::capacity(), "threads"),
            (memory::clients(room::CLIENT), "memory"),
        ],
    );
    let connections = capacity.connections;
    let office = Arc::new(Office {
        places: Places::new(connections),
        refusals: Places::new(capacity.refusals),
        budget: Budget::new(settings.max_memory),
        turns: Turns::new(),
        settings,
    });
    let endpoints = bound.endpoints.pop().unwrap_or_default();
    let (clerk, inbox) = channel();
    let (bell, rope) = UnixStream::pair().map_err(|e| RunError::System("make the bell", e))?;
    let (patience, is_over) = channel();
    let door = Door::new(&office, Room::new(), endpoints, bell, is_over, &clerk);
    let door = door.map_err(|error| RunError::System("listen", error))?;
    let signals = SignalThread::start(clerk.clone())?;
    let (end, is_end) = channel();
    let announcer = office.settings.announcements().map(|(delay, every)| {
        let clerk = clerk.clone();
        start("announcer", move || announce(delay, every, &is_end, &clerk))
    });
    let announcer = announcer.transpose()?;
    if !Room::new().is_there() {
        let error = io::ErrorKind::OutOfMemory.into();
        return Err(RunError::System("let a client in", error));
    }
    report_start(&office.settings, &bound, connections, lowered)?;
    let door = start("door", || door.stand())?;

    let ended = Clerk::new(&office, inbox, rope, patience).work();
    drop(end);
    let signals = signals.end();
    for thread in announcer.into_iter().chain([door, signals]) {
        // A panic was logged by the hook, and that of the door is in `ended`.
        let _ = thread.join();
    }
    let mut ended = ended.map_err(|error| RunError::System("go on", error))?;
    ended.totals.peak = office.places.peak() as u64;
    Ok(ended)
}

/// The thread that waits for signals, and tells the clerk. Not by the crate's own iterator: that panics if its read fails,
/// and nobody could end the server any more.
struct SignalThread {
    handle: Handle,
    /// The end of the pair that the handler writes to.
    wakes: UnixStream,
    thread: JoinHandle<()>,
}

impl SignalThread {
    fn start(clerk: Sender<Message>) -> Result<SignalThread, RunError> {
        let caught = UnixStream::pair().and_then(|(read, write)| {
            let wakes = write.try_clone()?;
            let caught = SignalDelivery::with_pipe(read, write, SignalOnly, signals::all())?;
            Ok((caught, wakes))
        });
        let (mut caught, wakes) = caught.map_err(|e| RunError::System("catch signals", e))?;
        let handle = caught.handle();
        let thread = start("signals", move || {
            while !caught.handle().is_closed() {
                let mut entry = [PollFd::new(caught.get_read(), PollFlags::IN)];
                if poll(&mut entry, None).is_err() {
                    thread::sleep(PAUSE); // no memory: that passes
                }
                for signal in caught.pending() {
                    if signal == SIGUSR1 {
                        log::info!(
                            "SIGUSR1 received: with --model threads there is no loop to tell of"
                        );
                    } else {
                        let _ = clerk.send(Message::Signal(signal));
                    }
                }
            }
        })?;
        Ok(SignalThread {
            handle,
            wakes,
            thread,
        })
    }

    /// Has it end.
    fn end(self) -> JoinHandle<()> {
        self.handle.close();
        // That was a byte to the pair, which is lost if it cannot be sent. This is not.
        let _ = self.wakes.shutdown(Shutdown::Both);
        self.thread
    }
}

fn start(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, RunError> {
    let thread = thread::Builder::new().name(name.into()).spawn(body);
    thread.map_err(|error: io::Error| RunError::System("start a thread", error))
}
