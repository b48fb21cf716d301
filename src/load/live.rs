//! What is seen while a run lasts: a progress bar on a terminal, a line a second in the log elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::plan::Plan;
use super::run::{Phase, Tick};
use crate::report::figures::{count, duration, plain};

/// The parts of a bar.
const PARTS: u64 = 1000;

/// Shows how a run goes. Dropping it takes the bar away.
pub(super) struct Live {
    bar: Option<ProgressBar>,
    plan: Plan,
}

impl Live {
    /// For a run of this plan. A bar is drawn if stderr is a terminal; its log is silent if the log is not for `info`.
    pub(super) fn new(plan: &Plan) -> Live {
        let is_seen = log::log_enabled!(log::Level::Info);
        let bar = (is_seen && std::io::stderr().is_terminal()).then(|| {
            // The template is ours, and sound.
            let style = ProgressStyle::with_template("{bar:30} {msg}");
            ProgressBar::new(PARTS)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Live {
            bar,
            plan: plan.clone(),
        }
    }

    /// To be told each tick.
    pub(super) fn observer(&self) -> impl FnMut(&Tick) + 'static {
        let (bar, plan) = (self.bar.clone(), self.plan.clone());
        move |tick| {
            let line = line(&plan, tick);
            if let Some(bar) = &bar {
                bar.set_message(line);
                bar.set_position((progress(&plan, tick).clamp(0.0, 1.0) * PARTS as f64) as u64);
            } else {
                log::info!("{line}");
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Which part of its phase is done, from 0 to 1.
fn progress(plan: &Plan, tick: &Tick) -> f64 {
    let of = |time: Option<std::time::Duration>| {
        time.map_or(0.0, |time| {
            tick.second.until.as_secs_f64() / time.as_secs_f64()
        })
    };
    match tick.phase {
        Phase::Connecting => tick.connected as f64 / plan.crowd().max(1) as f64,
        Phase::Warmup => of(Some(plan.warmup)),
        Phase::Load => {
            let lines = plan
                .requests
                .map_or(0.0, |all| tick.requests as f64 / all.max(1) as f64);
            lines.max(of(plan.duration))
        }
        Phase::Drain | Phase::Leave | Phase::Sweep | Phase::Over => 1.0,
    }
}

fn line(plan: &Plan, tick: &Tick) -> String {
    let second = &tick.second;
    let errors = match tick.errors {
        0 => String::from("no errors"),
        1 => String::from("1 error"),
        errors => format!("{} errors", count(errors)),
    };
    if tick.phase == Phase::Connecting {
        let (there, all) = (count(tick.connected), count(plan.crowd() as u64));
        return format!("connecting: {there} of {all}, {errors}");
    }
    let phase = if tick.phase == Phase::Load {
        ""
    } else {
        "warming up, "
    };
    let time = |time: Option<std::time::Duration>| {
        duration(time.map_or(f64::NAN, |time| time.as_nanos() as f64))
    };
    format!(
        "{phase}{:.0} s: {} replies/s, p50 {}, p99 {}, {errors}",
        second.until.as_secs_f64(),
        plain(second.rate().round()),
        time(second.p50),
        time(second.p99),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Second;
    use std::time::Duration;

    fn tick(phase: Phase, seconds: u64) -> Tick {
        Tick {
            phase,
            second: Second {
                until: Duration::from_secs(seconds),
                length: Duration::from_millis(500),
                replies: 1000,
                errors: 2,
                p50: Some(Duration::from_micros(41)),
                p99: None,
            },
            connected: 16,
            requests: 250,
            errors: 2,
        }
    }

    #[test]
    fn a_line_says_what_happened_in_the_last_second() {
        let plan = Plan::default();
        let load = "3 s: 2,000 replies/s, p50 41.0 us, p99 -, 2 errors";
        assert_eq!(line(&plan, &tick(Phase::Load, 3)), load);
        assert_eq!(
            line(&plan, &tick(Phase::Warmup, 3)),
            format!("warming up, {load}")
        );
        assert_eq!(
            line(&plan, &tick(Phase::Connecting, 3)),
            "connecting: 16 of 64, 2 errors"
        );
    }

    #[test]
    fn the_bar_is_as_far_as_the_phase() {
        let plan = Plan {
            requests: Some(1000),
            ..Plan::default()
        };
        let table = [
            (Phase::Connecting, 1, 0.25),
            (Phase::Warmup, 1, 1.0),
            (Phase::Load, 1, 0.25),
            (Phase::Load, 5, 0.5),
            (Phase::Drain, 5, 1.0),
        ];
        for (phase, seconds, want) in table {
            let is = progress(&plan, &tick(phase, seconds));
            assert!((is - want).abs() < 1e-9, "{phase:?} {is}");
        }
    }
}
