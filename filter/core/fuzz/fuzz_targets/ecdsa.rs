//! Verification of ECDSA on P-256: which bytes make a key and which a signature, and that the
//! verdict is that of an independent library, with a table of the key and without.
#![no_main]

use libfuzzer_sys::fuzz_target;
use p256::{
    FieldBytes, ProjectivePoint, Scalar,
    ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _},
    elliptic_curve::{Group as _, PrimeField as _, ops::Reduce as _, sec1::ToSec1Point as _},
};
use p256_verify::PublicKey;

fuzz_target!(|data: &[u8]| {
    let Some((numbers, bytes)) = data.split_at_checked(96) else {
        return;
    };
    // As it came, and with the form that it should have.
    let whole = [&[4][..], bytes].concat();
    let compressed = [&[2 | bytes.first().unwrap_or(&0) & 1][..], bytes].concat();
    for point in [bytes, &whole, &compressed] {
        let ours = PublicKey::from_sec1(point);
        let theirs = VerifyingKey::from_sec1_bytes(point);
        // A bare `x` after a 5 is a form that SEC 1 does not have.
        assert_eq!(ours.is_ok(), theirs.is_ok() && point.first() != Some(&5), "{ours:?}");
    }

    let [one, two, three] =
        [0, 32, 64].map(|at| <[u8; 32]>::try_from(&numbers[at..at + 32]).expect("32 bytes"));
    // A key of which the secret is known, so that signatures can be good.
    let [secret, of_generator, of_key] =
        [one, two, three].map(|bytes| Scalar::reduce(&FieldBytes::from(bytes)));
    let point = ProjectivePoint::GENERATOR * secret;
    if bool::from(point.is_identity()) {
        return;
    }
    let encoded = point.to_affine().to_sec1_point(false);
    let ours = PublicKey::from_sec1(encoded.as_bytes()).expect("a point");
    let theirs = VerifyingKey::from_sec1_bytes(encoded.as_bytes()).expect("a point");
    let table = ours.table();
    let judge = |digest: &[u8; 32], r: [u8; 32], s: [u8; 32]| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(&s);
        let expected = Signature::from_slice(&signature)
            .is_ok_and(|signature| theirs.verify_prehash(digest, &signature).is_ok());
        assert_eq!(ours.verifies(digest, &signature), expected, "without a table");
        assert_eq!(table.verifies(digest, &signature), expected, "by the table");
        expected
    };
    judge(&one, two, three);

    // The signature that leads to these multiples of the generator and of the key.
    let sum = ProjectivePoint::GENERATOR * of_generator + point * of_key;
    let (Some(inverse), Some(x)) = (
        Option::<Scalar>::from(of_key.invert()),
        sum.to_affine().to_sec1_point(false).x().copied(),
    ) else {
        return;
    };
    let r = Scalar::reduce(&x);
    let s = r * inverse;
    let digest: [u8; 32] = (of_generator * s).to_repr().into();
    assert_eq!(judge(&digest, r.to_repr().into(), s.to_repr().into()), r != Scalar::ZERO);
});
