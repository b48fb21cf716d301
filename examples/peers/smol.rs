//! The same server on smol, as one who knows smol writes it. [`tokio.rs`](tokio.rs) is the same once more on tokio, function
//! by function; ours is `src/server/reactor/`.
//!
//! `cargo run --release --example peer_smol -- --port 9600`, then `nc localhost 9600`. Ctrl-C ends it.
//!
//! The protocol, the log and the count of descriptors are this crate's, so the three differ in how they wait.
//!
//! | smol gives | and one still writes oneself |
//! |---|---|
//! | a task for each client, which need not be `Send` | which errors of `accept` mean what, and a pause |
//! | `Async`, which makes any socket of the standard library one to wait for | the options and the backlog of the listener |
//! | `write_all`, which waits for a client that does not read | when replies are written, so that they leave together |
//! | timers | a grid of ticks that skips the missed ones; the lingering close |
//! | signals, semaphores, a channel to tell all tasks | what had arrived when the signal came |
//! | an executor that takes turns, as soon as a task waits | a budget: who always has more to say does not wait |

#![allow(
    clippy::disallowed_methods,
    reason = "smol's timers take an instant, and smol has no clock to ask for one"
)]

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_signal::{Signal, Signals};
use clap::Parser;
use log::LevelFilter;
use nbcaser::cli::logging::{self, Log};
use nbcaser::protocol::messages::{GREETING, SERVER_FULL};
use nbcaser::protocol::{Answer, LineBuffer, Session};
use nbcaser::server::limits;
use smol::channel::{self, Receiver};
use smol::future::{self, or};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::lock::Semaphore;
use smol::stream::StreamExt;
use smol::{Async, LocalExecutor, Timer};
use socket2::{Domain, Socket, Type};

/// The longest line, its end not counted.
const MAX_LINE: usize = 256 * 1024;
/// What one read may bring. A task that waits for input has lent out the room for it, so each client keeps its own, the
/// silent ones too.
const INPUT: usize = 16 * 1024;
/// Replies are written when there are so many bytes of them, though there are further lines.
const OUTPUT: usize = 64 * 1024;
/// How long, and for how many bytes, a client that was told the last word is listened to.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 1 << 20;
/// How long accepting pauses for want of descriptors or memory: at first, and at most.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// How long the end may take.
const DRAIN: Duration = Duration::from_secs(5);
/// Descriptors that the server itself takes: stdio, epoll with its timer and its wake-up, the signals' pipe, the listener.
const OWN: usize = 12;

/// The nbcaser server on smol.
#[derive(Parser)]
struct Args {
    /// The port of 127.0.0.1 to listen on; 0 takes a free one, and the first line of the log names it
    #[arg(long, default_value_t = 9600)]
    port: u16,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let log = match Log::init(LevelFilter::Info) {
        Ok(log) => log,
        Err(error) => return logging::die(&error),
    };
    // All tasks in this thread, like the server that it is compared with. What waits for the kernel is one for the whole
    // process, and global; so are the timers.
    let executor = LocalExecutor::new();
    match smol::block_on(executor.run(serve(&executor, args.port))) {
        Ok(status) => status.into(),
        Err(error) => log.die(&error),
    }
}

