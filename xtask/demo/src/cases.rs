//! What is sent, and what has to come back.

use anyhow::{Result, anyhow};

use crate::{
    issuer::Tokens,
    proxy::{ALLOWED, Kind},
};

/// One request and the answer that it must get.
pub(crate) struct Case {
    /// The request in words.
    pub(crate) sent: &'static str,
    /// The request itself, for [`envoy_e2e::http1::send`].
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The answer.
    pub(crate) expected: Expected,
}

/// An answer.
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// The whole `WWW-Authenticate` header.
    pub(crate) challenge: Option<&'static str>,
    /// Why, in the access log.
    pub(crate) details: &'static str,
    /// What the API must have seen in `x-user`; it must never have seen the token.
    pub(crate) user: Option<&'static str>,
}

const NO_ERROR: &str = r#"Bearer realm="api""#;
const INVALID_REQUEST: &str = r#"Bearer realm="api", error="invalid_request""#;
const INVALID_TOKEN: &str = r#"Bearer realm="api", error="invalid_token""#;
const LACKS_SCOPE: &str =
    r#"Bearer realm="api", error="insufficient_scope", scope="write:hamsters""#;

/// All cases, in the order in which they are sent.
///
/// Envoy's example removes identity headers and resolves paths before the filter sees them; in HAProxy,
/// the agent is asked before any other line, so such a request is refused there.
pub(crate) fn cases(tokens: &Tokens, kind: Kind) -> Result<Vec<Case>> {
    let real = |name: &str| scenario_corpus::real_token(name).map_err(|error| anyhow!(error));
    let hamster = "/api/hamsters/turbo";
    let passes = || Expected { status: 200, challenge: None, details: ALLOWED, user: None };
    let passes_as_alice = || Expected { user: Some("alice"), ..passes() };
    let refused = |status, challenge, details| Expected { status, challenge, details, user: None };
    let in_envoy = |envoy: Expected, haproxy: Expected| match kind {
        Kind::Envoy => envoy,
        Kind::HaProxy => haproxy,
    };
    let invalid = |details| refused(400, Some(INVALID_REQUEST), details);
    let bad_token = |details| refused(401, Some(INVALID_TOKEN), details);
    let with = |token: &str| request("DELETE", hamster).bearer(token);

    let two = with(&tokens.writer).bearer(&tokens.reader);
    let spoofed = with(&tokens.writer).header("x-user", "root");
    let underscore = with(&tokens.writer).header("x_user", "root");
    let in_query = format!("{hamster}?access_token={}", tokens.writer);
    Ok(vec![
        request("GET", "/api/hamsters").case("reading, no token", passes()),
        request("POST", "/api/hamsters")
            .case("writing, no token", refused(401, Some(NO_ERROR), "jwt_gate.token_missing")),
        with(&real("auth0")?).case("the real Auth0 token of 2018", bad_token("jwt_gate.expired")),
        with(&real("fusionauth")?)
            .case("the real FusionAuth token", bad_token("jwt_gate.issuer_unknown")),
        with(&tokens.forged)
            .case("forged: signed by another key", bad_token("jwt_gate.signature_invalid")),
        with(&tokens.tampered)
            .case("tampered: a scope written in", bad_token("jwt_gate.signature_invalid")),
        with(&tokens.unsigned)
            .case("alg none, no signature", bad_token("jwt_gate.token_malformed")),
        with(&tokens.stranger).case("an unknown issuer", bad_token("jwt_gate.issuer_unknown")),
        with(&tokens.elsewhere).case("for another API", bad_token("jwt_gate.audience_mismatch")),
        with(&tokens.expired).case("expired an hour ago", bad_token("jwt_gate.expired")),
        with(&tokens.early).case("valid in an hour", bad_token("jwt_gate.not_yet_valid")),
        with(&tokens.reader).case(
            "a good token that may read",
            refused(403, Some(LACKS_SCOPE), "jwt_gate.scope_insufficient"),
        ),
        with(&tokens.writer).case("a good token that may write", passes_as_alice()),
        spoofed.case(
            "it, and x-user: root",
            in_envoy(passes_as_alice(), invalid("jwt_gate.header_spoofed")),
        ),
        underscore.case(
            "it, and x_user: root",
            in_envoy(
                refused(400, None, "http1.unexpected_underscore"),
                invalid("jwt_gate.header_spoofed"),
            ),
        ),
        two.case("two tokens", refused(400, Some(INVALID_REQUEST), "jwt_gate.token_ambiguous")),
        request("DELETE", &in_query).case(
            "a good token in the query",
            refused(401, Some(NO_ERROR), "jwt_gate.token_missing"),
        ),
        request("DELETE", hamster).header("authorization", b"Bearer \xff\xfe").case(
            "a token that is not UTF-8",
            refused(400, Some(INVALID_REQUEST), "jwt_gate.token_unusable"),
        ),
        request("DELETE", "//api//hamsters/turbo").case(
            "around the rule: //api",
            in_envoy(
                refused(401, Some(NO_ERROR), "jwt_gate.token_missing"),
                invalid("jwt_gate.path_ambiguous"),
            ),
        ),
        request("DELETE", "/x/../api/hamsters/turbo").case(
            "around the rule: /x/../api",
            in_envoy(
                refused(401, Some(NO_ERROR), "jwt_gate.token_missing"),
                invalid("jwt_gate.path_ambiguous"),
            ),
        ),
        request("DELETE", "/api%2fhamsters/turbo").case(
            "around the rule: %2f",
            in_envoy(
                refused(400, None, "path_normalization_failed"),
                invalid("jwt_gate.path_ambiguous"),
            ),
        ),
        request("DELETE", "/api;v=1/hamsters/turbo").case(
            "around the rule: ;v=1",
            refused(400, Some(INVALID_REQUEST), "jwt_gate.path_ambiguous"),
        ),
        request("GET", "/api/gerbils")
            .bearer(&tokens.writer)
            .case("a good token, a path without a rule", refused(403, None, "jwt_gate.no_rule")),
        // The worker has lived through all of it.
        with(&tokens.writer).case("a good token once more", passes_as_alice()),
    ])
}

/// A request under construction.
struct Request {
    headers: Vec<(Vec<u8>, Vec<u8>)>,
}

fn request(method: &str, path: &str) -> Request {
    Request { headers: Vec::new() }.header(":method", method).header(":path", path)
}

impl Request {
    fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    fn case(self, sent: &'static str, expected: Expected) -> Case {
        Case { sent, headers: self.headers, expected }
    }
}
