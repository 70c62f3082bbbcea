//! Functions that a host offers beyond the ABI.

use std::{fmt, sync::Arc};

use crate::status::Status;

/// A function of a host's own, by what it answers.
#[derive(Clone)]
pub struct Foreign(Arc<Function>);

/// Bytes in, bytes out.
type Function = dyn Fn(&[u8]) -> Result<Vec<u8>, Status> + Send + Sync;

impl Foreign {
    /// A function that computes its answer.
    ///
    /// The same arguments should get the same answer, for runs to be the same.
    pub fn new(
        function: impl Fn(&[u8]) -> Result<Vec<u8>, Status> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(function))
    }

    /// What it answers to these arguments.
    ///
    /// # Errors
    ///
    /// The status that the call ends in instead.
    pub fn call(&self, arguments: &[u8]) -> Result<Vec<u8>, Status> {
        (self.0)(arguments)
    }
}

/// A function that answers the same to everything.
impl From<Result<Vec<u8>, Status>> for Foreign {
    fn from(answer: Result<Vec<u8>, Status>) -> Self {
        Self::new(move |_| answer.clone())
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Foreign")
    }
}
