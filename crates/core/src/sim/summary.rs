//! What a run comes to.

use std::collections::BTreeMap;
use std::fmt;

use super::Config;
use crate::crypto::Hash;

/// What occurs over a few dozen seeds with faults; a run counts each under this name.
pub const EXPECTED: &[&str] = &[
    "review decided",
    "review escalated",
    "review answered by a person",
    "evidence round",
    "veto raised",
    "veto against an approval",
    "approval without an asked role",
    "veto lifted by a person",
    "abstention",
    "lease expired and granted anew",
    "lease extended",
    "outside act",
    "chunk drawn",
    "chunk forfeited",
    "chunk returned",
    "share moved",
    "model call",
    "fork proven",
    "feed cut",
    "seat granted",
    "member removed",
    "steward stands in",
    "crash",
    "restore",
    "new incarnation",
    "state folded anew",
    "failed fsync",
    "write of unknown outcome kept",
    "write of unknown outcome lost",
    "partition",
    "spell of silence",
    "message lost",
    "message duplicated",
    "writes side by side",
    "escalation timed out",
    "escalation acknowledged",
    "lie",
    "text erased",
];

/// Counts of a run that held.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs)]
pub struct Summary {
    pub nodes: usize,
    pub seed: u64,
    /// Whether whoever watched ended it before its end.
    pub interrupted: bool,
    /// Inputs handled by nodes.
    pub steps: u64,
    /// Virtual time, milliseconds.
    pub virtual_ms: u64,
    /// Real time, milliseconds: filled in by the caller, for the simulation has no clock.
    pub wall_ms: u64,
    pub events: u64,
    pub messages: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub commands: u64,
    pub refused_commands: u64,
    pub crashes: u64,
    pub restores: u64,
    pub partitions: u64,
    pub fsync_failures: u64,
    pub reloads: u64,
    pub lies: u64,
    pub forks: u64,
    pub reviews: u64,
    pub decided: u64,
    pub escalated: u64,
    pub closed: u64,
    pub certificates: u64,
    pub leases: u64,
    pub acts: u64,
    pub calls: u64,
    pub charged_microusd: u64,
    pub shares_microusd: u64,
    pub joined: u64,
    pub removed: u64,
    pub state_comparisons: u64,
    /// Longest time that two nodes believed to hold one lease, milliseconds.
    pub lease_overlap_ms: u64,
    /// Own events by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Lies told, by what they were.
    pub told: BTreeMap<&'static str, u64>,
    /// What else occurred, by name; see [`EXPECTED`].
    pub seen: BTreeMap<&'static str, u64>,
    /// Escalations by reason.
    pub reasons: BTreeMap<String, u64>,
    /// A hash over every input and every effect.
    pub trace: Option<Hash>,
}

impl Summary {
    /// Counts an occurrence.
    pub(super) fn saw(&mut self, name: &'static str) {
        *self.seen.entry(name).or_default() += 1;
    }

    /// Everything that occurred, by name, with what is counted elsewhere.
    pub fn occurred(&self) -> BTreeMap<&'static str, u64> {
        let kind = |name: &str| self.kinds.get(name).copied().unwrap_or(0);
        let mut all = self.seen.clone();
        for (name, n) in [
            ("review decided", self.decided),
            ("review escalated", self.escalated),
            ("lease extended", kind("LeaseExtended")),
            ("outside act", self.acts),
            ("chunk drawn", kind("ChunkDrawn")),
            ("chunk returned", kind("ChunkReturned")),
            ("share moved", kind("ShareMoved")),
            ("model call", self.calls),
            ("fork proven", self.forks),
            ("seat granted", self.joined),
            ("member removed", self.removed),
            ("crash", self.crashes),
            ("restore", self.restores),
            ("new incarnation", kind("IncarnationStarted")),
            ("state folded anew", self.reloads),
            ("failed fsync", self.fsync_failures),
            ("partition", self.partitions),
            ("message lost", self.lost),
            ("message duplicated", self.duplicated),
            ("escalation timed out", kind("EscalationTimedOut")),
            ("escalation acknowledged", kind("EscalationAcked")),
            ("lie", self.lies),
        ] {
            if n > 0 {
                all.insert(name, n);
            }
        }
        all
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.steps * 1000 / self.wall_ms.max(1);
        let Summary { nodes, seed, .. } = self;
        writeln!(
            f,
            "seed {seed}: {nodes} nodes, {} virtual s in {} ms, {} steps ({rate}/s)",
            self.virtual_ms / 1000,
            self.wall_ms,
            self.steps
        )?;
        writeln!(
            f,
            "  {} events, {} messages ({} lost), {} commands ({} refused)",
            self.events, self.messages, self.lost, self.commands, self.refused_commands
        )?;
        writeln!(
            f,
            "  {} crashes, {} restores, {} failed fsyncs, {} partitions, {} reloads, {} lies, {} proven forks",
            self.crashes, self.restores, self.fsync_failures, self.partitions, self.reloads, self.lies, self.forks
        )?;
        writeln!(
            f,
            "  {} reviews: {} decided ({} certificates verified), {} escalated, {} closed",
            self.reviews, self.decided, self.certificates, self.escalated, self.closed
        )?;
        writeln!(
            f,
            "  {} leases (longest overlap {} ms), {} outside acts, {} model calls, {} of {} µ$ charged",
            self.leases, self.lease_overlap_ms, self.acts, self.calls, self.charged_microusd, self.shares_microusd
        )?;
        let list = |out: &mut dyn Iterator<Item = String>| out.collect::<Vec<_>>().join(", ");
        let kinds = list(&mut self.kinds.iter().map(|(kind, n)| format!("{n} {kind}")));
        let reasons = list(&mut self.reasons.iter().map(|(why, n)| format!("{n} {why}")));
        writeln!(f, "  escalated for: {reasons}")?;
        writeln!(f, "  {kinds}")?;
        write!(
            f,
            "  {} seats granted, {} removed, {} states compared, trace {}",
            self.joined,
            self.removed,
            self.state_comparisons,
            self.trace.map(|t| t.to_string()).unwrap_or_default()
        )
    }
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its short name: `persist-before-speak`, `one-owner`, …
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// A run that broke an invariant.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What was run.
    pub config: Config,
    /// In which step it broke.
    pub step: u64,
    /// Virtual time, milliseconds.
    pub at_ms: u64,
    /// What broke.
    pub violation: Violation,
    /// The log of all inputs, as [`super::replay`] reads it.
    pub log: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { invariant, what } = &self.violation;
        write!(
            f,
            "seed {} with {} nodes breaks {invariant} in step {} at {} virtual ms: {what}",
            self.config.seed, self.config.nodes, self.step, self.at_ms
        )
    }
}

impl std::error::Error for Failure {}
