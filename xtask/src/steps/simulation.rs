//! The simulator, in release (it does millions of signatures): over its seeds, and over bugs planted to be found.
//!
//! A planted bug is code behind `#[cfg(bzzz_plant = "NAME")]`. Each is compiled in alone, and the test named in
//! [`PLANTED`] must then *find* it: it passes when the simulator reports a broken invariant within its number of seeds.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::repository;
use crate::runner::{Context, Outcome, StepResult};
use crate::shell::{cargo, loud, quiet};

/// Tells the simulation its fresh seed, decimal.
pub const SEED_VARIABLE: &str = "BZZZ_SIM_SEED";
/// Tells the test of planted bugs which one is compiled in.
pub const PLANT_VARIABLE: &str = "BZZZ_PLANT";
/// Fewer planted bugs do not show that the simulator can fail.
const PLANTS_MIN: usize = 12;

/// One run of cargo.
struct Run {
    /// What `cargo` is given.
    arguments: &'static str,
    /// A file without which there is nothing to run.
    needs: &'static str,
}

/// Fixed seeds, which the test knows, and the fresh one.
const SIMULATION: &[Run] = &[Run {
    arguments: "test --release --locked -p bzzz-core --features sim --test simulation",
    needs: "crates/core/tests/simulation.rs",
}];

/// Run once for each planted bug.
const PLANTED: Run = Run {
    arguments: "test --release --locked -p bzzz-core --features sim --test planted",
    needs: "crates/core/tests/planted.rs",
};

/// Runs [`SIMULATION`].
pub fn simulation(context: &Context) -> StepResult {
    let seed = context.options.seed.unwrap_or_else(fresh_seed);
    println!("    fresh seed {seed}; to repeat: cargo xtask test --only simulation --seed {seed}");
    for run in SIMULATION {
        if !context.path(run.needs).exists() {
            return Ok(Outcome::Missing(format!("there is no {}", run.needs)));
        }
        let mut command = cargo();
        command.current_dir(&context.root).args(run.arguments.split(' '));
        loud(command.env(SEED_VARIABLE, seed.to_string()))?;
    }
    Ok(Outcome::Done)
}

/// Runs [`PLANTED`] for every bug that is planted in the sources.
pub fn planted(context: &Context) -> StepResult {
    let files = repository::files(&context.root)?;
    let sources = files
        .iter()
        .filter(|file| file.path.starts_with("crates/") && file.extension() == "rs");
    let plants: BTreeSet<String> = sources.flat_map(|file| names(&file.text)).collect();
    if !context.path(PLANTED.needs).exists() {
        return Ok(Outcome::Missing(format!("there is no {}", PLANTED.needs)));
    }
    let mut missed = Vec::new();
    for plant in &plants {
        let begun = Instant::now();
        let mut command = cargo();
        command.current_dir(&context.root).args(PLANTED.arguments.split(' '));
        command
            .env(PLANT_VARIABLE, plant)
            .env("RUSTC_WORKSPACE_WRAPPER", wrapper(context, plant)?);
        match quiet(&mut command) {
            Ok(_) => println!("    {plant}: found, in {:.1} s", begun.elapsed().as_secs_f64()),
            Err(error) => {
                println!("    {plant}: NOT FOUND\n{error}");
                missed.push(plant.as_str());
            }
        }
    }
    if !missed.is_empty() {
        return Err(format!(
            "the simulator did not find what was planted: {}",
            missed.join(", ")
        ));
    }
    if plants.len() < PLANTS_MIN {
        return Ok(Outcome::Missing(format!(
            "{} bugs are planted, fewer than {PLANTS_MIN}",
            plants.len()
        )));
    }
    Ok(Outcome::Done)
}

/// The names in `bzzz_plant = "NAME"` within a source text.
fn names(text: &str) -> Vec<String> {
    let quoted = |rest: &str| {
        Some(
            rest.trim_start()
                .strip_prefix('=')?
                .trim_start()
                .strip_prefix('"')?
                .to_owned(),
        )
    };
    let rests = text
        .match_indices("bzzz_plant")
        .filter_map(|(at, found)| quoted(&text[at + found.len()..]));
    rests
        .filter_map(|rest| rest.split_once('"').map(|(name, _)| name.to_owned()))
        .collect()
}

/// A script that compiles the workspace's own crates with one bug planted. Cargo tells builds apart by the wrapper's path and
/// uses it for members of the workspace only, so the dependencies are not built again, as they would be with `RUSTFLAGS`.
fn wrapper(context: &Context, plant: &str) -> Result<PathBuf, String> {
    if !plant.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!(
            "the planted bug `{plant}` needs a name of letters, digits and `_`"
        ));
    }
    let folder = context.workshop().join("plants").join(plant);
    let script = folder.join("rustc");
    let text = format!("#!/bin/sh\nexec \"$@\" --cfg 'bzzz_plant=\"{plant}\"'\n");
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", script.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    // Left as it is where it fits: cargo looks at its time to tell whether to build again.
    if fs::read_to_string(&script).is_ok_and(|old| old == text) {
        return Ok(script);
    }
    fs::write(&script, text).map_err(failed)?;
    quiet(crate::shell::program("chmod").arg("+x").arg(&script))?;
    Ok(script)
}

/// The clock's fine part: good enough to be another one each time, and it is printed.
fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs().wrapping_mul(1_000_000_007) ^ u64::from(now.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plants_are_found_in_the_sources() {
        let text = "#[cfg(bzzz_plant = \"stale_token\")]\n#[cfg(not(bzzz_plant=\"skipped_fsync\"))]\ncfg(bzzz_plant)\n";
        assert_eq!(names(text), ["stale_token", "skipped_fsync"]);
    }
}
