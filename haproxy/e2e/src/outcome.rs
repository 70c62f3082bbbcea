//! What HAProxy's access log says of a request.

use anyhow::{Context, Result, ensure};
use e2e_wire::Process;

/// The last words of a line in the reference configuration's access log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// The verdict: `allow`, `deny` or `error`; `None` if there is none.
    pub verdict: Option<String>,
    /// Why, without the name that every reason of the filter begins with.
    pub reason: Option<String>,
    /// The number of HAProxy's, if no answer came.
    pub error: Option<String>,
}

impl Outcome {
    /// Waits for the line about the request that was sent after `mark`.
    ///
    /// # Errors
    ///
    /// It did not come.
    pub fn wait(haproxy: &Process, mark: u64) -> Result<Self> {
        haproxy.wait_for("a line in the access log", || {
            haproxy.log_since(mark).ok()?.iter().find_map(|line| Self::parse(line).ok())
        })
    }

    fn parse(line: &str) -> Result<Self> {
        // A connection that was closed without a request: that of somebody who looks whether HAProxy
        // listens.
        ensure!(!line.contains(" CR <BADREQ>"), "no request");
        let word = |name: &str| {
            let (_, rest) = line.rsplit_once(name).with_context(|| format!("no {name}"))?;
            let word = rest.split(' ').next().unwrap_or_default();
            anyhow::Ok((word != "-").then(|| word.to_owned()))
        };
        let reason = word(" reason=")?;
        Ok(Self {
            verdict: word(" gate=")?,
            reason: reason.map(|r| r.strip_prefix("jwt_gate.").unwrap_or(&r).to_owned()),
            error: word(" error=")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let line =
            r#"127.0.0.1:1 [x] api "GET / HTTP/1.1" gate=deny reason=jwt_gate.expired error=-"#;
        let outcome = Outcome::parse(line).expect("a line");
        assert_eq!(outcome.verdict.as_deref(), Some("deny"));
        assert_eq!((outcome.reason.as_deref(), outcome.error), (Some("expired"), None));
        let looked =
            "127.0.0.1:1 [x] api 400 0 CR <BADREQ> <BADREQ> <BADREQ> gate=- reason=- error=-";
        assert!(Outcome::parse(looked).is_err());
        assert!(Outcome::parse("[NOTICE] (1) : New worker").is_err());
    }
}
