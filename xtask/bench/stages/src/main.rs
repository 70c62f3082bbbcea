//! The runner that runs the stages natively: a line for a line, see the library.

use std::{
    error::Error,
    io::{self, BufRead as _, Write as _},
    time::Instant,
};

use bench_stages::{greeting, stages};

// As WebAssembly the library alone is of use.
fn main() -> Result<(), Box<dyn Error>> {
    if cfg!(target_family = "wasm") {
        return Err("found WebAssembly, expected a native program: see exports.rs".into());
    }
    let mut lines = io::stdin().lock().lines();
    let input = lines.next().ok_or("found no line, expected the input")??;
    let mut stages = stages(serde_json::from_str(&input)?);
    let mut out = io::stdout().lock();
    writeln!(out, "{}", greeting(&stages))?;
    for line in lines {
        let line = line?;
        let (stage, times) = line.split_once(' ').ok_or("found one number, expected two")?;
        let stage = stages.get_mut(stage.parse::<usize>()?).ok_or("found no such stage")?;
        let times = times.parse()?;
        let start = Instant::now();
        stage.run(times);
        writeln!(out, "{}", start.elapsed().as_nanos())?;
        out.flush()?;
    }
    Ok(())
}
