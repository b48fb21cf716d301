//! The signals that a server listens to.

use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

/// All of them: SIGUSR1, which asks what the loop did, and those that end the server.
pub(super) fn all() -> Vec<i32> {
    [&[SIGUSR1], &ending()[..]].concat()
}

/// Those that end a program of ours, to which SIGHUP belongs unless it was ignored at the start, as `nohup` has it.
pub(crate) fn ending() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    let mut signals = vec![SIGINT, SIGTERM];
    if ignored >> (SIGHUP - 1) & 1 == 0 {
        signals.push(SIGHUP);
    }
    signals
}

/// Until it is dropped, signals to this thread wait. A thread that it starts meanwhile never takes one: this one does for
/// all.
pub(crate) struct Held(#[cfg(feature = "cli")] Option<nix::sys::signal::SigSet>);

impl Held {
    /// In a library the signals are the caller's: then nothing is held.
    pub(crate) fn new() -> Held {
        #[cfg(not(feature = "cli"))]
        return Held();
        #[cfg(feature = "cli")]
        {
            use nix::sys::signal::{SigSet, SigmaskHow, Signal};
            let ours = all().into_iter().filter_map(|n| Signal::try_from(n).ok());
            let before = ours
                .collect::<SigSet>()
                .thread_swap_mask(SigmaskHow::SIG_BLOCK);
            Held(before.ok())
        }
    }
}

#[cfg(feature = "cli")]
impl Drop for Held {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            let _ = before.thread_set_mask();
        }
    }
}

/// What people call a signal.
pub(super) fn name(signal: i32) -> &'static str {
    signal_hook::low_level::signal_name(signal).unwrap_or("a signal")
}