/// Serves until a signal comes, and drains. Returns the exit status.
async fn serve(executor: &LocalExecutor<'static>, port: u16) -> io::Result<u8> {
    let listener = listen(port)
        .map_err(|error| io::Error::other(format!("cannot listen on port {port}: {error}")))?;
    let mut signals = Signals::new([Signal::Int, Signal::Term])?;
    let (capacity, _) = limits::capacity(None, OWN, &[]);
    let (shutdown, ending) = channel::bounded(1);
    let server = Server {
        executor,
        places: Arc::new(Semaphore::new(capacity.connections)),
        refusals: Arc::new(Semaphore::new(capacity.refusals)),
        ending,
    };
    let address = listener.get_ref().local_addr()?;
    log::info!(
        "Server up, running, and waiting for call on {} {}",
        address.ip(),
        address.port()
    );
    executor.spawn(announce()).detach();

    // To drop a future is to cancel it: nobody is accepted any more.
    let accepting = async { match server.accept(&listener).await {} };
    or(accepting, next(&mut signals)).await;
    // What the backlog holds, asked for without the runtime: `accept().await` might wait for another.
    for _ in 0..BACKLOG {
        let Ok((stream, peer)) = listener.get_ref().accept() else {
            break;
        };
        if let Ok(stream) = Async::new(stream) {
            server.admit(stream, peer);
        }
    }
    drop(listener);
    // All who hold the other end see that this one is gone.
    drop(shutdown);
    // Everybody has left when all places can be had.
    let all = async {
        for _ in 0..capacity.connections {
            server.places.acquire_arc().await.forget();
        }
        0
    };
    let deadline = async {
        Timer::after(DRAIN).await;
        1
    };
    let second = async { 128 + next(&mut signals).await };
    Ok(or(second, or(all, deadline)).await)
    // What tasks there still are go with the executor.
}

/// With options that the sockets it accepts inherit: so nothing has to be set for each.
fn listen(port: u16) -> io::Result<Async<TcpListener>> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(BACKLOG)?;
    Async::new(socket.into())
}

/// What the clients share.
struct Server<'a> {
    executor: &'a LocalExecutor<'static>,
    places: Arc<Semaphore>,
    /// Places for those who are sent away.
    refusals: Arc<Semaphore>,
    /// Closed when the server ends.
    ending: Receiver<Infallible>,
}

impl Server<'_> {
    /// Accepts for ever: no error of `accept` is the listener's end.
    async fn accept(&self, listener: &Async<TcpListener>) -> Infallible {
        let mut pause = PAUSE;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    pause = PAUSE;
                    self.admit(stream, peer);
                }
                // One that had gone before it was let in.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // Out of descriptors or memory. The client still waits, so the next call fails as well, and at once:
                // without a pause this would spin.
                Err(error) => {
                    if pause == PAUSE {
                        log::warn!("accepting pauses: {error}");
                    }
                    Timer::after(pause).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Gives the client a place and a task, or tells it that there is none.
    fn admit(&self, mut stream: Async<TcpStream>, peer: SocketAddr) {
        let Some(place) = self.places.try_acquire_arc() else {
            log::warn!("the server is full, a client is sent away: {peer}");
            let permit = self.refusals.try_acquire_arc();
            let send_away = async move {
                if stream.write_all(SERVER_FULL).await.is_ok() && permit.is_some() {
                    linger(&stream, LINGER_BYTES).await;
                }
            };
            self.executor.spawn(send_away).detach();
            return;
        };
        log::info!("Received connection from {peer}");
        let ending = self.ending.clone();
        let task = async move {
            if let Err(error) = session(&stream, ending).await {
                log::debug!("{peer}: {error}");
            }
            log::info!("{peer} quit");
            drop(stream);
            drop(place); // only now is its descriptor free
        };
        self.executor.spawn(task).detach();
    }
}

/// One client, from the greeting to the close.
///
/// # Errors
/// The stream's. They end this client.
async fn session(stream: &Async<TcpStream>, ending: Receiver<Infallible>) -> io::Result<()> {
    if !dialogue(stream, &ending).await? {
        // Who is told the last word because the server ends has done nothing wrong: it may have sent megabytes.
        let is_ending = ending.is_closed();
        linger(stream, if is_ending { u64::MAX } else { LINGER_BYTES }).await;
    }
    Ok(())
}

