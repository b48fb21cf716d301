//! The same server on tokio, as one who knows tokio writes it. [`smol.rs`](smol.rs) is the same once more on smol, function
//! by function; ours is `src/server/reactor/`.
//!
//! `cargo run --release --example peer_tokio -- --port 9600`, then `nc localhost 9600`. Ctrl-C ends it.
//!
//! The protocol, the log and the count of descriptors are this crate's, so the three differ in how they wait.
//!
//! | tokio gives | and one still writes oneself |
//! |---|---|
//! | a task for each client, a panic in which ends that client | which errors of `accept` mean what, and a pause |
//! | `write_all`, which waits for a client that does not read | when replies are written, so that they leave together |
//! | timers, a grid of ticks that skips the missed ones | the lingering close |
//! | signals, semaphores, a channel to tell all tasks | what had arrived when the signal came |
//! | a budget, so that nobody is served for ever | a smaller one: 128 steps of 16 KiB of lines are milliseconds |

use std::convert::Infallible;
use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use log::LevelFilter;
use nbcaser::cli::logging::{self, Log};
use nbcaser::protocol::messages::{GREETING, SERVER_FULL};
use nbcaser::protocol::{Answer, LineBuffer, Session};
use nbcaser::server::limits;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

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
const BACKLOG: u32 = 4096;
/// How long the end may take.
const DRAIN: Duration = Duration::from_secs(5);
/// Descriptors that the server itself takes: stdio, epoll, the signals' pipe, the listener.
const OWN: usize = 12;

/// The nbcaser server on tokio.
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
    // All tasks in this thread, like the server that it is compared with. `new_multi_thread` is the only change that
    // more threads would take: tokio's tasks are `Send` in any case.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime.and_then(|runtime| runtime.block_on(serve(args.port))) {
        Ok(status) => status.into(),
        Err(error) => log.die(&error),
    }
}

/// Serves until a signal comes, and drains. Returns the exit status.
async fn serve(port: u16) -> io::Result<u8> {
    let listener = listen(port)
        .map_err(|error| io::Error::other(format!("cannot listen on port {port}: {error}")))?;
    let mut signals = Signals::new()?;
    let (capacity, _) = limits::capacity(None, OWN, &[]);
    let (shutdown, ending) = watch::channel(());
    let server = Server {
        places: Arc::new(Semaphore::new(capacity.connections)),
        refusals: Arc::new(Semaphore::new(capacity.refusals)),
        ending,
    };
    let address = listener.local_addr()?;
    log::info!(
        "Server up, running, and waiting for call on {} {}",
        address.ip(),
        address.port()
    );
    tokio::spawn(announce());

    // To drop a future is to cancel it: nobody is accepted any more.
    select! {
        never = server.accept(&listener) => match never {},
        _ = signals.next() => {}
    }
    // What the backlog holds, asked for without the runtime: `accept().await` might wait for another.
    let listener = listener.into_std()?;
    for _ in 0..BACKLOG {
        let Ok((stream, peer)) = listener.accept() else {
            break;
        };
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            server.admit(stream, peer);
        }
    }
    drop(listener);
    // All who hold the other end see that this one is gone.
    drop(shutdown);
    // Everybody has left when all places can be had.
    let all = server.places.acquire_many(capacity.connections as u32);
    Ok(select! {
        in_time = timeout(DRAIN, all) => u8::from(in_time.is_err()),
        signal = signals.next() => 128 + signal,
    })
    // What tasks there still are go with the runtime.
}

/// With options that the sockets it accepts inherit: so nothing has to be set for each.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(BACKLOG)
}

/// What the clients share.
struct Server {
    places: Arc<Semaphore>,
    /// Places for those who are sent away.
    refusals: Arc<Semaphore>,
    /// Closed when the server ends.
    ending: watch::Receiver<()>,
}

