//! A crowd of every sort at once: `nbcaser load` brings most of it, and what that does not do is done here.

use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::common::load::Load;
use crate::common::{Client, Server, eventually, upper};

/// What one round of a crowd did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub lines: u64,
    pub floods: u64,
    pub sessions: u64,
    pub dripped: u64,
    pub resets: u64,
    /// The round trips of the quiet one, in the midst of them.
    pub quiet: Vec<Duration>,
}

/// Lets about `size` clients of every sort at a server for so long. All who behave must be served without an error.
pub(crate) fn crowd(server: &Server, size: usize, time: Duration) -> Done {
    let load = |name: &str, flags: String| {
        let flags = format!("{flags} -d {}ms --timeout 60s", time.as_millis());
        Load::start(server, name, &flags)
    };
    let (idle, active) = (size * 7 / 10, size * 17 / 100);
    let slow = (size / 100).max(4);
    let mixed = "--line-length 0-200 --title-share 20% --unicode-share 20%";
    let most = load(
        "most",
        format!("--idle {idle} -c {active} --rate {active} --warmup 0 {mixed}"),
    );
    let readers = load(
        "readers",
        format!("--slow-readers {slow} -c 0 --line-length 1000"),
    );
    let churn = load("churn", format!("--churn -c {slow}"));
    let floods = (size / 300).max(4);
    let floods = load("floods", format!("-c {floods} -p 100"));

    let over = AtomicBool::new(false);
    let mut done = Done::default();
    thread::scope(|scope| {
        let dripping = scope.spawn(|| drip(server, size / 10, &over));
        let resets = scope.spawn(|| reset(server, &over));
        let quiet = scope.spawn(|| quiet(server, &over));
        // Whatever fails here, those three must not go on for ever.
        let reports = [most, churn, floods, readers].map(|load| {
            let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| load.succeeds()));
            end.inspect_err(|_| over.store(true, Ordering::Relaxed))
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        over.store(true, Ordering::Relaxed);
        let [most, churn, floods, _] = reports.map(|r| r["replies"].as_u64().expect("a count"));
        (done.lines, done.sessions, done.floods) = (most, churn, floods);
        done.dripped = dripping.join().expect("the slow writers were served");
        done.resets = resets.join().expect("resets");
        done.quiet = quiet.join().expect("the quiet one was served");
    });
    done
}

/// The round trips of one who says a line now and then.
pub(crate) fn quiet(server: &Server, over: &AtomicBool) -> Vec<Duration> {
    let mut client = server.client();
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        client.ask("excuse me");
        times.push(start.elapsed());
        thread::sleep(Duration::from_millis(5)); // quietness is what it is about
    }
    times.sort_unstable();
    times
}

/// The share of `times`, which are sorted, that is as long as this or shorter.
pub(crate) fn percentile(times: &[Duration], share: f64) -> Duration {
    let at = (times.len() as f64 * share) as usize;
    times[at.min(times.len() - 1)]
}

/// So many send a line a byte at a time, in turn, and end their side when it is over; how many lines that was.
fn drip(server: &Server, count: usize, over: &AtomicBool) -> u64 {
    const LINE: &[u8] = b"drop by drop\n";
    let reply = upper("drop by drop");
    let mut clients = server.clients(count);
    let mut lines = 0;
    while !over.load(Ordering::Relaxed) {
        for byte in LINE {
            for client in &mut clients {
                client.send([*byte]);
            }
            thread::sleep(Duration::from_millis(2)); // slowness is what it is about
        }
        for client in &mut clients {
            client.expect(&reply);
        }
        lines += count as u64;
    }
    for client in &mut clients {
        client.send("half a li");
        client.half_close();
        client.expect(upper("half a li"));
        assert_eq!(client.rest(), b"");
    }
    lines
}

/// Connections that end in a reset, at every stage of a dialogue; how many.
fn reset(server: &Server, over: &AtomicBool) -> u64 {
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        for stage in 0..4 {
            let mut client = server.connect();
            match stage {
                0 => {}
                1 => client = client.greeted(),
                2 => client.send("half a li"),
                _ => client.send("a line that is answered to nobody\n".repeat(50)),
            }
            client.reset();
            count += 1;
        }
        thread::sleep(Duration::from_millis(5)); // or it would take all ports
    }
    count
}

/// One who sends lines and reads the replies for as long as the server lets it.
pub(crate) struct Talker {
    client: Client,
    number: usize,
    /// Lines in one piece. They and their replies always find room on their way.
    window: u64,
    /// Lines that were sent.
    sent: AtomicU64,
}

/// What a talker has heard.
pub(crate) struct Heard {
    pub replies: u64,
    pub end: io::Result<()>,
}

impl Talker {
    pub(crate) fn new(client: Client, number: usize) -> Talker {
        Talker {
            client,
            number,
            window: [1, 2, 30][number % 3],
            sent: AtomicU64::new(0),
        }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// How many lines have been sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    fn line(&self, n: u64) -> String {
        format!("{} says {n}", self.number)
    }

    /// Talks until the server ends it, or `no_more` is set: from then on it only listens.
    pub(crate) fn talk(&self, no_more: &AtomicBool) -> Heard {
        let (mut ask, mut listen) = (self.client.other_hand(), self.client.other_hand());
        let mut heard = Heard {
            replies: 0,
            end: Ok(()),
        };
        let mut rest = Vec::new();
        while !no_more.load(Ordering::SeqCst) {
            let all = self.sent()..self.sent() + self.window;
            let piece: String = all.clone().map(|n| self.line(n) + "\n").collect();
            if !ask.try_send(piece) {
                break;
            }
            self.sent.store(all.end, Ordering::SeqCst);
            let expected: Vec<u8> = all.flat_map(|n| upper(&self.line(n))).collect();
            let (got, end) = listen.read_some(expected.len());
            heard.end = end;
            if got != expected {
                rest = got;
                break;
            }
            heard.replies += self.window;
        }
        let (more, end) = listen.rest_and_end();
        if heard.end.is_ok() {
            heard.end = end;
        }
        rest.extend(more);
        for reply in rest.split_inclusive(|&b| b == b'\n') {
            let expected = upper(&self.line(heard.replies));
            assert_eq!(
                reply.escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
            heard.replies += 1;
        }
        let _ = self.client.socket.shutdown(Shutdown::Both);
        heard
    }
}

/// Waits until a server has as few descriptors and threads as it had before the crowd. Its resident memory then.
#[track_caller]
pub(crate) fn settled(server: &Server, before: (usize, u64)) -> u64 {
    eventually("descriptors and threads are as before", || {
        server.descriptors() <= before.0 && server.threads() <= before.1
    });
    server.resident()
}
