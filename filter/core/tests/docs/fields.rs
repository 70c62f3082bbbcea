//! The fields: listed are those that the reader knows, with their values and defaults.

use std::collections::{BTreeMap, BTreeSet};

use jwt_gate_core::{ConfigErrors, Problem};
use serde_json::{Value, json};

use crate::{
    forms,
    markdown::{Page, Row, code, sole_code},
    policies::{self, Kind},
};

const PAGE: &str = "docs/policy.md";
/// A field that no object has.
const UNKNOWN: &str = "zzz";
/// Where rules of routes are listed; they stand outside of the document.
const ROUTE: &str = "jwt_gate";

/// Names of fields by the place of their object: `rules[].match` and so on, empty for the document.
type Fields = BTreeMap<String, BTreeSet<String>>;

/// The rows of all tables of fields, with the place of the object.
fn rows() -> Vec<(String, String, Row)> {
    let mut rows = Vec::new();
    for table in Page::read(PAGE).tables_of("field") {
        let object = table.subject.unwrap_or_default();
        for row in table.rows {
            let field = sole_code(&row.cells[0]).expect("a field in backquotes").to_owned();
            rows.push((object.clone(), field, row));
        }
    }
    rows
}

/// Asks the reader for the fields of every object, by a field that it cannot know: the problem
/// lists those that it does.
fn known() -> Fields {
    let mut known = Fields::new();
    let mut open = vec![String::new()];
    while let Some(object) = open.pop() {
        let Some(fields) = fields_of(&object) else { continue };
        for field in &fields {
            let member = join(&object, field);
            open.extend([format!("{member}[]"), member]);
        }
        known.insert(object, fields);
    }
    known
}

fn fields_of(object: &str) -> Option<BTreeSet<String>> {
    let problems = problems(document(object, json!({ UNKNOWN: 1 })));
    let path = join(&object.replace("[]", "[0]"), UNKNOWN);
    names(problems.iter().find(|problem| problem.path == path)?)
}

fn names(problem: &Problem) -> Option<BTreeSet<String>> {
    (problem.found == "an unknown field").then(|| words(&problem.expected))
}

/// The words of `one of a, b, c`, or of a text that is one word.
fn words(expected: &str) -> BTreeSet<String> {
    expected.trim_start_matches("one of ").split(", ").map(str::to_owned).collect()
}

/// A document that holds `value` at a place and nothing else.
fn document(place: &str, value: Value) -> Value {
    place.rsplit('.').filter(|step| !step.is_empty()).fold(value, |value, step| {
        match step.strip_suffix("[]") {
            Some(name) => json!({ name: [value] }),
            None => json!({ step: value }),
        }
    })
}

fn problems(document: Value) -> Vec<Problem> {
    let errors = forms::compile_json(&document).expect_err("such a document is never good");
    errors.problems().to_vec()
}

fn join(object: &str, field: &str) -> String {
    if object.is_empty() { field.to_owned() } else { format!("{object}.{field}") }
}

#[test]
fn the_listed_fields_are_the_known_ones() {
    let mut listed = Fields::new();
    for (object, field, row) in rows() {
        let new = listed.entry(object).or_default().insert(field);
        assert!(new, "{}: listed twice", row.place);
    }
    let in_routes = listed.remove(ROUTE).expect("a table of what routes may hold");
    let known = known();
    assert!(known.len() > 10, "{known:#?}");
    assert_eq!(listed, known);

    let mut policy = policies::base();
    policy["route_metadata"] = true.into();
    let policy = forms::compile_json(&policy).expect("compiles").policy;
    let bytes = forms::metadata(&json!({ ROUTE: { UNKNOWN: 1 } }));
    let errors: ConfigErrors = policy.compile_route(&bytes).expect_err("an unknown field");
    let known = errors.problems().iter().find_map(names).expect("the problem lists the fields");
    assert_eq!(in_routes, known);
}

#[test]
fn every_value_of_a_field_with_few_is_listed() {
    let mut choices = 0;
    for (object, field, row) in rows() {
        let place = join(&object, &field);
        for (value, path) in [(json!(UNKNOWN), ""), (json!([UNKNOWN]), "[0]")] {
            let path = format!("{}{path}", place.replace("[]", "[0]"));
            let problems = problems(document(&place, value));
            let Some(expected) = problems
                .iter()
                .find(|problem| problem.path == path)
                .map(|problem| problem.expected.as_str())
                .filter(|text| text.starts_with("one of ") || !text.contains(' '))
            else {
                continue;
            };
            choices += 1;
            // The choices of `access` have a table of their own.
            let mut listed: BTreeSet<String> =
                row.cells.iter().flat_map(|cell| code(cell)).collect();
            if field == "access" {
                let tables = Page::read(PAGE).tables_of("`access`");
                listed = tables[0].rows.iter().flat_map(|row| code(&row.cells[0])).collect();
            }
            for word in words(expected) {
                assert!(listed.contains(&word), "{}: `{word}` is not listed", row.place);
            }
        }
    }
    assert!(choices > 6, "{choices}");
}

