//! What serving allocates: nothing a request, two pieces a connection. Counted over the whole process, server and
//! clients, so there is one test here, and the clients allocate nothing themselves.
#![allow(clippy::disallowed_methods)] // tests run in real time

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nbcaser::reactor::{Endpoint, Listener, Reactor, Signals};
use nbcaser::server::Settings;
use nbcaser::server::limits::Places;
use nbcaser::server::reactor::worker::{Job, serve};
use signal_hook::consts::signal::SIGUSR2;
use signal_hook::low_level::raise;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const GREETING: &[u8] = b"<welcome: starting in upper case mode>\n";
const LINE: &[u8] = b"hello, allocator\n";
const REPLY: &[u8] = b"Upper-cased: 'HELLO, ALLOCATOR'\r\n";

const CLIENTS: usize = 16;
/// The lines of one round: one alone, some, and as many as a read takes in several turns.
const DEPTHS: [usize; 5] = [1, 4, 32, 100, 613];
const ROUNDS: usize = 90;

const CONNECTIONS: usize = 1_000;

/// A server in a thread of its own, with all its features but the announcements, which are lines of the log.
fn start() -> (SocketAddr, thread::JoinHandle<u64>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("its address");
    let server = thread::spawn(move || {
        let reactor = Reactor::new().expect("descriptors for a reactor");
        let handle = reactor.handle();
        let listener = Listener::new(&handle, Endpoint::Tcp(listener)).expect("a listener");
        let signals = Signals::new(&handle, &[SIGUSR2]).expect("a signal");
        let job = Job {
            settings: Arc::new(Settings {
                announce_every: Duration::ZERO,
                ..Settings::default()
            }),
            // With some to spare: on two processors the next connection may overtake the end of the last.
            places: Places::new(2 * CLIENTS),
            refusals: 0,
            number: 0,
        };
        let main = serve(handle, job, vec![listener], signals);
        reactor.block_on(main).expect("it polls").totals.lines
    });
    (address, server)
}

fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).expect("a timeout");
    stream.set_write_timeout(patience).expect("a timeout");
    expect(&mut stream, GREETING);
    stream
}

fn expect(stream: &mut TcpStream, expected: &[u8]) {
    let mut buffer = [0; REPLY.len() + GREETING.len()];
    let received = &mut buffer[..expected.len()];
    stream.read_exact(received).expect("an answer");
    assert!(received == expected, "another answer");
}

/// Every client sends so many lines in one piece, and then reads the replies.
fn round(clients: &mut [TcpStream], depth: usize, lines: &[u8], replies: &mut [u8]) {
    for client in &mut *clients {
        let lines = &lines[..depth * LINE.len()];
        client.write_all(lines).expect("room for some lines");
    }
    for client in clients {
        let replies = &mut replies[..depth * REPLY.len()];
        client.read_exact(replies).expect("all replies");
        let mut each = replies.chunks(REPLY.len());
        assert!(each.all(|reply| reply == REPLY), "another reply");
    }
}

/// How many allocations `work` makes, reallocations included.
fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.allocations + change.reallocations
}

#[test]
fn a_million_requests_allocate_nothing_and_a_connection_at_most_three_times() {
    let (address, server) = start();
    let deepest = DEPTHS[DEPTHS.len() - 1];
    let (lines, mut replies) = (LINE.repeat(deepest), vec![0; deepest * REPLY.len()]);
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(address)).collect();
    let mut rounds = |times| {
        for _ in 0..times {
            for depth in DEPTHS {
                round(&mut clients, depth, &lines, &mut replies);
            }
        }
    };
    rounds(2); // so that what is kept for good is there
    let requests = CLIENTS * ROUNDS * DEPTHS.iter().sum::<usize>();
    assert!(requests >= 1_000_000);
    let made = allocations(|| rounds(ROUNDS));
    println!("{requests} requests: {made} allocations");
    assert_eq!(made, 0);

    let connections = |times| {
        for _ in 0..times {
            let mut client = connect(address);
            client.write_all(LINE).expect("room for a line");
            expect(&mut client, REPLY);
            client.write_all(b"quit\n").expect("room for a line");
            expect(&mut client, b"quit\r\n");
            assert_eq!(client.read(&mut [0]).expect("the end"), 0);
        }
    };
    connections(10);
    let made = allocations(|| connections(CONNECTIONS));
    println!("{CONNECTIONS} connections: {made} allocations");
    assert!(made <= 3 * CONNECTIONS, "{made}");
    // What is counted are the server's: without any, this would measure nothing.
    assert!(made >= CONNECTIONS, "{made}");

    drop(clients);
    raise(SIGUSR2).expect("a signal");
    let answered = server.join().expect("the server ends") as usize;
    let asked = requests + requests / ROUNDS * 2 + 2 * (CONNECTIONS + 10);
    assert_eq!(answered, asked);
}
