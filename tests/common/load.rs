//! `nbcaser load` as the clients: every reply is looked at.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{Server, program};

/// A running `nbcaser load`. Dropping it kills it.
pub struct Load {
    child: Child,
    report: PathBuf,
    what: String,
}

impl Load {
    /// The flags are separated by blanks.
    pub fn start(server: &Server, name: &str, flags: &str) -> Load {
        let report = server.dir().join(name);
        let mut command = Command::new(program());
        command.args(["load", &server.addresses[0], "-qqq", "--json"]);
        command.arg(&report).args(flags.split(' '));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().expect("the load tester starts");
        let what = format!("{name}: load {flags}");
        Load {
            child,
            report,
            what,
        }
    }

    /// Waits for its end, which must be one without any error. Its report.
    #[track_caller]
    pub fn succeeds(mut self) -> Value {
        let status = self.child.wait().expect("our child");
        let report = fs::read(&self.report).unwrap_or_default();
        let report: Value = serde_json::from_slice(&report).unwrap_or_default();
        assert!(
            status.success(),
            "{}: {status}, {}, {}, {}",
            self.what,
            report["failures"],
            report["errors"],
            report["mismatches"]
        );
        report
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
