//! How long a command takes from the call to its end: what everybody who calls bzzz in a loop or a hook pays.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::machine::{Times, folder, ms, ratio};
use super::{Extent, Figure, code, review};
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain as _, Result, fail};

const NAME: &str = "cold-start";
const GOAL: Duration = Duration::from_millis(30);
/// Runs before the measurement, so that files are in the cache.
const WARM_UP: usize = 3;

/// Runs the measurement.
pub fn run(extent: Extent) -> Result<Vec<Figure>> {
    let place = folder()?;
    let file = place.path().join("certificate.pem");
    let certificate = review::certificate(place.path(), code::change(30))?;
    std::fs::write(&file, certificate).explain(Exit::Local, "could not write a certificate", None)?;
    let file = file.to_string_lossy().into_owned();
    let me = std::env::current_exe().explain(Exit::Local, "could not find this program", None)?;
    [&["--version"][..], &["verify", &file]]
        .into_iter()
        .map(|args| one(&me, place.path(), args, extent.runs))
        .collect()
}

fn one(me: &Path, home: &Path, args: &[&str], runs: usize) -> Result<Figure> {
    let mut ours = Vec::with_capacity(runs);
    let mut bare = Vec::with_capacity(runs);
    // In turns, so that whatever else the machine does meets both.
    for run in 0..runs + WARM_UP {
        let (a, b) = (spawn(me, home, args)?, spawn(Path::new("true"), home, &[])?);
        if run >= WARM_UP {
            ours.push(a);
            bare.push(b);
        }
    }
    let (ours, bare) = (Times::new(ours), Times::new(bare));
    let value = format!("p50 {}, p99 {}", ms(ours.median()), ms(ours.percentile(99)));
    let how = format!("a new process and its end, {runs} runs in turn with the process `true`");
    Ok(Figure::new(NAME, args[0].trim_start_matches('-'), value, how)
        .beside(
            format!("p50 {}", ms(bare.median())),
            ratio(ours.median(), bare.median()),
        )
        .aims("≤ 30 ms at p50", ours.median() <= GOAL))
}

fn spawn(program: &Path, home: &Path, args: &[&str]) -> Result<Duration> {
    let attempt = || format!("could not run {}", program.display());
    let started = Instant::now();
    let status = Command::new(program)
        .args(args)
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .explain(Exit::Local, attempt(), None)?;
    let took = started.elapsed();
    if status.success() {
        Ok(took)
    } else {
        Err(fail(
            Exit::Local,
            format!("{}: it ended with {status}", attempt()),
            None,
        ))
    }
}
