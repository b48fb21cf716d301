//! The server's process.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use socket2::SockAddr;

use super::{Client, Model, PATIENCE, REACTOR, TempDir, eventually, program};

/// How a server is to be started. It listens on a free port of `127.0.0.1` if nothing else is asked for.
pub struct Setup {
    pub model: Model,
    program: PathBuf,
    dir: TempDir,
    flags: Vec<OsString>,
    listens: bool,
    shell: Option<String>,
    variables: Vec<(OsString, OsString)>,
    stdin: Stdio,
    stderr: Option<Stdio>,
}

impl Setup {
    pub fn new(model: Model) -> Setup {
        Setup {
            model,
            program: program(),
            dir: TempDir::new(),
            flags: Vec::new(),
            listens: false,
            shell: None,
            variables: Vec::new(),
            stdin: Stdio::null(),
            stderr: None,
        }
    }

    pub fn reactor() -> Setup {
        Setup::new(REACTOR)
    }

    /// One of `examples/`, which knows none of the flags: one of the peers, to be started by [`Setup::start_peer`], or one
    /// that says where it listens, as the steps of the ladder do, by [`Setup::start_step`].
    #[track_caller]
    pub fn example(name: &'static str) -> Setup {
        // The tests are in `deps` of the folder that has `examples`.
        let test = std::env::current_exe().expect("the path of this test");
        let program = test.ancestors().nth(2).expect("a folder of builds");
        let program = program.join("examples").join(name);
        assert!(
            program.exists(),
            "there is no {}: `cargo build --examples` makes it",
            program.display()
        );
        let model = Model { name, flags: &[] };
        Setup {
            program,
            listens: true,
            ..Setup::new(model)
        }
    }

    pub fn dir(&self) -> &TempDir {
        &self.dir
    }

    pub fn flags(mut self, flags: &[&str]) -> Setup {
        self.flags.extend(flags.iter().map(OsString::from));
        self
    }

    pub fn listen(mut self, address: impl AsRef<OsStr>) -> Setup {
        self.listens = true;
        self.flags
            .extend(["--listen".into(), address.as_ref().to_owned()]);
        self
    }

    /// A Unix socket in the test's folder.
    pub fn listen_unix(self) -> Setup {
        let mut address = OsString::from("unix:");
        address.push(self.dir.join("socket"));
        self.listen(address)
    }

    /// No `--listen` at all.
    pub fn listen_by_default(mut self) -> Setup {
        self.listens = true;
        self
    }

    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Setup {
        self.variables.push((name.into(), value.as_ref().into()));
        self
    }

    /// Starts it by a shell, after `script`. The shell becomes the server, so signals and the process id are its own.
    pub fn after(mut self, script: &str) -> Setup {
        self.shell = Some(script.into());
        self
    }

    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Setup {
        self.stdin = stdin.into();
        self
    }

    /// Where its log goes, instead of to a file.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Setup {
        self.stderr = Some(stderr.into());
        self
    }

    /// Starts it and waits until clients can connect.
    #[track_caller]
    pub fn start(self) -> Server {
        let ready_file = self.dir.join("ready");
        let mut server = self
            .flags(&["--ready-file", ready_file.to_str().expect("UTF-8")])
            .spawn();
        let mut text = None;
        eventually("the server is ready", || {
            text = fs::read_to_string(&ready_file).ok();
            text.is_some() || server.has_ended()
        });
        let Some(text) = text else {
            panic!("the server ended at its start: {}", server.log())
        };
        server.addresses = text.lines().map(str::to_owned).collect();
        server
    }

    /// The same for a peer, which has no ready file but names its address in the first line of the log.
    #[track_caller]
    pub fn start_peer(self) -> Server {
        let mut server = self.flags(&["--port", "0"]).spawn();
        let start = "waiting for call on ";
        eventually("the peer is ready", || {
            server.logged(start) > 0 || server.has_ended()
        });
        let log = server.log();
        let (_, address) = log.split_once(start).unwrap_or_else(|| panic!("{log}"));
        let address = address.lines().next().expect("a line");
        server.addresses = vec![address.replace(' ', ":")];
        server
    }

    /// The same for a step of the ladder and its like: its arguments are the address and `more`, and the first line that
    /// it prints names the address.
    #[track_caller]
    pub fn start_step(self, more: &[&str]) -> Server {
        let mut server = self.flags(&["127.0.0.1:0"]).flags(more).spawn();
        let mut printed = String::new();
        eventually("the step is ready", || {
            printed = String::from_utf8(server.stdout()).expect("UTF-8");
            printed.ends_with('\n') || server.has_ended()
        });
        let address = printed.strip_prefix("listening on ");
        let address = address.unwrap_or_else(|| panic!("{printed:?}, {}", server.log()));
        server.addresses = vec![address.trim_end().to_owned()];
        server
    }

    /// Starts it and waits for nothing.
    pub fn spawn(self) -> Server {
        let mut command = match &self.shell {
            None => Command::new(&self.program),
            Some(script) => {
                let mut shell = Command::new("sh");
                let script = format!("{script}\nexec \"$0\" \"$@\"");
                shell.arg("-c").arg(script).arg(&self.program);
                shell
            }
        };
        command.args(self.model.flags).args(&self.flags);
        if !self.listens {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        // What the tests' own environment asks for is not for the server.
        for name in [
            "RUST_LOG",
            "RUST_LOG_STYLE",
            "LISTEN_FDS",
            "LISTEN_PID",
            "LISTEN_FDNAMES",
            "NOTIFY_SOCKET",
        ] {
            command.env_remove(name);
        }
        command.env("RUST_BACKTRACE", "1").envs(self.variables);
        let log = self.dir.join("stderr");
        let stdout = File::create(self.dir.join("stdout")).expect("a file");
        let file = File::create(&log).expect("a file");
        command
            .stdin(self.stdin)
            .stdout(stdout)
            .stderr(self.stderr.unwrap_or_else(|| file.into()));
        Server {
            child: command.spawn().expect("the program starts"),
            status: None,
            log,
            addresses: Vec::new(),
            dir: self.dir,
        }
    }
}

