//! A server's process, from its start to its end, which comes unless we are killed ourselves.

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
/// How long one waits for a connect, or for bytes, before one looks around.
const GLANCE: Duration = Duration::from_millis(100);
/// How long it may take to close a connection on which it was told `quit`.
const TO_CLOSE: Duration = Duration::from_secs(1);
/// How long a process may take from closing its sockets to its end.
const TO_EXIT: Duration = Duration::from_millis(500);
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
        server.check_listens()?;
        Ok(server)
    }

    /// Looks whether it is the process itself that listens.
    fn check_listens(&mut self) -> Result<(), CompareError> {
        let port = self.address.port();
        let listens = owner::listens(self.pid(), port);
        if matches!(listens, Ok(true)) {
            return Ok(());
        }
        // One that is just ending does not listen either: that is told first.
        let latest = now() + TO_EXIT;
        while now() < latest {
            self.check()?;
            thread::sleep(LOOK); // between two looks
        }
        let name = self.name.clone();
        Err(match listens {
            Ok(_) => CompareError::Wrapper(name, port),
            Err(error) => CompareError::Start(name, error),
        })
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
            check_signal(signal)?;
            self.check()?;
            if self.address.port() == 0 {
                self.address.set_port(port_in(ready).unwrap_or(0));
            }
            if self.address.port() != 0 && self.greets(latest, signal)? {
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

    /// Whether somebody at its address greets. Whoever says something else, or nothing until `latest`, is no server of ours.
    fn greets(&self, latest: Duration, signal: &AtomicUsize) -> Result<bool, CompareError> {
        let Ok(mut stream) = TcpStream::connect_timeout(&self.address, GLANCE) else {
            return Ok(false);
        };
        if stream.set_read_timeout(Some(GLANCE)).is_err() {
            return Ok(false);
        }
        let mut missing = GREETING;
        while !missing.is_empty() {
            check_signal(signal)?;
            let mut bytes = [0; GREETING.len()];
            let is_wrong = match stream.read(&mut bytes[..missing.len()]) {
                // It was closed before it said all: it may not be what we started.
                Ok(0) => return Ok(false),
                Ok(n) => {
                    let (expected, rest) = missing.split_at(n);
                    missing = rest;
                    bytes[..n] != *expected
                }
                Err(error) if is_early(&error) => now() > latest,
                Err(_) => return Ok(false),
            };
            if is_wrong {
                return Err(CompareError::NoGreeting(self.name.clone(), self.address));
            }
        }
        part(&mut stream);
        Ok(true)
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

/// Ends a connection as a client of ours does; whether it is heard is of no interest.
fn part(stream: &mut TcpStream) {
    let _ = stream.write_all(b"quit\n");
    let latest = now() + TO_CLOSE;
    while now() < latest {
        match stream.read(&mut [0; 1024]) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if is_early(&error) => {}
            Err(_) => return,
        }
    }
}

/// Whether a read only came back before there was anything.
fn is_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// An error if a signal has come.
pub(super) fn check_signal(signal: &AtomicUsize) -> Result<(), CompareError> {
    match signal.load(Ordering::Relaxed) {
        0 => Ok(()),
        received => Err(CompareError::Signal(received as i32)),
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
