//! The report for programs. `docs/compare-json.md` says what each key means.

use serde_json::{Map, Value, json};

use super::metric::Metric;
use super::results::Results;
use super::setup::Start;
use crate::load::json::plan_json;

/// The number of this form. It grows when a key goes or changes its meaning, not when one is added.
const VERSION: u32 = 1;

/// The report as one object; `error` is why it ended before its time.
pub(super) fn json(results: &Results, error: Option<&str>) -> Value {
    let setup = &results.setup;
    let contenders = setup.contenders.iter().map(|contender| {
        let command = match &contender.start {
            Start::Model(_) => Value::Null,
            Start::Peer(words) => json!(words),
        };
        json!({ "name": contender.name, "command": command })
    });
    let runs = results.runs.iter().map(|run| {
        let mut object = Map::new();
        object.insert("round".into(), json!(run.round));
        object.insert("server".into(), json!(setup.contenders[run.contender].name));
        object.insert("connections".into(), json!(run.connections));
        object.insert("cpus".into(), json!(run.cpus.key()));
        object.insert("requests".into(), json!(run.figures.replies));
        object.insert("elapsed_s".into(), json!(run.figures.elapsed));
        let figures =
            Metric::ALL.map(|metric| (metric.key().to_owned(), json!(metric.of(&run.figures))));
        object.extend(figures);
        Value::Object(object)
    });
    json!({
        "version": VERSION,
        "ok": error.is_none(),
        "error": error,
        "rounds": setup.rounds,
        "plan": plan_json(&setup.plan),
        "sweep": setup.sweep,
        "servers": contenders.collect::<Vec<_>>(),
        "runs": runs.collect::<Vec<_>>(),
        "medians": medians(results),
    })
}

/// For each server under each load, in each place, what its rounds have in common.
fn medians(results: &Results) -> Vec<Value> {
    let setup = &results.setup;
    let mut medians = Vec::new();
    for connections in setup.loads() {
        for &cpus in &setup.cpus {
            for (number, contender) in setup.contenders.iter().enumerate() {
                let of = |number, metric| results.summary(number, connections, cpus, metric);
                let mut object = Map::new();
                for metric in Metric::ALL {
                    let summary = of(number, metric).map(|all| {
                        let first = of(0, metric).filter(|_| metric.has_ratio());
                        json!({
                            "median": all.median,
                            "min": all.low,
                            "max": all.high,
                            "runs": all.runs,
                            "ratio": first.map(|first| all.median / first.median),
                        })
                    });
                    object.insert(metric.key().into(), json!(summary));
                }
                object.insert("server".into(), json!(contender.name));
                object.insert("connections".into(), json!(connections));
                object.insert("cpus".into(), json!(cpus.key()));
                medians.push(Value::Object(object));
            }
        }
    }
    medians
}
