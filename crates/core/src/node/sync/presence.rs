//! Presence: who is here now. It is signed, short-lived and in no feed, and it decides nothing on record.

use super::{DIAL_PEERS, DIAL_RETRY_MS, MAX_TTL_MS};
use crate::body::Signed;
use crate::crypto::PublicKey;
use crate::hlc::MAX_SKEW_MS;
use crate::node::{Ctx, Effect, Notice, Project};
use crate::plant;
use crate::wire::{AgentPresence, MAX_ADDRESS_BYTES, MAX_ADDRESSES, Presence, Wire};

impl Project {
    /// Says that we are here, when it is time.
    pub(in crate::node) fn heartbeat(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        if self.first_lapse() <= ctx.now {
            self.presences.retain(|_, (until, _)| *until > ctx.now);
            self.lapse_ms.forget();
            // A lapsed presence changes what there is to do.
            self.dirty = true;
        }
        if !self.is_member() {
            return u64::MAX;
        }
        if self.next_heartbeat_ms <= ctx.now {
            self.next_heartbeat_ms = ctx.now + ctx.cfg.pace.heartbeat_ms;
            self.say_presence(ctx);
        }
        self.next_heartbeat_ms.min(self.first_lapse())
    }

    /// When the first presence lapses.
    fn first_lapse(&self) -> u64 {
        let ends = || self.presences.values().map(|(until, _)| *until);
        *self.lapse_ms.get_or(|| ends().min().unwrap_or(u64::MAX))
    }

    pub(in crate::node) fn say_presence(&mut self, ctx: &mut Ctx<'_>) {
        let agents = self
            .agents
            .values()
            .map(|a| AgentPresence {
                agent: a.key.public(),
                status: a.status,
                load: a.load(self),
            })
            .collect();
        let presence = Presence {
            project: self.id,
            incarnation: self.me.incarnation,
            sent_ms: ctx.now,
            ttl_ms: ctx.cfg.pace.presence_ttl_ms,
            agents,
            addresses: ctx.addresses.to_vec(),
        };
        let message = Wire::Presence(Signed::new(&ctx.cfg.key, presence));
        ctx.out.speak(Effect::Broadcast {
            project: self.id,
            message,
        });
    }

    pub(in crate::node) fn presence_received(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: PublicKey,
        presence: Signed<Presence>,
    ) {
        let (node, p) = (presence.by, &presence.statement);
        let stale = p.sent_ms.abs_diff(ctx.now) > MAX_SKEW_MS + p.ttl_ms.min(MAX_TTL_MS);
        let stale = stale && !plant::active("stale_presence");
        let older = self
            .presences
            .get(&node)
            .is_some_and(|(_, known)| known.sent_ms >= p.sent_ms);
        let bounded = p.agents.len() <= crate::body::MAX_LIST
            && p.addresses.len() <= MAX_ADDRESSES
            && p.addresses.iter().all(|a| a.len() <= MAX_ADDRESS_BYTES);
        if node == self.me.node || older || !bounded {
            return;
        }
        if stale || !self.state.rosters.has_member(&node) || !presence.verify() {
            let why = "a presence that is stale, not signed by its node, or not a member's".to_owned();
            return self.notify(ctx, Notice::Refused { from, why });
        }
        self.dial(ctx, node, p);
        let known = self.presences.get(&node).map(|(_, known)| known);
        let new = known.is_none();
        // Only what others go by makes it necessary to look at everything again.
        self.dirty |= known.is_none_or(|k| k.incarnation != p.incarnation);
        let until = ctx.now + p.ttl_ms.min(MAX_TTL_MS);
        let first = self.first_lapse();
        let before = self.presences.insert(node, (until, presence.statement));
        if until < first || before.is_some_and(|(until, _)| until == first) {
            self.lapse_ms.forget();
        }
        if new {
            self.next_heartbeat_ms = ctx.now;
        }
    }

    /// Connects to a member that is here and not connected, now and then.
    fn dial(&mut self, ctx: &mut Ctx<'_>, node: PublicKey, presence: &Presence) {
        let fit = presence.addresses.iter().filter(|a| a.len() <= MAX_ADDRESS_BYTES);
        let addresses: Vec<String> = fit.take(MAX_ADDRESSES).cloned().collect();
        let lately = self
            .sync
            .dialled
            .get(&node)
            .is_some_and(|at| at + DIAL_RETRY_MS > ctx.now);
        if addresses.is_empty() || lately || ctx.peers.contains_key(&node) || ctx.peers.len() >= DIAL_PEERS {
            return;
        }
        self.sync.dialled.insert(node, ctx.now);
        ctx.out.speak(Effect::Dial { peer: node, addresses });
    }
}
