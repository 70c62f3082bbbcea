//! Four integers of 32 bits at once: what `simd128` needs of WebAssembly's SIMD, and no more.
//!
//! Without these instructions each is written out, and checked for overflow in debug builds: so
//! native tests and fuzzing reach all that is built on them.

#[cfg(not(target_feature = "simd128"))]
pub(super) use self::portable::*;
#[cfg(target_feature = "simd128")]
pub(super) use self::wasm::*;

#[cfg(target_feature = "simd128")]
mod wasm {
    use core::arch::wasm32 as simd;

    /// Four integers of 32 bits, or eight of 16 bits.
    pub(crate) type Lanes = simd::v128;

    /// Four integers.
    #[inline(always)]
    pub(crate) fn lanes([a, b, c, d]: [i32; 4]) -> Lanes {
        simd::i32x4(a, b, c, d)
    }

    /// The four integers.
    #[inline(always)]
    pub(crate) fn array(a: Lanes) -> [i32; 4] {
        [
            simd::i32x4_extract_lane::<0>(a),
            simd::i32x4_extract_lane::<1>(a),
            simd::i32x4_extract_lane::<2>(a),
            simd::i32x4_extract_lane::<3>(a),
        ]
    }

    /// In each lane, the product of the lower halves and that of the upper halves, added up.
    #[inline(always)]
    pub(crate) fn dot(a: Lanes, b: Lanes) -> Lanes {
        simd::i32x4_dot_i16x8(a, b)
    }

    /// The sums of lanes.
    #[inline(always)]
    pub(crate) fn add(a: Lanes, b: Lanes) -> Lanes {
        simd::i32x4_add(a, b)
    }

    /// The differences of lanes.
    #[inline(always)]
    pub(crate) fn sub(a: Lanes, b: Lanes) -> Lanes {
        simd::i32x4_sub(a, b)
    }

    /// The bits that both have.
    #[inline(always)]
    pub(crate) fn and(a: Lanes, b: Lanes) -> Lanes {
        simd::v128_and(a, b)
    }

    /// The bits that one of them has.
    #[inline(always)]
    pub(crate) fn or(a: Lanes, b: Lanes) -> Lanes {
        simd::v128_or(a, b)
    }

    /// Each lane shifted towards its high bits, which are lost.
    #[inline(always)]
    pub(crate) fn shift_left<const BITS: u32>(a: Lanes) -> Lanes {
        simd::i32x4_shl(a, BITS)
    }

    /// Each lane shifted towards its low bits, with its sign.
    #[inline(always)]
    pub(crate) fn shift_right<const BITS: u32>(a: Lanes) -> Lanes {
        simd::i32x4_shr(a, BITS)
    }

    /// Half of each half, rounded down.
    #[inline(always)]
    pub(crate) fn halve_halves(a: Lanes) -> Lanes {
        simd::i16x8_shr(a, 1)
    }

    /// The last lane of one and the first three of the next.
    #[inline(always)]
    pub(crate) fn shift_in(before: Lanes, a: Lanes) -> Lanes {
        simd::i32x4_shuffle::<3, 4, 5, 6>(before, a)
    }

    /// The last two lanes of one and the first two of the next.
    #[inline(always)]
    pub(crate) fn between(a: Lanes, next: Lanes) -> Lanes {
        simd::i32x4_shuffle::<2, 3, 4, 5>(a, next)
    }

    /// The first two lanes as the halves of every lane, and the last two; each fits into 16 bits.
    #[inline(always)]
    pub(crate) fn splat_pairs(a: Lanes) -> [Lanes; 2] {
        let pairs = simd::i16x8_narrow_i32x4(a, a);
        [
            simd::i32x4_shuffle::<0, 0, 0, 0>(pairs, pairs),
            simd::i32x4_shuffle::<1, 1, 1, 1>(pairs, pairs),
        ]
    }
}

#[cfg(not(target_feature = "simd128"))]
mod portable {
    pub(crate) type Lanes = [i32; 4];

    pub(crate) fn lanes(values: [i32; 4]) -> Lanes {
        values
    }

    pub(crate) fn array(a: Lanes) -> [i32; 4] {
        a
    }

    fn each(a: Lanes, b: Lanes, each: impl Fn(i32, i32) -> i32) -> Lanes {
        let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (a, b);
        [each(a0, b0), each(a1, b1), each(a2, b2), each(a3, b3)]
    }

    pub(crate) fn dot(a: Lanes, b: Lanes) -> Lanes {
        let lower = |lane: i32| (lane << 16) >> 16;
        each(a, b, |a, b| lower(a) * lower(b) + (a >> 16) * (b >> 16))
    }

    pub(crate) fn add(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, |a, b| a + b)
    }

    pub(crate) fn sub(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, |a, b| a - b)
    }

    pub(crate) fn and(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, |a, b| a & b)
    }

    pub(crate) fn or(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, |a, b| a | b)
    }

    pub(crate) fn shift_left<const BITS: u32>(a: Lanes) -> Lanes {
        a.map(|lane| lane << BITS)
    }

    pub(crate) fn shift_right<const BITS: u32>(a: Lanes) -> Lanes {
        a.map(|lane| lane >> BITS)
    }

    pub(crate) fn halve_halves(a: Lanes) -> Lanes {
        a.map(|lane| pair((lane << 16) >> 17, lane >> 17))
    }

    pub(crate) fn shift_in([.., last]: Lanes, [a, b, c, _]: Lanes) -> Lanes {
        [last, a, b, c]
    }

    pub(crate) fn between([.., a, b]: Lanes, [c, d, ..]: Lanes) -> Lanes {
        [a, b, c, d]
    }

    pub(crate) fn splat_pairs(a: Lanes) -> [Lanes; 2] {
        debug_assert!(a.iter().all(|lane| i16::try_from(*lane).is_ok()), "{a:?}");
        let [a, b, c, d] = a;
        [[pair(a, b); 4], [pair(c, d); 4]]
    }

    /// Two integers as the halves of a lane.
    fn pair(low: i32, high: i32) -> i32 {
        (low & 0xffff) | (high << 16)
    }
}
