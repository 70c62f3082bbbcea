//! Scenario files below folders.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// What a scenario file has at its top, at least one of them, and other TOML files hardly have.
const MARKS: [&str; 2] = ["start", "step"];

/// The scenario files among `paths` and below them, in the order of the paths and then of names.
///
/// A file that is named is a scenario. Below a folder, every `*.toml` is one, but for those that
/// are TOML and have nothing of a scenario, such as `Cargo.toml`.
///
/// # Errors
///
/// A path that is not there, or no scenario at all.
pub(super) fn scenarios(paths: &[PathBuf], filter: Option<&str>) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            below(path, &mut found)?;
        } else if path.exists() {
            found.push(path.clone());
        } else {
            return Err(format!("{}: found no such file or folder", path.display()));
        }
    }
    let all = found.len();
    if let Some(filter) = filter {
        found.retain(|path| path.to_string_lossy().contains(filter));
    }
    let places = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    match (found.is_empty(), filter) {
        (true, Some(filter)) if all > 0 => Err(format!(
            "{places}: found no scenario with {filter:?} in its path, expected at least one of {all}"
        )),
        (true, _) => Err(format!("{places}: found no scenario (*.toml), expected at least one")),
        (false, _) => Ok(found),
    }
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(told)?;
    let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(told)?;
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        if path.is_dir() {
            below(&path, found)?;
        } else if path.extension() == Some(OsStr::new("toml")) && is_scenario(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a file may be a scenario; one that cannot be read is, so that the reason is told, and so
/// is one that is no TOML but looks like a scenario.
fn is_scenario(path: &Path) -> bool {
    let Ok(text) = fs::read_to_string(path) else {
        return true;
    };
    match text.parse::<toml::Table>() {
        Ok(table) => MARKS.iter().any(|mark| table.contains_key(*mark)),
        Err(_) => text.lines().any(|line| {
            let key = line.trim_start_matches(['[', ' ']);
            MARKS.iter().any(|mark| key.starts_with(mark))
        }),
    }
}
