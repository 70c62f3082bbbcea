//! What the operator says.

use std::time::Duration;

use serde::Deserialize;

/// The filter's configuration, a JSON document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Who knows the limits.
    pub(crate) service: Service,
    /// The header that names the client.
    pub(crate) client_header: String,
    /// How long a window is, in seconds.
    #[serde(default = "default_window")]
    window_seconds: u32,
    /// What becomes of a request when the service does not answer.
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
    /// Whether requests are counted in metrics; some proxies have none without being told to.
    #[serde(default = "default_metrics")]
    pub(crate) metrics: bool,
    /// What the keys in shared data begin with; some proxies want the name of a zone there.
    #[serde(default = "default_prefix")]
    pub(crate) key_prefix: String,
}

/// The service that is asked for limits: `GET /limits/CLIENT` answers `{"limit": 100}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// The proxy's name for it.
    pub(crate) cluster: String,
    /// How long a request waits for it, in milliseconds.
    #[serde(default = "default_timeout")]
    timeout_ms: u32,
}

/// What becomes of a request whose limit is not known.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnFailure {
    /// It is answered with 503. The default: what does not limit while its service is down can be
    /// switched off by whoever takes the service down.
    #[default]
    Deny,
    /// It goes on, not counted.
    Allow,
}

impl Config {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn read(document: &[u8]) -> Result<Self, String> {
        let config: Self = serde_json::from_slice(document).map_err(|error| error.to_string())?;
        if config.window_seconds == 0 {
            return Err("window_seconds: found 0, expected 1 or more".to_owned());
        }
        if config.service.timeout_ms == 0 {
            // To a proxy 0 is "no limit": the request would wait for ever.
            return Err("service.timeout_ms: found 0, expected 1 or more".to_owned());
        }
        Ok(config)
    }

    /// How long a window is.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(self.window_seconds.into())
    }
}

impl Service {
    /// How long a request waits for the service.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }
}

fn default_window() -> u32 {
    60
}

fn default_timeout() -> u32 {
    250
}

fn default_metrics() -> bool {
    true
}

fn default_prefix() -> String {
    "rate-limit/".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = r#"{"service": {"cluster": "limits"}, "client_header": "x-api-key"}"#;

    #[test]
    fn what_is_left_out_has_a_safe_value() {
        let config = Config::read(SHORT.as_bytes()).unwrap();
        assert_eq!(config.on_failure, OnFailure::Deny);
        assert_eq!(config.window(), Duration::from_secs(60));
        assert_eq!(config.service.timeout(), Duration::from_millis(250));
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let changed = |from: &str, to: &str| {
            Config::read(SHORT.replacen(from, to, 1).as_bytes()).unwrap_err()
        };
        let no_window = changed("{", r#"{"window_seconds": 0, "#);
        assert_eq!(no_window, "window_seconds: found 0, expected 1 or more");
        let no_timeout = changed(r#""limits""#, r#""limits", "timeout_ms": 0"#);
        assert_eq!(no_timeout, "service.timeout_ms: found 0, expected 1 or more");
        let unknown = changed("{", r#"{"on_failure": "pray", "#);
        assert!(unknown.contains("expected `deny` or `allow`"), "{unknown}");
    }
}
