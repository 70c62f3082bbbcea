//! How a figure varies from one request to the next.

use serde::Serialize;

/// The ends and the middle of a list of figures.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: u64,
    /// Half of the figures are this or less.
    pub(crate) median: u64,
    /// 95 of 100 figures are this or less.
    pub(crate) p95: u64,
    pub(crate) max: u64,
}

impl Spread {
    /// The spread of some figures; all zero if there are none.
    pub(crate) fn of(mut figures: Vec<u64>) -> Self {
        figures.sort_unstable();
        // The nearest rank: always one of the figures.
        let at = |percent: usize| {
            let rank = figures.len().saturating_mul(percent).div_ceil(100).max(1);
            figures.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { min: at(0), median: at(50), p95: at(95), max: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_figures_of_the_list() {
        let spread = Spread::of((1..=100).rev().collect());
        assert_eq!(spread, Spread { min: 1, median: 50, p95: 95, max: 100 });
        assert_eq!(Spread::of(vec![7]), Spread { min: 7, median: 7, p95: 7, max: 7 });
        assert_eq!(Spread::of(vec![3, 1]), Spread { min: 1, median: 1, p95: 3, max: 3 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
