//! Nothing here sleeps: a writer that waits does so on a channel, and it says when it has begun to.

use super::*;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};

/// More than any of these tests takes; only a broken one waits so long.
const LONG: Duration = Duration::from_secs(20);

/// A writer that does what it is told: each call reports what it was given and then waits for its answer.
struct Told {
    calls: Sender<Vec<u8>>,
    answers: Receiver<io::Result<usize>>,
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls.send(bytes.to_vec()).map_err(io::Error::other)?;
        self.answers.recv().map_err(io::Error::other)?
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A queue whose writer is moved by hand.
struct Bench {
    queue: Arc<Queue>,
    calls: Receiver<Vec<u8>>,
    answers: Sender<io::Result<usize>>,
}

impl Bench {
    fn new(limit: usize) -> Self {
        let (calls, seen) = channel();
        let (answers, told) = channel();
        let told = Told {
            calls,
            answers: told,
        };
        let queue = Queue::start(limit, move || told).expect("a thread");
        Bench {
            queue,
            calls: seen,
            answers,
        }
    }

    fn push(&self, record: &str) {
        self.queue.push(record.as_bytes());
    }

    /// Waits until the thread is inside a write, and returns what it writes.
    fn call(&self) -> String {
        String::from_utf8(self.calls.recv_timeout(LONG).expect("no write")).expect("UTF-8")
    }

    fn answer(&self, answer: io::Result<usize>) {
        self.answers.send(answer).expect("the thread has ended");
    }

    fn fail(&self, kind: ErrorKind) {
        self.answer(Err(kind.into()));
    }

    /// The next write is of `want`, and comes through.
    fn passes(&self, want: &str) {
        assert_eq!(self.call(), want);
        self.answer(Ok(want.len()));
    }

