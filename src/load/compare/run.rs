//! The rounds: who is measured when.
//!
//! Everybody is measured once before anybody is measured again, and each round begins with somebody else: what the machine
//! does besides comes and goes, and so it hits all alike. Every run has a process of its own, so that none inherits the
//! memory or the luck of the one before.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use signal_hook::consts::signal::SIGQUIT;

use super::child::{Server, check_signal};
use super::cpus::{Allowed, Pinned};
use super::results::{Figures, Results, Run};
use super::setup::{Cpus, Setup};
use crate::load::run::run_until;
use crate::load::tables::quoted;
use crate::load::{Ended, LoadError, Outcome, Plan, Trouble};
use crate::server::address::Address;
use crate::server::escape::Escaped;
use crate::server::signals;

/// Why a comparison ended before its time.
#[derive(Debug)]
pub enum CompareError {
    /// The CPUs cannot be told or chosen.
    Cpus(io::Error),
    /// To run the two sides apart takes two CPUs.
    OneCpu,
    /// The signals cannot be caught.
    Signals(io::Error),
    /// A server could not be started or looked at.
    Start(String, io::Error),
    /// It did not come up within so long a time.
    Silent(String, SocketAddr, Duration),
    /// Who listens where it should does not greet as it should.
    NoGreeting(String, SocketAddr),
    /// Somebody else listens on its port.
    Wrapper(String, u16),
    /// It has others serve for it.
    Several(String),
    /// It ended by itself; with the last line it said on stderr.
    Ended(String, ExitStatus, Option<String>),
    /// The load could not begin.
    Load(String, LoadError),
    /// It did not answer all, or wrongly.
    Wrong(String, String),
    /// A signal, of this number.
    Signal(i32),
}

impl fmt::Display for CompareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompareError::Cpus(error) => write!(f, "cannot choose CPUs: {error}"),
            CompareError::OneCpu => write!(
                f,
                "there is but one CPU: server and load tester cannot run apart"
            ),
            CompareError::Signals(error) => write!(f, "cannot catch signals: {error}"),
            CompareError::Start(name, error) => write!(f, "{name}: cannot start it: {error}"),
            CompareError::Silent(name, address, timeout) => {
                write!(f, "{name}: greets nobody on {address} within {timeout:?}")
            }
            CompareError::NoGreeting(name, address) => {
                write!(
                    f,
                    "{name}: who listens on {address} does not greet like a server of this protocol"
                )
            }
            CompareError::Wrapper(name, port) => write!(
                f,
                "{name}: not the process that was started listens on port {port}, but another one: a wrapper must `exec` the server"
            ),
            CompareError::Several(name) => write!(
                f,
                "{name}: it serves by several processes, and the CPU time of the others cannot be told"
            ),
            CompareError::Ended(name, status, words) => {
                write!(f, "{name}: the server ended by itself ({status})")?;
                match words {
                    Some(words) => write!(f, ": {}", Escaped(words)),
                    None => Ok(()),
                }
            }
            CompareError::Load(name, error) => write!(f, "{name}: {error}"),
            CompareError::Wrong(name, what) => write!(f, "{name}: {what}"),
            CompareError::Signal(number) => write!(f, "ended by signal {number}"),
        }
    }
}

impl std::error::Error for CompareError {}

/// Measures what `setup` says, and tells `observer` each run that is done.
///
/// It takes the calling thread, moves it from CPU to CPU, and puts it back in the end. SIGINT, SIGTERM, SIGQUIT
/// and SIGHUP, if this was not ignored, end the comparison, not the process, from now on.
///
/// # Errors
/// The first thing that goes wrong ends the comparison; the results are those up to there. The servers are ended before
/// this returns, whatever happens, a panic included.
pub fn run(setup: &Setup, mut observer: impl FnMut(&Run)) -> (Results, Result<(), CompareError>) {
    let mut results = Results::new(setup.clone());
    let ended = measure_all(setup, |run| {
        observer(&run);
        results.add(run);
    });
    (results, ended)
}

