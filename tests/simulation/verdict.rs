//! The last look, when the server has ended: at each client, at what is left, and at what its totals say.

use std::time::Duration;

use nbcaser::reactor::{Census, Time};
use nbcaser::server::stats::Ended;

use crate::client::{Client, Standing};
use crate::ledger::Ledger;
use crate::rules::{LINGER, LOOK, PATIENCE, QUIET};

impl Ledger {
    /// The time that the end may take is over.
    pub(crate) fn is_past_the_drain(&self, now: Time) -> bool {
        self.signal
            .is_some_and(|signal| now >= signal + self.plan.settings.drain)
    }

    /// How long the end may take: until everybody who goes on has been heard out.
    pub(crate) fn end_by(&self) -> Option<Time> {
        let signal = self.signal?;
        let drain = signal + self.plan.settings.drain + PATIENCE;
        let stuck = self.clients.iter().any(Client::is_stuck);
        let last = self.last_act.max(signal) + LINGER + QUIET + PATIENCE;
        Some(if stuck { drain } else { drain.min(last) })
    }

    /// The last look at everybody. `cut`: some were not heard out.
    fn look(&mut self, now: Time, cut: bool) {
        for number in 0..self.clients.len() {
            let client = &self.clients[number];
            if cut && !self.second_signal && client.is_owed() && client.owed + LOOK + PATIENCE < now
            {
                let what = "it takes what is owed to it, and is cut off";
                return self.violate("drain", Some(number), what);
            }
            let client = &self.clients[number];
            let excused = client.late || client.gone || self.accept_failed_at_the_end;
            if client.standing != Standing::Waiting {
                self.check(number, !cut);
            } else if !excused && !cut && !self.is_past_the_drain(now) {
                let what = "it was at the door before the signal, and is not let in";
                self.violate("drain", Some(number), what);
            }
        }
    }
}

pub(crate) fn judge(
    ledger: &mut Ledger,
    ended: &Ended,
    at: Time,
    census: Census,
    left: [usize; 3],
) {
    let totals = ended.totals;
    let over = ledger.second_signal || ledger.is_past_the_drain(at);
    ledger.look(at, over && (totals.cut_off > 0 || ledger.second_signal));
    if ledger.end_by().is_none_or(|by| at > by) {
        let signal = ledger
            .signal
            .map_or(Duration::ZERO, |signal| at.since(signal));
        ledger.violate("drain", None, format!("it took {signal:?}"));
    }
    if census != Census::default() || left != [0; 3] {
        let what = format!("at the end: {census:?}; settings, places, sources: {left:?}");
        ledger.violate("nothing is left", None, what);
    }
    let standing = |wanted: fn(Standing) -> bool| {
        let clients = ledger.clients.iter();
        clients.filter(move |client| wanted(client.standing))
    };
    let served = || standing(|standing| standing == Standing::Served);
    let connections = served().count() as u64;
    let refused = standing(|standing| matches!(standing, Standing::Refused(_))).count() as u64;
    let least: u64 = served().map(Client::lines).sum();
    let most: u64 = served().map(|client| client.dialogue.lines).sum();
    let read: u64 = served().map(|client| client.read).sum();
    // Who was there when the signal came may have been read a byte too far, to find the end of its input.
    let uncertain = if ledger.plan.quiet { 0 } else { connections };
    let mut wrong = Vec::new();
    let mut expect = |right: bool, what: String| {
        if !right {
            wrong.push(what);
        }
    };
    expect(
        totals.connections == connections,
        format!("{connections} were served"),
    );
    expect(totals.refused == refused, format!("{refused} were refused"));
    expect(totals.peak == 0, "the peak is the process's".into());
    expect(
        (least..=most).contains(&totals.lines),
        format!("{least} to {most} lines were answered"),
    );
    expect(
        (read.saturating_sub(uncertain)..=read).contains(&totals.bytes_in),
        format!("{read} bytes were read"),
    );
    expect(
        totals.pauses >= ledger.shortages,
        format!("{} times accept failed", ledger.shortages),
    );
    expect(
        totals.panics == 0 && totals.missed_ticks == 0,
        "nothing went wrong".into(),
    );
    expect(
        over || totals.cut_off == 0,
        "there was time for everybody".into(),
    );
    expect(
        ended.second_signal.is_some() <= ledger.second_signal,
        "one signal came".into(),
    );
    let peak = ledger.places.peak();
    expect(peak == ledger.peak, format!("{} at once", ledger.peak));
    if !wrong.is_empty() {
        let what = format!(
            "{}, says the world; {totals:?}, peak {peak}, says the server",
            wrong.join(", ")
        );
        ledger.violate("totals", None, what);
    }
}
