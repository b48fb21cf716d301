//! What is tried. What a program asserts must hold in whatever order its threads go on; and since the time stands still as
//! long as anybody can, whatever was to happen at once has happened by then.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use std::world;

use crate::client::{Client, Got, line, replies};
use crate::protocol::messages::{GREETING, OUT_OF_MEMORY, QUIT, SERVER_FULL};
use crate::queue::Queue;
use crate::site::{settings, spawn, start};

pub(crate) const ALL: [(&str, fn()); 8] = [
    ("the-end-wakes-who-waits", the_end_wakes_who_waits),
    ("the-end-answers-what-arrived", the_end_answers_what_arrived),
    (
        "the-end-resets-no-one-who-quits",
        the_end_resets_no_one_who_quits,
    ),
    (
        "the-end-cuts-off-who-does-not-read",
        the_end_cuts_off_who_does_not_read,
    ),
    ("each-place-is-taken-again", each_place_is_taken_again),
    ("memory-is-called-in", memory_is_called_in),
    (
        "each-line-of-the-log-is-written-or-counted",
        each_line_is_written_or_counted,
    ),
    (
        "the-log-ends-beside-those-who-write",
        the_log_ends_beside_those_who_write,
    ),
];

/// Long enough for a last word, and no time to wait for a timer that makes good what a wake should have done.
const AT_ONCE: Duration = Duration::from_millis(900);

/// Clients that say nothing, one of whom ended his side, are told at once that it is over.
fn the_end_wakes_who_waits() {
    let site = start(settings());
    let address = site.address;
    let clients = [false, false, true].map(|ends| {
        spawn(move || {
            let client = Client::connect(address)?;
            if ends {
                client.end_of_input();
            }
            Some(client.read_all())
        })
    });
    let totals = site.stop();
    assert!(world::elapsed() < AT_ONCE, "it took {:?}", world::elapsed());
    assert_eq!(totals.cut_off, 0);
    for client in clients {
        if let Some(got) = client.join().expect("no panic") {
            is_greeted(&got);
        }
    }
}

/// Unless it came too late to be let in.
fn is_greeted(got: &Got) -> bool {
    if got.bytes.is_empty() {
        return false;
    }
    assert!(got.bytes.starts_with(GREETING), "{got:?}");
    assert!(got.end.is_ok(), "{got:?}");
    true
}

