//! The steps of `cargo xtask test`, in the order in which they run: quick ones first, so that a slip is told in seconds.

pub mod fuzz;
pub mod prepare;
pub mod python;
pub mod rust;
pub mod simulation;

use crate::runner::{Context, Outcome, Step, StepResult};
use crate::tidy;

/// All steps.
pub const ALL: &[Step] = &[
    Step {
        name: "prepare",
        what: "look for the tools that the tests need, and install what is missing",
        run: prepare::run,
    },
    Step {
        name: "fmt",
        what: "formatting",
        run: rust::fmt,
    },
    Step {
        name: "tidy",
        what: "arrows between crates, lengths, leftovers, links, README commands",
        run: tidy_step,
    },
    Step {
        name: "clippy",
        what: "lints, warnings denied",
        run: rust::clippy,
    },
    Step {
        name: "python",
        what: "a Python with an Ed25519 package, for the second reader of certificates",
        run: python::run,
    },
    Step {
        name: "test",
        what: "unit, property, integration and end-to-end tests",
        run: rust::test,
    },
    Step {
        name: "doc",
        what: "API documentation, warnings denied",
        run: rust::doc,
    },
    Step {
        name: "simulation",
        what: "the simulator: fixed seeds, and one fresh seed",
        run: simulation::simulation,
    },
    Step {
        name: "planted",
        what: "the simulator must find every planted bug",
        run: simulation::planted,
    },
    Step {
        name: "fuzz",
        what: "every parser of foreign bytes, for a bounded time",
        run: fuzz::run,
    },
];

fn tidy_step(context: &Context) -> StepResult {
    let report = tidy::check(&context.root)?;
    if report.problems.is_empty() {
        println!("{report}");
        Ok(Outcome::Done)
    } else {
        Err(format!("the repository is not tidy\n{report}"))
    }
}
