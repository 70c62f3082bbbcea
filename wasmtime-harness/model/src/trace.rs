//! The record of host calls.

use std::fmt;

use crate::status::Status;

/// One host call and how it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// The function's name, such as `proxy_log`.
    pub name: &'static str,
    /// Its arguments as text, if the model was asked to keep them and the call got that far.
    pub arguments: Option<String>,
    /// What it returned.
    pub status: Status,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(arguments) = &self.arguments {
            write!(f, "({arguments})")?;
        }
        write!(f, " -> {}", self.status)
    }
}
