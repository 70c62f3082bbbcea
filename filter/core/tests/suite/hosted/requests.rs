//! Properties of decisions on any request at all.

use std::sync::LazyLock;

use jwt_gate_core::{HeaderOp, Patch, Reject, UnixTime};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::cases;
use crate::{
    gate::{Gate, Headers, bearer, document, document_with, headers, request},
    signer::{MALLORY, RSA_1, RSA_2},
    token::{NOW, claims, claims_with, encode, good, sign, sign_with},
};

/// Every kind of access, every place of a token, everything forwarded.
fn busy() -> Value {
    document_with(json!({
        "token": { "from": [
            { "header": "authorization" },
            { "header": "x-access-token", "scheme": "none" },
            { "cookie": "app.at" },
            { "query": "access_token" },
        ] },
        "rules": [
            { "name": "public", "match": { "prefix": "/public" }, "access": "public" },
            { "name": "optional", "match": { "prefix": "/optional" }, "access": "optional" },
            { "name": "nobody", "match": { "prefix": "/nobody" }, "access": "deny" },
            { "name": "token", "match": { "prefix": "/", "methods": ["GET", "POST"] }, "access": "token" },
        ],
        "forward": {
            "payload": "x-jwt-payload",
            "claims": [
                { "claim": ["sub"], "header": "x-user", "filter_state": "sub" },
                { "claim": ["roles"], "header": "x-roles" },
            ],
            "remove_headers": ["x-ssl-client-cn"],
        },
        "on_spoofed_header": "strip",
        "cors_preflight": "allow",
    }))
}

static ENFORCING: LazyLock<Gate> = LazyLock::new(|| Gate::new(&busy()));
static REPORTING: LazyLock<Gate> = LazyLock::new(|| {
    let mut document = busy();
    document["mode"] = json!("report");
    Gate::new(&document)
});
static GOOD: LazyLock<String> =
    LazyLock::new(|| sign(&claims_with(json!({ "roles": ["a", "b"] }))));

/// Paths that end at each rule, and some that are refused.
fn targets() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "/",
        "/public",
        "/public/x",
        "/optional/x",
        "/nobody",
        "/token",
        "//",
        "/a/../b",
        "*",
    ]);
    let query = prop_oneof![
        3 => Just(String::new()),
        1 => "[a-z=&%;]{0,12}".prop_map(|query| format!("?{query}")),
        1 => Just(format!("?a=1&access_token={}&b", *GOOD)),
    ];
    (path, query).prop_map(|(path, query)| format!("{path}{query}"))
}

/// Tokens: good, bad, and no token at all.
fn tokens() -> impl Strategy<Value = String> {
    let forged = sign_with(&MALLORY, &json!({ "alg": "RS256" }), &claims());
    let expired = sign(&claims_with(json!({ "exp": NOW - 3600 })));
    let none = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(claims().to_string()));
    let unforwardable = sign(&claims_with(json!({ "sub": "a\nb" })));
    let known = vec![GOOD.clone(), good(), forged, expired, none, unforwardable, String::new()];
    prop_oneof![4 => prop::sample::select(known), 1 => "[A-Za-z0-9._~+/=-]{0,40}", 1 => "\\PC{0,20}"]
}

/// Headers that the gate looks at, in many spellings, and others.
fn extra_headers() -> impl Strategy<Value = Headers> {
    let guarded = prop::sample::select(vec![
        "x-user",
        "X-User",
        "x_user",
        "x-roles",
        "x-jwt-payload",
        "X_JWT_PAYLOAD",
        "x-ssl-client-cn",
        "x-ssl_client-cn",
    ]);
    let header = prop_oneof![
        2 => (guarded, "[a-z]{0,6}").prop_map(|(name, value)| (name.to_owned(), value)),
        2 => tokens().prop_map(|token| ("authorization".to_owned(), format!("Bearer {token}"))),
        1 => tokens().prop_map(|token| ("Authorization".to_owned(), format!("bEARER  {token}"))),
        1 => tokens().prop_map(|token| ("x-access-token".to_owned(), token)),
        1 => tokens().prop_map(|token| ("cookie".to_owned(), format!("a=1; app.at={token};b"))),
        1 => tokens().prop_map(|token| ("Cookie".to_owned(), format!("app.at={token}"))),
        1 => Just(("origin".to_owned(), "https://a.test".to_owned())),
        1 => Just(("access-control-request-method".to_owned(), "GET".to_owned())),
        1 => Just(("content-type".to_owned(), "application/grpc".to_owned())),
        1 => ("[a-zA-Z_-]{1,10}", "\\PC{0,10}"),
    ];
    let header = header.prop_map(|(name, value)| (name.into_bytes(), value.into_bytes()));
    let wild =
        (prop::collection::vec(any::<u8>(), 0..12), prop::collection::vec(any::<u8>(), 0..24));
    prop::collection::vec(prop_oneof![8 => header, 1 => wild], 0..5)
}

