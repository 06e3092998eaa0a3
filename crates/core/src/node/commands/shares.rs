//! Commands about money: give a part of our share to another node.

use super::{Ctx, Outcome, Project, Result, Thing, conflict, not_found};
use crate::body::*;
use crate::crypto::PublicKey;
use crate::event::FeedId;

impl Project {
    pub(super) fn move_share(&mut self, ctx: &mut Ctx<'_>, to: &PublicKey, amount_microusd: u64) -> Result {
        let left = self.state.shares.account(&self.me).balance_microusd().unwrap_or(0);
        if !self.state.rosters.latest().is_member(to) {
            return Err(not_found(Thing::Member, to));
        }
        let overdraft = crate::plant::active("overdrawn_share");
        if amount_microusd == 0 || (amount_microusd > left && !overdraft) {
            return Err(conflict(format!(
                "this node's share is {left} µ$, so {amount_microusd} µ$ cannot be moved"
            )));
        }
        let to = FeedId {
            node: *to,
            incarnation: self.feeds.incarnation(to),
        };
        let body = Body::ShareMoved(ShareMoved { to, amount_microusd });
        Ok(Outcome::Event(self.append(ctx, body, vec![], vec![])))
    }
}
