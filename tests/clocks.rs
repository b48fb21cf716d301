//! Time that behaves as it should not: the process stands still for a while, the wall clock is set.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use common::{Client, Server, each_model, eventually, soak, upper};
use rustix::process::Signal;

/// How often it announced that it runs.
fn announced(server: &Server) -> usize {
    server.logged("The event loop is still running at")
}

/// Stopped for longer than the idle timeout, and for many announcements: nobody is sent away for it, whether he has sent
/// something meanwhile or not, and what was not announced is not announced all at once.
#[test]
fn a_server_that_was_stopped_goes_on_as_if_nothing_had_been() {
    let is_long = soak().is_some_and(|time| time.as_secs() >= 60);
    let (stop, idle) = if is_long { (20, 10) } else { (3, 1) };
    each_model(|setup| {
        let idle_timeout = format!("{idle}s");
        let flags = [
            "--announce-delay",
            "100ms",
            "--announce-every",
            "100ms",
            "--idle-timeout",
        ];
        let mut server = setup.flags(&flags).flags(&[&idle_timeout]).start();
        let (mut silent, mut talking) = (server.clients(50), server.clients(50));
        let mut half: Vec<Client> = server.clients(50);
        for client in &mut half {
            client.send("half a ");
        }
        eventually("it announces", || announced(&server) > 2);
        server.signal(Signal::STOP);
        let before = announced(&server);
        for client in &mut talking {
            client.send("in time\n");
        }
        thread::sleep(Duration::from_secs(stop)); // to stand still is what it is about
        server.signal(Signal::CONT);
        for client in &mut talking {
            client.expect(upper("in time"));
        }
        server.serves();
        let burst = announced(&server) - before;
        for client in silent.iter_mut().chain(&mut talking) {
            client.ask("still in");
        }
        for client in &mut half {
            client.send("line\n");
            client.expect(upper("half a line"));
        }
        // The grid has gone on meanwhile; what it had in the time of the stop is left out.
        assert!(
            burst < stop as usize * 10 / 2,
            "{burst} announcements at once"
        );
        let at_least = stop * 10 - 5;
        let summary = server.stop();
        assert!((at_least..).contains(&summary.missed), "{summary:?}");
        // From now on who is silent is idle, as before.
        assert_eq!(server.logged("idle"), 0);
    });
}

/// Where `libfaketime` lies, if it is installed.
const FAKETIME: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
];

/// The wall clock is set two years ahead, and back, while it serves (its own view of it, by libfaketime): the log shows
/// it, and nothing else happens.
#[test]
fn the_wall_clock_is_shown_and_nothing_is_computed_from_it() {
    let Some(library) = FAKETIME.iter().find(|path| Path::new(path).exists()) else {
        println!("skipped: there is no libfaketime (package faketime)");
        return;
    };
    each_model(|setup| {
        let clock = setup.dir().join("clock");
        let set = |offset: &str| fs::write(&clock, offset).expect("a file");
        set("+0");
        let mut server = setup
            .variable("LD_PRELOAD", library)
            .variable("FAKETIME_TIMESTAMP_FILE", &clock)
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable("TZ", "UTC")
            .flags(&[
                "--announce-delay",
                "200ms",
                "--announce-every",
                "200ms",
                "--idle-timeout",
                "5s",
            ])
            .start();
        let mut clients = server.clients(20);
        let year = |text: &str| -> i32 {
            let year = text.rsplit(' ').next().expect("a year");
            year.parse().expect("a year")
        };
        let last = || {
            let log = server.log();
            let line = log.lines().rfind(|line| line.contains("still running at"));
            line.map(year)
        };
        eventually("it announces", || last().is_some());
        let this = last().expect("just seen");
        for (offset, shown) in [("+730d", this + 2), ("-730d", this - 2), ("+0", this)] {
            let before = announced(&server);
            set(offset);
            eventually("it shows the clock", || {
                last().is_some_and(|year| (shown - 1..=shown + 1).contains(&year))
            });
            for client in &mut clients {
                client.ask("still in");
            }
            eventually("it goes on at its pace", || {
                announced(&server) >= before + 4
            });
            assert!(announced(&server) < before + 60, "a burst of announcements");
        }
        assert_eq!(server.stop().cut_off, 0);
        assert_eq!(server.logged("idle timeout"), 0);
    });
}
