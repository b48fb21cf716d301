//! The faults of the program that this one is modelled on: one test for each, numbered and named for what this one must
//! do instead. The comment above a test tells what that program did.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::cell::{Cell, RefCell};
use std::io::{Write, pipe};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use common::{
    Client, FULL, GREETING, IDLE, PATIENCE, QUIT, Server, Setup, can_open, each_model, eventually,
    upper,
};
use nbcaser::reactor::{
    Either, Endpoint, Handle, Listener, Missed, Reactor, interval, select, sleep, sleep_until,
};
use rustix::process::{
    PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, pidfd_getfd, pidfd_open, prlimit,
};
use socket2::Socket;

const MIB: usize = 1 << 20;

/// The line of the announcement.
const RUNNING: &str = "The event loop is still running at: ";

/// What many clients do to a server harms none but themselves: one who was there before is still answered, a new one is
/// greeted, and nothing is left of them.
#[track_caller]
fn harms_nobody(fault: impl Fn(&Server)) {
    each_model(|setup| {
        let server = setup.start();
        let mut bystander = server.client();
        bystander.ask("before");
        let descriptors = server.descriptors();
        fault(&server);
        bystander.ask("after");
        server.serves();
        server.settles_at(descriptors);
    });
}

/// The clock: it added wall clock to monotonic clock, and nothing was ever announced.
#[test]
fn fault_01_it_announces_itself_after_a_second_and_then_on_time() {
    each_model(|setup| {
        let start = Instant::now();
        let server = setup.start();
        server.wait_for_log(RUNNING);
        assert!(start.elapsed() >= Duration::from_secs(1), "early");
        assert_eq!(server.logged(RUNNING), 1); // the next is due 15 seconds later
    });
    each_model(|setup| {
        let start = Instant::now();
        let flags = ["--announce-delay", "100ms", "--announce-every", "200ms"];
        let server = setup.flags(&flags).start();
        eventually("five announcements", || server.logged(RUNNING) >= 5);
        assert!(start.elapsed() >= Duration::from_millis(900), "early");
    });
}

/// An unfinished line stopped the loop until its end came.
#[test]
fn fault_02_half_a_line_holds_nobody_up() {
    each_model(|setup| {
        let server = setup.start();
        let (mut other, mut holders) = (server.client(), server.clients(50));
        for holder in &mut holders {
            holder.send("half a li");
        }
        other.ask("old");
        server.serves();
        for holder in &mut holders {
            holder.send("ne\n");
            holder.expect(upper("half a line"));
        }
    });
}

/// Who sent a byte now and then kept all others waiting for as long.
#[test]
fn fault_03_a_byte_at_a_time_holds_nobody_up() {
    each_model(|setup| {
        let server = setup.start();
        let (mut slow, mut other) = (server.client(), server.client());
        for byte in b"slow and steady" {
            slow.send([*byte]);
            other.ask("quick");
        }
        assert!(slow.is_silent());
        slow.send("\r\n");
        slow.expect(upper("slow and steady"));
    });
}

/// A bare CR at the end of what had come stopped the loop.
#[test]
fn fault_04_a_bare_cr_is_answered_at_once_and_swallows_a_lf() {
    each_model(|setup| {
        let server = setup.start();
        let (mut client, mut other) = (server.client(), server.client());
        client.send("one\r");
        client.expect(upper("one"));
        other.ask("other");
        client.send("\ntwo\r");
        client.expect(upper("two"));
        client.send("three\r");
        client.expect(upper("three"));
    });
}

/// While a client held the loop, timers stood still as well.
#[test]
fn fault_05_clients_do_not_hold_timers_up() {
    each_model(|setup| {
        let server = setup.flags(&["--announce-every", "100ms"]).start();
        let (mut half, mut bare, mut deaf) = (server.client(), server.client(), server.client());
        half.send("half");
        bare.send("bare\r");
        deaf.send_until_stuck(b"to be read some day\n", 64 * MIB);
        let before = server.logged(RUNNING);
        eventually("three more announcements", || {
            server.logged(RUNNING) >= before + 3
        });
    });
}

/// Of three lines in one packet the first was answered.
#[test]
fn fault_06_all_lines_of_a_packet_are_answered_in_order() {
    each_model(|setup| {
        let server = setup.start();
        let mut client = server.client();
        client.send("one\ntwo\r\nthree\r");
        for text in ["one", "two", "three"] {
            client.expect(upper(text));
        }
    });
}

