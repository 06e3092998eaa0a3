//! What this program costs on this machine: `bzzz bench`.
//!
//! Everything that needs processes or a real node is measured here, each thing beside a bare baseline of the same run
//! where there is one, because absolute times say more about the machine than about the program. The parts of the core and
//! of the store have their benchmarks beside them (`cargo bench`).
//!
//! A figure is never a test: the goal stands beside it, and a slow machine is no failure.

pub mod code;
pub mod cold;
pub mod corpus;
pub mod history;
pub mod machine;
pub mod process;
pub mod review;
pub mod visible;

use serde::Serialize;

use crate::cli::failure::Result;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// How long a rate is held, seconds.
    pub seconds: u64,
    /// Repetitions of what is short.
    pub runs: usize,
    /// Events of the stored history.
    pub events: u64,
    /// Lines of the reviewed change.
    pub lines: usize,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Which measurement.
    pub name: &'static str,
    /// Which of its figures.
    pub what: String,
    /// The figure with its unit.
    pub value: String,
    /// The baseline of the same run with its unit.
    pub baseline: Option<String>,
    /// Figure over baseline.
    pub ratio: Option<String>,
    /// What is aimed at.
    pub goal: Option<String>,
    /// Whether it is reached.
    pub met: Option<bool>,
    /// How it was measured.
    pub how: String,
}

impl Figure {
    /// A figure without baseline and goal.
    pub fn new(name: &'static str, what: impl Into<String>, value: String, how: impl Into<String>) -> Figure {
        Figure {
            name,
            what: what.into(),
            value,
            baseline: None,
            ratio: None,
            goal: None,
            met: None,
            how: how.into(),
        }
    }

    /// Adds the baseline.
    #[must_use]
    pub fn beside(mut self, baseline: String, ratio: f64) -> Figure {
        self.baseline = Some(baseline);
        self.ratio = Some(format!("{ratio:.2}"));
        self
    }

    /// Adds the goal.
    #[must_use]
    pub fn aims(mut self, goal: &str, met: bool) -> Figure {
        self.goal = Some(goal.to_owned());
        self.met = Some(met);
        self
    }
}

/// A measurement: its name and its work.
pub struct Measurement {
    /// Name on the command line.
    pub name: &'static str,
    /// Runs it.
    pub run: fn(Extent) -> Result<Vec<Figure>>,
}

/// All of them, in the order in which they run.
pub const MEASUREMENTS: &[Measurement] = &[
    Measurement {
        name: "cold-start",
        run: cold::run,
    },
    Measurement {
        name: "review",
        run: review::run,
    },
    Measurement {
        name: "append-visible",
        run: visible::run,
    },
    Measurement {
        name: "idle",
        run: process::idle,
    },
    Measurement {
        name: "history",
        run: history::run,
    },
];
