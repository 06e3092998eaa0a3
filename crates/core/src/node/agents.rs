//! Agents hosted here: their life cycle and what they may take on.
//!
//! configured → starting → idle ⇄ working → draining → stopped, and failed → (after a pause) idle. A failed
//! agent is restarted with growing pauses; the task that it held is still its own, so it takes it up again.

use std::collections::BTreeSet;

use super::{AgentSpec, Ctx, Effect, Notice, Project};
use crate::body::{AgentConsent, AgentEndorsed, AgentRetired, Body, Endorsement, Signed, TaskAnnounced};
use crate::crypto::{Hash, Keypair, PublicKey};
use crate::wire::AgentStatus;

/// Agents of one node in one project, at most.
pub const MAX_LOCAL_AGENTS: usize = 64;
/// The pause before a restart grows no further than this many doublings.
pub const MAX_DOUBLINGS: u32 = 8;

/// An agent hosted here.
#[derive(Debug, Clone)]
pub struct LocalAgent {
    /// As configured.
    pub spec: AgentSpec,
    /// Its own key.
    pub key: Keypair,
    /// What it does.
    pub status: AgentStatus,
    /// Failures in a row.
    pub failures: u32,
    /// When it may be restarted.
    pub restart_ms: u64,
    /// Whether the kill switch has stopped it: then it does not even vote, as one that has drained does.
    pub killed: bool,
}

/// An agent as the machine before this one hosted it.
#[derive(Debug, Clone)]
pub(super) struct Hosted {
    pub spec: AgentSpec,
    /// A state that only people end.
    pub held: Option<AgentStatus>,
    pub killed: bool,
}

impl LocalAgent {
    /// Turns that it has under way.
    pub fn load(&self, project: &Project) -> u32 {
        project.turns.values().filter(|t| t.agent == self.spec.id).count() as u32
    }

    /// Whether it takes on something new.
    pub fn is_available(&self, project: &Project) -> bool {
        matches!(self.status, AgentStatus::Idle | AgentStatus::Working) && self.load(project) < self.spec.max_tasks
    }

    /// Whether it has the role and the capabilities that a task asks for.
    pub fn fits(&self, task: &TaskAnnounced) -> bool {
        (task.role.is_empty() || self.spec.role == task.role)
            && task.capabilities.iter().all(|c| self.spec.capabilities.contains(c))
    }

    fn endorsement(&self, project: Hash, node: PublicKey) -> Endorsement {
        Endorsement {
            project,
            agent: self.key.public(),
            id: self.spec.id.clone(),
            role: self.spec.role.clone(),
            capabilities: self.spec.capabilities.clone(),
            specialization: self.spec.specialization.clone(),
            max_tasks: self.spec.max_tasks,
            model: self.spec.model.as_ref().map(|m| m.family.clone()),
            consent: AgentConsent::sign(&self.key, project, node, &self.spec.id),
        }
    }
}

impl Project {
    /// Hosts an agent; it is declared as soon as this node is a member.
    pub(super) fn host(&mut self, ctx: &Ctx<'_>, spec: AgentSpec) {
        if self.agents.len() >= MAX_LOCAL_AGENTS && !self.agents.contains_key(&spec.id) {
            return;
        }
        let key = ctx.cfg.key.agent(&self.id, &spec.id);
        let agent = LocalAgent {
            key,
            status: AgentStatus::Starting,
            failures: 0,
            restart_ms: 0,
            killed: ctx.killed,
            spec,
        };
        self.agents.insert(agent.spec.id.clone(), agent);
        self.dirty = true;
    }