/// A running server. Dropping it kills it.
pub struct Server {
    child: Child,
    status: Option<ExitStatus>,
    log: PathBuf,
    /// What it listens on, as its ready file has it.
    pub addresses: Vec<String>,
    dir: TempDir,
}

impl Server {
    pub fn dir(&self) -> &TempDir {
        &self.dir
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The address that clients connect to, its first.
    pub fn address(&self) -> SockAddr {
        socket_address(&self.addresses[0])
    }

    pub fn port(&self) -> u16 {
        let (_, port) = self.addresses[0].rsplit_once(':').expect("a port");
        port.parse().expect("a port")
    }

    /// A connection that has not read its greeting.
    #[track_caller]
    pub fn connect(&self) -> Client {
        Client::connect(&self.address()).expect("the server accepts")
    }

    /// A client that was greeted.
    #[track_caller]
    pub fn client(&self) -> Client {
        self.connect().greeted()
    }

    #[track_caller]
    pub fn clients(&self, count: usize) -> Vec<Client> {
        let clients: Vec<Client> = (0..count).map(|_| self.connect()).collect();
        clients.into_iter().map(Client::greeted).collect()
    }

    /// A new client is greeted and answered.
    #[track_caller]
    pub fn serves(&self) {
        self.client().ask("hello");
    }

    /// All that it logged.
    pub fn log(&self) -> String {
        String::from_utf8(fs::read(&self.log).expect("its log")).expect("a log in UTF-8")
    }

    pub fn stdout(&self) -> Vec<u8> {
        fs::read(self.dir.join("stdout")).expect("its output")
    }

    /// How many lines of the log have `text` in them.
    pub fn logged(&self, text: &str) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }

    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        eventually(&format!("{text:?} in the log"), || self.logged(text) > 0);
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is there");
    }

    pub fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("our child");
        }
        self.status.is_some()
    }

    /// Waits for its end. The status as a shell tells it: 128 and more for a signal that killed it.
    #[track_caller]
    pub fn status(&mut self) -> i32 {
        eventually("the server ends", || self.has_ended());
        let status = self.status.expect("it has ended");
        let signal = std::os::unix::process::ExitStatusExt::signal;
        // 128 + n is what a second signal makes ours exit with; killed by one would be another thing.
        status
            .code()
            .unwrap_or_else(|| -signal(&status).expect("a signal killed it"))
    }

    /// Ends it by SIGTERM: nothing must be pending. Returns its last line.
    #[track_caller]
    pub fn stop(&mut self) -> Summary {
        self.signal(Signal::TERM);
        assert_eq!(self.status(), 0, "{}", self.log());
        self.summary()
    }

    #[track_caller]
    pub fn summary(&self) -> Summary {
        let log = self.log();
        let line = log.lines().rfind(|line| line.contains("served "));
        Summary::parse(line.unwrap_or_else(|| panic!("no summary in {log}")))
    }

    fn proc(&self, file: &str) -> io::Result<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))
    }

    /// The numbers of its descriptors that are sockets.
    pub fn sockets(&self) -> Vec<i32> {
        let all = fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        let all = all.expect("a running process").flatten();
        let sockets = all.filter(|fd| {
            let what = fs::read_link(fd.path()).unwrap_or_default();
            what.to_string_lossy().starts_with("socket:")
        });
        sockets
            .filter_map(|fd| fd.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .expect("a running process")
            .count()
    }

    /// Waits until there are no more than `count` descriptors.
    #[track_caller]
    pub fn settles_at(&self, count: usize) {
        eventually(&format!("at most {count} descriptors"), || {
            self.descriptors() <= count
        });
    }

    fn status_field(&self, name: &str) -> u64 {
        let status = self.proc("status").expect("a running process");
        let line = status.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.and_then(|n| n.parse().ok()).expect("a number")
    }

    /// The most memory that it ever had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.status_field("VmHWM:") << 10
    }

    /// The memory of its that is in the machine's, in bytes.
    pub fn resident(&self) -> u64 {
        self.status_field("VmRSS:") << 10
    }

    pub fn threads(&self) -> u64 {
        self.status_field("Threads:")
    }

    /// The number of its thread of that name, the first of several.
    pub fn thread(&self, name: &str) -> Option<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        tasks
            .filter_map(|task| task.ok()?.file_name().into_string().ok())
            .find(|task| {
                self.proc(&format!("task/{task}/comm"))
                    .is_ok_and(|comm| comm.trim_end() == name)
            })
    }

    /// How often its thread of that name has waited for something.
    pub fn waits_of(&self, name: &str) -> Option<u64> {
        let status = self
            .proc(&format!("task/{}/status", self.thread(name)?))
            .ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line?.trim().parse().ok()
    }

    /// Whether its thread of that name waits for another thread now.
    pub fn waits_for_a_thread(&self, name: &str) -> bool {
        let thread = self.thread(name).expect("a thread of that name");
        self.proc(&format!("task/{thread}/wchan"))
            .is_ok_and(|place| place.contains("futex"))
    }

    /// The CPU time that it has used.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat").expect("a running process");
        let (_, fields) = stat.rsplit_once(')').expect("the name's end");
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().expect("a number"))
            .sum();
        Duration::from_millis(ticks * 10) // Linux tells in hundredths of a second, always
    }

    /// How much of a CPU it uses while the test does nothing.
    pub fn load(&self) -> f64 {
        let (cpu, start) = (self.cpu(), Instant::now());
        std::thread::sleep(Duration::from_secs(1)); // it is idleness that is measured
        self.cpu().saturating_sub(cpu).as_secs_f64() / start.elapsed().as_secs_f64()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read(&self.log).unwrap_or_default();
            let end = &log[log.len().saturating_sub(4096)..];
            println!("--- the server's log\n{}", String::from_utf8_lossy(end));
        }
    }
}

