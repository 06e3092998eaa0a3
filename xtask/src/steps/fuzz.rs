//! Fuzzing: each target of `fuzz/` for a bounded time, from its committed seeds.
//!
//! cargo-fuzz is installed below `target/`. It needs unstable flags of the compiler: from a nightly toolchain where there
//! is one, else from the stable one with `RUSTC_BOOTSTRAP=1`. A run counts only if the fuzzer executed inputs and saw
//! coverage: a target that was built without instrumentation would "pass" for ever.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::runner::{Context, Outcome, StepResult};
use crate::shell::{cargo, loud, program, quiet, shown, works};

const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// A parser that needs more for one input is broken; the inputs are small.
const MEMORY_MIB_MAX: u32 = 1024;
/// Seconds for one input.
const INPUT_SECONDS_MAX: u32 = 10;
/// Lines of the fuzzer's output that are shown after a failure.
const TAIL_LINES: usize = 60;

/// Fuzzes the targets that were asked for, else all.
pub fn run(context: &Context) -> StepResult {
    let manifest = context.path("fuzz/Cargo.toml");
    let manifest =
        fs::read_to_string(&manifest).map_err(|error| format!("cannot read {}: {error}", manifest.display()))?;
    let listed = targets(&manifest);
    let wanted = wanted(&listed, &context.options.fuzz_targets)?;
    quiet(
        cargo()
            .current_dir(&context.root)
            .args(["fetch", "--locked", "--manifest-path", "fuzz/Cargo.toml"]),
    )
    .map_err(|error| {
        format!(
            "{error}\nfuzz/Cargo.lock does not fit; `cargo update --workspace --manifest-path fuzz/Cargo.toml` mends it"
        )
    })?;
    install(context)?;
    let mut build = cargo_fuzz(context);
    loud(build.arg("build"))?;
    for target in wanted {
        fuzz(context, target)?;
    }
    let idle = idle(context, &listed)?;
    if context.options.fuzz_targets.is_empty() && !idle.is_empty() {
        return Ok(Outcome::Missing(format!(
            "not listed in fuzz/Cargo.toml, so not run: {}",
            idle.join(", ")
        )));
    }
    Ok(Outcome::Done)
}

/// Names of the `[[bin]]` entries.
fn targets(manifest: &str) -> Vec<String> {
    let mut in_bin = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_bin = line == "[[bin]]";
        } else if in_bin
            && let Some(("name", name)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()))
        {
            names.push(name.trim_matches('"').to_owned());
        }
    }
    names
}

fn wanted<'a>(listed: &'a [String], asked: &'a [String]) -> Result<&'a [String], String> {
    if listed.is_empty() {
        return Err("fuzz/Cargo.toml lists no target".to_owned());
    }
    match asked.iter().find(|name| !listed.contains(name)) {
        Some(name) => Err(format!(
            "there is no fuzz target `{name}`; there are {}",
            listed.join(", ")
        )),
        None if asked.is_empty() => Ok(listed),
        None => Ok(asked),
    }
}

/// Targets whose file is there but that are not listed.
fn idle(context: &Context, listed: &[String]) -> Result<Vec<String>, String> {
    let folder = context.path("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    let mut idle: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .filter(|name| !listed.contains(name))
        .collect();
    idle.sort();
    Ok(idle)
}

fn install(context: &Context) -> Result<(), String> {
    let tools = context.workshop().join("tools");
    let binary = tools.join("bin").join("cargo-fuzz");
    let there = quiet(program(&binary).args(["fuzz", "--version"]))
        .or_else(|_| quiet(program(&binary).arg("--version")))
        .is_ok_and(|version| version.ends_with(CARGO_FUZZ_VERSION));
    if there {
        return Ok(());
    }
    println!(
        "    installing cargo-fuzz {CARGO_FUZZ_VERSION} into {}",
        tools.display()
    );
    let arguments = [
        "install",
        "--locked",
        "cargo-fuzz",
        "--version",
        CARGO_FUZZ_VERSION,
        "--force",
        "--root",
    ];
    quiet(cargo().current_dir(&context.root).args(arguments).arg(&tools))?;
    Ok(())
}

/// `cargo fuzz` with a compiler that takes unstable flags.
fn cargo_fuzz(context: &Context) -> Command {
    let nightly = works(program("rustup").args(["run", "nightly", "rustc", "--version"]));
    let mut command = if nightly {
        let mut command = program("rustup");
        command.args(["run", "nightly", "cargo"]);
        command
    } else {
        let mut command = cargo();
        command.env("RUSTC_BOOTSTRAP", "1");
        command
    };
    let tools = context.workshop().join("tools").join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path))).unwrap_or(path);
    command
        .env("PATH", path)
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(&context.root)
        .arg("fuzz");
    command
}

