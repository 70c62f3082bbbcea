//! Results as a person reads them.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use proxy_scenario::{Difference, StepReport};

use super::played::{Played, Playing};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// Prints a line, in colour if a person looks at it; a reader that went away is not an error.
macro_rules! line {
    ($($words:tt)*) => {{
        let _ = writeln!(anstream::stdout(), $($words)*);
    }};
}

/// Prints what came of one scenario: a line for each step, and what differs.
pub(super) fn scenario(played: &Played, several: bool, trace: bool) {
    let report = &played.report;
    let profile = match several {
        true => format!(" {DIM}under {}{DIM:#}", report.profile),
        false => String::new(),
    };
    line!("{BOLD}{}{BOLD:#}{profile}  {DIM}{}{DIM:#}", report.file.display(), report.why);
    for (step, record) in report.recorded() {
        self::step(step);
        if trace {
            self::trace(record);
        }
    }
    for found in &played.differences {
        line!("  {RED}FAIL{RED:#}  {}", found.what);
        difference(found, false);
    }
    if played.blessed {
        line!("  {CYAN}kept{CYAN:#}  the record");
    }
}

/// Prints why a scenario cannot be played.
pub(super) fn unplayable(error: &str) {
    for line in error.lines() {
        let _ = writeln!(anstream::stderr(), "{RED}error{RED:#} {line}");
    }
}

/// Prints how many passed and failed.
pub(super) fn summary(all: &Playing) {
    let (passed, failed) = (all.passed(), all.failed());
    let style = if failed == 0 { GREEN } else { RED };
    let unplayable = match all.unplayable.len() {
        0 => String::new(),
        number => format!(", {RED}{number} could not be played{RED:#}"),
    };
    line!("{style}{passed} passed, {failed} failed{style:#}{unplayable}");
}

fn step(step: &StepReport) {
    let (style, word) = match step.differences.is_empty() {
        true => (GREEN, "ok  "),
        false => (RED, "FAIL"),
    };
    let why = match step.why.as_str() {
        "" => String::new(),
        why => format!("  {DIM}{why}{DIM:#}"),
    };
    let place = match step.line {
        Some(line) if !step.differences.is_empty() => format!("  {DIM}line {line}{DIM:#}"),
        _ => String::new(),
    };
    line!("  {style}{word}{style:#}  {}{why}{place}", step.text);
    for found in &step.differences {
        difference(found, true);
    }
}

fn difference(found: &Difference, named: bool) {
    if named {
        line!("        {BOLD}{}{BOLD:#}", found.what);
    }
    let Some(lines) = found.lines() else {
        line!("          expected {GREEN}{}{GREEN:#}", found.expected);
        line!("          found    {RED}{}{RED:#}", found.found);
        return;
    };
    line!("          {GREEN}- expected{GREEN:#}, {RED}+ found{RED:#}");
    for text in lines.lines() {
        let style = match text.as_bytes().first() {
            Some(b'-') => GREEN,
            Some(b'+') => RED,
            Some(b'@') => CYAN,
            _ => Style::new(),
        };
        line!("          {style}{text}{style:#}");
    }
}

/// Prints a part of a record: callbacks stand out, and host calls that failed.
fn trace(record: &str) {
    for text in record.lines() {
        let Some(inner) = text.strip_prefix("  ") else {
            line!("        {CYAN}{text}{CYAN:#}");
            continue;
        };
        let style = if inner.starts_with("= trap") {
            RED
        } else if inner.starts_with("proxy_") && !inner.ends_with("-> OK") {
            YELLOW
        } else if inner.starts_with("proxy_") || inner.starts_with('=') {
            DIM
        } else {
            Style::new()
        };
        line!("          {style}{inner}{style:#}");
    }
}
