//! The real driver: mio for readiness, the kernel's monotonic clock, a timer descriptor for deadlines.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use signal_hook_mio::v1_0::Signals;

use super::driver::{Driver, Endpoint, Event, Ready, Remote, Unpark};
use super::slots::Id;
use super::time::Time;

const _: () = assert!(
    usize::BITS >= 64,
    "a token must hold an index and a generation: 64-bit machines only"
);

const UNPARK: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);

/// Events that one poll may report. One at a time costs 8-11 % more CPU at 64 clients.
const BATCH: usize = 1024;

/// The longest rest that an alarm takes.
const FOR_EVER: Timespec = Timespec {
    tv_sec: i64::MAX,
    tv_nsec: 0,
};

enum Socket {
    TcpListener(TcpListener),
    UnixListener(UnixListener),
    Tcp(TcpStream),
    Unix(UnixStream),
    Signals(Signals),
}

/// A [`Driver`] on the operating system.
pub struct MioDriver {
    /// The clock's zero.
    start: Instant,
    poll: Poll,
    events: Events,
    sockets: Vec<Option<Socket>>,
    unparker: Arc<Unparker>,
    alarm: OwnedFd,
    /// When the alarm goes off. It is set only when a deadline is sooner: a timeout in each `epoll_wait` costs the
    /// kernel some 900 instructions a sleep, and this one nothing, but a wake-up for nothing if that timer was cancelled.
    armed: Time,
}

struct Unparker(Waker);

impl Unpark for Unparker {
    fn unpark(&self) {
        let _ = self.0.wake();
    }
}

impl MioDriver {
    /// A driver without sources.
    ///
    /// # Errors
    /// No descriptors are left for the poller, the waker and the alarm.
    pub fn new() -> io::Result<MioDriver> {
        let poll = Poll::new()?;
        let unparker = Arc::new(Unparker(Waker::new(poll.registry(), UNPARK)?));
        let alarm = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        poll.registry()
            .register(&mut SourceFd(&alarm.as_raw_fd()), ALARM, Interest::READABLE)?;
        let events = Events::with_capacity(BATCH);
        #[expect(clippy::disallowed_methods, reason = "this is the driver")]
        let start = Instant::now();
        Ok(MioDriver {
            start,
            poll,
            events,
            sockets: Vec::new(),
            unparker,
            alarm,
            armed: Time::NEVER,
        })
    }

    fn socket(&mut self, id: Id) -> io::Result<&mut Socket> {
        self.sockets
            .get_mut(id.index())
            .and_then(Option::as_mut)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn add(&mut self, id: Id, mut socket: Socket) -> io::Result<()> {
        let (registry, token) = (self.poll.registry(), Token(id.to_bits() as usize));
        let stream = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        match &mut socket {
            Socket::TcpListener(source) => registry.register(source, token, Interest::READABLE),
            Socket::UnixListener(source) => registry.register(source, token, Interest::READABLE),
            Socket::Signals(source) => registry.register(source, token, Interest::READABLE),
            Socket::Tcp(source) => registry.register(source, token, stream),
            Socket::Unix(source) => registry.register(source, token, stream),
        }?;
        if self.sockets.len() <= id.index() {
            self.sockets.resize_with(id.index() + 1, || None);
        }
        self.sockets[id.index()] = Some(socket);
        Ok(())
    }

    fn set_alarm(&mut self, deadline: Time) -> io::Result<()> {
        let rest = deadline.since(self.now()).max(Duration::from_nanos(1)); // zero would turn it off
        let it_value = Timespec::try_from(rest).unwrap_or(FOR_EVER);
        let setting = Itimerspec {
            it_interval: Timespec::default(),
            it_value,
        };
        timerfd_settime(&self.alarm, TimerfdTimerFlags::empty(), &setting)?;
        self.armed = deadline;
        Ok(())
    }
}

/// A socket that does what it was not made for: a mistake of the reactor's.
fn unsuited() -> io::Error {
    io::ErrorKind::Unsupported.into()
}

impl Driver for MioDriver {
    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    fn poll(&mut self, events: &mut Vec<Event>, deadline: Time) -> io::Result<()> {
        let timeout = (deadline == Time::ZERO).then_some(Duration::ZERO);
        if timeout.is_none() && deadline < self.armed {
            self.set_alarm(deadline)?;
        }
        self.poll.poll(&mut self.events, timeout)?;
        for event in &self.events {
            match event.token() {
                UNPARK => {}
                ALARM => self.armed = Time::NEVER,
                Token(bits) => {
                    let tail = event.is_read_closed() || event.is_priority() || event.is_error();
                    let mut ready = Ready::NONE;
                    if event.is_readable() || tail {
                        ready = ready.with(Ready::READABLE);
                    }
                    if event.is_writable() || event.is_write_closed() || event.is_error() {
                        ready = ready.with(Ready::WRITABLE);
                    }
                    if tail {
                        ready = ready.with(Ready::TAIL);
                    }
                    events.push(Event {
                        id: Id::from_bits(bits as u64),
                        ready,
                    });
                }
            }
        }
        Ok(())
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        Arc::clone(&self.unparker) as Arc<dyn Unpark>
    }

