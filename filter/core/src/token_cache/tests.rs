//! The cache may change what a decision costs, never what it says.

#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;

use super::*;
use crate::{
    Compiled, Document, KeyRing, Policy, Request, UnixTime, Verdict, compile, decide,
    decide_cached,
    json::{Limits, parse},
    jwk::read_set,
    key::KeySet,
};

const NOW: i64 = 1_700_000_000;

/// Secret keys by their number; the issuer has those that a test puts in force.
fn secret(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number.wrapping_add(1); 32])
}

fn base64url(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

fn jwks(numbers: &[u8]) -> String {
    let keys: Vec<String> = numbers
        .iter()
        .map(|number| {
            let x = base64url(secret(*number).verifying_key().as_bytes());
            format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{number}","x":"{x}"}}"#)
        })
        .collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

fn key_set(numbers: &[u8]) -> KeySet {
    let set = read_set(&parse(jwks(numbers).as_bytes(), Limits::DOCUMENT).unwrap()).unwrap();
    KeySet::new(set.keys.into_iter().map(|(_, key)| key).collect())
}

/// A token by a key, alive from the start for some seconds; `salt` makes others of its kind.
fn token(number: u8, lives: i64, scope: &str, salt: u32) -> Vec<u8> {
    let header = base64url(format!(r#"{{"alg":"EdDSA","kid":"{number}"}}"#).as_bytes());
    let claims = format!(
        r#"{{"iss":"https://issuer.test/","aud":"api","exp":{},"scope":"{scope}","jti":"{salt}"}}"#,
        NOW + lives,
    );
    let signed = format!("{header}.{}", base64url(claims.as_bytes()));
    let signature = base64url(&secret(number).sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}").into_bytes()
}

/// The same token with another signature of the right form.
fn forged(mut token: Vec<u8>) -> Vec<u8> {
    let place = token.len() - 20;
    token[place] = if token[place] == b'A' { b'B' } else { b'A' };
    token
}

fn policy() -> (Policy, KeyRing) {
    let text = format!(
        r#"{{"issuers":[{{"name":"i","issuer":"https://issuer.test/","audiences":["api"],
            "algorithms":["EdDSA"],"clock_skew":"0s","keys":{{"jwks":{}}}}}],
            "rules":[{{"name":"write","match":{{"prefix":"/w"}},
            "require":{{"scopes":{{"all":["w"]}}}}}},
            {{"name":"rest","match":{{"prefix":"/"}},"access":"token"}}],
            "forward":{{"payload":"x-payload","claims":[{{"claim":["jti"],"header":"x-jti"}},
            {{"claim":["scope"],"header":"x-scope"}}]}}}}"#,
        jwks(&[0, 1])
    );
    let Compiled { policy, keys, .. } =
        compile(&Document::parse(text.as_bytes()).unwrap()).unwrap();
    (policy, keys)
}

fn with_headers<T>(path: &str, token: &[u8], ask: impl FnOnce(&Request<'_>) -> T) -> T {
    let authorization = [b"Bearer ", token].concat();
    let headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":authority", b"api.test"),
        (b":path", path.as_bytes()),
        (b"authorization", &authorization),
    ];
    ask(&Request::new(&headers, None))
}

fn said(policy: &Policy, keys: &KeyRing, path: &str, token: &[u8], now: UnixTime) -> String {
    with_headers(path, token, |request| format!("{:?}", decide(policy, keys, request, now)))
}

fn said_cached(
    cache: &mut TokenCache,
    (policy, keys): (&Policy, &KeyRing),
    path: &str,
    token: &[u8],
    now: UnixTime,
) -> String {
    with_headers(path, token, |request| {
        format!("{:?}", decide_cached(policy, keys, cache, request, now))
    })
}

fn cache(entries: usize, bytes: usize) -> TokenCache {
    TokenCache::new(CacheLimits { entries, bytes })
}

#[test]
fn a_known_token_is_judged_anew_by_time_and_rule() {
    let (policy, keys) = policy();
    let mut cache = cache(16, 1 << 20);
    let token = token(0, 100, "r", 1);
    let mut say = |path, now| {
        said_cached(&mut cache, (&policy, &keys), path, &token, UnixTime::from_secs(now))
    };
    assert!(say("/", NOW).contains("Allow"));
    assert!(say("/", NOW + 99).contains("Allow"));
    assert!(say("/w", NOW).contains("ScopeInsufficient"));
    assert!(say("/", NOW + 100).contains("Expired"));
    let counts = cache.counts();
    assert_eq!((counts.hits, counts.misses, cache.len()), (3, 1, 1));
}

