//! The server in a simulated world: what a real kernel brings about only rarely.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use nbcaser::reactor::sim::{Op, Peer, Sim};
use nbcaser::reactor::{Endpoint, JoinHandle, Listener, MemoryLimit, Reactor, Signals};
use nbcaser::server::Settings;
use nbcaser::server::limits::Places;
use nbcaser::server::reactor::worker::{Job, serve};
use nbcaser::server::stats::Ended;

const GREETING: &[u8] = b"<welcome: starting in upper case mode>\n";
const TERM: i32 = 15;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn upper(text: &str) -> Vec<u8> {
    format!("Upper-cased: '{}'\r\n", text.to_uppercase()).into_bytes()
}

struct Server {
    reactor: Reactor,
    sim: Sim,
    main: JoinHandle<Ended>,
}

impl Server {
    fn start(settings: Settings) -> Server {
        let sim = Sim::new();
        let reactor = Reactor::with_driver(sim.driver(), MemoryLimit::new(settings.max_memory));
        let handle = reactor.handle();
        let listener = Listener::new(&handle, Endpoint::Simulated(1)).unwrap();
        let signals = Signals::new(&handle, &[TERM]).unwrap();
        let job = Job {
            settings: Arc::new(settings),
            places: Places::new(1000),
            refusals: 10,
            number: 1,
        };
        let main = handle.spawn(serve(handle.clone(), job, vec![listener], signals));
        Server { reactor, sim, main }
    }

    fn settle(&self) {
        self.sim.settle(&self.reactor);
    }

    fn advance(&self, rest: Duration) {
        self.sim.advance(rest);
        self.settle();
    }

    /// A client that was greeted.
    fn client(&self) -> Peer {
        let peer = self.sim.connect(1);
        self.settle();
        assert_eq!(peer.take_received(), GREETING);
        peer
    }

    /// The same with a line half answered: its socket takes three bytes of the reply, and no more.
    fn stuck(&self) -> Peer {
        let peer = self.client();
        peer.window(3);
        peer.send("hello\n");
        self.settle();
        assert_eq!(peer.received(), b"Upp");
        peer
    }

    /// A signal comes, and then the client reads on; what it gets in all.
    fn drained(self, peer: &Peer) -> Vec<u8> {
        self.sim.signal(TERM);
        self.settle();
        peer.read(1000);
        self.settle();
        self.advance(ms(300));
        let ended = self.main.try_take().expect("it has ended").unwrap();
        assert_eq!(ended.totals.cut_off, 0);
        assert!(peer.eof_seen());
        peer.received()
    }
}

#[test]
fn nobody_is_spoken_to_in_the_middle_of_a_reply() {
    let server = Server::start(Settings {
        idle_timeout: ms(1000),
        ..Settings::default()
    });
    let peer = server.stuck();
    server.advance(ms(1100));
    peer.read(1000);
    server.settle();
    assert_eq!(peer.received(), b"Upp");
    assert!(peer.eof_seen(), "it is let go all the same");
}

#[test]
fn who_takes_no_last_word_is_let_go_without_a_reset_too() {
    let server = Server::start(Settings {
        idle_timeout: ms(1000),
        ..Settings::default()
    });
    let peer = server.client();
    peer.window(0);
    server.advance(ms(1000));
    server.advance(ms(1000)); // for so long the last word waits
    peer.send("is anybody there\n");
    server.settle();
    peer.finish();
    server.settle();
    assert!(peer.is_closed() && peer.eof_seen() && !peer.reset_seen());
}

#[test]
fn at_the_end_what_is_behind_an_urgent_byte_is_answered() {
    let server = Server::start(Settings::default());
    let peer = server.stuck();
    peer.send("one\n");
    peer.send_urgent();
    peer.send("two\nrest");
    peer.finish();
    let expected = [upper("hello"), upper("one"), upper("two"), upper("rest")].concat();
    assert_eq!(server.drained(&peer), expected);
}

#[test]
fn at_the_end_what_is_behind_an_urgent_byte_is_answered_though_no_edge_has_told_of_it() {
    let server = Server::start(Settings::default());
    server.settle();
    let peer = server.sim.connect(1);
    peer.send("one\n");
    peer.send_urgent();
    peer.send("two\n");
    server.sim.signal(TERM);
    server.sim.batch(1); // more happens at once than one poll reports
    server.settle();
    let expected = [GREETING, &upper("one"), &upper("two")].concat();
    assert_eq!(server.drained(&peer), expected);
}

#[test]
fn at_the_end_a_rest_is_answered_though_its_end_came_while_replies_waited() {
    let server = Server::start(Settings::default());
    let peer = server.client();
    peer.window(3);
    peer.send("hello\nrest");
    server.settle();
    peer.finish();
    assert_eq!(
        server.drained(&peer),
        [upper("hello"), upper("rest")].concat()
    );
}

#[test]
fn at_the_end_a_socket_that_has_less_than_it_says_holds_nobody_up() {
    let server = Server::start(Settings::default());
    let peer = server.client();
    peer.send("half a line");
    server.settle();
    server.sim.fail(Op::Read, ErrorKind::WouldBlock, 2);
    peer.send("more");
    assert_eq!(server.drained(&peer), b"");
}