    fn listen(&mut self, id: Id, endpoint: Endpoint) -> io::Result<()> {
        let socket = match endpoint {
            Endpoint::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Socket::TcpListener(TcpListener::from_std(listener))
            }
            Endpoint::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Socket::UnixListener(UnixListener::from_std(listener))
            }
            Endpoint::Simulated(_) => return Err(unsuited()),
        };
        self.add(id, socket)
    }

    fn accept(&mut self, listener: Id, id: Id) -> io::Result<Option<SocketAddr>> {
        // What `add` does not take is dropped by it, and so closed.
        let (socket, peer) = match self.socket(listener)? {
            Socket::TcpListener(listener) => listener
                .accept()
                .map(|(stream, peer)| (Socket::Tcp(stream), Some(peer)))?,
            Socket::UnixListener(listener) => listener
                .accept()
                .map(|(stream, _)| (Socket::Unix(stream), None))?,
            _ => return Err(unsuited()),
        };
        self.add(id, socket)?;
        Ok(peer)
    }

    fn connect(&mut self, id: Id, to: &Remote) -> io::Result<()> {
        let socket = match to {
            Remote::Tcp(to, None) => Socket::Tcp(TcpStream::connect(*to)?),
            Remote::Tcp(to, Some(from)) => {
                Socket::Tcp(TcpStream::from_std(connect_from(*to, *from)?))
            }
            Remote::Unix(path) => Socket::Unix(UnixStream::connect(path)?),
        };
        self.add(id, socket)
    }

    fn connected(&mut self, id: Id) -> io::Result<bool> {
        let (error, peer) = match self.socket(id)? {
            Socket::Tcp(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
            Socket::Unix(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
            _ => return Err(unsuited()),
        };
        match (error, peer) {
            (None, Ok(())) => Ok(true),
            (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            (Some(error), _) | (None, Err(error)) => Err(error),
        }
    }

    // These two are the hot ones. rustix makes the system call itself: libc's wrapper first turns thread cancellation on
    // and off, 60 instructions a call, as soon as the process has a second thread, such as the one of the log.
    fn read(&mut self, id: Id, buf: &mut [u8]) -> io::Result<usize> {
        let (n, _) = match self.socket(id)? {
            Socket::Tcp(stream) => recv(&*stream, buf, RecvFlags::empty())?,
            Socket::Unix(stream) => recv(&*stream, buf, RecvFlags::empty())?,
            _ => return Err(unsuited()),
        };
        Ok(n)
    }

    fn write(&mut self, id: Id, buf: &[u8]) -> io::Result<usize> {
        Ok(match self.socket(id)? {
            Socket::Tcp(stream) => send(&*stream, buf, SendFlags::NOSIGNAL)?,
            Socket::Unix(stream) => send(&*stream, buf, SendFlags::NOSIGNAL)?,
            _ => return Err(unsuited()),
        })
    }

    fn unread(&mut self, id: Id) -> io::Result<usize> {
        let socket: &Socket = self.socket(id)?;
        let unread = match socket {
            Socket::Tcp(stream) => rustix::io::ioctl_fionread(stream),
            Socket::Unix(stream) => rustix::io::ioctl_fionread(stream),
            _ => return Err(unsuited()),
        };
        Ok(usize::try_from(unread?).unwrap_or(usize::MAX))
    }

    fn shutdown(&mut self, id: Id) -> io::Result<()> {
        match self.socket(id)? {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Socket::Unix(stream) => stream.shutdown(Shutdown::Write),
            _ => Err(unsuited()),
        }
    }

    fn close(&mut self, id: Id) {
        // Closing takes the descriptor out of epoll: no second system call for that.
        if let Some(place) = self.sockets.get_mut(id.index()) {
            *place = None;
        }
    }

    fn signals(&mut self, id: Id, numbers: &[i32]) -> io::Result<()> {
        let signals = Signals::new(numbers)?;
        self.add(id, Socket::Signals(signals))
    }

    fn next_signal(&mut self, id: Id) -> Option<i32> {
        match self.socket(id) {
            Ok(Socket::Signals(signals)) => signals.pending().next(),
            _ => None,
        }
    }
}

/// Begins to connect from a source address of the caller's choice.
fn connect_from(to: SocketAddr, from: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(to),
        socket2::Type::STREAM.nonblocking(),
        None,
    )?;
    socket.bind(&from.into())?;
    match socket.connect(&to.into()) {
        Err(error)
            if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            Err(error)
        }
        _ => Ok(socket.into()),
    }
}
