//! The simulator, in release (it does millions of signatures): over its seeds, and over bugs planted to be found.
//!
//! The runs are rows of two tables; a run is a test binary of the core, which knows its fixed seeds itself.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::runner::{Context, Outcome, StepResult};
use crate::shell::{cargo, loud};

/// Tells the simulation its fresh seed, decimal.
pub const SEED_VARIABLE: &str = "BZZZ_SIM_SEED";

/// One run of cargo.
struct Run {
    /// What `cargo` is given.
    arguments: &'static str,
    /// Further environment.
    environment: &'static [(&'static str, &'static str)],
    /// A file without which there is nothing to run.
    needs: &'static str,
}

/// Fixed seeds and the fresh one.
const SIMULATION: &[Run] = &[Run {
    arguments: "test --release --locked -p bzzz-core --features sim --test simulation",
    environment: &[],
    needs: "crates/core/tests/simulation.rs",
}];

/// Every planted bug within its number of seeds. The flag would make cargo build everything anew, and again the next
/// time without it: hence a target folder of its own.
const PLANTED: &[Run] = &[Run {
    arguments: "test --release --locked -p bzzz-core --features sim --test planted --target-dir target/planted",
    environment: &[("RUSTFLAGS", "--cfg bzzz_plant")],
    needs: "crates/core/tests/planted.rs",
}];

/// Runs [`SIMULATION`].
pub fn simulation(context: &Context) -> StepResult {
    let seed = context.options.seed.unwrap_or_else(fresh_seed);
    println!("    fresh seed {seed}; to repeat: cargo xtask test --only simulation --seed {seed}");
    all(context, SIMULATION, &[(SEED_VARIABLE, &seed.to_string())])
}

/// Runs [`PLANTED`].
pub fn planted(context: &Context) -> StepResult {
    all(context, PLANTED, &[])
}

fn all(context: &Context, runs: &[Run], environment: &[(&str, &str)]) -> StepResult {
    for run in runs {
        if !context.path(run.needs).exists() {
            return Ok(Outcome::Missing(format!("there is no {}", run.needs)));
        }
        let mut command = cargo();
        command.current_dir(&context.root).args(run.arguments.split(' '));
        command
            .envs(run.environment.iter().copied())
            .envs(environment.iter().copied());
        loud(&mut command)?;
    }
    Ok(Outcome::Done)
}

/// The clock's fine part: good enough to be another one each time, and it is printed.
fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs().wrapping_mul(1_000_000_007) ^ u64::from(now.subsec_nanos())
}
