//! Every verdict equals that of the crate `p256`, on random and on adversarial input.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails stops"
)]

use p256::{
    ProjectivePoint, Scalar,
    ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _},
    elliptic_curve::{Group as _, PrimeField as _, ops::Reduce as _, sec1::ToSec1Point as _},
};
use p256_verify::{PublicKey, Table, is_in_range};

/// Nothing optimised, Node needs ten times as long.
const SHARE: usize = if cfg!(target_family = "wasm") { 10 } else { 1 };

/// The order of the curve.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// A key, by a table and without, and as the oracle knows it.
struct Key {
    point: ProjectivePoint,
    plain: PublicKey,
    table: Table,
    oracle: VerifyingKey,
}

impl Key {
    fn new(point: ProjectivePoint) -> Self {
        let encoded = point.to_affine().to_sec1_point(false);
        let plain = PublicKey::from_sec1(encoded.as_bytes()).unwrap();
        let table = plain.table();
        let oracle = VerifyingKey::from_sec1_bytes(encoded.as_bytes()).unwrap();
        Self { point, plain, table, oracle }
    }

    /// The verdict, which is the same by all ways.
    #[track_caller]
    fn verdict(&self, digest: &[u8; 32], r: &[u8; 32], s: &[u8; 32]) -> bool {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(r);
        signature[32..].copy_from_slice(s);
        let parsed = Signature::from_slice(&signature);
        assert_eq!(is_in_range(&signature), parsed.is_ok(), "{signature:02x?}");
        let expected =
            parsed.is_ok_and(|signature| self.oracle.verify_prehash(digest, &signature).is_ok());
        assert_eq!(
            self.table.verifies(digest, &signature),
            expected,
            "by table: {:?}, {digest:02x?}, {signature:02x?}",
            self.point.to_affine()
        );
        assert_eq!(
            self.plain.verifies(digest, &signature),
            expected,
            "without: {:?}, {digest:02x?}, {signature:02x?}",
            self.point.to_affine()
        );
        expected
    }

    /// A signature for which these are the multiples of the generator and of the key that are
    /// added: `None` if their sum is infinity, or the signature has a zero in it.
    fn signature(&self, of_generator: &Scalar, of_key: &Scalar) -> Option<[[u8; 32]; 3]> {
        let sum = ProjectivePoint::GENERATOR * of_generator + self.point * of_key;
        if bool::from(sum.is_identity()) {
            return None;
        }
        let x = sum.to_affine().to_sec1_point(false).x().copied()?;
        let r = Scalar::reduce(&x);
        let s = r * Option::<Scalar>::from(of_key.invert())?;
        let e = of_generator * &s;
        (r != Scalar::ZERO).then(|| [e, r, s].map(|number| number.to_repr().into()))
    }

    /// The signature that leads to these multiples is good, and its neighbours are not. For a sum
    /// that is infinity, a signature is made up. Gives whether there was a good one.
    fn check_multiples(&self, of_generator: &Scalar, of_key: &Scalar) -> bool {
        let Some([digest, r, s]) = self.signature(of_generator, of_key) else {
            let Some(inverse) = Option::<Scalar>::from(of_key.invert()) else {
                return false;
            };
            for r in [Scalar::ONE, Scalar::from(7_u64), -Scalar::ONE] {
                let s = r * inverse;
                let e = of_generator * &s;
                let [e, r, s] = [e, r, s].map(|number| number.to_repr().into());
                assert!(!self.verdict(&e, &r, &s));
            }
            return false;
        };
        assert!(self.verdict(&digest, &r, &s));
        // One kind of neighbour each time, since the oracle is slow.
        match digest[31] % 4 {
            0 => {
                assert!(!self.verdict(&digest, &changed(&r), &s));
                assert!(!self.verdict(&digest, &r, &changed(&s)));
            }
            // The other signature of the same message, which no rule of ECDSA forbids.
            1 => {
                let other = -Scalar::from_repr(s.into()).unwrap();
                assert!(self.verdict(&digest, &r, &other.to_repr().into()));
            }
            2 => assert!(!self.verdict(&changed(&digest), &r, &s)),
            // `n` more: only the digest may be above the order.
            _ => {
                if let Some(more) = sum(&digest, &ORDER) {
                    assert!(self.verdict(&more, &r, &s));
                }
                for (r, s) in [(sum(&r, &ORDER), Some(s)), (Some(r), sum(&s, &ORDER))] {
                    if let (Some(r), Some(s)) = (r, s) {
                        assert!(!self.verdict(&digest, &r, &s));
                    }
                }
            }
        }
        true
    }
}