fn requests() -> impl Strategy<Value = Headers> {
    let methods = prop::sample::select(vec!["GET", "POST", "OPTIONS", "get"]);
    (methods, targets(), extra_headers())
        .prop_map(|(method, target, extra)| [request(method, &target), extra].concat())
}

/// Names as the gate compares guarded ones.
fn comparable(name: &[u8]) -> Vec<u8> {
    name.to_ascii_lowercase().iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect()
}

/// Whether one of the tokens in the request is good, by the test's own knowledge.
fn has_good_token(headers: &Headers) -> bool {
    let is_in = |token: &str| {
        headers
            .iter()
            .any(|(_, value)| value.windows(token.len()).any(|part| part == token.as_bytes()))
    };
    is_in(&GOOD) || is_in(&good())
}

proptest! {
    #![proptest_config(cases(768))]

    /// Also: nothing panics, on any bytes.
    #[test]
    fn what_is_allowed_has_a_reason_to_be(headers in requests()) {
        let outcome = ENFORCING.decide(&headers);
        if !outcome.is_allowed() {
            prop_assert!(!outcome.goes_on && outcome.patch == Default::default());
            let reply = outcome.reply.unwrap();
            prop_assert!((400..600).contains(&reply.status));
            return Ok(());
        }
        match outcome.rule.as_deref() {
            Some("public") => prop_assert_eq!(outcome.issuer, None),
            Some("token") => prop_assert!(outcome.issuer.is_some() && has_good_token(&headers)),
            Some("optional") => prop_assert!(outcome.issuer.is_none() || has_good_token(&headers)),
            Some(other) => prop_assert!(false, "rule {} let it pass", other),
            // A preflight.
            None => prop_assert_eq!(&headers[0].1, b"OPTIONS"),
        }
    }

    #[test]
    fn report_mode_decides_the_same_and_lets_pass(headers in requests()) {
        let (enforced, reported) = (ENFORCING.decide(&headers), REPORTING.decide(&headers));
        prop_assert!(reported.goes_on);
        prop_assert_eq!(enforced.reject, reported.reject);
        prop_assert_eq!(enforced.rule, reported.rule);
        prop_assert_eq!(enforced.reply, reported.reply);
        if enforced.reject.is_none() {
            prop_assert_eq!(enforced.patch, reported.patch);
        }
    }

    #[test]
    fn no_guarded_header_of_the_client_goes_on(headers in requests()) {
        const GUARDED: [&[u8]; 4] = [b"x-user", b"x-roles", b"x-jwt-payload", b"x-ssl-client-cn"];
        let outcome = REPORTING.decide(&headers);
        let patch = &outcome.patch;
        for (name, value) in apply(patch, &headers) {
            if GUARDED.contains(&comparable(&name).as_slice()) {
                let set = HeaderOp::Set(name.into(), value.into());
                prop_assert!(patch.headers.contains(&set), "{:?}", set);
                prop_assert!(has_good_token(&headers));
            }
        }
        if !patch.filter_state.is_empty() || patch.headers.iter().any(|op| matches!(op, HeaderOp::Set(..))) {
            prop_assert!(has_good_token(&headers), "{:?}", patch);
        }
    }

    #[test]
    fn a_token_that_was_used_goes_no_further(headers in requests()) {
        let outcome = ENFORCING.decide(&headers);
        if outcome.is_allowed() && outcome.issuer.is_some() {
            let upstream = apply(&outcome.patch, &headers);
            prop_assert!(!has_good_token(&upstream), "{:?}", outcome.patch);
        }
    }

    #[test]
    fn no_token_is_in_a_reply(headers in requests(), detail in any::<bool>()) {
        let mut document = busy();
        document["reply"] = json!({ "detail": detail });
        if let Some(reply) = Gate::new(&document).decide(&headers).reply {
            let text = format!("{:?} {}", reply.headers, String::from_utf8(reply.body).unwrap());
            for token in [&*GOOD, &good()] {
                let signature = token.rsplit('.').next().unwrap();
                prop_assert!(!text.contains(&signature[..16]));
            }
        }
    }

    #[test]
    fn unrelated_headers_and_their_order_change_nothing(
        headers in requests(),
        extra in prop::collection::vec(("x-[a-b]{1,9}", "\\PC{0,9}"), 1..5),
        places in prop::collection::vec(any::<Index>(), 5),
    ) {
        let mut more = headers.clone();
        for ((name, value), place) in extra.iter().zip(&places) {
            let at = place.index(more.len() + 1);
            more.insert(at, (name.clone().into_bytes(), value.clone().into_bytes()));
        }
        prop_assert_eq!(REPORTING.decide(&headers), REPORTING.decide(&more));
    }

    #[test]
    fn an_optional_route_is_no_way_around_a_bad_token(token in "[A-Za-z0-9._~+/-]{1,60}=?") {
        let outcome = ENFORCING.decide(&bearer("GET", "/optional", &token));
        prop_assert!(matches!(outcome.reply.map(|reply| reply.status), Some(401)));
    }

    #[test]
    fn what_has_expired_stays_so(
        expiry in -100.0..100.0_f64,
        whole in any::<bool>(),
        first in -300..300_i64,
        later in 0..100_000_i64,
        far in any::<u64>(),
    ) {
        let expiry = if whole { json!(NOW + expiry as i64) } else { json!(NOW as f64 + expiry) };
        let token = sign(&claims_with(json!({ "exp": expiry, "iat": null })));
        let judge = |now| PLAIN.judge_at(&token, now);
        let first = NOW + first;
        if judge(UnixTime::from_secs(first)) == Err(Reject::Expired) {
            prop_assert_eq!(judge(UnixTime::from_secs(first + later)), Err(Reject::Expired));
        } else {
            prop_assert_eq!(judge(UnixTime::from_secs(first)), Ok(()));
            prop_assert_eq!(judge(UnixTime::from_secs(first - later)), Ok(()));
        }
        let now = u64::try_from(NOW).unwrap() * 1_000_000_000;
        let far = UnixTime::from_nanos(now.saturating_add(200_000_000_000).saturating_add(far));
        prop_assert_eq!(judge(far), Err(Reject::Expired));
    }

    #[test]
    fn a_forwarded_list_reads_back_as_it_was(
        roles in prop::collection::vec(prop_oneof![3 => "[ab,]{1,3}", 1 => "[a, é\u{85}\n]{0,4}"], 0..4),
        separator in prop::sample::select(vec![",", ",,", " ", ", ", "a", "ab"]),
    ) {
        let mut document = busy();
        document["forward"]["claims"][1]["separator"] = json!(separator);
        let gate = Gate::new(&document);
        let token = sign(&claims_with(json!({ "roles": roles })));
        let headers = bearer("GET", "/", &token);
        let outcome = gate.decide(&headers);
        if !outcome.is_allowed() {
            prop_assert_eq!(outcome.reject, Some(Reject::ClaimUnforwardable));
            return Ok(());
        }
        let upstream = apply(&outcome.patch, &headers);
        let value = upstream.iter().find(|(name, _)| name == b"x-roles").map(|(_, value)| value.clone());
        let text = value.map(|value| String::from_utf8(value).unwrap());
        let read: Vec<&str> = text.iter().flat_map(|text| text.split(separator)).collect();
        prop_assert_eq!(read, roles);
    }
}

