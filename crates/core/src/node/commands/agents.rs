//! Commands about the agents of this node: host, pause, drain, stop.

use super::{Ctx, Outcome, Project, Result, Thing, check_name, conflict, not_found};
use crate::body::*;
use crate::node::AgentSpec;
use crate::node::agents::MAX_LOCAL_AGENTS;
use crate::wire::AgentStatus;

impl Project {
    pub(super) fn add_agent(&mut self, ctx: &mut Ctx<'_>, spec: AgentSpec) -> Result {
        check_name("the agent's id", &spec.id)?;
        check_name("the role", &spec.role)?;
        if let Some((node, _)) = self.state.agents.holder(&spec.id)
            && node != self.me.node
        {
            return Err(conflict(format!(
                "the id {} is held by an agent of node {node}; choose another",
                spec.id
            )));
        }
        if self.agents.len() >= MAX_LOCAL_AGENTS && !self.agents.contains_key(&spec.id) {
            return Err(conflict(format!(
                "this node hosts {} agents already",
                self.agents.len()
            )));
        }
        self.host(ctx, spec);
        Ok(Outcome::Done)
    }

    pub(super) fn pause(&mut self, ctx: &mut Ctx<'_>, agent: &str, paused: bool) -> Result {
        let status = self
            .agents
            .get(agent)
            .ok_or_else(|| not_found(Thing::LocalAgent, agent))?
            .status;
        let next = match (paused, status) {
            (true, AgentStatus::Idle | AgentStatus::Working | AgentStatus::Failed) => AgentStatus::Paused,
            // It is declared first, if it is not yet.
            (false, AgentStatus::Paused | AgentStatus::Draining | AgentStatus::Stopped) => AgentStatus::Starting,
            _ => return Ok(Outcome::Done),
        };
        self.admin(
            ctx,
            format!("{} agent {agent}", if paused { "pause" } else { "resume" }),
        );
        self.set_status(ctx, agent, next, None);
        if let Some(agent) = self.agents.get_mut(agent).filter(|_| !paused) {
            agent.killed = false;
        }
        Ok(Outcome::Done)
    }

    /// Finish what is under way, take nothing new, give unspent money back.
    pub(super) fn drain(&mut self, ctx: &mut Ctx<'_>) {
        let ids: Vec<String> = self.agents.keys().cloned().collect();
        for id in ids {
            self.set_status(ctx, &id, AgentStatus::Draining, None);
        }
        let free = self.ledger.close();
        if free > 0 && self.may_write() {
            self.append(
                ctx,
                Body::ChunkReturned(ChunkReturned { amount_microusd: free }),
                vec![],
                vec![],
            );
        }
    }

    /// Stop every agent at once. Tasks stay leased until their leases run out. Calls that are under way will be charged, so they are
    /// still settled when their answers come.
    pub(super) fn kill(&mut self, ctx: &mut Ctx<'_>) {
        self.turns.retain(|_, turn| turn.is_asking());
        let ids: Vec<String> = self.agents.keys().cloned().collect();
        for id in ids {
            self.set_status(ctx, &id, AgentStatus::Stopped, None);
        }
        self.agents.values_mut().for_each(|agent| agent.killed = true);
        if self.may_write() {
            self.admin(ctx, "kill switch".into());
        }
    }
}
