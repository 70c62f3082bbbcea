//! What a signature by an RSA key must look like once the key is applied to it.

use std::sync::OnceLock;

use rsa_verify::{KeyError, PreparedKey, PublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::{
    algorithm::Algorithm,
    bytes::{is_filled, is_same},
};

/// `DigestInfo` in DER up to the digest itself (RFC 8017 section 9.2, note 1).
const SHA_256: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
/// As above.
const SHA_384: &[u8] =
    b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30";
/// As above.
const SHA_512: &[u8] =
    b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";

/// An RSA key, checked when it was read and prepared when it is first used: a set may hold many
/// keys that sign nothing, and none of them makes the others wait.
#[derive(Clone)]
pub(crate) struct RsaKey {
    public: PublicKey,
    /// A function of `public` alone, so that it does not matter who computes it first.
    prepared: OnceLock<PreparedKey>,
}

impl RsaKey {
    /// A key from its big-endian modulus and exponent.
    ///
    /// # Errors
    ///
    /// Size, parity or exponent of the key: [`PublicKey::new`].
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        Ok(Self { public: PublicKey::new(modulus, exponent)?, prepared: OnceLock::new() })
    }

    /// The key without what was prepared.
    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Whether the key made `signature` over `message` with the algorithm.
    ///
    /// The signature must have exactly the modulus's length and be smaller than it (RFC 8017
    /// sections 8.1.2 and 8.2.2).
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let prepared = self.prepared.get_or_init(|| self.public.prepare());
        prepared.recover(signature).is_some_and(|mut encoded| {
            is_encoding(&mut encoded, self.public.bits(), algorithm, message)
        })
    }
}

/// Whether `encoded`, as long as a modulus of so many bits, is what the algorithm makes of the
/// message. Whatever the arithmetic of the key gave, nothing but that passes.
fn is_encoding(encoded: &mut [u8], bits: usize, algorithm: Algorithm, message: &[u8]) -> bool {
    match algorithm {
        Algorithm::Rs256 => is_pkcs1::<Sha256>(encoded, SHA_256, message),
        Algorithm::Rs384 => is_pkcs1::<Sha384>(encoded, SHA_384, message),
        Algorithm::Rs512 => is_pkcs1::<Sha512>(encoded, SHA_512, message),
        Algorithm::Ps256 => is_pss::<Sha256>(encoded, bits, message),
        Algorithm::Ps384 => is_pss::<Sha384>(encoded, bits, message),
        Algorithm::Ps512 => is_pss::<Sha512>(encoded, bits, message),
        _ => false,
    }
}

/// Whether `encoded` is the one encoding of the message (EMSA-PKCS1-v1_5, RFC 8017 section 9.2):
/// `00 01 FF..FF 00 DigestInfo`.
///
/// Every byte is compared with the one that must be there; nothing is parsed, so there is no room
/// for Bleichenbacher's forgery on small exponents (CVE-2006-4339).
fn is_pkcs1<H: Digest>(encoded: &[u8], info: &[u8], message: &[u8]) -> bool {
    let digest = H::digest(message);
    let rest = strip_end(encoded, &digest)
        .and_then(|rest| strip_end(rest, info))
        .and_then(|rest| rest.strip_suffix(&[0]))
        .and_then(|rest| rest.strip_prefix(&[0, 1]));
    // Eight bytes of padding at least; the least key leaves far more.
    rest.is_some_and(|padding| padding.len() >= 8 && is_filled(padding, 0xff))
}

/// What stands before this end; `None` if it is not the end.
fn strip_end<'e>(encoded: &'e [u8], end: &[u8]) -> Option<&'e [u8]> {
    let (rest, last) = encoded.split_at_checked(encoded.len().checked_sub(end.len())?)?;
    is_same(last, end).then_some(rest)
}

