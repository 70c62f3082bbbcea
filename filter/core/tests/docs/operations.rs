//! The page for operators: what it says of fetched keys is what the gate says.

use std::{collections::BTreeSet, time::Duration};

use jwt_gate_core::{Cause, Notice, Origin};
use serde_json::Value;

use crate::markdown::{Page, code};

const PAGE: &str = "docs/operations.md";

#[test]
fn every_cause_is_listed_with_its_number() {
    let table = Page::read(PAGE).tables_of("number").remove(0);
    assert_eq!(table.header[..2], ["number", "cause"]);
    let listed: Vec<_> = table.rows.iter().map(|row| row.cells[..2].to_vec()).collect();
    let known: Vec<_> = Cause::ALL
        .iter()
        .map(|cause| vec![cause.number().to_string(), format!("`{}`", cause.code())])
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn the_lines_of_the_log_are_those_of_the_gate() {
    let changed = |origin| Notice::Changed {
        kids: vec!["NjVBRjY5".to_owned(), "RDVCRTVG".to_owned()],
        keys: 2,
        skipped: 1,
        untried: false,
        origin,
    };
    let failed = |cause, detail: &str, secs, in_force| Notice::Failed {
        cause,
        detail: detail.to_owned(),
        retry_in: Duration::from_secs(secs),
        in_force,
    };
    let notices = [
        changed(Origin::Issuer),
        changed(Origin::Shared),
        failed(Cause::Status, "found 500, expected 200", 2, true),
        failed(Cause::Timeout, "no answer in time", 1, false),
        Notice::Fetched { failures: 2 },
        Notice::Expired,
    ];
    let blocks = Page::read(PAGE).blocks();
    let lines: Vec<_> = blocks
        .iter()
        .flat_map(|block| block.text.lines())
        .filter_map(|line| line.strip_prefix("jwt-gate: keys of auth0: "))
        .collect();
    assert_eq!(lines, notices.map(|notice| notice.to_string()));
}

#[test]
fn alerts_are_about_series_that_there_are() {
    let page = Page::read(PAGE);
    let series: BTreeSet<_> = page
        .tables_of("series")
        .iter()
        .flat_map(|table| &table.rows)
        .flat_map(|row| code(&row.cells[0]))
        .filter_map(|text| text.split('{').next().map(str::to_owned))
        .collect();
    let mut alerts = 0;
    for block in page.blocks().iter().filter(|block| block.language == "yaml") {
        let value: Value = serde_saphyr::from_str(&block.text)
            .unwrap_or_else(|error| panic!("{}: {error}", block.place));
        for group in value["groups"].as_array().into_iter().flatten() {
            for rule in group["rules"].as_array().expect("rules") {
                let expression = rule["expr"].as_str().expect("an expression");
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let mut names = expression
                    .split(|c| !is_name(c))
                    .filter(|word| word.starts_with("jwt_gate_"))
                    .peekable();
                assert!(names.peek().is_some(), "{}: {expression}", block.place);
                for name in names {
                    assert!(series.contains(name), "{}: {name}", block.place);
                }
                alerts += 1;
            }
        }
    }
    assert!(alerts > 2, "{alerts}");
}