#[test]
fn short_texts_are_remembered_and_long_ones_are_passed_on_too() {
    let (policy, keys) = policy();
    let now = UnixTime::from_secs(NOW);
    // Together with the `jti`, which has one character.
    for (length, is_kept) in [(0, true), (255, true), (256, false), (2000, false)] {
        let mut cache = cache(16, 1 << 20);
        let scope = "s".repeat(length);
        let token = token(0, 100, &scope, 7);
        let expected = said(&policy, &keys, "/", &token, now);
        for _ in 0..3 {
            let found = said_cached(&mut cache, (&policy, &keys), "/", &token, now);
            assert_eq!(found, expected, "{length}");
        }
        assert_eq!(cache.counts().hits, 2);
        let known = cache.places.iter().flatten().next().unwrap();
        assert_eq!(known.proven.texts.get().is_some(), is_kept, "{length}");
    }
}

#[test]
fn a_withdrawn_key_takes_its_verdicts_with_it() {
    let (policy, mut keys) = policy();
    let mut cache = cache(16, 1 << 20);
    let now = UnixTime::from_secs(NOW);
    let good = token(1, 100, "r", 1);
    let bad = forged(token(1, 100, "r", 2));
    for _ in 0..2 {
        let say =
            |cache: &mut _, token: &[u8]| said_cached(cache, (&policy, &keys), "/", token, now);
        assert!(say(&mut cache, &good).contains("Allow"));
        assert!(say(&mut cache, &bad).contains("SignatureInvalid"));
    }
    assert_eq!(cache.counts().hits, 2);
    keys.install(IssuerId(0), key_set(&[0]), None);
    for token in [&good, &bad] {
        assert!(said_cached(&mut cache, (&policy, &keys), "/", token, now).contains("KeyUnknown"));
    }
    assert_eq!(cache.len(), 1, "it has no say any more, and is still there");
    cache.forget_withdrawn(&keys);
    assert!(cache.is_empty() && cache.forged.iter().all(Option::is_none));
    assert_eq!(cache.bytes, 0);
    // The same keys again are another set: what was known by the first stays forgotten.
    keys.install(IssuerId(0), key_set(&[0, 1]), Some(now));
    assert!(said_cached(&mut cache, (&policy, &keys), "/", &good, now).contains("KeysUnavailable"));
    keys.hold_until(IssuerId(0), UnixTime::from_secs(NOW + 1));
    assert!(said_cached(&mut cache, (&policy, &keys), "/", &good, now).contains("Allow"));
}

#[test]
fn what_is_used_stays_and_the_cache_stays_small() {
    let (policy, keys) = policy();
    let mut cache = cache(8, 1 << 20);
    let now = UnixTime::from_secs(NOW);
    let used = token(0, 100, "r", 0);
    for salt in 1..200 {
        let other = token(0, 100, "r", salt);
        for token in [&used, &other] {
            assert!(said_cached(&mut cache, (&policy, &keys), "/", token, now).contains("Allow"));
        }
        assert!(cache.len() <= 8, "{}", cache.len());
    }
    let counts = cache.counts();
    // The first look at each token is a miss; the one in use is looked at 199 times.
    assert_eq!((counts.misses, counts.hits), (200, 198));
    assert!(counts.evictions >= 200 - 8, "{counts:?}");
}

#[test]
fn bytes_are_bounded_as_well() {
    let (policy, keys) = policy();
    let size = cost(&token(0, 100, "r", 10));
    let mut cache = cache(1000, size * 15);
    let now = UnixTime::from_secs(NOW);
    for salt in 10..90 {
        let token = token(0, 100, "r", salt);
        assert!(said_cached(&mut cache, (&policy, &keys), "/", &token, now).contains("Allow"));
        assert!(cache.len() <= 15 && cache.bytes <= size * 15, "{} tokens", cache.len());
    }
    assert_eq!(cache.len(), 15, "nothing is left unused");
    // One that is larger than its share is judged and not kept.
    let large = token(0, 100, &"r".repeat(3000), 1);
    let before = cache.len();
    assert!(said_cached(&mut cache, (&policy, &keys), "/", &large, now).contains("Allow"));
    assert_eq!(cache.len(), before);
}

