//! The steps that cargo does by itself. All use the dev profile and one target folder, so that each builds on the one before.

use crate::runner::{Context, Outcome, StepResult};
use crate::shell::{cargo, loud};
use crate::steps::python;

/// `cargo fmt`, checking only.
pub fn fmt(context: &Context) -> StepResult {
    loud(cargo().current_dir(&context.root).args(["fmt", "--all", "--check"]))
        .map_err(|error| format!("{error}; `cargo fmt --all` mends it"))?;
    Ok(Outcome::Done)
}

/// Clippy over everything, with all features.
pub fn clippy(context: &Context) -> StepResult {
    let arguments = "clippy --workspace --all-targets --all-features --locked -- -D warnings";
    loud(cargo().current_dir(&context.root).args(arguments.split(' ')))?;
    Ok(Outcome::Done)
}

/// Makes the end-to-end tests kill nodes at every one of their points; without it a few stand for all.
const ALL_VARIABLE: &str = "BZZZ_E2E_ALL";

/// All tests of the workspace; those that need Python find it in `BZZZ_TEST_PYTHON`.
pub fn test(context: &Context) -> StepResult {
    let python = python::interpreter(context)?;
    let arguments = "test --workspace --locked";
    loud(
        cargo()
            .current_dir(&context.root)
            .args(arguments.split(' '))
            .env(python::VARIABLE, python)
            .env(ALL_VARIABLE, "1"),
    )?;
    Ok(Outcome::Done)
}

/// The API documentation: a link to something that was renamed is an error, one to something private is not, since most
/// readers read the source.
pub fn doc(context: &Context) -> StepResult {
    let arguments = "doc --workspace --no-deps --all-features --locked";
    loud(
        cargo()
            .current_dir(&context.root)
            .args(arguments.split(' '))
            .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"),
    )?;
    Ok(Outcome::Done)
}