/// A policy that has every object once, and a value of the first kind where there is a choice.
fn full() -> Value {
    let mut policy = policies::base();
    policy["token"] = json!({ "from": [{ "header": "authorization" }] });
    policy["rules"] = json!([{
        "name": "all",
        "match": { "template": "/{tenant}/**" },
        "require": {
            "scopes": { "all": ["a"] },
            "claims": [{ "claim": ["tenant"], "equals_path": "tenant" }],
        },
    }]);
    policy["forward"] = json!({ "claims": [{ "claim": ["sub"], "header": "x-user" }] });
    policy["reply"] = json!({ "body": { "content_type": "text/plain", "template": "" } });
    policy["on_ambiguous_path"] = json!({ "allow": ["semicolon"] });
    policy["limits"] = json!({});
    policy["shared_data"] = json!({});
    policy
}

/// What `keys` hold where the object is about keys that are fetched.
fn fetched(object: &str) -> Option<Value> {
    match object {
        "issuers[].keys.remote" => {
            Some(json!({ "remote": { "uri": "https://issuer.test/keys", "cluster": "issuer" } }))
        }
        "issuers[].keys.discovery" => Some(json!({ "discovery": { "cluster": "issuer" } })),
        _ => None,
    }
}

/// [`full`] with a field of an object set, or taken away.
fn with(object: &str, field: &str, value: Option<Value>) -> Value {
    let mut policy = full();
    if let Some(keys) = fetched(object) {
        policy["issuers"][0]["keys"] = keys;
    }
    let mut at = &mut policy;
    for step in object.split('.').filter(|step| !step.is_empty()) {
        at = match step.strip_suffix("[]") {
            Some(name) => &mut at[name][0],
            None => &mut at[step],
        };
    }
    let members = at.as_object_mut().unwrap_or_else(|| panic!("no {object} in the full policy"));
    match value {
        Some(value) => members.insert(field.to_owned(), value),
        None => members.remove(field),
    };
    policy
}

#[test]
fn defaults_are_what_is_listed() {
    let (mut defaults, mut required) = (0, 0);
    for (object, field, row) in rows() {
        if object == ROUTE {
            continue;
        }
        let without = forms::compile_json(&with(&object, &field, None));
        let path = join(&object, &field).replace("[]", "[0]");
        let is_missed = without.as_ref().is_err_and(|errors| {
            let nothing = |problem: &Problem| problem.path == path && problem.found == "nothing";
            errors.problems().iter().any(nothing)
        });
        let says_required = row.cells[1] == "required";
        assert_eq!(is_missed, says_required, "{}: whether `{path}` is required", row.place);
        required += usize::from(says_required);
        if let Some(default) = sole_code(&row.cells[1]) {
            let value = serde_saphyr::from_str(default)
                .unwrap_or_else(|e| panic!("{}: the default is no YAML: {e}", row.place));
            let written = forms::compile_json(&with(&object, &field, Some(value)));
            let written = written.unwrap_or_else(|e| panic!("{}: {e}", row.place)).policy;
            let left_out = without.unwrap_or_else(|e| panic!("{}: {e}", row.place)).policy;
            assert_eq!(format!("{written:?}"), format!("{left_out:?}"), "{}", row.place);
            defaults += 1;
        }
    }
    assert!(defaults > 12 && required > 8, "{defaults} defaults, {required} required");
}

/// The bounds of `a duration from 1s to 1h`, or of `a whole number from 1 to 10`.
fn bounds(expected: &str) -> Option<(&str, &str)> {
    let (kind, range) = expected.split_once(" from ")?;
    let (least, most) = range.split_once(" to ")?;
    let is_range = ["a duration", "a whole number"].contains(&kind);
    is_range.then(|| (least, most.split_once(',').map_or(most, |(most, _)| most)))
}

#[test]
fn bounds_are_what_is_listed() {
    let mut found = 0;
    for (object, field, row) in rows() {
        let path = join(&object, &field).replace("[]", "[0]");
        let problems = problems(document(&join(&object, &field), json!(UNKNOWN)));
        let problem = problems.iter().find(|problem| problem.path == path);
        let Some((least, most)) = problem.and_then(|problem| bounds(&problem.expected)) else {
            continue;
        };
        let ranges = [
            format!("`{least}` to `{most}`"),
            format!("{least} to {most} bytes"),
            format!("{least} to {most}."),
        ];
        let meaning = &row.cells[2];
        assert!(
            ranges.iter().any(|range| meaning.contains(range)),
            "{}: not {ranges:?}",
            row.place
        );
        // What is spelled as a bound can be written, alone or beside what it must not fall below.
        for bound in [least, most] {
            let written = forms::compile_json(&with(&object, &field, Some(json!(bound))));
            let refused = written.err().map(|errors| errors.to_string()).unwrap_or_default();
            assert!(!refused.contains(" from "), "{}: {bound}: {refused}", row.place);
        }
        found += 1;
    }
    assert!(found > 15, "{found}");
}

#[test]
fn every_field_stands_in_an_example() {
    let mut seen = BTreeSet::new();
    for example in policies::examples(PAGE) {
        match example.kind {
            Kind::Policy(policy) => collect("", &policy, &mut seen),
            Kind::Routes(routes) => {
                for route in &routes {
                    collect(ROUTE, &route["metadata"]["filter_metadata"][ROUTE], &mut seen);
                }
            }
            Kind::Clusters(_) => {}
        }
    }
    for (object, field, row) in rows() {
        let place = join(&object, &field);
        assert!(seen.contains(&place), "{}: `{place}` stands in no example", row.place);
    }
}

fn collect(place: &str, value: &Value, seen: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let place = join(place, name);
                collect(&place, member, seen);
                seen.insert(place);
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| collect(&format!("{place}[]"), item, seen));
        }
        _ => {}
    }
}