static PLAIN: LazyLock<Gate> = LazyLock::new(|| Gate::new(&document()));

/// Every reason that a token can bring, on a route where none is needed.
#[test]
fn an_optional_route_refuses_every_bad_token() {
    for (changes, reject) in [
        (json!({ "iss": "https://unknown.test/" }), Reject::IssuerUnknown),
        (json!({ "iss": null }), Reject::IssuerUnknown),
        (json!({ "aud": "x" }), Reject::AudienceMismatch),
        (json!({ "exp": NOW - 61 }), Reject::Expired),
        (json!({ "exp": 0 }), Reject::Expired),
        (json!({ "cnf": {} }), Reject::TokenBound),
    ] {
        let headers = bearer("GET", "/optional", &sign(&claims_with(changes)));
        assert_eq!(ENFORCING.decide(&headers).reject, Some(reject));
    }
    let forged = sign_with(&MALLORY, &json!({ "alg": "RS256" }), &claims());
    let headers = bearer("GET", "/optional", &forged);
    assert_eq!(ENFORCING.decide(&headers).reject, Some(Reject::SignatureInvalid));
    assert!(ENFORCING.decide(&request("GET", "/optional")).is_allowed());
}

/// One place with an empty or strange value is not "no token".
#[test]
fn an_empty_credential_is_not_an_absent_one() {
    for (name, value) in [
        ("authorization", "Bearer"),
        ("authorization", "Bearer "),
        ("authorization", "Bearer\u{a0}x"),
        ("x-access-token", ""),
        ("cookie", "app.at="),
        ("cookie", "app.at"),
    ] {
        let headers = [request("GET", "/optional"), headers(&[(name, value)])].concat();
        assert_eq!(
            ENFORCING.decide(&headers).reject,
            Some(Reject::TokenUnusable),
            "{name}: {value}"
        );
    }
    for query in ["access_token", "access_token=", "a&access%5Ftoken="] {
        let headers = request("GET", &format!("/optional?{query}"));
        assert_eq!(ENFORCING.decide(&headers).reject, Some(Reject::TokenUnusable), "{query}");
    }
}

