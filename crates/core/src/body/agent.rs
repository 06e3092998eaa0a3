//! Agents as their nodes declare them.

use minicbor::{Decode, Encode};

use super::{MAX_LIST, Signed, Statement, name_ok};
use crate::codec;
use crate::crypto::{Context, Hash, Keypair, PublicKey, Signature};

/// The whole of an endorsement, encoded: a proposal carries one for each voter, and must stay below an event's limit.
pub const MAX_ENDORSEMENT_BYTES: usize = 2_048;

/// What an agent's key says: this node hosts me, under this id. Without it a node could endorse another's agent, and what the two say
/// of one key would contradict each other. It names no epoch: the node alone can use it, and the node says itself until when its agents
/// are there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AgentConsent {
    /// The project.
    #[n(0)]
    pub project: Hash,
    /// The node that hosts it.
    #[n(1)]
    pub node: PublicKey,
    /// Its id.
    #[n(2)]
    pub id: String,
}

impl Statement for AgentConsent {
    const CONTEXT: Context = Context::Agent;
}

impl AgentConsent {
    /// The agent's signature under it.
    pub fn sign(agent: &Keypair, project: Hash, node: PublicKey, id: &str) -> Signature {
        let id = id.to_owned();
        let consent = AgentConsent { project, node, id };
        agent.sign(Self::CONTEXT, &codec::encode(&consent))
    }
}

/// A node says: this key speaks for this agent, which I host. The agent's key says so too.
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
    /// Over [`AgentConsent`], by the agent's key: the endorsement counts for the node that it names only.
    #[n(8)]
    pub consent: Signature,
}

impl Statement for Endorsement {
    const CONTEXT: Context = Context::Endorsement;
}

impl Endorsement {
    /// Whether the agent's key says that `node` hosts it.
    pub fn is_consented(&self, node: &PublicKey) -> bool {
        let (project, node, id) = (self.project, *node, self.id.clone());
        let consent = AgentConsent { project, node, id };
        self.agent
            .verify(AgentConsent::CONTEXT, &codec::encode(&consent), &self.consent)
    }

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
