//! Who is let in.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::client::Client;
use super::door::{Pause, Place};
use super::session::nbcaser;
use super::worker::Worker;
use crate::protocol::messages::SERVER_FULL;
use crate::reactor::{Either, Listener, Stream, select, sleep, yield_now};
use crate::server::admission::{BACKLOG, FAILURES, is_of_one_connection, pause_after};
use crate::server::peer::Peer;

/// Accepts until the server ends; then what the backlog holds, and closes the listener.
///
/// With edges nobody tells twice that somebody waits at the door. So a failed accept is never the last: either the next
/// follows at once, or a timer is set.
pub(super) async fn accept(worker: Rc<Worker>, listener: Listener) {
    worker.handle.name_task(|| "accept".into());
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
                        worker.handle.now(),
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

/// Waits for better times: for a descriptor of ours to be closed, or for a while, each time a longer one. All listeners
/// share one pause, which lasts until one of them accepts again, and is told once.
async fn pause(worker: &Rc<Worker>, error: &io::Error) {
    let Pause { length, room } = &*worker.pause;
    let rest = pause_after(length.get(), error, worker.handle.now(), &worker.trouble);
    length.set(Some(rest));
    worker.stats.pause();
    room.clear();
    let room = select(room.wait(), worker.shutdown.wait());
    select(sleep(&worker.handle, rest), room).await;
}

/// Gives the connection a place and a session, or tells it that there is none: ready when the next can be accepted.
async fn admit(worker: &Rc<Worker>, stream: Stream, address: Option<SocketAddr>) {
    let peer = address.map_or_else(|| Peer::Unix(worker.places.number()), Peer::Tcp);
    if let Some(place) = Place::take(&worker.places, &worker.pause) {
        worker.stats.connection();
        log::info!("Received connection from {peer}");
        let mut client = Client::new(worker, stream, Some(place), peer);
        worker.sessions.spawn(async move {
            client.name_task("");
            let dialogue = nbcaser(&mut client).await;
            client.part(dialogue).await;
        });
        return;
    }
    worker.stats.refusal();
    worker.trouble.warn(
        worker.handle.now(),
        "the server is full, a client is sent away",
        peer,
    );
    let permit = worker.refusals.try_acquire();
    let lingers = permit.is_some();
    let mut client = Client::new(worker, stream, None, peer);
    worker.sessions.spawn(async move {
        client.name_task(", refused");
        client.send_away(SERVER_FULL).await;
        if permit.is_some() {
            client.linger().await;
        } else {
            // Or the word would wait for the close, which throws it away where input is unread.
            let _ = client.stream.shutdown();
        }
    });
    if !lingers {
        // Its descriptor is needed for the next one: it is told and closed before that is accepted.
        yield_now().await;
    }
}
