//! What a seed stands for: the settings, the faults, and what each client does. Nothing in it depends on the server.

use std::fmt;
use std::time::Duration;

use nbcaser::reactor::sim::Op;
use nbcaser::server::Settings;

use crate::dice::Dice;
use crate::text;

/// One run.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and most combinations occur"
)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) settings: Settings,
    /// How many that were refused may linger.
    pub(crate) refusals: usize,
    pub(crate) announces: bool,
    pub(crate) listeners: usize,
    pub(crate) ragged: bool,
    pub(crate) batch: usize,
    pub(crate) whole_edges: bool,
    /// The loop tells an observer what it does.
    pub(crate) observed: bool,
    /// What each operation of the driver's takes.
    pub(crate) cost: Duration,
    /// Which operation fails, after how many that do not, how, and how often in a row.
    pub(crate) failures: Vec<(Op, u64, i32, u64)>,
    /// When an edge is reported that means nothing.
    pub(crate) strays: Vec<Duration>,
    pub(crate) scripts: Vec<Script>,
    /// When somebody asks what the loop has done.
    pub(crate) questions: Vec<Duration>,
    pub(crate) signal: Duration,
    pub(crate) second_signal: Option<Duration>,
    /// The signal comes when everybody has had the time to finish.
    pub(crate) quiet: bool,
}

/// What one client does, and when, from the start of the run on.
pub(crate) struct Script {
    pub(crate) listener: usize,
    pub(crate) connect: Duration,
    pub(crate) acts: Vec<(Duration, Act)>,
}

#[derive(Clone)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// A byte out of band.
    Urgent,
    /// Half-closes.
    Finish,
    Reset,
    /// Closes at once, whatever it is owed.
    Close,
    /// Takes so many bytes and no more.
    Window(usize),
    /// Takes so many more.
    Read(usize),
    /// Takes all.
    ReadAll,
    /// The server hears that it takes more only when that is so much.
    LowWater(usize),
    /// So many bytes a read and a write of the server's.
    Limit(usize, usize),
}

