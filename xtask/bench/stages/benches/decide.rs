//! What a decision costs on the machine, and what its stages cost.
//!
//! Every bench first asserts that the road it times has the outcome it claims: a bench of a request
//! that fails early measures nothing. In the proxy the module runs as wasm, several times slower;
//! the ratios between stages stay about the same.

#![allow(clippy::unwrap_used, reason = "a bench that cannot start stops")]

use std::hint::black_box;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bench_stages::browser_headers;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jwt_gate_core::{
    Algorithm, Compiled, Document, Reject, Request, UnixTime, Verdict, compile, decide,
    stages::{Allowances, CanonicalPath, Unverified, read_pem_keys, reads_token_json},
};
use rsa::{
    RsaPrivateKey,
    pkcs1v15::SigningKey,
    pkcs8::DecodePrivateKey as _,
    signature::{SignatureEncoding as _, Signer as _},
};
use serde_json::{Value, json};
use sha2::Sha256;

const RSA_1: &str = include_str!("../../../../host-tests/keys/rsa-1.pem");
const CERTIFICATE: &str = include_str!("../../../../host-tests/keys/rsa-1.crt.pem");
const MALLORY: &str = include_str!("../../../../host-tests/keys/mallory.pem");
const AUTH0: &str = include_str!("../../../../host-tests/vectors/auth0-access-token.jwt");
const NOW: i64 = 1_700_000_000;

criterion_group!(benches, decisions, rules, stages);
criterion_main!(benches);

/// Whole requests, with the headers that a browser sends.
fn decisions(criterion: &mut Criterion) {
    let compiled = policy(&json!([
        { "name": "open", "match": { "prefix": "/public" }, "access": "public" },
        {
            "name": "change", "match": { "prefix": "/api/hamsters" },
            "require": { "scopes": { "all": ["write:hamsters"] } },
        },
        { "name": "read", "match": { "prefix": "/" }, "access": "token" },
    ]));
    let good = token(RSA_1, &claims());
    let expired = token(RSA_1, &with(claims(), "exp", json!(NOW - 3600)));
    let forged = token(MALLORY, &claims());
    let mut group = criterion.benchmark_group("decide");
    for (name, path, token, expected) in [
        ("public", "/public/x", &good, None),
        ("no token", "/x", &String::new(), Some(Reject::TokenMissing)),
        ("allowed", "/x", &good, None),
        ("expired", "/x", &expired, Some(Reject::Expired)),
        ("forged", "/x", &forged, Some(Reject::SignatureInvalid)),
        ("wrong scope", "/api/hamsters/turbo", &good, Some(Reject::ScopeInsufficient)),
    ] {
        let headers = headers(path, token);
        let view = view(&headers);
        let request = Request::new(&view, None);
        let run = || decide(&compiled.policy, &compiled.keys, &request, UnixTime::from_secs(NOW));
        let outcome = match run().verdict {
            Verdict::Allow(_) | Verdict::AwaitKeys(_) => None,
            Verdict::Deny(denial) | Verdict::Report(denial) => Some(denial.reject()),
        };
        assert_eq!(outcome, expected, "{name}");
        group.bench_function(name, |bencher| bencher.iter(|| black_box(run())));
    }
    group.finish();
}

/// The last of many rules: what finding it costs, since nothing else is done on a public route.
fn rules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rules");
    for count in [1_usize, 10, 100, 1000] {
        let rules: Vec<Value> = (0..count)
            .map(|place| {
                let template = format!("/tenants/{{tenant}}/service-{place}/**");
                json!({ "name": format!("rule-{place}"), "match": { "template": template }, "access": "public" })
            })
            .collect();
        let compiled = policy(&json!(rules));
        let last = count.saturating_sub(1);
        let headers = headers(&format!("/tenants/acme/service-{last}/orders/7"), "");
        let view = view(&headers);
        let request = Request::new(&view, None);
        let run = || decide(&compiled.policy, &compiled.keys, &request, UnixTime::from_secs(NOW));
        let found = match run().verdict {
            Verdict::Allow(permit) => permit.rule(),
            Verdict::Deny(_) | Verdict::Report(_) | Verdict::AwaitKeys(_) => None,
        };
        assert_eq!(found, Some(format!("rule-{last}").as_str()));
        group.bench_with_input(BenchmarkId::from_parameter(count), &(), |bencher, ()| {
            bencher.iter(|| black_box(run()));
        });
    }
    group.finish();
}

/// The stages of a token that is seen for the first time, one by one; the token is the real one.
fn stages(criterion: &mut Criterion) {
    let auth0 = AUTH0.trim();
    let (signed, signature) = auth0.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let payload = signed.split_once('.').unwrap().1;
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
    let pem = include_str!("../../../../host-tests/vectors/auth0-certificate.pem");
    let key = read_pem_keys(pem).unwrap().remove(0);
    let path = b"/api/hamsters/turbo%3Aspeed?page=2&sort=name";

    let mut group = criterion.benchmark_group("stage");
    assert!(Unverified::parse_text(auth0.as_bytes(), 8192).is_ok());
    group.bench_function("token", |bencher| {
        bencher.iter(|| Unverified::parse_text(black_box(auth0.as_bytes()), 8192));
    });
    assert!(reads_token_json(&payload));
    group.bench_function("payload as JSON", |bencher| {
        bencher.iter(|| reads_token_json(black_box(&payload)));
    });
    assert!(key.verifies(Algorithm::Rs256, signed.as_bytes(), &signature));
    group.bench_function("signature", |bencher| {
        bencher.iter(|| {
            key.verifies(Algorithm::Rs256, black_box(signed.as_bytes()), black_box(&signature))
        });
    });
    let none = Allowances::default();
    assert_eq!(CanonicalPath::parse(path, &none).unwrap().as_str(), "/api/hamsters/turbo:speed");
    group.bench_function("path", |bencher| {
        bencher.iter(|| CanonicalPath::parse(black_box(path), &none));
    });
    group.finish();
}

fn policy(rules: &Value) -> Compiled {
    let document = json!({
        "issuers": [{
            "name": "test",
            "issuer": "https://issuer.test/",
            "audiences": ["https://api.test"],
            "algorithms": ["RS256"],
            "keys": { "pem": CERTIFICATE },
        }],
        "rules": rules,
        "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] },
    });
    compile(&Document::parse(document.to_string().as_bytes()).unwrap()).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.test/", "aud": ["https://api.test", "https://issuer.test/userinfo"],
        "sub": "auth0|5bdc4d7c2d3d6a2e5e8d1a52", "azp": "4Jz2n2OhL92DRYh2ngcW1YlJfzxqERV7",
        "iat": NOW - 300, "exp": NOW + 300, "scope": "openid profile read:hamsters",
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims.as_object_mut().unwrap().insert(name.to_owned(), value);
    claims
}

fn token(pem: &str, claims: &Value) -> String {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let private = RsaPrivateKey::from_pkcs8_der(&STANDARD.decode(body).unwrap()).unwrap();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "RTE3MUQ0NEUwRjdDRDk0OEY2MkI0" });
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = SigningKey::<Sha256>::new(private).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn headers(path: &str, token: &str) -> Vec<(String, String)> {
    let mut headers = browser_headers(path);
    if !token.is_empty() {
        headers.push(("authorization".to_owned(), format!("Bearer {token}")));
    }
    headers
}

fn view(headers: &[(String, String)]) -> Vec<(&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
}
