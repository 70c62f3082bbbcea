//! Which tokens come, and in which order.

use anyhow::Result;

use crate::{
    tokens::{Pool, Signer},
    zipf::{self, Draws},
};

/// A kind of traffic.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Workload {
    /// One token over and over.
    Repeated,
    /// No token comes twice.
    New,
    /// A hundred thousand tokens, few of them common.
    Mix,
    /// Good claims under a signature that is not theirs; no token comes twice.
    Forged,
}

impl Workload {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 4] = [Self::Repeated, Self::New, Self::Mix, Self::Forged];

    /// A word or two for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Repeated => "one token",
            Self::New => "new tokens",
            Self::Mix => "a mix",
            Self::Forged => "forged tokens",
        }
    }

    /// What is answered.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Repeated | Self::New | Self::Mix => 200,
            Self::Forged => 401,
        }
    }

    /// Requests of one round, of `most`: fewer where each may cost a verification.
    pub(crate) fn requests(self, most: usize) -> usize {
        match self {
            Self::Repeated | Self::Mix => most,
            Self::New | Self::Forged => most.div_ceil(2),
        }
    }
}

/// The tokens of one algorithm, round by round.
pub(crate) struct Traffic {
    /// Place 0 is the repeated one.
    pub(crate) pool: Pool,
    mix: Pool,
    draws: Draws,
    used: usize,
}

impl Traffic {
    /// The traffic of the first round.
    ///
    /// # Errors
    ///
    /// The key cannot be read.
    pub(crate) fn new(signer: Signer) -> Result<Self> {
        Ok(Self {
            pool: Pool::open(signer, "new")?,
            mix: Pool::open(signer, "mix")?,
            draws: Draws::new(zipf::TOKENS),
            // Behind those that the checks use.
            used: 2,
        })
    }

    /// The tokens of the next round of a workload, `count` of them.
    ///
    /// # Errors
    ///
    /// They cannot be minted.
    pub(crate) fn next(&mut self, workload: Workload, count: usize) -> Result<Vec<String>> {
        let mut place = || -> Result<Vec<usize>> {
            let places = (self.used..self.used + count).collect();
            self.used += count;
            // One more, whose signature the last forged one has.
            self.pool.grow(self.used + 1)?;
            Ok(places)
        };
        match workload {
            Workload::Repeated => {
                self.pool.grow(1)?;
                Ok(vec![self.pool.get(0)?.to_owned(); count])
            }
            Workload::New => {
                place()?.into_iter().map(|at| Ok(self.pool.get(at)?.to_owned())).collect()
            }
            Workload::Forged => place()?.into_iter().map(|at| self.pool.forged(at)).collect(),
            Workload::Mix => {
                let drawn = self.draws.next(count);
                self.mix.grow(drawn.iter().max().map_or(0, |most| most + 1))?;
                drawn.into_iter().map(|at| Ok(self.mix.get(at)?.to_owned())).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::tokens::SIGNERS;

    #[test]
    fn no_new_or_forged_token_comes_twice() {
        let mut traffic = Traffic::new(SIGNERS[3]).unwrap();
        let mut seen = BTreeSet::new();
        for workload in [Workload::New, Workload::Forged, Workload::New] {
            for token in traffic.next(workload, 20).unwrap() {
                assert!(seen.insert(token), "{workload:?}");
            }
        }
        assert_eq!(seen.len(), 60);
    }

    #[test]
    fn the_repeated_token_stays_and_the_mix_repeats_some() {
        let mut traffic = Traffic::new(SIGNERS[3]).unwrap();
        let repeated = traffic.next(Workload::Repeated, 10).unwrap();
        assert_eq!(repeated, traffic.next(Workload::Repeated, 10).unwrap());
        let mix: Vec<String> = traffic.next(Workload::Mix, 200).unwrap();
        let different: BTreeSet<&String> = mix.iter().collect();
        assert!((50..200).contains(&different.len()), "{}", different.len());
    }
}
