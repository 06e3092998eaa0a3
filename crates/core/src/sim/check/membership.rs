//! Membership: nobody honest is removed whom nobody honest wanted out, no cut erases what somebody honest had accepted when it said
//! so, and nobody comes in but whom people know, unless a liar shares its own pool's weight with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{Body, MembershipChange, Roster};
use crate::crypto::PublicKey;
use crate::roster::RosterChain;
use crate::sim::world::World;
use crate::state::{Meta, Place};

/// The books of membership.
#[derive(Debug, Default)]
pub(super) struct Membership {
    /// Who is wanted out by somebody honest, and where its feed should end at the least.
    out: BTreeMap<PublicKey, BTreeSet<Place>>,
    /// The epoch of each node that was looked at last.
    seen: BTreeMap<usize, u32>,
}

impl World {
    /// An honest node's event is durable.
    pub(super) fn book_membership(&mut self, meta: &Meta, body: &Body) {
        let Body::MembershipConsented(b) = body else { return };
        let place = match b.change {
            MembershipChange::Remove {
                incarnation, events, ..
            } => (incarnation, events),
            MembershipChange::Leave => (meta.feed().incarnation, meta.reference.seq + 1),
            MembershipChange::Admit(_) | MembershipChange::Withdraw { .. } => return,
        };
        let about = b.change.about(&meta.node());
        self.check.membership.out.entry(about).or_default().insert(place);
    }

    /// After a node has accepted events.
    pub(super) fn check_membership(&mut self, n: usize) {
        let Some(p) = self.project_of(n) else { return };
        let roster = p.state.rosters.latest();
        if self.check.membership.seen.get(&n) == Some(&roster.epoch) || !self.is_asked(&p.id()) {
            return;
        }
        let epoch = roster.epoch;
        let wrong = self.wrong_cut(&p.state.rosters).or_else(|| self.wrong_member(roster));
        self.check.membership.seen.insert(n, epoch);
        if let Some(what) = wrong {
            let what = format!("{} goes by a roster of epoch {epoch} in which {what}", self.name(n));
            self.violate("membership", what);
        }
    }

    fn wrong_cut(&self, rosters: &RosterChain) -> Option<String> {
        let honest = rosters
            .cuts()
            .filter(|c| self.index.contains_key(&c.node) && !self.is_liar(&c.node));
        let mut wrong = honest.filter_map(|cut| {
            let who = self.who(&cut.node);
            let least = self
                .check
                .membership
                .out
                .get(&cut.node)
                .and_then(|places| places.first());
            match least {
                None => Some(format!("honest {who} is removed, and nobody honest wanted that")),
                Some(least) if (cut.incarnation, cut.events) < *least => {
                    let at = (cut.incarnation, cut.events);
                    Some(format!(
                        "honest {who} is cut at {at:?}, and everybody honest had {least:?}"
                    ))
                }
                Some(_) => None,
            }
        });
        wrong.next()
    }

    fn wrong_member(&self, roster: &Roster) -> Option<String> {
        let reader = roster.readers.iter().find(|r| !self.index.contains_key(r));
        if let Some(reader) = reader {
            return Some(format!("the unknown node {} reads", reader.short()));
        }
        let pools = roster.pools.iter();
        let foreign = pools.filter(|p| p.seats.iter().any(|s| !self.index.contains_key(&s.node)));
        let owned = |owner: &str| self.members.iter().any(|m| m.cfg.owner == owner && self.is_liar(&m.me));
        let mut wrong = foreign.filter(|p| !owned(&p.owner) || p.weight > 1);
        wrong
            .next()
            .map(|p| format!("unknown nodes have weight as {}", p.owner))
    }
}
