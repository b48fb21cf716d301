//! What the system gives too little of, for real: address space, memory, threads, room on a disk.
//!
//! Descriptors are in `seed_faults.rs`, under 15; what a refused thread costs, in `threads.rs`.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use common::{
    Client, FULL, GREETING, OUT_OF_MEMORY, Server, Setup, THREADS, each_model, eventually,
};

/// Whoever comes is greeted or told that there is no room, and who is in is served; at least one is.
#[track_caller]
fn serves_as_many_as_it_can(server: &Server, come: usize) -> usize {
    let mut clients: Vec<Client> = (0..come).map(|_| server.connect()).collect();
    clients.retain_mut(|client| {
        let word = client.read_line();
        assert!(word == GREETING || word == FULL, "{}", word.escape_ascii());
        word == GREETING
    });
    for client in &mut clients {
        client.ask("I am in");
    }
    clients.len()
}

/// So many send half a line of the longest; each may be sent away for it, and the rest get their answers.
fn fill(server: &Server, count: usize) {
    let mut clients: Vec<Client> = (0..count).map(|_| server.connect()).collect();
    let half = vec![b'x'; 250_000];
    for client in &mut clients {
        client.try_send(&half);
    }
    for client in &mut clients {
        client.half_close_if_open();
        let (said, _) = client.rest_and_end();
        let whole = said.ends_with(b"X'\r\n") && said.len() > half.len();
        assert!(
            whole
                || said.ends_with(OUT_OF_MEMORY)
                || said == FULL
                || said.is_empty()
                || said == GREETING,
            "{} bytes: {}",
            said.len(),
            said[said.len().saturating_sub(80)..].escape_ascii()
        );
    }
}

/// The address space has no room for the buffers that would be allowed: they are allowed less, and nothing aborts.
#[test]
fn in_a_small_address_space_buffers_are_kept_small() {
    // The C library reserves 64 MiB of it for each of the first threads.
    for (setup, limit) in [
        (Setup::reactor(), "ulimit -v 150000"),
        (Setup::new(THREADS), "ulimit -v 400000"),
    ] {
        let mut server = setup.after(limit).start();
        server.wait_for_log("--max-memory is lowered to ");
        fill(&server, 700);
        server.serves();
        server.stop();
    }
}

/// A control group of the test's own, by version 1 or 2, gone with this value.
struct Group(PathBuf);

impl Group {
    /// None, and says so, if that is not possible here.
    fn new(controller: &str, files: [&str; 2], limit: &str) -> Option<Group> {
        let name = format!("nbcaser-test-{}-{controller}-{limit}", process::id());
        let roots = [
            (Path::new("/sys/fs/cgroup").join(controller), files[0]),
            (PathBuf::from("/sys/fs/cgroup"), files[1]),
        ];
        for (root, file) in roots {
            let group = Group(root.join(&name));
            // A file that is not there already is not the kernel's.
            let write = |mut file: File| file.write_all(limit.as_bytes());
            let limit_file = |()| File::options().write(true).open(group.0.join(file));
            if fs::create_dir(&group.0)
                .and_then(limit_file)
                .and_then(write)
                .is_ok()
            {
                return Some(group);
            }
        }
        println!("skipped: there can be no control group with a limit of {controller} here");
        None
    }