/// Whether `encoded` is an encoding of the message by a key of so many bits (EMSA-PSS-VERIFY, RFC
/// 8017 section 9.1.2), with a salt as long as the hash (RFC 7518 section 3.5). What was masked is
/// unmasked in place.
fn is_pss<H: Digest>(encoded: &mut [u8], bits: usize, message: &[u8]) -> bool {
    // The encoding has one bit less than the modulus, so it is a byte shorter if that bit was the
    // only one of its byte; the byte is then zero.
    let encoded_bits = bits.saturating_sub(1);
    let surplus = encoded.len().saturating_sub(encoded_bits.div_ceil(8));
    let Some((front, encoded)) = encoded.split_at_mut_checked(surplus) else {
        return false;
    };
    if front.iter().any(|byte| *byte != 0) {
        return false;
    }
    let Some((0xbc, rest)) = encoded.split_last_mut().map(|(last, rest)| (*last, rest)) else {
        return false;
    };
    let hash_length = <H as Digest>::output_size();
    let Some(masked_length) = rest.len().checked_sub(hash_length) else {
        return false;
    };
    let Some((block, hash)) = rest.split_at_mut_checked(masked_length) else {
        return false;
    };

    // The bits of the first byte that the encoding does not have.
    let unused = encoded_bits.next_multiple_of(8).saturating_sub(encoded_bits);
    let used = u32::try_from(unused).ok().and_then(|unused| 0xff_u8.checked_shr(unused));
    let (Some(used), Some(first)) = (used, block.first()) else {
        return false;
    };
    if first & !used != 0 {
        return false;
    }
    unmask::<H>(block, hash);
    if let Some(first) = block.first_mut() {
        *first &= used;
    }

    // Zeros, a one, and the salt.
    let Some((padding, salt)) =
        block.len().checked_sub(hash_length).and_then(|at| block.split_at_checked(at))
    else {
        return false;
    };
    let Some((1, zeros)) = padding.split_last() else {
        return false;
    };
    if zeros.iter().any(|byte| *byte != 0) {
        return false;
    }
    let expected = H::new()
        .chain_update([0; 8])
        .chain_update(H::digest(message))
        .chain_update(salt)
        .finalize();
    expected.as_slice() == hash
}

