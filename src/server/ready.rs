//! Telling others that the server is up.

use std::fs;
use std::io;
use std::path::Path;

use sd_notify::NotifyState;

use super::address::Address;

/// Writes the bound addresses to a file, a line each. A regular file appears whole or not at all.
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
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::write(path, lines);
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    fs::write(&draft, lines)
        .and_then(|()| fs::rename(&draft, path))
        .inspect_err(|_| {
            let _ = fs::remove_file(&draft);
        })
}

/// Tells the service manager, if one asked by `NOTIFY_SOCKET`. One that does not listen is no reason to stop.
pub fn notify_manager(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("the service manager could not be told: {error}");
    }
}
