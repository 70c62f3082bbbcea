//! Profiles side by side, for people.

use std::fmt::Write as _;

use super::{
    Absent, Addresses, Authority, Bodies, Cas, ContextIds, Denial, EndOfStream, EndOrder,
    FailedCall, HeaderNames, Known, LineBreaks, MapSize, OverRead, Profile, PropertyValues,
    Readable, RecordedCounter, Repeated, Settable, Time, TrapCosts, UnknownUpstream, Which,
};
use crate::status::Status;

/// A field of a profile.
pub(super) struct Field {
    /// Its name.
    pub(super) name: &'static str,
    /// Its documentation.
    pub(super) about: &'static str,
    /// Its value as text.
    pub(super) value: String,
}

/// The value of a field as text.
pub(super) trait Value {
    /// Says it in a word or two.
    fn shown(&self) -> String;
}

impl Value for &'static [u32] {
    fn shown(&self) -> String {
        let numbers: Vec<String> = self.iter().map(u32::to_string).collect();
        if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") }
    }
}

impl Value for bool {
    fn shown(&self) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

impl Value for u32 {
    fn shown(&self) -> String {
        if *self == Self::MAX { "no limit".to_owned() } else { self.to_string() }
    }
}

impl Value for usize {
    fn shown(&self) -> String {
        if *self == Self::MAX { "no limit".to_owned() } else { self.to_string() }
    }
}

impl Value for (u32, u32) {
    fn shown(&self) -> String {
        let (least, most) = self;
        if (*least, *most) == (0, u32::MAX) {
            "any".to_owned()
        } else {
            format!("{least} to {most}")
        }
    }
}

impl Value for &[u8] {
    fn shown(&self) -> String {
        if self.is_empty() { "nothing".to_owned() } else { format!("`{}`", self.escape_ascii()) }
    }
}

impl Value for &[&str] {
    fn shown(&self) -> String {
        if self.is_empty() { "none".to_owned() } else { self.join(", ") }
    }
}

impl Value for &[(&str, &str)] {
    fn shown(&self) -> String {
        let pairs: Vec<String> =
            self.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        pairs.iter().map(String::as_str).collect::<Vec<_>>().as_slice().shown()
    }
}

impl Value for &[(&str, usize)] {
    fn shown(&self) -> String {
        let counts: Vec<String> =
            self.iter().map(|(name, count)| format!("{name}: {count}")).collect();
        counts.iter().map(String::as_str).collect::<Vec<_>>().as_slice().shown()
    }
}

impl Value for Option<Denial> {
    fn shown(&self) -> String {
        self.map_or_else(|| "OK".to_owned(), |denial| denial.to_string())
    }
}

impl Value for Option<&'static str> {
    fn shown(&self) -> String {
        self.unwrap_or("none").to_owned()
    }
}

/// Values that have a word of their own.
macro_rules! displayed {
    ($($kind:ty),* $(,)?) => {$(
        impl Value for $kind {
            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

displayed!(
    &str,
    Absent,
    Addresses,
    Authority,
    Bodies,
    Cas,
    ContextIds,
    Denial,
    EndOfStream,
    EndOrder,
    FailedCall,
    HeaderNames,
    Known,
    LineBreaks,
    MapSize,
    OverRead,
    PropertyValues,
    Readable,
    RecordedCounter,
    Repeated,
    Settable,
    Status,
    Time,
    TrapCosts,
    UnknownUpstream,
    Which,
);

/// A row for each field but the name, a column for each profile.
pub(super) fn markdown(profiles: &[Profile]) -> String {
    let columns: Vec<Vec<Field>> = profiles.iter().map(Profile::fields).collect();
    let names: Vec<&str> = profiles.iter().map(|profile| profile.name).collect();
    let mut text = format!("| field | {} | what it is |\n", names.join(" | "));
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "| --- |{} --- |", " --- |".repeat(profiles.len()));
    let Some(fields) = columns.first() else {
        return text;
    };
    for (row, field) in fields.iter().enumerate().filter(|(_, field)| field.name != "name") {
        let values: Vec<String> = columns
            .iter()
            .filter_map(|column| column.get(row))
            .map(|field| escaped(&field.value))
            .collect();
        let about = field.about.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ =
            writeln!(text, "| `{}` | {} | {} |", field.name, values.join(" | "), escaped(&about));
    }
    text
}

/// A bar would end the cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_row_and_every_profile_a_column() {
        let table = markdown(&Profile::ALL);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), Profile::ENVOY_1_40.fields().len() + 1);
        for line in &lines {
            let columns = line.replace("\\|", "").matches('|').count();
            assert_eq!(columns, Profile::ALL.len() + 3, "{line}");
        }
        assert!(lines[0].contains("| envoy-1.40 | ngx_wasm | spec-strict | hostile |"));
    }

    #[test]
    fn every_field_but_the_name_differs_somewhere_and_has_its_source() {
        let all: Vec<Vec<Field>> = Profile::ALL.iter().map(Profile::fields).collect();
        for (row, field) in all[0].iter().enumerate() {
            let differs = all.iter().any(|fields| fields[row].value != field.value);
            assert!(differs, "{} is the same everywhere", field.name);
            let sources = ["(X)", "(S)", "(D)", "spec", "Spec", "ngx", "Ngx"];
            let sourced = field.name == "name" || sources.iter().any(|s| field.about.contains(s));
            assert!(sourced, "{} has no source: {}", field.name, field.about);
        }
    }
}
