//! An agent's turn on a review: analysers first, then the model if there is one, then findings into the thread.
//!
//! A turn lives in memory only. After a crash the task's lease is still ours, its findings are not there, and the driver
//! starts the turn again.

use std::sync::Arc;

use super::{Ctx, Effect, Project};
use crate::body::{
    Body, Choice, Findings, FindingsPosted, Message, MessageKind, MessagePosted, ModelCalled, Signed, TaskCompleted,
};
use crate::codec;
use crate::crypto::{Hash, PublicKey};
use crate::event::EventRef;
use crate::finding::{Finding, Severity};
use crate::ledger::{Purpose, Reserve};
use crate::plant;
use crate::reading::{self, Reading};
use crate::state::ThreadStatus;
use crate::wire::AgentStatus;

/// Findings of one agent on one change, at most; the worst are kept.
pub const MAX_FINDINGS: usize = 512;
/// A turn that fails this often in a row is given up: the task is completed without success.
pub const MAX_TURN_FAILURES: u32 = 3;

/// What a turn waits for.
#[derive(Debug, Clone)]
enum Stage {
    Analysing,
    /// What is needed to settle the call stands here, for its agent may be gone when the answer comes.
    Asking {
        evidence: Vec<Finding>,
        reservation: u64,
        agent: PublicKey,
        model: String,
    },
}

/// A turn under way. One that asks a model stays until the call is settled, even if its thread or its agent has ended before: what the
/// model charges is charged.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The agent's id.
    pub agent: String,
    /// The thread.
    pub thread: Hash,
    /// The task under whose lease it works, with the token.
    pub task: Option<(Hash, u64)>,
    stage: Stage,
    /// What its analysers did not read, once they are through.
    reading: Reading,
}

impl Turn {
    /// Whether a model is asked, so that money is set aside for it.
    pub(super) fn is_asking(&self) -> bool {
        matches!(self.stage, Stage::Asking { .. })
    }
}

impl Project {
    /// Begins a turn. Returns whether it could begin: the change has to be here.
    pub(super) fn begin_turn(
        &mut self,
        ctx: &mut Ctx<'_>,
        agent: &str,
        thread: Hash,
        task: Option<(Hash, u64)>,
    ) -> bool {
        let Some(subject) = self.subject(ctx, &thread) else {
            return false;
        };
        let Some(role) = self.agents.get(agent).map(|a| a.spec.role.clone()) else {
            return false;
        };
        *ctx.next_ask += 1;
        let ask = *ctx.next_ask;
        self.turns.insert(
            ask,
            Turn {
                agent: agent.to_owned(),
                thread,
                task,
                stage: Stage::Analysing,
                reading: Reading::default(),
            },
        );
        let change = Arc::new(subject.0.clone());
        ctx.out.speak(Effect::Analyse {
            ask,
            agent: agent.to_owned(),
            role,
            change,
        });
        self.set_status(ctx, agent, AgentStatus::Working, Some(thread));
        true
    }

    /// A turn under way, by the id of what it waits for.
    pub fn turn(&self, ask: u64) -> Option<&Turn> {
        self.turns.get(&ask)
    }

    /// What this node may spend on a thread: the thread's budget in equal parts over the seats of the roster that it was opened
    /// under, so that neither a partition nor a later roster spends the same money twice.
    pub fn thread_cap(&self, thread: &Hash) -> Option<u64> {
        let (meta, opened) = self.state.threads.get(thread)?.opened.as_ref()?;
        let seats = self.state.rosters.epoch(meta.epoch)?.weights();
        let part = opened.budget_microusd / seats.len().max(1) as u64;
        Some(if seats.contains_key(&self.me.node) { part } else { 0 })
    }

    /// Whether an agent is at work on a thread.
    pub(super) fn has_turn(&self, agent: &str, thread: &Hash) -> bool {
        self.turns.values().any(|t| t.agent == agent && t.thread == *thread)
    }

