//! Claiming tasks, acknowledging claims, keeping leases.

use super::{Ctx, Effect, Project};
use crate::body::{Authority, Body, ClaimAcked, LeaseExtended, Roster, TaskClaimed, TaskCompleted};
use crate::crypto::{Hash, PublicKey};
use crate::event::{EventRef, FeedId};
use crate::hlc::MAX_SKEW_MS;
use crate::plant;
use crate::state::{Lease, Task, TaskStatus};
use crate::wire::Wire;

impl Project {
    /// The roster under which a task was announced: its authority.
    pub(super) fn task_roster(&self, task: &Task) -> Option<&Roster> {
        let (meta, _) = task.announced.as_ref()?;
        self.state.rosters.epoch(meta.epoch)
    }

    /// How far a task is.
    pub fn task_status(&self, id: &Hash, now: u64) -> TaskStatus {
        let Some(task) = self.state.tasks.get(id) else {
            return TaskStatus::Unknown;
        };
        let Some(roster) = self.task_roster(task) else {
            return TaskStatus::Unknown;
        };
        task.status(now, self.state.policy.authority, roster)
    }

    /// What its acknowledged owner said at a task's end.
    pub fn task_completion(&self, id: &Hash) -> Option<&TaskCompleted> {
        let task = self.state.tasks.get(id)?;
        task.completion(self.state.policy.authority, self.task_roster(task)?)
    }

    /// The lease that is acknowledged, whoever holds it and whether or not it has run out.
    pub(super) fn lease_of(&self, id: &Hash) -> Option<Lease> {
        let task = self.state.tasks.get(id)?;
        task.current(self.state.policy.authority, self.task_roster(task)?)
    }

    /// The lease that this very node holds on a task, while it holds.
    pub fn my_lease(&self, id: &Hash, now: u64) -> Option<Lease> {
        let task = self.state.tasks.get(id)?;
        if !task.was_promised_to(&self.me) {
            return None;
        }
        let lease = self.lease_of(id)?;
        (lease.owner == self.me && now < lease.until_ms && !task.is_over(&lease)).then_some(lease)
    }

    /// Claims, acknowledges and renews, as far as it is up to this node.
    pub(super) fn drive_task(&mut self, ctx: &mut Ctx<'_>, id: Hash) -> u64 {
        if self.is_onlooker(self.state.tasks.get(&id).and_then(Task::home)) {
            return u64::MAX;
        }
        let status = self.task_status(&id, ctx.now);
        if matches!(status, TaskStatus::Completed { .. } | TaskStatus::Cancelled) {
            self.open_tasks.remove(&id);
            return u64::MAX;
        }
        let wake = self.acknowledge(ctx, id).min(self.renew(ctx, id));
        // What was just appended may have changed it.
        let status = match self.dirty {
            true => self.task_status(&id, ctx.now),
            false => status,
        };
        let expiry = match status {
            TaskStatus::Leased(lease) => lease.until_ms + MAX_SKEW_MS + 1,
            _ => u64::MAX,
        };
        if matches!(status, TaskStatus::Open | TaskStatus::Expired(_)) {
            self.claim_for_agents(ctx, id);
        }
        wake.min(expiry)
    }

    /// Claims a review's task that nobody holds for a local agent of its role.
    fn claim_for_agents(&mut self, ctx: &mut Ctx<'_>, id: Hash) {
        let Some((_, announced)) = self.state.tasks.get(&id).and_then(|t| t.announced.as_ref()) else {
            return;
        };
        let Some(thread) = announced.thread else { return };
        if ctx.draining || !self.open_threads.contains(&thread) {
            return;
        }
        let fits = |a: &&super::LocalAgent| a.fits(announced) && a.is_available(self);
        let Some(agent) = self.agents.values().filter(fits).min_by_key(|a| a.load(self)) else {
            return;
        };
        let (key, load) = (agent.key.public(), agent.load(self));
        self.claim(ctx, id, key, load);
    }