impl Act {
    fn length(&self) -> usize {
        match self {
            Act::Send(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Send(bytes) if bytes.len() > 60 => {
                write!(
                    f,
                    "sends {} bytes: {}...",
                    bytes.len(),
                    bytes[..50].escape_ascii()
                )
            }
            Act::Send(bytes) => write!(f, "sends {}", bytes.escape_ascii()),
            Act::Urgent => write!(f, "sends an urgent byte"),
            Act::Finish => write!(f, "half-closes"),
            Act::Reset => write!(f, "resets"),
            Act::Close => write!(f, "closes"),
            Act::Window(n) => write!(f, "takes {n} bytes and no more"),
            Act::Read(n) => write!(f, "takes {n} more"),
            Act::ReadAll => write!(f, "takes all"),
            Act::LowWater(n) => write!(f, "tells of room of {n} bytes and more"),
            Act::Limit(read, write) => write!(f, "moves {read} bytes a read, {write} a write"),
        }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings {
            max_connections,
            max_line,
            max_memory,
            idle_timeout,
            drain,
            ..
        } = &self.settings;
        write!(
            f,
            "seed {}: {} clients, {} listeners, {max_connections:?} places, {} refusals, lines of {max_line}, {max_memory} \
             bytes of memory, idle {idle_timeout:?}, drain {drain:?}, ragged {}, batch {}, cost {:?}, signal {:?} and {:?}, \
             failures {:?}",
            self.seed,
            self.scripts.len(),
            self.listeners,
            self.refusals,
            self.ragged,
            self.batch,
            self.cost,
            self.signal,
            self.second_signal,
            self.failures
        )
    }
}

const ACCEPT: &[i32] = &[
    103, // ECONNABORTED
    24,  // EMFILE
    23,  // ENFILE
    105, // ENOBUFS
    12,  // ENOMEM
    1,   // EPERM
    71,  // EPROTO
    100, // ENETDOWN
    113, // EHOSTUNREACH
    4,   // EINTR
];
const READ: &[i32] = &[4, 4, 4, 104, 110, 113]; // EINTR, ECONNRESET, ETIMEDOUT, EHOSTUNREACH
const WRITE: &[i32] = &[4, 4, 4, 32, 104, 105, 113]; // EINTR, EPIPE, ECONNRESET, ENOBUFS, EHOSTUNREACH
const POLL: &[i32] = &[4];
const SHUTDOWN: &[i32] = &[107]; // ENOTCONN

impl Plan {
    pub(crate) fn of(seed: u64) -> Plan {
        let dice = &mut Dice::new(seed);
        let clients = match dice.below(10) {
            0..=5 => dice.between(5, 40),
            6..=8 => dice.between(100, 250),
            _ => dice.between(250, 500),
        };
        let ms = |n: usize| Duration::from_millis(n as u64);
        let settings = Settings {
            announce_delay: ms(dice.below(500)),
            announce_every: ms(*dice.pick(&[0, 1000, 15_000])),
            max_connections: Some(match dice.below(3) {
                0 => dice.between(1, clients),
                _ => 10_000,
            }),
            max_line: *dice.pick(&[8, 64, 300, 300, 4096, 256 << 10, 256 << 10]),
            max_memory: match dice.below(4) {
                0 => dice.between(500, 20_000),
                _ => 256 << 20,
            },
            idle_timeout: match dice.below(2) {
                0 => ms(dice.between(50, 1500)),
                _ => Duration::ZERO,
            },
            drain: ms(*dice.pick(&[0, 100, 1000, 5000, 5000, 5000])),
            ..Settings::default()
        };
        let span = *dice.pick(&[10, 300, 2000, 4000]);
        let listeners = dice.between(1, 2);
        let mut plan = Plan {
            seed,
            refusals: dice.below(10),
            announces: dice.one_in(2),
            listeners,
            ragged: dice.one_in(3),
            whole_edges: false,
            observed: false,
            batch: *dice.pick(&[usize::MAX, usize::MAX, 1, 3, 16]),
            cost: Duration::from_nanos(*dice.pick(&[0, 0, 100, 1000, 5000])),
            failures: Vec::new(),
            strays: (0..dice.below(clients))
                .map(|_| dice.micros(span * 1500))
                .collect(),
            scripts: (0..clients)
                .map(|_| Script::new(dice, settings.max_line, span, listeners))
                .collect(),
            questions: Vec::new(),
            signal: Duration::ZERO,
            second_signal: None,
            quiet: dice.one_in(2),
            settings,
        };
        if !dice.one_in(4) {
            plan.fail(dice, Op::Accept, ACCEPT, clients, 30);
            plan.fail(dice, Op::Read, READ, 8 * clients, 3);
            plan.fail(dice, Op::Write, WRITE, 8 * clients, 3);
            plan.fail(dice, Op::Poll, POLL, 4 * clients, 3);
            plan.fail(dice, Op::Shutdown, SHUTDOWN, clients, 1);
        }
        plan.signal = if plan.quiet {
            let acts = plan.scripts.iter().flat_map(|script| &script.acts);
            let last = acts.map(|(at, _)| *at).max().unwrap_or_default();
            last + plan.settings.idle_timeout + ms(4000)
        } else if dice.one_in(2) {
            // In the middle of the longest that anybody says at once.
            let acts = plan.scripts.iter().flat_map(|script| &script.acts);
            let longest = acts.max_by_key(|(_, act)| act.length());
            let most = *dice.pick(&[1, 100, 2000]);
            longest.map_or(Duration::ZERO, |(at, _)| *at) + dice.micros(most)
        } else {
            dice.micros(span * 1500)
        };
        plan.second_signal = dice.one_in(8).then(|| plan.signal + dice.micros(400_000));
        plan.whole_edges = dice.one_in(2);
        plan.observed = dice.one_in(8);
        for _ in 0..dice.below(3) {
            let before = dice.micros(plan.signal.as_micros() as usize);
            let at_once = dice.one_in(3);
            plan.questions
                .push(if at_once { plan.signal } else { before });
        }
        plan
    }