fn fuzz(context: &Context, target: &str) -> Result<(), String> {
    let corpus = format!("fuzz/corpus/{target}");
    fs::create_dir_all(context.path(&corpus)).map_err(|error| format!("cannot make {corpus}: {error}"))?;
    let seeds = format!("fuzz/seeds/{target}");
    let mut command = cargo_fuzz(context);
    command.args(["run", target, &corpus]);
    if context.path(&seeds).is_dir() {
        command.arg(&seeds);
    }
    command.args(["--", "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={}", context.options.fuzz_seconds));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
    println!("    $ {}", shown(&command));

    let started = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = started.map_err(|error| format!("could not start `{}`: {error}", shown(&command)))?;
    let mut progress = Progress::default();
    let mut tail: VecDeque<String> = VecDeque::with_capacity(TAIL_LINES);
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            progress.read(&line);
            if tail.len() == TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(line);
        }
    }
    let status = child
        .wait()
        .map_err(|error| format!("lost the fuzzer of {target}: {error}"))?;
    let verdict = if status.success() {
        progress.judge()
    } else {
        Err(format!("it ended with {status}"))
    };
    match verdict {
        Ok(summary) => {
            println!("    {target}: {summary}");
            Ok(())
        }
        Err(why) => Err(format!(
            "fuzzing {target}: {why}\n{}\nthe input, if there is one, is in fuzz/artifacts/{target}; `cargo fuzz run {target} FILE` repeats it",
            tail.make_contiguous().join("\n")
        )),
    }
}

/// What libFuzzer says about its work, as far as it matters here.
#[derive(Debug, Default)]
struct Progress {
    first_coverage: Option<u64>,
    last_coverage: u64,
    runs: u64,
}

impl Progress {
    fn read(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            if word == "cov:"
                && let Some(coverage) = words.next().and_then(|number| number.parse().ok())
            {
                self.first_coverage.get_or_insert(coverage);
                self.last_coverage = coverage;
            }
        }
        if let Some(runs) = line.strip_prefix("stat::number_of_executed_units:") {
            self.runs = runs.trim().parse().unwrap_or(0);
        }
    }

    fn judge(&self) -> Result<String, String> {
        match self.first_coverage {
            _ if self.runs == 0 => Err("it ran no input".to_owned()),
            None => Err("it saw no coverage: the target is not instrumented".to_owned()),
            Some(first) => Ok(format!(
                "{} runs, coverage {first} -> {}",
                self.runs, self.last_coverage
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_listed_binaries() {
        let manifest = "[package]\nname = \"p\"\n[[bin]]\nname = \"a\"\npath = \"a.rs\"\n\n[[bin]]\nname=\"b\"\n[lib]\nname = \"c\"\n";
        assert_eq!(targets(manifest), ["a", "b"]);
        let listed = targets(manifest);
        assert!(wanted(&listed, &["x".to_owned()]).is_err());
        assert_eq!(wanted(&listed, &["b".to_owned()]).unwrap(), ["b"]);
        assert_eq!(wanted(&listed, &[]).unwrap(), ["a", "b"]);
        assert!(wanted(&[], &[]).is_err());
    }

    #[test]
    fn a_run_without_work_is_no_success() {
        let judged = |lines: &[&str]| {
            let mut progress = Progress::default();
            lines.iter().for_each(|line| progress.read(line));
            progress.judge()
        };
        let inited = "#15\tINITED cov: 812 ft: 2000 corp: 14/600b exec/s: 0 rss: 40Mb";
        let new = "#99\tNEW    cov: 900 ft: 2100 corp: 15/610b lim: 4 exec/s: 0 rss: 40Mb";
        let runs = "stat::number_of_executed_units: 4321";
        assert_eq!(
            judged(&[inited, new, runs]),
            Ok("4321 runs, coverage 812 -> 900".to_owned())
        );
        assert!(judged(&[inited, new]).is_err());
        assert!(judged(&[runs]).is_err());
        assert!(judged(&[]).is_err());
    }
}
