//! `bzzz sim`: a network in virtual time with faulty links, disks and voters; the invariants are checked after each step.

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bzzz_core::sim::{self, Config};
use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::Result;

/// Arguments of `bzzz sim`.
#[derive(Debug, clap::Args)]
pub struct SimArgs {
    /// Nodes
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    nodes: u32,
    /// Seed; the same seed gives the same run [default: a fresh one, which is printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Minutes of virtual time
    #[arg(long, value_name = "M", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    minutes: u32,
    /// Where the input log of a failure goes
    #[arg(long, value_name = "FILE", default_value = "bzzz-sim-failure.log")]
    log: PathBuf,
}

/// Runs the command.
pub fn run(args: SimArgs, context: &mut Context) -> Result<Exit> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let config = Config::of_seed(args.nodes as usize, seed, u64::from(args.minutes));
    let started = Instant::now();
    let outcome = sim::run(&config);
    let wall_ms = started.elapsed().as_millis() as u64;
    match outcome {
        Ok(mut summary) => {
            summary.wall_ms = wall_ms;
            let text = summary.to_string();
            let answer = json!({ "valid": true, "summary": "valid: every invariant held", "seed": seed, "details": text.lines().collect::<Vec<_>>() });
            super::check::show(&answer, context)
        }
        Err(failure) => {
            super::text::write_file(&args.log, failure.log.as_bytes())?;
            let answer = json!({
                "valid": false,
                "summary": format!("not valid: {failure}"),
                "seed": seed,
                "log": args.log,
                "details": [
                    format!("seed {seed}, {} nodes, step {}, {} ms of virtual time", args.nodes, failure.step, failure.at_ms),
                    format!("step through it: bzzz replay {}", args.log.display()),
                ],
            });
            super::check::show(&answer, context)
        }
    }
}

fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(1, |d| d.as_secs() * 1_000 + u64::from(d.subsec_millis()))
}