    /// Hosts an agent that people have put into a state which only they end, or into none.
    pub(super) fn host_again(&mut self, ctx: &Ctx<'_>, before: Hosted) {
        let id = before.spec.id.clone();
        self.host(ctx, before.spec);
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.status = before.held.unwrap_or(agent.status);
            agent.killed = before.killed;
        }
    }

    /// The agents that are hosted now, each with the state that only people end, if it is in one.
    pub(super) fn hosted_now(&self) -> Vec<Hosted> {
        let held = |s: &AgentStatus| matches!(s, AgentStatus::Paused | AgentStatus::Draining | AgentStatus::Stopped);
        let now = |a: &LocalAgent| Hosted {
            spec: a.spec.clone(),
            held: Some(a.status).filter(held),
            killed: a.killed,
        };
        self.agents.values().map(now).collect()
    }

    /// Declares agents and restarts failed ones.
    pub(super) fn drive_agents(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        let mut wake = u64::MAX;
        self.retire_strays(ctx);
        let ids: Vec<String> = self.agents.keys().cloned().collect();
        for id in ids {
            let agent = &self.agents[&id];
            match agent.status {
                AgentStatus::Starting => self.declare(ctx, &id),
                AgentStatus::Failed if agent.restart_ms <= ctx.now => {
                    self.set_status(ctx, &id, AgentStatus::Idle, None)
                }
                AgentStatus::Failed => wake = wake.min(agent.restart_ms),
                AgentStatus::Draining if agent.load(self) == 0 => {
                    self.set_status(ctx, &id, AgentStatus::Stopped, None);
                }
                // Its thread ended before it did.
                AgentStatus::Working if agent.load(self) == 0 => {
                    self.set_status(ctx, &id, AgentStatus::Idle, None);
                }
                _ => {}
            }
        }
        wake
    }

    /// Takes back what this node once declared and hosts no longer: it was started with other agents since.
    fn retire_strays(&mut self, ctx: &mut Ctx<'_>) {
        let hosted: BTreeSet<PublicKey> = self.agents.values().map(|a| a.key.public()).collect();
        let declared = self.state.agents.active_of(&self.me.node);
        let strays: Vec<PublicKey> = declared
            .map(|record| record.endorsement.statement.agent)
            .filter(|agent| !hosted.contains(agent))
            .collect();
        for agent in strays {
            self.append(ctx, Body::AgentRetired(AgentRetired { agent }), vec![], vec![]);
        }
    }

    /// Endorses an agent's key, unless the very same endorsement stands already.
    fn declare(&mut self, ctx: &mut Ctx<'_>, id: &str) {
        let agent = &self.agents[id];
        let wanted = agent.endorsement(self.id, self.me.node);
        let known = self.state.agents.get(&self.me.node, &agent.key.public());
        let stands = known.is_some_and(|r| !r.retired && r.endorsement.statement == wanted);
        // The id may be another node's: then this agent stays down, and the node says so. What this node has declared and not taken
        // back, it stands by: somebody may say later that it was first.
        let holder = self.state.agents.holder(id);
        let own = known.is_some_and(|r| !r.retired && r.endorsement.statement.id == id);
        let taken = !own && holder.is_some_and(|(node, _)| node != self.me.node);
        if taken {
            return self.set_status(ctx, id, AgentStatus::Stopped, None);
        }
        if !stands {
            let endorsement = Signed::new(&ctx.cfg.key, wanted);
            let body = Body::AgentEndorsed(AgentEndorsed { endorsement });
            if !body.is_readable() {
                // Its words are longer than an endorsement may be: nobody would know of it.
                return self.set_status(ctx, id, AgentStatus::Stopped, None);
            }
            self.append(ctx, body, vec![], vec![]);
        }
        self.set_status(ctx, id, AgentStatus::Idle, None);
        self.next_heartbeat_ms = ctx.now;
    }

    /// Takes an agent away.
    pub(super) fn retire(&mut self, ctx: &mut Ctx<'_>, id: &str) -> bool {
        let Some(agent) = self.agents.remove(id) else {
            return false;
        };
        // A call that is under way will be charged, whoever still wants its answer.
        self.turns.retain(|_, t| t.agent != id || t.is_asking());
        self.append(
            ctx,
            Body::AgentRetired(AgentRetired {
                agent: agent.key.public(),
            }),
            vec![],
            vec![],
        );
        true
    }

    /// Sets what an agent does, and tells whoever watches.
    pub(super) fn set_status(&mut self, ctx: &mut Ctx<'_>, id: &str, status: AgentStatus, thread: Option<Hash>) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        if agent.status == status {
            return;
        }
        agent.status = status;
        self.dirty = true;
        let notice = Notice::Agent {
            project: self.id,
            agent: id.to_owned(),
            status,
            thread,
        };
        ctx.out.speak(Effect::Notify(notice));
    }

    /// A turn has broken down: the agent pauses, longer each time, and then goes on.
    pub(super) fn agent_failed(&mut self, ctx: &mut Ctx<'_>, id: &str, thread: Hash) {
        if let Some(agent) = self.agents.get_mut(id) {
            let pause = ctx.cfg.pace.restart_ms << agent.failures.min(MAX_DOUBLINGS);
            agent.failures += 1;
            agent.restart_ms = ctx.now + pause;
        }
        self.set_status(ctx, id, AgentStatus::Failed, Some(thread));
    }

    /// A turn went well, or was given up: back to what the agent was asked to be.
    pub(super) fn agent_rests(&mut self, ctx: &mut Ctx<'_>, id: &str, thread: Hash, ok: bool) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        if ok {
            agent.failures = 0;
        }
        if self.agents[id].status == AgentStatus::Working && self.agents[id].load(self) == 0 {
            self.set_status(ctx, id, AgentStatus::Idle, Some(thread));
        }
    }
}
