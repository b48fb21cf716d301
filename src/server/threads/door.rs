//! Who is let in. The door is the one thread that accepts; no client can hold it up.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};

use super::clerk::{Entry, Message};
use super::client::{Client, Report};
use super::connection::Connection;
use super::room::Room;
use super::session::nbcaser;
use super::{Office, now};
use crate::protocol::messages::SERVER_FULL;
use crate::reactor::Endpoint;
use crate::server::admission::{BACKLOG, FAILURES, PAUSE, is_of_one_connection, pause_after};
use crate::server::peer::Peer;
use crate::server::stats::Totals;
use crate::server::throttle::Throttle;

/// Bytes of a session's stack. The deepest that a session goes is a panic with a backtrace, for which half of it is
/// enough; what it never touches is never backed by memory.
pub(super) const STACK: usize = 128 << 10;

/// Connections that are accepted from one listener before the others, and the bell, are looked at.
const TURN: usize = 64;

/// See the module. Dropping it, by a panic too, tells the clerk that nobody comes any more.
pub(super) struct Door {
    office: Arc<Office>,
    room: Room,
    listeners: Vec<OwnedFd>,
    /// Woken by it: a byte means that a place is free, its end that the server ends.
    bell: UnixStream,
    /// Nobody sends anything; that nobody can any more means that the drain's time is over.
    patience: Receiver<()>,
    clerk: Sender<Message>,
    sessions: u64,
    /// How long accepting has paused last; none if somebody was let in since.
    paused: Option<Duration>,
    trouble: Throttle,
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = self.clerk.send(Message::DoorClosed);
    }
}

impl Door {
    /// # Errors
    /// A listener or the bell cannot be made not to block.
    pub(super) fn new(
        office: &Arc<Office>,
        room: Room,
        endpoints: Vec<Endpoint>,
        bell: UnixStream,
        patience: Receiver<()>,
        clerk: &Sender<Message>,
    ) -> io::Result<Door> {
        let listeners = endpoints.into_iter().filter_map(|endpoint| match endpoint {
            Endpoint::Tcp(listener) => Some(listener.into()),
            Endpoint::Unix(listener) => Some(listener.into()),
            Endpoint::Simulated(_) => None,
        });
        let listeners: Vec<OwnedFd> = listeners.collect();
        for listener in &listeners {
            rustix::io::ioctl_fionbio(listener, true)?;
        }
        bell.set_nonblocking(true)?;
        Ok(Door {
            office: Arc::clone(office),
            room,
            listeners,
            bell,
            patience,
            clerk: clerk.clone(),
            sessions: 0,
            paused: None,
            trouble: Throttle::default(),
        })
    }

    /// Accepts until the bell's end; then what the backlogs hold, and closes the listeners.
    pub(super) fn stand(mut self) {
        let mut pause = None;
        for round in 0.. {
            let (bell, mut knocked) = self.wait(pause);
            if bell && self.is_the_end() {
                break;
            }
            // Each time another is the first: what there is little of is not for one listener alone. Nor is one that fails a
            // reason to leave the others out.
            let first = round % knocked.len().max(1);
            knocked.rotate_left(first);
            // Whoever knocks at one that does not fail waits for the pause, but for no second one.
            let most = if pause.is_some() { BACKLOG } else { TURN };
            let mut error = None;
            for listener in knocked {
                error = self.accept(listener, most).err().or(error);
            }
            pause = error.map(|error| self.pause(&error));
        }
        for listener in 0..self.listeners.len() {
            let _ = self.accept(listener, BACKLOG);
        }
        self.trouble.tell_the_rest();
    }

    /// How long accepting pauses after such an error.
    fn pause(&mut self, error: &io::Error) -> Duration {
        let pause = pause_after(self.paused, error, now(), &self.trouble);
        self.paused = Some(pause);
        self.tally(|totals| totals.pauses = 1);
        let _ = self.clerk.send(Message::Paused);
        pause
    }

