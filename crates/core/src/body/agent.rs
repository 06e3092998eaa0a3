//! Agents as their nodes declare them.

use minicbor::{Decode, Encode};

use super::{MAX_LIST, Signed, Statement, name_ok};
use crate::codec;
use crate::crypto::{Context, Hash, PublicKey};

/// The whole of an endorsement, encoded: a proposal carries one for each voter, and must stay below an event's limit.
pub const MAX_ENDORSEMENT_BYTES: usize = 2_048;

/// A node says: this key speaks for this agent, which I host.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Endorsement {
    /// The project.
    #[n(0)]
    pub project: Hash,
    /// The agent's key.
    #[n(1)]
    pub agent: PublicKey,
    /// Its id, unique in the project.
    #[n(2)]
    pub id: String,
    /// Its role.
    #[n(3)]
    pub role: String,
    /// What it can do.
    #[n(4)]
    pub capabilities: Vec<String>,
    /// What it does best, free text; may be empty.
    #[n(5)]
    pub specialization: String,
    /// How many tasks it works on at a time.
    #[n(6)]
    pub max_tasks: u32,
    /// Model family as declared; absent when only analysers work.
    #[n(7)]
    pub model: Option<String>,
}

impl Statement for Endorsement {
    const CONTEXT: Context = Context::Endorsement;
}

impl Endorsement {
    pub(super) fn is_bounded(&self) -> bool {
        name_ok(&self.id)
            && name_ok(&self.role)
            && self.capabilities.len() <= MAX_LIST
            && self.capabilities.iter().all(|c| name_ok(c))
            && self.specialization.len() <= 1024
            && codec::encode(self).len() <= MAX_ENDORSEMENT_BYTES
            && self.model.as_deref().is_none_or(name_ok)
    }
}

/// A node declares an agent, or declares it anew with other properties.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AgentEndorsed {
    /// Signed by the node.
    #[n(0)]
    pub endorsement: Signed<Endorsement>,
}

/// A node takes an agent away.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AgentRetired {
    /// The agent's key.
    #[n(0)]
    pub agent: PublicKey,
}
