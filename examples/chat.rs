//! A chat: what one says, all others hear.
//!
//! `cargo run --example chat -- [ADDRESS]`, then `nc localhost 9602` in two windows. Ctrl-C ends it.
//!
//! Each member has an inbox, a bounded queue, and one task that waits for whichever comes first: a line of his, or a
//! message for him. Who does not read has a full inbox soon, and misses what is said; nobody waits for him.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::{env, io};

use nbcaser::reactor::sync::Queue;
use nbcaser::reactor::{Either, Endpoint, Listener, Reactor, Stream, select};

/// The longest line.
const LINE: usize = 1024;
/// How many messages wait for one who does not read.
const INBOX: usize = 100;

fn main() -> io::Result<()> {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:9602"))?;
    println!("listening on {}", listener.local_addr()?);
    let reactor = Reactor::new()?;
    let handle = reactor.handle();
    let listener = Listener::new(&handle, Endpoint::Tcp(listener))?;
    reactor.block_on(async move {
        let room = Rc::new(Room::default());
        loop {
            let (stream, peer) = listener.accept().await?;
            if let Some(name) = peer {
                handle.spawn(Rc::clone(&room).receive(stream, name));
            }
        }
    })?
}

type Message = Rc<[u8]>;

#[derive(Default)]
struct Room {
    inboxes: RefCell<BTreeMap<SocketAddr, Queue<Message>>>,
}

impl Room {
    async fn receive(self: Rc<Self>, stream: Stream, name: SocketAddr) {
        let inbox = Queue::new(INBOX);
        self.inboxes.borrow_mut().insert(name, inbox.clone());
        self.tell(name, b"has come");
        // An error of one member ends that member.
        let _ = self.chat(stream, name, inbox).await;
        self.inboxes.borrow_mut().remove(&name);
        self.tell(name, b"has left");
    }

    async fn chat(
        &self,
        mut stream: Stream,
        name: SocketAddr,
        inbox: Queue<Message>,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            // The one that loses is dropped and loses nothing: half a line stays in `line`, a message in the inbox.
            match select(stream.read_line(&mut line, LINE), inbox.get()).await {
                Either::First(more) => {
                    if !more? {
                        return Ok(());
                    }
                    self.tell(name, line.trim_ascii_end());
                    line.clear();
                }
                Either::Second(message) => stream.write_all(&message).await?,
            }
        }
    }

    /// Tells all but the one whom it is about.
    fn tell(&self, name: SocketAddr, what: &[u8]) {
        let message: Message = [name.to_string().as_bytes(), b" ", what, b"\n"]
            .concat()
            .into();
        for (other, inbox) in &*self.inboxes.borrow() {
            if *other != name {
                let _ = inbox.try_put(Rc::clone(&message)); // full: he misses it
            }
        }
    }
}
