//! The server, a client, and who tells what to whom meanwhile.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nbcaser::reactor::driver::Ready;
use nbcaser::reactor::sim::{self, Peer, Sim};
use nbcaser::reactor::slots::Id;
use nbcaser::reactor::{
    Cause, Endpoint, Listener, MemoryLimit, Observer, Reactor, Signals, Time, What,
};
use nbcaser::server::limits::Places;
use nbcaser::server::reactor::worker::{Job, serve};
use nbcaser::server::settings::Settings;

const SECOND: Duration = Duration::from_secs(1);
const SIGTERM: i32 = 15;

/// Who takes part. The world is the client, or whoever sends a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Party {
    Task,
    Executor,
    Reactor,
    Kernel,
    World,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Task => "task",
            Executor => "executor",
            Loop => "reactor",
            Kernel => "kernel",
            World => "world",
        })
    }
}

use Party::{Executor, Kernel, Reactor as Loop, Task, World};

/// One tells the other something; or himself.
pub(crate) struct Step {
    /// Which of the six steps of the turn it is part of; none, of what the world does.
    pub(crate) number: Option<u8>,
    pub(crate) from: Party,
    pub(crate) to: Party,
    pub(crate) text: String,
}

/// What the world does, and all that comes of it.
pub(crate) struct Act {
    pub(crate) title: &'static str,
    pub(crate) steps: Vec<Step>,
}

#[derive(Default)]
struct Record {
    acts: Vec<Act>,
    tasks: BTreeMap<u64, String>,
    sources: BTreeMap<u64, &'static str>,
}

impl Record {
    fn step(
        &mut self,
        number: impl Into<Option<u8>>,
        from: Party,
        to: Party,
        text: impl Into<String>,
    ) {
        let step = Step {
            number: number.into(),
            from,
            to,
            text: text.into(),
        };
        // What comes before the first act is the start.
        if let Some(act) = self.acts.last_mut() {
            act.steps.push(step);
        }
    }

    /// What a running task wants of the kernel.
    fn call(&mut self, name: &str, came: &str) {
        self.step(1, Task, Loop, format!("{name}?"));
        self.step(1, Loop, Kernel, format!("{name}: {came}"));
    }

    fn task(&self, id: Id) -> &str {
        self.tasks
            .get(&id.to_bits())
            .map_or("one that has ended", String::as_str)
    }

    fn source(&self, id: Id) -> &'static str {
        self.sources.get(&id.to_bits()).unwrap_or(&"signals")
    }

    fn saw(&mut self, what: &What<'_>) {
        match *what {
            // The begin of a wait was told already, and edges follow.
            What::Sleep(deadline, edges) => {
                if deadline == Time::ZERO {
                    self.step(3, Loop, Kernel, "looks, and does not wait");
                }
                if edges == 0 {
                    self.step(3, Kernel, Loop, "nothing new");
                }
            }
            What::Edge(id, ready) => {
                let flags = [(Ready::READABLE, "readable"), (Ready::WRITABLE, "writable")];
                let flags = flags.iter().filter(|(flag, _)| ready.any(*flag));
                let flags: Vec<&str> = flags.map(|(_, name)| *name).collect();
                let text = format!("{}: {}", self.source(id), flags.join(", "));
                self.step(6, Kernel, Loop, text);
            }
            What::Woken(id, cause) => {
                let name = self.task(id);
                match cause {
                    Cause::Edge => self.step(6, Loop, Executor, format!("wakes {name}")),
                    Cause::Timer => self.step(5, Loop, Executor, format!("wakes {name}")),
                    Cause::Waker => self.step(1, Executor, Executor, format!("finds {name} woken")),
                    Cause::Task(_) => self.step(1, Task, Executor, format!("wakes {name}")),
                }
            }
            What::Polling(id) => self.step(1, Executor, Task, format!("polls {}", self.task(id))),
            What::Polled(id) if self.tasks.contains_key(&id.to_bits()) => {
                self.step(1, Executor, Executor, format!("{} rests", self.task(id)));
            }
            What::Turn | What::Polled(_) => {}
            What::Spawned(id) => {
                self.tasks.insert(id.to_bits(), "session".into());
                self.step(1, Task, Executor, "spawns session");
                self.step(1, Executor, Executor, "makes its waker");
            }
            What::Named(id, name) => {
                // A session's is its client's address.
                if !name.contains(':') {
                    self.tasks.insert(id.to_bits(), name.into());
                }
            }
            What::Ended(id) => {
                let name = self.tasks.remove(&id.to_bits()).unwrap_or_default();
                self.step(1, Task, Executor, format!("{name} has ended"));
            }
            What::Called(id) => {
                let text = format!("calls the waker of {}", self.task(id));
                self.step(1, Task, Executor, text);
            }
            What::Armed(_) => self.step(1, Task, Loop, "arms a timer"),
            What::Fired(_) => self.step(5, Loop, Loop, "a timer is due"),
            What::Accepted(id, _) => {
                self.sources.insert(id.to_bits(), "connection");
                self.call("accept", "a connection");
            }
            What::Connected(_) => self.call("connect", "begun"),
            What::Read(_, bytes) => self.call("read", &format!("{bytes} bytes")),
            // The reply has gathered with the reactor: nobody asks.
            What::Written(_, bytes) => self.step(1, Loop, Kernel, format!("write: {bytes} bytes")),
            What::Shutdown(_) => self.call("shutdown", "done"),
            What::Failed(id, name, error) => {
                if name == "accept" {
                    self.sources.insert(id.to_bits(), "listener");
                }
                self.call(name, &format!("{error:?}"));
            }
            // Behind an accept that found nobody a place is given back that the kernel never knew of.
            What::Closed(id) => {
                if let Some(name) = self.sources.remove(&id.to_bits()) {
                    self.step(1, Loop, Kernel, format!("close: {name}"));
                }
            }
        }
    }
}

