//! The command line of `cargo xtask`.

use crate::steps;

/// What `cargo xtask --help` prints.
pub const HELP: &str = "\
cargo xtask COMMAND

Commands:
  test              run every check, in order; stops at the first that fails
  fuzz [TARGET]...  fuzz all targets, or those named
  tidy              the rules that the compiler does not hold
  help              this text

Options of test and fuzz:
  --only STEP         run this step only (may be given again)
  --list              print the steps and end
  --fuzz-seconds N    how long to fuzz each target (15; `cargo xtask fuzz`: 60)
  --seed N            seed of the fresh simulation run, to repeat one (default: from the clock, and printed)

With CI=true in the environment a step that lacks something fails; otherwise it is shown as MISSING.
";

/// Seconds for each fuzz target within `cargo xtask test`: enough to see a parser that breaks easily, cheap enough for CI.
pub const FUZZ_SECONDS_TEST: u32 = 15;
/// Seconds for each fuzz target of `cargo xtask fuzz`, which somebody started to find something.
pub const FUZZ_SECONDS_ALONE: u32 = 60;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Print [`HELP`].
    Help,
    /// Print the steps.
    List,
    /// Run steps.
    Test(Options),
    /// Run the tidy checks and print advice too.
    Tidy,
}

/// How to run the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Names of the steps to run; all where empty.
    pub only: Vec<String>,
    /// Seconds for each fuzz target.
    pub fuzz_seconds: u32,
    /// Names of the fuzz targets to run; all where empty.
    pub fuzz_targets: Vec<String>,
    /// Seed of the fresh simulation run, where one is asked for.
    pub seed: Option<u64>,
}

/// Reads the words after `cargo xtask`. The error says what is wrong and what is possible.
pub fn parse(words: &[String]) -> Result<Command, String> {
    let mut words = words.iter().map(String::as_str);
    let command = words.next().unwrap_or("help");
    let mut options = Options {
        only: Vec::new(),
        fuzz_seconds: FUZZ_SECONDS_TEST,
        fuzz_targets: Vec::new(),
        seed: None,
    };
    match command {
        "help" | "--help" | "-h" => return Ok(Command::Help),
        "--list" => return Ok(Command::List),
        "tidy" => {
            return match words.next() {
                None => Ok(Command::Tidy),
                Some(word) => Err(format!("`cargo xtask tidy` takes no `{word}`")),
            };
        }
        "test" => {}
        "fuzz" => {
            options.only.push("fuzz".to_owned());
            options.fuzz_seconds = FUZZ_SECONDS_ALONE;
        }
        other => {
            return Err(format!("there is no command `{other}`; `cargo xtask help` lists them"));
        }
    }
    while let Some(word) = words.next() {
        let mut value = |what: &str| words.next().ok_or_else(|| format!("`{word}` needs {what} behind it"));
        match word {
            "--list" => return Ok(Command::List),
            "--only" if command == "test" => {
                options.only.push(step(value("the name of a step")?)?);
            }
            "--fuzz-seconds" | "--seconds" => options.fuzz_seconds = number(word, value("a number")?)?,
            "--seed" => options.seed = Some(number(word, value("a number")?)?),
            target if command == "fuzz" && !target.starts_with('-') => {
                options.fuzz_targets.push(target.to_owned());
            }
            other => {
                return Err(format!(
                    "`cargo xtask {command}` has no option `{other}`; `cargo xtask help` lists them"
                ));
            }
        }
    }
    Ok(Command::Test(options))
}

fn step(name: &str) -> Result<String, String> {
    let names: Vec<&str> = steps::ALL.iter().map(|step| step.name).collect();
    if names.contains(&name) {
        Ok(name.to_owned())
    } else {
        Err(format!("there is no step `{name}`; the steps are {}", names.join(", ")))
    }
}

fn number<N: std::str::FromStr>(option: &str, text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| format!("`{option}` needs a whole number, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    fn options(line: &str) -> Options {
        match parsed(line) {
            Ok(Command::Test(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn commands_and_options() {
        assert_eq!(parsed(""), Ok(Command::Help));
        assert_eq!(parsed("test --list"), Ok(Command::List));
        assert_eq!(parsed("tidy"), Ok(Command::Tidy));
        let all = options("test");
        assert!(all.only.is_empty() && all.fuzz_seconds == FUZZ_SECONDS_TEST && all.seed.is_none());
        let some = options("test --only fmt --only clippy --fuzz-seconds 3 --seed 7");
        assert_eq!(some.only, ["fmt", "clippy"]);
        assert_eq!((some.fuzz_seconds, some.seed), (3, Some(7)));
        let fuzz = options("fuzz address --seconds 5");
        assert_eq!(fuzz.only, ["fuzz"]);
        assert_eq!(fuzz.fuzz_targets, ["address"]);
        assert_eq!(fuzz.fuzz_seconds, 5);
    }

    #[test]
    fn mistakes_are_told() {
        let check = |line: &str, part: &str| {
            let message = parsed(line).expect_err(line);
            assert!(message.contains(part), "{line}: {message}");
        };
        check("tests", "no command `tests`");
        check("test --only", "needs the name of a step");
        check("test --only fmtt", "the steps are");
        check("test --seed x", "whole number, not `x`");
        check("test --fast", "no option `--fast`");
        check("fuzz --only fmt", "no option `--only`");
        check("tidy all", "takes no `all`");
    }
}
