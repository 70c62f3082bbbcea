//! Tables that put an original and ours side by side, held in README files by the tests that
//! measure them.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use e2e_wire::{Reply, checkout};
use scenario_corpus::Differs;

/// The first line of such a table in a README.
const HEAD: &str = "| request | theirs | ours | why ours differs |";
const RULER: &str = "| --- | --- | --- | --- |";

/// One request, as both answered it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The request in words.
    pub request: String,
    /// What the original made of it.
    pub theirs: Verdict,
    /// What ours made of it.
    pub ours: Verdict,
    /// How they are expected to differ, and why.
    pub differs: Differs,
}

/// What became of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// The status that came back.
    pub status: u16,
    /// Why, as far as it was said: a message, a reason code.
    pub said: String,
}

impl Verdict {
    /// An answer and what it said.
    #[must_use]
    pub fn new(reply: &Reply, said: &str) -> Self {
        Self { status: reply.status, said: said.to_owned() }
    }

    /// Whether the request went on.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.status == 200
    }

    fn cell(&self) -> String {
        if self.said.is_empty() || self.passes() {
            self.status.to_string()
        } else {
            format!("{} {}", self.status, self.said)
        }
    }
}

/// Compares the rows with the table in a README, named from the root of the checkout, and checks that
/// each difference between the two is explained and each explanation explains one.
///
/// With `BLESS` in the environment the table is written anew.
///
/// # Errors
///
/// What differs.
pub fn hold(readme: &str, rows: &[Row]) -> Result<()> {
    explained(rows)?;
    let path = checkout().join(readme);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {readme}"))?;
    let (before, rest) =
        text.split_once(HEAD).with_context(|| format!("{readme}: found no line `{HEAD}`"))?;
    let end = rest.find("\n\n").map_or(rest.len(), |at| at + 1);
    let (found, after) = rest.split_at(end);
    let expected = body(rows);
    if found == expected {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, format!("{before}{HEAD}{expected}{after}"))?;
        return Ok(());
    }
    let known: BTreeSet<_> = found.lines().collect();
    let seen: BTreeSet<_> = expected.lines().collect();
    bail!(
        "{readme}: the table says\n{}\nbut what came back is\n{}\nrun with BLESS=1 if that is meant",
        known.difference(&seen).copied().collect::<Vec<_>>().join("\n"),
        seen.difference(&known).copied().collect::<Vec<_>>().join("\n"),
    )
}

fn body(rows: &[Row]) -> String {
    let mut text = format!("\n{RULER}\n");
    for row in rows {
        let Row { request, theirs, ours, differs } = row;
        let why = match differs {
            Differs::No => "",
            Differs::Weakness(why) | Differs::Good(why) => why,
        };
        text.push_str(&format!("| {request} | {} | {} | {why} |\n", theirs.cell(), ours.cell()));
    }
    text
}

fn explained(rows: &[Row]) -> Result<()> {
    for row in rows {
        let found = (row.theirs.passes(), row.ours.passes());
        let is_expected = match &row.differs {
            Differs::No => found.0 == found.1,
            Differs::Weakness(_) => found == (true, false),
            Differs::Good(_) => found == (false, true),
        };
        ensure!(is_expected, "{}: expected {:?}, found {row:?}", row.request, row.differs);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(theirs: u16, ours: u16, differs: Differs) -> Row {
        let verdict = |status| Verdict { status, said: "said".to_owned() };
        let request = "a request".to_owned();
        Row { request, theirs: verdict(theirs), ours: verdict(ours), differs }
    }

    fn weakness() -> Differs {
        Differs::Weakness("a weakness".to_owned())
    }

    #[test]
    fn each_difference_needs_its_reason() {
        let good = || Differs::Good("a list is fine".to_owned());
        let both = [row(200, 401, weakness()), row(403, 200, good())];
        assert!(explained(&both).is_ok());
        assert!(explained(&[row(403, 401, Differs::No), row(200, 200, Differs::No)]).is_ok());
        for wrong in [
            row(200, 401, Differs::No),
            row(403, 200, Differs::No),
            row(403, 401, weakness()),
            row(403, 200, weakness()),
            row(200, 401, good()),
        ] {
            assert!(explained(std::slice::from_ref(&wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn rows_are_written_as_tables() {
        let text = body(&[row(200, 401, weakness()), row(403, 400, Differs::No)]);
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| a request | 200 | 401 said | a weakness |",
                "| a request | 403 said | 400 said |  |"
            ]
        );
    }
}
