//! What a host is asked about: whatever bytes come as a signature, it is shown the one form that they have, or is
//! not asked at all.
#![no_main]

use std::{cell::Cell, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jwt_gate_core::{
    Algorithm, HostCheck,
    stages::{Key, ask_host, read_pem_keys},
};
use libfuzzer_sys::fuzz_target;

const MESSAGE: &[u8] = b"message";

/// The orders of the three curves (SEC 2 sections 2.4.2, 2.5.1 and 2.6.1), big-endian.
const ORDERS: [&[u8]; 3] = [
    b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\
      \xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
      \xff\xff\xff\xff\xff\xff\xff\xff\xc7\x63\x4d\x81\xf4\x37\x2d\xdf\
      \x58\x1a\x0d\xb2\x48\xb0\xa7\x7a\xec\xec\x19\x6a\xcc\xc5\x29\x73",
    b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
      \xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
      \xff\xfa\x51\x86\x87\x83\xbf\x2f\x96\x6b\x7f\xcc\x01\x48\xf7\x09\
      \xa5\xd0\x3b\xb5\xc9\xb8\x89\x9c\x47\xae\xbb\x6f\xb7\x1e\x91\x38\
      \x64\x09",
];

/// A key, what it is, and its `SubjectPublicKeyInfo`.
struct Known {
    kind: Kind,
    key: Key,
    spki: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Rsa,
    /// The place of its order.
    Curve(usize),
    Edwards,
}

static KEYS: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let keys = [
        (Kind::Curve(0), include_str!("../seeds/key_set/ec-1.pem")),
        (Kind::Curve(1), include_str!("../seeds/key_set/ec-384.pem")),
        (Kind::Curve(2), include_str!("../seeds/key_set/ec-521.pem")),
        (Kind::Rsa, include_str!("../../../../host-tests/vectors/auth0-public-key.pem")),
        (Kind::Edwards, include_str!("../seeds/key_set/ed-1.pem")),
    ];
    keys.map(|(kind, pem)| {
        let key = read_pem_keys(pem).expect("keys").remove(0);
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        Known { kind, key, spki: STANDARD.decode(body).expect("base64") }
    })
    .into()
});

fuzz_target!(|data: &[u8]| {
    let Some((which, signature)) = data.split_first() else {
        return;
    };
    let known = &KEYS[usize::from(*which) % KEYS.len()];
    // As it came, and with the length that it should have.
    let mut resized = signature.to_vec();
    resized.resize(known.length(), 0);
    for signature in [signature, &resized] {
        let expected = known.expected(signature);
        for algorithm in Algorithm::ALL {
            let shown = known.shown(algorithm, signature);
            match known.hash(algorithm) {
                Some(hash) => {
                    let expected = expected.clone().map(|expected| (hash, expected));
                    assert_eq!(shown, expected, "{algorithm:?} {signature:02x?}");
                    let is_good = known.key.verifies(algorithm, MESSAGE, signature);
                    assert!(
                        !is_good || shown.is_some(),
                        "{algorithm:?}: good, and not asked about"
                    );
                }
                None => assert_eq!(shown, None, "{algorithm:?}"),
            }
        }
        if let Some(der) = &expected {
            known.reads_back(der, signature);
        }
    }
});

impl Known {
    /// The length of its signatures.
    fn length(&self) -> usize {
        match self.kind {
            Kind::Rsa => 256,
            Kind::Curve(place) => 2 * ORDERS[place].len(),
            Kind::Edwards => 64,
        }
    }

    /// The hash that the host is to use, where it is asked about the algorithm.
    fn hash(&self, algorithm: Algorithm) -> Option<&'static str> {
        match (self.kind, algorithm) {
            (Kind::Rsa, Algorithm::Rs256) | (Kind::Curve(0), Algorithm::Es256) => Some("sha256"),
            (Kind::Rsa, Algorithm::Rs384) | (Kind::Curve(1), Algorithm::Es384) => Some("sha384"),
            (Kind::Rsa, Algorithm::Rs512) | (Kind::Curve(2), Algorithm::Es512) => Some("sha512"),
            _ => None,
        }
    }

    /// What a host is asked to check, which is at most one thing: the hash and the signature.
    fn shown(&self, algorithm: Algorithm, signature: &[u8]) -> Option<(&'static str, Vec<u8>)> {
        let shown = Cell::new(None);
        let ask = |check: &HostCheck<'_>| {
            assert_eq!((check.public_key, check.message), (&self.spki[..], MESSAGE));
            let before = shown.replace(Some((check.hash, check.signature.to_vec())));
            assert!(before.is_none(), "asked twice");
            Some(true)
        };
        let answer = ask_host(&ask, &self.key, algorithm, MESSAGE, signature);
        let shown = shown.take();
        assert_eq!(answer, shown.as_ref().map(|_| true), "the answer is the host's");
        shown
    }

    /// The one form of a signature whose length and numbers are as they must be.
    fn expected(&self, signature: &[u8]) -> Option<Vec<u8>> {
        if signature.len() != self.length() {
            return None;
        }
        match self.kind {
            Kind::Rsa => {
                // A SEQUENCE of modulus and exponent ends a `SubjectPublicKeyInfo`; the exponent is 65537.
                let modulus = &self.spki[self.spki.len() - 5 - 256..][..256];
                (signature < modulus).then(|| signature.to_vec())
            }
            Kind::Curve(place) => {
                let order = ORDERS[place];
                let (r, s) = signature.split_at(order.len());
                let in_range =
                    |number: &[u8]| number < order && number.iter().any(|byte| *byte > 0);
                if !in_range(r) || !in_range(s) {
                    return None;
                }
                let numbers = [integer(r), integer(s)].concat();
                let length = u8::try_from(numbers.len()).expect("two short numbers");
                let head =
                    if length < 0x80 { vec![0x30, length] } else { vec![0x30, 0x81, length] };
                Some([head, numbers].concat())
            }
            Kind::Edwards => None,
        }
    }

    /// A reader of such signatures finds the same numbers.
    fn reads_back(&self, der: &[u8], signature: &[u8]) {
        let read = match self.kind {
            Kind::Curve(0) => {
                p256::ecdsa::Signature::from_der(der).map(|read| read.to_bytes().to_vec())
            }
            Kind::Curve(1) => {
                p384::ecdsa::Signature::from_der(der).map(|read| read.to_bytes().to_vec())
            }
            Kind::Curve(2) => {
                p521::ecdsa::Signature::from_der(der).map(|read| read.to_bytes().to_vec())
            }
            _ => return,
        };
        assert_eq!(read.expect("a signature"), signature);
    }
}

/// A number above zero in its shortest form, with a zero before what would be a sign.
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte > 0).expect("a number above zero");
    let mut contents = number[start..].to_vec();
    if contents[0] >= 0x80 {
        contents.insert(0, 0);
    }
    let length = u8::try_from(contents.len()).expect("a short number");
    [vec![0x02, length], contents].concat()
}
