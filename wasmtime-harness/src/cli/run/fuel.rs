//! What scenarios cost, kept in a file so that a change is seen in review.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs, io,
    path::{Path, PathBuf},
};

use proxy_scenario::{Difference, Report};

/// A figure may be off by one in this many.
const TOLERANCE: u64 = 100;
const HEADING: &str = "\
# What each scenario costs, in units of fuel, about one for an instruction: what starts the filter
# and configures it, then all else. A figure that is more than 1 in 100 off fails the scenario;
# `wasmtime-harness run --fuel FILE --bless` keeps new ones.
";

/// What a scenario costs, in units of fuel.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Cost {
    /// Loading, starting and configuring, in all VMs.
    pub(super) start: u64,
    /// All else.
    pub(super) steps: u64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to start, {} for the steps", self.start, self.steps)
    }
}

/// The kept figures, and those of this run.
pub(super) struct Fuel {
    file: PathBuf,
    bless: bool,
    kept: BTreeMap<String, Cost>,
    found: BTreeMap<String, Cost>,
}

impl Fuel {
    /// Reads the kept figures.
    pub(super) fn load(file: &Path, bless: bool) -> Result<Self, String> {
        let text = match fs::read_to_string(file) {
            Err(error) if bless && error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read
                .map_err(|error| format!("{}: {error}; --bless makes the file", file.display()))?,
        };
        let mut kept = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let mut figure = || words.next()?.parse().ok();
            let (start, steps) = (figure(), figure());
            let scenario = words.collect::<Vec<_>>().join(" ");
            let (Some(start), Some(steps), false) = (start, steps, scenario.is_empty()) else {
                return Err(format!(
                    "{}:{number}: found {line:?}, expected `START STEPS SCENARIO`",
                    file.display()
                ));
            };
            kept.insert(scenario, Cost { start, steps });
        }
        Ok(Self { file: file.to_owned(), bless, kept, found: BTreeMap::new() })
    }

    /// In what a scenario's cost is another one than the kept one.
    pub(super) fn judge(&mut self, report: &Report, cost: &Cost) -> Vec<Difference> {
        let name = self.name(report);
        self.found.insert(name.clone(), cost.clone());
        if self.bless {
            return Vec::new();
        }
        let Some(kept) = self.kept.get(&name) else {
            let expected = format!("a line for {name} in {}", self.file.display());
            return vec![Difference::new("fuel", expected, cost)];
        };
        let pairs =
            [("fuel.start", kept.start, cost.start), ("fuel.steps", kept.steps, cost.steps)];
        let off = pairs.into_iter().filter(|(_, kept, found)| {
            found.abs_diff(*kept) > kept.checked_div(TOLERANCE).unwrap_or_default()
        });
        off.map(|(what, kept, found)| {
            let verdict = if found > kept { "dearer" } else { "cheaper" };
            Difference::new(what, kept, format!("{found}, {verdict}"))
        })
        .collect()
    }

    /// Keeps the figures of this run; those of scenarios that were not played stay unless `all`.
    pub(super) fn write(&self, all: bool) -> Result<(), String> {
        let mut costs = if all { BTreeMap::new() } else { self.kept.clone() };
        costs.extend(self.found.clone());
        let mut text = HEADING.to_owned();
        for (scenario, Cost { start, steps }) in costs {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{start:>10} {steps:>10} {scenario}");
        }
        fs::write(&self.file, text).map_err(|error| format!("{}: {error}", self.file.display()))
    }

    /// What the file calls a scenario: its path from the file's folder, if it is below that, and
    /// the profile.
    fn name(&self, report: &Report) -> String {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let absolute = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (folder, file) = (absolute(folder), absolute(&report.file));
        let path = file.strip_prefix(&folder).unwrap_or(&report.file);
        format!("{} {}", path.display(), report.profile)
    }
}