    /// A shell that does this is in it.
    fn enter(&self) -> String {
        format!("echo $$ > '{}'", self.0.join("cgroup.procs").display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Not empty until the kernel has seen off who was in it.
        for _ in 0..200 {
            match fs::remove_dir(&self.0) {
                Err(error) if error.raw_os_error() == Some(16) => {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                _ => break,
            }
        }
    }
}

/// The control group has fewer threads than clients come: those who find none are told, and nothing else happens.
#[test]
fn a_control_group_of_few_threads_limits_the_clients() {
    let Some(group) = Group::new("pids", ["pids.max"; 2], "60") else {
        return;
    };
    let mut server = Setup::new(THREADS).after(&group.enter()).start();
    let count = serves_as_many_as_it_can(&server, 150);
    assert_eq!(count, 60 - 16);
    // Now there are fewer than it was told at the start.
    fs::write(group.0.join("pids.max"), "20").expect("the limit of our group");
    eventually("all have gone", || server.threads() <= 5);
    let count = serves_as_many_as_it_can(&server, 100);
    assert!((1..=20).contains(&count), "{count}");
    server.wait_for_log("there is no thread for a client, it is sent away");
    fs::write(group.0.join("pids.max"), "max").expect("the limit of our group");
    eventually("there is room again", || {
        server.connect().read_line() == GREETING
    });
    server.stop();
}

/// A control group with so many bytes of memory, if that is possible here.
fn memory(bytes: u64) -> Option<Group> {
    let files = ["memory.limit_in_bytes", "memory.max"];
    Group::new("memory", files, &bytes.to_string())
}

/// The control group has less memory than buffers may take: they are allowed less, and the kernel kills nobody.
#[test]
fn a_control_group_of_little_memory_limits_the_buffers() {
    let Some(group) = memory(96 << 20) else {
        return;
    };
    for (setup, most) in [
        (Setup::reactor(), 32 << 20),
        (Setup::new(THREADS), 16 << 20),
    ] {
        let mut server = setup.after(&group.enter()).start();
        server.wait_for_log(&format!(
            "--max-memory is lowered to {most} bytes: the system allows no more memory"
        ));
        fill(&server, 600);
        server.serves();
        server.stop();
    }
}

/// The control group has less memory than clients come, who send no more than a line each.
#[test]
fn a_control_group_of_little_memory_limits_the_clients() {
    for (setup, bytes, most) in [
        (Setup::reactor(), 8 << 20, 455),
        (Setup::new(THREADS), 24 << 20, 170),
    ] {
        let Some(group) = memory(bytes) else {
            return;
        };
        let mut server = setup
            .after(&group.enter())
            .flags(&["--max-connections", "1000"])
            .start();
        server.wait_for_log(&format!(
            "--max-connections is lowered to {most}: the system allows no more memory"
        ));
        assert_eq!(serves_as_many_as_it_can(&server, 900), most);
        server.stop();
    }
}

/// The user may have no more processes: `clone` fails for real.
#[test]
fn a_user_with_few_processes_has_as_few_clients() {
    // Root is not bound by it.
    let as_nobody = "command -v setpriv >/dev/null && setpriv --reuid 65534 --clear-groups true";
    let can = Command::new("sh").args(["-c", as_nobody]).status();
    if !can.is_ok_and(|status| status.success()) {
        println!("skipped: this user cannot become another");
        return;
    }
    let setup = Setup::new(THREADS);
    // It writes its ready file to a folder that is not its own, and its program may lie in one that is closed to it.
    let (folder, program) = (setup.dir().path().to_owned(), setup.dir().join("nbcaser"));
    fs::copy(common::program(), &program).expect("a copy");
    let open = Command::new("chmod")
        .arg("-R")
        .arg("a+rwx")
        .arg(&folder)
        .status();
    assert!(open.is_ok_and(|status| status.success()));
    let script = format!(
        "exec setpriv --reuid 65534 --clear-groups prlimit --nproc=40:40 '{}' \"$@\"",
        program.display()
    );
    let mut server = setup.after(&script).start();
    let count = serves_as_many_as_it_can(&server, 100);
    assert!((10..=40).contains(&count), "{count}");
    eventually("there is room again", || {
        server.connect().read_line() == GREETING
    });
    server.stop();
}

/// The disk that the log goes to is full: lines are lost and counted, nobody waits, and with room there are lines again.
#[test]
fn a_full_disk_costs_log_lines_and_nothing_else() {
    let setup = Setup::reactor();
    let disk = setup.dir().join("disk");
    fs::create_dir(&disk).expect("a folder");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "nbcaser-test"])
        .arg(&disk)
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("skipped: a disk of 64 KiB cannot be mounted here");
        return;
    }
    let _mount = Mount(disk.clone());
    each_model(|setup| {
        let path = disk.join("log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .expect("a file");
        let mut server = setup
            .stderr(log.try_clone().expect("it"))
            .flags(&["-v"])
            .start();
        let mut client = server.client();
        for _ in 0..300 {
            client.ask(&"x".repeat(1000));
        }
        assert_eq!(
            log.metadata().expect("a file").len(),
            64 << 10,
            "it is full"
        );
        log.set_len(0).expect("a file");
        let read = || fs::read_to_string(&path).unwrap_or_default();
        eventually("the log goes on, and tells what is missing", || {
            client.ask("a line that fits");
            read().contains(" log lines were lost")
        });
        drop(client);
        server.signal(rustix::process::Signal::TERM);
        assert_eq!(server.status(), 0);
        assert!(read().contains("served 1 connections"), "{}", read());
        fs::remove_file(&path).expect("our file");
    });
}

/// A disk of the test's own.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
