//! The simulator, in release (it does millions of signatures): over its seeds, and over bugs planted to be found.
//!
//! Planted bugs are compiled in by the test-only feature `plant` of the core and switched on one by one by the test itself,
//! so one build serves all. The test counts them, and fails when one is not found within its number of seeds.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::runner::{Context, Outcome, StepResult};
use crate::shell::{cargo, loud};

/// Tells the simulation its fresh seed, decimal.
pub const SEED_VARIABLE: &str = "BZZZ_SIM_SEED";

/// One run of cargo.
struct Run {
    /// What `cargo` is given.
    arguments: &'static str,
    /// A file without which there is nothing to run.
    needs: &'static str,
}

/// Fixed seeds, which the test knows, and the fresh one.
const SIMULATION: Run = Run {
    arguments: "test --release --locked -p bzzz-core --features sim --test simulation",
    needs: "crates/core/tests/simulation/main.rs",
};

/// All planted bugs.
const PLANTED: Run = Run {
    arguments: "test --release --locked -p bzzz-core --features plant --test planted -- --nocapture",
    needs: "crates/core/tests/planted.rs",
};

/// Runs [`SIMULATION`].
pub fn simulation(context: &Context) -> StepResult {
    let seed = context.options.seed.unwrap_or_else(fresh_seed);
    println!("    fresh seed {seed}; to repeat: cargo xtask test --only simulation --seed {seed}");
    run(context, &SIMULATION, Some(seed))
}

/// Runs [`PLANTED`].
pub fn planted(context: &Context) -> StepResult {
    run(context, &PLANTED, None)
}

fn run(context: &Context, run: &Run, seed: Option<u64>) -> StepResult {
    if !context.path(run.needs).exists() {
        return Ok(Outcome::Missing(format!("there is no {}", run.needs)));
    }
    let mut command = cargo();
    command.current_dir(&context.root).args(run.arguments.split(' '));
    if let Some(seed) = seed {
        command.env(SEED_VARIABLE, seed.to_string());
    }
    loud(&mut command)?;
    Ok(Outcome::Done)
}

fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(1, |d| d.as_secs() * 1_000 + u64::from(d.subsec_millis()))
}