/// With the last bit the other way round.
fn changed(number: &[u8; 32]) -> [u8; 32] {
    let mut number = *number;
    number[31] ^= 1;
    number
}

/// The sum of two numbers, if it is below `2^256`.
fn sum(a: &[u8; 32], b: &[u8; 32]) -> Option<[u8; 32]> {
    let mut carry = 0;
    let mut sum = [0; 32];
    for ((place, a), b) in sum.iter_mut().zip(a).zip(b).rev() {
        let [low, high] = (u16::from(*a) + u16::from(*b) + carry).to_le_bytes();
        *place = low;
        carry = u16::from(high);
    }
    (carry == 0).then_some(sum)
}

/// A small number, or its negative.
fn small(number: i64) -> Scalar {
    let scalar = Scalar::from(number.unsigned_abs());
    if number < 0 { -scalar } else { scalar }
}

/// `2^exponent`.
fn power(exponent: u32) -> Scalar {
    (0..exponent).fold(Scalar::ONE, |power, _| power.double())
}

/// Keys of which sums with multiples of the generator meet themselves, their opposites and
/// infinity on the way.
fn special_keys() -> Vec<Key> {
    let mut scalars: Vec<Scalar> = [1, -1, 2, -2, 3, -3, 5, 16, -31, 255].map(small).to_vec();
    for exponent in [8, 32, 64, 224, 248, 255] {
        scalars.extend([power(exponent), -power(exponent), power(exponent) - Scalar::ONE]);
    }
    scalars.push(small(2).invert().unwrap());
    scalars.iter().map(|scalar| Key::new(ProjectivePoint::GENERATOR * scalar)).collect()
}

/// Multiples that are small, near the order, sparse or all ones.
fn special_multiples() -> Vec<Scalar> {
    let mut multiples: Vec<Scalar> = (-8..=8).map(small).collect();
    for exponent in [8, 24, 31, 32, 63, 64, 128, 224, 232, 248, 254, 255] {
        let power = power(exponent);
        multiples.extend([power, -power, power - Scalar::ONE, power + Scalar::ONE]);
    }
    multiples.push(small(2).invert().unwrap());
    multiples
}

#[test]
fn multiples_of_special_keys() {
    let multiples = special_multiples();
    let (mut good, mut infinite) = (0, 0);
    for (at, key) in special_keys().iter().enumerate().step_by(SHARE) {
        for (step, of_generator) in multiples.iter().enumerate() {
            for of_key in multiples.iter().skip((at + step) % 29).step_by(29) {
                let is_good = key.check_multiples(of_generator, of_key);
                good += usize::from(is_good);
                infinite += usize::from(!is_good);
            }
        }
    }
    assert!(good * SHARE > 3000, "{good} good, {infinite} not");
}

/// The same and the opposite multiples, for keys that are the generator, its opposite, or half or
/// twice of it: each row of the tables then adds the same point twice, or takes it away again.
#[test]
fn sums_that_meet_themselves() {
    let mut random = Random(8);
    let keys = [1, -1, 2, -2].map(|times| Key::new(ProjectivePoint::GENERATOR * small(times)));
    let half = Key::new(ProjectivePoint::GENERATOR * small(2).invert().unwrap());
    let mut infinite = 0;
    for key in keys.iter().chain([&half]) {
        for round in 0..20_usize.div_ceil(SHARE) {
            let scalar =
                if round % 2 == 0 { random.scalar() } else { Scalar::from(random.word() >> 40) };
            for (one, other) in [
                (scalar, scalar),
                (scalar, -scalar),
                (scalar.double(), scalar),
                (scalar.double(), -scalar),
                (scalar, scalar.double()),
                (scalar, -scalar.double()),
                (scalar + power(32), scalar),
                (scalar - power(224), -scalar),
                (Scalar::ZERO, scalar),
            ] {
                infinite += usize::from(!key.check_multiples(&one, &other));
            }
        }
    }
    assert!(infinite >= 5 * 20_usize.div_ceil(SHARE), "{infinite}");
}

