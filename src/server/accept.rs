//! Who is let in.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;

use super::client::{Client, Peer};
use super::limits::Pause;
use super::session::nbcaser;
use super::worker::Worker;
use crate::protocol::messages::SERVER_FULL;
use crate::reactor::{Either, Listener, Stream, select, sleep, yield_now};

/// How long accepting pauses for want of descriptors or memory: at first, and at most.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Errors in a row that are taken for the fate of single connections. More are the listener's own.
const FAILURES: u32 = 16;

/// A client that comes while the backlog is emptied at the end is let in too, but not without end.
const BACKLOG: usize = 65_536;

/// Accepts until the server ends; then what the backlog holds, and closes the listener.
///
/// With edges nobody tells twice that somebody waits at the door. So a failed accept is never the last: either the next
/// follows at once, or a timer is set.
pub(super) async fn accept(worker: Rc<Worker>, listener: Listener) {
    let mut shutdown = worker.shutdown.wait();
    let mut in_a_row = 0;
    loop {
        match select(listener.accept(), &mut shutdown).await {
            Either::First(Ok((stream, address))) => {
                in_a_row = 0;
                worker.pause.length.set(None);
                admit(&worker, stream, address).await;
            }
            Either::First(Err(error)) => {
                in_a_row += 1;
                if in_a_row > FAILURES || !is_of_one_connection(&error) {
                    pause(&worker, &error).await;
                    in_a_row = 0;
                    if worker.shutdown.is_set() {
                        break;
                    }
                } else {
                    worker.trouble.warn(
                        &worker.handle,
                        "a connection failed before it was accepted",
                        error,
                    );
                }
            }
            Either::Second(()) => break,
        }
    }
    for _ in 0..BACKLOG {
        match listener.try_accept() {
            Ok((stream, address)) => admit(&worker, stream, address).await,
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => break,
        }
    }
}

/// Whether an error of `accept(2)` is the fate of the one connection that it would have returned, so that the next can
/// be accepted at once. The network's errors are: the manual page says to treat them like EAGAIN by retrying.
fn is_of_one_connection(error: &io::Error) -> bool {
    let Some(errno) = Errno::from_io_error(error) else {
        return false;
    };
    matches!(
        errno,
        Errno::CONNABORTED
            | Errno::CONNRESET
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::INTR
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::NONET
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::PERM
            | Errno::PROTO
            | Errno::TIMEDOUT
            // Not accept's, but epoll's: no more watches for this user.
            | Errno::NOSPC
    )
}

/// Waits for better times: for a descriptor of ours to be closed, or for a while, each time a longer one. All listeners
/// share one pause, which lasts until one of them accepts again, and is told once.
async fn pause(worker: &Rc<Worker>, error: &io::Error) {
    let Pause { length, room } = &*worker.pause;
    let rest = match length.get() {
        None => {
            log::warn!("accepting pauses: {error}; connections wait until there is room");
            PAUSE
        }
        Some(last) => (2 * last).min(LONGEST_PAUSE),
    };
    length.set(Some(rest));
    worker.stats.pause();
    room.clear();
    let room = select(room.wait(), worker.shutdown.wait());
    select(sleep(&worker.handle, rest), room).await;
}

/// Gives the connection a place and a session, or tells it that there is none: ready when the next can be accepted.
async fn admit(worker: &Rc<Worker>, stream: Stream, address: Option<SocketAddr>) {
    let peer = address.map_or_else(|| Peer::Unix(worker.places.number()), Peer::Tcp);
    if let Some(place) = worker.places.take(&worker.pause) {
        worker.stats.connection();
        log::info!("Received connection from {peer}");
        let mut client = Client::new(worker, stream, Some(place), peer);
        worker.sessions.spawn(async move {
            let dialogue = nbcaser(&mut client).await;
            client.part(dialogue).await;
            log::info!("{} quit", client.peer());
        });
        return;
    }
    worker.stats.refusal();
    worker.trouble.warn(
        &worker.handle,
        "the server is full, a client is sent away",
        peer,
    );
    let permit = worker.refusals.try_acquire();
    let lingers = permit.is_some();
    let mut client = Client::new(worker, stream, None, peer);
    worker.sessions.spawn(async move {
        client.send_away(SERVER_FULL).await;
        if permit.is_some() {
            client.linger().await;
        }
    });
    if !lingers {
        // Its descriptor is needed for the next one: it is told and closed before that is accepted.
        yield_now().await;
    }
}
