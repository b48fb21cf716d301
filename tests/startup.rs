//! The start: where the program listens, whom it tells, and what it says where it cannot.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::fs::{self, Permissions};
use std::net::{Shutdown, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener};
use std::path::Path;

use common::{Client, Server, Setup, TempDir, each_model, upper};
use rustix::process::Signal;
use socket2::{Domain, SockAddr, Socket, Type};

/// It cannot start: status 1, nothing on stdout, no backtrace, and one line on stderr, which has all these `words`.
#[track_caller]
fn fails(mut server: Server, words: &[&str]) {
    assert_eq!(server.status(), 1, "{}", server.log());
    let log = server.log();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.starts_with("nbcaser: "), "{log}");
    for word in words {
        assert!(log.contains(word), "{word:?} is missing in {log}");
    }
    assert_eq!(server.stdout(), b"");
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// All that a ready server tells: the ready file, the log, and clients are greeted.
#[test]
fn the_ready_file_has_the_addresses_with_their_real_ports() {
    each_model(|setup| {
        let path = setup.dir().join("socket");
        let setup = setup.listen("127.0.0.1:0").listen("127.0.0.2:0");
        let mut server = setup.listen(unix(&path)).start();
        let [first, second, third] = &server.addresses[..] else {
            panic!("{:?}", server.addresses)
        };
        assert_eq!(*third, unix(&path));
        for (address, ip) in [(first, "127.0.0.1"), (second, "127.0.0.2")] {
            let address: SocketAddr = address.parse().expect("an address");
            assert!(address.ip().to_string() == ip && address.port() != 0);
            let mut client = Client::connect(&address.into())
                .expect("it listens")
                .greeted();
            client.ask("hello");
            server.wait_for_log(&format!("waiting for call on {ip} {}", address.port()));
        }
        let file = fs::read_to_string(server.dir().join("ready")).expect("the ready file");
        assert_eq!(file, server.addresses.concat_lines());
        let socket = SockAddr::unix(&path).expect("a path");
        Client::connect(&socket)
            .expect("it listens")
            .greeted()
            .ask("hello");
        server.wait_for_log("Received connection from unix:1");
        // Nothing else has been left in the folder by writing it, and the socket's file is gone at the end.
        server.stop();
        let mut names: Vec<_> = fs::read_dir(server.dir().path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["ready", "stderr", "stdout"]);
    });
}

trait Lines {
    fn concat_lines(&self) -> String;
}

