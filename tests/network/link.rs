//! Two network namespaces and what joins them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The address of the server's side of the veth pair.
pub(crate) const SERVER: &str = "10.200.77.2";
/// The same where packets are carried badly.
pub(crate) const BAD_SERVER: &str = "10.200.78.2";

/// One side each of a pair of namespaces.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Two namespaces, joined by a pair of veth devices. They are gone with this value.
pub(crate) struct Link([String; 2]);

fn ip(words: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(words.split(' ')).stdin(Stdio::null());
    command.stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Link {
    /// None, and says so, if that is not possible here.
    pub(crate) fn new() -> Option<Link> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let link = Link(["c", "s"].map(|side| format!("nbcaser-{}-{number}{side}", id())));
        let [a, b] = &link.0;
        let made = [
            format!("netns add {a}"),
            format!("netns add {b}"),
            format!("-n {a} link add veth0 type veth peer name veth0 netns {b}"),
            format!("-n {a} addr add 10.200.77.1/24 dev veth0"),
            format!("-n {b} addr add {SERVER}/24 dev veth0"),
            format!("-n {a} link set veth0 up"),
            format!("-n {b} link set veth0 up"),
            format!("-n {b} link set lo up"),
        ]
        .iter()
        .all(|words| ip(words));
        if !made {
            println!(
                "skipped: two network namespaces cannot be made and joined here (root and ip are needed)"
            );
        }
        made.then_some(link)
    }

    fn name(&self, side: Side) -> &str {
        match side {
            Side::Client => &self.0[0],
            Side::Server => &self.0[1],
        }
    }

    /// The calling thread, and what it starts from now on, is on that side.
    pub(crate) fn enter(&self, side: Side) {
        let space = File::open(format!("/run/netns/{}", self.name(side))).expect("our namespace");
        let kind = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&space), kind).expect("root");
    }

    /// Plugs the client's side out, or in again.
    pub(crate) fn set(&self, up: bool) {
        let state = if up { "up" } else { "down" };
        let words = format!("-n {} link set veth0 {state}", self.name(Side::Client));
        assert!(ip(&words), "{words}");
    }

    /// Sets something of the kernel's for the side where the calling thread is.
    pub(crate) fn tune(name: &str, value: u32) {
        fs::write(format!("/proc/sys/net/ipv4/{name}"), value.to_string()).expect("root");
    }

    /// A second way from side to side, which carries packets badly. None, and says so, if it cannot be made here.
    pub(crate) fn badly(&self, flags: &str) -> Option<Bad> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/network/impair.py");
        let mut command = Command::new("python3");
        command.arg(script).args(&self.0).args(flags.split(' '));
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let bad = command.spawn().ok().and_then(|mut child| {
            let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
            let mut line = String::new();
            let ready = said.read_line(&mut line).is_ok() && line == "ready\n";
            ready.then_some(Bad { child, said })
        });
        if bad.is_none() {
            println!(
                "skipped: packets cannot be carried badly here (python3 and /dev/net/tun are needed)"
            );
        }
        bad
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for space in &self.0 {
            ip(&format!("netns del {space}"));
        }
    }
}

/// See [`Link::badly`]. Dropping it ends it.
pub(crate) struct Bad {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Bad {
    /// Ends it, and tells what it did to how many packets.
    pub(crate) fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.said.read_to_string(&mut text).expect("UTF-8");
        text.trim_end().to_owned()
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
