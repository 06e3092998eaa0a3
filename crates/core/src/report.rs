//! The report of one review as plain data: what the renderers (text, Markdown, JSON, SARIF, HTML) draw from.
//!
//! The JSON rendering is this structure as it stands, so its field names are a public format: `version` goes up when
//! a field changes its meaning or goes away.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::reading::Unread;

/// Version of the JSON form.
pub const REPORT_VERSION: u32 = 1;
/// Unread files that a report lists, at most.
pub const MAX_UNREAD_FILES: usize = 1_000;

/// What a review came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// Address of the thread, `bzzz://*:*@project:task/thread/<id>`.
    pub thread: String,
    /// Project id, hex.
    pub project: String,
    /// What was reviewed.
    pub subject: Subject,
    /// The outcome.
    pub verdict: Verdict,
    /// What the verdict rests on.
    pub basis: Basis,
    /// Plain sentences that a reader must not miss, for example that no model took part.
    pub notes: Vec<String>,
    /// Changed files that nobody read, at most [`MAX_UNREAD_FILES`]; the first note names them too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
    /// United findings, worst first.
    pub findings: Vec<ReportedFinding>,
    /// Who took part.
    pub participants: Vec<Participant>,
    /// Roles that were asked and did not answer.
    pub missing: Vec<String>,
    /// Every voter's votes.
    pub votes: Vec<VoteLine>,
    /// What was said in the thread, oldest first.
    pub messages: Vec<MessageLine>,
    /// Tally by weight.
    pub tally: Tally,
    /// Vetoes that were raised, whether the vote dealt with them or not.
    #[serde(default)]
    pub vetoes: Vec<VetoLine>,
    /// Set when a person is asked to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<EscalationLine>,
    /// Money spent.
    pub cost: CostLine,
    /// From the request to the outcome, milliseconds.
    pub time_ms: u64,
    /// Where the decision certificate was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// What was reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// File name or revision range as the person gave it.
    pub title: String,
    /// Salted hash of the change, hex: the certificate names it.
    pub hash: String,
    /// Changed files.
    pub files: u32,
    /// Added lines.
    pub added: u32,
    /// Removed lines.
    pub removed: u32,
    /// SHA-256 of the diff, hex: the certificate shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_sha256: Option<String>,
    /// The commit that the diff starts from, where it was read from a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The commit that it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
}

/// The outcome of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The change may land.
    Approve,
    /// The change must be mended first.
    RequestChanges,
    /// Handed to a person.
    Escalated,
}

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The published severity rule over the analysers' findings: all voters sit on one node, or no model took part.
    SeverityRule,
    /// A vote over several nodes in which models took part.
    Consensus,
    /// People's signed answers: see [`EscalationLine::owners`].
    Person,
}

/// A finding with those who raised it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedFinding {
    /// The united finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// Ids of the agents that raised it.
    pub raised_by: Vec<String>,
}

/// An agent that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Agent id.
    pub agent: String,
    /// Role.
    pub role: String,
    /// Node's public key, hex.
    pub node: String,
    /// Owner as declared in the roster.
    pub owner: String,
    /// Model family as declared; none when only analysers worked.
    pub model: Option<String>,
    /// Findings that it raised, before union.
    pub findings: u32,
}

/// One voter's votes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteLine {
    /// Agent id.
    pub agent: String,
    /// Role.
    pub role: String,
    /// Weight in micro-units of the roster.
    pub weight: u64,
    /// Revealed first vote: `approve`, `request_changes`, `abstain`; none when it stayed silent.
    pub first: Option<String>,
    /// Final vote, likewise.
    pub last: Option<String>,
    /// Whether the final vote is against the outcome.
    pub dissent: bool,
    /// The reason given.
    pub reason: String,
}

/// A message of the thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageLine {
    /// Agent id, or the person's name.
    pub from: String,
    /// Role of the author.
    pub role: String,
    /// `proposal`, `question`, `objection`, `evidence`, `agreement`, `vote`, `decision`, `escalation`, `note`.
    pub kind: String,
    /// Text; empty when the blob was erased or has not arrived.
    pub text: String,
    /// Unix time, milliseconds.
    pub at_ms: u64,
}

/// Sums of weight.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All weight of the roster.
    pub total: u64,
    /// Weight needed: more than two thirds.
    pub needed: u64,
    /// For approval.
    pub approve: u64,
    /// For changes.
    pub request_changes: u64,
    /// Abstained.
    pub abstain: u64,
    /// Did not vote.
    pub silent: u64,
    /// Nodes behind the final votes.
    pub nodes: u32,
    /// Owners behind them, as declared.
    pub owners: u32,
    /// Model families behind them, as declared.
    pub model_families: u32,
}

/// An escalation as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationLine {
    /// Id, hex, for `bzzz escalations answer`.
    pub id: String,
    /// `split`, `deadline`, `budget`, `veto`, `request`, `failures`, `unheard`, `abstained`.
    pub reason: String,
    /// The question to the person, as who opened it put it.
    pub question: String,
    /// The answers that can be given, in the question's order.
    #[serde(default)]
    pub options: Vec<String>,
    /// The option that people chose, with their names, once enough of them have.
    pub answer: Option<String>,
    /// Who opened it.
    #[serde(default)]
    pub opened_by: Opener,
    /// What is on record about the vote, whatever the question says.
    #[serde(default)]
    pub record: Vec<String>,
    /// Whose answers decide: `any_owner`, `majority`.
    #[serde(default)]
    pub rule: String,
    /// Every owner with its one voice.
    #[serde(default)]
    pub owners: Vec<OwnerLine>,
    /// How far the answers are, in words.
    #[serde(default)]
    pub progress: String,
}

/// Who opened an escalation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opener {
    /// Its node's key, hex.
    pub node: String,
    /// The node's owner, as declared in the roster of the question's epoch.
    pub owner: String,
}

/// One owner's voice in an escalation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerLine {
    /// As declared in the roster of the question's epoch.
    pub owner: String,
    /// Weight of the whole pool.
    pub weight: u32,
    /// The option that it chose; none while it is silent.
    pub answer: Option<String>,
    /// Who answered for it, as they gave their name.
    pub person: Option<String>,
    /// The operator's key, hex, under which the answer is signed.
    pub operator: Option<String>,
    /// When, Unix milliseconds.
    pub at_ms: Option<u64>,
}

/// One agent's veto.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VetoLine {
    /// Agent id.
    pub agent: String,
    /// Its node's key, hex.
    pub node: String,
    /// The node's owner, as declared.
    pub owner: String,
    /// Whether a critical security finding by a security agent of a seat stands behind it; none while its list is not here.
    pub founded: Option<bool>,
    /// Whether the proposal that was voted on names it.
    pub named: bool,
    /// Ids of the security voters that lift it.
    pub lifted_by: Vec<String>,
    /// Whether it stands: it is not known to be unfounded, and neither security voters nor people have lifted it.
    pub stands: bool,
}

/// Money of one review, micro-dollars.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostLine {
    /// Settled.
    pub spent_microusd: u64,
    /// The task's limit; 0: no model may be called.
    pub limit_microusd: u64,
}
