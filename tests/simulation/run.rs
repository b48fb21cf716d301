//! A seed's run: the server as it is, on a simulated world.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use nbcaser::reactor::sim::Sim;
use nbcaser::reactor::{Endpoint, Listener, MemoryLimit, Observer, Reactor, Signals, Time, What};
use nbcaser::server::limits::Places;
use nbcaser::server::reactor::worker::{Job, serve};

use crate::client::Client;
use crate::counts::Counts;
use crate::ledger::{Ledger, Shared, Violation};
use crate::plan::Plan;
use crate::verdict::judge;

const SIGINT: i32 = 2;
const SIGUSR1: i32 = 10;
const SIGTERM: i32 = 15;

/// What a run came to.
pub(crate) struct Run {
    /// [`Sim::trace`]: equal runs, equal numbers.
    pub(crate) trace: u64,
    pub(crate) counts: Counts,
    pub(crate) violation: Option<Violation>,
    /// Each step in words, with the client that it concerns; empty unless it was asked for.
    pub(crate) steps: Vec<(Option<usize>, String)>,
}

pub(crate) fn run(seed: u64, tracing: bool) -> Run {
    let plan = Rc::new(Plan::of(seed));
    let sim = world(&plan);
    let mut job = Job {
        settings: Arc::new(plan.settings.clone()),
        places: Places::new(plan.settings.max_connections.unwrap_or(usize::MAX)),
        refusals: plan.refusals,
        number: usize::from(!plan.announces),
    };
    let settings = Arc::clone(&job.settings);
    let memory = MemoryLimit::new(plan.settings.max_memory);
    let reactor = if plan.observed {
        Reactor::observed(sim.driver(), memory, Rc::new(Nobody))
    } else {
        Reactor::with_driver(sim.driver(), memory)
    };
    let handle = reactor.handle();
    let ledger = Ledger::new(
        &plan,
        &sim,
        handle.clone(),
        Arc::clone(&job.places),
        tracing,
    );
    let ledger: Shared = Rc::new(RefCell::new(ledger));
    happen(&ledger, &plan, &sim);
    let watching = Rc::clone(&ledger);
    sim.watch(move |step| watching.borrow_mut().step(step));

    let served = catch_unwind(AssertUnwindSafe(|| {
        let listeners =
            (1..=plan.listeners).map(|n| Listener::new(&handle, Endpoint::Simulated(n)));
        let listeners = listeners
            .collect::<Result<_, _>>()
            .expect("nothing fails yet");
        let signals =
            Signals::new(&handle, &[SIGINT, SIGTERM, SIGUSR1]).expect("nothing fails yet");
        for &(op, after, errno, times) in &plan.failures {
            sim.fail_after(op, after, errno, times);
        }
        sim.cost(plan.cost); // and nobody comes before somebody listens
        job.number = usize::from(!plan.announces);
        let ended = reactor.block_on(serve(handle.clone(), job, listeners, signals));
        ended.expect("the driver polls")
    }));
    let ended_at = sim.now();
    let census = handle.census();
    let sources = sim.open_sources();
    ledger.borrow_mut().handle = None;
    sim.unwatch();
    drop((handle, reactor));

    let mut ledger = ledger.borrow_mut();
    match served {
        Ok(ended) => {
            let left = [
                Arc::strong_count(&settings) - 1,
                Arc::strong_count(&ledger.places) - 1,
                sources,
            ];
            judge(&mut ledger, &ended, ended_at, census, left);
        }
        Err(payload) => {
            ledger.violation.get_or_insert_with(|| panicked(&*payload));
        }
    }
    let mut counts = ledger.counts;
    counts.lines = ledger.clients.iter().map(Client::lines).sum();
    Run {
        trace: sim.trace(),
        counts,
        violation: ledger.violation.take(),
        steps: ledger.trace.take().unwrap_or_default(),
    }
}

/// Looks away.
struct Nobody;

impl Observer for Nobody {
    fn saw(&self, _: &What<'_>, _: Time, _: Time) {}
}

fn world(plan: &Plan) -> Sim {
    let sim = Sim::new();
    sim.seed(plan.seed | 1 << 63);
    sim.ragged(plan.ragged);
    sim.batch(plan.batch);
    sim.whole_edges(plan.whole_edges);
    sim.auto_advance(true);
    sim
}

/// Plans all that does not come from the server.
fn happen(ledger: &Shared, plan: &Rc<Plan>, sim: &Sim) {
    let start = sim.now();
    for (script, of_client) in plan.scripts.iter().enumerate() {
        let (shared, plan) = (Rc::clone(ledger), Rc::clone(plan));
        sim.at(start + of_client.connect, move || {
            let number = shared.borrow_mut().connect(script);
            go_on(shared, &plan, start, number, 0);
        });
    }
    for &at in &plan.strays {
        let (shared, dice) = (Rc::clone(ledger), sim.random(u64::MAX));
        sim.at(start + at, move || shared.borrow_mut().stray(dice));
    }
    for &at in &plan.questions {
        let asked = sim.clone();
        sim.at(start + at, move || asked.signal(SIGUSR1));
    }
    let signals = [(Some(plan.signal), SIGTERM), (plan.second_signal, SIGINT)];
    for (at, number) in signals {
        let shared = Rc::clone(ledger);
        if let Some(at) = at {
            sim.at(start + at, move || shared.borrow_mut().signal(number));
        }
    }
}

/// Plans the next act of a client's; those of one moment are done at once.
fn go_on(ledger: Shared, plan: &Rc<Plan>, start: Time, number: usize, mut next: usize) {
    let sim = ledger.borrow().sim.clone();
    let acts = &plan.scripts[ledger.borrow().scripts[number]].acts;
    while let Some((at, act)) = acts.get(next) {
        let at = start + *at;
        if at > sim.now() {
            let plan = Rc::clone(plan);
            sim.at(at, move || go_on(ledger, &plan, start, number, next));
            return;
        }
        if !ledger.borrow().clients[number].gone {
            ledger.borrow_mut().act(number, act);
        }
        next += 1;
    }
}

/// A panic that was not the ledger's.
fn panicked(payload: &(dyn Any + Send)) -> Violation {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    Violation {
        invariant: "no panic",
        client: None,
        detail: text.unwrap_or("without words").into(),
    }
}
