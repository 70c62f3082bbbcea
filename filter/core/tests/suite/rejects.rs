//! Every way to be refused, each with the request that brings it about, and the exact replies.

use std::{collections::BTreeSet, fmt::Write as _};

use jwt_gate_core::{KeyRing, Policy, Reject, Reply, Request, RouteRule};
use serde_json::{Value, json};

use crate::{
    gate::{Gate, Headers, bearer, document, document_with, headers, issuer_with, request, view},
    signer::{MALLORY, RSA_1},
    test,
    token::{NOW, claims, claims_with, good, sign, sign_with},
};

const GOLDEN: &str = include_str!("../../../../host-tests/golden/replies.txt");

/// A policy and a request that it refuses.
struct Case {
    reject: Reject,
    document: Value,
    headers: Headers,
}

/// A case for every reason.
///
/// Three of them do not come from the request: see [`Case::surround`].
fn cases() -> Vec<Case> {
    use Reject::*;
    let header = |header: Value| sign_with(&RSA_1, &header, &claims());
    let claim = |changes: Value| sign(&claims_with(changes));
    let get = |token: String| bearer("GET", "/", &token);
    let rule = |body: Value| {
        let mut rule = json!({ "name": "all", "match": { "prefix": "/" } });
        rule.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        document_with(json!({ "rules": [rule] }))
    };
    let two_tokens =
        [bearer("GET", "/", &good()), bearer("GET", "/", &good()).split_off(3)].concat();
    let two_issuers = {
        let mut document = rule(json!({ "require": { "issuers": ["other"] } }));
        let mut other = document["issuers"][0].clone();
        other["name"] = json!("other");
        other["issuer"] = json!("https://other.test/");
        document["issuers"].as_array_mut().unwrap().push(other);
        document
    };
    let case = |reject, document, headers| Case { reject, document, headers };
    vec![
        case(AlgorithmNotAllowed, document(), get(header(json!({ "alg": "HS256" })))),
        case(AudienceMismatch, document(), get(claim(json!({ "aud": "https://other.test" })))),
        case(
            ClaimConditionFailed,
            rule(json!({ "require": { "claims": [{ "claim": ["sub"], "equals": "bob" }] } })),
            get(good()),
        ),
        case(ClaimMalformed, document(), get(claim(json!({ "exp": "1900000000" })))),
        case(
            ClaimUnforwardable,
            document_with(
                json!({ "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] } }),
            ),
            get(claim(json!({ "sub": "alice\r\nx-admin: 1" }))),
        ),
        case(
            CriticalUnsupported,
            document(),
            get(header(json!({ "alg": "RS256", "crit": ["exp"] }))),
        ),
        case(Expired, document(), get(claim(json!({ "exp": NOW - 61 })))),
        case(ExpiryMissing, document(), get(claim(json!({ "exp": null })))),
        case(
            HeaderSpoofed,
            document_with(json!({ "forward": { "remove_headers": ["x-user"] } })),
            [bearer("GET", "/", &good()), headers(&[("x_user", "root")])].concat(),
        ),
        case(HostError, document(), get(good())),
        case(IssuedInFuture, document(), get(claim(json!({ "iat": NOW + 61 })))),
        case(IssuerNotPermitted, two_issuers, get(good())),
        case(IssuerUnknown, document(), get(claim(json!({ "iss": "https://issuer.test" })))),
        case(
            KeyUnknown,
            issuer_with("keys", json!({ "jwks": { "keys": [RSA_1.jwk()] } })),
            get(header(json!({ "alg": "RS256", "kid": "rsa-9" }))),
        ),
        case(KeysUnavailable, document(), get(good())),
        case(LifetimeTooLong, issuer_with("max_lifetime", json!("599s")), get(good())),
        case(
            NoRule,
            document_with(
                json!({ "rules": [{ "match": { "prefix": "/api" }, "access": "public" }] }),
            ),
            get(good()),
        ),
        case(NotYetValid, document(), get(claim(json!({ "nbf": NOW + 61 })))),
        case(PathAmbiguous, document(), bearer("GET", "//", &good())),
        case(PolicyInvalid, document(), get(good())),
        case(RequestMalformed, document(), headers(&[(":path", "/")])),
        case(RuleDenies, rule(json!({ "access": "deny" })), get(good())),
        case(
            ScopeInsufficient,
            rule(
                json!({ "require": { "scopes": { "all": ["write:hamsters"], "any": ["a", "b"] } } }),
            ),
            get(good()),
        ),
        case(
            SignatureInvalid,
            document(),
            get(sign_with(&MALLORY, &json!({ "alg": "RS256" }), &claims())),
        ),
        case(TokenAmbiguous, document(), two_tokens),
        case(TokenBound, document(), get(claim(json!({ "cnf": { "jkt": "x" } })))),
        case(TokenMalformed, document(), get("a.b".to_owned())),
        case(TokenMissing, document(), request("GET", "/")),
        case(
            TokenTooLarge,
            document_with(json!({ "limits": { "token_bytes": 256 } })),
            get(good()),
        ),
        case(TokenUnusable, document(), get("not a token".to_owned())),
        case(TypeNotAllowed, document(), get(header(json!({ "alg": "RS256", "typ": "dpop+jwt" })))),
    ]
}

impl Case {
    /// Where the request is not the reason.
    fn surround(&self, gate: &mut Gate) {
        match self.reject {
            Reject::KeysUnavailable => gate.keys = KeyRing::default(),
            Reject::PolicyInvalid => gate.route = Some(RouteRule::invalid()),
            _ => {}
        }
    }

    /// The reply in a style, which is the document's section `reply`.
    fn reply(&self, style: &Value, is_grpc: bool) -> Reply {
        let mut document = self.document.clone();
        document["reply"] = style.clone();
        let mut gate = Gate::new(&document);
        let mut headers = self.headers.clone();
        if is_grpc {
            headers.push((b"content-type".to_vec(), b"application/grpc+proto".to_vec()));
        }
        match self.reject {
            Reject::HostError => {
                return gate.policy.host_error(&Request::new(&view(&headers), None)).reply();
            }
            _ => self.surround(&mut gate),
        }
        let outcome = gate.decide(&headers);
        assert_eq!(outcome.reject, Some(self.reject));
        assert!(!outcome.goes_on && outcome.patch.headers.is_empty(), "{:?}", self.reject);
        outcome.reply.unwrap()
    }
}

#[test]
fn every_reason_can_be_brought_about() {
    let brought: BTreeSet<Reject> = cases().iter().map(|case| case.reject).collect();
    assert_eq!(brought, BTreeSet::from(Reject::ALL));
}

/// Report mode refuses nothing, whatever the reason; a host that fails is another matter, as nothing
/// is known about the request then.
#[test]
fn report_mode_tells_every_reason_and_lets_pass() {
    for mut case in cases() {
        if case.reject == Reject::HostError {
            continue;
        }
        case.document["mode"] = json!("report");
        let mut gate = Gate::new(&case.document);
        case.surround(&mut gate);
        let outcome = gate.decide(&case.headers);
        assert_eq!((outcome.reject, outcome.goes_on), (Some(case.reject), true));
    }
}

/// A policy that could not be read lets nothing pass, and asks for no keys, routes or counters.
#[test]
fn an_invalid_policy_denies_all() {
    let gate = Gate { policy: Policy::deny_all(), keys: KeyRing::default(), route: None };
    for headers in [request("GET", "/"), bearer("GET", "/", &good()), Headers::new()] {
        let outcome = gate.decide(&headers);
        assert_eq!((outcome.reject, outcome.goes_on), (Some(Reject::PolicyInvalid), false));
        assert_eq!(outcome.reply.unwrap().status, 503);
    }
    assert!(!gate.policy.reads_route_metadata() && !gate.policy.counts());
    assert_eq!(gate.policy.size(), (0, 0));
}

#[test]
fn replies_are_as_they_were() {
    let found = transcript();
    #[cfg(not(target_family = "wasm"))]
    if std::env::var_os("BLESS").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../host-tests/golden/replies.txt");
        std::fs::write(file, found).unwrap();
        return;
    }
    for (place, (found, expected)) in found.lines().zip(GOLDEN.lines()).enumerate() {
        assert_eq!(found, expected, "line {} (BLESS=1 rewrites the file)", place + 1);
    }
    assert_eq!(found.len(), GOLDEN.len(), "more or fewer replies (BLESS=1 rewrites the file)");
}

/// Every reply in every style, as it would stand on the wire.
fn transcript() -> String {
    let body =
        json!({ "content_type": "text/html", "template": "<h1>{status}</h1>{reason} ({error})" });
    let url = "https://api.test/.well-known/oauth-protected-resource";
    let styles = [
        ("plain", json!({}), false),
        ("detail", json!({ "detail": true }), false),
        ("grpc", json!({}), true),
        ("grpc, detail, body", json!({ "detail": true, "body": body }), true),
        ("body", json!({ "body": body }), false),
        ("body, detail", json!({ "body": body, "detail": true }), false),
        (
            "realm, resource_metadata",
            json!({ "realm": "hamster api", "resource_metadata": url }),
            false,
        ),
    ];
    let mut text = String::new();
    for case in cases() {
        writeln!(text, "==== {}", case.reject.reason()).unwrap();
        for (name, style, is_grpc) in &styles {
            let reply = case.reply(style, *is_grpc);
            assert_eq!(reply.status, case.reject.status());
            assert_eq!(reply.details, format!("jwt_gate.{}", case.reject.reason()));
            writeln!(text, "\n-- {name}\n{} {}", reply.status, reply.details).unwrap();
            if let Some(status) = reply.grpc_status {
                writeln!(text, "grpc-status: {status}").unwrap();
            }
            for (name, value) in &reply.headers {
                // Envoy writes what it is given: a line break here would be a header of its own.
                assert!(
                    value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '),
                    "{value:?}"
                );
                writeln!(text, "{name}: {value}").unwrap();
            }
            writeln!(text, "\n{}", String::from_utf8(reply.body).unwrap()).unwrap();
        }
        text.push('\n');
    }
    text
}
