//! The limits: what each is, to the byte, what who passes it is told, and that nobody else notices.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    Client, FULL, GREETING, IDLE, OUT_OF_MEMORY, PATIENCE, QUIT, can_open, each_model, eventually,
    upper,
};
use rustix::process::Signal;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const INVALID: &[u8] = b"<invalid UTF-8 at byte 0>\r\n";

/// A receive buffer that is soon full.
const SMALL: Option<usize> = Some(4096);

fn too_long(limit: usize) -> Vec<u8> {
    format!("<line too long: limit is {limit} bytes>\r\n").into_bytes()
}

#[track_caller]
fn same(got: &[u8], expected: &[u8]) {
    assert_eq!(
        got.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

/// The end does not count, white space that is stripped later does, and an over-long line is only that.
#[test]
fn a_line_of_the_limit_is_answered_and_one_byte_more_is_too_long() {
    each_model(|setup| {
        let server = setup.flags(&["--max-line", "10"]).start();
        let table: [(&[u8], Vec<u8>); 11] = [
            (b"", upper("")),
            (b"0123456789", upper("0123456789")),
            (b"0123456789a", too_long(10)),
            (b"01234567  ", upper("01234567")),
            (b"01234567   ", too_long(10)),
            (b"           ", too_long(10)),
            (
                "ééééé".as_bytes(),
                b"Upper-cased: '\\xc9\\xc9\\xc9\\xc9\\xc9'\r\n".to_vec(),
            ),
            ("ééééé ".as_bytes(), too_long(10)),
            (b"\xff23456789", b"<invalid UTF-8 at byte 0>\r\n".to_vec()),
            (b"\xff23456789ab", too_long(10)),
            (b"quit       ", too_long(10)),
        ];
        for (text, reply) in &table {
            for end in ["\n", "\r\n", "\r"] {
                // A line after it shows that nothing else was said, and that the connection goes on.
                let mut client = server.client();
                client.send([text, end.as_bytes(), b"next\n"].concat());
                same(&client.read(reply.len()), reply);
                client.expect(upper("next"));
            }
            let mut client = server.client();
            client.send(text);
            client.half_close();
            same(&client.rest(), if text.is_empty() { b"" } else { reply });
        }
    });
}

/// CR and LF in two segments are one end, at the limit too.
#[test]
fn a_line_of_the_limit_may_end_in_two_segments() {
    each_model(|setup| {
        let server = setup.flags(&["--max-line", "10"]).start();
        let mut client = server.client();
        for _ in 0..3 {
            client.send("0123456789");
            server.serves(); // so much later
            assert!(client.is_silent());
            client.send("\r");
            client.expect(upper("0123456789"));
            client.send("\n");
            client.send("0123456789a");
            client.expect(too_long(10)); // before its end has come
            client.send("\r");
            server.serves();
            client.send("\n");
        }
        assert!(client.is_silent());
        client.ask("next");
    });
}

/// The reply comes when the limit is passed, once, and the rest of the line is skipped.
#[test]
fn a_line_that_is_too_long_is_told_before_it_ends() {
    each_model(|setup| {
        let server = setup.flags(&["--max-line", "1KiB"]).start();
        let mut client = server.client();
        client.send("title\n");
        client.expect(b"<switching to title case mode>\r\n");
        client.send(vec![b'x'; 1024]);
        server.serves();
        assert!(client.is_silent());
        client.send("x");
        client.expect(too_long(1024));
        for _ in 0..100 {
            client.send(vec![b'y'; 10_000]);
        }
        client.send("quit\r\nnext word\n");
        client.expect(b"Title-cased: 'Next Word'\r\n");
    });
}

/// A hundred clients with a line that never ends take no more than their limit.
#[test]
fn lines_without_an_end_take_bounded_memory() {
    each_model(|setup| {
        let server = setup.flags(&["--max-line", "64KiB"]).start();
        let mut clients = server.clients(100);
        let memory = server.peak_memory();
        for client in &mut clients {
            client.send(vec![b'x'; 256 * KIB]);
            client.expect(too_long(64 * KIB));
        }
        let grown = server.peak_memory() - memory;
        assert!(grown < 16 << 20, "{grown} bytes more");
    });
}

/// Over the limit: a word instead of the greeting, a clean end whatever was sent, and a place as soon as there is one.
#[test]
fn who_finds_no_place_is_told_and_the_others_are_not_affected() {
    each_model(|setup| {
        let mut server = setup.flags(&["--max-connections", "3"]).start();
        let descriptors = server.descriptors();
        let mut clients = server.clients(3);
        for n in 0..20 {
            let mut refused = server.connect();
            // It does not wait to be greeted.
            refused.send("hello\n".repeat(n * n * 10));
            refused.half_close();
            same(&refused.rest(), FULL);
        }
        for client in &mut clients {
            client.ask("still in");
        }
        let mut last = clients.pop().expect("three");
        last.send("quit\n");
        assert_eq!(last.rest(), QUIT);
        drop(last);
        let mut next = None;
        let mut tries = 0;
        eventually("a place is free", || {
            tries += 1;
            let mut client = server.connect();
            let word = client.read_line();
            assert!(word == GREETING || word == FULL);
            next = (word == GREETING).then_some(client);
            next.is_some()
        });
        next.as_mut().expect("greeted").ask("in at last");
        drop((clients, next));
        server.settles_at(descriptors);
        let summary = server.stop();
        assert_eq!((summary.connections, summary.peak), (4, 3));
        assert_eq!(summary.refused, 20 + tries - 1);
    });
}

/// More are refused at once than may linger: those who have sent nothing get a clean end all the same.
#[test]
fn a_crowd_that_finds_no_place_is_told() {
    each_model(|setup| {
        let server = setup.flags(&["--max-connections", "1"]).start();
        let mut client = server.client();
        let crowd: Vec<Client> = (0..300).map(|_| server.connect()).collect();
        for mut refused in crowd {
            same(&refused.rest(), FULL);
        }
        client.ask("still in");
    });
}

/// Who refuses to go is not waited for.
#[test]
fn a_refused_client_that_stays_is_closed_after_a_second() {
    each_model(|setup| {
        // Without announcements: they open files, the time zone's, and descriptors are counted.
        let flags = ["--max-connections", "1", "--announce-every", "0"];
        let server = setup.flags(&flags).start();
        let _client = server.client();
        let descriptors = server.descriptors();
        let start = Instant::now();
        let mut refused = server.connect();
        refused.expect(FULL);
        server.settles_at(descriptors);
        assert!(start.elapsed() >= Duration::from_millis(900));
    });
}

/// Neither a byte from it nor one to it: it is told and closed, with half a line or none.
#[test]
fn who_is_idle_is_told_and_closed() {
    each_model(|setup| {
        let mut server = setup.flags(&["--idle-timeout", "1s"]).start();
        let descriptors = server.descriptors();
        let start = Instant::now();
        let (mut silent, mut half) = (server.client(), server.client());
        half.send("half a li");
        for client in [&mut silent, &mut half] {
            assert_eq!(client.rest(), IDLE);
            let waited = start.elapsed();
            assert!(
                waited >= Duration::from_secs(1) && waited < PATIENCE,
                "{waited:?}"
            );
        }
        drop((silent, half));
        server.settles_at(descriptors);
        server.stop();
    });
}

/// An urgent byte is not input: who sends one and nothing else is idle, over a Unix socket too, where it looks like input.
#[test]
fn who_sends_an_urgent_byte_alone_is_idle() {
    each_model(|setup| {
        let setup = setup.flags(&["--idle-timeout", "1s"]).listen_unix();
        let server = setup.start();
        let mut client = server.client();
        if let Err(error) = client.socket.send_out_of_band(b"!") {
            println!("skipped: Unix sockets have no urgent bytes here ({error})");
            return;
        }
        assert_eq!(client.rest(), IDLE);
    });
}

/// However long the timeout is, it is not early, and hardly late.
#[test]
fn the_idle_timeout_is_exact() {
    each_model(|setup| {
        let limit = Duration::from_secs(4);
        let server = setup.flags(&["--idle-timeout", "4s"]).start();
        // This test may itself be kept waiting by a busy machine: so it may try again.
        let exact = (0..5).any(|_| {
            let mut client = server.client();
            client.ask("hello");
            let start = Instant::now();
            assert_eq!(client.rest(), IDLE);
            let waited = start.elapsed();
            assert!(waited + Duration::from_millis(10) > limit, "{waited:?}");
            waited < limit + Duration::from_millis(20)
        });
        assert!(exact);
    });
}

/// A byte now and then keeps the connection, and so does reading now and then.
#[test]
fn who_moves_slowly_is_not_idle() {
    each_model(|setup| {
        let server = setup.flags(&["--idle-timeout", "2s"]).start();
        let (mut dripping, mut client) = (server.client(), server.client());
        let line = format!("{}\n", "x".repeat(999));
        let reading = thread::spawn({
            let mut slow = Client::with_receive_buffer(&server.address(), SMALL)
                .expect("it listens")
                .greeted();
            let reply = upper(&line[..999]);
            move || {
                let sent = slow.send_until_stuck(line.as_bytes(), 32 * MIB) / line.len();
                for _ in 0..sent / 200 {
                    same(&slow.read(reply.len() * 200), &reply.repeat(200));
                    thread::sleep(Duration::from_millis(10)); // slowness is what it is about
                }
                slow
            }
        });
        for _ in 0..24 {
            dripping.send("x");
            client.ask("hello");
            thread::sleep(Duration::from_millis(150)); // slowness is what it is about
        }
        dripping.send("\n");
        dripping.expect(upper(&"x".repeat(24)));
        reading.join().expect("it was not closed");
    });
}

/// A client that does not read is idle, though there is something for it, and something from it.
#[test]
fn who_does_not_read_is_idle() {
    each_model(|setup| {
        let server = setup.flags(&["--idle-timeout", "1s"]).start();
        let mut deaf = server.client();
        let descriptors = server.descriptors();
        deaf.send_until_stuck(&[b'x', b'\n'].repeat(10_000), 64 * MIB);
        server.wait_for_log(&format!("{} quit", deaf.name()));
        server.settles_at(descriptors - 1);
    });
}

/// The server itself was stopped for longer than the timeout: what has come meanwhile is answered.
#[test]
fn a_pause_of_the_server_is_not_the_clients_idleness() {
    each_model(|setup| {
        let server = setup.flags(&["--idle-timeout", "1s"]).start();
        let mut clients = server.clients(20);
        server.signal(Signal::STOP);
        for client in &mut clients {
            client.send("in time\n");
        }
        thread::sleep(Duration::from_millis(1500)); // past the timeout is what it is about
        server.signal(Signal::CONT);
        for client in &mut clients {
            client.expect(upper("in time"));
        }
    });
}

/// Megabytes through a small window, byte for byte, while others are served.
#[test]
fn a_slow_reader_gets_everything_and_holds_nobody_up() {
    each_model(|setup| {
        let server = setup.start();
        let mut other = server.client();
        let memory = server.peak_memory();
        let mut slow = Client::with_receive_buffer(&server.address(), SMALL)
            .expect("it listens")
            .greeted();
        let mut writing = slow.other_hand();
        let lines: Vec<String> = (0..4000)
            .map(|n| format!("{n} {}", "x".repeat(1000)))
            .collect();
        let expected: Vec<u8> = lines.iter().flat_map(|line| upper(line)).collect();
        let text = lines.join("\n");
        let writer = thread::spawn(move || {
            writing.send(text);
            writing.half_close();
        });
        let mut got = Vec::new();
        while got.len() < expected.len() {
            let piece = slow.read(100_000.min(expected.len() - got.len()));
            assert!(!piece.is_empty(), "the end after {} bytes", got.len());
            got.extend(piece);
            other.ask("quick");
        }
        writer.join().expect("all is sent");
        assert!(got == expected);
        assert_eq!(slow.rest(), b"");
        let grown = server.peak_memory() - memory;
        assert!(grown < 8 << 20, "{grown} bytes more");
    });
}

/// A hundred thousand lines at once are answered bit by bit: the one line of another client does not wait for them.
#[test]
fn who_floods_holds_nobody_up() {
    each_model(|setup| {
        let server = setup.start();
        let total = 100_000 * upper("a").len();
        // This test may itself be kept waiting by a busy machine: so it may try again.
        let fair = (0..5).any(|_| {
            let (mut flooder, mut other) = (server.client(), server.client());
            let mut sending = flooder.other_hand();
            let received = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&received);
            server.signal(Signal::STOP);
            sending.send(b"a\n".repeat(30_000)); // these come first
            let writer = thread::spawn(move || sending.send(b"a\n".repeat(70_000)));
            let reader = thread::spawn(move || {
                while count.load(Ordering::Relaxed) < total {
                    let piece = flooder.read(upper("a").len() * 100);
                    count.fetch_add(piece.len(), Ordering::Relaxed);
                }
            });
            other.send("hello\n");
            server.signal(Signal::CONT);
            other.expect(upper("hello"));
            let before = received.load(Ordering::Relaxed);
            writer.join().expect("all is sent");
            reader.join().expect("all is answered");
            before < total / 8
        });
        assert!(fair);
    });
}

/// Past the memory limit the one that holds the most is sent away; all others get their answers.
#[test]
fn who_holds_the_most_memory_is_sent_away_when_it_is_spent() {
    each_model(|setup| {
        let server = setup
            .flags(&["--max-memory", "2MiB", "--max-line", "2MiB"])
            .start();
        let mut greedy = server.client();
        greedy.send(vec![b'g'; 1500 * KIB]);
        let mut others = server.clients(4);
        for other in &mut others {
            // Of a line that comes in pieces the server may keep up to twice as much: still the least by far.
            other.send(vec![b'o'; 150 * KIB]);
        }
        same(&greedy.rest(), OUT_OF_MEMORY);
        for other in &mut others {
            other.send("\n");
            other.expect(upper(&"o".repeat(150 * KIB)));
            other.ask("and on");
        }
        server.serves();
        assert_eq!(server.logged("the memory limit is reached"), 1);
    });
}

/// The same for output: whole replies and the last word, or a part of a reply and no word.
#[test]
fn who_does_not_read_big_replies_is_sent_away_when_memory_is_spent() {
    each_model(|setup| {
        let server = setup
            .flags(&["--max-memory", "4MiB", "--max-line", "1MiB"])
            .start();
        let memory = server.peak_memory();
        let mut bystander = server.client();
        // A line of 1 MiB is answered by 9, of which the kernel takes 4 at the most (`net.ipv4.tcp_wmem`).
        let line = "\u{390}".repeat(512 * KIB);
        let capital = r"\u0399\u0308\u0301".repeat(512 * KIB);
        let reply = format!("Upper-cased: '{capital}'\r\n").into_bytes();
        for _ in 0..3 {
            let mut deaf = Client::with_receive_buffer(&server.address(), SMALL)
                .expect("it listens")
                .greeted();
            let name = deaf.name();
            for _ in 0..3 {
                if !deaf.try_send(format!("{line}\n")) {
                    break;
                }
            }
            server.wait_for_log(&format!("{name} quit"));
            bystander.ask("still in");
            let (got, _) = deaf.rest_and_end();
            let (replies, told) = match got.strip_suffix(OUT_OF_MEMORY) {
                Some(replies) => (replies, true),
                None => (&got[..], false),
            };
            let whole = replies.len() / reply.len();
            let rest = &replies[whole * reply.len()..];
            assert!(whole < 3 && replies[..whole * reply.len()] == reply.repeat(whole));
            assert!(reply.starts_with(rest), "a broken reply");
            assert!(rest.is_empty() || !told, "told in the middle of a reply");
        }
        server.serves();
        let grown = server.peak_memory() - memory;
        assert!(grown < 64 << 20, "{grown} bytes more");
    });
}

/// Who has all its replies keeps nothing of them or of its last line, however long they were: nobody pays for it.
#[test]
fn who_has_been_answered_holds_no_memory() {
    each_model(|setup| {
        let server = setup.flags(&["--max-memory", "4MiB"]).start();
        let (mut long, mut many) = (server.clients(100), server.clients(100));
        let text = "x".repeat(200 * KIB);
        for client in &mut long {
            client.ask(&text); // a line that comes in pieces
        }
        for client in &mut many {
            client.send("\n".repeat(4000)); // a piece with many lines
            client.expect(upper("").repeat(4000));
        }
        for client in long.iter_mut().chain(&mut many) {
            client.ask("and on");
        }
        assert_eq!(server.logged("the memory limit is reached"), 0);
    });
}

/// Long lines of three hundred clients at once, with replies nine times as long: what all of them would take together,
/// side by side, is far more than the limit, and it is never taken.
#[test]
fn a_crowd_with_long_lines_takes_bounded_memory() {
    const MANY: usize = 300;
    if !can_open(MANY as u64 + 100) {
        return;
    }
    each_model(|setup| {
        let server = setup.flags(&["--max-memory", "16MiB"]).start();
        let connect = || Client::with_receive_buffer(&server.address(), SMALL);
        let clients: Vec<_> = (0..MANY).map(|_| connect().expect("it listens")).collect();
        let memory = server.peak_memory();
        let line = format!("{}\n", "\u{390}".repeat(131_000));
        let clients: Vec<Client> = thread::scope(|scope| {
            let send = |mut client: Client| {
                let line = &line;
                scope.spawn(move || {
                    client.try_send(line); // they do not read, and most are sent away
                    client
                })
            };
            let sending: Vec<_> = clients.into_iter().map(send).collect();
            let ended = sending.into_iter().map(|s| s.join().expect("no panic"));
            ended.collect()
        });
        eventually("it has done what it can", || server.load() < 0.1);
        drop(clients);
        server.serves();
        let grown = server.peak_memory() - memory;
        println!("{} MiB more", grown >> 20);
        assert!(grown < 160 << 20, "{grown} bytes more");
    });
}

/// The end of input: all that came before it is answered, the last line without an end too.
#[test]
fn after_a_half_close_everything_is_answered() {
    each_model(|setup| {
        let server = setup.start();
        for count in [0, 1, 3, 20_000] {
            let mut client = server.client();
            let mut reader = client.other_hand();
            let writer = thread::spawn(move || {
                client.send("to be answered\n".repeat(count));
                client.send("the rest");
                client.half_close();
            });
            let got = reader.rest();
            writer.join().expect("all is sent");
            let expected = [upper("to be answered").repeat(count), upper("the rest")].concat();
            assert!(got == expected, "{} bytes of {}", got.len(), expected.len());
        }
    });
}

/// Behind `quit` half a megabyte may come: it is not answered, and it costs no reply and no reset.
#[test]
fn behind_quit_input_is_discarded_and_the_end_is_clean() {
    each_model(|setup| {
        let mut server = setup.start();
        let descriptors = server.descriptors();
        for _ in 0..10 {
            let mut client = server.client();
            client.send("one\ntwo\nquit\n");
            client.send("not answered\n".repeat(40_000));
            same(
                &client.rest(),
                &[upper("one"), upper("two"), QUIT.to_vec()].concat(),
            );
        }
        server.settles_at(descriptors);
        assert_eq!(server.stop().lines, 30);
    });
}

/// Who goes on sending behind `quit` is cut off in the end.
#[test]
fn behind_quit_input_is_not_discarded_for_ever() {
    each_model(|setup| {
        let server = setup.start();
        let descriptors = server.descriptors();
        let mut client = server.client();
        client.send("quit\n");
        let piece = vec![b'x'; MIB];
        let taken = (0..64).take_while(|_| client.try_send(&piece)).count();
        assert!(taken < 64, "it takes 64 MiB behind quit");
        server.settles_at(descriptors);
        client.is_closed();
    });
}

/// Who is parted with has a second to go.
#[test]
fn after_quit_a_client_that_stays_is_closed_after_a_second() {
    each_model(|setup| {
        let server = setup.start();
        let descriptors = server.descriptors();
        let mut client = server.client();
        let start = Instant::now();
        client.send("quit\n");
        assert_eq!(client.rest(), QUIT);
        server.wait_for_log(&format!("{} quit", client.name()));
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_secs(1) && waited < PATIENCE,
            "{waited:?}"
        );
        server.settles_at(descriptors);
    });
}