#[test]
fn a_flood_of_forged_tokens_pushes_no_good_one_out() {
    let (policy, keys) = policy();
    let mut cache = cache(4, 1 << 20);
    let now = UnixTime::from_secs(NOW);
    let good = token(0, 100, "r", 0);
    assert!(said_cached(&mut cache, (&policy, &keys), "/", &good, now).contains("Allow"));
    let bad = forged(token(0, 100, "r", 1));
    for salt in 2..300 {
        for token in [&bad, &forged(token(0, 100, "r", salt))] {
            let said = said_cached(&mut cache, (&policy, &keys), "/", token, now);
            assert!(said.contains("SignatureInvalid"));
        }
    }
    let before = cache.counts();
    assert!(said_cached(&mut cache, (&policy, &keys), "/", &good, now).contains("Allow"));
    assert_eq!(cache.counts().hits, before.hits + 1);
    assert_eq!(before.evictions, 0);
    // One forged token again and again is known after the first time, as often as no other one
    // took its place.
    assert!(before.hits > 200, "{before:?}");
    assert!(cache.forged.len() <= 64);
}

#[test]
fn a_token_that_ends_like_another_is_another() {
    let (policy, keys) = policy();
    let mut cache = cache(16, 1 << 20);
    let now = UnixTime::from_secs(NOW);
    let good = token(0, 100, "r", 0);
    assert!(said_cached(&mut cache, (&policy, &keys), "/", &good, now).contains("Allow"));
    // The payload of another with the signature of this one.
    let other = token(0, 100, "w", 0);
    let payload = |token: &[u8]| token.split(|b| *b == b'.').nth(1).unwrap().to_vec();
    let text = String::from_utf8(good.clone()).unwrap();
    let (old, new) = (payload(&good), payload(&other));
    let mixed =
        text.replace(std::str::from_utf8(&old).unwrap(), std::str::from_utf8(&new).unwrap());
    let said = said_cached(&mut cache, (&policy, &keys), "/", mixed.as_bytes(), now);
    assert!(said.contains("SignatureInvalid"), "{said}");
}

#[test]
fn without_entries_nothing_is_remembered() {
    let (policy, keys) = policy();
    let mut cache = TokenCache::off();
    let now = UnixTime::from_secs(NOW);
    for token in [token(0, 9, "r", 0), forged(token(0, 9, "r", 0))] {
        for _ in 0..2 {
            let _ = said_cached(&mut cache, (&policy, &keys), "/", &token, now);
        }
    }
    assert_eq!(cache.counts(), CacheCounts::default());
    assert!(cache.is_empty() && cache.forged.is_empty());
}

/// Index, places and memory tell the same.
fn check(cache: &TokenCache) {
    let known = || cache.places.iter().flatten();
    assert_eq!(known().count(), cache.index.len());
    for (tail, place) in &cache.index {
        assert_eq!(Tail::of(&cache.places[*place].as_ref().unwrap().token), *tail);
    }
    assert_eq!(known().map(|known| cost(&known.token)).sum::<usize>(), cache.bytes);
    assert_eq!(cache.empty.len(), cache.places.iter().filter(|place| place.is_none()).count());
    assert!(cache.places.len() <= cache.limits.entries);
}

