//! What goes wrong, and how often.

use super::dice::Dice;
use crate::hlc::MAX_SKEW_MS;

/// How faulty the world is. Frequencies are in thousandths, times in milliseconds; a mean time of 0 means never.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub struct FaultProfile {
    /// Messages lost, and delivered twice.
    pub loss: u32,
    pub duplicate: u32,
    /// Latency of one hop: the spread is what reorders messages.
    pub latency_ms: (u64, u64),
    /// Mean time between two partitions, and how long one lasts.
    pub partition_every_ms: u64,
    pub partition_ms: u64,
    /// Mean time between two crashes, and how long a node is down.
    pub crash_every_ms: u64,
    pub down_ms: u64,
    /// Of the crashes, those after which the node comes back from an old backup.
    pub restore: u32,
    /// Mean time between two spells in which a node hears everything and says nothing, and how long one lasts.
    pub mute_every_ms: u64,
    pub mute_ms: u64,
    /// Fsync: how long it takes, and how often it fails (the node dies before `Appended`).
    pub fsync_ms: (u64, u64),
    pub fsync_failure: u32,
    /// Clocks: how far off (at most half of the skew bound), and how fast they drift.
    pub skew_ms: u64,
    pub drift_ppm: u64,
    /// Analysers that fail.
    pub analyser_failure: u32,
    /// Models: latency, failures, silence, answers that come twice, and nonsense among the findings.
    pub model_ms: (u64, u64),
    pub model_failure: u32,
    pub model_silence: u32,
    pub model_twice: u32,
    pub model_nonsense: u32,
    /// Nodes that lie, while less than a third of the weight is theirs: at most so many.
    pub byzantine: u32,
    /// Mean time between two lies of one of them.
    pub lie_every_ms: u64,
    /// Of their events, those that they show in two versions.
    pub equivocation: u32,
    /// Only lies whose name has this in it; all if it is empty.
    pub only_lies: String,
}

impl FaultProfile {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        FaultProfile {
            loss: 0,
            duplicate: 0,
            latency_ms: (1, 10),
            partition_every_ms: 0,
            partition_ms: 0,
            crash_every_ms: 0,
            down_ms: 0,
            restore: 0,
            mute_every_ms: 0,
            mute_ms: 0,
            fsync_ms: (1, 4),
            fsync_failure: 0,
            skew_ms: 0,
            drift_ppm: 0,
            analyser_failure: 0,
            model_ms: (50, 500),
            model_failure: 0,
            model_silence: 0,
            model_twice: 0,
            model_nonsense: 0,
            byzantine: 0,
            lie_every_ms: 0,
            equivocation: 120,
            only_lies: String::new(),
        }
    }

    /// Everything goes wrong now and then.
    pub fn all() -> Self {
        FaultProfile {
            loss: 30,
            duplicate: 30,
            latency_ms: (1, 400),
            partition_every_ms: 40_000,
            partition_ms: 25_000,
            crash_every_ms: 20_000,
            down_ms: 12_000,
            restore: 120,
            mute_every_ms: 60_000,
            mute_ms: 15_000,
            fsync_ms: (1, 60),
            fsync_failure: 3,
            skew_ms: MAX_SKEW_MS / 2,
            drift_ppm: 200,
            analyser_failure: 80,
            model_ms: (100, 15_000),
            model_failure: 80,
            model_silence: 30,
            model_twice: 100,
            model_nonsense: 200,
            byzantine: 2,
            lie_every_ms: 12_000,
            equivocation: 120,
            only_lies: String::new(),
        }
    }

    /// A mixture that the seed chooses: each kind of fault is absent, usual or heavy, so that rare combinations occur.
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "faults");
        let mut f = FaultProfile::all();
        let mut often = |value: &mut u32| *value = (*value * [0, 1, 3][dice.index(3)]).min(400);
        for value in [
            &mut f.loss,
            &mut f.duplicate,
            &mut f.restore,
            &mut f.fsync_failure,
            &mut f.analyser_failure,
            &mut f.model_failure,
            &mut f.model_silence,
            &mut f.model_twice,
            &mut f.model_nonsense,
        ] {
            often(value);
        }
        for every in [
            &mut f.partition_every_ms,
            &mut f.crash_every_ms,
            &mut f.mute_every_ms,
            &mut f.lie_every_ms,
        ] {
            *every = match dice.index(4) {
                0 => 0,
                1 => *every / 3,
                _ => *every,
            };
        }
        f.latency_ms.1 = [20, 400, 3_000][dice.index(3)];
        f.fsync_ms.1 = [5, 60, 900][dice.index(3)];
        f.skew_ms = [0, 500, MAX_SKEW_MS / 2][dice.index(3)];
        f.byzantine = dice.below(3) as u32;
        f
    }
}
