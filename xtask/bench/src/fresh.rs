//! The first answers of a proxy that has just started.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::{
    client::Client,
    cpu::Thread,
    envoy,
    setups::Proxies,
    spread::Spread,
    tokens::{Pool, Signer},
};

/// Milliseconds of the worker for the first and the second token that a listener ever sees.
#[derive(Debug, Default)]
pub(crate) struct First {
    samples: BTreeMap<&'static str, Vec<[f64; 2]>>,
    pub(crate) starts: usize,
}

impl First {
    /// Starts Envoy anew so many times, and asks every listener twice.
    ///
    /// # Errors
    ///
    /// Envoy did not start, or refused a good token.
    pub(crate) fn measure(proxies: &Proxies, signer: Signer, starts: usize) -> Result<Self> {
        let mut pool = Pool::open(signer, "new")?;
        pool.grow(3)?;
        let mut first = Self::default();
        for start in 0..starts {
            let envoy = envoy::start("bench-fresh", proxies.upstream())?;
            let worker = Thread::named(envoy.id(), envoy::WORKER)?;
            // What Envoy itself does for the first time belongs to no filter.
            Client::connect(envoy.port(envoy::BARE), 1)?.ask("/", Some(pool.get(2)?))?;
            let mut names = envoy::LISTENERS.map(|(name, _)| name);
            names.rotate_left(start % envoy::LISTENERS.len());
            for name in names {
                let mut client = Client::connect(envoy.port(name), 1)?;
                let mut ask = |place: usize| -> Result<f64> {
                    let before = worker.times()?;
                    let status = client.ask("/", Some(pool.get(place)?))?.status;
                    let used = worker.times()? - before;
                    (status == 200).then_some(used.ran.as_secs_f64() * 1e3).with_context(|| {
                        format!("the first token at {name}: found status {status}, expected 200")
                    })
                };
                let sample = [ask(0)?, ask(1)?];
                first.samples.entry(name).or_default().push(sample);
            }
        }
        first.starts = starts;
        Ok(first)
    }

    /// Milliseconds for the first token of a listener and for the second.
    pub(crate) fn of(&self, listener: &str) -> Option<[Spread; 2]> {
        let samples = self.samples.get(listener)?;
        let column = |place: usize| -> Vec<f64> {
            samples.iter().filter_map(|sample| sample.get(place).copied()).collect()
        };
        Some([Spread::of(&column(0))?, Spread::of(&column(1))?])
    }
}
