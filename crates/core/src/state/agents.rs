//! Agents as their nodes declare them.

use std::collections::BTreeMap;

use super::Meta;
use crate::body::{AgentEndorsed, AgentRetired, Endorsement, Signed};
use crate::crypto::PublicKey;
use crate::event::OrderKey;

/// One agent of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRecord {
    /// The latest endorsement.
    pub endorsement: Signed<Endorsement>,
    /// When it was given.
    pub since: OrderKey,
    /// When the agent was first endorsed: who holds a contested id.
    pub first: OrderKey,
    /// Whether the node has taken the agent away since.
    pub retired: bool,
}

/// All agents of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agents {
    by_key: BTreeMap<(PublicKey, PublicKey), AgentRecord>,
    retired: BTreeMap<(PublicKey, PublicKey), OrderKey>,
}

impl Agents {
    pub(super) fn endorse(&mut self, meta: &Meta, body: &AgentEndorsed) {
        let key = (meta.node(), body.endorsement.statement.agent);
        let at = meta.order();
        let retired = self.retired.get(&key).is_some_and(|r| *r > at);
        let record = AgentRecord {
            endorsement: body.endorsement.clone(),
            since: at,
            first: at,
            retired,
        };
        let known = self.by_key.entry(key).or_insert_with(|| record.clone());
        let first = known.first.min(at);
        if at > known.since {
            *known = record;
        }
        known.first = first;
    }

    pub(super) fn retire(&mut self, meta: &Meta, body: &AgentRetired) {
        let key = (meta.node(), body.agent);
        let at = self.retired.entry(key).or_insert_with(|| meta.order());
        *at = (*at).max(meta.order());
        let at = *at;
        if let Some(record) = self.by_key.get_mut(&key) {
            record.retired = at > record.since;
        }
    }

    /// An agent of a node.
    pub fn get(&self, node: &PublicKey, agent: &PublicKey) -> Option<&AgentRecord> {
        self.by_key.get(&(*node, *agent))
    }

    /// The agents of one node that were not taken away.
    pub fn active_of(&self, node: &PublicKey) -> impl Iterator<Item = &AgentRecord> {
        let (first, last) = ((*node, PublicKey([0; 32])), (*node, PublicKey([255; 32])));
        self.by_key.range(first..=last).map(|(_, r)| r).filter(|r| !r.retired)
    }

    /// When a node last took an agent away.
    pub fn retired_at(&self, node: &PublicKey, agent: &PublicKey) -> Option<OrderKey> {
        self.retired.get(&(*node, *agent)).copied()
    }

    /// Every agent that was not taken away, with its node.
    pub fn active(&self) -> impl Iterator<Item = (PublicKey, &AgentRecord)> {
        self.by_key
            .iter()
            .filter(|(_, r)| !r.retired)
            .map(|((node, _), r)| (*node, r))
    }

    /// The agent that holds an id: the first active one in the order of events.
    pub fn holder(&self, id: &str) -> Option<(PublicKey, &AgentRecord)> {
        self.active()
            .filter(|(_, r)| r.endorsement.statement.id == id)
            .min_by_key(|(_, r)| r.first)
    }
}
