//! Numbers in the forms that products of pairs take.

use alloc::{vec, vec::Vec};
use core::arch::wasm32::f64x2;

use super::sums::{Pairs, float, splat};
use crate::digits::Block;

/// A number in the two forms that its square takes, and room for the multiplication.
pub(crate) struct Number {
    pub(super) rows: Vec<Pairs>,
    /// As a factor, each digit twice as great.
    pub(super) doubled: Vec<Pairs>,
    /// The digits themselves.
    pub(super) digits: Vec<[i64; 2]>,
    /// The lower half of a product, as rows.
    pub(super) product: Vec<Pairs>,
    pub(super) quotient: Vec<Pairs>,
    /// The columns of the upper half of a product.
    pub(super) upper: Vec<[i64; 2]>,
}

impl Number {
    pub(super) fn new(pairs: usize) -> Self {
        let rows = vec![[splat(0); 2]; pairs];
        Self {
            doubled: vec![[splat(0); 2]; pairs + 1],
            digits: vec![[0; 2]; pairs],
            product: rows.clone(),
            quotient: rows.clone(),
            upper: vec![[0; 2]; pairs],
            rows,
        }
    }

    pub(super) fn load(&mut self, digits: &[Block]) {
        let mut before = 0.0;
        let (digits, _) = digits.as_flattened().as_chunks::<2>();
        let places = self.rows.iter_mut().zip(self.doubled.iter_mut()).zip(&mut self.digits);
        for (((row, doubled), place), digits) in places.zip(digits) {
            *row = digits.map(splat);
            before = double(doubled, before, *digits);
            *place = *digits;
        }
        if let Some(end) = self.doubled.last_mut() {
            double(end, before, [0; 2]);
        }
    }
}

/// A number as the second factor of a product: a pair of pairs for each two digits, and one more,
/// in which only the digit `D-1` is not zero.
#[derive(Clone)]
pub(crate) struct Factor {
    pub(super) pairs: Vec<Pairs>,
}

impl Factor {
    pub(super) fn new(digits: &[Block], pairs: usize) -> Self {
        let (digits, _) = digits.as_flattened().as_chunks::<2>();
        let mut before = 0.0;
        let pairs = digits.iter().copied().chain([[0; 2]]).take(pairs).chain([[0; 2]]);
        let pairs = pairs.map(|digits| {
            let [first, second] = digits.map(float);
            let pair = [f64x2(first, second), f64x2(before, first)];
            before = second;
            pair
        });
        Self { pairs: pairs.collect() }
    }
}

/// Writes two digits, doubled, as a part of a factor, and gives the double of the second.
#[inline(always)]
pub(super) fn double(place: &mut Pairs, before: f64, digits: [i64; 2]) -> f64 {
    let [first, second] = digits.map(|digit| 2.0 * float(digit));
    *place = [f64x2(first, second), f64x2(before, first)];
    second
}
