//! The way from the loops to the disk.
//!
//! A disk may be slow, or full, and no loop waits for it: events are handed over as text, in pieces, to a buffer of
//! bounded size, and one thread writes that.
//!
//! ```text
//!  loops ── push ──> waiting ── take all ──> in flight ── write ──> FILE
//!              │    (both <= QUEUE)                          │
//!              │                                             └── an error ends the trace, not the server
//!              ├── no room now: lost, and counted
//!              └── LIMIT reached: the trace ends, and says so
//! ```

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::server::escape::Escaped;
use crate::server::signals::Held;

/// The most bytes of a trace file: 64 MiB, some half a million events. Viewers grow slow with more.
pub const LIMIT: usize = 64 << 20;

/// The most bytes that wait for the disk: 4 MiB.
const QUEUE: usize = 4 << 20;

/// So many are written at once; fewer wait until [`PACE`] has passed.
const EAGER: usize = 256 << 10;
const PACE: Duration = Duration::from_millis(100);

/// What stands in the first line, and by what a trace of ours is known: the viewers do not mind an event without a place.
pub const FIRST: &str = r#"{"name":"nbcaser trace","ph":"M","pid":0,"args":{"form":1}}"#;

/// How long the end of the server waits for the disk.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A trace file that is being written. Dropping it writes what waits and ends the file.
pub struct TraceFile(Arc<Shared>);

struct Shared {
    path: PathBuf,
    state: Mutex<State>,
    /// Told to the writing thread: there is much to write, or the end has come.
    work: Condvar,
    /// Told to who drops the file: the thread has ended.
    done: Condvar,
    /// Nothing more is taken. Beside the state, so that a loop needs no lock to see it.
    ended: AtomicBool,
    limit: usize,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    in_flight: usize,
    /// All bytes that were taken.
    total: usize,
    lost: u64,
    full: bool,
    closing: bool,
    done: bool,
}

impl TraceFile {
    /// Creates the file, or empties it, and starts the thread that writes it.
    ///
    /// # Errors
    /// The file cannot be written, or the system has no thread.
    pub fn create(path: &Path) -> io::Result<TraceFile> {
        TraceFile::start(path, File::create(path)?, LIMIT)
    }

    fn start(path: &Path, file: impl Write + Send + 'static, limit: usize) -> io::Result<Self> {
        let state = State {
            waiting: format!("[\n{FIRST},\n").into_bytes(),
            ..State::default()
        };
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            state: Mutex::new(state),
            work: Condvar::new(),
            done: Condvar::new(),
            ended: AtomicBool::new(false),
            limit,
        });
        let its_own = Arc::clone(&shared);
        let _signals = Held::new(); // they are for threads that know of them
        let thread = thread::Builder::new().name("nbcaser-trace".into());
        thread.spawn(move || {
            its_own.write_all_to(file);
            its_own.lock().done = true;
            its_own.done.notify_one();
        })?;
        Ok(TraceFile(shared))
    }

    /// A way to it for one loop.
    pub(super) fn inlet(&self) -> Inlet {
        Inlet(Arc::clone(&self.0))
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closing = true;
        self.0.work.notify_one();
        // Not a join: that would wait as long as the disk does.
        let waited = self
            .0
            .done
            .wait_timeout_while(state, LAST_WORDS, |state| !state.done);
        drop(waited);
    }
}

/// A way into the file.
pub(super) struct Inlet(Arc<Shared>);

impl Inlet {
    /// Whether nothing is taken any more.
    pub(super) fn has_ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// Hands over whole events, each a line with a comma at its end. Never waits for the disk. False: they are lost.
    pub(super) fn push(&self, events: &[u8]) -> bool {
        let shared = &*self.0;
        let mut state = shared.lock();
        if state.total + events.len() > shared.limit {
            state.full = true;
            shared.ended.store(true, Ordering::Relaxed);
        }
        if self.has_ended() {
            return false;
        }
        let held = state.waiting.len() + state.in_flight;
        if held + events.len() > QUEUE {
            state.lost += memchr::memchr_iter(b'\n', events).count() as u64;
            return false;
        }
        let before = state.waiting.len();
        state.total += events.len();
        state.waiting.extend_from_slice(events);
        let eager = before < EAGER && state.waiting.len() >= EAGER;
        drop(state);
        if eager {
            shared.work.notify_one();
        }
        true
    }
}

impl Shared {
    /// The thread: all that waits in one write, now and then, until the end or an error.
    fn write_all_to(&self, mut file: impl Write) {
        let mut told = false;
        loop {
            let (chunk, last) = self.take();
            let mut written = file.write_all(&chunk);
            if last {
                written = written.and_then(|()| file.write_all(self.last_line().as_bytes()));
            }
            if let Err(error) = written {
                self.ended.store(true, Ordering::Relaxed);
                let path = self.path.to_string_lossy();
                log::warn!("the trace in {} ends here: {error}", Escaped(&path));
                return;
            }
            let mut state = self.lock();
            state.in_flight = 0;
            let full = state.full && !std::mem::replace(&mut told, true);
            drop(state);
            if full {
                let (path, limit) = (self.path.to_string_lossy(), self.limit);
                log::warn!(
                    "the trace in {} ends here: it has {limit} bytes, the most",
                    Escaped(&path)
                );
            }
            if last {
                return;
            }
        }
    }

    /// Waits until there is much to write, or some for a while. True: that is all.
    fn take(&self) -> (Vec<u8>, bool) {
        let rests =
            |state: &mut State| state.waiting.len() < EAGER && !state.closing && !state.full;
        let (mut state, _) = self
            .work
            .wait_timeout_while(self.lock(), PACE, rests)
            .unwrap_or_else(PoisonError::into_inner);
        let chunk = std::mem::take(&mut state.waiting);
        state.in_flight = chunk.len();
        (chunk, state.closing || state.full)
    }

    /// The end of the array: an event that tells whether it is all.
    fn last_line(&self) -> String {
        let state = self.lock();
        let (lost, full) = (state.lost, state.full);
        format!(
            "{{\"name\":\"end\",\"ph\":\"M\",\"pid\":0,\"args\":{{\"lost\":{lost},\"full\":{full}}}}}\n]\n"
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