impl Lines for Vec<String> {
    fn concat_lines(&self) -> String {
        self.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

/// A ready file from an earlier run is replaced.
#[test]
fn an_old_ready_file_is_replaced() {
    each_model(|setup| {
        let path = setup.dir().join("old");
        fs::write(&path, "127.0.0.1:1\n".repeat(100)).expect("a file");
        let flags = ["--ready-file", path.to_str().expect("UTF-8")];
        let server = setup.flags(&flags).spawn();
        server.wait_for_log("waiting for call");
        let text = fs::read_to_string(&path).expect("the ready file");
        assert_eq!(text.lines().count(), 1, "{text}");
    });
}

/// Nobody can be told: better not to start.
#[test]
fn a_ready_file_that_cannot_be_written_is_told() {
    each_model(|setup| {
        let path = setup.dir().join("no such folder/ready\n");
        let flags = ["--ready-file", path.to_str().expect("UTF-8")];
        fails(
            setup.flags(&flags).spawn(),
            &["ready file", r"no such folder/ready\n", "No such file"],
        );
    });
    // With two workers, the second of which is up already.
    let setup = Setup::reactor().flags(&["--workers", "2", "--ready-file", "/proc/no/such"]);
    fails(setup.spawn(), &["ready file", "/proc/no/such"]);
}

/// A named pipe that nobody reads holds up nothing; it has the addresses once somebody does.
#[test]
fn a_ready_file_that_nobody_reads_is_not_waited_for() {
    let start = |setup: Setup| {
        let pipe = setup.dir().join("pipe");
        let pipe = pipe.to_str().expect("UTF-8");
        let setup = setup.after(&format!("mkfifo '{pipe}'"));
        let mut server = setup.flags(&["--ready-file", pipe]).listen_unix().spawn();
        server.wait_for_log("waiting for call");
        server.addresses = vec![unix(&server.dir().join("socket"))];
        server.serves();
        server
    };
    each_model(|setup| {
        start(setup).stop();
    });
    each_model(|setup| {
        let mut server = start(setup);
        let pipe = server.dir().join("pipe");
        let told = fs::read_to_string(&pipe).expect("the ready file");
        assert_eq!(told, server.addresses.concat_lines());
        server.stop();
    });
}

/// Another server has the port.
#[test]
fn a_port_in_use_is_told() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    each_model(|setup| {
        fails(setup.listen(&address).spawn(), &[&address, "in use"]);
    });
    // More workers share a port among them, but with nobody else.
    let setup = Setup::reactor().listen(&address).flags(&["--workers", "2"]);
    fails(setup.spawn(), &[&address, "in use"]);
}

/// The port is that of another of ours, with as many workers.
#[test]
fn two_servers_do_not_share_a_port() {
    let flags = ["--workers", "2"];
    let first = Setup::reactor().flags(&flags).start();
    let address = &first.addresses[0];
    let setup = Setup::reactor().listen(address).flags(&flags);
    fails(setup.spawn(), &[address, "in use"]);
    first.serves();
}

/// An address that this machine does not have; a documentation address never is one.
#[test]
fn an_address_that_is_not_ours_is_told() {
    each_model(|setup| {
        fails(
            setup.listen("203.0.113.1:0").spawn(),
            &["203.0.113.1", "assign"],
        );
    });
}

/// A name of the top-level domain that is reserved for not being there.
#[test]
fn a_name_that_does_not_resolve_is_told() {
    each_model(|setup| {
        fails(
            setup.listen("no-such-host.invalid:0").spawn(),
            &["no-such-host.invalid:0", "resolve"],
        );
    });
}

/// One of several addresses cannot be had: nothing is served, and no file of a socket stays.
#[test]
fn one_address_that_fails_is_enough() {
    each_model(|setup| {
        let dir = TempDir::new();
        let path = dir.join("socket");
        let setup = setup.listen("127.0.0.1:0").listen(unix(&path));
        fails(setup.listen("203.0.113.1:0").spawn(), &["203.0.113.1"]);
        assert!(!path.exists());
    });
}

/// A folder of others.
#[test]
fn a_folder_that_is_not_ours_is_told() {
    let dir = TempDir::new();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o500)).expect("our folder");
    let path = dir.join("socket");
    if fs::write(dir.join("probe"), "").is_ok() {
        return println!("skipped: this user may write everywhere");
    }
    each_model(|setup| {
        fails(setup.listen(unix(&path)).spawn(), &[&unix(&path), "denied"]);
    });
}

/// A file of somebody's that happens to have the name.
#[test]
fn a_file_in_place_of_the_socket_is_left_alone() {
    each_model(|setup| {
        let dir = TempDir::new();
        let path = dir.join("socket");
        fs::write(&path, "precious").expect("a file");
        fails(
            setup.listen(unix(&path)).spawn(),
            &[&unix(&path), "no socket"],
        );
        assert_eq!(fs::read(&path).expect("the file"), b"precious");
    });
    each_model(|setup| {
        let dir = TempDir::new();
        fails(setup.listen(unix(dir.path())).spawn(), &["no socket"]);
        assert!(dir.path().is_dir());
    });
}

/// A server that was killed left its file: it is in nobody's way.
#[test]
fn the_socket_of_a_dead_server_is_replaced() {
    each_model(|setup| {
        let dir = TempDir::new();
        let path = dir.join("socket");
        drop(UnixListener::bind(&path).expect("a socket"));
        assert!(path.exists());
        let mut server = setup.listen(unix(&path)).start();
        server.serves();
        server.stop();
        assert!(!path.exists());
    });
}

