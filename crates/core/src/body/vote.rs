//! Proposals and votes.

use minicbor::{Decode, Encode};

use super::{Endorsement, Findings, Signed, Statement};
use crate::blob::BlobRef;
use crate::crypto::{Context, Hash, PublicKey};
use crate::event::EventRef;

/// Voters of one decision, at most: a certificate carries them all.
pub const MAX_PANEL: usize = 64;
/// Findings that one proposal names, at most: four rounds of a full panel.
pub const MAX_PROPOSED_FINDINGS: usize = 4 * MAX_PANEL;
/// Vetoes that one proposal names, at most: one for each agent of a full panel.
pub const MAX_VETOES: usize = MAX_PANEL;

/// The role whose critical findings are vetoes, and whose voters can lift them.
pub const SECURITY: &str = "security";

/// What can be voted for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The change may land.
    #[n(0)]
    Approve,
    /// The change must be mended first.
    #[n(1)]
    RequestChanges,
    /// Neither. It counts for nothing: abstaining is not assent.
    #[n(2)]
    Abstain,
}

/// Puts a thread's subject to the vote. The event's hash is the proposal's id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Proposed {
    /// The thread.
    #[n(0)]
    pub thread: Hash,
    /// Hash of what is voted on: the change.
    #[n(1)]
    pub subject: Hash,
    /// Hash of the roster of the event's epoch.
    #[n(2)]
    pub roster: Hash,
    /// Who votes, each as endorsed by its node, sorted by agent key.
    #[n(3)]
    pub panel: Vec<Signed<Endorsement>>,
    /// The findings that the proposer has seen.
    #[n(4)]
    pub findings: Vec<Hash>,
    /// The findings statements whose veto the vote has to deal with, one an agent, sorted by agent key. An approval counts only if
    /// security voters lift them.
    #[n(5)]
    pub vetoes: Vec<Signed<Findings>>,
}

impl Proposed {
    pub(super) fn is_bounded(&self) -> bool {
        self.panel.len() <= MAX_PANEL
            && self.findings.len() <= MAX_PROPOSED_FINDINGS
            && self.vetoes.len() <= MAX_VETOES
            && self.vetoes.windows(2).all(|w| w[0].by < w[1].by)
            && self
                .vetoes
                .iter()
                .all(|v| v.statement.veto && v.statement.thread == self.thread)
            && self
                .panel
                .windows(2)
                .all(|w| w[0].statement.agent < w[1].statement.agent)
            && self.panel.iter().all(|s| s.statement.is_bounded())
    }
}

/// An agent has made up its mind, without saying how.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Committed {
    /// The proposal.
    #[n(0)]
    pub proposal: Hash,
    /// The agent.
    #[n(1)]
    pub agent: PublicKey,
    /// [`Reveal::commitment`] of the reveal to come.
    #[n(2)]
    pub commitment: Hash,
}

/// A first vote, as its agent signs it. It does not bind.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Reveal {
    /// The proposal.
    #[n(0)]
    pub proposal: Hash,
    /// The vote.
    #[n(1)]
    pub choice: Choice,
    /// Keeps the commitment from being guessed.
    #[n(2)]
    pub nonce: Hash,
    /// Why, in words.
    #[n(3)]
    pub reason: Option<BlobRef>,
}

impl Statement for Reveal {
    const CONTEXT: Context = Context::Reveal;
}

/// An agent shows the vote that it committed to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Revealed {
    /// Signed by the agent.
    #[n(0)]
    pub reveal: Signed<Reveal>,
}

/// A final vote, as its agent signs it: one for a subject and epoch, whatever proposals there are.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FinalVote {
    /// The project.
    #[n(0)]
    pub project: Hash,
    /// The thread.
    #[n(1)]
    pub thread: Hash,
    /// Roster epoch.
    #[n(2)]
    pub epoch: u32,
    /// Roster hash.
    #[n(3)]
    pub roster: Hash,
    /// Hash of what is voted on.
    #[n(4)]
    pub subject: Hash,
    /// The proposal.
    #[n(5)]
    pub proposal: Hash,
    /// The vote.
    #[n(6)]
    pub choice: Choice,
    /// Set by a security voter who no longer stands by a veto.
    #[n(7)]
    pub lifts_veto: bool,
}

impl Statement for FinalVote {
    const CONTEXT: Context = Context::FinalVote;
}

/// An agent's final vote.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FinalVoted {
    /// Signed by the agent.
    #[n(0)]
    pub vote: Signed<FinalVote>,
    /// Why, in words.
    #[n(1)]
    pub reason: Option<BlobRef>,
}

/// A quorum of final votes was reached. The votes named decide; this event only gathers them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Decided {
    /// The thread.
    #[n(0)]
    pub thread: Hash,
    /// The proposal.
    #[n(1)]
    pub proposal: Hash,
    /// The outcome.
    #[n(2)]
    pub choice: Choice,
    /// The final-vote events that the certificate is made of, for and against, sorted.
    #[n(3)]
    pub votes: Vec<EventRef>,
}