impl Server {
    /// Accepts for ever: no error of `accept` is the listener's end.
    async fn accept(&self, listener: &TcpListener) -> Infallible {
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
                    sleep(pause).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Gives the client a place and a task, or tells it that there is none.
    fn admit(&self, mut stream: TcpStream, peer: SocketAddr) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            log::warn!("the server is full, a client is sent away: {peer}");
            let permit = Arc::clone(&self.refusals).try_acquire_owned();
            tokio::spawn(async move {
                if stream.write_all(SERVER_FULL).await.is_ok() && permit.is_ok() {
                    linger(&mut stream, LINGER_BYTES).await;
                }
            });
            return;
        };
        log::info!("Received connection from {peer}");
        let ending = self.ending.clone();
        tokio::spawn(async move {
            if let Err(error) = session(&mut stream, ending).await {
                log::debug!("{peer}: {error}");
            }
            log::info!("{peer} quit");
            drop(stream);
            drop(place); // only now is its descriptor free
        });
    }
}

/// One client, from the greeting to the close.
///
/// # Errors
/// The stream's. They end this client.
async fn session(stream: &mut TcpStream, ending: watch::Receiver<()>) -> io::Result<()> {
    if !dialogue(stream, ending.clone()).await? {
        // Who is told the last word because the server ends has done nothing wrong: it may have sent megabytes.
        let is_ending = ending.has_changed().is_err();
        linger(stream, if is_ending { u64::MAX } else { LINGER_BYTES }).await;
    }
    Ok(())
}

/// Answers line after line. Returns whether it was the client that ended it.
async fn dialogue(stream: &mut TcpStream, mut ending: watch::Receiver<()>) -> io::Result<bool> {
    let (mut session, mut lines) = (Session::default(), LineBuffer::new(MAX_LINE));
    let mut input = Vec::with_capacity(INPUT);
    let mut replies = GREETING.to_vec();
    // One future for all rounds: it stays in its queue, where a new one a round would come and go.
    let mut ending = pin!(ending.changed());
    // How much may still be read, once the server ends.
    let mut left = None;
    loop {
        // No whole line is left, so the replies go out. While they do not fit nothing is read: that is the backpressure.
        stream.write_all(&replies).await?;
        replies.clear();
        replies.shrink_to(OUTPUT);
        input.clear();
        let mut source = stream.take(left.unwrap_or(u64::MAX));
        select! {
            biased; // the end comes first, though there is always more to read
            _ = &mut ending, if left.is_none() => {
                // There is no word for "what has arrived" in tokio; the kernel is asked.
                left = Some(rustix::io::ioctl_fionread(&*stream)?);
                continue;
            }
            read = source.read_buf(&mut input) => read?,
        };
        if let Some(left) = &mut left {
            *left -= input.len() as u64;
        }
        if input.is_empty() {
            // The client has ended its side, or all that had arrived is read. In that case an unfinished line stays so,
            // unless the end had arrived behind it.
            let ended = left.is_none() || is_at_end(stream);
            if ended && let Some(found) = lines.finish() {
                session.answer(lines.line(found, &[]), MAX_LINE, &mut replies);
                stream.write_all(&replies).await?;
            }
            return Ok(ended);
        }
        let mut rest = &input[..];
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
        if input.len() == INPUT {
            // There is probably more. Others first: left to tokio's own budget they wait some milliseconds.
            tokio::task::yield_now().await;
        }
    }
}

/// Whether the end is what the next read would bring, asked of the kernel: the runtime would wait for more.
fn is_at_end(stream: &TcpStream) -> bool {
    matches!(
        SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]),
        Ok(0)
    )
}

/// Ends the sending side and discards input until the client ends its own. A socket that is closed with unread input
/// sends a reset, which takes from the client the replies that it has not read yet.
async fn linger(stream: &mut TcpStream, most: u64) {
    if stream.shutdown().await.is_ok() {
        let discard =
            async { tokio::io::copy(&mut stream.take(most), &mut tokio::io::sink()).await };
        let _ = timeout(LINGER, discard).await;
    }
}

/// Says in the log that the loop is running: after a second, and then every 15, on a grid.
async fn announce() {
    let mut ticks = interval_at(
        Instant::now() + Duration::from_secs(1),
        Duration::from_secs(15),
    );
    // A process that was stopped for a while does not make up for it.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let now = jiff::Zoned::now();
        log::info!(
            "The event loop is still running at: {}",
            now.strftime("%a %b %e %H:%M:%S %Y")
        );
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The number of the next one.
    async fn next(&mut self) -> u8 {
        select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }
}
