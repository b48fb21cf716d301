//! How many threads the system has room for.
//!
//! Some limits are told by `clone(2)`, and that costs the one client whose thread it would have been. But a new thread
//! also maps a stack for signals, and if the system has no mapping left for that the standard library aborts the
//! process. So the threads are bounded beforehand, and where the address space is limited that is looked at each time.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use rlimit::Resource;

use super::door::STACK;
use crate::server::{group, memory};

/// Mappings of a thread: its stack, the one for signals, and the guard page of each.
const MAPPINGS: usize = 4;
/// Mappings for all else: the program, the heaps, and buffers of 128 KiB or more, each of which is one.
const OTHER_MAPPINGS: usize = 8192;
/// Threads for all else: the log, the door, the announcer, the signals; and a few that were refused.
const OTHER_THREADS: usize = 16;
/// Address space, in bytes, that is left for the heap to grow in. Buffers may take a quarter of it: they come in all
/// sizes, and leave holes.
const HEAP: u64 = 32 << 20;
pub(in crate::server) const BUFFERS: u64 = HEAP / 4;
/// Buffers get one part of so many of the memory: what one thread frees another cannot always use, so that a crowd that
/// comes with long lines at once takes up to twice as much as it keeps.
pub(in crate::server) const PARTS: u64 = 2 * memory::PARTS;
/// Bytes of a client besides its buffers, the kernel's included: 44 KiB were measured, as it has a stack in each world.
pub(super) const CLIENT: u64 = 48 << 10;

/// How many threads there may be for clients, as far as one can know beforehand.
pub(super) fn capacity() -> usize {
    let mapped = fs::read("/proc/self/maps").map_or(0, |maps| maps.split(|&b| b == b'\n').count());
    let mappings = limit("/proc/sys/vm/max_map_count").saturating_sub(mapped + OTHER_MAPPINGS);
    let processes = Resource::NPROC
        .get_soft()
        .map_or(usize::MAX, |most| most as usize);
    [
        mappings / MAPPINGS,
        processes,
        limit("/proc/sys/kernel/threads-max"),
        limit("/proc/sys/kernel/pid_max"),
        fit(group::limit(["pids", "pids.max"], "pids.max")),
    ]
    .into_iter()
    .map(|most| most.saturating_sub(OTHER_THREADS).max(1))
    .min()
    .unwrap_or(1)
}

/// The number in a file of the system's; if there is none, no limit.
fn limit(path: &str) -> usize {
    fit(group::number(path))
}

fn fit(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The address space, if it is limited: how many bytes there are, and the file that tells how many pages are taken. That is
/// kept open, since it must be read when there may be no descriptor left, too.
pub(super) struct Room(Option<(u64, File)>);

impl Room {
    pub(super) fn new() -> Room {
        let limit = Resource::AS.get_soft().ok();
        let limit = limit.filter(|&limit| limit != rlimit::INFINITY);
        Room(limit.and_then(|limit| Some((limit, File::open("/proc/self/statm").ok()?))))
    }

    /// Whether a further thread has room.
    pub(super) fn is_there(&self) -> bool {
        let Some((limit, statm)) = &self.0 else {
            return true;
        };
        let mut text = [0; 64];
        let length = statm.read_at(&mut text, 0).unwrap_or(0);
        let text = str::from_utf8(&text[..length]).unwrap_or_default();
        let pages = text.split(' ').next().and_then(|n| n.parse().ok());
        let taken = pages.unwrap_or(0) * rustix::param::page_size() as u64;
        taken + STACK as u64 + HEAP <= *limit
    }
}
