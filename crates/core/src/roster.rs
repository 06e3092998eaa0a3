//! Rosters: who may vote with what weight, and the signed chain from the genesis to today.
//!
//! Weights are integers throughout. A pool's weight is split equally over its seats, a seat's weight equally over the panel's
//! agents on that node, always rounding down, so that anybody computes the same figures. A quorum is more than
//! two thirds of the *roster's* weight, never of those who happened to vote.
//!
//! A roster says only what is new against the one before: whom it removes, and where that feed ends. Who was removed earlier is known to
//! the chain. So a roster is as long as its members are many, however many have gone, and nothing about those can fill it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::body::{
    Cut, Genesis, JoinStatement, MAX_MEMBERS, MemberSignature, Pool, Roster, RosterChanged, RosterStatement, Seat,
    Statement,
};
use crate::codec;
use crate::crypto::{self, Context, Hash, Keypair, PublicKey, Signature};
use crate::event::{Event, MAX_EVENT_BYTES};

/// A pool of weight 1 has this many units.
pub const UNITS_PER_WEIGHT: u64 = 1_000_000;

/// A signature in a [`RosterChanged`], encoded: a list of a key and a signature.
const SIGNATURE_BYTES: usize = 1 + 34 + 66;
/// What a roster grows by when a reader is removed, at most: its cut is longer than its key by this. The cut of the roster before is gone then.
const CUT_BYTES: usize = 19;
/// What an event has beside its body, at most: its header with all references that it may have, its signature, and the heads of lists.
pub(crate) const ENVELOPE_BYTES: usize = 8 * 1024;

/// Whether `weight` is more than two thirds of `total`.
pub fn is_quorum(weight: u64, total: u64) -> bool {
    u128::from(weight) * 3 > u128::from(total) * 2
}

/// Why a roster does not follow from the one before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// Not the next epoch of this chain.
    #[error("could not accept the roster: epoch {got} does not follow epoch {have}")]
    NotNext {
        /// Its epoch.
        got: u32,
        /// The last known epoch.
        have: u32,
    },
    /// Its form breaks a rule: unsorted, too large, a node twice, a weight out of range.
    #[error("could not accept the roster of epoch {0}: its lists are unsorted, empty or too long")]
    Form(u32),
    /// Another roster has its epoch already: more than a third of the weight signed both.
    #[error("could not accept the roster: epoch {0} is another roster already")]
    Conflict(u32),
    /// A certificate carries a signature under it that does not count.
    #[error(
        "could not accept the roster of epoch {0}: a signature under it is wrong, repeated or not a voting member's"
    )]
    Signature(u32),
    /// Too little weight signed it.
    #[error("could not accept the roster: {weight} of {total} weight signed it, more than two thirds are needed")]
    NoQuorum {
        /// Weight of valid signatures.
        weight: u64,
        /// Weight of the roster before.
        total: u64,
    },
}

