//! The measurement: every set-up in turn, round after round, so that what changes on the machine
//! meanwhile meets all of them alike.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    cpu,
    setups::{Proxies, SetUp, about},
    spread::Spread,
    tokens::Signer,
    workload::{Traffic, Workload},
};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Rounds at least, whatever they take.
    pub(crate) least_rounds: usize,
    /// Rounds at most.
    pub(crate) most_rounds: usize,
    /// No further round begins after this time.
    pub(crate) time: Duration,
    /// Requests of a set-up in a round, see [`Workload::requests`].
    pub(crate) requests: usize,
}

/// One set-up under one workload in one round.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Microseconds of the serving threads for a request.
    cpu: f64,
    /// Requests a second.
    throughput: f64,
    /// The part of the time in which the serving threads ran, over 1 for several at once.
    busy: f64,
    /// The part of their time in which they were ready, but others ran.
    waited: f64,
}

/// An algorithm, a workload, and a set-up.
type Cell = (&'static str, Workload, &'static str);

/// Everything that was measured, by round.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    samples: BTreeMap<Cell, Vec<Sample>>,
    bare: BTreeMap<&'static str, &'static str>,
    pub(crate) rounds: usize,
    /// Requests that were measured and answered as expected.
    pub(crate) requests: usize,
    /// What was left out, and why.
    pub(crate) remarks: Vec<String>,
    /// Bytes of a token, by algorithm.
    pub(crate) sizes: BTreeMap<&'static str, usize>,
}

impl Figures {
    /// Measures.
    ///
    /// # Errors
    ///
    /// A set-up does not do its work, or an answer was another than expected.
    pub(crate) fn measure(
        proxies: &Proxies,
        signers: &[Signer],
        effort: Effort,
        mut tell: impl FnMut(&str),
    ) -> Result<Self> {
        let mut figures = Self::default();
        let mut lanes = Vec::new();
        for signer in signers {
            let mut traffic = Traffic::new(*signer)?;
            let (set_ups, remarks) = proxies.set_ups(&mut traffic.pool)?;
            figures.remarks.extend(remarks);
            figures.bare.extend(set_ups.iter().map(|set_up| (set_up.name, set_up.bare)));
            figures.sizes.insert(signer.name(), traffic.pool.get(0)?.len());
            lanes.push((signer.name(), traffic, set_ups));
        }
        let mut spent = Duration::ZERO;
        for round in 0..effort.most_rounds {
            if round >= effort.least_rounds && spent > effort.time {
                break;
            }
            tell(&format!("round {} of at most {}", round + 1, effort.most_rounds));
            for (signer, traffic, set_ups) in &mut lanes {
                for workload in Workload::ALL {
                    let tokens = traffic.next(workload, workload.requests(effort.requests))?;
                    // Minting is no part of it.
                    let start = Instant::now();
                    figures.round(signer, workload, &tokens, set_ups, round)?;
                    spent += start.elapsed();
                }
            }
            figures.rounds = round + 1;
        }
        Ok(figures)
    }

    /// One workload through all set-ups, there and in the next round back, so that none always
    /// follows the same other.
    fn round(
        &mut self,
        signer: &'static str,
        workload: Workload,
        tokens: &[String],
        set_ups: &mut [SetUp],
        round: usize,
    ) -> Result<()> {
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let mut turn: Vec<&mut SetUp> = set_ups.iter_mut().collect();
        if round % 2 == 1 {
            turn.reverse();
        }
        for set_up in turn {
            let path = set_up.path(workload);
            let before = cpu::times(&set_up.threads)?;
            let wall = set_up.client.run(path, &tokens, workload.status()).with_context(|| {
                format!("{}, {signer}, {}", about(set_up.name), workload.name())
            })?;
            let used = cpu::times(&set_up.threads)? - before;
            let count = tokens.len() as f64;
            self.requests += tokens.len();
            self.samples.entry((signer, workload, set_up.name)).or_default().push(Sample {
                cpu: used.ran.as_secs_f64() * 1e6 / count,
                throughput: count / wall.as_secs_f64(),
                busy: used.ran.as_secs_f64() / wall.as_secs_f64(),
                waited: used.waited.as_secs_f64() / (used.ran + used.waited).as_secs_f64(),
            });
        }
        Ok(())
    }

