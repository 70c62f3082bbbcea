//! What makes a key, and what is refused as a signature before any arithmetic.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails stops"
)]

use rsa_verify::{
    EXPONENT_MAX_BITS, KeyError, MODULUS_MAX_BITS, MODULUS_MIN_BITS, PublicKey, Variant, variant,
};

/// An odd modulus of so many bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0x5b; bits.div_ceil(8)];
    let top = (bits + 7) % 8;
    bytes[0] = u8::try_from((1_u16 << (top + 1)) - 1).unwrap();
    bytes
}

#[test]
fn only_moduli_of_the_right_size_make_a_key() {
    for bits in [2048, 2049, 3072, 8191, 8192] {
        assert_eq!(PublicKey::new(&modulus(bits), &[3]).unwrap().bits(), bits);
    }
    for bits in [1, 8, 1024, 2040, 2047, 8193, 8200, 16384, 1 << 20] {
        let error = PublicKey::new(&modulus(bits), &[3]).unwrap_err();
        assert_eq!(error, KeyError::ModulusSize(bits));
        assert_eq!(
            error.to_string(),
            format!(
                "an RSA key of {bits} bits instead of {MODULUS_MIN_BITS} to {MODULUS_MAX_BITS}"
            )
        );
    }
    for nothing in [&[][..], &[0], &[0; 4096]] {
        assert_eq!(PublicKey::new(nothing, &[3]).unwrap_err(), KeyError::ModulusSize(0));
    }
}

#[test]
fn an_even_modulus_makes_no_key() {
    let mut even = modulus(2048);
    *even.last_mut().unwrap() &= 0xfe;
    assert_eq!(PublicKey::new(&even, &[3]).unwrap_err(), KeyError::ModulusEven);
}

#[test]
fn only_odd_exponents_in_range_make_a_key() {
    let greatest = (1_u64 << EXPONENT_MAX_BITS) - 1;
    let key = |exponent: u64| PublicKey::new(&modulus(2048), &exponent.to_be_bytes()).map(|_| ());
    for exponent in [3, 5, 65537, greatest] {
        assert_eq!(key(exponent), Ok(()));
    }
    for exponent in [0, 1, 2] {
        assert_eq!(key(exponent), Err(KeyError::ExponentSmall));
    }
    for exponent in [4, 65536, greatest - 1] {
        assert_eq!(key(exponent), Err(KeyError::ExponentEven));
    }
    for exponent in [greatest + 2, u64::MAX] {
        assert_eq!(key(exponent), Err(KeyError::ExponentLarge));
    }
    let long = PublicKey::new(&modulus(2048), &[0xff; 4096]).unwrap_err();
    assert_eq!(long, KeyError::ExponentLarge);
    assert_eq!(PublicKey::new(&modulus(2048), &[]).unwrap_err(), KeyError::ExponentSmall);
}

#[test]
fn leading_zeros_are_skipped() {
    let plain = modulus(2048);
    let zeros = [&[0; 3], plain.as_slice()].concat();
    let key = PublicKey::new(&zeros, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]).unwrap();
    assert_eq!((key.size(), key.bits()), (256, 2048));
    let (key, same) = (key.prepare(), PublicKey::new(&plain, &[1, 0, 1]).unwrap().prepare());
    assert_eq!(key.recover(&[0x11; 256]), same.recover(&[0x11; 256]));
    assert!(key.recover(&[0x11; 256]).is_some());
}

#[test]
fn a_signature_of_another_length_is_refused() {
    let key = PublicKey::new(&modulus(2056), &[3]).unwrap();
    assert_eq!(key.size(), 257);
    let key = key.prepare();
    for length in (0..600).chain([1 << 16]) {
        let found = key.recover(&vec![0; length]);
        assert_eq!(found.is_some(), length == 257, "{length} bytes");
    }
}

#[test]
fn a_signature_that_is_not_below_the_modulus_is_refused() {
    for bits in [2048, 2049, 2055, 4096] {
        let modulus = modulus(bits);
        let key = PublicKey::new(&modulus, &[3]).unwrap().prepare();
        let near = |by: i16| {
            let mut bytes = modulus.clone();
            let last = bytes.last_mut().unwrap();
            *last = u8::try_from(i16::from(*last) + by).unwrap();
            key.recover(&bytes).is_some()
        };
        assert!(near(-1));
        assert!(!near(0));
        assert!(!near(1));
        assert_eq!(key.recover(&vec![0xff; modulus.len()]), None);
        // The ends of the range: 0^3, 1^3 and (n-1)^3 are 0, 1 and n-1.
        let mut number = vec![0; modulus.len()];
        assert_eq!(key.recover(&number), Some(number.clone()));
        *number.last_mut().unwrap() = 1;
        assert_eq!(key.recover(&number), Some(number));
        let mut below = modulus.clone();
        *below.last_mut().unwrap() -= 1;
        assert_eq!(key.recover(&below), Some(below));
    }
}

/// In a build with relaxed SIMD the variable says what the engine was told to do about fusing.
#[test]
fn the_variant_follows_build_and_machine() {
    let is_fused =
        cfg!(target_feature = "relaxed-simd") && std::env::var_os("RSA_VERIFY_UNFUSED").is_none();
    let expected = match () {
        () if is_fused => Variant::Fused,
        () if cfg!(target_feature = "simd128") => Variant::Simd128,
        () => Variant::Scalar,
    };
    assert_eq!(variant(), expected);
    for bits in [2048, 3072, 4096, 8192] {
        let key = PublicKey::new(&modulus(bits), &[3]).unwrap();
        assert_eq!(key.prepare().variant(), expected, "{bits} bits");
        for variant in Variant::ALL {
            let has_it = match variant {
                Variant::Fused => is_fused,
                // Written out on machines that are not WebAssembly, for tests.
                Variant::Simd128 => {
                    cfg!(any(target_feature = "simd128", not(target_family = "wasm")))
                }
                _ => true,
            };
            let found = key.prepare_with(variant).map(|key| key.variant());
            assert_eq!(found, has_it.then_some(variant), "{bits} bits");
        }
    }
    assert_eq!(Variant::ALL.map(|variant| variant.to_string()), ["fused", "simd128", "scalar"]);
}

#[test]
fn debugging_shows_the_size_and_no_number() {
    let key = PublicKey::new(&modulus(2048), &[3]).unwrap();
    assert_eq!(format!("{key:?}"), "PublicKey { bits: 2048, exponent: 3, .. }");
    let prepared = key.prepare_with(Variant::Scalar).unwrap();
    let expected =
        "PreparedKey { key: PublicKey { bits: 2048, exponent: 3, .. }, variant: Scalar, .. }";
    assert_eq!(format!("{prepared:?}"), expected);
}
