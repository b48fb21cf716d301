//! Whether it is the process that we started that serves.
//!
//! A command may be a wrapper which starts the server as a process of its own. Then the CPU time of the one that we
//! started says nothing, and ending it may not end the server. Or somebody else took the port. Or it listens, and leaves
//! the work to processes that it starts.

use std::fs;
use std::io;
use std::path::Path;

/// Whether this process has a socket that listens on this TCP port.
///
/// # Errors
/// The process is not there, or may not be looked at.
pub(super) fn listens(pid: u32, port: u16) -> io::Result<bool> {
    let sockets: Vec<String> = ["tcp", "tcp6"]
        .into_iter()
        .filter_map(|file| fs::read_to_string(format!("/proc/{pid}/net/{file}")).ok())
        .flat_map(|table| listeners(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        // A descriptor may be closed while one looks at it.
        let Ok(target) = fs::read_link(entry?.path()) else {
            continue;
        };
        if sockets.iter().any(|socket| target == Path::new(socket)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether this process has children, who may serve in its stead: their CPU time is not its own. A kernel without
/// `CONFIG_PROC_CHILDREN` does not tell: then false.
pub(super) fn has_children(pid: u32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    tasks.flatten().any(|task| {
        let children = fs::read_to_string(task.path().join("children"));
        children.is_ok_and(|pids| !pids.trim().is_empty())
    })
}

/// The inodes of the sockets in this table of the kernel that listen on this port.
fn listeners(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let listener = |line: &str| {
        // Number, local address, remote address, state (0A: it listens), queues, timer, retransmits, user, timeout, inode.
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&suffix) && *fields.get(3)? == "0A";
        listens
            .then(|| fields.get(9).copied())
            .flatten()
            .map(String::from)
    };
    table.lines().filter_map(listener).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_child_is_seen_while_it_lives() {
        if !Path::new("/proc/thread-self/children").exists() {
            println!("skipped: this kernel does not tell of children");
            return;
        }
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        assert!(has_children(std::process::id()));
        assert!(!has_children(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!has_children(u32::MAX));
    }

    #[test]
    fn a_listener_is_known_by_its_process() {
        let this = std::process::id();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                continue; // no IPv6 here
            };
            let port = listener.local_addr().unwrap().port();
            assert!(listens(this, port).unwrap(), "{address}");
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let other = client.local_addr().unwrap().port();
            assert!(
                !listens(this, other).unwrap(),
                "a connection is no listener"
            );
            drop(listener);
            assert!(!listens(this, port).unwrap());
        }
        assert!(listens(u32::MAX, 1).is_err());
    }
}
