//! Which of many tokens comes next when few are common and most are rare.

use std::collections::HashMap;

use proxy_host_model::Random;

/// How many tokens there are to draw from.
pub(crate) const TOKENS: usize = 100_000;

/// A sequence of draws by Zipf's law: the k-th token comes with a weight of 1 / k. It is the same
/// in every run.
///
/// A token is known by the order in which it was first drawn, so that only drawn ones are minted.
pub(crate) struct Draws {
    /// The sum of the weights up to each rank.
    cumulated: Vec<f64>,
    random: Random,
    /// Rank to order of first draw.
    seen: HashMap<usize, usize>,
}

impl Draws {
    /// A sequence of draws from so many tokens.
    pub(crate) fn new(tokens: usize) -> Self {
        let weights = (1..=tokens).scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        });
        Self { cumulated: weights.collect(), random: Random::seeded(1), seen: HashMap::new() }
    }

    /// The next so many draws.
    pub(crate) fn next(&mut self, count: usize) -> Vec<usize> {
        (0..count).map(|_| self.draw()).collect()
    }

    fn draw(&mut self) -> usize {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        // 53 bits are what a float holds: a number from 0 to below 1.
        let part = (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64;
        let wanted = part * self.cumulated.last().copied().unwrap_or_default();
        let rank = self.cumulated.partition_point(|sum| *sum <= wanted);
        let next = self.seen.len();
        *self.seen.entry(rank).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rank_has_its_share() {
        let mut draws = Draws::new(1000);
        let drawn = draws.next(100_000);
        // The sum of 1/k up to 1000 is 7.485, so that the first comes in 13.4 of 100 draws.
        let first = draws.seen[&0];
        let share = drawn.iter().filter(|token| **token == first).count();
        assert!((12_900..13_900).contains(&share), "{share}");
    }

    #[test]
    fn tokens_are_numbered_as_they_come() {
        let drawn = Draws::new(TOKENS).next(500);
        assert_eq!(drawn[0], 0);
        let mut most = 0;
        for token in drawn {
            assert!(token <= most + 1, "{token} after {most}");
            most = most.max(token);
        }
        assert!(most > 200, "{most}");
    }

    #[test]
    fn every_run_draws_the_same() {
        assert_eq!(Draws::new(50).next(100), Draws::new(50).next(100));
    }
}
