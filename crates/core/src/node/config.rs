//! What a node is told at its start.

use crate::crypto::Keypair;
use crate::ledger::Limits;

/// How a request for a seat is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// A person decides, always.
    Ask,
    /// A node on this machine gets a seat; for others a person decides.
    Loopback,
    /// Everyone who reaches the node gets a seat.
    Open,
}

/// An agent to host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSpec {
    /// Its id, unique in the project.
    pub id: String,
    /// Its role.
    pub role: String,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// What it does best.
    pub specialization: String,
    /// How many tasks it works on at a time.
    pub max_tasks: u32,
    /// Its model; none: only analysers work.
    pub model: Option<ModelSpec>,
}

/// The model behind an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSpec {
    /// Name.
    pub name: String,
    /// Family as declared.
    pub family: String,
    /// What one call may cost at the most.
    pub worst_microusd: u64,
}

/// Intervals, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two presences.
    pub heartbeat_ms: u64,
    /// How long a presence holds: several heartbeats.
    pub presence_ttl_ms: u64,
    /// Between two comparisons of feeds with a peer.
    pub sync_ms: u64,
    /// How long an acknowledger gathers claims before it chooses.
    pub claim_window_ms: u64,
    /// Lease of a review's tasks.
    pub lease_ms: u64,
    /// How long a node waits before it does what another should have done, for each rank.
    pub backup_ms: u64,
    /// First pause before a failed agent is restarted; doubled each time.
    pub restart_ms: u64,
    /// Reminder and end of an escalation.
    pub remind_ms: u64,
    /// See [`crate::body::Escalated::timeout_ms`].
    pub escalation_timeout_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            heartbeat_ms: 1_000,
            presence_ttl_ms: 5_000,
            sync_ms: 2_000,
            claim_window_ms: 20,
            lease_ms: 30_000,
            backup_ms: 1_500,
            restart_ms: 500,
            remind_ms: 15 * 60_000,
            escalation_timeout_ms: 24 * 60 * 60_000,
        }
    }
}

/// Everything that a node is told at its start.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The node's key.
    pub key: Keypair,
    /// The key of the person who answers for it.
    pub operator: Keypair,
    /// Owner as declared.
    pub owner: String,
    /// Which life of the node this is.
    pub incarnation: u64,
    /// Agents to host, in every project that the node takes part in.
    pub agents: Vec<AgentSpec>,
    /// How requests for a seat are met.
    pub admit: Admit,
    /// Whether to ask peers for a seat, and in which project (`None` inside: whichever they offer).
    pub join: Option<Option<crate::crypto::Hash>>,
    /// Limits on spending.
    pub limits: Limits,
    /// Intervals.
    pub pace: Pace,
}
