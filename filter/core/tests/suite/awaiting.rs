//! Tokens whose keys are fetched: who waits, and what is said to those who waited in vain.

use std::time::Duration;

use jwt_gate_core::{
    Answer, Command, Decision, Event, Keeper, Outlook, Reject, Request, Stored, UnixTime, Verdict,
    Written, decide,
};
use serde_json::{Value, json};

use crate::{
    gate::{Headers, bearer, compiled, document, issuer_with, request, view},
    signer::{RSA_1, RSA_2, Signer},
    test,
    token::{NOW, claims, claims_with, sign_with},
};

/// A policy whose keys are fetched, and what was fetched.
struct Fetching {
    policy: jwt_gate_core::Policy,
    keeper: Keeper,
    board: Option<Vec<u8>>,
}

fn remote() -> Value {
    json!({ "remote": { "uri": "https://issuer.test/jwks.json", "cluster": "issuer" } })
}

impl Fetching {
    fn new(document: &Value) -> Self {
        let compiled = compiled(document).unwrap_or_else(|e| panic!("{e}"));
        let keeper = Keeper::new(&compiled.policy, compiled.keys);
        Self { policy: compiled.policy, keeper, board: None }
    }

    /// The policy of [`document`] with its keys from the network, and this set fetched.
    fn with(keys: &[&Signer]) -> Self {
        let mut fetching = Self::new(&issuer_with("keys", remote()));
        fetching.fetch(keys, NOW);
        fetching
    }

    fn fetch(&mut self, keys: &[&Signer], now: i64) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        let body = json!({ "keys": keys }).to_string().into_bytes();
        let headers = vec![(b":status".to_vec(), b"200".to_vec())];
        let issuer = self.keeper.followed()[0];
        let now = UnixTime::from_secs(now);
        let answer = Event::Answer(Answer::Response { headers, body: Some(body) });
        let mut events = vec![answer, Event::Tick, Event::Wanted];
        while let Some(event) = events.pop() {
            for command in self.keeper.handle(issuer, event, now) {
                match command {
                    Command::ReadBoard => {
                        let board = self.board.clone().map(|value| Stored::Value(value, 1));
                        events.push(Event::Board(Some(board.unwrap_or(Stored::Absent))));
                    }
                    Command::WriteBoard { value, .. } => {
                        self.board = Some(value);
                        events.push(Event::Written(Written::Done));
                    }
                    _ => {}
                }
            }
        }
    }

    fn decide<R>(&self, headers: &Headers, now: UnixTime, then: impl Fn(Decision<'_>) -> R) -> R {
        let view = view(headers);
        then(decide(&self.policy, self.keeper.keys(), &Request::new(&view, None), now))
    }

    /// Whether a request waits, and why it is refused if there is nothing to wait for.
    fn waits(&self, headers: &Headers) -> (bool, Option<Reject>) {
        let now = UnixTime::from_secs(NOW);
        let waits = |decision: Decision<'_>| matches!(decision.verdict, Verdict::AwaitKeys(_));
        let reject = |decision: Decision<'_>| match decision.settle(&Outlook::Current).verdict {
            Verdict::Allow(_) => None,
            Verdict::Deny(denial) | Verdict::Report(denial) => Some(denial.reject()),
            Verdict::AwaitKeys(_) => panic!("settled"),
        };
        (self.decide(headers, now, waits), self.decide(headers, now, reject))
    }

    /// The reason, status and `Retry-After` that a request is refused with.
    fn refusal(&self, headers: &Headers, outlook: &Outlook) -> (Reject, u16, Option<String>) {
        self.decide(headers, UnixTime::from_secs(NOW), |decision| {
            let decision = decision.settle(outlook);
            assert!(decision.patch.headers.is_empty(), "nothing is changed where nothing goes on");
            let Verdict::Deny(denial) = decision.verdict else { panic!("{decision:?}") };
            let reply = denial.reply();
            let mut retry = reply.headers.iter().filter(|(name, _)| name == "retry-after");
            (denial.reject(), reply.status, retry.next().map(|(_, value)| value.clone()))
        })
    }
}

fn get(signer: &Signer, kid: Option<&str>, changes: Value) -> Headers {
    let mut header = json!({ "alg": "RS256" });
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    bearer("GET", "/", &sign_with(signer, &header, &claims_with(changes)))
}

fn unchanged() -> Value {
    json!({})
}

