//! The stages natively: reads the input from standard input, and how long to measure each stage, in
//! microseconds, from the command line; writes names and nanoseconds, a pair of JSON a line.

use std::{
    env,
    error::Error,
    io::{Read as _, stdin},
    time::{Duration, Instant},
};

use bench_stages::{Stage, stages};

/// Of so many batches the middle one counts.
const BATCHES: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let time = env::args().nth(1).ok_or("found no argument, expected a number of microseconds")?;
    let time = Duration::from_micros(time.parse()?);
    let mut input = Vec::new();
    stdin().read_to_end(&mut input)?;
    for mut stage in stages(&serde_json::from_slice(&input)?) {
        let nanoseconds = measure(&mut stage, time);
        println!("{}", serde_json::to_string(&(&stage.name, nanoseconds))?);
    }
    Ok(())
}

fn measure(stage: &mut Stage, time: Duration) -> f64 {
    let batch = time / u32::try_from(BATCHES).unwrap_or(u32::MAX);
    let mut timed = |times: u32| {
        let start = Instant::now();
        stage.run(times);
        start.elapsed()
    };
    let mut times = 1;
    while timed(times) < batch && times < u32::MAX / 2 {
        times *= 2;
    }
    let mut batches: Vec<Duration> = (0..BATCHES).map(|_| timed(times)).collect();
    batches.sort();
    batches[BATCHES / 2].as_secs_f64() * 1e9 / f64::from(times)
}