/// One step from a roster to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A node came.
    Came(PublicKey),
    /// A node went, and its feed ends here.
    Went(Cut),
}

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

    /// Whether this very roster removes the node. Who went before is known to [`RosterChain::was_removed`].
    pub fn removes(&self, node: &PublicKey) -> bool {
        self.cuts.iter().any(|c| c.node == *node)
    }

    /// Whether the event that brings this roster has room for it and for a signature of each member with a vote, and whether after it there is
    /// still room to remove one member after the other. Names of owners take most of it: 1,024 members with an owner each fit with names of
    /// 40 bytes, 800 with the longest.
    pub fn fits(&self) -> bool {
        let signatures = self.seat_count() * SIGNATURE_BYTES;
        codec::encode(self).len() + signatures + CUT_BYTES + ENVELOPE_BYTES <= MAX_EVENT_BYTES
    }

    /// The next roster with one more member, in the pool of its owner; `None` where [`Roster::admit`] says why not.
    pub fn with_member(&self, node: PublicKey, join: &JoinStatement) -> Option<Roster> {
        self.admit(node, join).ok()
    }

    /// The next roster with one more member, in the pool of its owner. That it was none before is for [`RosterChain::admit`].
    ///
    /// # Errors
    /// When it is a member already, or no room is left, in words.
    pub fn admit(&self, node: PublicKey, join: &JoinStatement) -> Result<Roster, &'static str> {
        if self.is_member(&node) {
            return Err("it is a member already");
        }
        if self.seat_count() + self.readers.len() >= MAX_MEMBERS {
            return Err("the project has as many members as it can have");
        }
        let mut next = self.following();
        if !join.voting {
            next.readers.push(node);
            next.readers.sort_unstable();
            return next.checked();
        }
        let seat = Seat {
            node,
            operator: join.operator,
        };
        match next.pools.iter_mut().find(|p| p.owner == join.owner) {
            Some(pool) => {
                pool.seats.push(seat);
                pool.seats.sort_unstable();
            }
            None => {
                next.pools.push(Pool {
                    owner: join.owner.clone(),
                    weight: 1,
                    seats: vec![seat],
                });
                next.pools.sort_by(|a, b| a.owner.cmp(&b.owner));
            }
        }
        next.checked()
    }

    fn checked(self) -> Result<Roster, &'static str> {
        match self.fits() {
            true => Ok(self),
            false => Err(
                "the roster with it would not fit into an event: remove members that are gone, or use shorter names of owners",
            ),
        }
    }

    /// Whether `next` differs by one member: one more, in its owner's pool, or one less, with its feed cut. Nobody is ready for
    /// any other change, whoever proposes it: a roster is changed step by step, so that each step can be seen.
    pub fn is_one_step_to(&self, next: &Roster) -> bool {
        self.step_to(next).is_some()
    }

    /// How `next` differs, if by one member.
    pub fn step_to(&self, next: &Roster) -> Option<Step> {
        let (before, after) = (self.members(), next.members());
        let came: Vec<PublicKey> = after.difference(&before).copied().collect();
        let went: Vec<PublicKey> = before.difference(&after).copied().collect();
        match (&came[..], &went[..]) {
            ([node], []) => {
                let same = self.with_member(*node, &next.joined(node)).as_ref() == Some(next);
                same.then_some(Step::Came(*node))
            }
            ([], [node]) => {
                let cut = next.cuts.iter().find(|c| c.node == *node)?;
                let same = self.without_member(cut).as_ref() == Some(next);
                same.then_some(Step::Went(*cut))
            }
            _ => None,
        }
    }

    /// The request that would have brought a member where it is.
    fn joined(&self, node: &PublicKey) -> JoinStatement {
        let pool = self.pools.iter().find(|p| p.seats.iter().any(|s| s.node == *node));
        let seat = pool.and_then(|p| p.seats.iter().find(|s| s.node == *node));
        JoinStatement {
            project: Hash::ZERO,
            owner: pool.map(|p| p.owner.clone()).unwrap_or_default(),
            operator: seat.map_or(*node, |s| s.operator),
            voting: seat.is_some(),
        }
    }

    /// The next roster without a member, its feed cut; `None` when it is no member, or the last one with a vote.
    pub fn without_member(&self, cut: &Cut) -> Option<Roster> {
        if !self.is_member(&cut.node) {
            return None;
        }
        let mut next = self.following();
        for pool in &mut next.pools {
            pool.seats.retain(|s| s.node != cut.node);
        }
        next.pools.retain(|p| !p.seats.is_empty());
        next.readers.retain(|r| *r != cut.node);
        next.cuts.push(*cut);
        (!next.pools.is_empty()).then_some(next)
    }

    /// The same members in the next epoch: it removes nobody yet.
    fn following(&self) -> Roster {
        Roster {
            epoch: self.epoch + 1,
            prev: self.hash(),
            pools: self.pools.clone(),
            readers: self.readers.clone(),
            cuts: vec![],
        }
    }

    /// A member's signature under this roster as the next one of `project`.
    pub fn sign(&self, key: &Keypair, project: Hash) -> Signature {
        let statement = RosterStatement {
            project,
            roster: self.hash(),
        };
        key.sign(RosterStatement::CONTEXT, &codec::encode(&statement))
    }

    /// The weight in this roster of those whose signatures under `next` are right.
    pub fn signed_weight(&self, project: Hash, next: &Roster, signatures: &[MemberSignature]) -> u64 {
        let statement = codec::encode(&RosterStatement {
            project,
            roster: next.hash(),
        });
        let weights = self.weights();
        let signers: BTreeSet<PublicKey> = signatures
            .iter()
            .filter(|s| s.node.verify(RosterStatement::CONTEXT, &statement, &s.signature))
            .map(|s| s.node)
            .collect();
        signers.iter().filter_map(|node| weights.get(node)).sum()
    }

    /// The signatures under a change that count: right, by voting members, one each, sorted by node.
    pub(crate) fn valid_signatures(&self, project: Hash, change: &RosterChanged) -> Vec<MemberSignature> {
        let statement = codec::encode(&RosterStatement {
            project,
            roster: change.roster.hash(),
        });
        let mut out: Vec<MemberSignature> = change
            .signatures
            .iter()
            .filter(|s| self.owner(&s.node).is_some())
            .filter(|s| s.node.verify(RosterStatement::CONTEXT, &statement, &s.signature))
            .cloned()
            .collect();
        out.sort_unstable_by_key(|s| (s.node, s.signature));
        out.dedup_by_key(|s| s.node);
        out
    }

    /// Checks that `change` follows from this roster.
    pub fn check_next(&self, project: Hash, change: &RosterChanged) -> Result<(), RosterError> {
        let next = &change.roster;
        if next.epoch != self.epoch.wrapping_add(1) || next.prev != self.hash() {
            return Err(RosterError::NotNext {
                got: next.epoch,
                have: self.epoch,
            });
        }
        if !next.is_bounded() || change.signatures.len() > MAX_MEMBERS {
            return Err(RosterError::Form(next.epoch));
        }
        let (weight, total) = (
            self.signed_weight(project, next, &change.signatures),
            self.total_weight(),
        );
        if !is_quorum(weight, total) {
            return Err(RosterError::NoQuorum { weight, total });
        }
        Ok(())
    }
}

