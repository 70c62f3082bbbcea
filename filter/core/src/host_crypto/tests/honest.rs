//! A host that does what it should, with a reader of DER that is not the one which wrote it.

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::{BoxedUint, Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::HostCheck;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const P256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
const P521: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23";

/// The verdict of an honest host; it knows any key with any hash.
pub(super) fn honest(check: &HostCheck<'_>) -> Option<bool> {
    let (kind, key) = spki(check.public_key)?;
    let (digest, padding) = match check.hash {
        "sha256" => (Sha256::digest(check.message).to_vec(), Pkcs1v15Sign::new::<Sha256>()),
        "sha384" => (Sha384::digest(check.message).to_vec(), Pkcs1v15Sign::new::<Sha384>()),
        "sha512" => (Sha512::digest(check.message).to_vec(), Pkcs1v15Sign::new::<Sha512>()),
        _ => return None,
    };
    /// Verifies on one curve, with numbers of so many bytes.
    macro_rules! on_curve {
        ($curve:ident, $length:literal) => {{
            let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
            let [r, s] = integers(check.signature)?;
            let mut bytes = [0; 2 * $length];
            bytes[$length - r.len()..$length].copy_from_slice(r);
            bytes[2 * $length - s.len()..].copy_from_slice(s);
            let signature = $curve::ecdsa::Signature::from_slice(&bytes).ok()?;
            Some(key.verify_prehash(&digest, &signature).is_ok())
        }};
    }
    match kind {
        RSA => {
            let [modulus, exponent] = integers(key)?;
            let number = |bytes| BoxedUint::from_be_slice_vartime(bytes);
            let key = RsaPublicKey::new_unchecked(number(modulus), number(exponent));
            Some(key.verify(padding, &digest, check.signature).is_ok())
        }
        P256 => on_curve!(p256, 32),
        P384 => on_curve!(p384, 48),
        P521 => on_curve!(p521, 66),
        _ => None,
    }
}

/// The algorithm and the bits of a `SubjectPublicKeyInfo`.
fn spki(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let fields = whole(SEQUENCE, der)?;
    let (algorithm, rest) = element(SEQUENCE, fields)?;
    // No bit of the last byte is unused.
    Some((algorithm, whole(BIT_STRING, rest)?.strip_prefix(&[0])?))
}

/// The two numbers of a SEQUENCE that holds nothing else, without the zero of their sign.
pub(super) fn integers(der: &[u8]) -> Option<[&[u8]; 2]> {
    let (first, rest) = element(INTEGER, whole(SEQUENCE, der)?)?;
    let second = whole(INTEGER, rest)?;
    Some([positive(first)?, positive(second)?])
}

/// The shortest form of a number above zero.
fn positive(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0, rest @ ..] => rest.first().is_some_and(|first| *first >= 0x80).then_some(rest),
        [first, ..] if *first < 0x80 => Some(bytes),
        _ => None,
    }
}

fn whole(tag: u8, der: &[u8]) -> Option<&[u8]> {
    let (contents, rest) = element(tag, der)?;
    rest.is_empty().then_some(contents)
}

/// The contents of an element, with its length in the shortest form, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match *der.strip_prefix(&[tag])? {
        [length, ref rest @ ..] if length < 0x80 => (usize::from(length), rest),
        [0x81, length, ref rest @ ..] if length >= 0x80 => (usize::from(length), rest),
        [0x82, high, low, ref rest @ ..] if high > 0 => {
            (usize::from(high) << 8 | usize::from(low), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[test]
fn the_reader_takes_the_shortest_form_alone() {
    assert_eq!(integers(b"\x30\x06\x02\x01\x01\x02\x01\x7f"), Some([&b"\x01"[..], b"\x7f"]));
    assert_eq!(integers(b"\x30\x07\x02\x02\x00\x80\x02\x01\x01"), Some([&b"\x80"[..], b"\x01"]));
    for bad in [
        &b"\x30\x06\x02\x01\x01\x02\x01\x80"[..], // negative
        b"\x30\x06\x02\x01\x00\x02\x01\x01",      // zero
        b"\x30\x07\x02\x02\x00\x01\x02\x01\x01",  // a zero too many
        b"\x30\x81\x06\x02\x01\x01\x02\x01\x01",  // a length that is too long
        b"\x30\x07\x02\x01\x01\x02\x01\x01\x00",  // something behind
        b"\x30\x06\x02\x01\x01\x02\x01\x01\x00",  // the same outside
        b"\x30\x03\x02\x01\x01",                  // one number
        b"\x30\x06\x02\x01\x01\x03\x01\x01",      // something else
        b"",
    ] {
        assert_eq!(integers(bad), None, "{bad:02x?}");
    }
}
