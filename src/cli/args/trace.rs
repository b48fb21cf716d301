//! The flags of `trace`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::units;
use crate::timeline::{Order, Window};

/// The flags of `trace`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct TraceArgs {
    /// The trace.
    #[arg(value_name = "FILE")]
    #[arg(help = "What nbcaser serve --trace FILE has written")]
    pub trace: PathBuf,

    /// Where the page goes.
    #[arg(long, value_name = "OUT")]
    #[arg(help = "Write one HTML page with the timeline to OUT")]
    pub html: Option<PathBuf>,

    /// The begin of what the timeline shows.
    #[arg(long, value_name = "TIME", value_parser = units::fine_duration)]
    #[arg(help = "Let the timeline begin so long after the trace [default: at the longest turn]")]
    pub from: Option<Duration>,

    /// How much it shows.
    #[arg(long = "for", value_name = "TIME", value_parser = some_time)]
    #[arg(help = "Let it show so much time [default: 1ms with --from, else the longest turn]")]
    pub length: Option<Duration>,
}

/// A time that is not zero.
fn some_time(text: &str) -> Result<Duration, String> {
    match units::fine_duration(text)? {
        Duration::ZERO => Err("it is no time at all".into()),
        time => Ok(time),
    }
}

/// What stands below the flags.
pub(super) const MORE: &str = r"Examples:
  nbcaser serve --trace t.json               serve, and write what the loop does
  nbcaser trace t.json                       figures of it
  nbcaser trace t.json --html t.html         and its longest turn, to look at
  nbcaser trace t.json --html t.html --from 1.5s --for 200us

Exit status:
  0         all is well
  1         the file is no trace, or nothing can be written
  2         wrong usage";

impl From<TraceArgs> for Order {
    fn from(arguments: TraceArgs) -> Order {
        let TraceArgs {
            trace,
            html,
            from,
            length,
        } = arguments;
        Order {
            trace,
            html,
            window: Window { from, length },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Command, in_plain_text, try_parse_from};

    fn order(args: &str) -> Result<Order, String> {
        let words = ["nbcaser", "trace"].into_iter().chain(args.split(' '));
        let cli = try_parse_from(words).map_err(|error| in_plain_text(&error))?;
        let Command::Trace(arguments) = cli.command else {
            panic!("{args}");
        };
        Ok(arguments.into())
    }

    #[test]
    fn every_flag_is_read() {
        let window = Window {
            from: Some(Duration::from_secs(1)),
            length: Some(Duration::from_micros(200)),
        };
        let want = Order {
            trace: "t".into(),
            html: Some("o".into()),
            window,
        };
        assert_eq!(order("t --html o --from 1s --for 200us"), Ok(want));
        let want = Order {
            trace: "t".into(),
            html: None,
            window: Window::default(),
        };
        assert_eq!(order("t"), Ok(want));
    }

    #[test]
    fn wrong_flags_are_refused_with_a_hint() {
        for (args, hint) in [
            ("--html o", "<FILE>"),
            ("t --for 0", "no time at all"),
            ("t --from x", "x"),
            ("t u", "u"),
        ] {
            let told = order(args).expect_err(args);
            assert!(
                told.starts_with("error: ") && told.contains(hint),
                "{args}: {told}"
            );
        }
    }
}