thread_local! {
    /// Three tell of it, and one of them, the log, must be global. A test has a thread of its own.
    static RECORD: RefCell<Record> = RefCell::default();
}

fn tell(what: impl FnOnce(&mut Record)) {
    RECORD.with_borrow_mut(what);
}

/// Tells what the loop does.
struct Onlooker;

impl Observer for Onlooker {
    fn saw(&self, what: &What<'_>, _: Time, _: Time) {
        tell(|record| record.saw(what));
    }
}

/// Tells what the sessions say of themselves.
struct Log;

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, entry: &log::Record<'_>) {
        let text = entry.args().to_string();
        if let Some((_, line)) = text.split_once(" --> ") {
            tell(|record| record.step(1, Task, Task, format!("answers {line:?}")));
        }
    }

    fn flush(&self) {}
}

/// Begins an act of the world's.
fn act(title: &'static str, text: &str) {
    tell(|record| {
        let steps = Vec::new();
        record.acts.push(Act { title, steps });
        record.step(None, World, Kernel, text);
    });
}

/// Runs the server for a few seconds, which takes no time, and tells what happened.
pub(crate) fn record() -> Vec<Act> {
    RECORD.take();
    let _ = log::set_logger(&Log); // another test may have done so
    log::set_max_level(log::LevelFilter::Debug);
    let sim = Sim::new();
    sim.auto_advance(true);
    let client = Rc::new(RefCell::new(None));
    play(&sim, &client);
    let receiver = Rc::clone(&client);
    sim.watch(move |step| {
        if let sim::Step::Rest = step {
            rest(receiver.borrow().as_ref());
        }
    });

    let reactor = Reactor::observed(sim.driver(), MemoryLimit::default(), Rc::new(Onlooker));
    let handle = reactor.handle();
    let settings = Settings {
        announce_every: Duration::ZERO,
        ..Settings::default()
    };
    let job = Job {
        settings: Arc::new(settings),
        places: Places::new(1),
        refusals: 1,
        number: 1, // the first one logs how it ends
    };
    let listener = Listener::new(&handle, Endpoint::Simulated(1)).expect("it listens");
    let signals = Signals::new(&handle, &[SIGTERM]).expect("they are caught");
    let served = reactor.block_on(serve(handle, job, vec![listener], signals));
    served.expect("the simulation polls");
    RECORD.take().acts
}

/// Plans what the world does.
fn play(sim: &Sim, client: &Rc<RefCell<Option<Peer>>>) {
    let happen = |second: u32, happening: fn(&Sim, &mut Option<Peer>)| {
        let (world, client) = (sim.clone(), Rc::clone(client));
        let happening = move || happening(&world, &mut client.borrow_mut());
        sim.at(sim.now() + SECOND * second, happening);
    };
    happen(1, |sim, client| {
        act("A client comes", "connects");
        *client = Some(sim.connect(1));
    });
    happen(2, |_, client| {
        act("It sends a line", "hello\\n: 6 bytes");
        client.as_ref().expect("it came").send("hello\n");
    });
    happen(3, |_, client| {
        act("It goes", "its end");
        client.as_ref().expect("it came").finish();
    });
    happen(4, |sim, _| {
        act("The server is told to stop", "SIGTERM");
        sim.signal(SIGTERM);
    });
}

/// Everybody waits; the client reads what has come.
fn rest(client: Option<&Peer>) {
    tell(|record| record.step(3, Loop, Kernel, "waits"));
    let came = client.map_or(0, |client| client.take_received().len());
    if came > 0 {
        tell(|record| record.step(None, Kernel, World, format!("{came} bytes")));
    }
}
