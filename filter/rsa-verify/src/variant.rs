//! Which arithmetic serves: the fastest that this build has and that is right on this machine.

use core::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};

use crate::known::Known;

/// An arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Variant {
    /// Integers of 64 bits: everywhere.
    Scalar,
    /// Products of eight pairs of 16-bit integers: a build with SIMD.
    Simd128,
    /// Fused multiply-adds of pairs of doubles: a build with relaxed SIMD, on a machine that fuses.
    Fused,
}

/// Which arithmetic serves the keys of this process: the fastest that this build has and that has
/// passed its self-test here.
///
/// The first call makes the test, which takes a few operations; all others read its result. It is a
/// test of the machine and of the engine that runs this code. They do not change under it, so once is
/// enough for all keys.
#[must_use]
pub fn variant() -> Variant {
    first_right(Variant::serves)
}

/// The fastest that is right. The slowest is what everything has, and there is nothing behind it.
fn first_right(is_right: impl Fn(Variant) -> bool) -> Variant {
    let faster = [Variant::Fused, Variant::Simd128];
    faster.into_iter().find(|variant| is_right(*variant)).unwrap_or(Variant::Scalar)
}

impl Variant {
    /// Every arithmetic, the fastest first.
    pub const ALL: [Self; 3] = [Self::Fused, Self::Simd128, Self::Scalar];

    /// Whether this build has it as instructions, and it is right on this machine.
    fn serves(self) -> bool {
        // What is written out for tests is slower than the scalar one.
        let has_instructions = match self {
            Self::Fused => cfg!(target_feature = "relaxed-simd"),
            Self::Simd128 => cfg!(target_feature = "simd128"),
            Self::Scalar => true,
        };
        has_instructions && self.is_right()
    }

    /// Whether this build has it, and it is right on this machine.
    pub(crate) fn is_right(self) -> bool {
        const UNKNOWN: u8 = 0;
        const WRONG: u8 = 1;
        const RIGHT: u8 = 2;
        static SCALAR: AtomicU8 = AtomicU8::new(UNKNOWN);
        static SIMD128: AtomicU8 = AtomicU8::new(UNKNOWN);
        static FUSED: AtomicU8 = AtomicU8::new(UNKNOWN);
        let result = match self {
            Self::Scalar => &SCALAR,
            Self::Simd128 => &SIMD128,
            Self::Fused => &FUSED,
        };
        // Threads that come here at once find the same.
        match result.load(Ordering::Relaxed) {
            WRONG => false,
            RIGHT => true,
            _ => {
                let is_right = self.is_available() && self.passes();
                result.store(if is_right { RIGHT } else { WRONG }, Ordering::Relaxed);
                is_right
            }
        }
    }

    /// Whether this build has it, and the machine does what it is built on.
    fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            Self::Simd128 => {
                cfg!(any(target_feature = "simd128", not(target_family = "wasm"), test))
            }
            #[cfg(any(target_feature = "relaxed-simd", test, fuzzing))]
            Self::Fused => crate::fused::is_fused(),
            #[cfg(not(any(target_feature = "relaxed-simd", test, fuzzing)))]
            Self::Fused => false,
        }
    }

    /// Whether it recovers what is known.
    fn passes(self) -> bool {
        Known::all().iter().all(|known| known.holds(self))
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Simd128 => "simd128",
            Self::Fused => "fused",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_falls_back_to_the_next() {
        assert_eq!(first_right(|_| true), Variant::Fused);
        assert_eq!(first_right(|variant| variant != Variant::Fused), Variant::Simd128);
        assert_eq!(first_right(|_| false), Variant::Scalar);
    }

    #[test]
    fn what_this_build_has_is_right() {
        for variant in Variant::ALL {
            assert_eq!(variant.is_right(), variant.is_available(), "{variant}");
            // From its second call on it reads what the first one found.
            assert_eq!(variant.is_right(), variant.is_available(), "{variant}");
        }
    }
}
