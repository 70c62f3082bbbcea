//! What is wrong with a run of a scenario, and how wrong.

/// What a run of a scenario found wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// Something is not as the scenario says, and nobody got more than it allows.
    Difference(String),
    /// A request went on that the scenario refuses, or with an identity that it does not give.
    Excess(String),
}

impl Failure {
    /// All that was found, a line each; `excess` is what nobody may excuse.
    pub(crate) fn of(differences: Vec<String>, excess: Vec<String>) -> Result<(), Self> {
        if !excess.is_empty() {
            return Err(Self::Excess([excess, differences].concat().join("\n")));
        }
        if differences.is_empty() { Ok(()) } else { Err(Self::Difference(differences.join("\n"))) }
    }

    /// The same with a line before it.
    pub(crate) fn below(self, line: &str) -> Self {
        match self {
            Self::Difference(text) => Self::Difference(format!("{line}\n{text}")),
            Self::Excess(text) => Self::Excess(format!("{line}\n{text}")),
        }
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Difference(text)
    }
}