    /// Analysers have finished.
    pub(super) fn analysed(
        &mut self,
        ctx: &mut Ctx<'_>,
        ask: u64,
        result: &Result<Vec<Finding>, String>,
        reading: &Reading,
    ) {
        let Some(mut turn) = self.turns.remove(&ask).filter(|_| self.may_write()) else {
            return;
        };
        self.dirty = true;
        let evidence = match result {
            Ok(found) => found.clone(),
            Err(why) => return self.turn_failed(ctx, turn, why),
        };
        turn.reading = reading.clone();
        let model = self.agents.get(&turn.agent).and_then(|a| a.spec.model.clone());
        match model {
            Some(model) => self.ask_model(ctx, turn, &model, evidence),
            None => self.finish_turn(ctx, &turn, evidence, None),
        }
    }

    /// Sets money aside and calls the model; without money the analysers' evidence alone is posted.
    fn ask_model(&mut self, ctx: &mut Ctx<'_>, mut turn: Turn, model: &super::ModelSpec, evidence: Vec<Finding>) {
        let Some(agent) = self.agents.get(&turn.agent) else {
            return;
        };
        let agent_key = agent.key.public();
        let cap = self.thread_cap(&turn.thread).unwrap_or(0);
        let purpose = Purpose {
            thread: Some((turn.thread, cap)),
            agent: agent_key,
        };
        let mut granted = None;
        for _ in 0..2 {
            self.state.shares.settle();
            let account = self.state.shares.account(&self.me);
            let (me, now, worst) = (self.me.node, ctx.now, model.worst_microusd);
            match self
                .ledger
                .reserve(&me, purpose, worst, now, &account, &self.state.spending)
            {
                Reserve::Granted(id) => {
                    granted = Some(id);
                    break;
                }
                Reserve::Draw { amount_microusd } => {
                    // The call is spoken after this append, so the chunk is durable before a cent of it is spent.
                    if !plant::active("undrawn_chunk") {
                        self.append(
                            ctx,
                            Body::ChunkDrawn(crate::body::ChunkDrawn { amount_microusd }),
                            vec![],
                            vec![],
                        );
                    }
                    self.ledger.drawn(amount_microusd);
                }
                Reserve::Refused(refusal) => {
                    let what = format!("no call to {} for {}: {refusal}", model.name, turn.agent);
                    self.notify(ctx, super::Notice::Money { what });
                    break;
                }
            }
        }
        let Some(reservation) = granted else {
            return self.finish_turn(ctx, &turn, evidence, None);
        };
        let Some(subject) = self.subject(ctx, &turn.thread) else {
            self.ledger.settle(reservation, 0);
            return self.agent_rests(ctx, &turn.agent, turn.thread, true);
        };
        *ctx.next_ask += 1;
        let (ask, role) = (*ctx.next_ask, self.agents[&turn.agent].spec.role.clone());
        ctx.out.speak(Effect::AskModel {
            ask,
            agent: turn.agent.clone(),
            role,
            model: model.name.clone(),
            change: Arc::new(subject.0.clone()),
            evidence: evidence.clone(),
            reserved_microusd: model.worst_microusd,
        });
        turn.stage = Stage::Asking {
            evidence,
            reservation,
            agent: agent_key,
            model: model.name.clone(),
        };
        self.turns.insert(ask, turn);
    }