    fn fail(&mut self, dice: &mut Dice, op: Op, errors: &[i32], within: usize, most: usize) {
        for _ in 0..dice.below(6) {
            let after = dice.below(within) as u64;
            let times = if dice.one_in(2) {
                1
            } else {
                dice.between(1, most)
            };
            self.failures
                .push((op, after, *dice.pick(errors), times as u64));
        }
    }
}

impl Script {
    fn new(dice: &mut Dice, limit: usize, span: usize, listeners: usize) -> Script {
        let connect = dice.micros(span * 1000);
        let mut script = Script {
            listener: dice.between(1, listeners),
            connect,
            acts: Vec::new(),
        };
        if dice.one_in(12) {
            // A port scan, a health check.
            let act = dice.pick(&[Act::Reset, Act::Close, Act::Finish]).clone();
            script.acts.push((connect + dice.micros(200), act));
            return script;
        }
        if dice.one_in(10) {
            // No kernel moves a long line byte by byte: it would keep the loop for seconds, which nobody can mend.
            let least = 1 + limit / 8192;
            let (read, write) = (dice.between(1, 40), dice.between(1, 40));
            let act = Act::Limit(read * least, write * least);
            script.acts.push((connect, act));
        }
        script.talk(dice, limit);
        script.listen(dice);
        script.acts.sort_by_key(|(at, _)| *at);
        script
    }

    fn last(&self) -> Duration {
        self.acts.last().map_or(self.connect, |(at, _)| *at)
    }

    /// What it sends, and how it leaves.
    fn talk(&mut self, dice: &mut Dice, limit: usize) {
        let mut words = if dice.one_in(if limit > text::LARGE { 10 } else { 50 }) {
            text::flood(dice, limit)
        } else {
            text::lines(dice, limit)
        };
        if dice.one_in(3) {
            words.extend(*dice.pick(&[
                &b"\nquit\r\n"[..],
                b"\nquit",
                b"\rquit \r",
                b"\nquit\nand more\nof it",
            ]));
        }
        let pause = *dice.pick(&[1, 50, 1000, 1000, 20_000, 100_000]);
        for piece in text::pieces(dice, &words) {
            let rest = match dice.below(20) {
                0 => dice.micros(2_000_000), // silent for a while
                1..=9 => Duration::ZERO,
                _ => dice.micros(pause),
            };
            self.acts.push((self.last() + rest, Act::Send(piece)));
            if dice.one_in(60) {
                self.acts.push((self.last(), Act::Urgent));
            }
        }
        let end = match dice.below(10) {
            0 => Act::Reset,
            1 => Act::Close,
            2 => return, // stays
            _ => Act::Finish,
        };
        let most = *dice.pick(&[1, 1, 1000, 100_000, 1_500_000]);
        let rest = dice.micros(most);
        // A reset may come at any point, the others behind the last word.
        let at = match end {
            Act::Reset => {
                let talk = self.last().saturating_sub(self.connect);
                self.connect + dice.micros(1 + talk.as_micros() as usize)
            }
            _ => self.last(),
        };
        self.acts.push((at + rest, end));
    }

    /// How it reads.
    fn listen(&mut self, dice: &mut Dice) {
        let mut at = self.connect + dice.micros(3000);
        let size = *dice.pick(&[20, 100, 300, 100_000]);
        let window = Act::Window(dice.below(size));
        match dice.below(12) {
            0 => {
                // A little, and never more.
                self.acts.push((at, Act::LowWater(dice.below(3 * size))));
                self.acts.push((at, window));
                let rest = dice.micros(1_000_000);
                self.acts.push((at + rest, Act::Read(dice.below(size))));
            }
            1 => {
                // Not for a while.
                self.acts.push((at, window));
                self.acts.push((at + dice.micros(1_000_000), Act::ReadAll));
            }
            2..=3 => {
                // Slowly.
                self.acts.push((at, Act::LowWater(dice.below(3 * size))));
                self.acts.push((at, window));
                for _ in 0..dice.between(5, 40) {
                    at += dice.micros(60_000);
                    self.acts.push((at, Act::Read(dice.between(1, size))));
                }
                self.acts.push((at, Act::ReadAll));
            }
            _ => {}
        }
    }
}
