//! Ed25519: which bytes make a key, and that the verdict about a signature is that of an independent library in
//! its strict form, with a table of the key and without.
#![no_main]

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use curve25519_dalek::{EdwardsPoint, Scalar, constants::EIGHT_TORSION};
use ed25519_dalek::{Signature, VerifyingKey};
use jwt_gate_core::{
    Algorithm,
    stages::{ED25519_TABLE_AFTER, JsonLimits, Key, parse_json, read_jwk_set},
};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha512};

/// The order of the base point, little-endian.
const ORDER: [u8; 32] =
    *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";

/// A key of which the secret is known, so that signatures can be good.
struct Known {
    secret: Scalar,
    bytes: [u8; 32],
    oracle: VerifyingKey,
    /// Nothing was ever verified with it.
    plain: Key,
    with_table: Key,
}

/// One for each point of small order, which is a part of it.
static KNOWN: LazyLock<Vec<Known>> =
    LazyLock::new(|| EIGHT_TORSION.iter().map(Known::new).collect());

fuzz_target!(|data: &[u8]| {
    let Some((&[which, in_r, place, flip], rest)) = data.split_first_chunk() else {
        return;
    };
    let Some((one, rest)) = rest.split_first_chunk::<32>() else {
        return;
    };
    let Some((two, rest)) = rest.split_first_chunk::<32>() else {
        return;
    };

    // Bytes as a key.
    let mut small = *two;
    small[31] &= 0x0f;
    let theirs = VerifyingKey::from_bytes(one).ok().filter(|key| !key.is_weak());
    let ours = key(one);
    assert_eq!(ours.is_some(), theirs.is_some(), "{one:02x?}");
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        for r in [one, two] {
            // The second is below the order, or nearly always so.
            for s in [two, &small] {
                let expected = strictly(&theirs, rest, &join(r, s));
                assert_eq!(verifies(&ours, rest, &join(r, s)), expected);
            }
        }
    }

    // A good signature, but for parts of small order.
    let known = &KNOWN[usize::from(which) % KNOWN.len()];
    let torsion = &EIGHT_TORSION[usize::from(in_r) % EIGHT_TORSION.len()];
    let secret_r = Scalar::from_bytes_mod_order(*one);
    let r = (EdwardsPoint::mul_base(&secret_r) + torsion).compress().0;
    let s = (secret_r + known.challenge(&r, rest) * known.secret).to_bytes();
    let is_good = known.judge(rest, &join(&r, &s));
    if secret_r == Scalar::ZERO {
        assert!(!is_good, "R of small order");
    } else if known.bytes == KNOWN[0].bytes {
        assert_eq!(is_good, torsion == &EIGHT_TORSION[0], "a part of small order in R alone");
    }
    // It has one form, and means one message.
    if let Some(more) = plus_order(&s) {
        assert!(!known.judge(rest, &join(&r, &more)), "S above the order");
    }
    let mut bent = join(&r, &s);
    bent[usize::from(place) % 64] ^= flip;
    assert!(!known.judge(rest, &bent) || is_good && flip == 0);
    let longer = [rest, b"!"].concat();
    assert!(!known.judge(&longer, &join(&r, &s)), "another message");
    let signature = join(&r, &s);
    for wrong in [&signature[..63], &[&signature[..], &[flip]].concat(), rest] {
        let is_wrong = wrong.len() != 64;
        assert!(!is_wrong || !verifies(&known.plain.clone(), rest, wrong));
    }

    // Any bytes as R, with the S that would be right if they stood for the neutral element.
    let s = (known.challenge(one, rest) * known.secret).to_bytes();
    assert!(!known.judge(rest, &join(one, &s)));
    // Any bytes as S, above the order or not.
    known.judge(rest, &join(&r, two));
    known.judge(rest, &join(two, &small));
});

impl Known {
    fn new(torsion: &EdwardsPoint) -> Self {
        let secret = Scalar::from_bytes_mod_order([0x5a; 32]);
        let bytes = (EdwardsPoint::mul_base(&secret) + torsion).compress().0;
        let oracle = VerifyingKey::from_bytes(&bytes).expect("a point");
        let plain = key(&bytes).expect("a key");
        let with_table = plain.clone();
        let known = Self { secret, bytes, oracle, plain, with_table };
        // A signature that is good by chance, as the part of small order does not come into it.
        let r = EdwardsPoint::mul_base(&Scalar::ONE).compress().0;
        let good = (0..=u16::MAX).find_map(|number| {
            let message = number.to_le_bytes();
            let s = (Scalar::ONE + known.challenge(&r, &message) * secret).to_bytes();
            let signature = join(&r, &s);
            strictly(&known.oracle, &message, &signature).then_some((message, signature))
        });
        let (message, signature) = good.expect("one good signature in eight or so");
        for _ in 0..ED25519_TABLE_AFTER {
            let good = known.with_table.verifies(Algorithm::EdDsa, &message, &signature);
            assert!(good, "on the way to a table");
        }
        known
    }

    /// The hash over `R`, key and message (RFC 8032 section 5.1.7).
    fn challenge(&self, r: &[u8; 32], message: &[u8]) -> Scalar {
        let hash = Sha512::new().chain_update(r).chain_update(self.bytes).chain_update(message);
        Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
    }

    /// The verdict, which is the same by all ways.
    fn judge(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let expected = strictly(&self.oracle, message, signature);
        // A copy, so that nothing is earned on the way.
        assert_eq!(verifies(&self.plain.clone(), message, signature), expected, "without a table");
        assert_eq!(verifies(&self.with_table, message, signature), expected, "by the table");
        expected
    }
}

/// The key of a set with these bytes.
fn key(bytes: &[u8; 32]) -> Option<Key> {
    let x = URL_SAFE_NO_PAD.encode(bytes);
    let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#);
    let set = parse_json(set.as_bytes(), JsonLimits::DOCUMENT).expect("JSON");
    read_jwk_set(&set).expect("a set").keys.pop().map(|(_, key)| key)
}

/// The verdict under both names of the algorithm.
fn verifies(key: &Key, message: &[u8], signature: &[u8]) -> bool {
    let verdict = key.verifies(Algorithm::EdDsa, message, signature);
    assert_eq!(key.verifies(Algorithm::Ed25519, message, signature), verdict, "by the other name");
    verdict
}

/// The verdict of the oracle.
fn strictly(key: &VerifyingKey, message: &[u8], signature: &[u8; 64]) -> bool {
    key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
}

fn join(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(r);
    both[32..].copy_from_slice(s);
    both
}

/// The same number in another form; `None` if that has no room.
fn plus_order(number: &[u8; 32]) -> Option<[u8; 32]> {
    let mut carry = 0;
    let sum = std::array::from_fn(|place| {
        let sum = u16::from(number[place]) + u16::from(ORDER[place]) + carry;
        let [low, high] = sum.to_le_bytes();
        carry = u16::from(high);
        low
    });
    (carry == 0).then_some(sum)
}