/// A client that did not read stopped the loop in a send.
#[test]
fn fault_07_who_does_not_read_costs_bounded_memory_and_holds_nobody_up() {
    each_model(|setup| {
        let server = setup.start();
        let (mut other, mut deaf) = (server.client(), server.client());
        let memory = server.peak_memory();
        let most = 64 * MIB;
        let line = format!("{}\n", "x".repeat(999));
        let sent = deaf.send_until_stuck(line.as_bytes(), most);
        assert!(sent < most, "it reads on from one who does not read");
        for _ in 0..100 {
            other.ask("quick");
        }
        server.serves();
        assert!(server.load() < 0.3, "it spins");
        let grown = server.peak_memory() - memory;
        assert!(grown < 16 << 20, "{grown} bytes more");
        // And if it reads again, nothing is missing.
        deaf.half_close();
        let replies = deaf.rest();
        let reply = upper(&line[..999]);
        let whole = sent / line.len();
        assert!(replies[..reply.len() * whole] == reply.repeat(whole));
        let rest = sent % line.len();
        assert_eq!(
            replies.len() - reply.len() * whole,
            if rest == 0 {
                0
            } else {
                upper(&line[..rest]).len()
            }
        );
    });
}

/// A reset of an idle client ended the program.
#[test]
fn fault_08_a_reset_of_an_idle_client_ends_that_connection_alone() {
    harms_nobody(|server| server.clients(20).into_iter().for_each(Client::reset));
}

/// So did one in the middle of a line.
#[test]
fn fault_09_a_reset_in_mid_line_ends_that_connection_alone() {
    harms_nobody(|server| {
        for mut client in server.clients(20) {
            client.send("half a li");
            client.reset();
        }
    });
}

/// So did a close with something unread.
#[test]
fn fault_10_a_close_with_an_unread_greeting_or_reply_ends_that_connection_alone() {
    harms_nobody(|server| {
        for _ in 0..50 {
            drop(server.connect());
            let mut client = server.connect();
            client.send("a\n");
            drop(client);
            let mut client = server.client();
            client.send("a\nb\n");
            client.expect(upper("a"));
            drop(client);
        }
    });
}

/// So did a client that sent many lines and went, by a broken pipe.
#[test]
fn fault_11_who_pipelines_and_closes_ends_that_connection_alone() {
    harms_nobody(|server| {
        for _ in 0..10 {
            let mut client = server.client();
            // It may be broken before all is sent.
            client.try_send("to be answered\n".repeat(10_000));
            drop(client);
        }
        server.signal(Signal::PIPE);
    });
}

/// So did the first reset right after connecting, and a port scan.
#[test]
fn fault_12_who_connects_and_goes_at_once_ends_that_connection_alone() {
    harms_nobody(|server| {
        for _ in 0..500 {
            server.connect().reset();
            drop(server.connect());
        }
    });
}

