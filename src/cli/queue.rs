//! The queue between the log and stderr, and the one thread that owns stderr.
//!
//! stderr may be a pipe that nobody reads, a full disk, a terminal that was stopped with Ctrl-S: a write to it can take
//! for ever or fail for ever, and a server that waits for its log has handed its clients to whoever holds the other end.
//! So records are copied into a buffer of bounded size, one thread writes it, and only that thread ever waits:
//!
//! ```text
//!  any thread ── push ──> waiting ── take all ──> in flight ── write ──> stderr
//!                  │     (waiting + in flight <= limit)          │
//!                  └──────── no room: lost += lines <────────────┘ an error
//! ```
//!
//! A program that is one thread otherwise is better without this one while nothing is logged: [`Queue::rest`].

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The name of the thread, as `top -H` and a debugger show it (the kernel keeps 15 bytes).
const THREAD: &str = "nbcaser-log";

/// How long the thread waits before it tries again a stderr that is not blocking and full.
const RETRY: Duration = Duration::from_millis(20);

/// How long a thread that [rests](Queue::rest) waits for a further record before it ends. To start another takes some 50 us.
const IDLE: Duration = Duration::from_millis(100);

/// A buffer that was needed once, in a burst, is not kept above this many bytes.
const KEPT: usize = 64 * 1024;

/// The queue. One thread takes from it, any number push.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Locked by the writing thread, all its life.
    output: Mutex<Output>,
    /// Told to the writing thread: there is something to write, or the end has come.
    work: Condvar,
    /// Told to [`Queue::finish`]: the writing thread has ended.
    done: Condvar,
    /// The most bytes that are held, waiting and in flight together.
    limit: usize,
}

/// What one writing thread leaves to the next.
struct Output {
    writer: Box<dyn Write + Send>,
    /// An error cut the last line in two.
    cut: bool,
}

#[derive(Default)]
struct State {
    /// There is a writing thread, or one is being started.
    has_thread: bool,
    /// It ends when it has nothing to do.
    rests: bool,
    /// Whole records, one behind the other.
    waiting: Vec<u8>,
    /// Bytes of records that the thread has taken and not yet written: they count, or the bound would be twice the limit.
    in_flight: usize,
    /// Lines lost since the start.
    lost: u64,
    /// Those of them that the log does not tell of yet.
    untold: u64,
    /// Whether the last write came through: while it does not, telling of losses would only be one more of them.
    broken: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Open,
    /// It takes no more records.
    Closing,
    /// And none waits any more.
    Ended,
}

impl State {
    fn lose(&mut self, lines: u64) {
        self.lost += lines;
        self.untold += lines;
    }

    /// Counts what came after the end. Telling of it would let the end be put off by whoever goes on logging.
    fn lose_quietly(&mut self, lines: u64) {
        self.lost += lines;
    }

    fn has_work(&self) -> bool {
        !self.waiting.is_empty() || (self.untold > 0 && !self.broken)
    }
}

