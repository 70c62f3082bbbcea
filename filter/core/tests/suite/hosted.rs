//! Tests for the targets with files and randomness.

mod documents;
mod json;
mod oracle;
mod paths;
mod refresh;
mod requests;
mod requirements;
mod structs;

use proptest::test_runner::{Config, RngSeed};

/// A number of random cases, the same in each run: what fails, fails again. The variable
/// `PROPTEST_RNG_SEED` looks elsewhere, and the fuzz targets look everywhere.
fn cases(cases: u32) -> Config {
    // The machine has tried them all; as wasm, several times slower, a sample shows what differs.
    let cases = if cfg!(target_family = "wasm") { cases / 8 } else { cases };
    let mut config = Config { cases, failure_persistence: None, ..Config::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(0);
    }
    config
}