/// What no key could save is refused at once, and nobody makes the gate fetch with it.
#[test]
fn only_a_token_that_could_be_accepted_waits() {
    use Reject::*;
    let header = |header: Value| bearer("GET", "/", &sign_with(&RSA_1, &header, &claims()));
    let claim = |changes: Value| get(&RSA_1, Some("rsa-9"), changes);
    let none = Fetching::new(&issuer_with("keys", remote()));
    let some = Fetching::with(&[&RSA_2]);
    for (name, headers, reject) in [
        ("expired", claim(json!({ "exp": NOW - 61 })), Expired),
        ("no exp", claim(json!({ "exp": null })), ExpiryMissing),
        ("not yet", claim(json!({ "nbf": NOW + 61 })), NotYetValid),
        ("from the future", claim(json!({ "iat": NOW + 61 })), IssuedInFuture),
        ("audience", claim(json!({ "aud": "https://other.test" })), AudienceMismatch),
        ("form", claim(json!({ "exp": "1900000000" })), ClaimMalformed),
        ("bound", claim(json!({ "cnf": { "jkt": "x" } })), TokenBound),
        ("type", header(json!({ "alg": "RS256", "kid": "rsa-9", "typ": "x" })), TypeNotAllowed),
        ("algorithm", header(json!({ "alg": "PS256", "kid": "rsa-9" })), AlgorithmNotAllowed),
    ] {
        assert_eq!(none.waits(&headers), (false, Some(reject)), "{name}");
        // With keys, the stages speak in their order.
        let reject = if reject == AlgorithmNotAllowed { reject } else { KeyUnknown };
        assert_eq!(some.waits(&headers), (false, Some(reject)), "{name}");
    }
    for (name, headers, reject) in [
        ("issuer", claim(json!({ "iss": "https://issuer.test" })), IssuerUnknown),
        ("critical", header(json!({ "alg": "RS256", "crit": ["exp"] })), CriticalUnsupported),
        ("no token", request("GET", "/"), TokenMissing),
        ("no JWT", bearer("GET", "/", "a.b"), TokenMalformed),
        ("path", bearer("GET", "//", "a.b"), PathAmbiguous),
    ] {
        assert_eq!(none.waits(&headers), (false, Some(reject)), "{name}");
        assert_eq!(some.waits(&headers), (false, Some(reject)), "{name}");
    }
    let good = claim(unchanged());
    assert_eq!(none.waits(&good), (true, Some(KeysUnavailable)));
    assert_eq!(some.waits(&good), (true, Some(KeyUnknown)));
}

#[test]
fn a_key_that_is_there_and_did_not_sign_is_nothing_to_wait_for() {
    let fetching = Fetching::with(&[&RSA_1]);
    for (headers, expected) in [
        (get(&RSA_1, Some("rsa-1"), unchanged()), (false, None)),
        (get(&RSA_1, None, unchanged()), (false, None)),
        (get(&RSA_2, Some("rsa-1"), unchanged()), (false, Some(Reject::SignatureInvalid))),
        // Without a `kid` every key fits: forged tokens would else make the gate fetch.
        (get(&RSA_2, None, unchanged()), (false, Some(Reject::SignatureInvalid))),
        (get(&RSA_2, Some("rsa-2"), unchanged()), (true, Some(Reject::KeyUnknown))),
        (get(&RSA_2, Some(""), unchanged()), (true, Some(Reject::KeyUnknown))),
    ] {
        assert_eq!(fetching.waits(&headers), expected);
    }
    let mut fetching = fetching;
    fetching.fetch(&[&RSA_1, &RSA_2], NOW + 1);
    assert_eq!(fetching.waits(&get(&RSA_2, Some("rsa-2"), unchanged())), (false, None));
}