#[test]
fn random_keys_and_multiples() {
    let mut random = Random(9);
    let mut good = 0;
    for _ in 0..30 / SHARE {
        let key = Key::new(ProjectivePoint::GENERATOR * random.scalar());
        for _ in 0..40 {
            good += usize::from(key.check_multiples(&random.scalar(), &random.scalar()));
        }
    }
    assert_eq!(good, 30 / SHARE * 40);
}

/// `x` of the sum is above the order, so that `r` is small and stands for `r + n`. One in `2^128`
/// signatures is of this kind, unless a key is made for it.
#[test]
fn an_x_above_the_order() {
    let mut random = Random(10);
    let mut found = 0;
    // The field's modulus is above the order by a number of 128 bits.
    for r in 1..100_u64 {
        let scalar = Scalar::from(r);
        let r_bytes: [u8; 32] = scalar.to_repr().into();
        let x = sum(&r_bytes, &ORDER).unwrap();
        let Ok(lifted) = VerifyingKey::from_sec1_bytes(&[&[2_u8][..], &x].concat()) else {
            continue;
        };
        let (of_generator, of_key) = (random.scalar(), random.scalar());
        let point = (ProjectivePoint::from(*lifted.as_affine())
            - ProjectivePoint::GENERATOR * of_generator)
            * of_key.invert().unwrap();
        let key = Key::new(point);
        let s = scalar * of_key.invert().unwrap();
        let e = of_generator * s;
        let [e, s] = [e, s].map(|number| number.to_repr().into());
        assert!(key.verdict(&e, &r_bytes, &s), "{r}");
        assert!(!key.verdict(&e, &changed(&r_bytes), &s));
        found += 1;
    }
    assert!(found > 30);
    // And where `r + n` is just below, at or above the field's modulus.
    let key = Key::new(ProjectivePoint::GENERATOR * random.scalar());
    for near in -4..4_i64 {
        // p - n.
        let most = Scalar::from_repr(P_LESS_ORDER.into()).unwrap() + small(near);
        for s in [Scalar::ONE, random.scalar()] {
            let [r, s] = [most, s].map(|number| number.to_repr().into());
            assert!(!key.verdict(&[0x5a; 32], &r, &s));
        }
    }
}

/// The field's modulus less the order.
const P_LESS_ORDER: [u8; 32] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x43, 0x19, 0x05, 0x52, 0x58, 0xe8, 0x61, 0x7b,
    0x0c, 0x46, 0x35, 0x3d, 0x03, 0x9c, 0xda, 0xae,
];

/// Numbers of all kinds as `r`, `s` and digest: the range of both is that of the oracle.
#[test]
fn numbers_out_of_range_and_at_its_ends() {
    let mut random = Random(11);
    let near = |by: i64| -> [u8; 32] {
        let number: [u8; 32] = small(by).to_repr().into();
        number
    };
    let mut numbers: Vec<[u8; 32]> = (-3..=3).map(near).collect();
    numbers.extend([ORDER, [0xff; 32], [0x80; 32], P_LESS_ORDER]);
    for by in 1..4_u8 {
        let mut more = [0; 32];
        more[31] = by;
        numbers.extend(sum(&ORDER, &more));
    }
    let p = sum(&ORDER, &P_LESS_ORDER).unwrap();
    numbers.extend([p, changed(&p)]);
    numbers.extend((0..4).map(|_| <[u8; 32]>::from(random.scalar().to_repr())));
    let keys = [
        Key::new(ProjectivePoint::GENERATOR),
        Key::new(-ProjectivePoint::GENERATOR),
        Key::new(ProjectivePoint::GENERATOR * random.scalar()),
    ];
    for key in &keys {
        for digest in numbers.iter().step_by(5) {
            for r in &numbers {
                for s in numbers.iter().step_by(SHARE) {
                    key.verdict(digest, r, s);
                }
            }
        }
    }
}

/// Numbers from a seed, the same in every run and on every machine (SplitMix64).
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn scalar(&mut self) -> Scalar {
        (0..4).fold(Scalar::ZERO, |sum, _| sum * power(64) + Scalar::from(self.word()))
    }
}
