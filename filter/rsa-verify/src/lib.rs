//! The public-key operation of RSA, `s^e mod n`, for verifiers that run as WebAssembly.
//!
//! [`PublicKey::new`] checks a key, [`PublicKey::prepare`] precomputes what depends on it alone, and
//! [`PreparedKey::recover`] gives the padded message that a signature was made of. It knows nothing
//! of paddings and hashes: whoever verifies compares the padded message, byte for byte, with what it
//! has to be, so that a fault of the arithmetic refuses a good signature and accepts no bad one.
//!
//! All numbers are public, so nothing takes constant time. Nothing panics, and every key and every
//! signature is dealt with in bounded time: [`MODULUS_MAX_BITS`] and [`EXPONENT_MAX_BITS`].
//!
//! | module | what |
//! |---|---|
//! | `key` | what makes a key |
//! | `prepared` | a key that is ready, which signatures are looked at |
//! | `variant`, `known` | which arithmetic serves, and the signatures it is tested with first |
//! | `precompute` | what depends on the key alone |
//! | `power` | powers by Montgomery's arithmetic, whichever it is |
//! | `scalar` | the arithmetic on 64-bit integers, with the bounds of every digit and carry |
//! | `simd128` | the same on integers of 16 bits; in builds with `simd128` only |
//! | `fused` | the same on pairs of doubles; in builds with `relaxed-simd` only |
//! | `digits` | numbers as balanced digits |
//!
//! A module of WebAssembly is refused as a whole by a host that does not know one of its
//! instructions, so SIMD is a matter of the build: `-Ctarget-feature=+simd128,+relaxed-simd`. In such
//! a build keys are served by `fused` only where the machine fuses multiplication and addition, which
//! relaxed SIMD does not promise; by `simd128` where it does not; and by either only if it recovers
//! known signatures. [`variant`] says what serves.
//!
//! ```
//! # fn main() -> Result<(), rsa_verify::KeyError> {
//! let modulus = [0xc5; 256];
//! let key = rsa_verify::PublicKey::new(&modulus, &[1, 0, 1])?.prepare();
//! assert_eq!(key.recover(&[0x11; 256]).map(|padded| padded.len()), Some(256));
//! assert_eq!(key.recover(&[0x11; 255]), None);
//! assert_eq!(key.recover(&modulus), None);
//! # Ok(())
//! # }
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod digits;
#[cfg(test)]
mod extremes;
#[cfg(any(target_feature = "relaxed-simd", test, fuzzing))]
mod fused;
mod key;
mod known;
mod power;
mod precompute;
mod prepared;
mod scalar;
#[cfg(any(target_feature = "simd128", not(target_family = "wasm"), test))]
mod simd128;
mod variant;

pub use key::{EXPONENT_MAX_BITS, KeyError, MODULUS_MAX_BITS, MODULUS_MIN_BITS, PublicKey};
pub use prepared::PreparedKey;
pub use variant::{Variant, variant};
