//! Commands about members: consent to let one in or to remove one, take that back, leave.

use super::{Ctx, Outcome, Project, Result, Thing, conflict, not_found};
use crate::body::*;
use crate::crypto::PublicKey;
use crate::state::Wish;

impl Project {
    /// The person here wants a node in. `request`: what it asked of this node; without it, what it asked of another member.
    /// At a node without a vote that weighs nothing, and shows the request to the others.
    pub(super) fn admit(
        &mut self,
        ctx: &mut Ctx<'_>,
        node: &PublicKey,
        request: Option<Signed<JoinStatement>>,
        owner: Option<String>,
    ) -> Result {
        let roster = self.state.rosters.latest();
        if roster.is_member(node) {
            return Err(conflict(format!("node {node} is a member already")));
        }
        if self.state.rosters.was_removed(node) {
            return Err(conflict(format!(
                "node {node} was removed from this project, or left it, and cannot come back under the same key: \
                 its feed has ended; start it with a new data folder"
            )));
        }
        let wanted = |join: &Signed<JoinStatement>| owner.as_ref().is_none_or(|o| *o == join.statement.owner);
        let questions = self.state.membership.questions(&self.state.rosters);
        let elsewhere = questions
            .into_iter()
            .filter(|q| q.node == *node)
            .filter_map(|q| match q.wish {
                Wish::Admit(join) if wanted(&join) => Some(join),
                _ => None,
            });
        let joins: Vec<Signed<JoinStatement>> = match request.filter(wanted) {
            Some(here) => vec![here],
            None => elsewhere.collect(),
        };
        let join = match &joins[..] {
            [] => return Err(not_found(Thing::SeatRequest, node)),
            [join] => join.clone(),
            several => {
                let owners: Vec<&str> = several.iter().map(|j| &*j.statement.owner).collect();
                let owners = owners.join(", ");
                return Err(conflict(format!(
                    "node {node} has asked in {} ways, under the owners {owners}: name the one that is meant",
                    several.len()
                )));
            }
        };
        if let Err(why) = self.state.rosters.admit(*node, &join.statement) {
            return Err(conflict(format!("could not let node {node} in: {why}")));
        }
        Ok(Outcome::Event(self.consent(ctx, MembershipChange::Admit(join))))
    }

    /// The person here wants a member out.
    pub(super) fn remove(&mut self, ctx: &mut Ctx<'_>, node: &PublicKey) -> Result {
        self.check_seat()?;
        if *node == self.me.node {
            return Err(conflict("this node itself is removed by leaving: `bzzz leave`"));
        }
        self.check_removable(node)?;
        if let Some(said) = self.state.membership.said(&self.me.node, node)
            && matches!(said.change, MembershipChange::Remove { .. })
        {
            return Ok(Outcome::Event(said.reference()));
        }
        let (incarnation, events) = self.place_of(node);
        let change = MembershipChange::Remove {
            node: *node,
            incarnation,
            events,
        };
        Ok(Outcome::Event(self.consent(ctx, change)))
    }

    /// The person here takes back what this seat wanted of a node. `forgotten`: a request that waited here is gone with it.
    pub(super) fn withdraw(&mut self, ctx: &mut Ctx<'_>, node: &PublicKey, forgotten: bool) -> Result {
        let said = self.state.membership.said(&self.me.node, node);
        if said.is_none_or(|c| matches!(c.change, MembershipChange::Withdraw { .. })) {
            if forgotten {
                return Ok(Outcome::Done);
            }
            return Err(not_found(Thing::Word, node));
        }
        let change = MembershipChange::Withdraw { node: *node };
        Ok(Outcome::Event(self.consent(ctx, change)))
    }

    /// This node leaves: it gives back what it holds, says so, and does nothing any more.
    pub(super) fn leave(&mut self, ctx: &mut Ctx<'_>) -> Result {
        self.check_removable(&self.me.node)?;
        let held = self
            .open_tasks
            .iter()
            .filter_map(|id| Some((*id, self.my_lease(id, ctx.now)?)));
        let held: Vec<_> = held.map(|(task, lease)| (task, lease.token)).collect();
        for (task, token) in held {
            let body = Body::TaskReleased(TaskReleased { task, token });
            self.append_on_task(ctx, body, &task, vec![]);
        }
        self.drain(ctx);
        self.turns.retain(|_, turn| turn.is_asking());
        let change = MembershipChange::Leave;
        let body = Body::MembershipConsented(MembershipConsented { change });
        Ok(Outcome::Event(self.append(ctx, body, vec![], vec![])))
    }

    fn check_seat(&self) -> Result<()> {
        match self.is_seat() {
            true => Ok(()),
            false => Err(conflict(
                "this node reads and writes but has no vote, so its word against a member does not count",
            )),
        }
    }

    fn check_removable(&self, node: &PublicKey) -> Result<()> {
        let roster = self.state.rosters.latest();
        if !roster.is_member(node) {
            return Err(not_found(Thing::Member, node));
        }
        let cut = Cut {
            node: *node,
            incarnation: 0,
            events: 0,
        };
        match roster.without_member(&cut) {
            Some(_) => Ok(()),
            None => Err(conflict(
                "a project keeps one voting member at least; to end it, stop its nodes",
            )),
        }
    }
}