impl Queue {
    /// Makes a queue of at most `limit` bytes and starts the thread that writes it to `writer`.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub(crate) fn start(
        limit: usize,
        writer: impl Write + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Queue {
            state: Mutex::default(),
            output: Mutex::new(Output {
                writer: Box::new(writer),
                cut: false,
            }),
            work: Condvar::new(),
            done: Condvar::new(),
            limit,
        });
        queue.start_thread()?;
        Ok(queue)
    }

    /// From now on the thread ends when it has had nothing to do for [`IDLE`], and the next record starts another one. If
    /// the system has none to give then, the record waits, and the one behind it or the end tries again.
    ///
    /// For a program that has no other thread: where there are two, each system call counts that it uses its descriptor,
    /// which takes 3 % of a request.
    pub(crate) fn rest(&self) {
        self.lock().rests = true;
        self.work.notify_one();
    }

    /// Queues a record, which ends in its line end, or counts its lines as lost. Never waits for the writer.
    pub(crate) fn push(self: &Arc<Self>, record: &[u8]) {
        let mut state = self.lock();
        // Where something waits already, the thread has been told and will find this as well.
        let idle = state.waiting.is_empty();
        if state.phase >= Phase::Closing {
            state.lose_quietly(lines(record));
        } else if state.waiting.len() + state.in_flight + record.len() > self.limit {
            state.lose(lines(record));
        } else {
            state.waiting.extend_from_slice(record);
        }
        let has_thread = state.has_thread;
        drop(state);
        if !has_thread {
            let _ = self.start_thread();
        } else if idle {
            self.work.notify_one();
        }
    }

    /// Starts the writing thread, if there is none and will be work for one.
    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let mut state = self.lock();
        if state.phase == Phase::Ended || std::mem::replace(&mut state.has_thread, true) {
            return Ok(());
        }
        drop(state);
        let queue = Arc::clone(self);
        let thread = thread::Builder::new().name(THREAD.into());
        if let Err(error) = thread.spawn(move || queue.write_all()) {
            self.lock().has_thread = false;
            return Err(error);
        }
        Ok(())
    }

    /// How many lines were lost since the start.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Takes no more records and waits until the thread has written what it has, at most for `limit`. Whether it has.
    pub(crate) fn finish(self: &Arc<Self>, limit: Duration) -> bool {
        let mut state = self.lock();
        state.phase = state.phase.max(Phase::Closing);
        drop(state);
        let started = self.start_thread();
        let mut state = self.lock();
        if started.is_err() {
            let waiting = std::mem::take(&mut state.waiting);
            state.lose(lines(&waiting));
            state.phase = Phase::Ended;
        }
        self.work.notify_one();
        // Not a join: that would wait as long as the writer does.
        let (state, _) = self
            .done
            .wait_timeout_while(state, limit, |state| state.phase < Phase::Ended)
            .unwrap_or_else(PoisonError::into_inner);
        state.phase == Phase::Ended
    }

    /// The thread: what waits, all of it in one write, until the end or until it rests.
    fn write_all(&self) {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let Output { writer, cut } = &mut *output;
        let mut chunk = Vec::new();
        while let Some((told, frame)) = self.take(&mut chunk, *cut) {
            let sent = write_some(writer, &chunk);
            if sent > 0 {
                *cut = chunk[sent - 1] != b'\n';
            }

            let mut state = self.lock();
            state.in_flight = 0;
            state.broken = sent < chunk.len();
            if sent >= frame {
                state.untold -= told;
            }
            state.lose(lines(&chunk[sent.max(frame)..]));
            drop(state);
            chunk.clear();
            chunk.shrink_to(KEPT);
        }
    }

    /// Waits for work and moves all of it to `chunk`. None: the thread is to end. Otherwise how many losses the chunk tells
    /// of, and how many of its first bytes are not from a record.
    fn take(&self, chunk: &mut Vec<u8>, cut: bool) -> Option<(u64, usize)> {
        let mut state = self.lock();
        let mut rested = false;
        while !state.has_work() {
            let closes = state.phase >= Phase::Closing;
            if closes || (state.rests && rested) {
                state.has_thread = false;
                if closes {
                    state.phase = Phase::Ended;
                }
                self.done.notify_all();
                return None;
            }
            (state, rested) = self.wait(state);
        }
        // An error may have cut the line before in two: what comes now is a line of its own.
        if cut {
            chunk.push(b'\n');
        }
        let told = state.untold;
        if told > 0 {
            chunk.extend_from_slice(notice(told).as_bytes());
        }
        let frame = chunk.len();
        chunk.append(&mut state.waiting);
        state.waiting.shrink_to(KEPT);
        state.in_flight = chunk.len() - frame;
        Some((told, frame))
    }

    /// Waits until something has happened, or, if the thread rests, for [`IDLE`]; whether that is over.
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> (MutexGuard<'a, State>, bool) {
        if !state.rests {
            let woken = self.work.wait(state);
            return (woken.unwrap_or_else(PoisonError::into_inner), false);
        }
        let waited = self.work.wait_timeout(state, IDLE);
        let (state, wait) = waited.unwrap_or_else(PoisonError::into_inner);
        (state, wait.timed_out())
    }

    /// The lock is held for copying alone, so nobody panics with it, and were it so the state would still be sound.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes until all is written or an error ends it. Returns how many bytes were written.
fn write_some(writer: &mut impl Write, chunk: &[u8]) -> usize {
    let mut sent = 0;
    while sent < chunk.len() {
        match writer.write(&chunk[sent..]) {
            Ok(0) => break,
            Ok(n) => sent += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Somebody who shares our stderr made it not blocking. It is full, not broken, so nothing is lost yet.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(_) => break,
        }
    }
    sent
}

fn notice(lost: u64) -> String {
    match lost {
        1 => "nbcaser: 1 log line was lost\n".into(),
        n => format!("nbcaser: {n} log lines were lost\n"),
    }
}

fn lines(records: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', records).count() as u64
}

#[cfg(test)]
mod tests;
