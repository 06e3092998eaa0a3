//! Running other programs: loud ones, whose output is shown as it comes, and quiet ones, whose output is shown only when
//! they fail.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// `cargo`, as this run of it was started.
pub fn cargo() -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// A program with a clean environment: what cargo tells *this* program about itself (`CARGO_PKG_NAME` and the like) must
/// not reach another cargo, or build scripts that look at it run again and again.
pub fn program(name: impl Into<OsString>) -> Command {
    let mut command = Command::new(name.into());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO" {
            command.env_remove(name);
        }
    }
    command
}

/// The command line, for people.
pub fn shown(command: &Command) -> String {
    let name = PathBuf::from(command.get_program());
    let name = name
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    let set = command.get_envs().filter_map(|(name, value)| {
        let (name, value) = (name.to_string_lossy(), value?.to_string_lossy());
        (name != "PATH").then(|| format!("{name}={value}"))
    });
    let arguments = command.get_args().map(|word| word.to_string_lossy().into_owned());
    set.chain([name]).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Runs it, its output going where ours goes.
pub fn loud(command: &mut Command) -> Result<(), String> {
    println!("    $ {}", shown(command));
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("could not start `{}`: {error}", shown(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` ended with {status}", shown(command)))
    }
}

/// Runs it and gives what it wrote to standard output; what it wrote elsewhere is in the error when it fails.
pub fn quiet(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("could not start `{}`: {error}", shown(command)))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!(
        "`{}` ended with {}\n{}\n{}",
        shown(command),
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    ))
}

/// Whether a program is there and its run succeeds: the test for a tool.
pub fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_an_error_with_its_output() {
        assert_eq!(quiet(program("sh").args(["-c", "echo out"])), Ok("out".to_owned()));
        let error = quiet(program("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert!(error.contains("why") && error.contains('3'), "{error}");
        assert!(loud(program("sh").args(["-c", "exit 1"])).is_err());
        assert!(!works(&mut program("no-such-program-anywhere")));
    }

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = program("/usr/bin/tool");
        command.env("SEED", "7").env("PATH", "/x").args(["a", "b"]);
        assert_eq!(shown(&command), "SEED=7 tool a b");
    }
}
