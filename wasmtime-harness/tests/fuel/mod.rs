//! What each scenario costs, held against a golden file.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write as _},
    sync::Mutex,
};

use sha2::{Digest as _, Sha256};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-tests/golden/fuel.txt");

const HOW_TO_BLESS: &str =
    "if that is meant, run `BLESS=1 cargo test --package wasmtime-harness --test scenarios`";

/// With another module than that of the golden file, a figure may be off by this part of it: a
/// change elsewhere moves code about. The file stays as it is, so small steps add up and are seen.
const TOLERANCE: u64 = 100;

const HEADING: &str = "\
# Units of fuel, about one for each instruction, that each scenario takes with its policy as JSON: to
# configure the filter, and for all its requests together. The same module takes the same fuel on
# every machine; with another one a test fails when a figure is more than 1 in 100 off.
";

/// What a scenario costs, in units of fuel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cost {
    pub(crate) configure: u64,
    pub(crate) requests: u64,
}

/// The golden figures, and those of this run.
pub(crate) struct Fuel {
    module: String,
    golden_module: String,
    golden: BTreeMap<String, Cost>,
    found: Mutex<BTreeMap<String, Cost>>,
}

impl Fuel {
    /// Reads the golden file, for figures of the module with these bytes.
    pub(crate) fn load(module: &[u8]) -> Result<Self, String> {
        let text = match fs::read_to_string(GOLDEN) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && blessing() => String::new(),
            read => read.map_err(|error| format!("{GOLDEN}: {error}"))?,
        };
        let mut golden_module = String::new();
        let mut golden = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let cost = |configure: &str, requests: &str| {
                Some(Cost { configure: configure.parse().ok()?, requests: requests.parse().ok()? })
            };
            match words.as_slice() {
                ["module", digest] => golden_module = (*digest).to_owned(),
                [configure, requests, scenario] if let Some(cost) = cost(configure, requests) => {
                    golden.insert((*scenario).to_owned(), cost);
                }
                _ => {
                    return Err(format!(
                        "{GOLDEN}:{number}: found {line:?}, expected `module DIGEST` or \
                         `CONFIGURE REQUESTS SCENARIO`; {HOW_TO_BLESS}"
                    ));
                }
            }
        }
        let module = Sha256::digest(module).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { module, golden_module, golden, found: Mutex::default() })
    }

    /// Judges the cost of one scenario.
    pub(crate) fn check(&self, scenario: &str, cost: Cost) -> Result<(), String> {
        let mut found = self.found.lock().map_err(|error| error.to_string())?;
        found.insert(scenario.to_owned(), cost);
        if blessing() {
            return Ok(());
        }
        let Some(golden) = self.golden.get(scenario) else {
            return Err(format!("fuel: the golden file has no figure for it; {HOW_TO_BLESS}"));
        };
        let same_module = self.module == self.golden_module;
        let pairs = [
            ("the configuration", cost.configure, golden.configure),
            ("the requests", cost.requests, golden.requests),
        ];
        let off: Vec<String> = pairs
            .into_iter()
            .filter(|(_, found, golden)| {
                let allowed = if same_module { 0 } else { golden / TOLERANCE };
                found.abs_diff(*golden) > allowed
            })
            .map(|(what, found, golden)| {
                let verdict = if found > golden { "dearer" } else { "cheaper" };
                format!("fuel: {what} became {verdict}: found {found}, expected {golden}")
            })
            .collect();
        match (off.is_empty(), same_module) {
            (true, _) => Ok(()),
            (false, true) => Err(format!(
                "{}\nthe module is that of the golden file: scenario, harness or wasmtime changed; \
                 {HOW_TO_BLESS}",
                off.join("\n")
            )),
            (false, false) => Err(format!("{}\n{HOW_TO_BLESS}", off.join("\n"))),
        }
    }

    /// The golden figures of scenarios that are not among `known`.
    pub(crate) fn strangers<'a>(&self, known: impl Iterator<Item = &'a str>) -> Vec<&str> {
        let known: Vec<&str> = known.collect();
        let names = self.golden.keys().map(String::as_str);
        names.filter(|name| !known.contains(name) && !blessing()).collect()
    }

    /// Writes the figures of this run where the user asked for it; those of scenarios that were
    /// not run stay, unless all were.
    pub(crate) fn bless(&self, all: bool) -> Result<(), String> {
        if !blessing() {
            return Ok(());
        }
        let mut costs = if all { BTreeMap::new() } else { self.golden.clone() };
        costs.extend(
            self.found
                .lock()
                .map_err(|error| error.to_string())?
                .iter()
                .map(|(scenario, cost)| (scenario.clone(), *cost)),
        );
        let mut text = Vec::from(HEADING);
        let mut line = |line: String| writeln!(text, "{line}").map_err(|error| error.to_string());
        // The digest stands for exact figures, which a mixture of two modules does not have.
        let digest = if all || self.module == self.golden_module { &self.module } else { "mixed" };
        line(format!("module {digest}"))?;
        for (scenario, cost) in costs {
            line(format!("{:>10} {:>10} {scenario}", cost.configure, cost.requests))?;
        }
        fs::write(GOLDEN, text).map_err(|error| format!("{GOLDEN}: {error}"))
    }
}

fn blessing() -> bool {
    env::var_os("BLESS").is_some()
}