/// The keys of a document hold as long as the document does.
#[test]
fn nobody_waits_for_keys_of_the_document() {
    let mut document = issuer_with("keys", json!({ "jwks": { "keys": [RSA_1.jwk()] } }));
    let mut other = document["issuers"][0].clone();
    other["name"] = json!("other");
    other["issuer"] = json!("https://other.test/");
    other["keys"] = remote();
    document["issuers"].as_array_mut().unwrap().push(other);
    let fetching = Fetching::new(&document);
    let ours = get(&RSA_2, Some("rsa-2"), unchanged());
    assert_eq!(fetching.waits(&ours), (false, Some(Reject::KeyUnknown)));
    let theirs = get(&RSA_2, Some("rsa-2"), json!({ "iss": "https://other.test/" }));
    assert_eq!(fetching.waits(&theirs), (true, Some(Reject::KeysUnavailable)));
    assert_eq!(fetching.keeper.followed().len(), 1);
    assert_eq!(fetching.keeper.name(fetching.keeper.followed()[0]), "other");
    fetching.decide(&theirs, UnixTime::from_secs(NOW), |decision| {
        let Verdict::AwaitKeys(awaiting) = decision.verdict else { panic!("{decision:?}") };
        assert_eq!(awaiting.followed(), fetching.keeper.followed()[0]);
    });
}

#[test]
fn who_waited_in_vain_is_told_whose_fault_it_is() {
    let unknown = get(&RSA_2, Some("rsa-2"), unchanged());
    let none = Fetching::new(&issuer_with("keys", remote()));
    let some = Fetching::with(&[&RSA_1]);
    let failing = |millis| Outlook::Failing(Duration::from_millis(millis));
    let unavailable = |wait: &str| (Reject::KeysUnavailable, 503, Some(wait.to_owned()));
    for (outlook, wait) in [
        (Outlook::Pending, "1"),
        (failing(0), "1"),
        (failing(1), "1"),
        (failing(1_000), "1"),
        (failing(1_001), "2"),
        (failing(59_500), "60"),
        (Outlook::Failing(Duration::MAX), "18446744073709551615"),
    ] {
        assert_eq!(none.refusal(&unknown, &outlook), unavailable(wait));
        assert_eq!(some.refusal(&unknown, &outlook), unavailable(wait));
    }
    assert_eq!(none.refusal(&unknown, &Outlook::Current), unavailable("1"));
    let fault = (Reject::KeyUnknown, 401, None);
    assert_eq!(some.refusal(&unknown, &Outlook::Current), fault);
    // What was never open is not touched.
    let expired = get(&RSA_1, Some("rsa-1"), json!({ "exp": NOW - 61 }));
    assert_eq!(some.refusal(&expired, &Outlook::Pending), (Reject::Expired, 401, None));
}

/// A set that is too old is as good as none, to the millisecond.
#[test]
fn keys_too_old_are_waited_for() {
    let fetching = Fetching::with(&[&RSA_1]);
    let end = NOW + 600 + 24 * 3600;
    let lasting = json!({ "exp": end + 100 });
    let headers = get(&RSA_1, Some("rsa-1"), lasting);
    let allows = |decision: Decision<'_>| matches!(decision.verdict, Verdict::Allow(_));
    let nanos = |secs: i64| u64::try_from(secs).unwrap() * 1_000_000_000;
    assert!(fetching.decide(&headers, UnixTime::from_nanos(nanos(end) - 1), allows));
    fetching.decide(&headers, UnixTime::from_secs(end), |decision| {
        assert!(matches!(decision.verdict, Verdict::AwaitKeys(_)), "{decision:?}");
        let Verdict::Deny(denial) = decision.settle(&Outlook::Current).verdict else {
            panic!("settled")
        };
        assert_eq!(denial.reject(), Reject::KeysUnavailable);
    });
}

#[test]
fn report_mode_waits_and_then_lets_pass() {
    let mut document = issuer_with("keys", remote());
    document["mode"] = json!("report");
    document["forward"] = json!({ "remove_headers": ["x-user"] });
    document["on_spoofed_header"] = json!("strip");
    let fetching = Fetching::new(&document);
    let mut headers = get(&RSA_1, Some("rsa-1"), unchanged());
    headers.push((b"x-user".to_vec(), b"root".to_vec()));
    fetching.decide(&headers, UnixTime::from_secs(NOW), |decision| {
        assert!(matches!(decision.verdict, Verdict::AwaitKeys(_)), "{decision:?}");
        let settled = decision.settle(&Outlook::Pending);
        let Verdict::Report(denial) = settled.verdict else { panic!("{settled:?}") };
        assert_eq!(denial.reject(), Reject::KeysUnavailable);
        assert!(!settled.patch.headers.is_empty(), "the client's own header goes");
    });
}

