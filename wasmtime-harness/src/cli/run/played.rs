//! What came of all scenarios.

use std::{path::PathBuf, process::ExitCode};

use proxy_scenario::{Difference, Report};

use super::fuel::Cost;

/// What came of all scenarios so far.
#[derive(Default)]
pub(super) struct Playing {
    /// Those that were played, in order.
    pub(super) played: Vec<Played>,
    /// Files of those that could not be played, and why.
    pub(super) unplayable: Vec<(PathBuf, String)>,
}

/// What came of one scenario under one profile.
pub(super) struct Played {
    pub(super) report: Report,
    pub(super) cost: Cost,
    /// What differs beside the steps: the record, the second run, the fuel.
    pub(super) differences: Vec<Difference>,
    pub(super) blessed: bool,
}

impl Playing {
    pub(super) fn passed(&self) -> usize {
        self.played.iter().filter(|played| played.passed()).count()
    }

    pub(super) fn failed(&self) -> usize {
        self.played.len().saturating_sub(self.passed())
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        match (self.unplayable.is_empty(), self.failed()) {
            (false, _) => ExitCode::from(2),
            (true, 0) => ExitCode::SUCCESS,
            (true, _) => ExitCode::from(1),
        }
    }
}

impl Played {
    pub(super) fn passed(&self) -> bool {
        self.report.passed() && self.differences.is_empty()
    }

    /// Notes in what a second run was another one.
    pub(super) fn compare_again(&mut self, report: &Report, cost: &Cost) {
        let mut add = |what: &str, expected: String, found: String| {
            self.differences.push(Difference::new(what, expected, found));
        };
        if report.record != self.report.record {
            add("the second run", self.report.record.clone(), report.record.clone());
        } else if report.steps != self.report.steps {
            add("the second run", "the same results".to_owned(), "others".to_owned());
        }
        if *cost != self.cost {
            add("the second run's fuel", self.cost.to_string(), cost.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_that_differs_is_told() {
        let report = Report {
            file: PathBuf::from("a.toml"),
            why: String::new(),
            profile: "envoy-1.40",
            steps: Vec::new(),
            record: "a\nb\n".to_owned(),
        };
        let cost = Cost { start: 1, steps: 2 };
        let differences = Vec::new();
        let mut played = Played { report: report.clone(), cost, differences, blessed: false };
        played.compare_again(&report, &Cost { start: 1, steps: 2 });
        assert!(played.passed());
        let other = Report { record: "a\nc\n".to_owned(), ..report };
        played.compare_again(&other, &Cost { start: 1, steps: 3 });
        let found: Vec<_> = played.differences.iter().map(ToString::to_string).collect();
        let expected = [
            "the second run:\n@@ -1,2 +1,2 @@\n a\n-b\n+c",
            "the second run's fuel: found 1 to start, 3 for the steps, expected 1 to start, 2 for \
             the steps",
        ];
        assert_eq!(found, expected);
        assert!(!played.passed());
    }
}
