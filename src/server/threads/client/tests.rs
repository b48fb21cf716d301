use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;

use rustix::io::ioctl_fionread;

use super::super::connection::Budget;
use super::super::session::nbcaser;
use super::super::turns::Turns;
use super::*;
use crate::server::limits::Places;
use crate::server::settings::Settings;

/// How long is waited for what must happen, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client's end of a connection, its session, and what the clerk gives orders by.
fn session(settings: Settings) -> (UnixStream, Client, Sender<Order>) {
    let office = Arc::new(Office {
        places: Places::new(1),
        refusals: Places::new(1),
        budget: Budget::new(settings.max_memory),
        turns: Turns::new(),
        settings,
    });
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let connection = Connection::new(theirs.into(), Peer::Unix(1), None, &office);
    let (orders, queue) = channel();
    let report = Report::new(1, channel().0);
    let client = Client::new(Arc::new(connection), queue, report);
    (ours, client, orders)
}

/// The time is over, and there is more to answer than a moment takes: in the buffer, or not even read. That the client takes
/// every reply at once does not matter.
#[test]
fn who_is_at_work_is_cut_off_when_the_time_is_over() {
    for count in [SMALL, LARGE] {
        let (mut ours, mut client, orders) = session(Settings::default());
        ours.write_all(&vec![b'\n'; count]).expect("it is sent");
        let _ = orders.send(Order::Drain { ended: false });
        drop(orders);
        let reading = thread::spawn(move || io::copy(&mut ours, &mut io::sink()));
        let dialogue = nbcaser(&mut client);
        let error = dialogue.expect_err("all is answered");
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        assert!(client.is_cut());
        drop(client);
        let _ = reading.join().expect("no panic");
    }
}

/// How much a socket holds of what is not read.
fn room() -> usize {
    let (ours, _theirs) = UnixStream::pair().expect("a pair");
    ours.set_nonblocking(true).expect("an option");
    (&ours).write(&vec![b'x'; 4 << 20]).expect("some of it")
}

/// The kernel calls a socket writable when far more of it is free than a write takes. Who reads a part of what is there is
/// not idle, and is sent what waits for him.
#[test]
fn who_has_read_a_little_is_not_idle() {
    let (mut ours, mut client, _orders) = session(Settings {
        idle_timeout: Duration::from_secs(4),
        ..Settings::default()
    });
    let room = room();
    let sending = thread::spawn(move || {
        client.write(&vec![b'x'; room + 1]);
        client.finish()
    });
    let deadline = now() + PATIENCE;
    while ioctl_fionread(&ours).expect("a count") < room as u64 {
        assert!(now() < deadline, "it is not full");
        thread::sleep(NAP); // between two looks
    }
    ours.read_exact(&mut vec![0; room / 4]).expect("a part");
    let sent = sending.join().expect("no panic");
    sent.expect("all is sent");
}
