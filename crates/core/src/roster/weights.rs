//! What one roster says: who belongs to it, and with what weight.

use std::collections::{BTreeMap, BTreeSet};

use super::UNITS_PER_WEIGHT;
use crate::body::{Pool, Roster};
use crate::codec;
use crate::crypto::{self, Context, Hash, PublicKey};

impl Roster {
    /// The roster's hash, which votes name.
    pub fn hash(&self) -> Hash {
        crypto::hash(Context::Roster, &codec::encode(self))
    }

    /// How many seats there are.
    pub fn seat_count(&self) -> usize {
        self.pools.iter().map(|p| p.seats.len()).sum()
    }

    /// The weight of one seat; 0 for a node without one.
    pub fn weight_of(&self, node: &PublicKey) -> u64 {
        let pool = self.pools.iter().find(|p| p.seats.iter().any(|s| s.node == *node));
        pool.map_or(0, |p| {
            u64::from(p.weight) * UNITS_PER_WEIGHT / p.seats.len().max(1) as u64
        })
    }

    /// The weight of every seat.
    pub fn weights(&self) -> BTreeMap<PublicKey, u64> {
        let mut out = BTreeMap::new();
        for pool in &self.pools {
            let each = u64::from(pool.weight) * UNITS_PER_WEIGHT / pool.seats.len().max(1) as u64;
            out.extend(pool.seats.iter().map(|seat| (seat.node, each)));
        }
        out
    }

    /// The weight of some nodes together, each of them named once.
    pub fn weight_of_all<'a>(&self, nodes: impl IntoIterator<Item = &'a PublicKey>) -> u64 {
        let weights = self.weights();
        nodes.into_iter().filter_map(|node| weights.get(node)).sum()
    }

    /// Whether a weight is more than a third of the roster's: an honest seat is among so many, as long as the rules hold at all.
    pub fn is_third(&self, weight: u64) -> bool {
        u128::from(weight) * 3 > u128::from(self.total_weight())
    }

    /// The sum of the seats' weights.
    pub fn total_weight(&self) -> u64 {
        let of_pool = |p: &Pool| {
            let seats = p.seats.len().max(1) as u64;
            u64::from(p.weight) * UNITS_PER_WEIGHT / seats * seats
        };
        self.pools.iter().filter(|p| !p.seats.is_empty()).map(of_pool).sum()
    }

    /// The weight of each voter `(agent, node)`.
    pub fn voter_weights(&self, voters: &[(PublicKey, PublicKey)]) -> BTreeMap<PublicKey, u64> {
        let seats = self.weights();
        let mut per_node: BTreeMap<PublicKey, u64> = BTreeMap::new();
        for (_, node) in voters {
            *per_node.entry(*node).or_default() += 1;
        }
        voters
            .iter()
            .map(|(agent, node)| (*agent, seats.get(node).copied().unwrap_or(0) / per_node[node].max(1)))
            .collect()
    }

    /// Whether the node may read and write.
    pub fn is_member(&self, node: &PublicKey) -> bool {
        self.readers.binary_search(node).is_ok() || self.owner(node).is_some()
    }

    /// The declared owner of a voting member.
    pub fn owner(&self, node: &PublicKey) -> Option<&str> {
        self.pools
            .iter()
            .find(|p| p.seats.iter().any(|s| s.node == *node))
            .map(|p| p.owner.as_str())
    }

    /// Every member, voting or not.
    pub fn members(&self) -> BTreeSet<PublicKey> {
        let seats = self.pools.iter().flat_map(|p| &p.seats).map(|s| s.node);
        seats.chain(self.readers.iter().copied()).collect()
    }

    /// Whether the key is an operator's: the people who may answer escalations.
    pub fn is_operator(&self, person: &PublicKey) -> bool {
        self.pools.iter().flat_map(|p| &p.seats).any(|s| s.operator == *person)
    }

    /// The owners for whom a person answers escalations.
    pub fn owners_of(&self, person: &PublicKey) -> Vec<&str> {
        let pools = self
            .pools
            .iter()
            .filter(|p| p.seats.iter().any(|s| s.operator == *person));
        pools.map(|p| p.owner.as_str()).collect()
    }
}
