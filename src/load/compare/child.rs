//! A server's process, from its start to its end, which comes whatever happens to us.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use rustix::thread::CpuSet;
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use super::cpus::Pinned;
use super::owner;
use super::run::CompareError;
use super::setup::{Contender, Start};
use crate::protocol::messages::GREETING;

/// Between two looks at a process that is to begin or to end.
const LOOK: Duration = Duration::from_millis(5);
/// How long a server may take to end once it is told to; then it is killed.
const TO_END: Duration = Duration::from_secs(7);
/// How long it may take to greet one who has connected.
const TO_GREET: Duration = Duration::from_secs(5);
/// Where its last line is looked for: in so many bytes at the end.
const LAST_WORDS: u64 = 4096;

/// A server that runs. When this is dropped the process is killed, and with it what it started itself: it is a process
/// group of its own. So it hears nothing of a Ctrl-C, either, which is for us to act upon.
pub(super) struct Server {
    name: String,
    child: Child,
    is_over: bool,
    address: SocketAddr,
    /// What it says on stderr.
    words: File,
    _folder: TempDir,
}

impl Server {
    /// Starts a server on these CPUs and waits until it has greeted us, at most `timeout` long and until `signal` is set.
    pub(super) fn start(
        contender: &Contender,
        cpus: &CpuSet,
        timeout: Duration,
        signal: &AtomicUsize,
    ) -> Result<Server, CompareError> {
        let failed = |error| CompareError::Start(contender.name.clone(), error);
        let folder = tempfile::Builder::new()
            .prefix("nbcaser-")
            .tempdir()
            .map_err(failed)?;
        let words = tempfile::tempfile().map_err(failed)?;
        let ready = folder.path().join("ready");
        let (mut command, port) = command(contender, &ready).map_err(failed)?;
        command
            .env("RUST_LOG", "warn")
            // These are for us, if for anybody.
            .env_remove("LISTEN_FDS")
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(words.try_clone().map_err(failed)?)
            .process_group(0);
        // A child runs where its parent does, and so does all that it starts.
        let pinned = Pinned::to(cpus).map_err(failed)?;
        let child = command.spawn().map_err(failed)?;
        drop(pinned);

        let mut server = Server {
            name: contender.name.clone(),
            child,
            is_over: false,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            words,
            _folder: folder,
        };
        server.await_greeting(&ready, timeout, signal)?;
        let (name, port) = (server.name.clone(), server.address.port());
        match owner::listens(server.pid(), port) {
            Ok(true) => Ok(server),
            Ok(false) => Err(CompareError::Wrapper(name, port)),
            Err(error) => Err(CompareError::Start(name, error)),
        }
    }

    /// Waits until it greets us. One that writes a `ready` file has its port there.
    fn await_greeting(
        &mut self,
        ready: &Path,
        timeout: Duration,
        signal: &AtomicUsize,
    ) -> Result<(), CompareError> {
        let latest = now() + timeout;
        loop {
            let received = signal.load(Ordering::Relaxed);
            if received != 0 {
                return Err(CompareError::Signal(received as i32));
            }
            self.check()?;
            if self.address.port() == 0 {
                self.address.set_port(port_in(ready).unwrap_or(0));
            }
            if self.address.port() != 0 && self.greets()? {
                return Ok(());
            }
            if now() > latest {
                let name = self.name.clone();
                return Err(CompareError::Silent(name, self.address, timeout));
            }
            thread::sleep(LOOK); // between two looks
        }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Looks whether it does the work itself. Some start others for that as late as under the load.
    ///
    /// # Errors
    /// It has others.
    pub(super) fn check_alone(&self) -> Result<(), CompareError> {
        if owner::has_children(self.pid()) {
            return Err(CompareError::Several(self.name.clone()));
        }
        Ok(())
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Whether it has ended. It is left to be waited for: as long as it is, its number, and that of its group, is its own.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.group()), options), Ok(None))
    }

    /// Whether it still runs. An error says how it ended.
    pub(super) fn check(&mut self) -> Result<(), CompareError> {
        if !self.has_ended() {
            return Ok(());
        }
        let name = self.name.clone();
        match self.end() {
            Ok(status) => Err(CompareError::Ended(name, status, self.last_words())),
            Err(error) => Err(CompareError::Start(name, error)),
        }
    }

    /// Kills the group and waits for the process, the first time. Thereafter the number may be somebody else's.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if !self.is_over {
            self.is_over = true;
            let _ = kill_process_group(self.group(), Signal::KILL);
        }
        self.child.wait() // which looks but once
    }

    /// Whether somebody at its address greets. Whoever says something else is no server of ours.
    fn greets(&self) -> Result<bool, CompareError> {
        let Ok(mut stream) = TcpStream::connect_timeout(&self.address, TO_GREET) else {
            return Ok(false);
        };
        let mut greeting = Vec::new();
        let read = stream.set_read_timeout(Some(TO_GREET)).and_then(|()| {
            let mut first = (&stream).take(GREETING.len() as u64);
            first.read_to_end(&mut greeting)
        });
        if greeting == GREETING {
            // So that it ends as a client of ours ends; whether it is heard is of no interest.
            let _ = stream.write_all(b"quit\n");
            let _ = io::copy(&mut stream.take(1 << 16), &mut io::sink());
            return Ok(true);
        }
        let is_silent = read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        if is_silent || !GREETING.starts_with(&greeting) {
            return Err(CompareError::NoGreeting(self.name.clone(), self.address));
        }
        // It was closed before it said all: it may not be what we started.
        Ok(false)
    }

    /// The last line of what it said on stderr.
    fn last_words(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let length = self.words.seek(SeekFrom::End(0)).ok()?;
        let from = length.saturating_sub(LAST_WORDS);
        self.words.seek(SeekFrom::Start(from)).ok()?;
        self.words.read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(line.trim().to_owned())
    }

    /// Tells it to end, and waits until it has. One that does not want to is killed, at once if there is a `signal`.
    pub(super) fn stop(self, signal: &AtomicUsize) {
        let _ = kill_process_group(self.group(), Signal::TERM);
        let latest = now() + TO_END;
        while !self.has_ended() && now() < latest && signal.load(Ordering::Relaxed) == 0 {
            thread::sleep(LOOK); // between two looks
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// What starts it, and the port on which it will listen: 0 if it chooses that itself and tells it in the `ready` file.
fn command(contender: &Contender, ready: &Path) -> io::Result<(Command, u16)> {
    match &contender.start {
        Start::Model(model) => {
            let mut command = Command::new(std::env::current_exe()?);
            command
                .args(["serve", "--listen", "127.0.0.1:0", "--model", model])
                .args(["--announce-delay", "0", "--announce-every", "0"])
                .arg("--ready-file")
                .arg(ready);
            Ok((command, 0))
        }
        Start::Peer(words) => {
            let port = free_port()?;
            let words = Contender::words(words, port);
            let (program, args) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
            let mut command = Command::new(program);
            command.args(args);
            Ok((command, port))
        }
    }
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A port of 127.0.0.1 on which nobody listens, right now.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// The port in a ready file, once it is there.
fn port_in(ready: &Path) -> Option<u16> {
    let text = fs::read_to_string(ready).ok()?;
    text.lines().next()?.rsplit_once(':')?.1.parse().ok()
}
