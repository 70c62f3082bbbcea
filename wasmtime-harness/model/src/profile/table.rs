//! Profiles side by side, for people.

use std::fmt::{Debug, Write as _};

use super::Profile;

/// A field of a profile.
pub(super) struct Field {
    /// Its name.
    pub(super) name: &'static str,
    /// Its documentation.
    pub(super) about: &'static str,
    /// Its value as text.
    pub(super) value: String,
}

/// A value as it stands in the table: as in code, with spaces in the place of line breaks.
pub(super) fn shown(value: &impl Debug) -> String {
    format!("{value:?}")
}

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
            .map(|field| format!("`{}`", escaped(&field.value)))
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
            let sources = ["[X]", "[S]", "[D]", "spec"];
            let sourced = field.name == "name" || sources.iter().any(|s| field.about.contains(s));
            assert!(sourced, "{} has no source: {}", field.name, field.about);
        }
    }
}
