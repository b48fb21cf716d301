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

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The name of the thread, as `top -H` and a debugger show it (the kernel keeps 15 bytes).
const THREAD: &str = "nbcaser-log";

/// How long the thread waits before it tries again a stderr that is not blocking and full.
const RETRY: Duration = Duration::from_millis(20);

/// A buffer that was needed once, in a burst, is not kept above this many bytes.
const KEPT: usize = 64 * 1024;

/// The queue. One thread takes from it, any number push.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Told to the writing thread: there is something to write, or the end has come.
    work: Condvar,
    /// Told to [`Queue::finish`]: the writing thread has ended.
    done: Condvar,
    /// The most bytes that are held, waiting and in flight together.
    limit: usize,
}

#[derive(Default)]
struct State {
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
    closing: bool,
    ended: bool,
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
    /// Makes a queue of at most `limit` bytes and starts the thread that writes it to what `open` gives it there.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub(crate) fn start<W: Write>(
        limit: usize,
        open: impl FnOnce() -> W + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Queue {
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
            limit,
        });
        let its_own = Arc::clone(&queue);
        thread::Builder::new()
            .name(THREAD.into())
            .spawn(move || its_own.write_all_to(open()))?;
        Ok(queue)
    }

    /// Queues a record, which ends in its line end, or counts its lines as lost. Never waits for the writer.
    pub(crate) fn push(&self, record: &[u8]) {
        let mut state = self.lock();
        // Where something waits already, the thread has been told and will find this as well.
        let idle = state.waiting.is_empty();
        if state.closing {
            state.lose_quietly(lines(record));
        } else if state.waiting.len() + state.in_flight + record.len() > self.limit {
            state.lose(lines(record));
        } else {
            state.waiting.extend_from_slice(record);
        }
        drop(state);
        if idle {
            self.work.notify_one();
        }
    }

    /// How many lines were lost since the start.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Takes no more records and waits until the thread has written what it has, at most for `limit`. Whether it has.
    pub(crate) fn finish(&self, limit: Duration) -> bool {
        let mut state = self.lock();
        state.closing = true;
        self.work.notify_one();
        // Not a join: that would wait as long as the writer does.
        let (state, _) = self
            .done
            .wait_timeout_while(state, limit, |state| !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        state.ended
    }

    /// The thread: what waits, all of it in one write, until the end.
    fn write_all_to(&self, mut writer: impl Write) {
        let mut chunk = Vec::new();
        let mut cut = false;
        loop {
            chunk.clear();
            chunk.shrink_to(KEPT);
            let Some((told, frame)) = self.take(&mut chunk, cut) else {
                break;
            };
            let sent = write_some(&mut writer, &chunk);
            cut = if sent == 0 {
                cut
            } else {
                chunk[sent - 1] != b'\n'
            };

            let mut state = self.lock();
            state.in_flight = 0;
            state.broken = sent < chunk.len();
            if sent >= frame {
                state.untold -= told;
            }
            state.lose(lines(&chunk[sent.max(frame)..]));
        }
        self.lock().ended = true;
        self.done.notify_all();
    }

    /// Waits for work and moves all of it to `chunk`. None at the end; otherwise how many losses the chunk tells of, and
    /// how many of its first bytes are not from a record.
    fn take(&self, chunk: &mut Vec<u8>, cut: bool) -> Option<(u64, usize)> {
        let mut state = self
            .work
            .wait_while(self.lock(), |state| !state.has_work() && !state.closing)
            .unwrap_or_else(PoisonError::into_inner);
        if !state.has_work() {
            return None;
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