    /// The set-ups that were measured for an algorithm, in the order in which they are shown.
    pub(crate) fn set_ups(&self, signer: &str, all: &[&'static str]) -> Vec<&'static str> {
        let measured = |name: &&&'static str| {
            self.samples.keys().any(|(known, _, set_up)| *known == signer && set_up == *name)
        };
        all.iter().filter(measured).copied().collect()
    }

    /// Microseconds of the serving threads for a request.
    pub(crate) fn cpu(&self, signer: &str, workload: Workload, set_up: &str) -> Option<Spread> {
        Spread::of(&self.each(signer, workload, set_up, |sample| sample.cpu))
    }

    /// Microseconds that a set-up adds to its proxy without a check; each round is compared with
    /// itself.
    pub(crate) fn added(&self, signer: &str, workload: Workload, set_up: &str) -> Option<Spread> {
        let bare = self.bare.get(set_up).filter(|bare| **bare != set_up)?;
        let with = self.each(signer, workload, set_up, |sample| sample.cpu);
        let without = self.each(signer, workload, bare, |sample| sample.cpu);
        let added: Vec<f64> =
            with.iter().zip(&without).map(|(with, without)| with - without).collect();
        Spread::of(&added)
    }

    /// Requests a second.
    pub(crate) fn throughput(
        &self,
        signer: &str,
        workload: Workload,
        set_up: &str,
    ) -> Option<Spread> {
        Spread::of(&self.each(signer, workload, set_up, |sample| sample.throughput))
    }

    /// The part of the time in which the serving threads ran, over 1 for several at once.
    pub(crate) fn busy(&self, signer: &str, workload: Workload, set_up: &str) -> Option<Spread> {
        Spread::of(&self.each(signer, workload, set_up, |sample| sample.busy))
    }

    /// The part of their time that serving threads waited for a processor: 0 on a quiet machine.
    pub(crate) fn waited(&self) -> Option<Spread> {
        let all: Vec<f64> = self.samples.values().flatten().map(|sample| sample.waited).collect();
        Spread::of(&all)
    }

    fn each(
        &self,
        signer: &str,
        workload: Workload,
        set_up: &str,
        part: impl Fn(&Sample) -> f64,
    ) -> Vec<f64> {
        let found = self.samples.iter().find(|((known, kind, name), _)| {
            *known == signer && *kind == workload && *name == set_up
        });
        found.map(|(_, samples)| samples.iter().map(part).collect()).unwrap_or_default()
    }
}

#[cfg(test)]
impl Figures {
    /// One algorithm through one guard that adds 5 microseconds, in three rounds.
    pub(crate) fn example() -> Self {
        use crate::envoy::{BARE, GATE};
        let mut figures = Self { rounds: 3, ..Self::default() };
        figures.bare = BTreeMap::from([(BARE, BARE), (GATE, BARE)]);
        figures.sizes = BTreeMap::from([("RS256", 900)]);
        for (workload, set_up, base) in
            Workload::ALL.into_iter().flat_map(|kind| [(kind, BARE, 40.0), (kind, GATE, 45.0)])
        {
            // What disturbs a round meets both alike.
            let samples = [0.0, 20.0, 1.0].map(|extra| Sample {
                cpu: base + extra,
                throughput: 1e6 / (base + extra),
                busy: 0.9,
                waited: 0.1,
            });
            figures.samples.insert(("RS256", workload, set_up), samples.to_vec());
        }
        figures
    }

    /// The example, and HAProxy with a set-up's microseconds for a whole request of one token.
    pub(crate) fn example_with(whole: &[(&'static str, f64)]) -> Self {
        let mut figures = Self::example();
        for (set_up, cpu) in whole {
            let sample = Sample { cpu: *cpu, throughput: 1e6 / cpu, busy: 0.9, waited: 0.0 };
            figures.samples.insert(("RS256", Workload::Repeated, set_up), vec![sample; 3]);
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::{BARE, GATE};

    #[test]
    fn what_is_added_is_compared_within_a_round() {
        let figures = Figures::example();
        let added = figures.added("RS256", Workload::New, GATE);
        assert_eq!(added, Some(Spread { low: 5.0, median: 5.0, high: 5.0 }));
        assert_eq!(figures.added("RS256", Workload::New, BARE), None);
        assert_eq!(figures.cpu("RS256", Workload::New, BARE).unwrap().median, 41.0);
        assert_eq!(figures.cpu("ES256", Workload::New, BARE), None);
    }
}
