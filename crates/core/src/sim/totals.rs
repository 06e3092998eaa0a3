//! What many runs come to, and whether they saw everything that the simulator claims to simulate.

use std::collections::BTreeMap;
use std::fmt;

use super::Summary;

/// Sums over runs that held, and the number of those that did not.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs)]
pub struct Totals {
    pub seeds: u64,
    pub failed: u64,
    pub steps: u64,
    pub virtual_ms: u64,
    /// The real time that runs took, added up over threads, milliseconds.
    pub work_ms: u64,
    pub events: u64,
    pub messages: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub commands: u64,
    pub reviews: u64,
    pub decided: u64,
    pub escalated: u64,
    pub certificates: u64,
    pub state_comparisons: u64,
    /// What occurred, by name; everything that should occur is in [`super::EXPECTED`].
    pub occurred: BTreeMap<&'static str, u64>,
    /// Lies, by what they were.
    pub told: BTreeMap<&'static str, u64>,
}

impl Totals {
    /// Adds a run that held.
    pub fn add(&mut self, s: &Summary) {
        self.seeds += 1;
        self.steps += s.steps;
        self.virtual_ms += s.virtual_ms;
        self.work_ms += s.wall_ms;
        self.events += s.events;
        self.messages += s.messages;
        self.lost += s.lost;
        self.duplicated += s.duplicated;
        self.commands += s.commands;
        self.reviews += s.reviews;
        self.decided += s.decided;
        self.escalated += s.escalated;
        self.certificates += s.certificates;
        self.state_comparisons += s.state_comparisons;
        for (name, n) in s.occurred() {
            *self.occurred.entry(name).or_default() += n;
        }
        for (name, n) in &s.told {
            *self.told.entry(name).or_default() += n;
        }
    }

    /// Counts a run that broke an invariant.
    pub fn add_failure(&mut self) {
        self.seeds += 1;
        self.failed += 1;
    }

    /// What should have occurred, over so many runs, and did not.
    pub fn missing(&self) -> Vec<&'static str> {
        let seen = |name: &&&'static str| self.occurred.get(**name).copied().unwrap_or(0) == 0;
        super::EXPECTED.iter().filter(seen).copied().collect()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} seeds ({} failed), {} steps, {}.{} virtual hours",
            self.seeds,
            self.failed,
            self.steps,
            self.virtual_ms / 3_600_000,
            self.virtual_ms / 360_000 % 10
        )?;
        writeln!(
            f,
            "{} events, {} messages ({} lost, {} duplicated), {} commands, {} pairs of states compared",
            self.events, self.messages, self.lost, self.duplicated, self.commands, self.state_comparisons
        )?;
        writeln!(
            f,
            "{} reviews: {} decided, {} escalated; {} certificates verified",
            self.reviews, self.decided, self.escalated, self.certificates
        )?;
        let list = |map: &BTreeMap<&'static str, u64>| {
            let words: Vec<String> = map.iter().map(|(name, n)| format!("{n} × {name}")).collect();
            words.join(", ")
        };
        writeln!(f, "occurred: {}", list(&self.occurred))?;
        write!(f, "lies: {}", list(&self.told))
    }
}