/// What was sent before the signal is answered, whatever was sent after it; and half a line is not, unless the client has
/// ended his side.
fn the_end_answers_what_arrived() {
    const LINES: usize = 4;
    let site = start(settings());
    let address = site.address;
    let clients = [false, true].map(|ends| {
        let sent = Arc::new(core::sync::atomic::AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let client = spawn(move || {
            let client = Client::connect(address)?;
            for n in 0..LINES {
                if !client.send(&line(n)) {
                    break;
                }
                count.store(n + 1, SeqCst);
            }
            if ends {
                client.end_of_input();
            } else {
                client.send(b"half");
            }
            Some(client.read_all())
        });
        (client, sent)
    });
    world::switch();
    let before = [0, 1].map(|n: usize| clients[n].1.load(SeqCst));
    let totals = site.stop();
    assert_eq!(totals.cut_off, 0);
    for ((client, _), before) in clients.into_iter().zip(before) {
        let Some(got) = client.join().expect("no panic") else {
            assert_eq!(before, 0);
            continue;
        };
        if is_greeted(&got) {
            let whole = (before..=LINES).any(|count| got.bytes == replies(count));
            assert!(whole, "{before} lines were sent before, and it got {got:?}");
        } else {
            assert_eq!(before, 0, "{got:?}");
        }
    }
}

/// A client that has quit, and goes on sending, gets all its replies and an end, no reset: even if the server ends at any
/// moment of that.
fn the_end_resets_no_one_who_quits() {
    let site = start(settings());
    let address = site.address;
    let client = spawn(move || {
        let client = Client::connect(address)?;
        client.send(b"x0\nquit\n");
        for n in 0..4 {
            client.send(&line(n));
        }
        Some(client.read_all())
    });
    for _ in 0..4 {
        world::switch();
    }
    let totals = site.stop();
    assert_eq!(totals.cut_off, 0);
    if let Some(got) = client.join().expect("no panic")
        && is_greeted(&got)
    {
        let all = [replies(1), QUIT.to_vec()].concat();
        let in_time = [GREETING.to_vec(), replies(1), all].contains(&got.bytes);
        assert!(in_time, "{got:?}");
    }
}

/// One that sends and does not read holds the server up for the drain's time and no longer.
fn the_end_cuts_off_who_does_not_read() {
    const LINE: usize = 200 << 10;
    let site = start(settings());
    let address = site.address;
    let is_stuck = Arc::new(AtomicUsize::new(0));
    let stuck = Arc::clone(&is_stuck);
    let client = spawn(move || {
        let client = Client::connect_narrow(address).expect("connected");
        let mut long = vec![b'x'; LINE];
        long.push(b'\n');
        // As many as it takes: then both sides wait for the other.
        while client.send_now(&long) {}
        stuck.store(1, SeqCst);
        world::stir();
        world::wait(world::NEVER, || (stuck.load(SeqCst) == 2).then_some(()));
    });
    world::wait(world::NEVER, || (is_stuck.load(SeqCst) == 1).then_some(()));
    let drain = settings().drain;
    let from = world::now();
    let totals = site.stop();
    let took = world::now() - from;
    assert!(took >= drain && took < drain + AT_ONCE, "it took {took:?}");
    assert_eq!(totals.cut_off, 1);
    is_stuck.store(2, SeqCst);
    world::stir();
    client.join().expect("no panic");
}

/// Four clients come to two places, and who is refused comes again: all are served, never three at once, and the server
/// knows that they have gone.
fn each_place_is_taken_again() {
    let site = start(crate::server::settings::Settings {
        max_connections: Some(2),
        ..settings()
    });
    let address = site.address;
    let clients = [0; 4].map(|_| {
        spawn(move || {
            loop {
                let client = Client::connect(address).expect("connected");
                client.send(b"quit\n");
                let got = client.read_all();
                if got.bytes != SERVER_FULL {
                    assert_eq!(got.bytes, [GREETING, QUIT].concat(), "{got:?}");
                    assert!(got.end.is_ok(), "{got:?}");
                    return;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        })
    });
    for client in clients {
        client.join().expect("no panic");
    }
    let from = world::now();
    let totals = site.stop();
    let took = world::now() - from;
    assert!(took < AT_ONCE, "it took {took:?}");
    assert_eq!((totals.connections, totals.cut_off), (4, 0));
    assert!(totals.peak <= 2);
}

/// Three clients keep more than the limit: enough of them are sent away, though nobody says another word. And so are, later,
/// three others.
fn memory_is_called_in() {
    const EACH: usize = 40 << 10;
    let site = start(crate::server::settings::Settings {
        max_memory: 100 << 10,
        ..settings()
    });
    let address = site.address;
    for _ in 0..2 {
        let clients = [0; 3].map(|_| {
            spawn(move || {
                let client = Client::connect(address).expect("connected");
                client.send(&[b'x'; EACH]);
                let got = client.read_all();
                let called_in = got.bytes.ends_with(OUT_OF_MEMORY);
                // It was told so, or nobody said anything for a minute.
                assert_eq!(called_in, got.end.is_ok(), "{got:?}");
                called_in
            })
        });
        let called_in = clients.map(|client| client.join().expect("no panic"));
        let left = called_in.iter().filter(|&&called_in| !called_in).count();
        assert!((1..=2).contains(&left), "{left} are left");
        // Those who are left go, and have gone when nobody has anything to do.
        std::thread::sleep(Duration::from_secs(1));
    }
    site.stop();
}

/// What takes what is logged: a few bytes at a time, sometimes nothing, and when it is full the last line is torn off.
struct Paper(Arc<Text>);

type Text = std::sync::Mutex<Vec<u8>>;

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.0.lock().expect("sound");
        match world::choose(4) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            1 => {
                let whole = text.iter().rposition(|&byte| byte == b'\n');
                text.truncate(whole.map_or(0, |end| end + 1));
                Err(io::ErrorKind::StorageFull.into())
            }
            most => {
                let count = bytes.len().min(most * 8);
                text.extend_from_slice(&bytes[..count]);
                Ok(count)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const LINES: usize = 4;

/// Starts a log, and two threads that write to it. `finish` is called when they are done, or beside them.
fn log(joins: bool) {
    let paper = Arc::default();
    let own = Paper(Arc::clone(&paper));
    let queue = Queue::start(24, move || own).expect("a thread");
    let writers = ["a", "b"].map(|name| {
        let queue = Arc::clone(&queue);
        spawn(move || {
            for n in 0..LINES {
                queue.push(format!("{name} {n}\n").as_bytes());
            }
        })
    });
    if joins {
        for writer in writers {
            writer.join().expect("no panic");
        }
        // It needs no end to write what it has.
        std::thread::sleep(Duration::from_secs(10));
        is_complete(&paper, &queue);
        assert!(queue.finish(Duration::from_secs(10)), "the writer sleeps");
    } else {
        assert!(queue.finish(Duration::from_secs(10)), "the writer sleeps");
        for writer in writers {
            writer.join().expect("no panic");
        }
    }
    is_complete(&paper, &queue);
}

/// Each line is there once, in its writer's order, or counted.
fn is_complete(paper: &Text, queue: &Queue) {
    let text = String::from_utf8(paper.lock().expect("sound").clone()).expect("UTF-8");
    let is_whole =
        |line: &&str| line.len() == 3 && (line.starts_with("a ") || line.starts_with("b "));
    let whole: Vec<&str> = text.lines().filter(is_whole).collect();
    assert_eq!(
        whole.len() as u64 + queue.lost(),
        2 * LINES as u64,
        "{text}"
    );
    for name in ["a", "b"] {
        let of_one: Vec<&&str> = whole.iter().filter(|line| line.starts_with(name)).collect();
        assert!(of_one.is_sorted(), "{text}");
    }
}

fn each_line_is_written_or_counted() {
    log(true);
}

fn the_log_ends_beside_those_who_write() {
    log(false);
}