    /// Waits for the bell or for somebody to knock: whether it rang, and at which listeners. During a pause all are tried.
    fn wait(&self, pause: Option<Duration>) -> (bool, Vec<usize>) {
        let all = 0..self.listeners.len();
        let mut entries = vec![PollFd::new(&self.bell, PollFlags::IN)];
        if pause.is_none() {
            let knocks = |listener| PollFd::new(listener, PollFlags::IN);
            entries.extend(self.listeners.iter().map(knocks));
        }
        let limit = pause.and_then(|pause| Timespec::try_from(pause).ok());
        match poll(&mut entries, limit.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return (false, Vec::new()),
            Err(_) => {
                thread::sleep(PAUSE); // no memory: that passes
                return (true, Vec::new());
            }
        }
        let is_ready = |entry: &PollFd<'_>| !entry.revents().is_empty();
        let knocked = match pause {
            Some(_) => all.collect(),
            None => all.filter(|n| is_ready(&entries[n + 1])).collect(),
        };
        (is_ready(&entries[0]), knocked)
    }

    /// Whether the bell has rung for the end. Other rings are forgotten: they have woken us.
    fn is_the_end(&mut self) -> bool {
        let mut rings = [0; 64];
        // One that fails is heard again.
        matches!(self.bell.read(&mut rings), Ok(0))
    }

    /// Lets in who waits at a listener, `most` of them at most.
    ///
    /// # Errors
    /// That of an accept that is not the fate of one connection.
    fn accept(&mut self, listener: usize, most: usize) -> io::Result<()> {
        let mut in_a_row = 0;
        for count in 0..most {
            // However little time there is, who has waited since before the end is let in.
            if count >= TURN && self.patience.try_recv() == Err(TryRecvError::Disconnected) {
                break;
            }
            match acceptfrom_with(&self.listeners[listener], SocketFlags::CLOEXEC) {
                Ok((socket, address)) => {
                    in_a_row = 0;
                    self.paused = None;
                    self.admit(socket, address);
                }
                Err(Errno::AGAIN) => break,
                Err(error) => {
                    let error = error.into();
                    in_a_row += 1;
                    if in_a_row > FAILURES || !is_of_one_connection(&error) {
                        return Err(error);
                    }
                    let what = "a connection failed before it was accepted";
                    self.warn(what, error.to_string());
                }
            }
        }
        Ok(())
    }

    /// Gives the connection a place and a thread, or tells it that there is none.
    fn admit(&mut self, socket: OwnedFd, address: Option<SocketAddrAny>) {
        let peer = address
            .and_then(|address| address.try_into().ok())
            .map_or_else(|| Peer::Unix(self.office.places.number()), Peer::Tcp);
        let place = self.room.is_there().then(|| self.office.places.take());
        let Some(place) = place.flatten() else {
            return self.refuse(socket, peer);
        };
        let connection = Connection::new(socket, peer, Some(place), &self.office);
        let connection = Arc::new(connection);
        let spawned = self.spawn(&connection, |mut client| {
            log::info!("Received connection from {}", client.peer());
            client.report.totals.connections = 1;
            let dialogue = nbcaser(&mut client);
            client.part(dialogue);
            client.tell_the_rest();
            log::info!("{} quit", client.peer());
        });
        if let Err(error) = spawned {
            self.tally(|totals| totals.refused = 1);
            let what = "there is no thread for a client, it is sent away";
            self.warn(what, format!("{peer}: {error}"));
            dismiss(&connection);
        }
    }

    /// Tells a client that there is no place: by a thread that lingers, as long as there are not too many of them.
    fn refuse(&mut self, socket: OwnedFd, peer: Peer) {
        self.tally(|totals| totals.refused = 1);
        let what = "the server is full, a client is sent away";
        self.warn(what, peer.to_string());
        let place = self.room.is_there().then(|| self.office.refusals.take());
        let place = place.flatten();
        let lingers = place.is_some();
        let connection = Arc::new(Connection::new(socket, peer, place, &self.office));
        let told = lingers
            && self
                .spawn(&connection, |mut client| {
                    client.send_away(SERVER_FULL);
                    client.linger();
                })
                .is_ok();
        if !told {
            dismiss(&connection);
        }
    }

