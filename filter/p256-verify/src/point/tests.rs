#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails stops"
)]

use p256::{
    NonZeroScalar, ProjectivePoint, Scalar,
    elliptic_curve::{Group as _, PrimeField as _, sec1::ToSec1Point as _},
};

use super::*;
use crate::{
    comb::{self, Columns, Comb, ROWS},
    numbers::{Random, SHARE, edges},
    scalar,
    window::{self, Multiples},
};

/// A point of the oracle, as ours; `None` for infinity.
fn ours(point: &ProjectivePoint) -> Option<Affine> {
    let point = point.to_affine().to_sec1_point(false);
    let [x, y] = [point.x()?, point.y()?].map(|bytes| {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_be_bytes(*bytes);
        }
        Element::encode(words)
    });
    Some(Affine { x, y })
}

/// The scalar of the oracle.
fn theirs(words: [u64; 4]) -> Scalar {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().rev().zip(words) {
        *bytes = word.to_be_bytes();
    }
    Scalar::from_repr(bytes.into()).unwrap()
}

fn multiple(times: u64) -> ProjectivePoint {
    ProjectivePoint::GENERATOR * Scalar::from(times)
}

#[track_caller]
fn assert_same(found: &Point, expected: &ProjectivePoint) {
    let expected = ours(expected);
    assert_eq!(found.is_infinity(), expected.is_none());
    if let Some(expected) = expected {
        assert!(found.is_on_curve());
        let beside = Point { z: found.z.plus(&found.y).tight(), ..*found };
        assert!(!beside.is_on_curve());
        let found = found.affine(&found.z.inverted());
        assert!(found.is_on_curve());
        assert!(found.x.equals(&expected.x) && found.y.equals(&expected.y));
    }
}

/// The point with another `z`.
fn scaled(point: &Affine, z: &Element) -> Point {
    let square = z.squared();
    Point { x: point.x.times(&square), y: point.y.times(&square.times(z)), z: *z }
}

#[test]
fn the_generator_is_that_of_the_oracle() {
    assert!(Affine::GENERATOR.is_on_curve());
    assert_same(&Affine::GENERATOR.point(), &ProjectivePoint::GENERATOR);
    assert!(Point::INFINITY.is_infinity());
    assert!(Point::INFINITY.doubled().is_infinity());
}

/// All sums of small multiples and their negatives: the same, the opposite and infinity among them,
/// and each with other coordinates.
#[test]
fn sums_of_all_kinds() {
    let points: alloc::vec::Vec<_> = (1..12_u64)
        .flat_map(|times| [multiple(times), -multiple(times)])
        .map(|point| (ours(&point).unwrap(), point))
        .collect();
    let mut random = Random(5);
    for (b, b_point) in &points {
        assert_same(&Point::INFINITY.plus(b), b_point);
        for (a, a_point) in &points {
            let z = Element::encode([random.word(), random.word(), random.word(), 1]);
            for sum in
                [a.point(), scaled(a, &z), scaled(a, &Element::ONE.loose().negated().tight())]
            {
                assert_same(&sum.plus(b), &(a_point + b_point));
                assert_same(&sum.doubled(), &a_point.double());
                assert_same(&sum.plus(b).plus(&a.negated()), b_point);
            }
        }
    }
}

#[test]
fn points_are_lifted_from_their_x() {
    for times in (1..60).chain([u64::MAX]) {
        let point = ours(&multiple(times)).unwrap();
        let odd = point.y.decode()[0] & 1 == 1;
        let lifted = Affine::lift(point.x, odd).unwrap();
        assert!(lifted.y.equals(&point.y) && lifted.is_on_curve());
        assert!(Affine::lift(point.x, !odd).unwrap().y.equals(&point.negated().y));
        let beside = Affine { x: point.x, y: point.y.plus(&Element::ONE).tight() };
        assert!(!beside.is_on_curve());
    }
    // Half of all numbers are no `x` of a point.
    let lifted = (0..200).filter(|x| Affine::lift(Element::encode([*x, 0, 0, 0]), false).is_some());
    assert!((70..130).contains(&lifted.count()));
}

/// By a table and without one.
fn multiples_are_those_of_the_oracle(comb: &Comb, point: &ProjectivePoint, words: [u64; 4]) {
    let scalar = scalar::Scalar::reduced(words);
    let expected = point * &theirs(scalar.words());
    let (odd, negative) = scalar.odd();
    let columns = Columns::new(odd, negative);
    let mut sum = Point::INFINITY;
    for row in (0..ROWS).rev() {
        sum = sum.doubled();
        comb.add_row(&mut sum, &columns, row);
    }
    assert_same(&sum, &expected);

    let multiples = Multiples::new(&ours(point).unwrap());
    let mut sum = Point::INFINITY;
    for digit in window::digits(scalar.words()).into_iter().rev() {
        sum = sum.doubled();
        multiples.add(&mut sum, digit);
    }
    assert_same(&sum, &expected);
}

#[test]
fn multiples_of_the_generator() {
    let mut random = Random(6);
    let order = scalar::ORDER;
    let near = |by: u64| scalar::difference(order, [by, 0, 0, 0]).0;
    let ends = (0..20).flat_map(|by| [near(by), [by, 0, 0, 0]]);
    let random = (0..2000 / SHARE).map(|_| random.words());
    for words in edges().into_iter().step_by(SHARE).chain(ends).chain(random) {
        multiples_are_those_of_the_oracle(&comb::GENERATOR, &ProjectivePoint::GENERATOR, words);
    }
}

#[test]
fn multiples_of_other_points() {
    let mut random = Random(7);
    for times in [1, 2, 3, 1 << 32, u64::MAX] {
        for point in [multiple(times), -multiple(times)] {
            let mut comb = Comb::EMPTY;
            comb.fill(&ours(&point).unwrap());
            for words in edges().into_iter().step_by(13 * SHARE).chain([random.words()]) {
                multiples_are_those_of_the_oracle(&comb, &point, words);
            }
        }
    }
    for _ in 0..100 / SHARE {
        let scalar = scalar::Scalar::reduced(random.words());
        let Some(scalar) =
            Option::<NonZeroScalar>::from(NonZeroScalar::new(theirs(scalar.words())))
        else {
            continue;
        };
        let point = ProjectivePoint::GENERATOR * *scalar;
        let mut comb = Comb::EMPTY;
        comb.fill(&ours(&point).unwrap());
        for _ in 0..10 {
            multiples_are_those_of_the_oracle(&comb, &point, random.words());
        }
    }
}
