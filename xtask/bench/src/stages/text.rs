//! The figures as text.

use std::fmt::Write as _;

use super::{Column, Figures};
use crate::{report::grouped, spread::Spread, table::Table};

/// The figures, behind these lines about the machine.
pub(crate) fn text(figures: &Figures, machine: &[String]) -> String {
    let mut text = String::new();
    for line in machine
        .iter()
        .chain(&versions(figures))
        .chain(&arithmetic(figures))
        .chain(&figures.left_out)
    {
        // What cannot fail: a text grows.
        let _ = writeln!(text, "- {line}.");
    }
    let _ = write!(text, "\n{}", table(figures));
    text
}

/// What runs the modules, each once.
fn versions(figures: &Figures) -> Option<String> {
    let mut all: Vec<&str> =
        figures.engines.iter().filter_map(|engine| engine.version.as_deref()).collect();
    all.dedup();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Which arithmetic each build has for RSA keys.
fn arithmetic(figures: &Figures) -> Option<String> {
    let engines = figures.engines.iter().filter(|engine| !engine.column.is_fuel());
    let each: Vec<String> =
        engines.map(|engine| format!("{} {}", engine.column.name(), engine.arithmetic)).collect();
    (!each.is_empty()).then(|| format!("Arithmetic of RSA keys: {}", each.join("; ")))
}

fn table(figures: &Figures) -> Table {
    let headings = figures.engines.iter().map(|engine| engine.column.heading());
    let mut table = Table::new([""].into_iter().chain(headings));
    for (place, stage) in figures.stages.iter().enumerate() {
        let cells = figures.engines.iter().map(|engine| {
            let spread = engine.figures.get(place);
            spread.map(|spread| cell(engine.column, *spread)).unwrap_or_default()
        });
        table.push([stage.clone()].into_iter().chain(cells));
    }
    table
}

fn cell(column: Column, spread: Spread) -> String {
    if column.is_fuel() {
        return grouped(spread.median.round() as u64);
    }
    let micros = |nanos: f64| format!("{:.2}", nanos / 1000.0);
    let Spread { low, median, high } = spread;
    format!("{} ({} to {})", micros(median), micros(low), micros(high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::Engine;

    #[test]
    fn a_stage_has_a_line_and_an_engine_a_column() {
        let engine = |column, figure| Engine {
            column,
            arithmetic: "scalar".to_owned(),
            version: Some("V8 13".to_owned()),
            figures: vec![Spread { low: figure - 10.0, median: figure, high: figure + 10.0 }],
        };
        let figures = Figures {
            stages: vec!["RSA".to_owned()],
            engines: vec![engine(Column::V8, 1234.0), engine(Column::Fuel, 5678.4)],
            left_out: vec!["native was left out: no time".to_owned()],
        };
        let expected = "- a machine.\n- V8 13.\n- Arithmetic of RSA keys: V8 scalar.\n\
            - native was left out: no time.\n\n\
            |     |              V8, µs |  fuel |\n\
            |-----|--------------------:|------:|\n\
            | RSA | 1.23 (1.22 to 1.24) | 5,678 |\n";
        assert_eq!(text(&figures, &["a machine".to_owned()]), expected);
    }
}