/// The signals that end a comparison: one that ended the process itself would leave a server behind.
fn ending() -> Vec<i32> {
    [&[SIGQUIT], &signals::ending()[..]].concat()
}

fn measure_all(setup: &Setup, mut done: impl FnMut(Run)) -> Result<(), CompareError> {
    let signal = Arc::new(AtomicUsize::new(0));
    for number in ending() {
        signal_hook::flag::register_usize(number, Arc::clone(&signal), number as usize)
            .map_err(CompareError::Signals)?;
    }
    let allowed = Allowed::now().map_err(CompareError::Cpus)?;
    if setup.cpus.contains(&Cpus::Apart) && allowed.count() < 2 {
        return Err(CompareError::OneCpu);
    }
    // Servers that do not do so by themselves should be able to hold the connections, too.
    let _ = rlimit::increase_nofile_limit(u64::MAX);

    let many = setup.contenders.len();
    for round in 0..setup.rounds {
        for &connections in &setup.loads() {
            for &cpus in &setup.cpus {
                for turn in 0..many {
                    let contender = (round + turn) % many;
                    let plan = Plan {
                        connections,
                        ..setup.plan.clone()
                    };
                    let figures = measure(setup, contender, plan, cpus, &allowed, &signal)?;
                    done(Run {
                        round,
                        contender,
                        connections,
                        cpus,
                        figures,
                    });
                }
            }
        }
    }
    Ok(())
}

/// One run of one server.
fn measure(
    setup: &Setup,
    contender: usize,
    plan: Plan,
    cpus: Cpus,
    allowed: &Allowed,
    signal: &AtomicUsize,
) -> Result<Figures, CompareError> {
    let contender = &setup.contenders[contender];
    let (for_server, for_load) = allowed.sides(cpus);
    let mut server = Server::start(contender, &for_server, setup.start_timeout, signal)?;
    let plan = Plan {
        target: Address::Host {
            host: server.address().ip().to_string(),
            port: server.address().port(),
        },
        server_pid: Some(server.pid()),
        ..plan
    };
    // Before the load, when nothing else of ours runs.
    let distance = (cpus == Cpus::Apart).then(|| allowed.distance()).flatten();
    let pinned = Pinned::to(&for_load).map_err(CompareError::Cpus)?;
    let outcome = run_until(&plan, &ending(), signal, |_| {});
    drop(pinned);
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            server.check()?;
            return Err(CompareError::Load(contender.name.clone(), error));
        }
    };
    if let Ended::Signal(number) = outcome.ended {
        return Err(CompareError::Signal(number));
    }
    check_signal(signal)?;
    server.check()?;
    server.check_alone()?;
    let wrong = |what| CompareError::Wrong(contender.name.clone(), what);
    if let Some(what) = what_went_wrong(&outcome) {
        return Err(wrong(what));
    }
    let figures = Figures::of(outcome, plan.idle, distance)
        .ok_or_else(|| wrong("there was no reply in the time that counts".into()))?;
    server.stop(signal);
    Ok(figures)
}

/// The errors of a run, in a line.
fn what_went_wrong(outcome: &Outcome) -> Option<String> {
    if outcome.is_clean() {
        return None;
    }
    if let Some(first) = outcome.mismatches.first() {
        let (expected, got) = (quoted(&first.expected), quoted(&first.got));
        return Some(format!(
            "a wrong reply: {expected} was expected, and {got} came"
        ));
    }
    let kinds = Trouble::ALL
        .into_iter()
        .filter(|&kind| outcome.troubles.of(kind) > 0);
    let kinds: Vec<String> = kinds
        .map(|kind| format!("{} {}", outcome.troubles.of(kind), kind.words()))
        .collect();
    Some(match outcome.ended {
        Ended::Overload => "it does not keep up with the rate".into(),
        _ if kinds.is_empty() => "no connection was left".into(),
        _ => kinds.join(", "),
    })
}