/// So did a byte that is not UTF-8, and the lines before it got no answer.
#[test]
fn fault_13_invalid_utf8_is_told_and_the_lines_around_it_are_answered() {
    harms_nobody(|server| {
        let table: [(&[u8], usize); 6] = [
            (b"\xff", 0),
            (b"ab\xc3(", 2),
            (b"a\xed\xa0\x80", 1),
            (b"\xf4\x90\x80\x80", 0),
            (b"\xc0\xaf", 0),
            (b"cut \xe2\x82", 4),
        ];
        for (bad, at) in table {
            let mut client = server.client();
            client.send([b"before\n", bad, b"\nafter\n", bad].concat());
            client.half_close();
            let told = format!("<invalid UTF-8 at byte {at}>\r\n").into_bytes();
            let expected = [upper("before"), told.clone(), upper("after"), told].concat();
            assert_eq!(
                client.rest().escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
        }
    });
}

/// The 1022nd client ended the program: `select` has no room for it.
#[test]
fn fault_14_more_than_a_thousand_clients_are_served_at_once() {
    if !can_open(1500) {
        return;
    }
    each_model(|setup| {
        let mut server = setup.start();
        let mut clients = server.clients(1200);
        for client in &mut clients {
            client.send("here\n");
        }
        for client in &mut clients {
            client.expect(upper("here"));
        }
        drop(clients);
        assert_eq!(server.stop().peak, 1200);
    });
}

/// The 61st client under a limit of 64 descriptors ended the program.
#[test]
fn fault_15_under_a_low_descriptor_limit_those_who_are_in_are_served_and_the_others_told() {
    each_model(|setup| {
        let server = setup.after("ulimit -n 64").start();
        let mut clients: Vec<Client> = (0..120).map(|_| server.connect()).collect();
        let words: Vec<Vec<u8>> = clients.iter_mut().map(Client::read_line).collect();
        let greeted = words.iter().take_while(|word| *word == GREETING).count();
        assert!(greeted >= 20, "{greeted}");
        assert!(words[greeted..].iter().all(|word| word == FULL));
        for client in &mut clients[..greeted] {
            client.ask("I am in");
        }
        for client in &mut clients[greeted..] {
            assert_eq!(client.rest(), b"");
        }
        assert!(server.load() < 0.3, "it spins");
        assert!(server.log().len() < 16 << 10, "it floods the log");
        drop(clients);
        eventually("places are free again", || {
            server.connect().read_line() == GREETING
        });
    });
}

/// The same, where the descriptors run out without warning: the limit falls while it runs.
#[test]
fn fault_15_out_of_descriptors_it_waits_and_goes_on_by_itself() {
    each_model(|setup| {
        let server = setup.start();
        let limit = |soft| Rlimit {
            current: Some(soft),
            maximum: Some(4096),
        };
        let mut old = server.clients(20);
        let set = |soft| prlimit(Some(server.pid()), Resource::Nofile, limit(soft));
        set(server.descriptors() as u64).expect("the limit of our child");
        let mut new: Vec<Client> = (0..100).map(|_| server.connect()).collect();
        server.wait_for_log("accepting pauses");
        for client in &mut old {
            client.ask("I am in");
        }
        assert!(server.load() < 0.3, "it spins");
        assert_eq!(server.logged("accepting pauses"), 1, "a line a pause");
        // A descriptor that is closed is used for the next in the queue,
        drop(old.drain(..10));
        for client in &mut new[..10] {
            client.expect(GREETING);
            client.ask("in at last");
        }
        // and a limit that is raised, of which nobody is told, is found out.
        set(4096).expect("the limit of our child");
        for client in &mut new[10..] {
            client.expect(GREETING);
            client.ask("in at last");
        }
    });
}

/// A line was kept whatever its length: 200 MiB took 200 MiB.
#[test]
fn fault_16_a_line_without_an_end_takes_bounded_memory() {
    each_model(|setup| {
        let server = setup.start();
        let mut client = server.client();
        let memory = server.peak_memory();
        let piece = vec![b'x'; MIB];
        for _ in 0..64 {
            client.send(&piece);
        }
        client.expect(b"<line too long: limit is 262144 bytes>\r\n");
        client.send("\nstill here?\n");
        client.expect(upper("still here?"));
        let grown = server.peak_memory() - memory;
        assert!(grown < 8 << 20, "{grown} bytes more");
    });
}

/// The backlog was 5: of 20 connects to a busy server 14 had to be tried again, a second later.
#[test]
fn fault_17_a_burst_of_connects_is_taken_while_the_server_is_busy() {
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    let burst = most.trim().parse().unwrap_or(128).min(1000);
    if !can_open(burst + 200) {
        return;
    }
    each_model(|setup| {
        let server = setup.start();
        server.signal(Signal::STOP); // nobody is busier
        let clients: Vec<Client> = (0..burst).map(|_| server.connect()).collect();
        server.signal(Signal::CONT);
        for client in clients {
            client.greeted().ask("hello");
        }
    });
}

/// Behind `quit` it closed with input unread, and the reset took the last replies from the client.
#[test]
fn fault_18_input_behind_quit_costs_no_reply() {
    each_model(|setup| {
        let server = setup.start();
        for _ in 0..40 {
            let mut client = server.connect();
            client.send("one\ntwo\nquit\nand\nso\non\n".to_owned() + &"x".repeat(200_000));
            let expected = [GREETING.to_vec(), upper("one"), upper("two"), QUIT.to_vec()];
            assert_eq!(client.rest(), expected.concat());
        }
    });
}

/// After a connection that the server had ended, it could not be started again on its port.
#[test]
fn fault_19_it_can_be_started_again_on_its_port_at_once() {
    each_model(|setup| {
        // Not the address of the other tests: one of their connections might be given the port meanwhile.
        let model = setup.model;
        let mut server = setup.listen("127.0.0.19:0").start();
        let mut client = server.client();
        client.send("quit\n");
        assert_eq!(client.rest(), QUIT);
        drop(client);
        let port = server.port();
        server.stop();
        let again = Setup::new(model)
            .listen(format!("127.0.0.19:{port}"))
            .start();
        again.serves();
        assert_eq!(again.port(), port);
    });
}

/// A signal ended it with a traceback, or silently, and what it had to say was lost.
#[test]
fn fault_20_signals_end_it_in_good_order() {
    for signal in [Signal::INT, Signal::TERM] {
        each_model(|setup| {
            let mut server = setup.start();
            let mut client = server.client();
            client.ask("hello");
            client.send("last line\n");
            client.expect(upper("last line"));
            server.signal(signal);
            assert_eq!(client.rest(), b"");
            drop(client);
            assert_eq!(server.status(), 0);
            let log = server.log();
            assert!(log.contains(" quit\n") && !log.contains("panic"), "{log}");
            assert_eq!(server.summary().lines, 2);
        });
    }
}

/// In a console that was not UTF-8 an `é` ended it.
#[test]
fn fault_21_the_log_is_utf8_whatever_the_locale() {
    for locale in ["C", "POSIX", "de_DE.ISO-8859-1"] {
        each_model(|setup| {
            let server = setup.variable("LC_ALL", locale).flags(&["-v"]).start();
            let mut client = server.client();
            client.send("café 日本 😀\n");
            client.read_line();
            server.wait_for_log("--> café 日本 😀");
        });
    }
}

/// So did an `é` on the wire.
#[test]
fn fault_22_the_wire_is_utf8_whatever_the_locale() {
    for locale in ["C", "POSIX", "de_DE.ISO-8859-1"] {
        each_model(|setup| {
            let server = setup.variable("LC_ALL", locale).start();
            let mut client = server.client();
            client.send("café\n");
            client.expect(b"Upper-cased: 'CAF\\xc9'\r\n");
        });
    }
}

/// When nobody read its console any more it died.
#[test]
fn fault_23_it_outlives_the_reader_of_its_log() {
    each_model(|setup| {
        let (reader, writer) = pipe().expect("a pipe");
        let mut server = setup.stderr(writer).flags(&["-v"]).start();
        server.serves();
        drop(reader);
        for _ in 0..20 {
            server.serves();
        }
        server.signal(Signal::TERM);
        assert_eq!(server.status(), 0);
    });
}

/// When nobody read its console for a while it stood still, after 56 lines.
#[test]
fn fault_24_a_log_that_nobody_reads_holds_nobody_up() {
    each_model(|setup| {
        let (_reader, writer) = pipe().expect("a pipe");
        let mut server = setup.stderr(writer).variable("RUST_LOG", "debug").start();
        let mut client = server.client();
        let memory = server.peak_memory();
        let text = "x".repeat(1000);
        for _ in 0..5000 {
            client.ask(&text);
        }
        let grown = server.peak_memory() - memory;
        assert!(grown < 4 << 20, "{grown} bytes more"); // it was sent 5
        drop(client);
        server.signal(Signal::TERM);
        assert_eq!(
            server.status(),
            0,
            "it waits for its log no longer than a second"
        );
    });
}

/// Into a file or a pipe the console was written by the block: nothing to see while it ran, all lost at its end.
#[test]
fn fault_25_lines_of_the_log_appear_as_they_happen() {
    each_model(|setup| {
        let mut server = setup.start();
        server.wait_for_log("Server up, running, and waiting for call on 127.0.0.1 ");
        let client = server.client();
        server.wait_for_log(&format!("Received connection from {}", client.name()));
        let quit = format!("{} quit", client.name());
        drop(client);
        server.wait_for_log(&quit);
        assert_eq!(server.stop().lost, 0);
    });
}

/// Whatever a client sent went to the terminal as it was, and a client could forge lines.
#[test]
fn fault_26_clients_cannot_draw_on_the_terminal_nor_forge_lines() {
    each_model(|setup| {
        let server = setup.flags(&["-v"]).start();
        let mut client = server.client();
        let lines = [
            "title \x1b]0;owned\x07",
            "clear \x1b[2J\x1b[H",
            "down \x0b\x0c\x1c\x1d\x1e",
            "c1 \u{9b}31m \u{85}x",
            "separators \u{2028}\u{2029}127.0.0.1:1 quit",
            "bidi \u{202e}txt.exe\u{2066}",
            "del \x7f nul \0",
            "plain é 日本 \\ \t tab",
        ];
        for line in lines {
            client.send(format!("{line}\n"));
            client.read_line();
        }
        client.send("\r127.0.0.1:1 quit\rReceived connection from 127.0.0.1:1\n");
        (0..3).for_each(|_| drop(client.read_line()));
        let name = client.name();
        drop(client);
        server.wait_for_log(&format!("{name} quit"));

        let log = server.log();
        let is_raw = |c: char| {
            c.is_control() && c != '\n' && c != '\t'
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert_eq!(log.find(is_raw), None, "{log:?}");
        assert!(log.lines().all(|line| line.starts_with('[')), "{log}");
        assert!(
            !log.contains("] Received connection from 127.0.0.1:1\n"),
            "{log}"
        );
        for shown in [
            r"title \x1b]0;owned\x07",
            r"c1 \x9b31m \x85x",
            r"separators \u2028\u2029127.0.0.1:1 quit",
            "plain é 日本 \\ \t tab",
        ] {
            let line = format!("{name} --> {shown}\n");
            assert!(log.contains(&line), "{line:?} in {log}");
        }
    });
}

/// Small replies waited for the acknowledgement of the one before, 44 ms.
#[test]
fn fault_27_replies_do_not_wait_for_acknowledgements() {
    each_model(|setup| {
        let server = setup.start();
        let client = server.client();
        let ours = client.socket.local_addr().expect("an address").as_socket();
        let process = pidfd_open(server.pid(), PidfdFlags::empty()).expect("a running process");
        // The server's own end of this connection, to ask the kernel instead of a stop watch.
        let ends: Vec<Socket> = (3..server.descriptors() as i32 + 3)
            .filter_map(|n| pidfd_getfd(&process, n, PidfdGetfdFlags::empty()).ok())
            .map(|end: OwnedFd| Socket::from(end))
            .filter(|end| end.peer_addr().is_ok_and(|peer| peer.as_socket() == ours))
            .collect();
        let [end] = &ends[..] else {
            // Some sandboxes forbid to look into a child.
            return println!("skipped: {} ends were found", ends.len());
        };
        assert!(end.tcp_nodelay().expect("an option"));
        assert!(end.keepalive().expect("an option"));
    });
}

/// With a thousand idle clients each request cost fifteen times as much.
#[test]
fn fault_28_idle_clients_cost_the_others_nothing() {
    if !can_open(1300) {
        return;
    }
    each_model(|setup| {
        let server = setup.start();
        let mut client = server.client();
        let mut cost = || {
            let before = server.cpu();
            (0..5000).for_each(|_| client.ask("what does it cost?"));
            server.cpu().saturating_sub(before)
        };
        let alone = cost();
        let idle = server.clients(1000);
        let among = cost();
        drop(idle);
        // The machine is busy with other tests, so CPU time and not time; and it is measured in steps of 10 ms.
        let most = 3 * alone + Duration::from_millis(100);
        assert!(
            among <= most,
            "alone {alone:?}, among 1000 idle ones {among:?}"
        );
    });
}

/// Runs a reactor on the machine's own clock and sockets.
fn on_a_reactor<T: 'static>(test: impl AsyncFnOnce(Handle) -> T + 'static) -> T {
    let reactor = Reactor::new().expect("a reactor");
    let handle = reactor.handle();
    reactor
        .block_on(async move { test(handle).await })
        .expect("it polls")
}

/// An exception in a timed task ended the program.
#[test]
fn fault_29_a_panic_in_a_timed_task_leaves_the_schedule_as_it_is() {
    on_a_reactor(async |handle| {
        let calls = Rc::new(Cell::new(0));
        let counted = Rc::clone(&calls);
        let tick = Duration::from_millis(2);
        let periodic = handle.call_periodic(tick, tick, move |_| {
            counted.set(counted.get() + 1);
            assert!(counted.get() % 2 == 0, "every other call panics");
        });
        handle.call_later(tick, || panic!("once"));
        let task = handle.spawn(async { panic!("a task") });
        while calls.get() < 5 {
            sleep(&handle, tick).await;
        }
        assert!(task.await.is_err());
        periodic.cancel();
    });
}

/// Two timers at one instant ended the program: functions cannot be compared.
#[test]
fn fault_30_timers_of_one_instant_fire_in_the_order_in_which_they_were_set() {
    on_a_reactor(async |handle| {
        let order = Rc::new(RefCell::new(Vec::new()));
        let instant = handle.now() + Duration::from_millis(5);
        for n in 0..100 {
            let order = Rc::clone(&order);
            handle.call_at(instant, move || order.borrow_mut().push(n));
        }
        sleep_until(&handle, instant + Duration::from_nanos(1)).await;
        assert_eq!(*order.borrow(), (0..100).collect::<Vec<_>>());
    });
}

/// A sleep could not be awaited, raised an error after a disconnect, and lines that came meanwhile were lost.
#[test]
fn fault_31_a_sleep_keeps_the_input_and_goes_with_its_client() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut patient = TcpStream::connect(address).expect("it listens");
    let hasty = TcpStream::connect(address).expect("it listens");
    on_a_reactor(async move |handle| {
        let listener = Listener::new(&handle, Endpoint::Tcp(listener)).expect("a listener");
        let (mut first, _) = listener.accept().await.expect("a connection");
        let (mut second, _) = listener.accept().await.expect("a connection");

        // Lines come during the sleep and are there after it.
        let rest = sleep(&handle, Duration::from_millis(10));
        patient.write_all(b"one\ntwo\n").expect("it is sent");
        rest.await;
        for expected in ["one\n", "two\n"] {
            let mut line = Vec::new();
            first.read_line(&mut line, 100).await.expect("a line");
            assert_eq!(line, expected.as_bytes());
        }

        // A client goes during the sleep, which ends with it and leaves no timer.
        drop(hasty);
        let timers = handle.census().timers;
        let an_hour = sleep(&handle, Duration::from_secs(3600));
        match select(second.fill(), an_hour).await {
            Either::First(more) => assert!(!more.expect("the end of input")),
            Either::Second(()) => panic!("an hour has passed"),
        }
        assert_eq!(handle.census().timers, timers);
    });
}

