//! What goes over the wire between the command line and a node's local API, apart from the report itself.
//!
//! Answers are read leniently (absent fields are empty), so that a newer command line can ask an older node. With
//! `--json` the node's answer is printed as it came, not through these types.

use bzzz_core::change::ChangeSet;
use bzzz_core::report::{OwnerLine, Report};
use serde::{Deserialize, Serialize};

use crate::progress::ProgressEvent;

/// `GET /v1/status`; also the one line of `bzzz up --json` and the file `node.json` in the data folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// libp2p peer id.
    pub peer_id: String,
    /// Multiaddresses that the node listens on.
    pub p2p: Vec<String>,
    /// Address of the local API.
    pub http: String,
    /// Data folder.
    pub data: String,
    /// Whether it lives as long as the review that started it, and somebody else may go on with its data folder then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub brief: bool,
}

/// `POST /v1/reviews`. The answer is a stream of [`ReviewLine`]s, as is that of `GET /v1/threads/{id}/follow`. Empty lines
/// in it say that the node is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRequest {
    /// What is reviewed: `{title, diff, files, old_files}`.
    pub change: ChangeSet,
    /// Roles to ask; empty: all that the node and its peers host.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Seconds until a person is asked.
    pub deadline_s: u64,
}

/// One line of a review that is followed; the last is `report` or `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReviewLine {
    /// Something happened.
    Progress {
        /// What.
        event: ProgressEvent,
    },
    /// The end.
    Report {
        /// The report; `certificate` in it is a path on the node, replaced by the one that this command writes.
        report: Box<Report>,
        /// Text of the decision certificate (PEM); none without a decision.
        #[serde(default)]
        certificate: Option<String>,
    },
    /// The end without a report.
    Error {
        /// Why.
        #[serde(flatten)]
        fault: Fault,
    },
}

/// Body of every answer that is not 2xx.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// The reason in one sentence. Never empty in what a node sends.
    pub error: String,
    /// The reason and its causes, nearest first.
    pub because: Vec<String>,
    /// What to do.
    #[serde(rename = "try", skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// A word of the exit table (`usage`, `verify`, `node`, `local`), where the status code does not say enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// One of the words of [`code`], where a program does something about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What a program tells apart in a [`Fault`].
pub mod code {
    /// The node stops or has stopped; nothing was begun unless an answer said so before.
    pub const STOPPING: &str = "stopping";
    /// The node knows no such thing (yet).
    pub const NOT_FOUND: &str = "not_found";
    /// No agent of a role is known.
    pub const UNKNOWN_ROLE: &str = "unknown_role";
}

/// An agent in `GET /v1/agents` (`{"agents": […]}`) and in look-ups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AgentRow {
    /// Id.
    pub id: String,
    /// Role.
    pub role: String,
    /// `starting`, `idle`, `working`, `draining`, `stopped`, `failed`.
    pub status: String,
    /// Tasks now.
    pub tasks: u32,
    /// Tasks at once.
    pub max_tasks: u32,
    /// Node's public key, hex, or its name.
    pub node: String,
    /// What it can do.
    pub capabilities: Vec<String>,
}

/// A member in `GET /v1/members` (`{"members": […]}`). Weights are millionths of the weight 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MemberRow {
    /// Peer id.
    pub peer: String,
    /// Declared owner; none: it has no vote.
    pub owner: Option<String>,
    /// Key of the person who answers for it, hex.
    pub operator: Option<String>,
    /// Weight.
    pub weight: u64,
    /// Whether it has said lately that it is here.
    pub live: bool,
    /// Whether it is the node that answers.
    pub here: bool,
    /// Whether it has said that it leaves.
    pub leaves: bool,
}

/// An open question of membership (`{"pending": […]}`). Weights are millionths of the weight 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct QuestionRow {
    /// Peer id of the node that it is about.
    pub peer: String,
    /// `admit`, `remove`, `leave`.
    pub wish: String,
    /// Declared owner.
    pub owner: Option<String>,
    /// Whether this node's seat has consented.
    pub consented_here: bool,
    /// Weight of the seats that have.
    pub weight: u64,
    /// Weight that carries it.
    pub needed: u64,
    /// Weight of the whole roster.
    pub total: u64,
    /// Whether it is carried.
    pub carried: bool,
    /// Whether the word of one seat of that owner is enough.
    pub by_owner: bool,
}

