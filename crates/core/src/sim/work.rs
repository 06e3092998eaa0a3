//! What nodes are given to do: how often people want something, and what analysers and models make of a change.

use super::dice::Dice;

/// The work of a run. Frequencies are in thousandths, times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Work {
    /// Mean time between two commands in a group of ten.
    pub command_every_ms: u64,
    /// Of the commands, those that open a review, whatever else is on.
    pub reviews: u32,
    /// Which of the things that a role can truly find in the change it finds.
    pub found: u32,
    /// How long an analyser takes.
    pub analyser_ms: (u64, u64),
    /// Of the answers of models, those with an opinion of each kind.
    pub approves: u32,
    pub objects: u32,
    pub abstains: u32,
}

impl Default for Work {
    fn default() -> Self {
        Work {
            command_every_ms: 700,
            reviews: 30,
            found: 450,
            analyser_ms: (20, 2_000),
            approves: 170,
            objects: 170,
            abstains: 170,
        }
    }
}

impl Work {
    /// A mixture that the seed chooses.
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "work");
        let usual = Work::default();
        Work {
            command_every_ms: [300, 700, 1_500][dice.index(3)],
            found: [60, 450, 700][dice.index(3)],
            analyser_ms: [(20, 2_000), (20, 2_000), (1_000, 45_000)][dice.index(3)],
            abstains: [0, 170, 450][dice.index(3)],
            ..usual
        }
    }
}
