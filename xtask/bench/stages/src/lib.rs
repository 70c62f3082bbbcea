//! The stages of a decision, each as a function that can be run many times.
//!
//! The same code runs natively, in V8 and under wasmtime, so that the columns of the benchmark's
//! table differ by the engine alone. What it works on comes from outside as JSON, see [`Input`]:
//! the module signs nothing.
//!
//! Each stage first asserts that it has the outcome that its name claims: one that fails early
//! would measure nothing.

use std::hint::black_box;

use jwt_gate_core::{
    Algorithm, Compiled, Document, Reject, Request, UnixTime, Verdict, compile, decide,
    decide_cached,
    stages::{Allowances, CanonicalPath, JsonLimits, Key, Unverified, parse_json, read_pem_keys},
};
use serde::{Deserialize, Serialize};

#[cfg(target_family = "wasm")]
mod exports;

/// The time of every decision, in seconds since 1970.
const NOW: i64 = 1_700_000_100;
/// Bytes of a token at most.
const TOKEN_BYTES: usize = 8192;
/// A path with something to decode, and a query.
const PATH: &str = "/orders/turbo%3Aspeed?page=2&sort=name";

/// What the stages work on.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Input {
    /// The policy, as its document: `/public` is open, and all else needs a token of one scope.
    pub policy: serde_json::Value,
    /// A good token for each algorithm; the first one is what whole requests bring.
    pub signed: Vec<Signed>,
    /// A good token that is over by now.
    pub expired: String,
    /// A good token without the scope.
    pub unscoped: String,
    /// A token under the signature of another.
    pub forged: String,
}

/// A token, and what verifies it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Signed {
    /// The name of the algorithm, such as `RS256`.
    pub algorithm: String,
    /// The public key as a PEM block.
    pub pem: String,
    /// The token.
    pub token: String,
    /// The bytes of its signature.
    pub signature: Vec<u8>,
    /// The bytes of its claims.
    pub claims: Vec<u8>,
}

/// One stage.
pub struct Stage {
    /// What it does, in a few words.
    pub name: String,
    run: Box<dyn FnMut()>,
}

impl Stage {
    /// Runs it so many times.
    pub fn run(&mut self, times: u32) {
        for _ in 0..times {
            (self.run)();
        }
    }
}

/// All stages, in the order of a request.
///
/// # Panics
///
/// The input does not do what its fields say.
#[must_use]
pub fn stages(input: &Input) -> Vec<Stage> {
    let mut stages = vec![path(), token(&input.signed[0]), claims(&input.signed[0])];
    stages.extend(input.signed.iter().map(verify));
    let scoped = &input.signed[0].token;
    for (name, path, token, expected) in [
        ("decide: an open path", "/public", None, None),
        ("decide: a known token that is over", "/x", Some(&input.expired), Some(Reject::Expired)),
        (
            "decide: a known token without the scope",
            "/x",
            Some(&input.unscoped),
            Some(Reject::ScopeInsufficient),
        ),
        ("decide: a known token", "/x", Some(scoped), None),
    ] {
        stages.push(decision(name, &input.policy, path, token, true, expected));
    }
    for (name, token, expected) in [
        ("decide: a new token", scoped, None),
        ("decide: a forged token", &input.forged, Some(Reject::SignatureInvalid)),
    ] {
        stages.push(decision(name, &input.policy, "/x", Some(token), false, expected));
    }
    stages
}

fn path() -> Stage {
    let none = Allowances::default();
    let run = move || CanonicalPath::parse(black_box(PATH.as_bytes()), &none);
    assert_eq!(run().expect("a path").as_str(), "/orders/turbo:speed");
    Stage { name: "read the path".to_owned(), run: Box::new(move || drop(black_box(run()))) }
}

fn token(signed: &Signed) -> Stage {
    let token = signed.token.clone();
    let run = move || drop(black_box(parse(black_box(&token))));
    Stage { name: "parse the token".to_owned(), run: Box::new(run) }
}

fn parse(token: &str) -> Unverified<'_> {
    Unverified::parse_text(token.as_bytes(), TOKEN_BYTES).expect("a token")
}

fn claims(signed: &Signed) -> Stage {
    let claims = signed.claims.clone();
    let run = move || parse_json(black_box(&claims), JsonLimits::TOKEN).expect("claims");
    Stage { name: "of that, its claims".to_owned(), run: Box::new(move || drop(black_box(run()))) }
}

fn verify(signed: &Signed) -> Stage {
    let algorithm = Algorithm::from_name(&signed.algorithm).expect("an algorithm");
    let key: Key = read_pem_keys(&signed.pem).expect("a key").remove(0);
    let (message, _) = signed.token.rsplit_once('.').expect("a token");
    let (message, signature) = (message.as_bytes().to_vec(), signed.signature.clone());
    let mut wrong = message.clone();
    wrong[0] ^= 1;
    assert!(
        !key.verifies(algorithm, &wrong, &signature),
        "{} lets a change pass",
        algorithm.name()
    );
    let run = move || {
        assert!(key.verifies(algorithm, black_box(&message), black_box(&signature)));
    };
    Stage { name: format!("verify {}", signed.algorithm), run: Box::new(run) }
}

/// A whole decision: `is_known` with the token already verified, else with nothing remembered.
fn decision(
    name: &str,
    policy: &serde_json::Value,
    path: &'static str,
    token: Option<&String>,
    is_known: bool,
    expected: Option<Reject>,
) -> Stage {
    let document = Document::parse(policy.to_string().as_bytes()).expect("a document");
    let Compiled { policy, keys, .. } = compile(&document).expect("a policy");
    let headers = headers(path, token.map(String::as_str));
    let mut cache = policy.token_cache();
    let mut run = move || {
        let view: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let (request, now) = (Request::new(&view, None), UnixTime::from_secs(NOW));
        let decision = match is_known {
            true => decide_cached(&policy, &keys, &mut cache, &request, now),
            false => decide(&policy, &keys, &request, now),
        };
        match black_box(decision).verdict {
            Verdict::Allow(_) => None,
            Verdict::Deny(denial) | Verdict::Report(denial) => Some(denial.reject()),
            Verdict::AwaitKeys(_) => panic!("keys are missing"),
        }
    };
    for _ in 0..2 {
        assert_eq!(run(), expected, "{name}");
    }
    let run = move || {
        black_box(run());
    };
    Stage { name: name.to_owned(), run: Box::new(run) }
}

/// What a browser sends.
fn headers(path: &str, token: Option<&str>) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = [
        (":method", "GET"),
        (":path", path),
        (":authority", "api.test"),
        (":scheme", "https"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "1f3c7a0e-5a0e-4a4f-9d0c-6a1d2f3b4c5d"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    headers
}
