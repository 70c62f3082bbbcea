//! The public-key operation of RSA: which numbers make a key, which a signature, and that the
//! result is that of an independent library.
#![no_main]

use libfuzzer_sys::fuzz_target;
use num_bigint_dig::BigUint;
use rsa_verify::{EXPONENT_MAX_BITS, MODULUS_MAX_BITS, MODULUS_MIN_BITS, PublicKey, Variant};

fuzz_target!(|data: &[u8]| {
    let Some((exponent, rest)) = data.split_at_checked(5) else {
        return;
    };
    let (modulus, signature) = rest.split_at(rest.len() / 2);
    let [e, n] = [exponent, modulus].map(BigUint::from_bytes_be);
    let is_odd = |number: &BigUint| number % 2_u8 == BigUint::from(1_u8);
    let is_key = (MODULUS_MIN_BITS..=MODULUS_MAX_BITS).contains(&n.bits())
        && is_odd(&n)
        && is_odd(&e)
        && e > BigUint::from(1_u8)
        && e.bits() <= usize::try_from(EXPONENT_MAX_BITS).expect("a small number");
    let key = PublicKey::new(modulus, exponent);
    assert_eq!(key.is_ok(), is_key, "{key:?}");
    let Ok(key) = key else {
        return;
    };
    assert_eq!((key.bits(), key.size()), (n.bits(), n.bits().div_ceil(8)));
    let prepared: Vec<_> =
        Variant::ALL.iter().filter_map(|variant| key.prepare_with(*variant)).collect();
    assert_eq!(prepared.len(), Variant::ALL.len(), "an arithmetic is missing");

    // As it came, and with the length that it should have.
    let mut resized = signature.to_vec();
    resized.resize(key.size(), 0);
    for signature in [signature, &resized] {
        let s = BigUint::from_bytes_be(signature);
        let expected = (signature.len() == key.size() && s < n).then(|| s.modpow(&e, &n));
        for prepared in &prepared {
            let found = prepared.recover(signature);
            assert!(found.as_ref().is_none_or(|found| found.len() == key.size()));
            let found = found.map(|found| BigUint::from_bytes_be(&found));
            assert!(found == expected, "{} gives another result", prepared.variant());
        }
    }
});