/// A server that is there keeps its socket.
#[test]
fn the_socket_of_a_live_server_is_left_alone() {
    each_model(|setup| {
        let model = setup.model;
        let first = setup.listen_unix().start();
        let address = &first.addresses[0];
        fails(
            Setup::new(model).listen(address).spawn(),
            &[address, "in use"],
        );
        first.serves();
    });
}

/// So does one that accepts nobody, until its backlog is full.
#[test]
fn the_socket_of_a_server_that_hangs_is_left_alone() {
    each_model(|setup| {
        let dir = TempDir::new();
        let path = dir.join("socket");
        let address = SockAddr::unix(&path).expect("a path");
        let stream = || Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        let hanging = stream();
        hanging.bind(&address).expect("a path");
        hanging.listen(0).expect("it listens");
        let waiting = stream();
        waiting.connect(&address).expect("the only place");
        fails(
            setup.listen(unix(&path)).spawn(),
            &[&unix(&path), "in use", "another path"],
        );
        assert!(path.exists());
    });
}

/// At the end the file is removed, but not one that another server has put there meanwhile.
#[test]
fn the_socket_of_another_server_is_not_removed_at_the_end() {
    each_model(|setup| {
        let dir = TempDir::new();
        let path = dir.join("socket");
        let mut server = setup.listen(unix(&path)).start();
        fs::remove_file(&path).expect("its file");
        let _other = UnixListener::bind(&path).expect("a socket");
        server.stop();
        assert!(
            fs::symlink_metadata(&path)
                .expect("a file")
                .file_type()
                .is_socket()
        );
    });
}

/// The second signal does not leave the file behind either.
#[test]
fn the_socket_is_removed_at_a_second_signal_too() {
    each_model(|setup| {
        let mut server = setup.listen_unix().start();
        let path = server.dir().join("socket");
        let mut client = server.client();
        // It does not read, so it is waited for.
        client.send_until_stuck(&b"x\n".repeat(10_000), 64 << 20);
        server.signal(Signal::TERM);
        server.wait_for_log("received");
        server.signal(Signal::TERM);
        assert_eq!(server.status(), 143);
        assert!(!path.exists());
    });
}

/// A listener that was inherited, by its number.
#[test]
fn an_inherited_descriptor_is_served() {
    each_model(|setup| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let setup = setup.stdin(OwnedFd::from(listener));
        let server = setup.after("exec 7<&0 </dev/null").listen("fd:7").start();
        assert_eq!(server.addresses, [address]);
        server.serves();
    });
}

/// Its owner shuts it down, and from then on accepting fails there for ever: at other listeners it goes on.
#[test]
fn a_listener_that_fails_for_ever_is_in_no_others_way() {
    each_model(|setup| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let owners = Socket::from(listener.try_clone().expect("a descriptor"));
        let setup = setup.stdin(OwnedFd::from(listener));
        let setup = setup.after("exec 7<&0 </dev/null").listen("fd:7");
        let server = setup.listen("127.0.0.1:0").start();
        server.serves();
        owners.shutdown(Shutdown::Both).expect("it listens");
        server.wait_for_log("accepting pauses");
        let other: SocketAddr = server.addresses[1].parse().expect("an address");
        for _ in 0..3 {
            let client = Client::connect(&other.into()).expect("it listens");
            client.greeted().ask("hello");
        }
        assert!(server.load() < 0.3, "it spins");
    });
}

/// The same for a Unix socket, whose file belongs to who made it.
#[test]
fn an_inherited_unix_socket_is_served_and_its_file_stays() {
    each_model(|setup| {
        let path = setup.dir().join("inherited");
        let listener = UnixListener::bind(&path).expect("a socket");
        let setup = setup.stdin(OwnedFd::from(listener));
        let mut server = setup.after("exec 7<&0 </dev/null").listen("fd:7").start();
        assert_eq!(server.addresses, [unix(&path)]);
        server.serves();
        server.stop();
        assert!(path.exists());
    });
}