/// An address as the ready file has it.
fn socket_address(text: &str) -> SockAddr {
    match text.strip_prefix("unix:") {
        Some(path) => SockAddr::unix(path).expect("a path"),
        None => text.parse::<SocketAddr>().expect("an address").into(),
    }
}

/// The line at the end: what the server did.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Summary {
    pub connections: u64,
    pub peak: u64,
    pub refused: u64,
    pub cut_off: u64,
    pub lines: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub missed: u64,
    pub lost: u64,
}

impl Summary {
    #[track_caller]
    fn parse(line: &str) -> Summary {
        // The number before or after a word, whichever way the line has it.
        let words: Vec<&str> = line
            .split(|c: char| c == ',' || c == '(' || c == ')' || c.is_whitespace())
            .filter(|word| !word.is_empty())
            .collect();
        let number = |phrase: &str, offset: isize| {
            let phrase: Vec<&str> = phrase.split(' ').collect();
            let at = words.windows(phrase.len()).position(|w| w == phrase);
            let at = at.unwrap_or_else(|| panic!("no {phrase:?} in {line:?}"));
            let at = if offset < 0 {
                at - 1
            } else {
                at + phrase.len()
            };
            words[at].parse().expect("a number")
        };
        assert!(!line.contains("panics"), "a session panicked: {line}");
        Summary {
            connections: number("connections", -1),
            peak: number("peak", 1),
            refused: number("refused", 1),
            cut_off: number("cut off", 1),
            lines: number("lines", -1),
            bytes_in: number("bytes in", -1),
            bytes_out: number("bytes out", -1),
            missed: number("missed ticks", -1),
            lost: number("log lines lost", -1),
        }
    }
}

const _: () = assert!(PATIENCE.as_secs() >= 10, "other tests run beside this one");