/// Keys and issuers belong together: one issuer's key says nothing about another's tokens.
#[test]
fn a_key_vouches_for_its_own_issuer_only() {
    let mut document = document();
    let mut other = document["issuers"][0].clone();
    other["issuer"] = json!("https://other.test/");
    other["name"] = json!("other");
    other["keys"] = json!({ "jwks": { "keys": [RSA_2.jwk()] } });
    document["issuers"].as_array_mut().unwrap().push(other);
    let gate = Gate::new(&document);
    let others = claims_with(json!({ "iss": "https://other.test/" }));
    let header = json!({ "alg": "RS256" });
    assert_eq!(gate.judge(&sign_with(&RSA_2, &header, &others)), Ok(()));
    assert_eq!(gate.judge(&sign_with(&RSA_1, &header, &others)), Err(Reject::SignatureInvalid));
    let claims = claims();
    let crossed = sign_with(&RSA_2, &header, &claims);
    assert_eq!(gate.judge(&crossed), Err(Reject::SignatureInvalid));
}

/// A path goes into the decision as it came: nothing of it is trimmed away.
#[test]
fn a_control_character_at_the_end_of_a_path_is_still_one() {
    for path in ["/token\t", "/token\n", "/token\r", " /token", "/token "] {
        let headers = bearer("GET", path, &good());
        assert_eq!(ENFORCING.decide(&headers).reject, Some(Reject::PathAmbiguous), "{path:?}");
    }
}

#[test]
fn a_place_is_named_once() {
    let document = document_with(json!({
        "token": { "from": [{ "header": "x-token" }, { "header": "X-Token", "scheme": "none" }] },
    }));
    let errors = crate::gate::compiled(&document).err().map(|errors| errors.problems().len());
    assert_eq!(errors, Some(1));
}

/// The tenant that the rule compares is the tenant that the upstream reads.
#[test]
fn a_percent_sign_that_is_let_pass_is_not_decoded_again() {
    let gate = Gate::new(&document_with(json!({
        "on_ambiguous_path": { "allow": ["bad_percent"] },
        "rules": [{
            "match": { "template": "/t/{tenant}" },
            "require": { "claims": [{ "claim": ["tenant"], "equals_path": "tenant" }] },
        }],
    })));
    let tenant = |name: &str| sign(&claims_with(json!({ "tenant": name })));
    assert!(gate.decide(&bearer("GET", "/t/%41", &tenant("A"))).is_allowed());
    let headers = bearer("GET", "/t/%%34%31", &tenant("A"));
    assert_eq!(gate.decide(&headers).reject, Some(Reject::ClaimConditionFailed));
    assert!(gate.decide(&bearer("GET", "/t/%%34%31", &tenant("%41"))).is_allowed());
}

/// What goes on to the upstream: names are compared as they are spelled, which is the least a host
/// can do.
fn apply(patch: &Patch, headers: &Headers) -> Headers {
    let mut headers = headers.clone();
    for op in &patch.headers {
        match op {
            HeaderOp::Remove(name) => headers.retain(|(known, _)| *known != **name),
            HeaderOp::Set(name, value) => {
                headers.retain(|(known, _)| *known != **name);
                headers.push((name.to_vec(), value.to_vec()));
            }
        }
    }
    headers
}
