//! What people want of the membership: they let in whom they know, agree on whom to remove, and leave.
//!
//! They know each other outside the network: nobody honest ever says yes to a node that is not one of the world's. Liars stay
//! below a third of the weight, whoever goes.

use std::collections::BTreeSet;

use super::dice::Dice;
use super::world::{Happening, Nature, World};
use crate::body::{MembershipChange, Roster};
use crate::crypto::{Hash, PublicKey};
use crate::node::{Command, Project};
use crate::state::Wish;

/// How often people look at who wants in or out once the faults are over, virtual milliseconds.
const LOOK_AGAIN_MS: u64 = 1_000;
/// A project does not shrink by agreement below so many seats.
const LEAST_SEATS: usize = 4;

/// What people have agreed on.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// Who is to go.
    unwanted: BTreeSet<PublicKey>,
    /// Who has left by itself.
    left: BTreeSet<PublicKey>,
}

impl World {
    /// After the faults nobody begins anything new, and what was begun is brought to its end.
    pub fn end_wishes(&mut self) {
        self.after(LOOK_AGAIN_MS, Happening::Script);
        for n in 0..self.members.len() {
            if let Some(command) = self.answer_wish(n) {
                self.command(n, command);
            }
        }
    }

    /// Sometimes somebody is to go from now on. Returns what one person does at node `n` about who is a member.
    pub fn wish(&mut self, n: usize) -> Option<Command> {
        let mut dice = Dice::new(self.cfg.seed, &format!("wish {n} {}", self.now));
        if dice.chance(8) {
            let goes = self.may_go(n, &mut dice)?;
            if goes == self.members[n].me {
                let project = self.groups[self.members[n].group].project?;
                self.wishes.left.insert(goes);
                return Some(Command::Leave { project });
            }
            self.wishes.unwanted.insert(goes);
        }
        if dice.chance(200) { self.answer_wish(n) } else { None }
    }

    /// What the person at a node has not said yet and should.
    fn answer_wish(&self, n: usize) -> Option<Command> {
        let member = &self.members[n];
        let p = self.project_of(n).filter(|_| member.nature == Nature::Honest)?;
        let (project, roster) = (p.id(), p.state.rosters.latest());
        if !p.may_write() || p.has_left() {
            return None;
        }
        let votes = roster.owner(&member.me).is_some();
        let said = |node: &PublicKey| p.state.membership.said(&member.me, node).map(|c| &c.change);
        let known = |node: &PublicKey| {
            self.index
                .get(node)
                .is_some_and(|i| self.members[*i].group == member.group)
        };
        let asks = self.askers(n, p).into_iter().find(|node| {
            let joins = known(node) && !roster.is_member(node) && !p.state.rosters.was_removed(node);
            joins && !matches!(said(node), Some(MembershipChange::Admit(_)))
        });
        if let Some(node) = asks {
            let owner = Some(self.members[*self.index.get(&node)?].cfg.owner.clone());
            return Some(Command::Admit { project, node, owner });
        }
        // Where a newcomer reaches members without a vote only, their people say yes to show its request to those who have one.
        let unwanted = self.wishes.unwanted.iter().filter(|_| votes).find(|node| {
            let member_yet = **node != member.me && roster.is_member(node);
            member_yet && !matches!(said(node), Some(MembershipChange::Remove { .. }))
        });
        unwanted.map(|node| Command::Remove { project, node: *node })
    }

    /// Who asks to come in, here or elsewhere.
    fn askers(&self, n: usize, p: &Project) -> BTreeSet<PublicKey> {
        let mut out = BTreeSet::new();
        if let Some(node) = &self.members[n].node {
            out.extend(node.seat_requests(&p.id()).map(|r| r.by));
        }
        let questions = p.state.membership.questions(&p.state.rosters);
        let elsewhere = questions.iter().filter(|q| matches!(q.wish, Wish::Admit(_)));
        out.extend(elsewhere.map(|q| q.node));
        out
    }

    /// Somebody of a node's project whom it can do without.
    fn may_go(&self, n: usize, dice: &mut Dice) -> Option<PublicKey> {
        let group = self.members[n].group;
        let newest = self.newest_roster(group)?;
        let stays = |node: &PublicKey| !self.wishes.unwanted.contains(node) && !self.wishes.left.contains(node);
        let seats: Vec<PublicKey> = newest.weights().into_keys().filter(stays).collect();
        let liars = seats.iter().filter(|s| self.is_liar(s)).count();
        if seats.len() <= LEAST_SEATS || liars * 3 + 1 >= seats.len() {
            return None;
        }
        let candidates: Vec<PublicKey> = newest.members().into_iter().filter(stays).collect();
        // Half of those who go leave by themselves.
        let me = self.members[n].me;
        match dice.chance(500) {
            true => candidates.contains(&me).then_some(me),
            false => dice.pick(&candidates).copied().filter(|node| *node != me),
        }
    }

    fn newest_roster(&self, group: usize) -> Option<&Roster> {
        let nodes = self.groups[group].nodes.iter();
        let rosters = nodes
            .filter_map(|n| self.project_of(*n))
            .map(|p| p.state.rosters.latest());
        rosters.max_by_key(|r| r.epoch)
    }

    /// Whether a key is a liar's of this world.
    pub fn is_liar(&self, key: &PublicKey) -> bool {
        let member = self.index.get(key).map(|n| &self.members[*n]);
        member.is_some_and(|m| m.nature == Nature::Byzantine)
    }

    /// A change of the membership that honest seats alone carry, and that is not in force.
    pub fn open_wish(&self, n: usize) -> Option<String> {
        let p = self.project_of(n)?;
        let questions = p.state.membership.questions(&p.state.rosters);
        let weights = p.state.rosters.latest().weights();
        let open = questions.iter().find(|q| {
            let honest = q
                .seats
                .iter()
                .filter(|s| !self.is_liar(s))
                .filter_map(|s| weights.get(s));
            let cooperates = !self.is_liar(&q.node) || q.wish == Wish::Leave;
            q.enough && cooperates && honest.sum::<u64>() >= q.needed
        })?;
        Some(format!(
            "{} by {} of {} weight",
            self.who(&open.node),
            open.weight,
            open.needed
        ))
    }

    /// Whether the people of a project decide who comes in; where they do not, anybody may.
    pub fn is_asked(&self, project: &Hash) -> bool {
        let group = self.groups.iter().find(|g| g.project == Some(*project));
        let first = group.and_then(|g| g.nodes.first());
        first.is_some_and(|n| self.members[*n].cfg.admit == crate::node::Admit::Ask)
    }
}
