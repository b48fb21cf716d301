//! What is counted, for the line at the end.

use std::cell::Cell;
use std::fmt;

/// The counters of one worker; it alone writes them.
#[derive(Default)]
pub struct Stats {
    pub(super) connections: Cell<u64>,
    pub(super) refused: Cell<u64>,
    pub(super) pauses: Cell<u64>,
    pub(super) lines: Cell<u64>,
    pub(super) bytes_in: Cell<u64>,
    pub(super) bytes_out: Cell<u64>,
    pub(super) missed_ticks: Cell<u64>,
    pub(super) panics: Cell<u64>,
    pub(super) cut_off: Cell<u64>,
}

fn add(counter: &Cell<u64>, more: u64) {
    counter.set(counter.get() + more);
}

impl Stats {
    pub(super) fn line(&self, reply: usize) {
        add(&self.lines, 1);
        add(&self.bytes_out, reply as u64);
    }

    pub(super) fn input(&self, bytes: usize) {
        add(&self.bytes_in, bytes as u64);
    }

    pub(super) fn connection(&self) {
        add(&self.connections, 1);
    }

    pub(super) fn refusal(&self) {
        add(&self.refused, 1);
    }

    pub(super) fn pause(&self) {
        add(&self.pauses, 1);
    }

    pub(super) fn cut(&self, owing: usize, panics: usize) {
        add(&self.cut_off, owing as u64);
        add(&self.panics, panics as u64);
    }

    pub(super) fn missed(&self, ticks: u64) {
        add(&self.missed_ticks, ticks);
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            connections: self.connections.get(),
            refused: self.refused.get(),
            pauses: self.pauses.get(),
            peak: 0,
            lines: self.lines.get(),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            missed_ticks: self.missed_ticks.get(),
            panics: self.panics.get(),
            cut_off: self.cut_off.get(),
        }
    }
}

/// How a server, or one worker of it, ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ended {
    /// What it did.
    pub totals: Totals,
    /// The signal that ended its drain early.
    pub second_signal: Option<i32>,
}

/// What a server did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Clients that were greeted.
    pub connections: u64,
    /// Clients that were told that the server is full.
    pub refused: u64,
    /// Times that accepting failed for want of descriptors or memory, and waited.
    pub pauses: u64,
    /// The most clients at once.
    pub peak: u64,
    /// Lines that were answered.
    pub lines: u64,
    /// Bytes that were read.
    pub bytes_in: u64,
    /// Bytes of replies.
    pub bytes_out: u64,
    /// Announcements that were left out, as the loop was busy or stopped when they were due.
    pub missed_ticks: u64,
    /// Sessions that ended by a panic, a bug of ours.
    pub panics: u64,
    /// Clients that had not taken all their replies when the drain's time was over.
    pub cut_off: u64,
}

impl Totals {
    /// The totals of both.
    #[must_use]
    pub fn plus(self, other: Totals) -> Totals {
        Totals {
            connections: self.connections + other.connections,
            refused: self.refused + other.refused,
            pauses: self.pauses + other.pauses,
            peak: self.peak.max(other.peak),
            lines: self.lines + other.lines,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
            missed_ticks: self.missed_ticks + other.missed_ticks,
            panics: self.panics + other.panics,
            cut_off: self.cut_off + other.cut_off,
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals {
            connections,
            refused,
            pauses,
            peak,
            lines,
            bytes_in,
            bytes_out,
            missed_ticks,
            panics,
            cut_off,
        } = self;
        write!(
            f,
            "served {connections} connections (peak {peak}, refused {refused}, cut off {cut_off}), {lines} lines, \
             {bytes_in} bytes in, {bytes_out} bytes out, {missed_ticks} missed ticks"
        )?;
        if *pauses > 0 {
            write!(f, ", {pauses} accept pauses")?;
        }
        if *panics > 0 {
            write!(f, ", {panics} panics")?;
        }
        Ok(())
    }
}
