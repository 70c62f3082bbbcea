//! How a figure varies from one round to the next.

/// The quartiles of a list of figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// A quarter of the figures are this or less.
    pub(crate) low: f64,
    /// Half of them are.
    pub(crate) median: f64,
    /// Three quarters are.
    pub(crate) high: f64,
}

impl Spread {
    /// The spread of some figures; `None` if there are none.
    pub(crate) fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self { low: at(&sorted, 1)?, median: at(&sorted, 2)?, high: at(&sorted, 3)? })
    }
}

/// A quartile of sorted figures, between two of them where it falls between.
fn at(sorted: &[f64], quarter: usize) -> Option<f64> {
    let place = sorted.len().checked_sub(1)? * quarter;
    let (below, part) = (place / 4, (place % 4) as f64 / 4.0);
    let low = sorted.get(below)?;
    let high = sorted.get(below + 1).unwrap_or(low);
    Some(low + (high - low) * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_stand_between_figures() {
        let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { low: 1.75, median: 2.5, high: 3.25 });
        let spread = Spread::of(&[9.0, 1.0, 5.0]).unwrap();
        assert_eq!(spread, Spread { low: 3.0, median: 5.0, high: 7.0 });
    }

    #[test]
    fn one_figure_is_its_own_spread_and_none_has_none() {
        assert_eq!(Spread::of(&[7.0]), Some(Spread { low: 7.0, median: 7.0, high: 7.0 }));
        assert_eq!(Spread::of(&[]), None);
    }
}