    /// A model has answered: settle, then post what stands.
    pub(super) fn answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        ask: u64,
        charged: u64,
        found: &[Finding],
        opinion: Option<Choice>,
    ) {
        let Some((turn, mut evidence)) = self.settle_turn(ctx, ask, charged, true) else {
            return;
        };
        let role = self
            .agents
            .get(&turn.agent)
            .map(|a| a.spec.role.clone())
            .unwrap_or_default();
        // A model speaks for its agent's role only, whatever it says.
        evidence.extend(found.iter().cloned().map(|mut f| {
            f.role.clone_from(&role);
            f
        }));
        self.finish_turn(ctx, &turn, evidence, opinion);
    }

    /// A model did not answer: the analysers' evidence is what there is.
    pub(super) fn model_failed(&mut self, ctx: &mut Ctx<'_>, ask: u64, charged: u64) {
        if let Some((turn, evidence)) = self.settle_turn(ctx, ask, charged, false) {
            self.finish_turn(ctx, &turn, evidence, None);
        }
    }

    fn settle_turn(&mut self, ctx: &mut Ctx<'_>, ask: u64, charged: u64, ok: bool) -> Option<(Turn, Vec<Finding>)> {
        let turn = match plant::active("charge_twice") {
            true => self.turns.get(&ask)?.clone(),
            false => self.turns.remove(&ask)?,
        };
        self.dirty = true;
        let Stage::Asking {
            evidence,
            reservation,
            agent,
            model,
        } = turn.stage.clone()
        else {
            return None;
        };
        let settled = self.ledger.settle(reservation, charged);
        let reserved = if plant::active("charge_twice") {
            settled.or(Some(charged))
        } else {
            settled
        }?;
        if !self.may_write() {
            return None;
        }
        if plant::active("double_refund") {
            self.ledger.drawn(reserved.saturating_sub(charged));
        }
        if charged > reserved {
            let what = format!(
                "{}'s model charged {charged} µ$ for a call capped at {reserved} µ$",
                turn.agent
            );
            self.notify(ctx, super::Notice::Money { what });
        }
        let body = Body::ModelCalled(ModelCalled {
            thread: Some(turn.thread),
            agent,
            model,
            reserved_microusd: reserved,
            charged_microusd: charged,
            ok,
        });
        let deps: Vec<EventRef> = self.thread_ref(&turn.thread).into_iter().collect();
        self.append(ctx, body, deps, vec![]);
        Some((turn, evidence))
    }

    /// Posts findings and completes the task.
    fn finish_turn(&mut self, ctx: &mut Ctx<'_>, turn: &Turn, found: Vec<Finding>, opinion: Option<Choice>) {
        // An agent that the kill switch has stopped says nothing more.
        let speaks = |a: &&super::LocalAgent| a.status != AgentStatus::Stopped;
        let Some(key) = self.agents.get(&turn.agent).filter(speaks).map(|a| a.key.clone()) else {
            return;
        };
        // The thread has ended meanwhile: nobody waits for this any more. A person who is asked may still want to see it.
        let status = self.thread_status(&turn.thread);
        let wanted = matches!(status, Some(ThreadStatus::Open | ThreadStatus::Escalated { .. }));
        // If its change is not at hand, and it is open after all, the driver begins again.
        let subject = if wanted { self.subject(ctx, &turn.thread) } else { None };
        let Some(subject) = subject else {
            return self.agent_rests(ctx, &turn.agent, turn.thread, true);
        };
        let role = self.agents[&turn.agent].spec.role.clone();
        let mut found: Vec<Finding> = found
            .into_iter()
            .filter(|f| f.validate().is_ok() && f.quote_stands(&subject.1, &subject.0.files).is_ok())
            .collect();
        found.sort_by(|a, b| (b.severity, &a.file, a.line, &a.rule).cmp(&(a.severity, &b.file, b.line, &b.rule)));
        found.truncate(MAX_FINDINGS);
        let veto = role == "security"
            && found
                .iter()
                .any(|f| f.severity == Severity::Critical && f.role == "security");
        // Who has not read enough, and has no model that did, does not vouch for the change. What it found stands all the same.
        let partial = opinion.is_none() && turn.reading.falls_short;
        if let Some(opinion) = opinion {
            self.opinions.insert((turn.thread, key.public()), opinion);
        }
        let deps: Vec<EventRef> = self.thread_ref(&turn.thread).into_iter().collect();
        let (blob, list) = self.new_blob(ctx, codec::encode(&found));
        let statement = Findings {
            project: self.id,
            thread: turn.thread,
            list,
            count: found.len() as u32,
            veto,
            task: turn.task.map(|(t, _)| t),
            token: turn.task.map(|(_, token)| token),
            partial,
        };
        let body = Body::FindingsPosted(FindingsPosted {
            findings: Signed::new(&key, statement),
        });
        self.append(ctx, body, deps, vec![blob]);
        let note = summary(&found);
        self.say(ctx, &turn.agent, turn.thread, MessageKind::Evidence, &note);
        if partial {
            let files = reading::named(&turn.reading.unread);
            let note = format!("I do not approve what I have not read: {files}.");
            self.say(ctx, &turn.agent, turn.thread, MessageKind::Note, &note);
        }
        if let Some((task, token)) = turn.task {
            let body = Body::TaskCompleted(TaskCompleted {
                task,
                token,
                ok: true,
                result: None,
            });
            let deps = self
                .state
                .tasks
                .get(&task)
                .and_then(|t| t.announced.as_ref())
                .map(|(m, _)| m.reference);
            self.append(ctx, body, deps.into_iter().collect(), vec![]);
        }
        self.agent_rests(ctx, &turn.agent, turn.thread, true);
    }

    /// A turn broke down: restart the agent; after too many failures on one thread give it up there, until the node starts anew.
    fn turn_failed(&mut self, ctx: &mut Ctx<'_>, turn: Turn, why: &str) {
        self.agent_failed(ctx, &turn.agent, turn.thread);
        let place = (turn.thread, turn.agent.clone());
        let failures = self.failed_turns.entry(place).or_default();
        *failures += 1;
        if *failures != MAX_TURN_FAILURES {
            return;
        }
        let why: String = why.chars().take(500).collect();
        let note = format!("I could not review this change: {why}");
        self.say(ctx, &turn.agent, turn.thread, MessageKind::Note, &note);
        if let Some((task, token)) = turn.task {
            let body = Body::TaskCompleted(TaskCompleted {
                task,
                token,
                ok: false,
                result: None,
            });
            let deps = self
                .state
                .tasks
                .get(&task)
                .and_then(|t| t.announced.as_ref())
                .map(|(m, _)| m.reference);
            self.append(ctx, body, deps.into_iter().collect(), vec![]);
        }
    }

    /// Whether an agent has failed so often on a thread that it does not try again.
    pub(super) fn has_given_up(&self, agent: &str, thread: &Hash) -> bool {
        let failures = self.failed_turns.get(&(*thread, agent.to_owned()));
        failures.is_some_and(|n| *n >= MAX_TURN_FAILURES)
    }

    /// An agent says something in a thread.
    pub(super) fn say(&mut self, ctx: &mut Ctx<'_>, agent: &str, thread: Hash, kind: MessageKind, text: &str) {
        let Some(key) = self.agents.get(agent).map(|a| a.key.clone()) else {
            return;
        };
        let (blob, text) = self.text_blob(ctx, text);
        let project = self.id;
        let message = Message {
            project,
            thread,
            kind,
            text,
            parents: vec![],
            to: None,
            idempotency_key: None,
        };
        let deps: Vec<EventRef> = self.thread_ref(&thread).into_iter().collect();
        let body = Body::MessagePosted(MessagePosted {
            message: Signed::new(&key, message),
        });
        self.append(ctx, body, deps, vec![blob]);
    }
}

/// Findings in one line: `3 findings: 1 critical, 2 low`.
pub fn summary(found: &[Finding]) -> String {
    if found.is_empty() {
        return "no findings".into();
    }
    let parts: Vec<String> = [
        (Severity::Critical, "critical"),
        (Severity::High, "high"),
        (Severity::Medium, "medium"),
        (Severity::Low, "low"),
    ]
    .into_iter()
    .map(|(severity, name)| (found.iter().filter(|f| f.severity == severity).count(), name))
    .filter(|(n, _)| *n > 0)
    .map(|(n, name)| format!("{n} {name}"))
    .collect();
    format!(
        "{} finding{}: {}",
        found.len(),
        if found.len() == 1 { "" } else { "s" },
        parts.join(", ")
    )
}
