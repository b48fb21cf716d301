//! System calls that fail as a test wants it, by strace.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{Server, eventually};

/// Whether system calls can be watched and made to fail here. Says on the console that they cannot.
pub fn can_trace() -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-qq", "-o", "/dev/null", "true"]);
    strace.stdin(Stdio::null()).stderr(Stdio::null());
    match strace.status() {
        Ok(status) if status.success() => return true,
        Ok(_) => println!("skipped: strace may not trace here"),
        Err(error) => println!("skipped: strace does not start ({error})"),
    }
    false
}

/// A process, or a thread, whose system calls fail. Dropping it lets them be.
pub struct Injected {
    strace: Child,
    trace: PathBuf,
}

impl Injected {
    /// Into all threads of a server: `what` is `CALL:error=ERROR:when=WHEN`, in strace's words.
    #[track_caller]
    pub fn into(server: &Server, what: &str) -> Injected {
        Injected::start(server, what, &server.pid().to_string(), true)
    }

    /// Into its thread of that name alone.
    #[track_caller]
    pub fn into_thread(server: &Server, name: &str, what: &str) -> Injected {
        // A thread takes its name itself, perhaps when the server is up already.
        let mut thread = None;
        eventually("a thread of that name", || {
            thread = server.thread(name);
            thread.is_some()
        });
        let thread = thread.expect("it was found");
        Injected::start(server, what, &thread, false)
    }

    #[track_caller]
    fn start(server: &Server, what: &str, target: &str, all: bool) -> Injected {
        let (calls, _) = what.split_once(':').expect("a call and its error");
        let trace = server.dir().join("injected");
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-s", "0", "-o"]).arg(&trace);
        strace.args(["-e", &format!("trace={calls}")]);
        strace.args(["-e", &format!("inject={what}"), "-p", target]);
        if all {
            strace.arg("-f");
        }
        strace.stdin(Stdio::null()).stderr(Stdio::null());
        let mut strace = strace.spawn().expect("strace starts");
        eventually("strace has attached", || {
            let ended = strace.try_wait().expect("our child");
            assert_eq!(ended, None, "{what}: strace gave up");
            let tasks = fs::read_dir(format!("/proc/{}/task", server.pid()));
            let mut tasks = tasks.expect("a running process").flatten();
            tasks.all(|task| {
                let is_other = !all && task.file_name() != target;
                let status = fs::read_to_string(task.path().join("status"));
                is_other || status.is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
            })
        });
        Injected { strace, trace }
    }

    /// How many calls have failed by it.
    pub fn count(&self) -> usize {
        let trace = fs::read_to_string(&self.trace).expect("the trace");
        trace.matches("(INJECTED)").count()
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        // It detaches at a signal that it can catch.
        let _ = kill_process(Pid::from_child(&self.strace), Signal::TERM);
        let _ = self.strace.wait();
    }
}
