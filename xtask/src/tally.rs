//! Counting what passed and what failed.

use std::{
    fmt,
    io::{BufRead, BufReader},
    ops::{Add, AddAssign},
    process::{Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::shell::{self, Group};

/// How long one program of a stage may take. Building wasmtime and its tests on two slow cores is
/// the longest that is known, about a quarter of an hour.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// How many checks passed and failed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Tally {
    /// One check.
    pub(crate) fn one(passed: bool) -> Self {
        Self { passed: passed.into(), failed: (!passed).into() }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Runs a program that is one check: it passes when the program ends with status 0.
pub(crate) fn check(command: &mut Command) -> Result<Tally> {
    let (status, _) = follow(command)?;
    Ok(Tally::one(status.success()))
}

/// Runs programs of tests, one after the other, and adds up the results that they print.
///
/// A program that fails without a failed test (it does not compile, or died) counts as one failure,
/// and so does a list of programs that ran no test at all.
pub(crate) fn tests(commands: &mut [Command]) -> Result<Tally> {
    let mut total = Tally::default();
    for command in &mut *commands {
        let (status, mut tally) = follow(command)?;
        if !status.success() && tally.failed == 0 {
            println!(
                "{} ended with {status} and no failed test: counted as one",
                shell::describe(command)
            );
            tally.failed = 1;
        }
        total += tally;
    }
    if total == Tally::default() {
        let names: Vec<String> = commands.iter().map(shell::describe).collect();
        println!("{} ran no test: counted as a failure", names.join(" and "));
        total.failed = 1;
    }
    Ok(total)
}

/// Runs one program of tests, as [`tests`] does.
pub(crate) fn test(command: &mut Command) -> Result<Tally> {
    tests(std::slice::from_mut(command))
}

/// Runs a program to its end, prints what it prints apart from the names of tests that passed, and
/// adds up the results of tests in it. A program over the time limit is ended.
fn follow(command: &mut Command) -> Result<(ExitStatus, Tally)> {
    println!("{}", shell::describe(command));
    let mut group = Group::start(command.stdout(Stdio::piped()))?;
    let output = group.child().stdout.take().context("the program has no standard output")?;

    let (finished, deadline) = mpsc::channel::<()>();
    let is_late = Arc::new(AtomicBool::new(false));
    let watch = {
        let (id, is_late) = (group.id(), Arc::clone(&is_late));
        thread::spawn(move || {
            if deadline.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                is_late.store(true, Ordering::Relaxed);
                shell::end(id);
            }
        })
    };
    let mut tally = Tally::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let text = without_colours(&String::from_utf8_lossy(&line));
        tally += result(&text).unwrap_or_default();
        if !is_passed_test(&text) {
            println!("{}", String::from_utf8_lossy(&line));
        }
    }
    let status = group.child().wait()?;
    drop(finished);
    let _ = watch.join();
    if is_late.load(Ordering::Relaxed) {
        println!("{} was ended after {} minutes", shell::describe(command), LIMIT.as_secs() / 60);
    }
    Ok((status, tally))
}

/// The counts of a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`, or of the
/// last line of `wasmtime-harness run`, `3 passed, 0 failed`.
pub(crate) fn result(line: &str) -> Option<Tally> {
    let line = line.trim();
    let (counts, separator) = match line.strip_prefix("test result: ") {
        Some(result) => (result.split_once(". ")?.1, "; "),
        None => (line, ", "),
    };
    let mut parts = counts.split(separator);
    let mut count = |what: &str| parts.next()?.strip_suffix(what)?.trim().parse().ok();
    Some(Tally { passed: count("passed")?, failed: count("failed")? })
}

/// Whether the line says no more than that one test, or one step of a scenario, passed: thousands
/// would hide the others.
fn is_passed_test(line: &str) -> bool {
    let is_step = line.starts_with("  ok    ");
    is_step || line.starts_with("test ") && line.trim_end().ends_with("... ok")
}

/// The line without the escape sequences of a terminal.
fn without_colours(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        text.push_str(before);
        rest = after
            .split_once(|letter: char| letter.is_ascii_alphabetic())
            .map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_the_test_runners_are_read() {
        for (line, passed, failed) in [
            (
                "test result: ok. 21 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.12s",
                21,
                0,
            ),
            (
                "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 3s",
                10,
                2,
            ),
            ("test result: ok. 3 passed; 0 failed; 0 ignored; 0 filtered out", 3, 0),
            ("12 passed, 1 failed", 12, 1),
        ] {
            assert_eq!(result(line), Some(Tally { passed, failed }), "{line}");
        }
        assert_eq!(result("test a_test ... ok"), None);
        assert_eq!(result("the test result: ok. 1 passed; 0 failed"), None);
        assert_eq!(result("all 12 passed, 1 failed"), None);
        assert_eq!(result("12 passed"), None);
    }

    #[test]
    fn only_passed_tests_are_left_out() {
        assert!(is_passed_test("test wasm::tests::a ... ok"));
        assert!(is_passed_test("  ok    GET / -> reply 403"));
        assert!(!is_passed_test("  FAIL  GET / -> reply 403  line 4"));
        assert!(!is_passed_test("test wasm::tests::a ... FAILED"));
        assert!(!is_passed_test("test result: ok. 1 passed; 0 failed"));
    }

    #[test]
    fn colours_do_not_hide_a_result() {
        assert_eq!(without_colours("a\x1b[1;32mok\x1b[0m. b"), "aok. b");
    }

    #[test]
    fn a_program_that_dies_without_a_result_is_a_failure() {
        let mut died = Command::new("sh");
        died.args(["-c", "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; exit 3"]);
        assert_eq!(test(&mut died).unwrap(), Tally { passed: 2, failed: 1 });
        let mut idle = Command::new("true");
        assert_eq!(test(&mut idle).unwrap(), Tally { passed: 0, failed: 1 });
        // Among others it is no failure: not every program has tests.
        let mut one = Command::new("sh");
        one.args(["-c", "echo 'test result: ok. 1 passed; 0 failed; 0 ignored'"]);
        assert_eq!(tests(&mut [idle, one]).unwrap(), Tally { passed: 1, failed: 0 });
    }
}