    /// Starts a thread for a client, and tells the clerk.
    fn spawn(
        &mut self,
        connection: &Arc<Connection>,
        body: impl FnOnce(Client) + Send + 'static,
    ) -> io::Result<()> {
        self.sessions += 1;
        let id = self.sessions;
        let (orders, queue) = channel();
        let (theirs, clerk) = (Arc::clone(connection), self.clerk.clone());
        let thread = thread::Builder::new()
            .name("client".into())
            .stack_size(STACK)
            .spawn(move || body(Client::new(theirs, queue, Report::new(id, clerk))))?;
        let entry = Entry {
            connection: Arc::downgrade(connection),
            orders: Some(orders),
            thread,
            called_in: false,
        };
        let _ = self.clerk.send(Message::Came(id, entry));
        Ok(())
    }

    fn tally(&self, count: impl FnOnce(&mut Totals)) {
        let mut totals = Totals::default();
        count(&mut totals);
        let _ = self.clerk.send(Message::Tally(totals));
    }

    fn warn(&self, what: &'static str, who: String) {
        self.trouble.warn_of(now(), what, who, 1);
    }
}

/// Tells a client that there is no place, without a thread: it takes the few bytes at once, or it is no matter.
fn dismiss(connection: &Connection) {
    let _ = connection.send(SERVER_FULL, true);
    let _ = connection.say_no_more();
}

#[cfg(test)]
mod tests {
    use std::backtrace::Backtrace;
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::server::limits::Places;
    use crate::server::settings::Settings;

    fn door() -> (Door, Receiver<Message>) {
        let settings = Settings::default();
        let office = Arc::new(Office {
            places: Places::new(10),
            refusals: Places::new(10),
            budget: super::super::connection::Budget::new(settings.max_memory),
            turns: super::super::turns::Turns::new(),
            settings,
        });
        let (clerk, inbox) = channel();
        let bell = UnixStream::pair().expect("a pair").0;
        let (_, patience) = channel();
        let door = Door::new(&office, Room::new(), Vec::new(), bell, patience, &clerk);
        (door.expect("a door"), inbox)
    }

    fn connection(office: &Arc<Office>) -> (TcpStream, Arc<Connection>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("it")).expect("connected");
        let (server, address) = listener.accept().expect("accepted");
        let connection = Connection::new(server.into(), Peer::Tcp(address), None, office);
        (client, Arc::new(connection))
    }

    /// A session panics, as deep as it gets: with a backtrace. That ends the session and its connection, and is counted.
    #[test]
    fn a_panic_ends_one_session() {
        let (mut door, inbox) = door();
        let (mut client, connection) = connection(&door.office);
        door.spawn(&connection, |mut client| {
            client.report.totals.lines = 7;
            assert!(Backtrace::force_capture().to_string().contains("door"));
            panic!("as the test wants it");
        })
        .expect("a thread");
        drop(connection);
        assert_eq!(client.read(&mut [0]).expect("a clean end"), 0);
        let (mut came, mut left) = (None, None);
        for message in inbox.iter().take(2) {
            match message {
                Message::Came(id, entry) => came = Some((id, entry)),
                Message::Left { id, totals } => left = Some((id, totals)),
                _ => panic!("nothing else is said"),
            }
        }
        let ((came, entry), (left, totals)) = (came.expect("it came"), left.expect("it left"));
        assert_eq!(came, left);
        assert_eq!((totals.panics, totals.lines), (1, 7));
        assert!(entry.thread.join().is_err());
    }

    /// It is the clerk's last resort to know that nobody comes any more.
    #[test]
    fn a_door_that_is_gone_is_told() {
        let (door, inbox) = door();
        drop(door);
        assert!(matches!(inbox.recv(), Ok(Message::DoorClosed)));
    }
}
