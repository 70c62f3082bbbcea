//! Numbers of variable length, as HAProxy's peers encode them.

use super::{data::Reader, frame::Malformed};

/// Numbers below this are one byte.
const ONE_BYTE: u64 = 240;
/// How far the second byte is shifted: the first one has four bits of a longer number.
const FIRST_SHIFT: u32 = 4;
/// How far each further byte is shifted more.
const STEP: u32 = 7;
/// In a byte from the second on: another one follows.
const MORE: u64 = 128;

/// Appends a number.
pub fn put_varint(out: &mut Vec<u8>, number: u64) {
    if number < ONE_BYTE {
        out.push(low_byte(number));
        return;
    }
    out.push(low_byte(number | 0xF0));
    let mut rest = number.saturating_sub(ONE_BYTE) >> FIRST_SHIFT;
    while rest >= MORE {
        out.push(low_byte(rest | MORE));
        rest = rest.saturating_sub(MORE) >> STEP;
    }
    out.push(low_byte(rest));
}

/// Reads a number.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    let mut number = u64::from(reader.byte()?);
    if number < ONE_BYTE {
        return Ok(number);
    }
    let mut shift = FIRST_SHIFT;
    loop {
        let byte = u64::from(reader.byte()?);
        // Bits that are shifted out would make a short number of a long one.
        let part = 1_u64.checked_shl(shift).and_then(|unit| byte.checked_mul(unit));
        let sum = part.and_then(|part| number.checked_add(part));
        number = sum.ok_or(Malformed::Number)?;
        if byte < MORE {
            return Ok(number);
        }
        shift = shift.saturating_add(STEP);
    }
}

fn low_byte(number: u64) -> u8 {
    let [byte, ..] = number.to_le_bytes();
    byte
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(number: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, number);
        out
    }

    #[test]
    fn numbers_take_as_many_bytes_as_the_protocol_says() {
        // doc/SPOE.txt, section 3.1.
        for (below, bytes) in
            [(240, 1), (2_288, 2), (264_432, 3), (33_818_864, 4), (4_328_786_160, 5)]
        {
            assert_eq!(written(below - 1).len(), bytes, "{}", below - 1);
            assert_eq!(written(below).len(), bytes + 1, "{below}");
        }
        assert_eq!(written(240), [0xF0, 0x00]);
        assert_eq!(written(1_234), [0xF2, 0x3E]);
        assert_eq!(written(u64::MAX).len(), 10);
    }

    #[test]
    fn a_number_that_does_not_fit_or_end_is_refused() {
        let read = |bytes: &[u8]| read(&mut Reader::new(bytes));
        assert_eq!(read(&[]), Err(Malformed::End));
        assert_eq!(read(&[0xF0]), Err(Malformed::End));
        assert_eq!(read(&[0xF0, 0x80]), Err(Malformed::End));
        let mut long = vec![0xFF; 11];
        long.push(0);
        assert_eq!(read(&long), Err(Malformed::Number));
        let mut largest = written(u64::MAX);
        *largest.last_mut().unwrap() += 1;
        assert_eq!(read(&largest), Err(Malformed::Number));
        assert_eq!(read(&[0xF0; 40]), Err(Malformed::Number));
    }

    proptest! {
        #[test]
        fn a_number_comes_back(number in prop_oneof![any::<u64>(), 0..100_000_u64]) {
            let bytes = written(number);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(read(&mut reader), Ok(number));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn each_number_has_one_form(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(number) = read(&mut reader) {
                prop_assert_eq!([&written(number), reader.rest()].concat(), bytes);
            }
        }
    }
}