/// Of how much trouble of this kind each line of the log tells.
fn told(log: &str, what: &str) -> Vec<usize> {
    let lines = log.lines().filter(|line| line.contains(what));
    let counts = lines.map(|line| {
        let more = line.strip_suffix(" more since the last such line");
        let more = more.or_else(|| line.strip_suffix(" more since the last such line)"));
        let number = more.and_then(|line| line.rsplit([' ', '(']).next());
        let more = number.map_or(0, |number| number.parse().expect("a number"));
        // The last line names nobody, and so is not about one more.
        more + usize::from(line.contains("127.0.0.1:"))
    });
    counts.collect()
}

/// However many lines are wrong, and whoever sent them: few lines of the log tell of all.
#[test]
fn trouble_is_told_with_its_count() {
    each_model(|setup| {
        let server = setup.start();
        let mut client = server.client();
        client.send(b"\xff\n".repeat(500));
        client.read(INVALID.len() * 500);
        client.half_close();
        assert_eq!(client.rest(), b"");
        let (mut sent, start) = (500, Instant::now());
        eventually("all are told", || {
            if start.elapsed() > Duration::from_secs(1) {
                let mut other = server.client();
                other.send(b"\xff\n");
                other.read_line();
                sent += 1;
            }
            let told = told(&server.log(), "a line was not UTF-8");
            assert!(told.len() <= 2 + start.elapsed().as_secs() as usize);
            told.iter().sum::<usize>() == sent
        });
    });
}

