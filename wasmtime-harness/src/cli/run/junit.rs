//! Results as JUnit XML, for continuous integration.
//!
//! A scenario under a profile is a test suite, each of its steps a test case. There are no times in
//! it, so that two runs give the same file.

use std::fmt::Write as _;

use proxy_scenario::Difference;

use super::played::{Played, Playing};

/// The whole document.
pub(super) fn document(all: &Playing) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for played in &all.played {
        suite(&mut text, played);
    }
    for (file, error) in &all.unplayable {
        let name = escaped(&file.display().to_string());
        let message = escaped(error);
        put(&mut text, format_args!("  <testsuite name=\"{name}\" tests=\"1\" errors=\"1\">"));
        put(&mut text, format_args!("    <testcase classname=\"{name}\" name=\"is played\">"));
        put(&mut text, format_args!("      <error message=\"{message}\"/>"));
        put(&mut text, format_args!("    </testcase>\n  </testsuite>"));
    }
    text.push_str("</testsuites>\n");
    text
}

fn suite(text: &mut String, played: &Played) {
    let report = &played.report;
    let name = escaped(&format!("{} ({})", report.file.display(), report.profile));
    let mut cases: Vec<(String, &[Difference])> = Vec::new();
    for (i, step) in report.steps.iter().enumerate() {
        // What was found is no part of a name, or the case would change it when it fails.
        let said = step.text.split(" -> ").next().unwrap_or_default();
        cases.push((format!("{i}: {said}"), &step.differences));
    }
    if !played.differences.is_empty() {
        cases.push(("the whole".to_owned(), &played.differences));
    }
    let failures = cases.iter().filter(|(_, differences)| !differences.is_empty()).count();
    let tests = cases.len();
    put(
        text,
        format_args!("  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">"),
    );
    for (case, differences) in cases {
        let case = escaped(&case);
        if differences.is_empty() {
            put(text, format_args!("    <testcase classname=\"{name}\" name=\"{case}\"/>"));
            continue;
        }
        let lines: Vec<_> = differences.iter().map(ToString::to_string).collect();
        let first = lines.first().and_then(|line| line.lines().next()).unwrap_or_default();
        let (message, lines) = (escaped(first), escaped(&lines.join("\n")));
        put(text, format_args!("    <testcase classname=\"{name}\" name=\"{case}\">"));
        put(text, format_args!("      <failure message=\"{message}\">{lines}</failure>"));
        put(text, format_args!("    </testcase>"));
    }
    put(text, format_args!("  </testsuite>"));
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

/// Text as XML has it; characters that XML cannot have become U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push('\t'),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
