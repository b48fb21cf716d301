//! The flags of `compare`.

use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};

use super::traffic::{MOST, ONE_FILE, TrafficArgs, some_time};
use crate::cli::units;
use crate::load::Plan;
use crate::load::compare::{Contender, Cpus, Order, Setup};
use crate::server::settings::Model;

/// The flags of `compare`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct CompareArgs {
    /// Our own models.
    #[arg(long, value_name = "LIST", default_value = "reactor,threads")]
    #[arg(help = "The models of `nbcaser serve` that take part, or none")]
    pub models: Models,

    /// Other servers.
    #[arg(long, value_name = "[NAME=]COMMAND")]
    #[arg(
        help = "A server that takes part, too: its command, in which {port} is the port of \
                  127.0.0.1 to listen on; may be repeated"
    )]
    pub peer: Vec<Contender>,

    /// How often each is measured.
    #[arg(long, value_name = "N", default_value = "5")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    #[arg(help = "Measure each of them N times, in turn")]
    pub rounds: usize,

    /// Where the two sides run; `None` if the user did not say.
    #[arg(long, value_enum, value_name = "WHERE")]
    #[arg(
        help = "Run server and load tester on the same CPU, apart on different ones, or both in turn \
                  [default: both, where there are two CPUs]"
    )]
    #[arg(hide_possible_values = true)]
    pub cpus: Option<Where>,

    /// Numbers of connections, each of which is a load.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST))]
    #[arg(
        help = "Measure with each of these numbers of connections, like 1,10,100,1000,10000, and \
                  draw the curves"
    )]
    pub sweep: Vec<usize>,

    /// How long the load that counts lasts, in each run.
    #[arg(short, long, value_name = "TIME", default_value = "2s")]
    #[arg(value_parser = some_time)]
    #[arg(help = "How long the load that counts lasts, in each run")]
    pub duration: Duration,

    /// Load before that.
    #[arg(long, value_name = "TIME", default_value = "500ms")]
    #[arg(value_parser = units::duration)]
    #[arg(help = "Load that does not count, before the load that does")]
    pub warmup: Duration,

    /// How long a server may take to come up.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    #[arg(value_parser = some_time)]
    #[arg(help = "How long a server may take from its start to its first greeting")]
    pub start_timeout: Duration,

    /// What is sent, and by whom.
    #[command(flatten)]
    pub traffic: TrafficArgs,

    /// Where the report goes as JSON.
    #[arg(long, value_name = "FILE")]
    #[arg(help = "Write the report as JSON to FILE; - is stdout, instead of the text")]
    pub json: Option<PathBuf>,

    /// Where the report goes as a page.
    #[arg(long, value_name = "FILE")]
    #[arg(help = "Write the report as one HTML page, with charts, to FILE")]
    pub html: Option<PathBuf>,
}

/// What `--models` takes: their names with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models(Vec<Model>);

impl FromStr for Models {
    type Err = String;

    fn from_str(text: &str) -> Result<Models, String> {
        if text == "none" {
            return Ok(Models(Vec::new()));
        }
        let models = text.split(',').map(|name| {
            Model::from_str(name, false).map_err(|_| {
                "the models are reactor and threads: write `reactor,threads` or `none`".to_owned()
            })
        });
        models.collect::<Result<_, _>>().map(Models)
    }
}

/// What `--cpus` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Where {
    /// Both sides on one CPU.
    Same,
    /// On different ones.
    Apart,
    /// One after the other.
    Both,
}

/// What stands below the flags.
pub(super) const MORE: &str = r"Durations: 250ms, 15s, 1m 30s, 1h. Rates: 5000, 20k, 1.5M.

Each run has a server of its own, which is started for it and ended after it.
CPU time a request, with both sides on one CPU, is the figure that repeats best
on a machine that is shared with others; what needs two CPUs stands below it.

Examples:
  nbcaser compare                              reactor and threads, 64 connections
  nbcaser compare --models reactor,reactor     how much is noise?
  nbcaser compare --sweep 1,10,100,1000,10000 --html curves.html
  nbcaser compare --peer 'tokio=./tokio {port}' --peer 'node server.js {port}'
  nbcaser compare --churn                      connections come and go
  nbcaser compare --idle 10000 -c 8            what silent connections cost

Signals:
  SIGINT, SIGTERM, SIGHUP, SIGQUIT  end the comparison and all servers that it
                                    started; what was measured until then is told

Exit status:
  0         all was measured
  1         a server did not come up, ended, or answered wrongly
  2         wrong usage
  128 + N   ended by a signal, of number N: 130, 143, 129, 131";

impl CompareArgs {
    /// What no flag alone can tell to be wrong.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.models.0.is_empty() && self.peer.is_empty() {
            return Err("there is nobody to compare: name --models or a --peer");
        }
        if self.traffic.connections == 0 {
            return Err("there is nothing to compare without --connections that send lines");
        }
        if self.json.is_some() && self.json == self.html {
            return Err(ONE_FILE);
        }
        self.traffic.check()
    }
}

