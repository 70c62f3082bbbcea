//! Writes every scenario, with its tokens minted, in the format of the harness.
//!
//! ```sh
//! cargo xtask scenarios                     # into target/scenarios
//! ```

use std::{env, fs, path::PathBuf, process::ExitCode};

use scenario_corpus::load;

fn main() -> ExitCode {
    match export() {
        Ok(count) => {
            println!("target/scenarios: {count} scenarios");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the files anew and gives their number.
fn export() -> Result<usize, String> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(module), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("expected a folder to write to, and the path of the module".to_owned());
    };
    let shown = |path: &PathBuf, error| format!("{}: {error}", path.display());
    if folder.exists() {
        // A scenario that is gone must not be played.
        fs::remove_dir_all(&folder).map_err(|error| shown(&folder, error))?;
    }
    let module = module.to_string_lossy();
    let mut count = 0;
    for case in load().map_err(|error| error.to_string())? {
        let scenario = case.mint(0).map_err(|error| error.to_string())?;
        let Some(text) = scenario.exported(&module) else {
            println!("{}: its configuration is not text, or fetches: left out", scenario.name);
            continue;
        };
        let path = folder.join(format!("{}.toml", scenario.name));
        let parent = path.parent().unwrap_or(&folder).to_path_buf();
        fs::create_dir_all(&parent).map_err(|error| shown(&parent, error))?;
        fs::write(&path, text).map_err(|error| shown(&path, error))?;
        count += 1;
    }
    Ok(count)
}
