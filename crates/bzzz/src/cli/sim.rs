//! `bzzz sim`: a network in virtual time with faulty links, disks and voters; the invariants are checked after each step.

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
}

/// Runs the command.
pub fn run(args: SimArgs, context: &mut Context) -> Result<Exit> {
    let body = json!({ "nodes": args.nodes, "seed": args.seed, "minutes": args.minutes });
    let answer = context
        .client()?
        .post_long("sim", &body, "could not run the simulation")?;
    super::check::show(&answer, context)
}
