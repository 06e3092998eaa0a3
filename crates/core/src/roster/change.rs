//! How one roster follows from another: by one member that comes or goes, signed by enough of those before.

use super::{CUT_BYTES, ENVELOPE_BYTES, RosterError, SIGNATURE_BYTES, Step, is_quorum};
use crate::body::{
    Cut, JoinStatement, MAX_MEMBERS, MemberSignature, Pool, Roster, RosterChanged, RosterStatement, Seat,
};
use crate::codec;
use crate::crypto::{Context, Hash, Keypair, PublicKey, Signature};
use crate::event::MAX_EVENT_BYTES;

impl Roster {
    /// Whether this very roster removes the node. Who went before is known to [`crate::roster::RosterChain::was_removed`].
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

    /// The next roster with one more member, in the pool of its owner. That it was none before is for [`crate::roster::RosterChain::admit`].
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

    /// A member's signature under this roster as the next one of `project`, in a round.
    pub fn sign(&self, key: &Keypair, project: Hash, round: u32) -> Signature {
        RosterStatement::new(project, self.hash(), round).sign(Context::RosterChange, key)
    }

    /// A member's word that it is ready for this roster, in a round.
    pub fn prepare(&self, key: &Keypair, project: Hash, round: u32) -> Signature {
        RosterStatement::new(project, self.hash(), round).sign(Context::RosterPrepare, key)
    }

    /// The weight in this roster of those whose signatures under a change are right.
    pub fn signed_weight(&self, project: Hash, change: &RosterChanged) -> u64 {
        let weights = self.weights();
        let signers = self.valid_signatures(project, change);
        signers.iter().filter_map(|s| weights.get(&s.node)).sum()
    }

    /// The signatures under a change that count: right, by voting members, one each, sorted by node.
    pub(crate) fn valid_signatures(&self, project: Hash, change: &RosterChanged) -> Vec<MemberSignature> {
        let statement = RosterStatement::new(project, change.roster.hash(), change.round);
        let mut out: Vec<MemberSignature> = change
            .signatures
            .iter()
            .filter(|s| self.owner(&s.node).is_some())
            .filter(|s| statement.is_signed(Context::RosterChange, &s.node, &s.signature))
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
        let (weight, total) = (self.signed_weight(project, change), self.total_weight());
        if !is_quorum(weight, total) {
            return Err(RosterError::NoQuorum { weight, total });
        }
        Ok(())
    }
}
