#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails stops"
)]

use super::*;

/// The compiler's tables are those that are made at run time, and all of their points are on the
/// curve.
#[test]
fn the_generators_tables_are_those_of_any_point() {
    let mut comb = Comb::EMPTY;
    comb.fill(&Affine::GENERATOR);
    for (table, same) in comb.0.iter().zip(&GENERATOR.0) {
        for (packed, same) in table.iter().zip(same) {
            assert_eq!((packed.x, packed.y), (same.x, same.y));
            assert!(packed.point().is_on_curve());
        }
    }
}

#[test]
fn a_table_takes_32_kib() {
    assert_eq!(size_of::<Comb>(), 32 * 1024);
}

/// Each column is the point of a table or its negative.
#[test]
fn columns_have_the_digits_of_their_number() {
    let columns = Columns::new([1, 0, 0, 0], false);
    // 1 = 2^255 - 2^254 - ... - 1.
    for at in 0..31 {
        assert_eq!(columns.column(at), (0x7f, true), "column {at}");
    }
    assert_eq!(columns.column(31), (0, false));
    let columns = Columns::new([u64::MAX; 4], true);
    for at in 0..32 {
        assert_eq!(columns.column(at), (0x7f, false), "column {at}");
    }
    assert!(columns.negative);
}

#[test]
fn inverses_at_once() {
    let mut numbers = [Element::encode([3, 0, 0, 0]); 20];
    for (number, times) in numbers.iter_mut().zip(1..) {
        *number = Element::encode([times, times << 40, 1, 0]);
    }
    let before = numbers;
    invert_all(&mut numbers, 19);
    for (number, before) in numbers.iter().zip(&before).take(19) {
        assert!(number.times(before).equals(&Element::ONE));
    }
    assert!(numbers[19].equals(&before[19]));
}