/// A thread in `GET /v1/threads` (`{"threads": […]}`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ThreadRow {
    /// Id, hex.
    pub id: String,
    /// Title.
    pub title: String,
    /// `open`, `voting`, `decided`, `escalated`, `closed`.
    pub state: String,
    /// `approve`, `request_changes`: how a review ended, by votes or by people.
    pub verdict: Option<String>,
    /// The option that people chose.
    pub answer: Option<String>,
    /// When it was decided, answered or closed, Unix milliseconds.
    pub settled_ms: Option<u64>,
    /// Messages so far.
    pub messages: u32,
    /// Agents and people in it.
    pub participants: Vec<String>,
    /// Who ended it: `quorum`, `people`, `home`; in the answer about one thread only, as what follows.
    pub settled_by: Option<String>,
    /// Whether its home closed it as resolved.
    pub resolved: Option<bool>,
    /// Questions to people, in order.
    pub escalations: Vec<AskedRow>,
}

/// A question to people in `GET /v1/threads/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AskedRow {
    /// Id, hex.
    pub id: String,
    /// `open`, `acknowledged`, `answered`, `timed_out`, `void`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// The question.
    pub question: String,
    /// The answers that can be given.
    pub options: Vec<String>,
    /// How far the answers are.
    pub progress: String,
    /// When it was asked, Unix milliseconds.
    pub asked_ms: u64,
    /// What people have answered.
    pub answers: Vec<SaidRow>,
}

/// One owner's answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SaidRow {
    /// The owner that it speaks for, as declared.
    pub owner: String,
    /// Who answered, as they gave their name.
    pub person: String,
    /// The option.
    pub answer: String,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Unix time, milliseconds.
    pub at_ms: u64,
}

/// A message in `GET /v1/threads/{id}` (`{…thread, "log": […]}`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MessageRow {
    /// Id, hex.
    pub id: String,
    /// Author.
    pub from: String,
    /// Kind.
    pub kind: String,
    /// Text.
    pub text: String,
    /// Unix time, milliseconds.
    pub at_ms: u64,
}

/// A task in `GET /v1/tasks` (`{"tasks": […]}`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TaskRow {
    /// Id, hex.
    pub id: String,
    /// Title.
    pub title: String,
    /// `announced`, `claimed`, `owned`, `done`, `failed`.
    pub state: String,
    /// Acknowledged owner, if any.
    pub owner: Option<String>,
    /// Fencing token of the present lease.
    pub token: Option<u64>,
    /// What its owner said at its end; in the answer about one task only.
    pub result: Option<String>,
}

/// An escalation in `GET /v1/escalations` (`{"escalations": […]}`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EscalationRow {
    /// Id, hex.
    pub id: String,
    /// `open`, `acknowledged`, `answered`, `timed_out`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// The question.
    pub question: String,
    /// Thread id.
    pub thread: String,
    /// The answers that can be given.
    pub options: Vec<String>,
    /// Who said that they look after it.
    pub acknowledged: Vec<String>,
    /// The option that people chose.
    pub answer: Option<String>,
    /// Node key of whoever opened it.
    pub asked_by: String,
    /// Its owner, as declared.
    pub asked_by_owner: String,
    /// Whose answers decide: `any_owner`, `majority`.
    pub rule: String,
    /// Every owner's voice.
    pub owners: Vec<OwnerLine>,
    /// How far the answers are.
    pub progress: String,
    /// What the record says, whatever the question says; in the answer about one escalation only.
    pub record: Vec<String>,
}

/// `GET /v1/resource`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ResourceRow {
    /// Canonical address with the version.
    pub address: String,
    /// Version, from 1; none of a write that is no version.
    pub version: Option<u64>,
    /// Tag for `--if-match`.
    pub etag: String,
    /// Media type.
    pub media_type: String,
    /// Content, when it is text.
    pub text: String,
    /// Entries, when the address is a folder.
    pub entries: Vec<String>,
    /// How the write stands: `version`, `waiting` for the home's word, `refused`.
    pub state: String,
    /// How many writes are no version.
    pub siblings: u64,
    /// The newest of them.
    pub sibling_writes: Vec<SiblingRow>,
}

/// A write of a resource that is no version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SiblingRow {
    /// Its tag.
    pub etag: String,
    /// `waiting` for the home's word, or `refused`.
    pub state: String,
    /// Key of the node that wrote it, hex.
    pub by: String,
    /// Unix time, milliseconds.
    pub at_ms: u64,
}

/// What a check of a log or a replay says (`POST /v1/log/verify`, `/v1/replay`, `/v1/sim`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CheckAnswer {
    /// Whether everything holds.
    pub valid: bool,
    /// One sentence, for example `valid, issuer not pinned`.
    pub summary: String,
    /// Single statements, good and bad.
    pub details: Vec<String>,
}