/// The rosters of a project from the genesis on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterChain {
    project: Hash,
    genesis: Event,
    changes: Vec<RosterChanged>,
    rosters: Vec<Arc<Roster>>,
    /// The members under the newest roster.
    members: BTreeSet<PublicKey>,
    /// The hash of each roster, which every proposal is compared with.
    hashes: Vec<Hash>,
    /// Where the feeds of those that are gone end: of each node the smallest cut.
    cuts: BTreeMap<PublicKey, Cut>,
    /// How many seats have gone from the pool of an owner, ever.
    departed: BTreeMap<String, usize>,
}

impl RosterChain {
    /// A chain that begins at a genesis event; `None` when the event is not one.
    pub fn new(genesis: Event, body: &Genesis) -> Self {
        let mut chain = RosterChain {
            project: genesis.project(),
            genesis,
            changes: Vec::new(),
            rosters: Vec::new(),
            members: BTreeSet::new(),
            hashes: Vec::new(),
            cuts: BTreeMap::new(),
            departed: BTreeMap::new(),
        };
        chain.push(body.roster.clone());
        chain
    }

    /// The next roster comes into force.
    fn push(&mut self, roster: Roster) {
        for cut in &roster.cuts {
            let known = self.cuts.entry(cut.node).or_insert(*cut);
            *known = *cut.min(known);
        }
        for pool in self.rosters.last().into_iter().flat_map(|before| &before.pools) {
            let stays = |seat: &&Seat| roster.owner(&seat.node) == Some(&pool.owner);
            let gone = pool.seats.len() - pool.seats.iter().filter(stays).count();
            if gone > 0 {
                *self.departed.entry(pool.owner.clone()).or_default() += gone;
            }
        }
        self.hashes.push(roster.hash());
        self.members = roster.members();
        self.rosters.push(Arc::new(roster));
    }

    /// The project's id.
    pub fn project(&self) -> Hash {
        self.project
    }

