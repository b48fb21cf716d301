//! The report on the terminal.

use std::fmt::Write;

use super::outcome::Outcome;
use super::plan::Plan;
use super::tables;

/// The report; `failures` are why the run is one.
pub fn text(plan: &Plan, outcome: &Outcome, failures: &[String]) -> String {
    let (headline, result) = (tables::headline(plan), tables::result(outcome));
    let mut parts = vec![format!("{headline}\n{result}\n")];
    if !outcome.intended.is_empty() {
        let (table, explanation) = (tables::latencies(outcome), tables::explanation(plan));
        parts.push(format!("{table}{explanation}\n"));
    }
    let more = [
        tables::others(outcome),
        tables::errors(outcome),
        tables::mismatches(outcome),
    ];
    parts.extend(more.into_iter().flatten().map(|table| table.to_string()));
    let mut remarks = String::new();
    for remark in tables::remarks(plan, outcome) {
        // Writing to a String does not fail.
        let _ = writeln!(remarks, "{remark}");
    }
    for failure in failures {
        let _ = writeln!(remarks, "failed: {failure}");
    }
    parts.push(remarks);
    parts.join("\n")
}