#[test]
fn behind_quit_no_input_is_kept_while_its_reply_waits() {
    let server = Server::start(Settings::default());
    let peer = server.client();
    peer.window(3);
    peer.send(["quit", &" ".repeat(200_000)].concat());
    server.settle();
    peer.send("\nnot answered");
    server.settle();
    assert_eq!(peer.received(), b"qui");
    let kept = server.reactor.handle().census().kept_bytes;
    assert!(kept < 10, "{kept} bytes");
}

#[test]
fn who_is_called_in_for_what_he_is_about_to_keep_hears_of_it() {
    let server = Server::start(Settings {
        max_memory: 70_000,
        ..Settings::default()
    });
    let peer = server.client();
    peer.window(3);
    peer.send(["a".repeat(70_000).as_str(), "\nrest"].concat());
    server.settle();
    assert_eq!(peer.received(), b"Upp");
    assert_eq!(server.reactor.handle().census().kept_bytes, 0);
    assert!(peer.eof_seen(), "it is sent away");
}

#[test]
fn after_a_burst_of_connections_that_fail_the_next_is_let_in_soon() {
    for errno in [1, 71, 100, 113] {
        // EPERM, EPROTO, ENETDOWN, EHOSTUNREACH
        let server = Server::start(Settings::default());
        server.settle();
        server.sim.fail(Op::Accept, errno, 50);
        let peer = server.sim.connect(1);
        for _ in 0..10 {
            server.advance(ms(100));
        }
        assert_eq!(peer.received(), GREETING);
    }
}

#[test]
fn at_the_end_the_backlog_is_let_in_though_no_edge_has_told_of_it() {
    let server = Server::start(Settings::default());
    let others: Vec<Peer> = (0..5).map(|_| server.client()).collect();
    server.sim.batch(1); // more happens at once than one poll reports
    server.sim.signal(TERM);
    for other in others {
        other.send("hello\n");
    }
    let peer = server.sim.connect(1);
    server.settle();
    assert_eq!(peer.received(), GREETING);
}

#[test]
fn at_the_end_a_connection_that_fails_does_not_keep_the_backlog_out() {
    let server = Server::start(Settings::default());
    server.settle();
    let peers: Vec<Peer> = (0..100).map(|_| server.sim.connect(1)).collect();
    server.sim.fail_after(Op::Accept, 60, 103, 1); // ECONNABORTED
    server.sim.signal(TERM);
    server.settle();
    for peer in peers {
        assert_eq!(peer.received(), GREETING);
    }
}

#[test]
fn a_connection_that_times_out_of_itself_is_not_called_idle() {
    for idle_timeout in [Duration::ZERO, ms(1000)] {
        let server = Server::start(Settings {
            idle_timeout,
            ..Settings::default()
        });
        let peer = server.client();
        server.sim.fail(Op::Read, ErrorKind::TimedOut, 1); // the keep-alive probes were not answered
        peer.send("hello\n");
        server.settle();
        assert_eq!(peer.received(), b"");
        assert!(peer.is_closed());
    }
}

#[test]
fn at_the_end_all_that_had_arrived_is_answered_wherever_the_budget_ends() {
    // Here it ends with the send of what has gathered, between the question whether to go on and the read.
    for length in (48_430..49_000).step_by(97) {
        let server = Server::start(Settings::default());
        let peer = server.client();
        let line = "x".repeat(length);
        peer.send(format!("{line}\n").repeat(30));
        let expected = upper(&line).repeat(30);
        assert!(server.drained(&peer) == expected, "{length}");
    }
}

#[test]
fn a_line_that_is_found_not_to_be_utf8_takes_as_much_of_a_turn_as_one_that_is() {
    let turns = |end: &[u8]| {
        let server = Server::start(Settings::default());
        let peer = server.client();
        let line = ["я".repeat(2000).as_bytes(), end, b"\n"].concat();
        peer.send(line.repeat(100));
        server.settle();
        server.reactor.handle().counters().yields
    };
    let (text, not_text) = (turns(b""), turns(b"\xff"));
    assert!(text > 5 && not_text > text / 2, "{not_text} {text}");
}

#[test]
fn a_crowd_at_the_door_does_not_wait_for_those_who_flood_the_server() {
    let server = Server::start(Settings::default());
    let floods: Vec<Peer> = (0..100).map(|_| server.client()).collect();
    for peer in &floods {
        peer.send("x\n".repeat(5_000));
    }
    let turns = |count| (0..count).for_each(|_| server.reactor.turn().unwrap());
    turns(2); // all have used up a budget
    let crowd: Vec<Peer> = (0..100).map(|_| server.sim.connect(1)).collect();
    turns(10);
    let greeted = crowd.iter().filter(|peer| peer.received() == GREETING);
    assert_eq!(greeted.count(), 100);
    server.settle();
    assert!(
        floods
            .iter()
            .all(|peer| peer.received().len() == 5_000 * 18)
    );
}

#[test]
fn whose_lines_wait_for_their_turn_is_not_called_idle() {
    let server = Server::start(Settings {
        idle_timeout: ms(50),
        ..Settings::default()
    });
    let peers: Vec<Peer> = (0..20).map(|_| server.client()).collect();
    // A round of all of them takes longer than they may be silent.
    server.sim.cost(ms(2));
    for peer in &peers {
        peer.send("x\n".repeat(20_000));
    }
    server.settle();
    for peer in &peers {
        // When all is answered it is silent indeed, while others have their turns.
        assert!(peer.received().starts_with(&upper("x").repeat(20_000)));
    }
}
