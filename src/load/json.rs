//! The report for programs. `docs/load-json.md` says what each key means, and a test that none is missing there.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::dialogue::shown;
use super::outcome::Outcome;
use super::plan::Plan;
use super::trouble::Trouble;

/// The number of this form. It grows when a key goes or changes its meaning, not when one is added.
const VERSION: u32 = 1;

/// The report as one object; `failures` are why the run is one.
pub fn json(plan: &Plan, outcome: &Outcome, failures: &[String]) -> Value {
    json!({
        "version": VERSION,
        "ok": failures.is_empty(),
        "failures": failures,
        "ended": outcome.ended.key(),
        "target": plan.target.to_string(),
        "plan": plan_json(plan),
        "ramp_s": outcome.ramp.as_secs_f64(),
        "elapsed_s": outcome.elapsed.as_secs_f64(),
        "connections": { "asked": outcome.asked, "greeted": outcome.connected },
        "requests": outcome.requests,
        "unsent": outcome.unsent,
        "replies": outcome.replies,
        "replies_per_s": outcome.rate(),
        "bytes_sent": outcome.bytes_sent,
        "bytes_received": outcome.bytes_received,
        "latency": { "intended": times(&outcome.intended), "sent": times(&outcome.sent) },
        "connect": times(&outcome.connects),
        "greeting": times(&outcome.greetings),
        "session": times(&outcome.sessions),
        "ping": times(&outcome.pings),
        "errors": errors(outcome),
        "mismatches": outcome.mismatches.iter().map(|mismatch| json!({
            "expected": shown(&mismatch.expected),
            "got": shown(&mismatch.got),
        })).collect::<Vec<_>>(),
        "slow_readers": { "replies": outcome.slow_replies, "bytes": outcome.slow_bytes },
        "own_cpu": outcome.own_share(),
        "server": outcome.server.map(|server| json!({
            "cpu_s": server.cpu.as_secs_f64(),
            "waits": server.waits,
            "answered": server.answered,
            "memory_before_bytes": server.memory_before,
            "memory_idle_bytes": server.memory_idle,
            "memory_after_bytes": server.memory_after,
        })),
        "seconds": outcome.seconds.iter().map(|second| json!({
            "until_s": second.until.as_secs_f64(),
            "length_s": second.length.as_secs_f64(),
            "replies": second.replies,
            "errors": second.errors,
            "p50_ns": second.p50.map(nanos),
            "p99_ns": second.p99.map(nanos),
        })).collect::<Vec<_>>(),
    })
}

/// What was asked for.
pub(super) fn plan_json(plan: &Plan) -> Value {
    json!({
        "connections": plan.connections,
        "pipeline": plan.pipeline,
        "rate_per_s": plan.rate,
        "churn": plan.churn,
        "idle": plan.idle,
        "slow_readers": plan.slow_readers,
        "ramp_per_s": plan.ramp,
        "warmup_s": plan.warmup.as_secs_f64(),
        "duration_s": plan.duration.map(|time| time.as_secs_f64()),
        "requests": plan.requests,
        "timeout_s": plan.timeout.as_secs_f64(),
        "max_in_flight": plan.rate.map(|_| plan.bound()),
        "line_length": [plan.mix.length.start(), plan.mix.length.end()],
        "title_share": plan.mix.title_share,
        "unicode_share": plan.mix.unicode_share,
        "plain": plan.mix.plain,
        "seed": plan.mix.seed,
    })
}

/// Null: nothing of the kind was measured.
fn times(times: &Histogram<u64>) -> Value {
    if times.is_empty() {
        return Value::Null;
    }
    let at = |percentile| times.value_at_percentile(percentile);
    json!({
        "count": times.len(),
        "mean_ns": times.mean(),
        "min_ns": times.min(),
        "p50_ns": at(50.0),
        "p75_ns": at(75.0),
        "p90_ns": at(90.0),
        "p99_ns": at(99.0),
        "p99_9_ns": at(99.9),
        "p99_99_ns": at(99.99),
        "max_ns": times.max(),
    })
}

fn errors(outcome: &Outcome) -> Value {
    let kinds = Trouble::ALL.map(|kind| (kind.key().to_owned(), outcome.troubles.of(kind).into()));
    let mut errors = Map::from_iter(kinds);
    errors.insert("total".into(), outcome.troubles.total().into());
    Value::Object(errors)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
