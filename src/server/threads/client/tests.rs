use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;

use super::super::connection::Budget;
use super::super::session::nbcaser;
use super::super::turns::Turns;
use super::*;
use crate::server::limits::Places;
use crate::server::settings::Settings;

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
    (
        ours,
        Client::new(Arc::new(connection), queue, report),
        orders,
    )
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