    /// The genesis event.
    pub fn genesis(&self) -> &Event {
        &self.genesis
    }

    /// The roster of an epoch.
    pub fn epoch(&self, epoch: u32) -> Option<&Roster> {
        self.rosters.get(epoch as usize).map(Arc::as_ref)
    }

    /// The hash of the roster of an epoch.
    pub fn hash_of(&self, epoch: u32) -> Option<Hash> {
        self.hashes.get(epoch as usize).copied()
    }

    /// Whether a node was a member in some epoch.
    pub fn was_member(&self, node: &PublicKey) -> bool {
        self.rosters.iter().rev().any(|roster| roster.is_member(node))
    }

    /// The newest roster.
    pub fn latest(&self) -> &Roster {
        &self.rosters[self.rosters.len() - 1]
    }

    /// The newest roster, to be kept while the chain changes.
    pub(crate) fn latest_shared(&self) -> Arc<Roster> {
        self.rosters[self.rosters.len() - 1].clone()
    }

    /// Whether a node is a member under the newest roster: as [`Roster::is_member`], without a search through the pools.
    pub fn has_member(&self, node: &PublicKey) -> bool {
        self.members.contains(node)
    }

    /// The changes that lead to an epoch, in order.
    pub fn changes_to(&self, epoch: u32) -> &[RosterChanged] {
        &self.changes[..(epoch as usize).min(self.changes.len())]
    }

    /// Adds the next roster. The same one again, under other signatures, only adds those: members may gather a quorum
    /// independently, and the chain must not depend on whose gathering arrives first.
    pub fn extend(&mut self, change: &RosterChanged) -> Result<(), RosterError> {
        let epoch = change.roster.epoch;
        let before = epoch
            .checked_sub(1)
            .and_then(|e| self.epoch(e))
            .unwrap_or(self.latest());
        before.check_next(self.project, change)?;
        let signatures = before.valid_signatures(self.project, change);
        let at = epoch as usize - 1;
        match self.changes.get_mut(at) {
            None => {
                self.changes.push(RosterChanged {
                    roster: change.roster.clone(),
                    signatures,
                });
                self.push(change.roster.clone());
                Ok(())
            }
            Some(known) if known.roster == change.roster => {
                known.signatures.extend(signatures);
                known.signatures.sort_unstable_by_key(|s| (s.node, s.signature));
                known.signatures.dedup_by_key(|s| s.node);
                Ok(())
            }
            Some(_) => Err(RosterError::Conflict(epoch)),
        }
    }

    /// How many events of a feed stand, where its node was removed: by the smallest of its cuts in all rosters so far.
    pub fn cut(&self, node: &PublicKey, incarnation: u64) -> Option<u64> {
        let cut = self.cuts.get(node)?;
        Some(match incarnation.cmp(&cut.incarnation) {
            std::cmp::Ordering::Less => u64::MAX,
            std::cmp::Ordering::Equal => cut.events,
            std::cmp::Ordering::Greater => 0,
        })
    }

    /// Where a removed node's feed ends.
    pub fn cut_of(&self, node: &PublicKey) -> Option<&Cut> {
        self.cuts.get(node)
    }

    /// Where the feeds of all removed nodes end, one cut each, by node.
    pub fn cuts(&self) -> impl Iterator<Item = &Cut> {
        self.cuts.values()
    }

    /// Whether the node was a member once and was removed, or left. It never comes back under the same key: its feed has ended.
    pub fn was_removed(&self, node: &PublicKey) -> bool {
        self.cuts.contains_key(node)
    }

