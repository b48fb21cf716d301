//! What goes on: who is there, in what standing, and what of that has not been looked at yet.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nbcaser::reactor::driver::Ready;
use nbcaser::reactor::sim::Sim;
use nbcaser::reactor::slots::Id;
use nbcaser::reactor::{Handle, Time};
use nbcaser::server::limits::Places;

use crate::client::Client;
use crate::counts::Counts;
use crate::plan::{Act, Plan};

/// An invariant that does not hold.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: &'static str,
    pub(crate) client: Option<usize>,
    pub(crate) detail: String,
}

/// What the world and its clients know of the run; [`rules`](crate::rules) holds the server to it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and most combinations occur"
)]
pub(crate) struct Ledger {
    pub(crate) plan: Rc<Plan>,
    pub(crate) sim: Sim,
    /// To be taken out at the end, or it is a circle.
    pub(crate) handle: Option<Handle>,
    pub(crate) places: Arc<Places>,
    /// By the numbers of their connections; each with its script.
    pub(crate) clients: Vec<Client>,
    pub(crate) scripts: Vec<usize>,
    /// Those for whom something has changed since they were last found in order, and when it did.
    pub(crate) unchecked: VecDeque<(usize, Time)>,
    /// Who has not been accepted, who has and was not closed; of those, who has a place, and a permit to linger.
    pub(crate) waiting: usize,
    pub(crate) open: usize,
    pub(crate) served: usize,
    pub(crate) lingering: usize,
    pub(crate) peak: usize,
    pub(crate) signal: Option<Time>,
    pub(crate) second_signal: bool,
    pub(crate) last_act: Time,
    /// The last time that accepting failed, how often it did for want of something, and since the signal.
    pub(crate) accept_failed: Option<Time>,
    pub(crate) shortages: u64,
    pub(crate) accept_failed_at_the_end: bool,
    pub(crate) names: Vec<Id>,
    pub(crate) violation: Option<Violation>,
    pub(crate) turns: u64,
    pub(crate) turn_began: Time,
    pub(crate) longest_turn: Duration,
    pub(crate) vain: u32,
    /// Something was done in this turn.
    pub(crate) busy: bool,
    pub(crate) rested: bool,
    pub(crate) reading: (usize, usize, usize),
    pub(crate) accepts: usize,
    pub(crate) operations: u64,
    pub(crate) counts: Counts,
    /// Every step in words, if somebody wants to read them; each with its client.
    pub(crate) trace: Option<Vec<(Option<usize>, String)>>,
}

impl Ledger {
    pub(crate) fn new(
        plan: &Rc<Plan>,
        sim: &Sim,
        handle: Handle,
        places: Arc<Places>,
        tracing: bool,
    ) -> Ledger {
        let settings = tracing.then(|| (None, format!("{plan:?}")));
        Ledger {
            plan: Rc::clone(plan),
            sim: sim.clone(),
            handle: Some(handle),
            places,
            clients: Vec::new(),
            scripts: Vec::new(),
            unchecked: VecDeque::new(),
            waiting: 0,
            open: 0,
            served: 0,
            lingering: 0,
            peak: 0,
            signal: None,
            second_signal: false,
            last_act: sim.now(),
            accept_failed: None,
            shortages: 0,
            accept_failed_at_the_end: false,
            names: Vec::new(),
            violation: None,
            turns: 0,
            turn_began: sim.now(),
            longest_turn: Duration::ZERO,
            vain: 0,
            busy: true,
            rested: false,
            reading: (usize::MAX, 0, 0),
            accepts: 0,
            operations: 0,
            counts: Counts::default(),
            trace: tracing.then(|| settings.into_iter().collect()),
        }
    }

    pub(crate) fn note(&mut self, client: Option<usize>, words: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push((client, format!("{} {}", self.sim.now(), words())));
        }
    }

    pub(crate) fn violate(
        &mut self,
        invariant: &'static str,
        client: Option<usize>,
        detail: impl Into<String>,
    ) {
        if self.violation.is_none() {
            let detail = detail.into();
            self.note(client, || format!("VIOLATION: {invariant}: {detail}"));
            self.violation = Some(Violation {
                invariant,
                client,
                detail,
            });
        }
    }

    /// A client connects.
    pub(crate) fn connect(&mut self, script: usize) -> usize {
        let listener = self.plan.scripts[script].listener;
        let (peer, now) = (self.sim.connect(listener), self.sim.now());
        let number = peer.number();
        assert_eq!(number, self.clients.len());
        let max_line = self.plan.settings.max_line;
        self.clients
            .push(Client::new(peer, max_line, now, self.signal.is_some()));
        self.scripts.push(script);
        self.waiting += 1;
        self.counts.connections += 1;
        self.last_act = now;
        self.note(Some(number), || {
            format!("client {number} connects to listener {listener}")
        });
        number
    }

    /// A client does what its script says.
    pub(crate) fn act(&mut self, number: usize, act: &Act) {
        self.note(Some(number), || format!("client {number} {act:?}"));
        self.clients[number].act(act);
        let polite = matches!(act, Act::Send(_) | Act::Finish);
        self.counts.rudeness += u64::from(!polite);
        self.last_act = self.sim.now();
        self.owe(number);
    }

    /// What this client is owed has changed: from now on it waits for that.
    pub(crate) fn owe(&mut self, number: usize) {
        let now = self.sim.now();
        self.clients[number].owed = now;
        self.unchecked.push_back((number, now));
    }

    /// A signal comes.
    pub(crate) fn signal(&mut self, number: i32) {
        self.note(None, || format!("signal {number}"));
        self.second_signal = self.signal.is_some();
        if self.signal.is_none() {
            self.signal = Some(self.sim.now());
            for number in 0..self.clients.len() {
                let client = &mut self.clients[number];
                client.due = client.dialogue.expected.len();
                self.owe(number);
            }
        }
        self.sim.signal(number);
    }

    /// An edge that nothing caused, of a connection that is open or was.
    pub(crate) fn stray(&mut self, dice: u64) {
        let flags = [
            Ready::READABLE,
            Ready::WRITABLE,
            Ready::READABLE.with(Ready::TAIL),
            Ready::READABLE.with(Ready::WRITABLE).with(Ready::TAIL),
        ];
        if let Some(id) = self.names.get(dice as usize % self.names.len().max(1)) {
            self.counts.strays += 1;
            self.sim
                .spurious(*id, flags[(dice >> 32) as usize % flags.len()]);
        }
    }
}

/// A ledger that happenings and the watcher share.
pub(crate) type Shared = Rc<RefCell<Ledger>>;
