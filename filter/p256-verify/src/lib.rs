//! Verification of ECDSA signatures on the curve P-256 (secp256r1), for verifiers that run as
//! WebAssembly.
//!
//! [`PublicKey::from_sec1`] checks a key; [`PublicKey::verifies`] judges a signature over a digest.
//! For a key with much to do, [`PublicKey::table`] spends memory once and then needs a quarter of
//! the time. Both ways accept the same signatures: those of FIPS 186-5 section 6.4.2, with `r` and
//! `s` from 1 to `n - 1`, whichever of the two `s` it is.
//!
//! All numbers are public, so nothing takes constant time: **never use this to sign**. Nothing
//! panics, and every key and every signature is dealt with in bounded time. There is no code without
//! checks (`forbid(unsafe_code)`), and no dependency.
//!
//! | module | what |
//! |---|---|
//! | `key` | what makes a key, which signatures are looked at, the equation |
//! | `field` | numbers modulo `p`, with the bounds of every digit |
//! | `point` | sums of points, exact in every case |
//! | `comb` | multiples of a point by a table |
//! | `window` | multiples of a point without a table |
//! | `scalar` | numbers modulo `n`, and their inverses |
//!
//! ```
//! # fn main() -> Result<(), p256_verify::KeyError> {
//! // The generator, as the key of whoever has 1 for a secret: `r` is its `x`, and `s = e + r`.
//! let key = p256_verify::PublicKey::from_sec1(&[
//!     0x03, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4,
//!     0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8,
//!     0x98, 0xc2, 0x96,
//! ])?;
//! let mut digest = [0; 32];
//! let mut signature = [0; 64];
//! signature[..32].copy_from_slice(&[
//!     0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40,
//!     0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98,
//!     0xc2, 0x96,
//! ]);
//! signature.copy_within(..32, 32);
//! assert!(key.verifies(&digest, &signature));
//! assert!(key.table().verifies(&digest, &signature));
//! digest[31] = 1;
//! assert!(!key.verifies(&digest, &signature));
//! # Ok(())
//! # }
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod comb;
mod field;
mod key;
#[cfg(test)]
mod numbers;
mod point;
mod scalar;
mod window;

pub use key::{KeyError, PublicKey, Table, is_in_range};
