//! An Ed25519 key, and what a signature by it must look like.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "sums of points, which neither overflow nor panic"
)]

use curve25519_dalek::{
    constants::ED25519_BASEPOINT_TABLE,
    edwards::{CompressedEdwardsY, EdwardsBasepointTable, EdwardsPoint},
    scalar::Scalar,
    traits::BasepointTable as _,
};
use sha2::{Digest as _, Sha512};

use super::tables::{Place, Tables};

/// Length of a key in bytes.
const KEY_BYTES: usize = 32;

/// Good signatures until a key gets a table: it takes the time of about 25 verifications, and saves
/// a third of each.
pub(super) const WORTH: u32 = 64;

/// A point of the curve that is not of small order, with a table of its multiples once it is worth
/// one.
#[derive(Clone)]
pub(crate) struct Ed25519 {
    /// The key as it was published, which is what signatures are bound to.
    bytes: [u8; KEY_BYTES],
    /// The point's negative: that is what is added.
    negative: EdwardsPoint,
    table: Place<EdwardsBasepointTable>,
}

impl Ed25519 {
    /// A key from its 32 bytes (RFC 8032 section 5.1.5).
    ///
    /// # Errors
    ///
    /// Not 32 bytes, no point of the curve, or one of small order, which would accept one signature
    /// for many messages.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, String> {
        let bytes: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| {
            format!("an Ed25519 key of {} bytes instead of {KEY_BYTES}", bytes.len())
        })?;
        let point = CompressedEdwardsY(bytes)
            .decompress()
            .ok_or_else(|| "bytes that are no Ed25519 key".to_owned())?;
        if point.is_small_order() {
            return Err("an Ed25519 key of small order".to_owned());
        }
        Ok(Self { bytes, negative: -point, table: Place::new(WORTH) })
    }

    /// Takes its table from these.
    pub(super) fn share(&mut self, tables: &Tables) {
        self.table.share(tables);
    }

    /// Whether the key made `signature` over `message` (RFC 8032 section 5.1.7), strictly: `S` is
    /// below the order, `R` is not of small order, and `R = S B - k A` without a factor of 8, so
    /// that a signature has one form and means one message.
    ///
    /// `R` is never decoded: the sum is encoded instead, which it has one way of, so that an `R` in
    /// another form, or one that is no point, differs from it.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let ([r, s], []) = signature.as_chunks::<32>() else {
            return false;
        };
        let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(*s)) else {
            return false;
        };
        let hash = Sha512::new().chain_update(r).chain_update(self.bytes).chain_update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let is_r = |sum: EdwardsPoint| !sum.is_small_order() && sum.compress().as_bytes() == r;
        self.table.verify(
            |table| is_r(ED25519_BASEPOINT_TABLE.mul_base(&s) + table.mul_base(&k)),
            || is_r(EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &self.negative, &s)),
            || EdwardsBasepointTable::create(&self.negative),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "a test that fails stops"
    )]

    use curve25519_dalek::constants::EIGHT_TORSION;
    use ed25519_dalek::{Signature, VerifyingKey};

    use super::*;

    /// A key, one that has a table already, and as the oracle knows it.
    struct Keys {
        plain: Ed25519,
        with_table: Ed25519,
        oracle: VerifyingKey,
    }

    impl Keys {
        fn new(bytes: [u8; 32]) -> Self {
            let plain = Ed25519::new(&bytes).unwrap();
            let with_table = plain.clone();
            let make = || EdwardsBasepointTable::create(&plain.negative);
            for _ in 0..WORTH {
                with_table.table.verify(|_| true, || true, make);
            }
            Self { plain, with_table, oracle: VerifyingKey::from_bytes(&bytes).unwrap() }
        }

        /// The verdict, which is the same by all ways.
        #[track_caller]
        fn verdict(&self, message: &[u8], r: &[u8; 32], s: &[u8; 32]) -> bool {
            let bytes = [*r, *s].as_flattened().try_into().unwrap();
            let signature = Signature::from_bytes(&bytes);
            let expected = self.oracle.verify_strict(message, &signature).is_ok();
            assert_eq!(self.plain.verifies(message, &bytes), expected, "plain: {bytes:02x?}");
            // So that nothing is earned on the way.
            let plain = Ed25519 { table: Place::new(u32::MAX), ..self.plain.clone() };
            assert_eq!(plain.verifies(message, &bytes), expected, "never: {bytes:02x?}");
            assert_eq!(self.with_table.verifies(message, &bytes), expected, "table: {bytes:02x?}");
            expected
        }
    }

    /// Scalars from a seed.
    struct Random(u64);

    impl Random {
        fn scalar(&mut self) -> Scalar {
            self.0 += 1;
            let hash = Sha512::digest(self.0.to_le_bytes());
            Scalar::from_bytes_mod_order_wide(&hash.into())
        }
    }

    fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
        let hash = Sha512::new().chain_update(r).chain_update(key).chain_update(message);
        Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
    }

    /// Keys and signatures with parts of small order in them: whoever owns a key can make such.
    #[test]
    fn parts_of_small_order() {
        let mut random = Random(0);
        let (mut good, mut bad) = (0, 0);
        for in_key in &EIGHT_TORSION {
            let secret = random.scalar();
            let key = (EdwardsPoint::mul_base(&secret) + in_key).compress().0;
            let keys = Keys::new(key);
            for in_r in &EIGHT_TORSION {
                let secret_r = random.scalar();
                let r = (EdwardsPoint::mul_base(&secret_r) + in_r).compress().0;
                for message in 0..8_u8 {
                    let k = challenge(&r, &key, &[message]);
                    let s = (secret_r + k * secret).to_bytes();
                    match keys.verdict(&[message], &r, &s) {
                        true => good += 1,
                        false => bad += 1,
                    }
                    assert!(!keys.verdict(&[message + 1], &r, &s));
                }
                // `R` of small order alone.
                let r = in_r.compress().0;
                for message in 0..8_u8 {
                    let s = challenge(&r, &key, &[message]) * secret;
                    assert!(!keys.verdict(&[message], &r, &s.to_bytes()));
                }
            }
        }
        assert!(good > 64 && bad > 300, "{good} good, {bad} not");
    }

    #[test]
    fn random_and_bent_signatures() {
        let mut random = Random(1 << 32);
        for _ in 0..12 {
            let secret = random.scalar();
            let key = EdwardsPoint::mul_base(&secret).compress().0;
            let keys = Keys::new(key);
            for length in [0, 1, 100, 1000] {
                let message = vec![0x61; length];
                let secret_r = random.scalar();
                let r = EdwardsPoint::mul_base(&secret_r).compress().0;
                let s = (secret_r + challenge(&r, &key, &message) * secret).to_bytes();
                assert!(keys.verdict(&message, &r, &s));
                for bit in (0..256).step_by(13).chain([252, 253, 254, 255]) {
                    let bent = |bytes: &[u8; 32]| {
                        let mut bytes = *bytes;
                        bytes[bit / 8] ^= 1 << (bit % 8);
                        bytes
                    };
                    assert!(!keys.verdict(&message, &bent(&r), &s));
                    assert!(!keys.verdict(&message, &r, &bent(&s)));
                }
                // The order more: the same number, which has one form only.
                let mut carry = 0;
                let mut more = s;
                for (place, order) in more.iter_mut().zip(ORDER) {
                    let [low, high] = (u16::from(*place) + u16::from(order) + carry).to_le_bytes();
                    (*place, carry) = (low, u16::from(high));
                }
                assert!(!keys.verdict(&message, &r, &more));
                let signature = [r, s].as_flattened().to_vec();
                assert!(keys.plain.verifies(&message, &signature));
                for length in [0, 32, 63] {
                    assert!(!keys.plain.verifies(&message, &signature[..length]));
                }
                for more in [1, 32, 64] {
                    let long = [&signature[..], &vec![0; more]].concat();
                    assert!(!keys.plain.verifies(&message, &long));
                }
            }
        }
    }

    /// The order of the base point, little-endian.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    /// Encodings of `y` that are not below the field's modulus, and of numbers that are no `y`.
    #[test]
    fn odd_encodings() {
        let mut random = Random(2 << 32);
        let keys = Keys::new(EdwardsPoint::mul_base(&random.scalar()).compress().0);
        for low in 0..=255_u8 {
            for sign in [0x7f, 0xff] {
                let mut large = [0xff; 32];
                (large[0], large[31]) = (low, sign);
                let mut small = [0; 32];
                (small[0], small[31]) = (low, sign & 0x80);
                for bytes in [large, small] {
                    for s in [Scalar::ZERO, Scalar::ONE] {
                        assert!(!keys.verdict(b"", &bytes, &s.to_bytes()));
                    }
                    let theirs = VerifyingKey::from_bytes(&bytes);
                    let ours = Ed25519::new(&bytes);
                    assert_eq!(
                        ours.is_ok(),
                        theirs.is_ok_and(|key| !key.is_weak()),
                        "{bytes:02x?}"
                    );
                    // A key in another form is what its signatures are bound to.
                    if ours.is_ok() {
                        assert!(!Keys::new(bytes).verdict(b"", &bytes, &[0; 32]));
                    }
                }
            }
        }
    }
}
