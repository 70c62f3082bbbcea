//! What came back to the client.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::Received;

/// One HTTP reply, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Headers and trailers in the order of arrival, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of a header that is there once; several are joined by `, `.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = (self.headers.iter())
            .filter(|(n, _)| n == name)
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// The body is not JSON; it is shown.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("expected a JSON body, got {self:?}"))
    }

    /// What the upstream received, if it was the [`crate::Upstream`] that answered.
    #[must_use]
    pub fn received(&self) -> Option<Received> {
        self.header(crate::echo::MARK)?;
        serde_json::from_slice(&self.body).ok()
    }
}
