//! What happens in a review while it runs.
//!
//! A node sends these as lines of JSON (`/v1/reviews`, see [`crate::client`]); unknown kinds are skipped, so that an older
//! command line can follow a newer node.

use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum ProgressEvent {
    /// The thread is open and the roles are asked.
    Opened {
        /// Address of the thread.
        thread: String,
        /// What is reviewed.
        title: String,
        /// Changed files.
        files: u32,
        /// Roles that were asked.
        roles: Vec<String>,
        /// Seconds until a person is asked.
        deadline_s: u64,
    },
    /// An agent joined.
    Joined {
        /// Agent id.
        agent: String,
        /// Its role.
        role: String,
        /// Its node's public key, hex.
        node: String,
    },
    /// An agent works through the change.
    Analysing {
        /// Agent id.
        agent: String,
        /// Files done.
        done: u32,
        /// Files in all.
        total: u32,
    },
    /// An agent posted its findings.
    Findings {
        /// Agent id.
        agent: String,
        /// How many.
        count: u32,
    },
    /// A verdict is proposed.
    Proposal {
        /// Agent id.
        agent: String,
        /// `approve` or `request_changes`.
        verdict: String,
    },
    /// An agent committed to a vote.
    Commit {
        /// Agent id.
        agent: String,
    },
    /// An agent revealed its vote.
    Reveal {
        /// Agent id.
        agent: String,
        /// `approve`, `request_changes`, `abstain`.
        vote: String,
    },
    /// An agent brought evidence in the one evidence round.
    Evidence {
        /// Agent id.
        agent: String,
    },
    /// An agent signed its final vote.
    FinalVote {
        /// Agent id.
        agent: String,
        /// `approve`, `request_changes`, `abstain`.
        vote: String,
    },
    /// The review is decided.
    Decided {
        /// `approve` or `request_changes`.
        verdict: String,
        /// From the request to now.
        time_ms: u64,
    },
    /// A person is asked.
    Escalated {
        /// Id for `bzzz escalations answer`.
        id: String,
        /// Why, as [`crate::report::words::escalation_reason`] reads it: `split`, `deadline`, `budget`, `veto`, `request`, `failures`, `unheard`, `abstained`.
        reason: String,
    },
    /// Something that the reader should know, for example a role without an agent.
    Warning {
        /// The text.
        text: String,
    },
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}
