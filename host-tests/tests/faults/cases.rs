//! Policies and requests that between them make every kind of host call.

use proxy_host_model::{Fate, Request};

/// A policy, a request, and what comes of it while nothing fails.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) policy: String,
    pub(crate) request: Request,
    pub(crate) fate: Fate,
    /// Calls without which the case would show nothing.
    pub(crate) calls: Vec<&'static str>,
    /// A part of the token that must show up nowhere.
    pub(crate) secret: String,
}

/// A real token, taken out of the request on its way.
pub(crate) fn token() -> Case {
    case(
        "token",
        r#""rules": [{ "match": { "prefix": "/" }, "access": "token" }]"#,
        &with_token(&[]),
        &["proxy_remove_header_map_value"],
    )
}

/// Claims for the upstream and for later filters.
pub(crate) fn forward() -> Case {
    let forward = r#""forward": { "payload": "x-payload", "claims": [
        { "claim": ["sub"], "header": "x-user", "filter_state": "sub" },
        { "claim": ["scope"], "filter_state": "scopes" }] }"#;
    case(
        "forward",
        &format!(r#""rules": [{{ "match": {{ "prefix": "/" }}, "access": "token" }}], {forward}"#),
        &with_token(&[]),
        &["proxy_replace_header_map_value", "proxy_set_property"],
    )
}

/// A public route, where a client claims to be somebody.
pub(crate) fn spoofed_on_public() -> Case {
    case(
        "spoofed on public",
        r#""rules": [{ "match": { "prefix": "/" }, "access": "public" }],
           "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }],
                        "remove_headers": ["x-admin"] },
           "on_spoofed_header": "strip""#,
        &owned(&[("x-user", "root"), ("x-admin", "1")]),
        &["proxy_remove_header_map_value"],
    )
}

/// A rule that is reached by a route's metadata and in no other way.
pub(crate) fn route_metadata() -> Case {
    let mut case = case(
        "route metadata",
        r#""rules": [{ "name": "by-route", "access": "token" }], "route_metadata": true"#,
        &with_token(&[]),
        &["proxy_get_property"],
    );
    let value = field(3, b"by-route");
    let rule = [field(1, b"rule"), field(2, &value)].concat();
    let body = field(1, &rule);
    let metadata = field(1, &[field(1, b"jwt_gate"), field(2, &body)].concat());
    case.request = case.request.property(&["xds", "route_metadata"], &metadata);
    case
}

/// Counters.
pub(crate) fn metrics() -> Case {
    case(
        "metrics",
        r#""rules": [{ "match": { "prefix": "/" }, "access": "token" }], "metrics": true"#,
        &with_token(&[]),
        &["proxy_define_metric", "proxy_increment_metric"],
    )
}

/// A token whose signature the host checks.
pub(crate) fn host_checks() -> Case {
    case(
        "host checks",
        r#""rules": [{ "match": { "prefix": "/" }, "access": "token" }], "verify": "host""#,
        &with_token(&[]),
        &["proxy_call_foreign_function"],
    )
}

/// The same with a signature that nobody made.
pub(crate) fn host_refuses() -> Case {
    let case = host_checks();
    let signature = case.secret.replacen('a', "b", 1);
    assert_ne!(signature, case.secret, "it is another one");
    let mut request = case.request.clone();
    let token = TOKEN.replace(&case.secret, &signature);
    request.headers.replace(b"authorization", format!("Bearer {token}").as_bytes());
    Case { name: "host refuses", request, fate: Fate::Replied, secret: signature, ..case }
}

/// A token in the query, which marks the response as private.
pub(crate) fn query() -> Case {
    let path = format!("/api/hamsters?a=1&access_token={TOKEN}");
    case(
        "query",
        r#""rules": [{ "match": { "prefix": "/" }, "access": "token" }],
           "token": { "from": [{ "query": "access_token" }] }"#,
        &[(":path".to_owned(), path)],
        &["proxy_replace_header_map_value", "proxy_add_header_map_value"],
    )
}

/// A token in a cookie beside another cookie.
pub(crate) fn cookie() -> Case {
    let cookie = format!("a=1; at={TOKEN}");
    case(
        "cookie",
        r#""rules": [{ "match": { "prefix": "/" }, "access": "token" }],
           "token": { "from": [{ "cookie": "at" }] }"#,
        &[("cookie".to_owned(), cookie)],
        &["proxy_replace_header_map_value"],
    )
}

/// Report mode: a request that would be denied goes on, without the identity that it claims.
pub(crate) fn report() -> Case {
    case(
        "report",
        r#""rules": [{ "match": { "prefix": "/" }, "access": "deny" }], "mode": "report",
           "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] },
           "on_spoofed_header": "strip", "metrics": true"#,
        &owned(&[("x-user", "root")]),
        &["proxy_remove_header_map_value", "proxy_log", "proxy_increment_metric"],
    )
}

/// A request without a token, which is answered.
pub(crate) fn denied() -> Case {
    let case = case(
        "denied",
        r#""rules": [{ "match": { "prefix": "/" }, "access": "token" }], "metrics": true"#,
        &[],
        &["proxy_send_local_response", "proxy_log", "proxy_increment_metric"],
    );
    Case { fate: Fate::Replied, ..case }
}

fn case(
    name: &'static str,
    policy: &str,
    headers: &[(String, String)],
    calls: &[&'static str],
) -> Case {
    // Debug output of ASCII text is JSON.
    let issuers = format!(
        r#""issuers": [{{ "name": "auth0", "issuer": "https://nickram44.auth0.com/",
            "audiences": ["https://api.mywebsite.com"], "algorithms": ["RS256"],
            "keys": {{ "pem": {CERTIFICATE:?} }} }}]"#
    );
    let mut request = Request::from_iter([
        (":method", "POST"),
        (":path", "/api/hamsters"),
        (":scheme", "https"),
        (":authority", "api.mywebsite.com"),
    ]);
    for (name, value) in headers {
        request.headers.replace(name.as_bytes(), value.as_bytes());
    }
    let signature = TOKEN.rsplit('.').next().expect("a token has parts");
    Case {
        name,
        policy: format!("{{ {issuers}, {policy} }}"),
        request,
        fate: Fate::Continued,
        calls: calls.to_vec(),
        secret: signature.to_owned(),
    }
}

fn with_token(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut headers = owned(headers);
    headers.push(("authorization".to_owned(), format!("Bearer {TOKEN}")));
    headers
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A length-delimited protobuf field of fewer than 128 bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let size = u8::try_from(bytes.len()).expect("short");
    assert!(size < 128, "a longer size takes two bytes");
    [&[number << 3 | 2, size], bytes].concat()
}

const CERTIFICATE: &str = include_str!("../../vectors/auth0-certificate.pem");
const TOKEN: &str = include_str!("../../vectors/auth0-access-token.jwt").trim_ascii();