#[test]
fn where_a_token_is_optional_it_is_waited_for_if_there_is_one() {
    let mut document = issuer_with("keys", remote());
    document["rules"][0]["access"] = json!("optional");
    let fetching = Fetching::new(&document);
    assert_eq!(fetching.waits(&request("GET", "/")), (false, None));
    let token = get(&RSA_1, None, unchanged());
    assert_eq!(fetching.waits(&token), (true, Some(Reject::KeysUnavailable)));
    document["rules"][0]["access"] = json!("public");
    assert_eq!(Fetching::new(&document).waits(&token), (false, None));
}

#[test]
fn a_grpc_caller_is_told_unavailable() {
    let fetching = Fetching::new(&issuer_with("keys", remote()));
    let mut headers = get(&RSA_1, None, unchanged());
    headers.push((b"content-type".to_vec(), b"application/grpc".to_vec()));
    fetching.decide(&headers, UnixTime::from_secs(NOW), |decision| {
        let Verdict::Deny(denial) = decision.settle(&Outlook::Pending).verdict else {
            panic!("settled")
        };
        assert_eq!(denial.reply().grpc_status, Some(14));
    });
}

/// The names under which the VMs of one proxy share are those of the source, not of the policy.
#[test]
fn vms_share_by_where_keys_come_from() {
    let keys = |document: &Value| {
        let Fetching { keeper, .. } = Fetching::new(document);
        let issuer = keeper.followed()[0];
        [keeper.board_key(issuer).to_owned(), keeper.set_key(issuer).to_owned()]
    };
    let plain = issuer_with("keys", remote());
    let [board, set] = keys(&plain);
    assert!(board.starts_with("jwt_gate.1.board.") && set.starts_with("jwt_gate.1.set."));
    assert_eq!(board.len(), "jwt_gate.1.board.".len() + 32);

    let mut same = plain.clone();
    same["issuers"][0]["name"] = json!("another-name");
    same["issuers"][0]["audiences"] = json!(["https://another.test"]);
    same["issuers"][0]["keys"]["remote"]["refresh"] = json!("1h");
    assert_eq!(keys(&same), keys(&plain));

    let mut prefixed = plain.clone();
    prefixed["shared_data"] = json!({ "prefix": "zone/" });
    assert_eq!(keys(&prefixed)[0], format!("zone/{board}"));

    let source = |name: &str, value: &str| {
        let mut other = plain.clone();
        other["issuers"][0]["keys"]["remote"][name] = json!(value);
        keys(&other)
    };
    let field = |name: &str, value: Value| {
        let mut other = plain.clone();
        other["issuers"][0][name] = value;
        keys(&other)
    };
    let discovery = json!({ "discovery": { "cluster": "issuer" } });
    let found = [
        keys(&plain),
        source("uri", "https://issuer.test/other.json"),
        source("uri", "https://issuer.test:8443/jwks.json"),
        source("uri", "http://issuer.test/jwks.json"),
        source("cluster", "other"),
        field("issuer", json!("https://issuer.test/b/")),
        field("algorithms", json!(["RS256", "PS256"])),
        field("keys", discovery.clone()),
        field("keys", json!({ "discovery": { "cluster": "issuer", "metadata": "oauth" } })),
        field("keys", json!({ "discovery": { "cluster": "issuer", "jwks_cluster": "keys" } })),
    ];
    for (place, one) in found.iter().enumerate() {
        for other in &found[..place] {
            assert_ne!(one, other);
        }
    }
    // In another order, and written out as it is by default.
    let two = |list: Value| field("algorithms", list);
    assert_eq!(two(json!(["RS256", "PS256"])), two(json!(["PS256", "RS256"])));
    let same = json!({ "discovery": { "cluster": "issuer", "jwks_cluster": "issuer" } });
    assert_eq!(field("keys", discovery), field("keys", same));
}

/// An issuer of another policy is nobody's.
#[test]
fn a_stranger_is_not_followed() {
    let fetching = Fetching::new(&issuer_with("keys", remote()));
    let stranger = fetching.keeper.followed()[0];
    let mut keeper = Keeper::new(&compiled(&document()).unwrap().policy, Default::default());
    let now = UnixTime::from_secs(NOW);
    assert_eq!(keeper.handle(stranger, Event::Tick, now), []);
    assert_eq!(keeper.outlook(stranger, now), Outlook::Current);
    assert_eq!(keeper.status(stranger, now), Default::default());
    assert_eq!(
        [keeper.name(stranger), keeper.board_key(stranger), keeper.set_key(stranger)],
        [""; 3]
    );
}
