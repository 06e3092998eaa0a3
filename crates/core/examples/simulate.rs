//! Runs many seeds and prints a line for each: `simulate FIRST LAST [NODES [MINUTES [none]]]`.
//!
//! A failing seed's log goes to `simulation-SEED.log` in the folder that `BZZZ_SIM_LOGS` names.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example is a shell"
)]

use std::time::Instant;

use bzzz_core::sim::{Config, FaultProfile, run};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: u64| args.get(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (first, last, nodes, minutes) = (number(0, 1), number(1, 1), number(2, 20), number(3, 3));
    std::panic::set_hook(Box::new(|_| {}));
    let (started, mut steps, mut failed) = (Instant::now(), 0, 0);
    for seed in first..=last {
        let mut config = Config::of_seed(nodes as usize, seed, minutes);
        if args.get(4).is_some_and(|a| a == "none") {
            config.faults = FaultProfile::none();
        }
        let at = Instant::now();
        match run(&config) {
            Ok(mut summary) => {
                summary.wall_ms = at.elapsed().as_millis() as u64;
                steps += summary.steps;
                if last - first < 10 {
                    println!("{summary}");
                }
            }
            Err(failure) => {
                failed += 1;
                println!("{failure}");
                if let Ok(folder) = std::env::var("BZZZ_SIM_LOGS") {
                    let path = format!("{folder}/simulation-{seed}.log");
                    if let Err(e) = std::fs::write(&path, &failure.log) {
                        println!("could not write {path}: {e}");
                    }
                }
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} seeds, {failed} failed, {steps} steps in {seconds:.1} s ({:.0} steps/s)",
        last - first + 1,
        steps as f64 / seconds
    );
}