/// A step of the comparison with decisions that remember nothing.
#[derive(Clone, Debug)]
enum Step {
    Ask { path: &'static str, token: usize, times: usize },
    Pass(i64),
    Install(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (prop_oneof![Just("/"), Just("/w"), Just("//")], 0..24_usize, 1..3_usize)
            .prop_map(|(path, token, times)| Step::Ask { path, token, times }),
        1 => (0..40_i64).prop_map(Step::Pass),
        1 => prop::collection::vec(0..3_u8, 1..3).prop_map(Step::Install),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Tokens of three keys, some short-lived, some forged, some no tokens at all; sets of keys
    /// that come and go; a cache too small for all.
    #[test]
    fn the_cache_never_changes_a_decision(
        steps in prop::collection::vec(step(), 1..80),
        entries in 1..12_usize,
    ) {
        let (policy, mut keys) = policy();
        let mut cache = cache(entries, 20_000);
        let mut now = NOW;
        let tokens: Vec<Vec<u8>> = (0..24_u8)
            .map(|number| {
                let lives = if number % 5 == 0 { 20 } else { 1000 };
                let scope = if number % 2 == 0 { "w" } else { "r" };
                let token = token(number % 3, lives, scope, u32::from(number));
                match number % 8 {
                    6 => forged(token),
                    7 => b"no.token.at-all".to_vec(),
                    _ => token,
                }
            })
            .collect();
        for step in steps {
            match step {
                Step::Ask { path, token, times } => for _ in 0..times {
                    let (token, at) = (&tokens[token], UnixTime::from_secs(now));
                    let with = said_cached(&mut cache, (&policy, &keys), path, token, at);
                    prop_assert_eq!(with, said(&policy, &keys, path, token, at));
                },
                Step::Pass(seconds) => now += seconds,
                Step::Install(numbers) => {
                    keys.install(IssuerId(0), key_set(&numbers), None);
                    // With and without: it is for memory, not for decisions.
                    if now % 2 == 0 {
                        cache.forget_withdrawn(&keys);
                        prop_assert!(cache.is_empty());
                    }
                }
            }
            prop_assert!(cache.len() <= entries);
            check(&cache);
        }
    }
}

/// Not a timing: a count. Tails that differ in their last characters only must not meet in one
/// bucket, or a cache full of them would be a list.
#[test]
fn tails_spread_over_the_buckets() {
    let mut buckets = vec![0_u32; 256];
    for salt in 0..4096 {
        let token = token(0, 100, "r", salt);
        buckets[usize::try_from(Tail::of(&token).mixed() % 256).unwrap()] += 1;
    }
    let most = buckets.iter().max().unwrap();
    assert!(*most < 48, "{most} of 4096 in one of 256 buckets");
}

#[test]
fn as_many_tokens_as_there_are_entries_are_all_known_in_turn() {
    let (policy, keys) = policy();
    let mut cache = cache(40, 1 << 20);
    let now = UnixTime::from_secs(NOW);
    for _ in 0..3 {
        for salt in 0..40 {
            let token = token(0, 100, "r", salt);
            assert!(said_cached(&mut cache, (&policy, &keys), "/", &token, now).contains("Allow"));
        }
    }
    let counts = cache.counts();
    assert_eq!((counts.misses, counts.hits, counts.evictions), (40, 80, 0));
}

#[test]
fn of_all_that_are_in_use_the_oldest_goes_at_once() {
    let (policy, keys) = policy();
    let entries = 3 * u32::try_from(PASSED).unwrap();
    let mut cache = cache(3 * PASSED, 1 << 20);
    let now = UnixTime::from_secs(NOW);
    let mut say = |salt| {
        let before = cache.counts().hits;
        let said = said_cached(&mut cache, (&policy, &keys), "/", &token(0, 100, "r", salt), now);
        assert!(said.contains("Allow"));
        cache.counts().hits > before
    };
    for _ in 0..2 {
        (0..entries).for_each(|salt| {
            say(salt);
        });
    }
    assert!(!say(entries), "a new one");
    let gone: Vec<u32> = (0..=entries).filter(|salt| !say(*salt)).collect();
    // The one behind those that were passed over; what came for it is another one that went.
    assert_eq!(gone.first(), Some(&u32::try_from(PASSED).unwrap()), "{gone:?}");
}

#[test]
fn every_token_that_fits_is_known_the_second_time() {
    let (policy, keys) = policy();
    let mut cache = cache(4096, 1 << 24);
    let now = UnixTime::from_secs(NOW);
    for round in 0..2 {
        for salt in 0..500 {
            let token = token(0, 100, "r", salt);
            with_headers("/", &token, |request| {
                let decision = decide_cached(&policy, &keys, &mut cache, request, now);
                assert!(matches!(decision.verdict, Verdict::Allow(_)), "{round} {salt}");
            });
        }
    }
    assert_eq!((cache.counts().hits, cache.counts().misses), (500, 500));
}
