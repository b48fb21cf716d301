//! How much memory the system has room for.
//!
//! An allocation that fails ends the process, and past the limit of its control group the kernel kills it: either way
//! all clients pay for the greed of a few. So where the system gives less than [`Settings::max_memory`] that is lowered
//! beforehand, and who passes it is sent away as ever.
//!
//! [`Settings::max_memory`]: super::Settings::max_memory

use std::fs;

use rlimit::Resource;

use super::group;

/// Clients get one part of so many of what there is, for all but their buffers. Buffers get as much or less; what is left
/// is for what nobody counts: memory that the allocator cannot use, a buffer that is copied as it grows.
pub(super) const PARTS: u64 = 3;
/// However little there is, a line of the default limit and its reply can be held.
const LEAST: usize = 1 << 20;

/// What buffers may take, and what there is too little of if that is less than `asked`. They get one part of so many of
/// what there is, and of an address space that is limited no more than `spared`.
pub(super) fn fitted(asked: usize, parts: u64, spared: u64) -> (usize, Option<&'static str>) {
    let space = address_space().map_or(u64::MAX, |room| (room / parts).min(spared));
    let group = group() / parts;
    let (most, want) = if space < group {
        (space, "address space")
    } else {
        (group, "memory")
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX).max(LEAST);
    (asked.min(most), (asked > most).then_some(want))
}

/// How many clients there is memory for, if each takes so many bytes besides its buffers.
pub(super) fn clients(bytes: u64) -> usize {
    let most = group() / PARTS / bytes;
    usize::try_from(most).unwrap_or(usize::MAX).max(1)
}

/// What the control group may take, with the kernel's memory for it.
fn group() -> u64 {
    group::limit(["memory", "memory.limit_in_bytes"], "memory.max")
}

/// How much of the address space is free, in bytes, if it is limited.
pub(super) fn address_space() -> Option<u64> {
    let limit = Resource::AS.get_soft().ok();
    let limit = limit.filter(|&limit| limit != rlimit::INFINITY)?;
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').next().and_then(|n| n.parse::<u64>().ok());
    Some(limit.saturating_sub(pages.unwrap_or(0) * rustix::param::page_size() as u64))
}
