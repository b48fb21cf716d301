//! The real driver: mio for readiness, the kernel's monotonic clock, a timer descriptor for deadlines.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::io::ioctl_fionread;
use rustix::net::{
    RecvFlags, SendFlags, Shutdown, SocketFlags, acceptfrom_with, recv, send, shutdown,
};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use signal_hook_mio::v1_0::Signals;
use socket2::{SockAddr, SockRef, Socket, Type};

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

/// What is behind an id. Most are sockets, TCP or Unix, connected or listening: to the kernel it is all one.
enum Source {
    Socket(OwnedFd),
    /// Boxed: ten thousand sockets should not be as large as this one.
    Signals(Box<Signals>),
}

/// A [`Driver`] on the operating system.
pub struct MioDriver {
    poll: Poll,
    events: Events,
    sources: Vec<Option<Source>>,
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
        Ok(MioDriver {
            poll,
            events,
            sources: Vec::new(),
            unparker,
            alarm,
            armed: Time::NEVER,
        })
    }

    fn socket(&self, id: Id) -> io::Result<&OwnedFd> {
        match self.sources.get(id.index()) {
            Some(Some(Source::Socket(socket))) => Ok(socket),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// What is not taken is dropped, and so closed.
    fn add(&mut self, id: Id, socket: OwnedFd, interest: Interest) -> io::Result<()> {
        let token = Token(id.to_bits() as usize);
        self.poll
            .registry()
            .register(&mut SourceFd(&socket.as_raw_fd()), token, interest)?;
        self.put(id, Source::Socket(socket));
        Ok(())
    }

    fn put(&mut self, id: Id, source: Source) {
        if self.sources.len() <= id.index() {
            self.sources.resize_with(id.index() + 1, || None);
        }
        self.sources[id.index()] = Some(source);
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

/// All that a connection may want to know, from its birth on.
const STREAM: Interest = Interest::READABLE
    .add(Interest::WRITABLE)
    .add(Interest::PRIORITY);

impl Driver for MioDriver {
    fn now(&self) -> Time {
        // `Instant` would do it too, by way of a `Duration` and 70 instructions more.
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
        Time::from_nanos(tv_sec as u64 * 1_000_000_000 + tv_nsec as u64)
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
                    if event.is_readable() {
                        ready = ready.with(Ready::READABLE);
                    }
                    if event.is_writable() {
                        ready = ready.with(Ready::WRITABLE);
                    }
                    // What closes the writing side is an error or closes both, and so is one of these, too.
                    if tail {
                        ready = ready.with(Ready::READABLE).with(Ready::TAIL);
                        if event.is_write_closed() || event.is_error() {
                            ready = ready.with(Ready::WRITABLE);
                        }
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
        let socket: OwnedFd = match endpoint {
            Endpoint::Tcp(listener) => listener.into(),
            Endpoint::Unix(listener) => listener.into(),
            Endpoint::Simulated(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        SockRef::from(&socket).set_nonblocking(true)?;
        self.add(id, socket, Interest::READABLE)
    }

    fn accept(&mut self, listener: Id, id: Id) -> io::Result<Option<SocketAddr>> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (socket, peer) = acceptfrom_with(self.socket(listener)?, flags)?;
        self.add(id, socket, STREAM)?;
        Ok(peer.and_then(|peer| SocketAddr::try_from(peer).ok()))
    }

    fn connect(&mut self, id: Id, remote: &Remote) -> io::Result<()> {
        let to = match remote {
            Remote::Tcp(to, _) => SockAddr::from(*to),
            Remote::Unix(path) => SockAddr::unix(path)?,
        };
        let socket = Socket::new(to.domain(), Type::STREAM.nonblocking(), None)?;
        if let Remote::Tcp(_, from) = remote {
            // What leaves was gathered already: to hold it back until the peer acknowledges the last would only delay it.
            socket.set_tcp_nodelay(true)?;
            if let Some(from) = from {
                socket.bind(&(*from).into())?;
            }
        }
        match socket.connect(&to) {
            Err(error)
                if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
            {
                Err(error)
            }
            _ => self.add(id, socket.into(), STREAM),
        }
    }

    fn connected(&mut self, id: Id) -> io::Result<bool> {
        let socket = SockRef::from(self.socket(id)?);
        match (socket.take_error()?, socket.peer_addr()) {
            (None, Ok(_)) => Ok(true),
            (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            (Some(error), _) | (None, Err(error)) => Err(error),
        }
    }

    // These two are the hot ones. rustix makes the system call itself: libc's wrapper first turns thread cancellation on
    // and off, 60 instructions a call, as soon as the process has a second thread, such as the one of the log.
    fn read(&mut self, id: Id, buf: &mut [u8]) -> io::Result<usize> {
        let (n, _) = recv(self.socket(id)?, buf, RecvFlags::empty())?;
        Ok(n)
    }

    fn write(&mut self, id: Id, buf: &[u8]) -> io::Result<usize> {
        Ok(send(self.socket(id)?, buf, SendFlags::NOSIGNAL)?)
    }

    fn write_last(&mut self, id: Id, buf: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::NOSIGNAL | SendFlags::MORE;
        Ok(send(self.socket(id)?, buf, flags)?)
    }

    fn unread(&mut self, id: Id) -> io::Result<usize> {
        Ok(usize::try_from(ioctl_fionread(self.socket(id)?)?).unwrap_or(usize::MAX))
    }

    fn shutdown(&mut self, id: Id) -> io::Result<()> {
        Ok(shutdown(self.socket(id)?, Shutdown::Write)?)
    }

    fn close(&mut self, id: Id) {
        // Closing takes the descriptor out of epoll: no second system call for that.
        if let Some(place) = self.sources.get_mut(id.index()) {
            *place = None;
        }
    }

    fn signals(&mut self, id: Id, numbers: &[i32]) -> io::Result<()> {
        let mut signals = Signals::new(numbers)?;
        self.poll.registry().register(
            &mut signals,
            Token(id.to_bits() as usize),
            Interest::READABLE,
        )?;
        self.put(id, Source::Signals(Box::new(signals)));
        Ok(())
    }

    fn next_signal(&mut self, id: Id) -> Option<i32> {
        match self.sources.get_mut(id.index()) {
            Some(Some(Source::Signals(signals))) => signals.pending().next(),
            _ => None,
        }
    }
}
