//! `bzzz sim`: a network in virtual time with faulty links, disks and voters; the invariants are checked after each step.
//!
//! One seed prints what happened in it. Many (`--seeds`) are run one after another on each of `--jobs` threads: failures are
//! printed as they come, each with its saved log, and a summary at the end.

use std::ops::RangeInclusive;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bzzz_core::sim::{self, Config, Failure, FaultProfile, Summary, Totals};
use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::Result;
use super::interrupt::{INTERRUPTED, Interrupt};

/// Threads, at most.
const MAX_JOBS: i64 = 256;
/// How often it is said how far a run is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Arguments of `bzzz sim`.
#[derive(Debug, clap::Args)]
pub struct SimArgs {
    /// Nodes
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    nodes: u32,
    /// Seed; the same seed gives the same run [default: a fresh one, which is printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Many seeds, from one to another, both included
    #[arg(long, value_name = "A..B", value_parser = seeds, conflicts_with = "seed")]
    seeds: Option<Seeds>,
    /// Minutes of virtual time with work and faults; then all is healed and must come to rest
    #[arg(long, value_name = "M", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    minutes: u32,
    /// Threads, each with a seed of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MAX_JOBS), requires = "seeds")]
    jobs: u32,
    /// No faults at all
    #[arg(long)]
    no_faults: bool,
    /// Where the input log of a failure goes; with --seeds the seed is added to the name
    #[arg(long, value_name = "FILE", default_value = "bzzz-sim-failure.log")]
    log: PathBuf,
}

#[derive(Debug, Clone)]
struct Seeds(RangeInclusive<u64>);

fn seeds(text: &str) -> std::result::Result<Seeds, String> {
    let form = || format!("`{text}` is not of the form FIRST..LAST, as in 1..1000");
    let (first, last) = text.split_once("..").ok_or_else(form)?;
    let number = |text: &str| text.trim_start_matches('=').parse::<u64>().map_err(|_| form());
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(format!("{first} comes after {last}: give the lower seed first"));
    }
    Ok(Seeds(first..=last))
}

impl SimArgs {
    fn config(&self, seed: u64) -> Config {
        let mut config = Config::of_seed(self.nodes as usize, seed, u64::from(self.minutes));
        if self.no_faults {
            config.faults = FaultProfile::none();
        }
        config
    }

    fn log_of(&self, seed: u64) -> PathBuf {
        let stem = self.log.file_stem().unwrap_or_default().to_string_lossy();
        let extension = self.log.extension().unwrap_or_default().to_string_lossy();
        self.log.with_file_name(format!("{stem}-{seed}.{extension}"))
    }
}

/// Runs the command.
pub fn run(args: SimArgs, context: &mut Context) -> Result<Exit> {
    // A panic of a node is a finding of the run, told with its seed: the usual text on standard error would only confuse.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let interrupt = Interrupt::noted();
    let answered = match &args.seeds {
        Some(Seeds(seeds)) => many(&args, seeds.clone(), &interrupt, context),
        None => one(&args, &interrupt, context),
    };
    panic::set_hook(hook);
    let exit = super::check::show(&answered?, context)?;
    if interrupt.has_come() {
        context.out.flush()?;
        std::process::exit(INTERRUPTED);
    }
    Ok(exit)
}

/// One seed.
fn one(args: &SimArgs, interrupt: &Interrupt, context: &Context) -> Result<Value> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let started = Instant::now();
    let mut teller = Teller::new(context);
    let stop = interrupt.clone();
    let outcome = sim::run_watched(&args.config(seed), move |so_far| {
        teller.tell(|| {
            format!(
                "seed {seed}: {} virtual s, {} steps",
                so_far.virtual_ms / 1000,
                so_far.steps
            )
        });
        !stop.has_come()
    });
    let wall_ms = started.elapsed().as_millis() as u64;
    match outcome {
        Ok(mut summary) => {
            summary.wall_ms = wall_ms;
            let said = match summary.interrupted {
                true => "interrupted: every invariant held so far",
                false => "every invariant held",
            };
            let text = summary.to_string();
            Ok(json!({
                "valid": true,
                "interrupted": summary.interrupted,
                "summary": format!("valid: {said}"),
                "seed": seed,
                "counts": summary,
                "occurred": summary.occurred(),
                "details": text.lines().collect::<Vec<_>>(),
            }))
        }
        Err(failure) => {
            super::text::write_file(&args.log, failure.log.as_bytes())?;
            Ok(json!({
                "valid": false,
                "summary": format!("not valid: {failure}"),
                "seed": seed,
                "log": args.log,
                "details": [
                    format!("seed {seed}, {} nodes, step {}, {} ms of virtual time", args.nodes, failure.step, failure.at_ms),
                    format!("step through it: bzzz replay {}", args.log.display()),
                ],
            }))
        }
    }
}