    /// Ends it, with no write left over.
    fn ends(self) -> u64 {
        assert!(self.queue.finish(LONG));
        assert_eq!(self.calls.try_iter().count(), 0);
        self.queue.lost()
    }
}

#[test]
fn a_line_is_written_at_once_and_the_next_ones_together() {
    let bench = Bench::new(1000);
    bench.push("one\n");
    assert_eq!(bench.call(), "one\n");
    bench.push("two\n");
    bench.push("three\n");
    bench.answer(Ok(4));
    bench.passes("two\nthree\n");
    bench.push("four\n");
    bench.passes("four\n");
    assert_eq!(bench.ends(), 0);
}

#[test]
fn a_short_write_is_gone_on_with() {
    let bench = Bench::new(1000);
    bench.push("abcdef\n");
    assert_eq!(bench.call(), "abcdef\n");
    bench.answer(Ok(2));
    assert_eq!(bench.call(), "cdef\n");
    bench.fail(ErrorKind::Interrupted);
    assert_eq!(bench.call(), "cdef\n");
    bench.fail(ErrorKind::WouldBlock);
    bench.passes("cdef\n");
    assert_eq!(bench.ends(), 0);
}

#[test]
fn while_the_writer_waits_lines_are_dropped_and_counted() {
    let bench = Bench::new(20);
    bench.push("123456789\n");
    assert_eq!(bench.call(), "123456789\n");
    // From here on the thread stands in its write; were a push to wait for it, this test would not end.
    bench.push("abcdefghi\n"); // 10 in flight and 10 waiting: full to the byte
    for _ in 0..1000 {
        bench.push("x\n");
    }
    bench.push("two\nlines\n");
    assert_eq!(bench.queue.lost(), 1002);
    bench.answer(Ok(10));
    bench.passes("nbcaser: 1002 log lines were lost\nabcdefghi\n");
    bench.push("on\n");
    bench.passes("on\n");
    assert_eq!(bench.ends(), 1002);
}

#[test]
fn losses_are_told_though_no_line_follows() {
    let bench = Bench::new(5);
    bench.push("1234\n");
    assert_eq!(bench.call(), "1234\n");
    bench.push("x\n");
    bench.answer(Ok(5));
    bench.passes("nbcaser: 1 log line was lost\n");
    assert_eq!(bench.ends(), 1);
}

#[test]
fn a_record_above_the_limit_is_dropped() {
    let bench = Bench::new(5);
    bench.push("12345\n");
    bench.passes("nbcaser: 1 log line was lost\n");
    assert_eq!(bench.ends(), 1);
}

#[test]
fn a_writer_that_fails_loses_lines_and_may_recover() {
    for kind in [
        ErrorKind::StorageFull,
        ErrorKind::BrokenPipe,
        ErrorKind::Other,
    ] {
        let bench = Bench::new(1000);
        for lost in 1..=3 {
            bench.push("lost\n");
            let tried = bench.call();
            assert!(tried.ends_with("lost\n"), "{tried:?}");
            // The losses so far stand in front of it, for it could have been the write that works again.
            assert_eq!(tried.contains("log line"), lost > 1, "{tried:?}");
            bench.fail(kind);
        }
        bench.push("back\n");
        bench.passes("nbcaser: 3 log lines were lost\nback\n");
        bench.push("on\n");
        bench.passes("on\n");
        assert_eq!(bench.ends(), 3);
    }
}

#[test]
fn a_line_that_was_cut_is_lost_and_ends_before_the_next() {
    let bench = Bench::new(1000);
    bench.push("first\nsecond\nthird\n");
    assert_eq!(bench.call(), "first\nsecond\nthird\n");
    bench.answer(Ok(9)); // up to "sec"
    assert_eq!(bench.call(), "ond\nthird\n");
    bench.fail(ErrorKind::StorageFull);
    bench.push("again\n");
    let want = "\nnbcaser: 2 log lines were lost\nagain\n";
    assert_eq!(bench.call(), want);
    bench.fail(ErrorKind::StorageFull); // nothing of it: still in the middle of "sec"
    bench.push("last\n");
    bench.passes("\nnbcaser: 3 log lines were lost\nlast\n");
    assert_eq!(bench.ends(), 3);
}

#[test]
fn a_writer_that_takes_nothing_is_one_that_fails() {
    let bench = Bench::new(1000);
    bench.push("x\n");
    assert_eq!(bench.call(), "x\n");
    bench.answer(Ok(0));
    assert_eq!(bench.ends(), 1);
}

#[test]
fn a_broken_writer_is_left_alone_until_there_is_a_line() {
    let bench = Bench::new(1000);
    bench.push("x\n");
    bench.call();
    bench.fail(ErrorKind::BrokenPipe);
    // `ends` sees no write: neither was the loss told into the void nor did the thread spin.
    assert_eq!(bench.ends(), 1);
}

#[test]
fn the_end_waits_for_what_is_queued() {
    let bench = Bench::new(1000);
    bench.push("one\n");
    assert_eq!(bench.call(), "one\n");
    bench.push("two\n");
    let queue = Arc::clone(&bench.queue);
    let end = thread::spawn(move || queue.finish(LONG));
    bench.answer(Ok(4));
    bench.passes("two\n");
    assert!(end.join().expect("no panic"));
    bench.push("late\n");
    assert_eq!(bench.queue.lost(), 1);
    assert!(bench.queue.finish(LONG), "the end may be asked for twice");
}

#[test]
fn the_end_does_not_wait_for_a_writer_that_is_stuck() {
    let bench = Bench::new(1000);
    bench.push("one\n");
    bench.call();
    assert!(!bench.queue.finish(Duration::from_millis(10)));
    assert!(!bench.queue.finish(Duration::ZERO));
    bench.push("late\n");
    bench.answer(Ok(4));
    // And it ends without a word about the late line.
    assert_eq!(bench.ends(), 1);
}

#[test]
fn every_line_of_many_threads_arrives_whole_or_is_counted() {
    /// Keeps what it gets, so little at a time that the queue runs full.
    struct Slow(Arc<Mutex<VecDeque<u8>>>);
    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(3);
            self.0.lock().expect("sound").extend(&bytes[..n]);
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let seen = Arc::default();
    let slow = Slow(Arc::clone(&seen));
    let queue = Queue::start(100, move || slow).expect("a thread");
    thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let queue = &queue;
            scope.spawn(move || {
                for n in 0..2000 {
                    queue.push(format!("{name} {n:04}\n").as_bytes());
                }
            });
        }
    });
    assert!(queue.finish(LONG));
    let seen: Vec<u8> = seen.lock().expect("sound").iter().copied().collect();
    let text = String::from_utf8(seen).expect("UTF-8");
    let (notices, records): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.contains("lost"));
    let told: u64 = notices
        .iter()
        .map(|n| {
            n.split(' ')
                .nth(1)
                .expect("a word")
                .parse::<u64>()
                .expect("a number")
        })
        .sum();
    assert!(records.iter().all(|r| r.len() == 6), "{records:?}");
    assert_eq!(told, queue.lost(), "all that was lost is told");
    assert_eq!(records.len() as u64 + told, 8000);
}