    /// The next roster with one more member, who never was one.
    ///
    /// # Errors
    /// When it is a member already, was one before, or no room is left, in words.
    pub fn admit(&self, node: PublicKey, join: &JoinStatement) -> Result<Roster, &'static str> {
        if self.was_removed(&node) {
            return Err("it was removed from this project, or left it: it can come back with a new key only");
        }
        self.latest().admit(node, join)
    }

    /// How many seats have gone from the pool of an owner since the project began.
    pub fn departed(&self, owner: &str) -> usize {
        self.departed.get(owner).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::MAX_CERTIFICATE_BYTES;

    fn seat(n: u8) -> Seat {
        let key = Keypair::from_seed([n; 32]).public();
        Seat {
            node: key,
            operator: key,
        }
    }

    fn roster(pools: &[(&str, u32, &[u8])]) -> Roster {
        let pools = pools
            .iter()
            .map(|(owner, weight, seats)| {
                let mut seats: Vec<_> = seats.iter().map(|n| seat(*n)).collect();
                seats.sort_unstable();
                Pool {
                    owner: owner.to_string(),
                    weight: *weight,
                    seats,
                }
            })
            .collect();
        Roster {
            epoch: 0,
            prev: Hash::ZERO,
            pools,
            readers: vec![],
            cuts: vec![],
        }
    }

    #[test]
    fn weight_comes_from_the_pool_not_from_the_number_of_agents() {
        let r = roster(&[("ann", 1, &[1, 2]), ("bob", 1, &[3])]);
        assert_eq!(r.total_weight(), 2 * UNITS_PER_WEIGHT);
        let node = |n| seat(n).node;
        let agent = |n: u8| Keypair::from_seed([100 + n; 32]).public();
        let w = r.voter_weights(&[(agent(1), node(1)), (agent(2), node(1)), (agent(3), node(3))]);
        assert_eq!(w[&agent(1)], UNITS_PER_WEIGHT / 4);
        assert_eq!(w[&agent(3)], UNITS_PER_WEIGHT);
        let stranger = r.voter_weights(&[(agent(1), node(9))]);
        assert_eq!(stranger[&agent(1)], 0);
    }

    #[test]
    fn two_thirds_are_not_more_than_two_thirds() {
        assert!(!is_quorum(2, 3));
        assert!(is_quorum(667, 1000));
        assert!(!is_quorum(0, 0));
        assert!(is_quorum(u64::MAX, u64::MAX));
    }

    #[test]
    fn a_roster_changes_by_one_member_at_a_time() {
        let r = roster(&[("ann", 1, &[1, 2]), ("bob", 1, &[3])]);
        let join = |owner: &str, voting| JoinStatement {
            project: Hash::ZERO,
            owner: owner.into(),
            operator: seat(9).operator,
            voting,
        };
        for (owner, voting) in [("ann", true), ("cat", true), ("cat", false)] {
            let next = r.with_member(seat(4).node, &join(owner, voting)).unwrap();
            assert!(r.is_one_step_to(&next), "{owner} {voting}");
        }
        let cut = Cut {
            node: seat(2).node,
            incarnation: 0,
            events: 5,
        };
        let mut less = r.without_member(&cut).unwrap();
        assert_eq!(r.step_to(&less), Some(Step::Went(cut)));
        let more = less.with_member(seat(5).node, &join("ann", true)).unwrap();
        assert!(more.cuts.is_empty(), "a roster names only those whom it removes itself");
        let uncut = Roster {
            cuts: vec![],
            ..less.clone()
        };
        assert!(!r.is_one_step_to(&uncut), "its feed is not cut");
        less.pools[1].weight = 100;
        assert!(!r.is_one_step_to(&less), "a weight changes beside it");
        let two = r.with_member(seat(4).node, &join("cat", true)).unwrap();
        let mut two = two.with_member(seat(5).node, &join("cat", true)).unwrap();
        (two.epoch, two.prev) = (1, r.hash());
        assert!(!r.is_one_step_to(&two), "two at once");
        let mut coup = roster(&[("mallory", 1, &[7])]);
        (coup.epoch, coup.prev) = (1, r.hash());
        coup.cuts = [1u8, 2, 3]
            .iter()
            .map(|n| Cut {
                node: seat(*n).node,
                incarnation: 0,
                events: 0,
            })
            .collect();
        assert!(!r.is_one_step_to(&coup), "everybody is replaced");
    }

    #[test]
    fn however_many_have_gone_another_can_go() {
        let mut r = roster(&[("ann", 1, &[1, 2]), ("bob", 1, &[3])]);
        let mut longest = 0;
        for n in 0..=MAX_MEMBERS as u64 {
            let mut key = [7; 32];
            key[..8].copy_from_slice(&n.to_be_bytes());
            let node = PublicKey(key);
            let join = JoinStatement {
                project: Hash::ZERO,
                owner: "bob".into(),
                operator: node,
                voting: true,
            };
            let cut = Cut {
                node,
                incarnation: 0,
                events: 1,
            };
            r = r.with_member(node, &join).and_then(|r| r.without_member(&cut)).unwrap();
            longest = longest.max(codec::encode(&r).len());
        }
        let cut = Cut {
            node: seat(2).node,
            incarnation: u64::MAX,
            events: u64::MAX,
        };
        let less = r.without_member(&cut).unwrap();
        assert!(less.fits() && less.removes(&cut.node) && longest < 1_024, "{longest}");
    }

    #[test]
    fn a_change_needs_more_than_two_thirds_of_the_roster_before() {
        let project = Hash([9; 32]);
        let r = roster(&[("ann", 1, &[1]), ("bob", 1, &[2]), ("cat", 1, &[3])]);
        let join = JoinStatement {
            project,
            owner: "dan".into(),
            operator: seat(4).node,
            voting: true,
        };
        let next = r.with_member(seat(4).node, &join).unwrap();
        let sign = |n: u8| {
            let key = Keypair::from_seed([n; 32]);
            MemberSignature {
                node: key.public(),
                signature: next.sign(&key, project),
            }
        };
        let change = |who: &[u8]| RosterChanged {
            roster: next.clone(),
            signatures: who.iter().map(|n| sign(*n)).collect(),
        };
        assert!(matches!(
            r.check_next(project, &change(&[1, 2])),
            Err(RosterError::NoQuorum { .. })
        ));
        assert!(matches!(
            r.check_next(project, &change(&[1, 1, 1])),
            Err(RosterError::NoQuorum { .. })
        ));
        assert!(matches!(
            r.check_next(project, &change(&[1, 2, 4])),
            Err(RosterError::NoQuorum { .. })
        ));
        assert_eq!(r.check_next(project, &change(&[1, 2, 3])), Ok(()));
        assert!(
            r.check_next(Hash([8; 32]), &change(&[1, 2, 3])).is_err(),
            "another project's signatures do not count"
        );
    }

    #[test]
    fn a_roster_grows_only_as_long_as_its_event_has_room_for_all_signatures() {
        for (name_bytes, least) in [(128, 800), (40, MAX_MEMBERS)] {
            let mut r = roster(&[("ann", 1, &[1])]);
            let (mut count, mut chain) = (1, 0);
            let why = loop {
                let mut key = [7; 32];
                key[..8].copy_from_slice(&(count as u64).to_be_bytes());
                let node = PublicKey(key);
                let join = JoinStatement {
                    project: Hash::ZERO,
                    owner: format!("{count:0>name_bytes$}"),
                    operator: node,
                    voting: true,
                };
                match r.admit(node, &join) {
                    Ok(next) => {
                        r = next;
                        chain += codec::encode(&r).len() + r.seat_count() * SIGNATURE_BYTES;
                    }
                    Err(why) => break why,
                }
                count += 1;
            };
            assert!(count >= least, "{count} members with names of {name_bytes} bytes");
            assert!(
                why.contains(if least == MAX_MEMBERS { "as many" } else { "fit" }),
                "{why}"
            );
            assert!(
                chain + 2 * MAX_EVENT_BYTES <= MAX_CERTIFICATE_BYTES,
                "all its changes have {chain} bytes"
            );
            let signature = MemberSignature {
                node: seat(1).node,
                signature: Signature([7; 64]),
            };
            let change = RosterChanged {
                signatures: vec![signature; r.seat_count()],
                roster: r,
            };
            let room = codec::encode(&change).len() + ENVELOPE_BYTES - 1_024;
            assert!(room <= MAX_EVENT_BYTES, "{room}");
        }
    }
}