    /// Appends a claim, unless an earlier one of the agent still waits for its answer.
    pub(super) fn claim(&mut self, ctx: &mut Ctx<'_>, id: Hash, agent: PublicKey, load: u32) -> Option<EventRef> {
        let task = self.state.tasks.get(&id)?;
        let (meta, _) = task.announced.as_ref()?;
        let home = meta.feed();
        let claims = task
            .claims
            .values()
            .filter(|c| c.feed == self.me && c.body.agent == agent)
            .count();
        if claims > task.acks_for(&home, &self.me, &agent) && self.state.policy.authority == Authority::Home {
            return None;
        }
        let (authority, roster) = (self.state.policy.authority, self.task_roster(task)?);
        // While acknowledgements of the agent's last claim may still come, another one would only be noise.
        if task.may_still_be_granted(&self.me, &agent, ctx.now, authority, roster) {
            return None;
        }
        let tokens = task.highest_token(authority, roster) as usize;
        if self.state.policy.authority == Authority::Majority && claims > tokens {
            return None;
        }
        let deps = vec![meta.reference];
        Some(self.append(
            ctx,
            Body::TaskClaimed(TaskClaimed { task: id, agent, load }),
            deps,
            vec![],
        ))
    }

    /// Acknowledges a claim, if that is up to this node and the token before is over.
    fn acknowledge(&mut self, ctx: &mut Ctx<'_>, id: Hash) -> u64 {
        let Some(task) = self.state.tasks.get(&id) else {
            return u64::MAX;
        };
        let Some((meta, announced)) = &task.announced else {
            return u64::MAX;
        };
        let Some(roster) = self.task_roster(task) else {
            return u64::MAX;
        };
        let by_home = self.state.policy.authority == Authority::Home || roster.seat_count() < 3;
        let entitled = if by_home {
            meta.feed() == self.me
        } else {
            roster.owner(&self.me.node).is_some()
        };
        if !entitled || task.claims.is_empty() || self.is_forfeited(meta) {
            return u64::MAX;
        }
        let open_at = meta.hlc.ms() + ctx.cfg.pace.claim_window_ms;
        if ctx.now < open_at {
            return open_at;
        }
        let authority = self.state.policy.authority;
        let highest = task.highest_token(authority, roster);
        let promised = task.promised(&self.me);
        let over = |token| task.lease(token, authority, roster).is_some_and(|l| task.is_over(&l));
        // What this node has promised binds it until it is over, or has expired by its own clock and the skew.
        if let Some((token, until)) = promised
            && !over(token)
        {
            let early = plant::active("no_skew");
            let free_at = if early {
                until.saturating_sub(announced.lease_ms)
            } else {
                until + MAX_SKEW_MS + 1
            };
            if ctx.now < free_at {
                return free_at;
            }
        }
        let join = promised.is_none_or(|(t, _)| t < highest) && highest > 0 && !over(highest) && !by_home;
        let step = if plant::active("stale_token") && highest > 0 {
            0
        } else {
            1
        };
        let next = if join { highest } else { highest + step };
        let chosen = match join {
            // A token is being gathered: stand behind its leading claimant, or no majority will ever come.
            true => task.leading(next, roster).map(|(owner, agent)| (agent, owner)),
            false => self.best_claim(task, by_home, next, ctx.now),
        };
        let Some((agent, owner)) = chosen else { return u64::MAX };
        let until_ms = ctx.now + announced.lease_ms;
        let claims = task
            .claims
            .values()
            .filter(|c| c.feed == owner && c.body.agent == agent);
        let mut deps = vec![meta.reference];
        deps.extend(claims.filter_map(|c| self.claim_ref(task, c.event)));
        deps.truncate(8);
        let body = Body::ClaimAcked(ClaimAcked {
            task: id,
            agent,
            owner,
            token: next,
            until_ms,
        });
        self.append(ctx, body, deps, vec![]);
        u64::MAX
    }