/// Descriptors that are nothing to listen at.
#[test]
fn a_descriptor_that_does_not_listen_is_told() {
    each_model(|setup| {
        fails(setup.after("exec 7>&-").listen("fd:7").spawn(), &["fd:7"]);
    });
    each_model(|setup| {
        fails(
            setup.after("exec 7</dev/null").listen("fd:7").spawn(),
            &["fd:7"],
        );
    });
    each_model(|setup| {
        let (ours, _other) = std::os::unix::net::UnixStream::pair().expect("sockets");
        let setup = setup
            .stdin(OwnedFd::from(ours))
            .after("exec 7<&0 </dev/null");
        fails(setup.listen("fd:7").spawn(), &["fd:7", "does not listen"]);
    });
}

/// A number that nobody handed over must not be that of a descriptor that the server opens itself.
#[test]
fn a_descriptor_of_the_servers_own_is_none_that_was_inherited() {
    each_model(|setup| {
        let setup = setup.after("exec 3<&-").listen("fd:3");
        fails(setup.spawn(), &["fd:3", "Bad file descriptor"]);
    });
    each_model(|setup| {
        let setup = setup.after("exec 3<&-").listen("127.0.0.1:0");
        let setup = setup.listen("fd:3");
        fails(setup.spawn(), &["fd:3", "Bad file descriptor"]);
    });
    // The fourth would be its own descriptor of what was the seventh.
    each_model(|setup| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let setup = setup.stdin(OwnedFd::from(listener));
        let setup = setup.after("exec 7<&0 </dev/null 3<&- 4<&-");
        let setup = setup.listen("fd:7").listen("fd:4");
        fails(setup.spawn(), &["fd:4", "Bad file descriptor"]);
    });
}

/// In whichever way it was inherited.
#[test]
fn a_descriptor_that_is_named_twice_is_told() {
    let by_systemd = "exec 7<&0 </dev/null; export LISTEN_FDS=5 LISTEN_PID=$$";
    for script in ["exec 7<&0 </dev/null", by_systemd] {
        each_model(|setup| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let setup = setup.stdin(OwnedFd::from(listener)).after(script);
            let setup = setup.listen("fd:7").listen("127.0.0.1:0").listen("fd:7");
            fails(setup.spawn(), &["fd:7", "named twice"]);
        });
    }
}

/// As systemd hands them over: from descriptor 3 on, by number and process.
#[test]
fn what_systemd_hands_over_is_served() {
    each_model(|setup| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$";
        let setup = setup.stdin(OwnedFd::from(listener)).after(script);
        let server = setup.listen_by_default().start();
        assert_eq!(server.addresses, [address]);
        server.serves();
    });
}

/// More than there can be are told, without a list of them that no memory holds.
#[test]
fn too_many_descriptors_of_systemd_are_told() {
    each_model(|setup| {
        let setup = setup.after("export LISTEN_FDS=2000000000 LISTEN_PID=$$; ulimit -v 3000000");
        fails(
            setup.listen_by_default().spawn(),
            &["LISTEN_FDS=2000000000", "cannot have so many descriptors"],
        );
    });
}

/// What was handed over to another process is not ours.
#[test]
fn what_systemd_hands_to_another_process_is_not_served() {
    each_model(|setup| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=1";
        let setup = setup.stdin(OwnedFd::from(listener)).after(script);
        let server = setup.listen("127.0.0.1:0").start();
        assert_ne!(server.addresses, [address]);
        server.serves();
    });
}

/// Waits until the manager hears that the server is ready.
#[track_caller]
fn hears(manager: &UnixDatagram) {
    manager
        .set_read_timeout(Some(common::PATIENCE))
        .expect("an option");
    let mut message = [0; 1000];
    loop {
        let length = manager.recv(&mut message).expect("a message");
        let message = String::from_utf8_lossy(&message[..length]);
        if message != OTHERS {
            return assert_eq!(message, "READY=1\n");
        }
    }
}

