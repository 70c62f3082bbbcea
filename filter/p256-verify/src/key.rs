//! Public keys, and how they verify.

use alloc::boxed::Box;
use core::fmt;

use crate::{
    comb::{self, Columns, Comb, ROWS},
    field::{self, Element},
    point::{Affine, Point},
    scalar::{self, ORDER, Scalar, difference},
    window::{self, Multiples},
};

/// A public key: a point of the curve, not infinity.
#[derive(Clone)]
pub struct PublicKey(Affine);

/// A key with the multiples of its point, which make verification about four times as fast.
#[derive(Clone)]
pub struct Table {
    point: Affine,
    comb: Box<Comb>,
}

/// Why bytes are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither 65 bytes that begin with 4 nor 33 that begin with 2 or 3.
    Form,
    /// A coordinate is not below the field's modulus.
    Range,
    /// The point is not on the curve.
    Curve,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "bytes that have not the form of a point of P-256",
            Self::Range => "a coordinate that is not below the modulus of P-256",
            Self::Curve => "a point that is not on P-256",
        })
    }
}

impl core::error::Error for KeyError {}

impl PublicKey {
    /// A key from its point, in the uncompressed or compressed form of SEC 1 section 2.3.3.
    ///
    /// # Errors
    ///
    /// The bytes have another form, a coordinate is out of range, or the point is not on the curve:
    /// signatures by such a key can be forged. Infinity has neither of the two forms.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        let Some((form, coordinates)) = bytes.split_first() else {
            return Err(KeyError::Form);
        };
        let point = match (form, coordinates.as_chunks::<32>()) {
            (4, ([x, y], [])) => {
                let point = Affine { x: coordinate(x)?, y: coordinate(y)? };
                point.is_on_curve().then_some(point)
            }
            (2 | 3, ([x], [])) => Affine::lift(coordinate(x)?, *form == 3),
            _ => return Err(KeyError::Form),
        };
        point.map(Self).ok_or(KeyError::Curve)
    }

    /// The point, uncompressed.
    #[must_use]
    pub fn to_sec1(&self) -> [u8; 65] {
        let mut bytes = [4; 65];
        let [_, coordinates @ ..] = &mut bytes;
        let words = [self.0.x.decode(), self.0.y.decode()];
        let words = words.iter().flat_map(|words| words.iter().rev());
        for (bytes, word) in coordinates.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_be_bytes();
        }
        bytes
    }

    /// Whether this key made the signature over a message with this digest (FIPS 186-5 section
    /// 6.4.2). The signature is `r` and `s`, 32 bytes each, big-endian.
    #[must_use]
    pub fn verifies(&self, digest: &[u8; 32], signature: &[u8; 64]) -> bool {
        verify(digest, signature, |of_generator, of_key| {
            let multiples = Multiples::new(&self.0);
            let of_generator = columns(of_generator);
            let digits = window::digits(of_key.words());
            let mut sum = Point::INFINITY;
            for (digit, bit) in digits.into_iter().rev().zip((0..window::DIGITS).rev()) {
                sum = sum.doubled();
                multiples.add(&mut sum, digit);
                if bit < ROWS {
                    comb::GENERATOR.add_row(&mut sum, &of_generator, bit);
                }
            }
            sum
        })
    }

    /// The table of the key: 32 KiB, and as much time as about ten verifications.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut comb = Box::new(Comb::EMPTY);
        comb.fill(&self.0);
        Table { point: self.0, comb }
    }
}

impl Table {
    /// As [`PublicKey::verifies`].
    #[must_use]
    pub fn verifies(&self, digest: &[u8; 32], signature: &[u8; 64]) -> bool {
        verify(digest, signature, |of_generator, of_key| {
            let (of_generator, of_key) = (columns(of_generator), columns(of_key));
            let mut sum = Point::INFINITY;
            for row in (0..ROWS).rev() {
                sum = sum.doubled();
                comb::GENERATOR.add_row(&mut sum, &of_generator, row);
                self.comb.add_row(&mut sum, &of_key, row);
            }
            sum
        })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        PublicKey(self.point)
    }
}

/// A coordinate of a point, big-endian.
fn coordinate(bytes: &[u8; 32]) -> Result<Element, KeyError> {
    let words = words(bytes);
    let is_below = difference(words, field::MODULUS).1;
    is_below.then(|| Element::encode(words)).ok_or(KeyError::Range)
}

/// A number from big-endian bytes, as words, the lowest first.
fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_be_bytes(*bytes);
    }
    words
}

/// The digits of a scalar for a table.
fn columns(scalar: &Scalar) -> Columns {
    let (odd, negative) = scalar.odd();
    Columns::new(odd, negative)
}

/// Whether both numbers of a signature are from 1 to `n - 1`, as those of a good one are.
#[must_use]
pub fn is_in_range(signature: &[u8; 64]) -> bool {
    numbers(signature).is_some()
}

/// `r` and `s`. Both from 1 to n-1, or (0, 0) would be good for every message (CVE-2022-21449).
fn numbers(signature: &[u8; 64]) -> Option<[Scalar; 2]> {
    let ([r, s], []) = signature.as_chunks::<32>() else {
        return None;
    };
    let (r, s) = (Scalar::new(words(r))?, Scalar::new(words(s))?);
    (!r.is_zero() && !s.is_zero()).then_some([r, s])
}

/// The equation of ECDSA, given how to compute the sum of a multiple of the generator and a
/// multiple of the key.
fn verify(
    digest: &[u8; 32],
    signature: &[u8; 64],
    sum: impl FnOnce(&Scalar, &Scalar) -> Point,
) -> bool {
    let Some([r, s]) = numbers(signature) else {
        return false;
    };
    let e = Scalar::reduced(words(digest));
    let Some([of_generator, of_key]) = s.divide([&e, &r]) else {
        return false;
    };
    let sum = sum(&of_generator, &of_key);
    // A sum beside the curve is a fault of the arithmetic, and is to refuse.
    if sum.is_infinity() || !sum.is_on_curve() {
        return false;
    }
    // `x` modulo `n` is to be `r`; since `n < p < 2n`, `x` itself is `r` or, for a few, `r + n`.
    let zz = sum.z.squared();
    if Element::encode(r.words()).times(&zz).equals(&sum.x) {
        return true;
    }
    // The sum is at least `r`, and below `2^256` whenever it is below `p`.
    let (more, overflows) = scalar::sum(r.words(), ORDER);
    !overflows
        && difference(more, field::MODULUS).1
        && Element::encode(more).times(&zz).equals(&sum.x)
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.x.equals(&other.0.x) && self.0.y.equals(&other.0.y)
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").finish_non_exhaustive()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}
