//! What the operator says.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The filter's configuration, a JSON document.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Headers that the upstream gets, by name. One that the client sent is replaced.
    #[serde(default)]
    pub(crate) request: BTreeMap<String, String>,
    /// Headers that the client gets, by name. One that the upstream sent is replaced.
    #[serde(default)]
    pub(crate) response: BTreeMap<String, String>,
    /// A property of the proxy that the upstream gets as a header.
    pub(crate) property: Option<Property>,
}

/// A property, and the header that shows it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Property {
    /// The path, such as `["source", "address"]`.
    pub(crate) path: Vec<String>,
    /// The header.
    pub(crate) header: String,
}

impl Config {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with line and column where JSON is.
    pub(crate) fn read(document: &[u8]) -> Result<Self, String> {
        let config: Self = serde_json::from_slice(document).map_err(|error| error.to_string())?;
        let property = config.property.iter().map(|property| &property.header);
        for name in config.request.keys().chain(config.response.keys()).chain(property) {
            check_name(name)?;
        }
        Ok(config)
    }
}

/// Refuses what a proxy would refuse for each request, which is the wrong time to find out.
fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if !name.is_empty() && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!("found header name {name:?}, expected lower-case letters, digits, `-` and `_`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(document: &str) -> String {
        Config::read(document.as_bytes()).unwrap_err()
    }

    #[test]
    fn everything_may_be_left_out() {
        let config = Config::read(b"{}").unwrap();
        assert!(config.request.is_empty() && config.response.is_empty());
        assert!(config.property.is_none());
    }

    #[test]
    fn a_name_that_no_proxy_would_send_is_refused() {
        for name in ["", "X-Env", "x env", "x-env:", "x-\u{e4}"] {
            let problem = problem(&format!(r#"{{"request": {{"{name}": "1"}}}}"#));
            assert!(problem.contains(&format!("found header name {name:?}")), "{problem}");
        }
        let in_property = problem(r#"{"property": {"path": ["a"], "header": "X"}}"#);
        assert!(in_property.contains(r#"found header name "X""#), "{in_property}");
    }

    #[test]
    fn a_field_with_a_typing_error_is_not_left_out_in_silence() {
        let problem = problem("{\n  \"respnse\": {}\n}");
        assert!(problem.contains("unknown field `respnse`"), "{problem}");
        assert!(problem.contains("line 2"), "{problem}");
    }
}
