//! `jwt-gate check`.

use std::path::PathBuf;

use clap::Args;
use jwt_gate_core::{Compiled, Outline, Problem, compile};
use serde_json::{Value, json};

use crate::{
    command::{BAD, GOOD},
    source::{self, Source},
    time, words,
};

/// Tell every problem of a policy, with its line, what was found and what was expected
///
/// A policy is a YAML or JSON file, or stands inside an Envoy configuration, in the configuration of a Wasm filter.
///
/// Exit code 0: the policy is good, 1: it has errors, 2: the file cannot be read.
#[derive(Args)]
pub(crate) struct Check {
    /// Policies, or Envoy configurations with policies in them; `-` for standard input
    #[arg(required = true, value_name = "POLICY")]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was found out about one policy.
struct Checked {
    source: Source,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    outline: Option<Outline>,
}

impl Check {
    pub(crate) fn run(self) -> Result<u8, String> {
        let mut checked: Vec<Checked> = Vec::new();
        for file in &self.files {
            checked.extend(source::load(file)?.into_iter().map(check));
        }
        let good = checked.iter().all(|one| one.errors.is_empty());
        if self.json {
            let policies: Vec<Value> = checked.iter().map(as_json).collect();
            let document = json!({ "good": good, "policies": policies });
            anstream::println!("{document:#}");
        } else {
            checked.iter().for_each(print);
        }
        Ok(if good { GOOD } else { BAD })
    }
}

fn check(source: Source) -> Checked {
    let compiled = match &source.document {
        Ok(document) => compile(document).map_err(|errors| errors.problems().to_vec()),
        Err(problems) => Err(problems.clone()),
    };
    match compiled {
        Ok(Compiled { policy, keys, warnings }) => {
            let outline = Some(policy.outline(&keys, time::now()));
            Checked { source, errors: Vec::new(), warnings, outline }
        }
        Err(errors) => Checked { source, errors, warnings: Vec::new(), outline: None },
    }
}

/// A problem, and the valid choice that was perhaps meant.
pub(crate) fn hint(problem: &Problem) -> String {
    let Some(choices) = problem.expected.strip_prefix("one of ") else { return String::new() };
    // An unknown field is the end of its path, a wrong word is what was found.
    let found = match problem.found.as_str() {
        "an unknown field" => problem.path.rsplit('.').next().unwrap_or_default(),
        found => found.trim_matches('"'),
    };
    words::suggestion(found, choices.split(", "))
}

fn print(checked: &Checked) {
    let Checked { source, errors, warnings, outline } = checked;
    let levels = [(errors, words::BAD, "error:"), (warnings, words::ODD, "warning:")];
    for (problems, style, level) in levels {
        for problem in problems {
            let place = match source.line_of(&problem.path) {
                0 => source.file.clone(),
                line => format!("{}:{line}", source.file),
            };
            let level = words::paint(style, level);
            let problem_text = words::plain(&problem.to_string());
            anstream::println!("{place}: {level} {problem_text}{}", hint(problem));
        }
    }
    let name = match &source.filter {
        Some(filter) => format!("{}, filter {filter}", source.file),
        None => source.file.clone(),
    };
    let verdict = match errors.len() {
        0 => words::paint(words::GOOD, "good"),
        some => words::paint(words::BAD, &words::count(some, "error")),
    };
    let warnings = match warnings.len() {
        0 => String::new(),
        some => format!(", {}", words::count(some, "warning")),
    };
    anstream::println!("{name}: {verdict}{warnings}");
    if let Some(outline) = outline {
        anstream::print!("{}", summary(outline));
    }
}

/// The policy in short, for people.
fn summary(outline: &Outline) -> String {
    let mut text = String::new();
    if outline.reports {
        text.push_str("mode      report: nothing is refused\n");
    }
    for issuer in &outline.issuers {
        let any = ["any".to_owned()];
        let audiences = if issuer.audiences.is_empty() { &any[..] } else { &issuer.audiences };
        text.push_str(&format!("issuer    {}  {}\n", issuer.name, issuer.issuer));
        text.push_str(&format!("          for {}\n", audiences.join(", ")));
        text.push_str(&format!("          signed with {}\n", issuer.algorithms.join(", ")));
        if let Some(fetched) = &issuer.fetched {
            text.push_str(&format!("          keys from {fetched}\n"));
        }
        for key in &issuer.keys {
            text.push_str(&format!("          key {key}\n"));
        }
    }
    let width = outline.rules.iter().map(|rule| rule.name.chars().count()).max().unwrap_or(0);
    for rule in &outline.rules {
        let requests = rule.requests.as_deref().unwrap_or("routes that name it");
        let name = &rule.name;
        text.push_str(&format!("rule      {name:width$}  {requests}: {}\n", rule.access));
    }
    words::plain_lines(&text)
}

fn as_json(checked: &Checked) -> Value {
    let Checked { source, errors, warnings, outline } = checked;
    let problems = |problems: &[Problem]| -> Vec<Value> {
        let problems = problems.iter().map(|problem| {
            let line = source.line_of(&problem.path);
            json!({
                "path": problem.path,
                "line": (line > 0).then_some(line),
                "found": problem.found,
                "expected": problem.expected,
            })
        });
        problems.collect()
    };
    let outline = outline.as_ref().map(|outline| {
        let issuers = outline.issuers.iter().map(|issuer| {
            json!({
                "name": issuer.name,
                "issuer": issuer.issuer,
                "audiences": issuer.audiences,
                "algorithms": issuer.algorithms,
                "keys": issuer.keys,
                "fetched": issuer.fetched,
            })
        });
        let rules = outline.rules.iter().map(
            |rule| json!({ "name": rule.name, "requests": rule.requests, "access": rule.access }),
        );
        json!({
            "mode": if outline.reports { "report" } else { "enforce" },
            "issuers": issuers.collect::<Vec<_>>(),
            "rules": rules.collect::<Vec<_>>(),
        })
    });
    json!({
        "file": source.file,
        "filter": source.filter,
        "errors": problems(errors),
        "warnings": problems(warnings),
        "outline": outline,
    })
}
