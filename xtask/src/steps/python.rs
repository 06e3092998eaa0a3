//! A Python of our own, in a virtual environment below `target/`: tests run the example that verifies a certificate in
//! another language with it.

use std::path::PathBuf;

use crate::runner::{Context, Outcome, StepResult};
use crate::shell::{program, quiet, works};

/// Tells tests where that Python is.
pub const VARIABLE: &str = "BZZZ_TEST_PYTHON";

/// What is installed, as `pip` names it: the Ed25519 that most people have.
const PACKAGES: &[(&str, &str)] = &[("cryptography", "50.0.2")];

/// Makes the environment.
pub fn run(context: &Context) -> StepResult {
    let python = interpreter(context)?;
    println!("    {VARIABLE}={}", python.display());
    Ok(Outcome::Done)
}

/// The interpreter of the environment, which is made first where it is not there or not complete.
pub fn interpreter(context: &Context) -> Result<PathBuf, String> {
    let folder = context.workshop().join("venv");
    let python = folder.join("bin").join("python");
    if complete(&python) {
        return Ok(python);
    }
    let wanted: Vec<String> = PACKAGES
        .iter()
        .map(|(name, version)| format!("{name}=={version}"))
        .collect();
    println!("    making {} with {}", folder.display(), wanted.join(", "));
    quiet(program("python3").args(["-m", "venv", "--clear"]).arg(&folder)).map_err(|error| {
        format!("{error}\ncould not make a Python environment; `apt-get install python3-venv` may be what it lacks")
    })?;
    quiet(
        program(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(&wanted),
    )
    .map_err(|error| {
        format!(
            "{error}\ncould not install {} from the package index",
            wanted.join(", ")
        )
    })?;
    if complete(&python) {
        Ok(python)
    } else {
        Err(format!(
            "{} lacks {} although pip installed it",
            python.display(),
            wanted.join(", ")
        ))
    }
}

fn complete(python: &PathBuf) -> bool {
    let checks: Vec<String> = PACKAGES
        .iter()
        .map(|(name, version)| format!("assert version('{name}') == '{version}'; import {name}"))
        .collect();
    let script = format!("from importlib.metadata import version; {}", checks.join("; "));
    works(program(python).args(["-c", &script]))
}
