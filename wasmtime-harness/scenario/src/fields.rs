//! All fields that a scenario file can have, for whoever documents them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{read::Reader, scenario::Scenario};

/// A file with a table of every kind, so that reading it asks for every field there is.
const EVERY_TABLE: &str = include_str!("fields/every.toml");

/// The fields of each kind of table: those that the code which reads scenarios asks for.
///
/// Kinds are named by the field that holds them; a step by the field that says what it is.
#[must_use]
pub fn fields() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let reader = Reader::new(EVERY_TABLE);
    // That some of it makes no sense is of no interest here.
    let _ = reader.read("scenario", |table| Scenario::read(Path::new("every.toml"), table));
    reader.fields()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::KINDS;

    #[test]
    fn every_kind_of_table_is_there() {
        let fields = fields();
        for (name, kind) in KINDS {
            assert!(fields.get(kind).is_some_and(|fields| fields.contains(name)), "{kind}");
        }
        let kinds: Vec<_> = fields.keys().filter(|kind| !kind.starts_with("step ")).collect();
        let expected = [
            "answer",
            "check",
            "every",
            "expect",
            "expect of a configuration",
            "expect of a connection",
            "expect of a request",
            "expect of a stream",
            "fault",
            "fleet",
            "foreign",
            "grpc answer",
            "grpc event",
            "grpc_service",
            "limits",
            "on_trap",
            "reply",
            "response",
            "response expected",
            "scenario",
            "service",
            "upstream",
            "waiting call",
        ];
        assert_eq!(kinds, expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_file_with_every_table_has_no_unknown_field() {
        let error = Scenario::parse(Path::new("every.toml"), EVERY_TABLE).unwrap_err();
        let unknown: Vec<_> =
            error.problems.iter().filter(|p| p.text.contains("unknown")).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
