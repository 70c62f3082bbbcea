//! Two doubles or two integers of 64 bits at once: what `fused` needs of WebAssembly's SIMD, and no
//! more.
//!
//! Tests and fuzzing have each of these written out where the instructions are not there, checked
//! for overflow, so that they reach all that is built on them on any machine.

#[cfg(not(target_feature = "relaxed-simd"))]
pub(super) use self::portable::*;
#[cfg(target_feature = "relaxed-simd")]
pub(super) use self::wasm::*;

#[cfg(target_feature = "relaxed-simd")]
mod wasm {
    use core::arch::wasm32 as simd;

    /// Two doubles, or two integers of 64 bits.
    pub(crate) type Lanes = simd::v128;

    /// Two integers.
    #[inline(always)]
    pub(crate) fn integers([a, b]: [i64; 2]) -> Lanes {
        simd::i64x2(a, b)
    }

    /// The two integers.
    #[inline(always)]
    pub(crate) fn array(a: Lanes) -> [i64; 2] {
        [simd::i64x2_extract_lane::<0>(a), simd::i64x2_extract_lane::<1>(a)]
    }

    /// Two doubles.
    #[inline(always)]
    pub(crate) fn doubles([a, b]: [f64; 2]) -> Lanes {
        simd::f64x2(a, b)
    }

    /// `a * b + c` of doubles, rounded once where the machine fuses.
    #[inline(always)]
    pub(crate) fn multiply_add(a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        simd::f64x2_relaxed_madd(a, b, c)
    }

    /// The products of doubles.
    #[inline(always)]
    pub(crate) fn multiply_doubles(a: Lanes, b: Lanes) -> Lanes {
        simd::f64x2_mul(a, b)
    }

    /// The sums of doubles.
    #[inline(always)]
    pub(crate) fn add_doubles(a: Lanes, b: Lanes) -> Lanes {
        simd::f64x2_add(a, b)
    }

    /// The differences of doubles.
    #[inline(always)]
    pub(crate) fn sub_doubles(a: Lanes, b: Lanes) -> Lanes {
        simd::f64x2_sub(a, b)
    }

    /// The sums of integers, modulo `2^64`.
    #[inline(always)]
    pub(crate) fn add(a: Lanes, b: Lanes) -> Lanes {
        simd::i64x2_add(a, b)
    }

    /// The differences of integers, modulo `2^64`.
    #[inline(always)]
    pub(crate) fn sub(a: Lanes, b: Lanes) -> Lanes {
        simd::i64x2_sub(a, b)
    }

    /// The bits that both have.
    #[inline(always)]
    pub(crate) fn and(a: Lanes, b: Lanes) -> Lanes {
        simd::v128_and(a, b)
    }

    /// Each lane shifted towards its low bits; it is not negative.
    #[inline(always)]
    pub(crate) fn shift_right<const BITS: u32>(a: Lanes) -> Lanes {
        simd::u64x2_shr(a, BITS)
    }

    /// The last lane of one and the first of the next.
    #[inline(always)]
    pub(crate) fn between(before: Lanes, a: Lanes) -> Lanes {
        simd::i64x2_shuffle::<1, 2>(before, a)
    }

    /// Each lane in both places.
    #[inline(always)]
    pub(crate) fn splat_each(a: Lanes) -> [Lanes; 2] {
        [simd::i64x2_shuffle::<0, 0>(a, a), simd::i64x2_shuffle::<1, 1>(a, a)]
    }
}

#[cfg(not(target_feature = "relaxed-simd"))]
mod portable {
    extern crate std;

    /// The bits of two doubles, or of two integers.
    pub(crate) type Lanes = [u64; 2];

    pub(crate) fn integers(values: [i64; 2]) -> Lanes {
        values.map(i64::cast_unsigned)
    }

    pub(crate) fn array(a: Lanes) -> [i64; 2] {
        a.map(u64::cast_signed)
    }

    pub(crate) fn doubles(values: [f64; 2]) -> Lanes {
        values.map(f64::to_bits)
    }

    fn each(a: Lanes, b: Lanes, each: impl Fn(u64, u64) -> u64) -> Lanes {
        let ([a0, a1], [b0, b1]) = (a, b);
        [each(a0, b0), each(a1, b1)]
    }

    fn each_double(a: Lanes, b: Lanes, of: impl Fn(f64, f64) -> f64) -> Lanes {
        each(a, b, |a, b| of(f64::from_bits(a), f64::from_bits(b)).to_bits())
    }

    pub(crate) fn multiply_add(a: Lanes, b: Lanes, [c0, c1]: Lanes) -> Lanes {
        let ([a0, a1], [b0, b1]) = (a, b);
        let fused = |a, b, c| f64::from_bits(a).mul_add(f64::from_bits(b), f64::from_bits(c));
        [fused(a0, b0, c0).to_bits(), fused(a1, b1, c1).to_bits()]
    }

    pub(crate) fn multiply_doubles(a: Lanes, b: Lanes) -> Lanes {
        each_double(a, b, |a, b| a * b)
    }

    pub(crate) fn add_doubles(a: Lanes, b: Lanes) -> Lanes {
        each_double(a, b, |a, b| a + b)
    }

    pub(crate) fn sub_doubles(a: Lanes, b: Lanes) -> Lanes {
        each_double(a, b, |a, b| a - b)
    }

    pub(crate) fn add(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, u64::wrapping_add)
    }

    pub(crate) fn sub(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, u64::wrapping_sub)
    }

    pub(crate) fn and(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, |a, b| a & b)
    }

    pub(crate) fn shift_right<const BITS: u32>(a: Lanes) -> Lanes {
        debug_assert!(array(a).iter().all(|lane| *lane >= 0), "{a:x?}");
        a.map(|lane| lane >> BITS)
    }

    pub(crate) fn between([_, a]: Lanes, [b, _]: Lanes) -> Lanes {
        [a, b]
    }

    pub(crate) fn splat_each([a, b]: Lanes) -> [Lanes; 2] {
        [[a; 2], [b; 2]]
    }
}
