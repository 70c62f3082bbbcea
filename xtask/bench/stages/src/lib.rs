//! The stages of a decision, each as a function that can be run many times.
//!
//! The same code runs natively, in V8 and under wasmtime, so that the columns of the benchmark's
//! table differ by the engine alone. What it works on comes from outside as JSON, see [`Input`]:
//! the module signs nothing.
//!
//! Each stage looks at its own result, every time: one that fails early would measure nothing.
//!
//! A runner of one engine is told by lines what to do, and answers each with a line: it gets an
//! [`Input`] and says what it has ([`greeting`]); then it gets the number of a stage and how often
//! to run it, and says what that took.

use std::{hint::black_box, iter};

use jwt_gate_core::{
    Algorithm, Compiled, Document, Reject, Request, UnixTime, Verdict, compile, decide_cached,
    rsa_variant,
    stages::{Key, Stopped, Unverified, decode_base64url, read_pem_keys, reads_token_json},
};
use rsa_verify::PublicKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

#[cfg(target_family = "wasm")]
mod exports;
/// The adapter's own reader of header maps, whose crate needs a host to be linked.
#[allow(dead_code, reason = "the stages read maps, and do not answer")]
#[path = "../../../../filter/src/pairs.rs"]
mod pairs;

/// The time of every decision, in seconds since 1970.
const NOW: i64 = 1_700_000_100;
/// The longest token that is read, in bytes.
const TOKEN_BYTES: usize = 8192;

/// What the stages work on.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Input {
    /// The policy, as its document; it remembers fewer tokens than there are new ones.
    pub policy: Value,
    /// The headers of a request, but for its token.
    pub headers: Vec<(String, String)>,
    /// A good token for each algorithm, the first one RS256; the policy may know the first one only.
    pub signed: Vec<Signed>,
    /// Good tokens, all different, of the first one's key.
    pub new: Vec<String>,
    /// Tokens under the signatures of others, all different, and each signature more than once: where
    /// one such token is remembered, another comes before it comes again.
    pub forged: Vec<String>,
}

/// A token, and what verifies it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Signed {
    /// The name of the algorithm, such as `RS256`.
    pub algorithm: String,
    /// The public key as a PEM block.
    pub pem: String,
    /// The public key as a JWK.
    pub jwk: Value,
    /// The token.
    pub token: String,
}