/// What others tell the manager.
const OTHERS: &str = "STATUS=busy";

/// Whether there was room for what another tells. Each has a socket of its own: one alone may fill that.
fn another_tells(manager: &Path) -> bool {
    let another = UnixDatagram::unbound().expect("a socket");
    another.set_nonblocking(true).expect("an option");
    another.send_to(OTHERS.as_bytes(), manager).is_ok()
}

/// The service manager hears that it is ready, and not before.
#[test]
fn the_service_manager_is_told() {
    each_model(|setup| {
        let path = setup.dir().join("notify");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        let server = setup.variable("NOTIFY_SOCKET", &path).start();
        hears(&manager);
        server.serves();
    });
}

/// Its address may have no file, as in containers.
#[test]
fn the_service_manager_may_have_an_abstract_address() {
    each_model(|setup| {
        let name = format!("nbcaser-test-{}-{}", std::process::id(), setup.model.name);
        let address = UnixAddress::from_abstract_name(&name).expect("a name");
        let manager = UnixDatagram::bind_addr(&address).expect("a socket");
        let setup = setup.variable("NOTIFY_SOCKET", format!("@{name}"));
        let server = setup.start();
        hears(&manager);
        server.serves();
    });
}

/// So many tell it something that it has not read that there is no room for another word. It is told once there is; at
/// the end that is not waited for.
#[test]
fn a_service_manager_that_is_busy_is_not_waited_for() {
    for reads in [true, false] {
        each_model(|setup| {
            let path = setup.dir().join("notify");
            let manager = UnixDatagram::bind(&path).expect("a socket");
            while another_tells(&path) {}
            let mut server = setup.variable("NOTIFY_SOCKET", &path).start();
            server.serves();
            if reads {
                hears(&manager);
            }
            server.stop();
        });
    }
}

/// A manager that is not there is no reason not to serve.
#[test]
fn a_service_manager_that_is_gone_is_no_reason_to_stop() {
    each_model(|setup| {
        let path = setup.dir().join("nobody");
        let server = setup.variable("NOTIFY_SOCKET", &path).start();
        server.serves();
        server.wait_for_log("the service manager could not be told");
    });
}

/// Too few descriptors for the listener and the poller.
#[test]
fn too_few_descriptors_to_start_are_told() {
    each_model(|setup| {
        fails(setup.after("ulimit -n 5").spawn(), &["Too many open files"]);
    });
    // Under every limit it either serves or tells.
    for limit in 4..20 {
        each_model(|setup| {
            let mut server = setup.after(&format!("ulimit -n {limit}")).spawn();
            common::eventually("it is up or has ended", || {
                server.has_ended() || server.logged("waiting for call") > 0
            });
            if server.has_ended() {
                fails(server, &["Too many open files"]);
            } else {
                let log = server.log();
                let line = log.lines().find(|line| line.contains("waiting for call"));
                let (_, port) = line.and_then(|line| line.rsplit_once(' ')).expect("a port");
                let address = format!("127.0.0.1:{port}")
                    .parse::<SocketAddr>()
                    .expect("a port");
                let mut client = Client::connect(&address.into())
                    .expect("it listens")
                    .greeted();
                client.ask("hello");
            }
        });
    }
}

/// More clients than the system allows: as many as it does, and a warning.
#[test]
fn a_limit_above_the_systems_is_lowered_with_a_warning() {
    each_model(|setup| {
        let setup = setup.after("ulimit -n 128");
        let mut server = setup.flags(&["--max-connections", "1000"]).start();
        server.wait_for_log("--max-connections is lowered to 96");
        let mut clients = server.clients(96);
        assert_eq!(server.connect().read_line(), common::FULL);
        for client in &mut clients {
            client.ask("I am in");
        }
        drop(clients);
        assert_eq!(server.stop().peak, 96);
    });
    each_model(|setup| {
        let setup = setup.after("ulimit -n 128");
        let server = setup.flags(&["--max-connections", "96"]).start();
        assert_eq!(server.logged("lowered"), 0);
    });
}

