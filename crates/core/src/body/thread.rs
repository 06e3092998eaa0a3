//! Threads, messages and findings.

use minicbor::{Decode, Encode};

use super::{MAX_LIST, Signed, Statement, name_ok};
use crate::blob::BlobRef;
use crate::crypto::{Context, Hash};

/// What a thread is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ThreadKind {
    /// Free talk.
    #[n(0)]
    Discussion,
    /// The review of a change.
    #[n(1)]
    Review,
}

/// Opens a thread. The event's hash is the thread's id; its author is the thread's home.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ThreadOpened {
    /// What for.
    #[n(0)]
    pub kind: ThreadKind,
    /// Task name in the thread's address.
    #[n(1)]
    pub task: String,
    /// Title.
    #[n(2)]
    pub title: BlobRef,
    /// What it is about: the change under review.
    #[n(3)]
    pub subject: Option<BlobRef>,
    /// Roles that are asked to take part.
    #[n(4)]
    pub roles: Vec<String>,
    /// How long each phase may take.
    #[n(5)]
    pub timing: Timing,
    /// What the whole thread may spend, micro-dollars.
    #[n(6)]
    pub budget_microusd: u64,
    /// The [`crate::change::Subject`] of a review, hashed: what a certificate shows of the change to strangers, who do not get the change
    /// itself. Members check it against the change.
    #[n(7)]
    pub digest: Option<Hash>,
}

impl ThreadOpened {
    pub(super) fn is_bounded(&self) -> bool {
        let parts = [
            self.timing.findings_ms,
            self.timing.commit_ms,
            self.timing.reveal_ms,
            self.timing.evidence_ms,
            self.timing.final_ms,
        ];
        parts.iter().all(|part| *part <= MAX_PHASE_MS)
            && name_ok(&self.task)
            && self.roles.len() <= MAX_LIST
            && self.roles.iter().all(|r| name_ok(r))
            && (self.kind == ThreadKind::Review && self.subject.is_some()) == self.digest.is_some()
    }
}

/// No phase of a decision is longer, milliseconds: thirty days.
pub const MAX_PHASE_MS: u64 = 30 * 24 * 60 * 60_000;

/// Lengths of a decision's phases, milliseconds, each counted from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Timing {
    /// From opening to the proposal: the time for findings.
    #[n(0)]
    pub findings_ms: u64,
    /// For commitments.
    #[n(1)]
    pub commit_ms: u64,
    /// For reveals.
    #[n(2)]
    pub reveal_ms: u64,
    /// For the one evidence round.
    #[n(3)]
    pub evidence_ms: u64,
    /// For final votes.
    #[n(4)]
    pub final_ms: u64,
}

impl Timing {
    /// From opening to the last moment for a final vote.
    pub fn total_ms(&self) -> u64 {
        [
            self.findings_ms,
            self.commit_ms,
            self.reveal_ms,
            self.evidence_ms,
            self.final_ms,
        ]
        .iter()
        .fold(0, |sum: u64, part| sum.saturating_add(*part))
    }
}

/// The kinds of messages in a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Something to be decided.
    #[n(0)]
    Proposal,
    /// Something asked.
    #[n(1)]
    Question,
    /// Something spoken against.
    #[n(2)]
    Objection,
    /// Something shown.
    #[n(3)]
    Evidence,
    /// Assent in words; it counts nowhere.
    #[n(4)]
    Agreement,
    /// A vote's reason in words; the vote itself is an event of its own.
    #[n(5)]
    Vote,
    /// A decision in words.
    #[n(6)]
    Decision,
    /// A request for a person.
    #[n(7)]
    Escalation,
    /// Anything else.
    #[n(8)]
    Note,
}

/// A message, as its agent signs it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Message {
    /// The project.
    #[n(0)]
    pub project: Hash,
    /// The thread; the project's id itself for a message to an address outside any thread.
    #[n(1)]
    pub thread: Hash,
    /// Its kind.
    #[n(2)]
    pub kind: MessageKind,
    /// Its text.
    #[n(3)]
    pub text: BlobRef,
    /// Events that it answers.
    #[n(4)]
    pub parents: Vec<Hash>,
    /// Address of those it is for; absent: everyone in the thread.
    #[n(5)]
    pub to: Option<String>,
    /// Given by the sender to make a repeated post one message.
    #[n(6)]
    pub idempotency_key: Option<String>,
}

impl Statement for Message {
    const CONTEXT: Context = Context::Message;
}

/// A message in a thread.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct MessagePosted {
    /// Signed by the agent, or by the node for a person at it.
    #[n(0)]
    pub message: Signed<Message>,
}

/// An agent's findings on a thread's subject, as it signs them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Findings {
    /// The project.
    #[n(0)]
    pub project: Hash,
    /// The thread.
    #[n(1)]
    pub thread: Hash,
    /// The list, in its own encoding, as a blob.
    #[n(2)]
    pub list: BlobRef,
    /// How many.
    #[n(3)]
    pub count: u32,
    /// Whether a critical security finding with a quote that stands is among them.
    #[n(4)]
    pub veto: bool,
    /// The task under which the work was done, if any.
    #[n(5)]
    pub task: Option<Hash>,
    /// The fencing token of its lease.
    #[n(6)]
    pub token: Option<u64>,
    /// Whether the agent has read less of the change than its role asks: its analysers could not read all, and no model did. Its
    /// findings stand; where they would approve, its vote is an abstention.
    #[n(7)]
    pub partial: bool,
}

impl Statement for Findings {
    const CONTEXT: Context = Context::Findings;
}

/// An agent's findings.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FindingsPosted {
    /// Signed by the agent.
    #[n(0)]
    pub findings: Signed<Findings>,
}

/// Ends a thread: by its home, after an outcome or without one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ThreadClosed {
    /// The thread.
    #[n(0)]
    pub thread: Hash,
    /// Whether its question was resolved.
    #[n(1)]
    pub resolved: bool,
}