/// The headers of a request that a browser sends, but for its token.
#[must_use]
pub fn browser_headers(path: &str) -> Vec<(String, String)> {
    let headers = [
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
    ];
    headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// One stage.
pub struct Stage {
    /// What it does, in a few words.
    pub name: String,
    run: Box<dyn FnMut()>,
}

impl Stage {
    fn new(name: impl Into<String>, run: impl FnMut() + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// Runs it so many times.
    ///
    /// # Panics
    ///
    /// It has not the outcome that it has to have.
    pub fn run(&mut self, times: u32) {
        for _ in 0..times {
            (self.run)();
        }
    }
}

/// All stages, in the order of a request.
///
/// What they share lives as long as the process.
///
/// # Panics
///
/// The input does not do what its fields say.
#[must_use]
pub fn stages(input: Input) -> Vec<Stage> {
    let input: &'static Input = Box::leak(Box::new(input));
    let first = &input.signed[0];
    let mut stages = request(input);
    stages.extend(token(first));
    stages.extend(input.signed.iter().map(verify));
    stages.extend(claims(input));
    stages.extend(whole(input));
    stages
}

/// What a runner has, as a line of JSON: the names of the `stages`, and the `arithmetic` of RSA keys.
#[must_use]
pub fn greeting(stages: &[Stage]) -> String {
    let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    json!({ "stages": names, "arithmetic": rsa_variant().to_string() }).to_string()
}

/// What is done before the token is looked into.
fn request(input: &'static Input) -> Vec<Stage> {
    let map = map(input, &input.signed[0].token);
    let pairs = input.headers.len() + 1;
    let name = format!("header map, {pairs} pairs in {} bytes", map.len());
    let stopped = stopped(input);
    vec![
        Stage::new(name, move || {
            let read = pairs::parse(black_box(&map)).expect("a map");
            assert_eq!(black_box(read).len(), pairs);
        }),
        Stage::new("header check", || stopped.check_headers().expect("one good token")),
        Stage::new("path and rule", || stopped.find_rule().expect("a rule")),
    ]
}

/// What is done with the token of any algorithm.
fn token(signed: &'static Signed) -> Vec<Stage> {
    let parts = move || {
        black_box(&signed.token)
            .split('.')
            .map(|part| decode_base64url(part.as_bytes()).expect("base64url"))
    };
    let [header, claims, _] =
        <[Vec<u8>; 3]>::try_from(parts().collect::<Vec<_>>()).expect("three parts");
    let json = |name: String, text: Vec<u8>| {
        Stage::new(name, move || {
            assert!(reads_token_json(&text), "no JSON");
        })
    };
    let message = message(signed);
    let key = rsa_key(signed).prepare();
    let signature = signature(signed);
    // What the key makes of the signature ends in it.
    let padded = key.recover(&signature).expect("a signature");
    let digest: [u8; 32] = *padded.last_chunk().expect("a digest");
    vec![
        Stage::new(format!("split and base64url, {} bytes", signed.token.len()), move || {
            assert_eq!(parts().map(black_box).count(), 3);
        }),
        json(format!("JSON header, {} bytes", header.len()), header),
        json(format!("JSON claims, {} bytes", claims.len()), claims),
        Stage::new("token apart, all of that", move || {
            let token = black_box(&signed.token).as_bytes();
            black_box(Unverified::parse_text(token, TOKEN_BYTES).expect("a token"));
        }),
        Stage::new(format!("SHA-256 of {} bytes", message.len()), move || {
            assert_eq!(black_box(Sha256::digest(black_box(message))), digest, "another digest");
        }),
        Stage::new(format!("RSA, {} bits", key.key().bits()), move || {
            let padded = black_box(key.recover(black_box(&signature))).expect("a signature");
            assert!(padded.ends_with(&digest), "another signature");
        }),
    ]
}

fn verify(signed: &'static Signed) -> Stage {
    let algorithm = Algorithm::from_name(&signed.algorithm).expect("an algorithm");
    let key: Key = read_pem_keys(&signed.pem).expect("a key").remove(0);
    let (message, signature) = (message(signed), signature(signed));
    let mut wrong = message.to_vec();
    wrong[0] ^= 1;
    assert!(
        !key.verifies(algorithm, &wrong, &signature),
        "{} lets a change pass",
        algorithm.name()
    );
    Stage::new(format!("signature {}", signed.algorithm), move || {
        assert!(key.verifies(algorithm, black_box(message), black_box(&signature)));
    })
}

/// What is done with a token whose signature is good.
fn claims(input: &'static Input) -> Vec<Stage> {
    let stopped = stopped(input);
    let policy = compiled(input).policy;
    let mut cache = policy.token_cache();
    let mut tokens = input.new.iter().cycle();
    for token in &input.new {
        stopped.keep(&mut cache, token.as_bytes());
    }
    let last = input.new.last().expect("a token").as_bytes();
    assert!(stopped.recalls(&mut cache, last), "nothing is remembered");
    assert!(cache.counts().evictions > 0, "all new tokens are remembered");
    vec![
        Stage::new("validate claims", || stopped.validate().expect("good claims")),
        Stage::new("authorize, changes", || stopped.authorize().expect("a permit")),
        Stage::new("cache: one in, one out", move || {
            let token = tokens.next().expect("a token").as_bytes();
            stopped.keep(&mut cache, token);
        }),
    ]
}

/// Whole decisions, from the header map on.
fn whole(input: &'static Input) -> [Stage; 3] {
    let known = iter::once(&input.signed[0].token);
    let (allowed, forged) = (None, Some(Reject::SignatureInvalid));
    [
        decision("a known token", input, known, allowed, true),
        decision("a new token", input, input.new.iter(), allowed, false),
        decision("a forged token", input, input.forged.iter(), forged, false),
    ]
}

/// Decides about each of the tokens in turn; from the second turn on all are known, or none.
fn decision(
    name: &str,
    input: &'static Input,
    tokens: impl Iterator<Item = &'static String>,
    expected: Option<Reject>,
    is_known: bool,
) -> Stage {
    let Compiled { policy, keys, .. } = compiled(input);
    let mut cache = policy.token_cache();
    let maps: Vec<Vec<u8>> = tokens.map(|token| map(input, token)).collect();
    let turn = maps.len();
    let mut places = (0..turn).cycle();
    let title = name.to_owned();
    let mut run = move || {
        let map = &maps[places.next().unwrap_or_default()];
        let headers = pairs::parse(black_box(map)).expect("a map");
        let request = Request::new(&headers, None);
        let hits = cache.counts().hits;
        let decision =
            decide_cached(&policy, &keys, &mut cache, &request, UnixTime::from_secs(NOW));
        let reject = match &decision.verdict {
            Verdict::Allow(_) => None,
            Verdict::Deny(denial) | Verdict::Report(denial) => Some(denial.reject()),
            Verdict::AwaitKeys(_) => panic!("keys are missing"),
        };
        black_box(decision);
        assert_eq!(reject, expected, "{title}");
        cache.counts().hits != hits
    };
    for _ in 0..turn {
        run();
    }
    Stage::new(format!("whole: {name}"), move || assert_eq!(run(), is_known, "known before"))
}

fn stopped(input: &'static Input) -> &'static Stopped<'static> {
    let policy: &'static Compiled = Box::leak(Box::new(compiled(input)));
    let map = Box::leak(map(input, &input.signed[0].token).into_boxed_slice());
    let headers = Box::leak(pairs::parse(map).expect("a map").into_boxed_slice());
    let request = Box::leak(Box::new(Request::new(headers, None)));
    let stopped = Stopped::of(&policy.policy, &policy.keys, request, UnixTime::from_secs(NOW));
    Box::leak(Box::new(stopped.expect("a good token")))
}

fn compiled(input: &Input) -> Compiled {
    let document = Document::parse(input.policy.to_string().as_bytes()).expect("a document");
    compile(&document).expect("a policy")
}

/// The header map as the ABI writes it.
fn map(input: &Input, token: &str) -> Vec<u8> {
    let bearer = ("authorization".to_owned(), format!("Bearer {token}"));
    let headers: Vec<_> = input.headers.iter().chain([&bearer]).cloned().collect();
    pairs::serialize(&headers).expect("a map")
}

fn message(signed: &Signed) -> &[u8] {
    signed.token.rsplit_once('.').expect("a token").0.as_bytes()
}

fn signature(signed: &Signed) -> Vec<u8> {
    let (_, signature) = signed.token.rsplit_once('.').expect("a token");
    decode_base64url(signature.as_bytes()).expect("base64url")
}

fn rsa_key(signed: &Signed) -> PublicKey {
    let number = |name: &str| {
        let text = signed.jwk[name].as_str().expect("an RSA key");
        decode_base64url(text.as_bytes()).expect("base64url")
    };
    PublicKey::new(&number("n"), &number("e")).expect("an RSA key")
}