/// What a thread tells of a seed.
type Told = (u64, std::result::Result<Summary, Box<Failure>>);

/// Many seeds.
fn many(args: &SimArgs, seeds: RangeInclusive<u64>, interrupt: &Interrupt, context: &mut Context) -> Result<Value> {
    let started = Instant::now();
    let (next, count) = (AtomicU64::new(0), seeds.end() - seeds.start() + 1);
    let (sender, told) = mpsc::sync_channel::<Told>(args.jobs as usize);
    let mut totals = Totals::default();
    let mut failures = Vec::new();
    let mut teller = Teller::new(context);
    std::thread::scope(|scope| -> Result<()> {
        for _ in 0..args.jobs {
            let sender = sender.clone();
            let (next, first) = (&next, *seeds.start());
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count || interrupt.has_come() {
                        return;
                    }
                    let told = work(args, first + at, interrupt);
                    // Nobody listens any more when the log of a failure could not be written.
                    if sender.send((first + at, told)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (seed, outcome) in told {
            match outcome {
                Ok(summary) if summary.interrupted => {}
                Ok(summary) => totals.add(&summary),
                Err(failure) => {
                    totals.add_failure();
                    failures.push(failed(args, seed, &failure, context)?);
                }
            }
            let (done, bad) = (totals.seeds, totals.failed);
            teller.tell(|| {
                format!(
                    "{done} of {count} seeds, {bad} failed, {} s",
                    started.elapsed().as_secs()
                )
            });
        }
        Ok(())
    })?;
    let said = match (interrupt.has_come(), totals.failed) {
        (true, 0) => "valid: interrupted, every invariant held so far".to_owned(),
        (false, 0) => "valid: every invariant held".to_owned(),
        (_, failed) => format!("not valid: {failed} of {} seeds broke an invariant", totals.seeds),
    };
    let seconds = started.elapsed().as_secs_f64();
    let mut details: Vec<String> = totals.to_string().lines().map(str::to_owned).collect();
    details.push(format!(
        "{} nodes, {} virtual minutes of faults, seeds {} to {}, {seconds:.0} s on {} threads",
        args.nodes,
        args.minutes,
        seeds.start(),
        seeds.end(),
        args.jobs
    ));
    let missing = totals.missing();
    if !missing.is_empty() {
        details.push(format!("did not occur: {}", missing.join(", ")));
    }
    Ok(json!({
        "valid": totals.failed == 0,
        "interrupted": interrupt.has_come(),
        "summary": said,
        "seeds": [seeds.start(), seeds.end()],
        "wall_ms": started.elapsed().as_millis() as u64,
        "failures": failures,
        "totals": totals,
        "missing": missing,
        "details": details,
    }))
}

fn work(args: &SimArgs, seed: u64, interrupt: &Interrupt) -> std::result::Result<Summary, Box<Failure>> {
    let (at, stop) = (Instant::now(), interrupt.clone());
    let mut outcome = sim::run_watched(&args.config(seed), move |_| !stop.has_come());
    if let Ok(summary) = &mut outcome {
        summary.wall_ms = at.elapsed().as_millis() as u64;
    }
    outcome
}

/// Saves the log of a failure and says so at once.
fn failed(args: &SimArgs, seed: u64, failure: &Failure, context: &mut Context) -> Result<Value> {
    let path = args.log_of(seed);
    super::text::write_file(&path, failure.log.as_bytes())?;
    if !context.global.json {
        let line = format!("{failure}\n  step through it: bzzz replay {}", path.display());
        context.out.line(&crate::term::clean::block(&line))?;
        context.out.flush()?;
    }
    Ok(json!({
        "seed": seed,
        "invariant": failure.violation.invariant,
        "what": failure.violation.what,
        "step": failure.step,
        "at_ms": failure.at_ms,
        "log": absolute(&path),
    }))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Says on standard error, now and then, how far it is.
struct Teller {
    silent: bool,
    last: Instant,
}

impl Teller {
    fn new(context: &Context) -> Self {
        Teller {
            silent: context.global.json,
            last: Instant::now(),
        }
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        if !self.silent && self.last.elapsed() >= TELL_EVERY {
            self.last = Instant::now();
            crate::term::out::note(&what());
        }
    }
}

fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(1, |d| d.as_secs() * 1_000 + u64::from(d.subsec_millis()))
}

#[cfg(test)]
mod tests {
    use super::seeds;

    #[test]
    fn ranges_of_seeds_are_read_or_refused_with_their_form() {
        assert_eq!(seeds("1..1000").unwrap().0, 1..=1000);
        assert_eq!(seeds("7..7").unwrap().0, 7..=7);
        for wrong in ["", "5", "a..b", "1..", "..9", "9..1", "-1..3", "1...5..7"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}