/// What has happened since the last line about it is told at the end, and nothing is told twice.
#[test]
fn at_the_end_the_log_has_told_of_all_trouble() {
    each_model(|setup| {
        let flags = ["--max-connections", "1", "--max-line", "10"];
        let mut server = setup.flags(&flags).start();
        let mut client = server.client();
        client.send("longer than ten\n".repeat(500));
        client.send(b"\xff\n".repeat(500));
        let expected = [too_long(10).repeat(500), INVALID.repeat(500)].concat();
        same(&client.read(expected.len()), &expected);
        for _ in 0..3 {
            assert_eq!(server.connect().read_line(), FULL);
        }
        drop(client);
        server.stop();
        let log = server.log();
        let sum = |what| told(&log, what).iter().sum::<usize>();
        assert_eq!(sum("a line was too long"), 500, "{log}");
        assert_eq!(sum("a line was not UTF-8"), 500, "{log}");
        assert_eq!(sum("the server is full"), 3, "{log}");
    });
}

/// A line that is not UTF-8 changes neither the mode nor what is said to the lines around it.
#[test]
fn an_invalid_line_leaves_the_mode_as_it_is() {
    each_model(|setup| {
        let server = setup.start();
        let mut client = server.client();
        client.send(b"title\na\xff\nnow then\nupper\n\xc3\nnow then\n");
        let expected = [
            &b"<switching to title case mode>\r\n"[..],
            b"<invalid UTF-8 at byte 1>\r\n",
            b"Title-cased: 'Now Then'\r\n",
            b"<switching to upper case mode>\r\n",
            b"<invalid UTF-8 at byte 0>\r\n",
            b"Upper-cased: 'NOW THEN'\r\n",
        ];
        client.expect(expected.concat());
        // A sequence that is cut over two segments is whole; one that the end of input cuts is not.
        client.send(b"\xc3");
        server.serves();
        client.send(b"\xa9\n\xe2\x82");
        client.half_close();
        same(
            &client.rest(),
            b"Upper-cased: '\\xc9'\r\n<invalid UTF-8 at byte 0>\r\n",
        );
    });
}