/// Takes the mask off that was made of the seed (MGF1, RFC 8017 appendix B.2.1).
fn unmask<H: Digest>(masked: &mut [u8], seed: &[u8]) {
    for (counter, part) in (0_u32..).zip(masked.chunks_mut(<H as Digest>::output_size())) {
        let mask = H::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        for (byte, mask) in part.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
}

#[cfg(all(test, not(all(target_arch = "wasm32", target_os = "unknown"))))]
mod tests {
    #![allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "a test that fails stops"
    )]

    use ::rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPublicKey};
    use rsa_of_the_oracle::BigUint;

    use super::*;

    const MESSAGE: &[u8] = b"eyJhbGciOiJQUzI1NiJ9.e30";

    /// Primes, with their length in bits; with a prime for a modulus anybody can sign, so that
    /// encodings can be bent at will.
    fn primes() -> impl Iterator<Item = (usize, BigUint)> {
        let lacks = [(2048, 2543_u32), (2049, 1449)];
        lacks.into_iter().map(|(bits, lack)| (bits, (BigUint::from(1_u8) << bits) - lack))
    }

    /// The signature that leads to an encoding, for the exponent 3.
    fn sign(encoded: &[u8], prime: &BigUint) -> Vec<u8> {
        // 3 * (2p - 1) / 3 is 1 modulo p - 1.
        let inverse = (prime * 2_u8 - 1_u8) / 3_u8;
        let bytes = BigUint::from_bytes_be(encoded).modpow(&inverse, prime).to_bytes_be();
        let mut signature = vec![0; encoded.len() - bytes.len()];
        signature.extend(bytes);
        signature
    }

    /// Checks that the crate `rsa` has the same verdict on an encoding, and gives it.
    fn verdict(prime: &BigUint, algorithm: Algorithm, encoded: &[u8]) -> bool {
        let modulus = prime.to_bytes_be();
        let signature = sign(encoded, prime);
        let key = RsaKey::new(&modulus, &[3]).unwrap();
        let found = key.verifies(algorithm, MESSAGE, &signature);
        let oracle =
            RsaPublicKey::new(BoxedUint::from_be_slice_vartime(&modulus), BoxedUint::from(3_u8))
                .unwrap();
        let digest = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => Sha256::digest(MESSAGE).to_vec(),
            Algorithm::Rs384 | Algorithm::Ps384 => Sha384::digest(MESSAGE).to_vec(),
            _ => Sha512::digest(MESSAGE).to_vec(),
        };
        let expected = match algorithm {
            Algorithm::Rs256 => oracle.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature),
            Algorithm::Rs384 => oracle.verify(Pkcs1v15Sign::new::<Sha384>(), &digest, &signature),
            Algorithm::Rs512 => oracle.verify(Pkcs1v15Sign::new::<Sha512>(), &digest, &signature),
            Algorithm::Ps256 => oracle.verify(Pss::<Sha256>::new(), &digest, &signature),
            Algorithm::Ps384 => oracle.verify(Pss::<Sha384>::new(), &digest, &signature),
            _ => oracle.verify(Pss::<Sha512>::new(), &digest, &signature),
        };
        assert_eq!(found, expected.is_ok(), "{algorithm:?}, {} bits: {encoded:02x?}", prime.bits());
        found
    }

    /// EMSA-PSS-ENCODE (RFC 8017 section 9.1.1) with any salt, in the modulus's length.
    fn pss<H: Digest>(bits: usize, salt: &[u8]) -> Vec<u8> {
        let length = (bits - 1).div_ceil(8);
        let hash = H::new()
            .chain_update([0; 8])
            .chain_update(H::digest(MESSAGE))
            .chain_update(salt)
            .finalize();
        let mut encoded = vec![0; length - hash.len() - salt.len() - 2];
        encoded.push(1);
        encoded.extend(salt);
        unmask::<H>(&mut encoded, &hash);
        encoded[0] &= 0xff >> (length * 8 - (bits - 1));
        encoded.extend(hash);
        encoded.push(0xbc);
        let mut padded = vec![0; bits.div_ceil(8) - length];
        padded.extend(encoded);
        padded
    }

    /// Changes of a byte by a mask, where the parts of the encoding meet, are refused.
    fn only_the_straight_one_passes(
        prime: &BigUint,
        algorithm: Algorithm,
        encoded: &[u8],
        changes: &[(usize, u8)],
    ) {
        assert!(verdict(prime, algorithm, encoded), "{algorithm:?}, {} bits", prime.bits());
        for (at, mask) in changes {
            let mut bent = encoded.to_vec();
            bent[*at] ^= mask;
            // What is not below the modulus has no signature.
            if &BigUint::from_bytes_be(&bent) < prime {
                assert!(!verdict(prime, algorithm, &bent), "byte {at}: {bent:02x?}");
            }
        }
    }

    fn pss_is_judged_as_the_oracle_does<H: Digest>(algorithm: Algorithm) {
        let length = <H as Digest>::output_size();
        for (bits, prime) in primes() {
            let encoded = pss::<H>(bits, &vec![0x5a; length]);
            let end = encoded.len();
            let (salt, hash) = (end - 2 * length - 1, end - length - 1);
            let changes = [
                (0, 0x80),
                (0, 1),
                (1, 0x80),
                (salt - 2, 1),
                (salt - 1, 1),
                (salt, 1),
                (hash - 1, 1),
                (hash, 1),
                (end - 1, 1),
            ];
            only_the_straight_one_passes(&prime, algorithm, &encoded, &changes);
            // Salts of other lengths, which the RFC of PSS would allow.
            for other in [0, 1, length - 1, length + 1] {
                let encoded = pss::<H>(bits, &vec![0x5a; other]);
                assert!(!verdict(&prime, algorithm, &encoded), "a salt of {other} bytes");
            }
        }
    }

    #[test]
    fn pss_encodings_of_every_form() {
        pss_is_judged_as_the_oracle_does::<Sha256>(Algorithm::Ps256);
        pss_is_judged_as_the_oracle_does::<Sha384>(Algorithm::Ps384);
        pss_is_judged_as_the_oracle_does::<Sha512>(Algorithm::Ps512);
    }

    #[test]
    fn pkcs1_encodings_of_every_form() {
        let (_, prime) = primes().next().unwrap();
        for (algorithm, info, digest) in [
            (Algorithm::Rs256, SHA_256, Sha256::digest(MESSAGE).to_vec()),
            (Algorithm::Rs384, SHA_384, Sha384::digest(MESSAGE).to_vec()),
            (Algorithm::Rs512, SHA_512, Sha512::digest(MESSAGE).to_vec()),
        ] {
            let end = 256;
            let tail = [&[0], info, &digest].concat();
            let mut encoded = vec![0xff; end - tail.len()];
            encoded[..2].copy_from_slice(&[0, 1]);
            encoded.extend(&tail);
            let (zero, hash) = (end - tail.len(), end - digest.len());
            let changes = [
                (0, 1),
                (1, 2),
                (2, 1),
                (end / 2, 1),
                (zero, 1),
                (zero + 1, 1),
                (hash - 1, 1),
                (hash, 1),
                (end - 1, 1),
            ];
            only_the_straight_one_passes(&prime, algorithm, &encoded, &changes);

            // Bleichenbacher's: little padding, and free bytes after the digest.
            for padding in [0, 8, 100] {
                let mut short = [&[0, 1][..], &vec![0xff; padding], &tail].concat();
                short.resize(end, 0x42);
                assert!(!verdict(&prime, algorithm, &short), "{padding} bytes of padding");
            }
            // The digest without the name of its hash.
            let bare = [&vec![0xff; end - 3 - digest.len()][..], &[0], &digest].concat();
            assert!(!verdict(&prime, algorithm, &[&[0, 1], &bare[..]].concat()));
        }
    }

    /// What a fault of the arithmetic gives is another number than the encoding: refused, wherever
    /// it differs.
    #[test]
    fn no_fault_of_the_arithmetic_makes_a_bad_signature_good() {
        let tail = [&[0], SHA_256, &Sha256::digest(MESSAGE)].concat();
        let pkcs1 = [&[0, 1][..], &vec![0xff; 254 - tail.len()], &tail].concat();
        for (algorithm, encoded) in
            [(Algorithm::Rs256, pkcs1), (Algorithm::Ps256, pss::<Sha256>(2048, &[0x5a; 32]))]
        {
            assert!(is_encoding(&mut encoded.clone(), 2048, algorithm, MESSAGE));
            for at in 0..8 * encoded.len() {
                let mut bent = encoded.clone();
                bent[at / 8] ^= 1 << (at % 8);
                assert!(
                    !is_encoding(&mut bent, 2048, algorithm, MESSAGE),
                    "{algorithm:?}, bit {at}"
                );
            }
            for fill in [0x00, 0xff] {
                assert!(!is_encoding(&mut [fill; 256], 2048, algorithm, MESSAGE));
            }
            assert!(!is_encoding(&mut [], 2048, algorithm, MESSAGE));
        }
    }

    #[test]
    fn a_key_is_prepared_when_it_is_first_used() {
        let (bits, prime) = primes().next().unwrap();
        let key = RsaKey::new(&prime.to_bytes_be(), &[3]).unwrap();
        let before = key.clone();
        assert!(key.prepared.get().is_none());
        assert!(!key.verifies(Algorithm::Rs256, MESSAGE, &vec![0x11; bits / 8]));
        assert!(key.prepared.get().is_some());
        assert!(key.clone().prepared.get().is_some());
        assert!(before.prepared.get().is_none());
    }
}