impl From<CompareArgs> for Order {
    fn from(arguments: CompareArgs) -> Order {
        let models = arguments.models.0.into_iter();
        let models = models.filter_map(|model| {
            let value = model.to_possible_value()?;
            Some(Contender::model(value.get_name()))
        });
        let several = || available_parallelism().is_ok_and(|cpus| cpus.get() > 1);
        let cpus = match arguments.cpus {
            Some(Where::Same) => vec![Cpus::Same],
            Some(Where::Apart) => vec![Cpus::Apart],
            None if !several() => vec![Cpus::Same],
            Some(Where::Both) | None => vec![Cpus::Same, Cpus::Apart],
        };
        let mut sweep = arguments.sweep;
        sweep.sort_unstable();
        sweep.dedup();
        let setup = Setup {
            contenders: Contender::with_names_apart(models.chain(arguments.peer)),
            plan: Plan {
                warmup: arguments.warmup,
                duration: Some(arguments.duration),
                ..arguments.traffic.into()
            },
            rounds: arguments.rounds,
            cpus,
            sweep: (!sweep.is_empty()).then_some(sweep),
            start_timeout: arguments.start_timeout,
        };
        Order {
            setup,
            command: command(),
            json: arguments.json,
            html: arguments.html,
        }
    }
}

/// The command line, as one would write it.
fn command() -> String {
    let args = std::env::args_os().skip(1);
    let args: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let words = ["nbcaser"]
        .into_iter()
        .chain(args.iter().map(String::as_str));
    // What no shell takes (a NUL) is not among the arguments of a process.
    shlex::try_join(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Command, in_plain_text, try_parse_from};

    fn order(args: &str) -> Result<Setup, String> {
        let words = shlex::split(args).expect("whole quotes");
        let words = ["nbcaser".to_owned(), "compare".into()]
            .into_iter()
            .chain(words);
        let cli = try_parse_from(words).map_err(|error| in_plain_text(&error))?;
        let Command::Compare(arguments) = cli.command else {
            panic!("{args}");
        };
        Ok(Order::from(arguments).setup)
    }

    #[test]
    fn by_default_both_models_are_compared() {
        let setup = order("").expect("no flags");
        let names: Vec<_> = setup.contenders.iter().map(|one| &one.name[..]).collect();
        assert_eq!(names, ["reactor", "threads"]);
        assert_eq!((setup.rounds, setup.sweep.as_ref()), (5, None));
        let plan = Plan {
            warmup: Duration::from_millis(500),
            duration: Some(Duration::from_secs(2)),
            ..Plan::default()
        };
        assert_eq!(setup.plan, plan);
    }

    #[test]
    fn every_flag_is_read() {
        let setup = order(
            "--models threads,threads --peer 'a=b {port}' --peer 'b {port}' --rounds 3 --cpus both --sweep 10,1,10 -d 1s \
             --warmup 0 --start-timeout 2s -c 7 -p 3 --seed 9",
        );
        let setup = setup.expect("all are right");
        let names: Vec<_> = setup.contenders.iter().map(|one| &one.name[..]).collect();
        assert_eq!(names, ["threads", "threads#2", "a", "b"]);
        assert_eq!((setup.rounds, setup.runs()), (3, 3 * 4 * 2 * 2));
        assert_eq!(setup.sweep, Some(vec![1, 10]));
        assert_eq!(setup.cpus, [Cpus::Same, Cpus::Apart]);
        assert_eq!(setup.start_timeout, Duration::from_secs(2));
        assert_eq!(setup.length(), Some(Duration::from_secs(48)));
        let plan = &setup.plan;
        assert_eq!((plan.connections, plan.pipeline, plan.mix.seed), (7, 3, 9));
        assert_eq!(order("--cpus same").expect("a place").cpus, [Cpus::Same]);
        assert_eq!(order("--cpus apart").expect("a place").cpus, [Cpus::Apart]);
    }

    #[test]
    fn wrong_flags_are_refused_with_a_hint() {
        let table = [
            ("--models none", "nobody to compare"),
            ("--models reactor,smoke", "reactor and threads"),
            ("--models ''", "reactor and threads"),
            ("--peer x", "{port}"),
            ("--sweep 0", "0"),
            ("--sweep 1,x", "x"),
            ("--rounds 0", "1..=1000"),
            ("--cpus here", "same"),
            ("-c 0", "--connections"),
            ("-d 0", "no time at all"),
            ("--churn --rate 5", "--churn"),
            ("-n 5", "-n"),
            ("localhost:9600", "localhost:9600"),
        ];
        for (args, hint) in table {
            let told = order(args).expect_err(args);
            assert!(
                told.starts_with("error: ") && told.contains(hint),
                "{args}: {told}"
            );
        }
    }
}
