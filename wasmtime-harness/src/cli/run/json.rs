//! Results as one JSON document.

use proxy_scenario::{Difference, StepReport};
use serde_json::{Value, json};

use super::played::{Played, Playing};

/// The whole document; its shape is described in the harness's README.
///
/// # Errors
///
/// None that a value made here can have.
pub(super) fn document(all: &Playing) -> Result<String, String> {
    let errors = all.unplayable.iter();
    let document = json!({
        "passed": all.passed(),
        "failed": all.failed(),
        "scenarios": all.played.iter().map(scenario).collect::<Vec<_>>(),
        "errors": errors
            .map(|(file, error)| json!({ "file": file.display().to_string(), "error": error }))
            .collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&document).map_err(|error| error.to_string())
}

fn scenario(played: &Played) -> Value {
    let report = &played.report;
    json!({
        "file": report.file.display().to_string(),
        "profile": report.profile,
        "why": report.why,
        "passed": played.passed(),
        "steps": report.steps.iter().map(step).collect::<Vec<_>>(),
        "differences": differences(&played.differences),
        "fuel": { "start": played.cost.start, "steps": played.cost.steps },
    })
}

fn step(step: &StepReport) -> Value {
    json!({
        "line": step.line,
        "why": step.why,
        "text": step.text,
        "passed": step.differences.is_empty(),
        "differences": differences(&step.differences),
    })
}

fn differences(differences: &[Difference]) -> Vec<Value> {
    let difference = |difference: &Difference| {
        let Difference { what, expected, found } = difference;
        json!({ "what": what, "expected": expected, "found": found })
    };
    differences.iter().map(difference).collect()
}
