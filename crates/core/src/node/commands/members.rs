//! Commands about members: remove one.

use super::{Ctx, Outcome, Project, Result, conflict, not_found};
use crate::body::*;
use crate::crypto::PublicKey;

impl Project {
    pub(super) fn remove_member(&mut self, ctx: &mut Ctx<'_>, node: &PublicKey) -> Result {
        let roster = self.removal(node).ok_or_else(|| not_found("removable member", node))?;
        let next = self.state.roster_votes.get(&roster.epoch);
        if next.is_some_and(|v| v.values().any(|s| s.contains_key(&self.me.node))) {
            return Err(conflict("a roster change is under way; wait until it is complete"));
        }
        self.admin(ctx, format!("remove {node}"));
        let body = Body::RosterProposed(RosterProposed { roster });
        Ok(Outcome::Event(self.append(ctx, body, vec![], vec![])))
    }
}
