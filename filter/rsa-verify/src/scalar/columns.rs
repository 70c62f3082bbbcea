//! Sums of products of digits, four columns at a time.

#![expect(clippy::arithmetic_side_effects, reason = "the bounds of the module above")]

use crate::digits::Block;

/// Zeros in place of a block that is not there.
pub(super) const NONE: Block = [0; 4];

/// The columns of block `at` of `a * b`, without the products of block `at` of `a`.
#[inline(always)]
pub(super) fn lower_columns(a: &[Block], b: &[Block], at: usize) -> Block {
    let mut columns = NONE;
    add_lower(&mut columns, a, b, at);
    columns
}

/// Adds them to columns.
#[inline(always)]
pub(super) fn add_lower(columns: &mut Block, a: &[Block], b: &[Block], at: usize) {
    add_rows(columns, part(a, 0, at), block(b, at), part(b, 0, at));
}

/// The columns of block `at` of the upper half of `a * b`.
#[inline(always)]
pub(super) fn upper_columns(a: &[Block], b: &[Block], at: usize) -> Block {
    let mut columns = NONE;
    let last = b.len() - 1;
    add_upper_triangle(&mut columns, block(a, at), block(b, last));
    add_rows(&mut columns, part(a, at + 1, a.len()), block(b, last), part(b, at, last));
    columns
}

/// Adds the products of blocks: the first of `rows` with `high` and the last of `lows`, the second
/// with the last of `lows` and the one before it, and so on.
#[inline(always)]
pub(super) fn add_rows(columns: &mut Block, rows: &[Block], high: &Block, lows: &[Block]) {
    let [mut c0, mut c1, mut c2, mut c3] = *columns;
    let [mut h0, mut h1, mut h2, mut h3] = *high;
    for (row, low) in rows.iter().zip(lows.iter().rev()) {
        let [r0, r1, r2, r3] = *row;
        let [l0, l1, l2, l3] = *low;
        c0 += r0 * h0 + r1 * l3 + r2 * l2 + r3 * l1;
        c1 += r0 * h1 + r1 * h0 + r2 * l3 + r3 * l2;
        c2 += r0 * h2 + r1 * h1 + r2 * h0 + r3 * l3;
        c3 += r0 * h3 + r1 * h2 + r2 * h1 + r3 * h0;
        (h0, h1, h2, h3) = (l0, l1, l2, l3);
    }
    *columns = [c0, c1, c2, c3];
}

/// Adds the products of one block of a row.
#[inline(always)]
pub(super) fn add_row(columns: &mut Block, row: &Block, high: &Block, low: &Block) {
    add_lower_triangle(columns, row, high);
    add_upper_triangle(columns, row, low);
}

/// Adds the products of the last row of a lower block of columns, which has no block below.
#[inline(always)]
pub(super) fn add_lower_triangle(columns: &mut Block, row: &Block, high: &Block) {
    let [c0, c1, c2, c3] = columns;
    let [r0, r1, r2, r3] = row;
    let [h0, h1, h2, h3] = high;
    *c0 += r0 * h0;
    *c1 += r0 * h1 + r1 * h0;
    *c2 += r0 * h2 + r1 * h1 + r2 * h0;
    *c3 += r0 * h3 + r1 * h2 + r2 * h1 + r3 * h0;
}

/// Adds the products of the first row of an upper block of columns, which has no block above.
#[inline(always)]
pub(super) fn add_upper_triangle(columns: &mut Block, row: &Block, low: &Block) {
    let [c0, c1, c2, _] = columns;
    let [_, r1, r2, r3] = row;
    let [_, l1, l2, l3] = low;
    *c0 += r1 * l3 + r2 * l2 + r3 * l1;
    *c1 += r2 * l3 + r3 * l2;
    *c2 += r3 * l3;
}

/// The block at a place, zeros beyond the end.
#[inline(always)]
pub(super) fn block(number: &[Block], at: usize) -> &Block {
    number.get(at).unwrap_or(&NONE)
}

/// The blocks from one place to before another.
#[inline(always)]
pub(super) fn part(number: &[Block], from: usize, to: usize) -> &[Block] {
    number.get(from..to).unwrap_or_default()
}