    fn claim_ref(&self, task: &Task, event: Hash) -> Option<EventRef> {
        let (order, claim) = task.claims.iter().find(|(_, c)| c.event == event)?;
        Some(EventRef {
            feed: claim.feed,
            seq: order.seq,
            hash: event,
        })
    }

    /// The least loaded live claimant that has not been answered yet.
    fn best_claim(&self, task: &Task, by_home: bool, next: u64, now: u64) -> Option<(PublicKey, FeedId)> {
        let mut open = task.claims.iter().filter(|(_, c)| {
            let made = task
                .claims
                .values()
                .filter(|d| d.feed == c.feed && d.body.agent == c.body.agent)
                .count();
            let answered = match by_home {
                true => task.acks_for(&self.me, &c.feed, &c.body.agent),
                false => 0,
            };
            let newest = self.feeds.incarnation(&c.feed.node) == c.feed.incarnation;
            let fresh = if by_home { made > answered } else { made as u64 >= next };
            fresh && newest && self.state.speaks_for(&c.body.agent, &c.feed.node)
        });
        let best = open
            .by_ref()
            .min_by_key(|(order, c)| (!self.is_live(&c.feed.node, now), c.body.load, **order))?;
        Some((best.1.body.agent, best.1.feed))
    }

    /// Asks for more time on a lease of ours that is at work and in its last third.
    fn renew(&mut self, ctx: &mut Ctx<'_>, id: Hash) -> u64 {
        let Some(lease) = self.my_lease(&id, ctx.now) else {
            return u64::MAX;
        };
        let Some(task) = self.state.tasks.get(&id) else {
            return u64::MAX;
        };
        let Some((meta, announced)) = &task.announced else {
            return u64::MAX;
        };
        let working = self.turns.values().any(|t| t.task == Some((id, lease.token))) || announced.thread.is_none();
        if !working {
            return u64::MAX;
        }
        let due = lease.until_ms.saturating_sub(announced.lease_ms / 3);
        if ctx.now < due {
            return due;
        }
        let roster = self.state.rosters.latest();
        let lease_ms = announced.lease_ms;
        let to: Vec<PublicKey> = match self.state.policy.authority {
            Authority::Home => vec![meta.node()],
            Authority::Majority => roster.weights().into_keys().collect(),
        };
        for to in to {
            if to == self.me.node {
                self.extend_lease(ctx, id, lease.token);
            } else {
                let message = Wire::Renew {
                    project: self.id,
                    task: id,
                    token: lease.token,
                };
                ctx.out.speak(Effect::Send { to, message });
            }
        }
        // Asked again until it is granted or the lease is gone.
        (ctx.now + (lease_ms / 12).max(1)).min(lease.until_ms)
    }

    /// The owner of a lease asks for more time.
    pub(super) fn renew_asked(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, id: Hash, token: u64) {
        let Some(task) = self.state.tasks.get(&id).filter(|_| self.may_write()) else {
            return;
        };
        let Some(roster) = self.task_roster(task) else { return };
        let lease = task.lease(token, self.state.policy.authority, roster);
        let theirs = lease.is_some_and(|l| l.owner.node == from && !task.is_over(&l));
        if theirs {
            self.extend_lease(ctx, id, token);
        }
    }

    /// Extends a lease that this node has acknowledged, is the newest that it has, and has not run out.
    fn extend_lease(&mut self, ctx: &mut Ctx<'_>, id: Hash, token: u64) {
        let Some(task) = self.state.tasks.get(&id) else { return };
        let Some((meta, announced)) = &task.announced else {
            return;
        };
        let Some((promised, until)) = task.promised(&self.me) else {
            return;
        };
        if promised != token || ctx.now >= until || until >= ctx.now + announced.lease_ms * 2 / 3 {
            return;
        }
        let until_ms = ctx.now + announced.lease_ms;
        let deps = vec![meta.reference];
        self.append(
            ctx,
            Body::LeaseExtended(LeaseExtended {
                task: id,
                token,
                until_ms,
            }),
            deps,
            vec![],
        );
    }
}
