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
    /// Fused multiply-adds of pairs of doubles: a build with relaxed SIMD, on a machine that fuses.
    Fused,
}

/// The fastest first.
const BY_SPEED: [Variant; 2] = [Variant::Fused, Variant::Scalar];

/// Which arithmetic serves the keys of this process: the fastest that this build has and that has
/// passed its self-test here.
///
/// The first call makes the test, which costs as much as some dozens of operations; all others read its result.
/// What is tested is the machine and the engine that runs this code, which do not change under it, so once
/// is enough for all keys.
#[must_use]
pub fn variant() -> Variant {
    first_right(Variant::is_right)
}

/// The fastest that is right; the slowest is the one that everything has.
fn first_right(is_right: impl Fn(Variant) -> bool) -> Variant {
    BY_SPEED
        .into_iter()
        .find(|variant| *variant == Variant::Scalar || is_right(*variant))
        .unwrap_or(Variant::Scalar)
}

impl Variant {
    /// Whether this build has it, and it is right on this machine.
    pub(crate) fn is_right(self) -> bool {
        const UNKNOWN: u8 = 0;
        const WRONG: u8 = 1;
        const RIGHT: u8 = 2;
        static FUSED: AtomicU8 = AtomicU8::new(UNKNOWN);
        static SCALAR: AtomicU8 = AtomicU8::new(UNKNOWN);
        let result = match self {
            Self::Fused => &FUSED,
            Self::Scalar => &SCALAR,
        };
        // Two threads that come here at once find the same.
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

    /// Whether this build has it and this machine does what it is built on.
    fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_feature = "relaxed-simd")]
            Self::Fused => crate::fused::is_fused(),
            #[cfg(not(target_feature = "relaxed-simd"))]
            Self::Fused => false,
        }
    }

    /// Whether it gives the known answers.
    fn passes(self) -> bool {
        Known::all().iter().all(|known| known.holds(self))
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Fused => "fused",
        })
    }
}