/// Timers fired 5 to 90 ms late.
#[test]
fn fault_32_timers_are_never_early_and_hardly_late() {
    let tries = on_a_reactor(async |handle| {
        let (mut tries, mut in_time) = (0, 0);
        while in_time < 40 {
            tries += 1;
            let due = handle.now() + Duration::from_micros(2000 + 137 * (tries % 20));
            sleep_until(&handle, due).await;
            assert!(handle.now() >= due, "early");
            in_time += u64::from(handle.now().since(due) <= Duration::from_millis(4));
        }
        tries
    });
    // The machine may be busy for many of them. A loop that looks at its timers each tenth of a second would need 1000.
    assert!(tries <= 400, "40 of {tries} were in time");
}

/// It listened on IPv4 alone.
#[test]
fn fault_33_it_serves_ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        return println!("skipped: this machine has no ::1");
    }
    each_model(|setup| {
        let server = setup.listen("[::1]:0").start();
        assert!(server.addresses[0].starts_with("[::1]:"));
        server.serves();
        server.wait_for_log("Received connection from [::1]:");
    });
}

/// Idle clients stayed for ever, and there was no limit to their number.
#[test]
fn fault_34_idle_clients_are_sent_away_and_their_number_is_limited() {
    each_model(|setup| {
        let flags = ["--idle-timeout", "1s", "--max-connections", "2"];
        let server = setup.flags(&flags).start();
        let start = Instant::now();
        let mut clients = server.clients(2);
        assert_eq!(server.connect().rest(), FULL);
        for client in &mut clients {
            assert_eq!(client.rest(), IDLE);
        }
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_secs(1) && waited < PATIENCE,
            "{waited:?}"
        );
        drop(clients);
        eventually("places are free again", || {
            server.connect().read_line() == GREETING
        });
    });
}

/// Each announcement was later than the one before, by what the task took and by how late it was.
#[test]
fn fault_35_a_period_stays_on_its_grid() {
    on_a_reactor(async |handle| {
        let period = Duration::from_millis(10);
        let start = handle.now() + period;
        let mut ticks = interval(&handle, start, period, Missed::Skip);
        let mut number = 0;
        for _ in 0..20 {
            number += ticks.tick().await;
            let due = start + period * number as u32;
            assert!(handle.now() >= due, "tick {number} is early");
            number += 1;
            // However late this one was, and whatever was left out.
            assert_eq!(ticks.next(), start + period * number as u32);
            sleep(&handle, period / 2).await; // the task takes its time,
            if number % 4 == 0 {
                thread::sleep(period); // and now and then the loop's
            }
        }
    });
}