/// Answers line after line. Returns whether it was the client that ended it.
async fn dialogue(
    mut stream: &Async<TcpStream>,
    ending: &Receiver<Infallible>,
) -> io::Result<bool> {
    let (mut session, mut lines) = (Session::default(), LineBuffer::new(MAX_LINE));
    let mut input = vec![0; INPUT];
    let mut replies = GREETING.to_vec();
    // One future for all rounds: it stays in its queue, where a new one a round would come and go.
    let mut ending = pin!(ending.recv());
    // How much may still be read, once the server ends.
    let mut left = None;
    loop {
        // No whole line is left, so the replies go out. While they do not fit nothing is read: that is the backpressure.
        stream.write_all(&replies).await?;
        replies.clear();
        replies.shrink_to(OUTPUT);
        let mut source = stream.take(left.unwrap_or(u64::MAX));
        let end = async {
            match left {
                None => _ = ending.as_mut().await,
                Some(_) => future::pending().await,
            }
            None
        };
        // `or` looks at the first one first: the end comes first, though there is always more to read.
        let Some(read) = or(end, async { Some(source.read(&mut input).await) }).await else {
            // There is no word for "what has arrived" in smol; the kernel is asked.
            left = Some(rustix::io::ioctl_fionread(stream)?);
            continue;
        };
        let read = read?;
        if let Some(left) = &mut left {
            *left -= read as u64;
        }
        if read == 0 {
            // The client has ended its side, or all that had arrived is read. In that case an unfinished line stays so,
            // unless the end had arrived behind it.
            let ended = left.is_none() || is_at_end(stream);
            if ended && let Some(found) = lines.finish() {
                session.answer(lines.line(found, &[]), MAX_LINE, &mut replies);
                stream.write_all(&replies).await?;
            }
            return Ok(ended);
        }
        let mut rest = &input[..read];
        while let (consumed, Some(found)) = lines.next(rest) {
            let line = lines.line(found, rest);
            let answer = session.answer(line, MAX_LINE, &mut replies);
            if matches!(answer, Answer::Quit | Answer::NoMemory) {
                stream.write_all(&replies).await?;
                return Ok(false);
            }
            if replies.len() > OUTPUT {
                stream.write_all(&replies).await?;
                replies.clear();
            }
            rest = &rest[consumed..];
        }
        if read == INPUT {
            // There is probably more. Others first: without this line one who floods holds all the others up for seconds.
            future::yield_now().await;
        }
    }
}

/// Whether the end is what the next read would bring, asked of the kernel: the runtime would wait for more.
fn is_at_end(stream: &Async<TcpStream>) -> bool {
    matches!(stream.get_ref().peek(&mut [0]), Ok(0))
}

/// Ends the sending side and discards input until the client ends its own. A socket that is closed with unread input
/// sends a reset, which takes from the client the replies that it has not read yet.
async fn linger(stream: &Async<TcpStream>, most: u64) {
    if stream.get_ref().shutdown(Shutdown::Write).is_ok() {
        let discard = async { _ = smol::io::copy(stream.take(most), smol::io::sink()).await };
        or(discard, async { _ = Timer::after(LINGER).await }).await;
    }
}

/// Says in the log that the loop is running: after a second, and then every 15, on a grid.
async fn announce() {
    let every = Duration::from_secs(15);
    let mut next = Instant::now() + Duration::from_secs(1);
    loop {
        Timer::at(next).await;
        let now = jiff::Zoned::now();
        log::info!(
            "The event loop is still running at: {}",
            now.strftime("%a %b %e %H:%M:%S %Y")
        );
        // A process that was stopped for a while does not make up for it; `Timer::interval_at` would.
        while next <= Instant::now() {
            next += every;
        }
    }
}

/// The number of the next signal.
async fn next(signals: &mut Signals) -> u8 {
    loop {
        match signals.next().await {
            Some(Ok(Signal::Int)) => return 2,
            Some(Ok(_)) => return 15,
            // They come through a socket pair, and reading that failed. It is no signal.
            Some(Err(error)) => log::warn!("signals: {error}"),
            None => future::pending().await,
        }
    }
}
