//! What makes a key: the same as for the crate `p256`, but for one form.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails stops"
)]

use p256::{ProjectivePoint, Scalar, ecdsa::VerifyingKey, elliptic_curve::sec1::ToSec1Point as _};
use p256_verify::{KeyError, PublicKey};

/// The modulus of the field.
const P: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
];

fn point(times: u64, compressed: bool) -> Vec<u8> {
    let point = ProjectivePoint::GENERATOR * Scalar::from(times);
    point.to_affine().to_sec1_point(compressed).as_bytes().to_vec()
}

/// Whether the bytes make a key, after the oracle said the same.
#[track_caller]
fn error(bytes: &[u8]) -> Option<KeyError> {
    let found = PublicKey::from_sec1(bytes);
    assert_eq!(found.is_ok(), VerifyingKey::from_sec1_bytes(bytes).is_ok(), "{bytes:02x?}");
    found.err()
}

#[test]
fn both_forms_of_a_point_make_the_same_key() {
    for times in 1..100 {
        let (whole, compressed) = (point(times, false), point(times, true));
        assert_eq!((error(&whole), error(&compressed)), (None, None));
        assert_eq!(PublicKey::from_sec1(&compressed).unwrap().to_sec1(), *whole);
        let [whole, compressed] =
            [whole, compressed].map(|bytes| PublicKey::from_sec1(&bytes).unwrap());
        assert_eq!(whole, compressed);
        assert_eq!(whole.table().key(), whole);
    }
    let [one, other] = [1, 2].map(|times| PublicKey::from_sec1(&point(times, true)).unwrap());
    assert_ne!(one, other);
}

#[test]
fn points_beside_the_curve_make_no_key() {
    for times in 1..50 {
        for at in [1, 32, 33, 64] {
            let mut bytes = point(times, false);
            bytes[at] ^= 1;
            assert_eq!(error(&bytes), Some(KeyError::Curve));
        }
    }
    let x = |x: u8| [&[2][..], &[0; 31], &[x]].concat();
    let without = (0..100).filter(|number| error(&x(*number)).is_some()).count();
    assert!((30..70).contains(&without));
    assert_eq!(error(&[&[4][..], &[0; 64]].concat()), Some(KeyError::Curve));
}

#[test]
fn coordinates_have_one_form() {
    // `x` of 5, and 5 more than the modulus.
    let mut small = [0; 32];
    small[31] = 5;
    let mut large = P;
    for byte in large[20..].iter_mut() {
        *byte = 0;
    }
    large[19] = 1;
    large[31] = 4;
    for form in [2, 3] {
        assert_eq!(error(&[&[form][..], &small].concat()), None);
        assert_eq!(error(&[&[form][..], &large].concat()), Some(KeyError::Range));
        assert_eq!(error(&[&[form][..], &P].concat()), Some(KeyError::Range));
        assert_eq!(error(&[&[form][..], &[0xff; 32]].concat()), Some(KeyError::Range));
    }
    let whole = point(7, false);
    assert_eq!(error(&[&whole[..33], &P].concat()), Some(KeyError::Range));
    assert_eq!(error(&[&[4][..], &P, &whole[33..]].concat()), Some(KeyError::Range));
}

#[test]
fn other_forms_make_no_key() {
    assert_eq!(error(&[]), Some(KeyError::Form));
    // Infinity.
    assert_eq!(error(&[0]), Some(KeyError::Form));
    let (whole, compressed) = (point(3, false), point(3, true));
    for length in (0..200).filter(|length| ![33, 65].contains(length)) {
        for form in [0, 2, 3, 4, 5, 6, 7, 0xff] {
            let mut bytes = vec![0x11; length];
            bytes.splice(..length.min(1), [form]);
            assert_eq!(error(&bytes[..length]), Some(KeyError::Form), "{length} bytes");
        }
    }
    for form in [0, 1, 2, 3, 6, 7, 0xff] {
        assert_eq!(error(&[&[form], &whole[1..]].concat()), Some(KeyError::Form));
    }
    for form in [0, 1, 4, 6, 7, 0xff] {
        assert_eq!(error(&[&[form], &compressed[1..]].concat()), Some(KeyError::Form));
    }
    // The oracle takes a bare `x` after a 5, a form that SEC 1 does not have.
    let bare = [&[5], &compressed[1..]].concat();
    assert!(VerifyingKey::from_sec1_bytes(&bare).is_ok());
    assert_eq!(PublicKey::from_sec1(&bare).unwrap_err(), KeyError::Form);
}

#[test]
fn errors_and_debugging() {
    for (error, text) in [
        (KeyError::Form, "bytes that have not the form of a point of P-256"),
        (KeyError::Range, "a coordinate that is not below the modulus of P-256"),
        (KeyError::Curve, "a point that is not on P-256"),
    ] {
        assert_eq!(error.to_string(), text);
    }
    let key = PublicKey::from_sec1(&point(1, true)).unwrap();
    assert_eq!(format!("{key:?}"), "PublicKey { .. }");
    assert_eq!(format!("{:?}", key.table()), "Table { .. }");
}
