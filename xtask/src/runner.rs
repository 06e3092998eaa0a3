//! Runs steps in order, says what it does, and ends with a table of all of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::args::Options;

/// One thing that is checked.
pub struct Step {
    /// Its name for `--only` and in the table.
    pub name: &'static str,
    /// What it does, one line.
    pub what: &'static str,
    /// Does it.
    pub run: fn(&Context) -> StepResult,
}

/// How a step ended: an error says what failed and what to do.
pub type StepResult = Result<Outcome, String>;

/// How a step that did not fail ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that the step is for was done.
    Done,
    /// A part could not be done here; says which and why. In CI this is a failure.
    Missing(String),
}

/// What every step may look at.
pub struct Context {
    /// The repository.
    pub root: PathBuf,
    /// The command line.
    pub options: Options,
    /// Whether a missing part is an error.
    pub ci: bool,
}

impl Context {
    /// The context of this process.
    pub fn new(root: PathBuf, options: Options) -> Self {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        Context { root, options, ci }
    }

    /// Where steps keep what they install and make: below `target/`, so that it is ignored, cached and removed with it.
    pub fn workshop(&self) -> PathBuf {
        self.target().join("xtask")
    }

    fn target(&self) -> PathBuf {
        match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => self.root.join(folder),
            None => self.root.join("target"),
        }
    }

    /// A path below the root.
    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Ok,
    Missing,
    Failed,
    NotRun,
}

/// Runs those of `steps` that were asked for, and prints. Whether all of them succeeded.
pub fn run(steps: &[Step], context: &Context) -> bool {
    let only = &context.options.only;
    let wanted: Vec<&Step> = steps
        .iter()
        .filter(|step| only.is_empty() || only.iter().any(|name| name == step.name))
        .collect();
    let begun = Instant::now();
    let mut rows: Vec<(&str, Duration, State)> = Vec::new();
    let mut troubles: Vec<String> = Vec::new();
    for step in &wanted {
        if rows.iter().any(|(_, _, state)| *state == State::Failed) {
            rows.push((step.name, Duration::ZERO, State::NotRun));
            continue;
        }
        println!("==> {}: {}", step.name, step.what);
        let start = Instant::now();
        let result = (step.run)(context);
        let took = start.elapsed();
        let state = match result {
            Ok(Outcome::Done) => {
                println!("    {}: ok in {:.1} s\n", step.name, took.as_secs_f64());
                State::Ok
            }
            Ok(Outcome::Missing(why)) if !context.ci => {
                println!("    {}: MISSING: {why}\n", step.name);
                troubles.push(format!("{}: MISSING: {why}", step.name));
                State::Missing
            }
            Ok(Outcome::Missing(why)) => {
                println!("    {}: FAILED: missing in CI: {why}\n", step.name);
                troubles.push(format!("{}: FAILED: missing in CI: {why}", step.name));
                State::Failed
            }
            Err(why) => {
                println!("    {}: FAILED after {:.1} s: {why}\n", step.name, took.as_secs_f64());
                troubles.push(format!("{}: FAILED: {why}", step.name));
                State::Failed
            }
        };
        rows.push((step.name, took, state));
    }
    for trouble in &troubles {
        println!("{}", trouble.lines().next().unwrap_or_default());
        println!(
            "    again, alone: cargo xtask test --only {}",
            trouble.split(':').next().unwrap_or_default()
        );
    }
    println!("{}", table(&rows, begun.elapsed()));
    !rows.iter().any(|(_, _, state)| *state == State::Failed)
}

fn table(rows: &[(&str, Duration, State)], total: Duration) -> String {
    let mut text = format!("{:12} {:>8}  result\n", "step", "seconds");
    for (name, took, state) in rows {
        let result = match state {
            State::Ok => "ok",
            State::Missing => "MISSING",
            State::Failed => "FAILED",
            State::NotRun => "not run",
        };
        text.push_str(&format!("{name:12} {:>8.1}  {result}\n", took.as_secs_f64()));
    }
    let has = |wanted: State| rows.iter().any(|(_, _, state)| *state == wanted);
    let result = if has(State::Failed) {
        "FAILED"
    } else if has(State::Missing) {
        "ok, but for what is MISSING"
    } else {
        "ok"
    };
    text.push_str(&format!("{:12} {:>8.1}  {result}", "total", total.as_secs_f64()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &[Step] = &[
        Step {
            name: "one",
            what: "succeeds",
            run: |_| Ok(Outcome::Done),
        },
        Step {
            name: "two",
            what: "lacks something",
            run: |_| Ok(Outcome::Missing("a part".to_owned())),
        },
        Step {
            name: "three",
            what: "fails",
            run: |_| Err("on purpose".to_owned()),
        },
    ];

    fn context(only: &[&str], ci: bool) -> Context {
        let options = Options {
            only: only.iter().map(|&name| name.to_owned()).collect(),
            fuzz_seconds: 1,
            fuzz_targets: Vec::new(),
            seed: None,
        };
        Context {
            root: PathBuf::new(),
            options,
            ci,
        }
    }

    #[test]
    fn one_failure_fails_the_run() {
        assert!(!run(STEPS, &context(&[], false)));
        assert!(run(STEPS, &context(&["one"], true)));
    }

    #[test]
    fn what_is_missing_fails_in_ci_only() {
        assert!(run(STEPS, &context(&["one", "two"], false)));
        assert!(!run(STEPS, &context(&["one", "two"], true)));
    }

    #[test]
    fn the_table_shows_every_step() {
        let second = Duration::from_secs(1);
        let rows = [
            ("one", second, State::Ok),
            ("two", second, State::Failed),
            ("three", second, State::NotRun),
        ];
        let shown = table(&rows, second * 2);
        let expected = "step          seconds  result\n\
                        one               1.0  ok\n\
                        two               1.0  FAILED\n\
                        three             1.0  not run\n\
                        total             2.0  FAILED";
        assert_eq!(shown, expected);
    }
}
