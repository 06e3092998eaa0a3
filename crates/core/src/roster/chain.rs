//! The rosters of a project from the genesis on, and who has gone meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::RosterError;
use crate::body::{Cut, Genesis, JoinStatement, Roster, RosterChanged, Seat};
use crate::crypto::{Hash, PublicKey};
use crate::event::Event;

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
                    round: change.round,
                    signatures,
                });
                self.push(change.roster.clone());
                Ok(())
            }
            Some(known) if known.roster == change.roster => {
                // It may have been signed in more than one round: the first one is kept.
                match change.round.cmp(&known.round) {
                    std::cmp::Ordering::Greater => return Ok(()),
                    std::cmp::Ordering::Less => {
                        known.round = change.round;
                        known.signatures.clear();
                    }
                    std::cmp::Ordering::Equal => {}
                }
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