/// The soft limit is raised to the hard one.
#[test]
fn the_descriptor_limit_is_raised_as_far_as_it_may_be() {
    each_model(|setup| {
        let server = setup.after("ulimit -Hn 200; ulimit -Sn 32").start();
        for client in &mut server.clients(100) {
            client.ask("I am in");
        }
    });
}

/// No standard stream at all.
#[test]
fn closed_standard_streams_are_nobodys_trouble() {
    each_model(|setup| {
        let mut server = setup.after("exec <&-").start();
        server.serves();
        server.stop();
    });
    each_model(|setup| {
        let mut server = setup.after("exec <&- >&- 2>&-").start();
        let mut client = server.client();
        for _ in 0..100 {
            client.ask("is there anything in my stream that is not mine?");
        }
        assert!(client.is_silent());
        drop(client);
        server.signal(Signal::TERM);
        assert_eq!(server.status(), 0);
    });
}

/// All addresses of a name are served, on one port.
#[test]
fn localhost_is_served_on_all_its_addresses_by_one_port() {
    each_model(|setup| {
        let server = setup.listen("localhost:0").start();
        let found = ("localhost", server.port())
            .to_socket_addrs()
            .expect("localhost");
        let mut found: Vec<SocketAddr> = found.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        found.dedup();
        found.retain(|address| TcpListener::bind((address.ip(), 0)).is_ok());
        let names: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(server.addresses, names);
        for address in found {
            let mut client = Client::connect(&address.into())
                .expect("it listens")
                .greeted();
            client.ask("hello");
        }
    });
}

/// `[::]` is IPv6 alone: the same port of IPv4 may be another's.
#[test]
fn the_unspecified_address_of_ipv6_leaves_ipv4_alone() {
    if TcpListener::bind("[::1]:0").is_err() {
        return println!("skipped: this machine has no ::1");
    }
    each_model(|setup| {
        // Not the address of the other tests: its ports are theirs.
        let other = TcpListener::bind("127.0.0.23:0").expect("a port");
        let port = other.local_addr().expect("an address").port();
        // Somebody's connection may have it all the same, so not only this one is tried.
        let server = setup.listen("[::]:0").listen(format!("[::1]:{port}"));
        let server = server.start();
        let v6: SocketAddr = format!("[::1]:{}", server.port())
            .parse()
            .expect("an address");
        Client::connect(&v6.into())
            .expect("it listens")
            .greeted()
            .ask("hello");
        let v4: SocketAddr = format!("127.0.0.23:{}", server.port())
            .parse()
            .expect("an address");
        assert!(Client::connect(&v4.into()).is_err());
    });
}

/// Without its zone an address of one link cannot be connected to, so that stays, as it was written.
#[test]
fn the_zone_of_an_address_is_told() {
    if TcpListener::bind("[::1%1]:0").is_err() {
        return println!("skipped: this machine has no ::1");
    }
    each_model(|setup| {
        let server = setup.listen("[::1%1]:0").start();
        let address = format!("[::1%1]:{}", server.port());
        assert_eq!(server.addresses, [address]);
        server.wait_for_log(&format!("waiting for call on ::1%1 {}", server.port()));
        server.serves();
    });
}

/// Each of several addresses is served at once.
#[test]
fn many_addresses_are_served_at_once() {
    each_model(|mut setup| {
        for n in 1..=20 {
            setup = setup.listen(format!("127.0.0.{n}:0"));
        }
        let server = setup.start();
        assert_eq!(server.addresses.len(), 20);
        for address in &server.addresses {
            let address: SocketAddr = address.parse().expect("an address");
            let mut client = Client::connect(&address.into())
                .expect("it listens")
                .greeted();
            client.send("hello\n");
            client.expect(upper("hello"));
        }
    });
}
