//! Telling others that the server is up.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::OFlags;
use rustix::io::{Errno, ioctl_fionbio};

use super::address::Address;
use super::escape::Escaped;

/// Writes the bound addresses to a file, a line each. A regular file appears whole or not at all; a named pipe is written
/// to once somebody reads it, which is not waited for.
///
/// # Errors
/// Those of the file.
pub fn write_file(path: &Path, addresses: &[Address]) -> io::Result<()> {
    let mut lines = String::new();
    for address in addresses {
        lines += &address.to_string();
        lines.push('\n');
    }
    // A device or a pipe is written to; a file is replaced, since a reader may look at any moment.
    match fs::metadata(path).map(|found| found.file_type()) {
        Ok(found) if found.is_fifo() => return write_pipe(path.to_owned(), lines),
        Ok(found) if !found.is_file() => return fs::write(path, lines),
        _ => {}
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    fs::write(&draft, lines)
        .and_then(|()| fs::rename(&draft, path))
        .inspect_err(|_| {
            let _ = fs::remove_file(&draft);
        })
}

fn write_pipe(path: PathBuf, lines: String) -> io::Result<()> {
    let opened = File::options()
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(&path);
    let reader = match opened {
        Ok(pipe) => Some(pipe),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => None, // nobody reads yet
        Err(error) => return Err(error),
    };
    aside(move || {
        let written = match reader {
            Some(mut pipe) => ioctl_fionbio(&pipe, false)
                .map_err(io::Error::from)
                .and_then(|()| pipe.write_all(lines.as_bytes())),
            None => fs::write(&path, lines),
        };
        if let Err(error) = written {
            let path = path.to_string_lossy();
            log::warn!("cannot write the ready file {}: {error}", Escaped(&path));
        }
    })
}

/// Tells the service manager, if one asked by `NOTIFY_SOCKET`. One that does not listen is no reason to stop.
pub fn notify_manager() {
    let Some(name) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let warn_unless = |told: io::Result<()>| {
        if let Err(error) = told {
            log::warn!("the service manager could not be told: {error}");
        }
    };
    warn_unless(aside(move || warn_unless(send_ready(&name))));
}

/// An `@` in front of the name stands for the zero byte of an abstract address.
fn send_ready(name: &OsStr) -> io::Result<()> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1\n", &address)?;
    Ok(())
}

/// Has a thread of its own tell somebody who may not listen yet, or never: the server serves meanwhile, and does not wait
/// for it at the end either.
fn aside(tell: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name("ready".into()).spawn(tell);
    thread.map(drop)
}
