//! Which roster changes this seat is ready for, and which it proposes: both follow from the consents in the state.
//!
//! A seat is ready for a change only if the change is carried (see [`crate::state::Membership`]) and, unless it is none of its
//! business, this seat has consented itself. So no roster that needs more than two thirds is prepared by that much weight
//! unless more than two thirds have consented, whoever proposes it. Nothing about it is remembered: whoever has the
//! events can go on where another stopped.

use std::sync::Arc;

use super::{Ctx, Project};
use crate::body::{Body, Cut, MembershipChange, MembershipConsented, Roster, RosterProposed};
use crate::crypto::PublicKey;
use crate::event::{EventRef, FeedId};
use crate::plant;
use crate::roster::{RosterChain, Step};
use crate::state::{Place, Question, Wish};

/// How many seats' turns to propose or to complete a change are waited for; all others come after them at once.
const MAX_RANK: u64 = 8;

impl Project {
    /// The open questions of membership, the oldest first.
    pub fn questions(&mut self) -> Arc<[Question]> {
        if let Some(known) = &self.questions {
            return known.clone();
        }
        let questions: Arc<[Question]> = self.state.membership.questions(&self.state.rosters).into();
        self.questions = Some(questions.clone());
        questions
    }

    /// The rosters that this node knows: they may be ahead of the state, which takes them in with their events.
    pub fn newest_rosters(&self) -> &RosterChain {
        &self.rosters
    }

    /// Whether this node has said that it leaves: then it does nothing any more but help to put that into force.
    pub fn has_left(&self) -> bool {
        self.state.membership.left(&self.me.node).is_some()
    }

    /// Whether this seat may be ready for a roster.
    pub(super) fn is_wanted(&mut self, roster: &Roster, next: &Roster) -> bool {
        let questions = self.questions();
        let binds = |q: &&Question| q.binds(&self.me.node);
        match roster.step_to(next) {
            Some(Step::Came(_)) if plant::active("signs_any_admission") => true,
            Some(Step::Went(_)) if plant::active("signs_any_removal") => true,
            Some(Step::Came(node)) => questions.iter().filter(binds).any(|q| match &q.wish {
                Wish::Admit(join) => {
                    join.by == node && roster.with_member(node, &join.statement).as_ref() == Some(next)
                }
                Wish::Remove | Wish::Leave => false,
            }),
            Some(Step::Went(cut)) => {
                let mut questions = questions.iter().filter(binds);
                let question = questions.find(|q| q.node == cut.node && !matches!(q.wish, Wish::Admit(_)));
                let place = (cut.incarnation, cut.events);
                question.is_some_and(|q| self.least_cut(q) <= place && self.is_here(&cut.node, place))
            }
            None => false,
        }
    }

    /// The roster that answers a question.
    pub(super) fn roster_for(&self, roster: &Roster, question: &Question) -> Option<Roster> {
        let next = match &question.wish {
            // Whoever was removed is no question any more.
            Wish::Admit(join) => roster.with_member(question.node, &join.statement),
            Wish::Remove | Wish::Leave => {
                let (incarnation, events) = self.least_cut(question);
                roster.without_member(&Cut {
                    node: question.node,
                    incarnation,
                    events,
                })
            }
        };
        next.filter(Roster::is_bounded)
    }

    /// Where a node's feed is cut at the least: nothing that anybody who consents had accepted is lost, and no roster that the node
    /// has put into force. What is not here yet does not count: nobody can put the cut where no event is, and so leave it open.
    fn least_cut(&self, question: &Question) -> Place {
        let rosters = self.state.roster_place(&question.node);
        let places = question.places.iter().copied().chain(rosters);
        let here = places.filter(|p| self.is_here(&question.node, *p));
        here.max().unwrap_or_default()
    }

    fn is_here(&self, node: &PublicKey, (incarnation, events): Place) -> bool {
        let feed = FeedId {
            node: *node,
            incarnation,
        };
        self.feeds.get(&feed).map_or(0, |f| f.len()) >= events
    }

    /// Proposes the oldest change that is carried, when it is this seat's turn. Returns when to look again.
    pub(super) fn propose_wanted(&mut self, ctx: &mut Ctx<'_>, roster: &Roster) -> u64 {
        let mut wake = u64::MAX;
        let (questions, me) = (self.questions(), self.me.node);
        for question in questions.iter().filter(|q| q.binds(&me)) {
            let Some(next) = self.roster_for(roster, question) else {
                continue;
            };
            if !next.is_member(&me) || !self.is_wanted(roster, &next) {
                continue;
            }
            let since = question.since.ms().max(self.epoch_began.ms());
            let ready = |node: &PublicKey| next.is_member(node) && question.binds(node);
            let due = since + self.rank_of(ctx.now, ready) * 2 * ctx.cfg.pace.backup_ms;
            if ctx.now >= due {
                let body = Body::RosterProposed(RosterProposed { roster: next });
                self.append(ctx, body, vec![], vec![]);
                return wake;
            }
            wake = wake.min(due);
        }
        wake
    }

    /// This node's place in the order in which seats take over from each other: the founder first, then by key, of those that
    /// are here and that `counts` lets in.
    pub(super) fn rank_of(&self, now: u64, counts: impl Fn(&PublicKey) -> bool) -> u64 {
        let founder = self.genesis.node();
        let mut seats: Vec<PublicKey> = self.state.rosters.latest().weights().into_keys().collect();
        seats.sort_by_key(|node| (*node != founder, *node));
        let mut here = seats.iter().filter(|node| self.is_live(node, now) && counts(node));
        let rank = here.position(|node| *node == self.me.node);
        rank.map_or(MAX_RANK, |rank| (rank as u64).min(MAX_RANK))
    }

    /// Says what this seat wants of a node, unless it has just that said already.
    pub(super) fn consent(&mut self, ctx: &mut Ctx<'_>, change: MembershipChange) -> EventRef {
        let about = change.about(&self.me.node);
        let said = self.state.membership.said(&self.me.node, &about);
        if let Some(said) = said.filter(|c| c.change == change) {
            return said.reference();
        }
        let body = Body::MembershipConsented(MembershipConsented { change });
        self.append(ctx, body, vec![], vec![])
    }

    /// The latest life of a node of which something is accepted here, and how much.
    pub(super) fn place_of(&self, node: &PublicKey) -> Place {
        let of_node = self.feeds.heads().filter(|(id, _, _)| id.node == *node);
        of_node
            .map(|(id, len, _)| (id.incarnation, len))
            .max()
            .unwrap_or_default()
    }
}
