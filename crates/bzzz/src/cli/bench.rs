//! `bzzz bench`: what this program costs on this machine, each figure beside a bare baseline of the same run.
//!
//! Only what needs processes is measured here; the parts of the core have their benchmarks in the repository.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result};
use crate::term::table::table;

/// Runs before the measurement, so that files are in the cache.
const WARM_UP: usize = 3;

/// Arguments of `bzzz bench`.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// Runs of each measurement
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(3..=1_000))]
    runs: u16,
}

struct Figure {
    what: &'static str,
    median: Duration,
    worst: Duration,
    baseline: &'static str,
    base: Duration,
}

/// Runs the command.
pub fn run(args: BenchArgs, context: &mut Context) -> Result<Exit> {
    let runs = usize::from(args.runs);
    let mut figures = vec![
        cold_start(runs, &["--version"], "start, --version")?,
        cold_start(runs, &["config", "show"], "start, config show")?,
    ];
    if let Ok(client) = context.client() {
        let ask = || client.get("status", &[], "could not ask the node").map(drop);
        if ask().is_ok() {
            let (median, worst) = measure(runs, ask)?;
            let address = client.base().trim_start_matches("http://").to_owned();
            let attempt = "could not connect to the node";
            let (base, _) = measure(runs, || {
                std::net::TcpStream::connect(&address)
                    .map(drop)
                    .explain(Exit::Node, attempt, None)
            })?;
            figures.push(Figure {
                what: "status of the node",
                median,
                worst,
                baseline: "TCP connect",
                base,
            });
        }
    }
    let answer = json!({ "runs": runs, "figures": figures.iter().map(to_json).collect::<Vec<_>>() });
    context.show(&answer, |screen| {
        let rows: Vec<Vec<String>> = figures
            .iter()
            .map(|figure| {
                vec![
                    figure.what.to_owned(),
                    ms(figure.median),
                    ms(figure.worst),
                    ratio(figure),
                    format!("{} {}", figure.baseline, ms(figure.base)),
                ]
            })
            .collect();
        table(screen, &["what", "median", "worst", "ratio", "baseline"], &rows, "")
    })?;
    Ok(Exit::Ok)
}

/// This program as a new process, against `true`, the least that a process can do.
fn cold_start(runs: usize, args: &[&str], what: &'static str) -> Result<Figure> {
    let me = std::env::current_exe().explain(Exit::Local, "could not find this program", None)?;
    let spawn = |program: &std::path::Path, args: &[&str]| {
        Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map(drop)
            .explain(Exit::Local, format!("could not run {}", program.display()), None)
    };
    let (median, worst) = measure(runs, || spawn(&me, args))?;
    let (base, _) = measure(runs, || spawn(std::path::Path::new("true"), &[]))?;
    Ok(Figure {
        what,
        median,
        worst,
        baseline: "process `true`",
        base,
    })
}

fn measure(runs: usize, mut work: impl FnMut() -> Result<()>) -> Result<(Duration, Duration)> {
    for _ in 0..WARM_UP {
        work()?;
    }
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok((times[times.len() / 2], times[times.len() - 1]))
}

fn ms(time: Duration) -> String {
    format!("{}.{:02} ms", time.as_millis(), time.as_micros() % 1_000 / 10)
}

/// Median over baseline, with one digit after the point.
fn ratio(figure: &Figure) -> String {
    let tenths = figure.median.as_nanos() * 10 / figure.base.as_nanos().max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn to_json(figure: &Figure) -> Value {
    json!({
        "what": figure.what,
        "median_us": figure.median.as_micros(),
        "worst_us": figure.worst.as_micros(),
        "baseline": figure.baseline,
        "baseline_us": figure.base.as_micros(),
        "ratio": ratio(figure),
    })
}
