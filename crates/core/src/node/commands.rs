//! Commands: what people and programs want of the node. Each is carried out whole or refused with nothing changed.

mod agents;
mod found;
mod members;
mod questions;
mod resources;
mod shares;
mod tasks;
mod threads;

use super::{Command, CommandError, Ctx, Effect, Node, Outcome, Project, Thing};
use crate::blob::Blob;
use crate::body::*;
use crate::crypto::Hash;
use crate::event::EventRef;

type Result<T = Outcome> = std::result::Result<T, CommandError>;

/// Longest text of a message, bytes.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;

impl Node {
    pub(super) fn command(&mut self, now: u64, id: u64, command: Command) -> Vec<Effect> {
        let command = match command {
            Command::CreateProject {
                name,
                nonce,
                authority,
                answers,
                shares,
            } => {
                let policy = Policy {
                    authority,
                    shares,
                    answers,
                };
                return self.create_project(now, id, name, nonce, policy);
            }
            Command::Drain => {
                self.draining = true;
                return self.everywhere(now, id, Project::drain);
            }
            Command::Kill => {
                self.draining = true;
                self.killed = true;
                return self.everywhere(now, id, Project::kill);
            }
            other => other,
        };
        let seat_request = match &command {
            Command::Admit { project, node, .. } => self.seat_request(project, node),
            Command::Withdraw { project, node } => self.forget_seat_request(project, node),
            _ => None,
        };
        self.step(now, |projects, ctx| {
            let project = command.project();
            let result = match projects.get_mut(&project) {
                None => Err(CommandError::NoProject(project)),
                Some(p) if !p.may_write() => Err(CommandError::NotMember),
                Some(p) if p.has_left() => Err(conflict("this node has left the project")),
                Some(p) => p.command(ctx, command, seat_request),
            };
            ctx.out.speak(Effect::Reply { id, result });
        })
    }

    fn everywhere(&mut self, now: u64, id: u64, work: impl Fn(&mut Project, &mut Ctx<'_>)) -> Vec<Effect> {
        self.step(now, |projects, ctx| {
            ctx.draining = true;
            projects.values_mut().for_each(|p| work(p, ctx));
            ctx.out.speak(Effect::Reply {
                id,
                result: Ok(Outcome::Done),
            });
        })
    }
}

impl Command {
    /// The project that a command is about; zero for those about the whole node.
    fn project(&self) -> Hash {
        match self {
            Command::Admit { project, .. }
            | Command::Remove { project, .. }
            | Command::Withdraw { project, .. }
            | Command::Leave { project }
            | Command::OpenThread { project, .. }
            | Command::Post { project, .. }
            | Command::CloseThread { project, .. }
            | Command::Escalate { project, .. }
            | Command::AckEscalation { project, .. }
            | Command::AnswerEscalation { project, .. }
            | Command::AnnounceTask { project, .. }
            | Command::ClaimTask { project, .. }
            | Command::ReleaseTask { project, .. }
            | Command::CompleteTask { project, .. }
            | Command::CancelTask { project, .. }
            | Command::Act { project, .. }
            | Command::AddAgent { project, .. }
            | Command::RetireAgent { project, .. }
            | Command::PauseAgent { project, .. }
            | Command::WriteResource { project, .. }
            | Command::MoveShare { project, .. } => *project,
            Command::CreateProject { .. } | Command::Drain | Command::Kill => Hash::ZERO,
        }
    }
}

fn not_found(what: Thing, id: impl ToString) -> CommandError {
    CommandError::NotFound {
        what,
        id: id.to_string(),
    }
}

fn conflict(why: impl Into<String>) -> CommandError {
    CommandError::Conflict(why.into())
}

/// An idempotency key was used for something else before.
fn key_in_use(key: &str, before: &EventRef) -> CommandError {
    conflict(format!(
        "the idempotency key {key:?} was used before for something else, {}; use a new key for a new text",
        before.hash
    ))
}

fn check_text(what: &str, text: &str) -> Result<()> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(CommandError::Invalid(format!(
            "{what} has {} bytes, the limit is {MAX_TEXT_BYTES}; write it as a resource and name its address",
            text.len()
        )));
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<()> {
    match name_ok(name) {
        true => Ok(()),
        false => Err(CommandError::Invalid(format!(
            "{what} must have 1 to {MAX_NAME_BYTES} bytes and no control characters"
        ))),
    }
}

impl Project {
    fn command(&mut self, ctx: &mut Ctx<'_>, command: Command, seat: Option<Signed<JoinStatement>>) -> Result {
        match command {
            Command::Admit { node, owner, .. } => self.admit(ctx, &node, seat, owner),
            Command::Remove { node, .. } => self.remove(ctx, &node),
            Command::Withdraw { node, .. } => self.withdraw(ctx, &node, seat.is_some()),
            Command::Leave { .. } => self.leave(ctx),
            Command::OpenThread {
                kind,
                task,
                title,
                subject,
                roles,
                timing,
                budget_microusd,
                ..
            } => self.open_thread(ctx, kind, task, &title, subject, roles, timing, budget_microusd),
            Command::Post {
                thread,
                agent,
                kind,
                text,
                parents,
                to,
                idempotency_key,
                ..
            } => self.post(ctx, thread, agent.as_deref(), kind, &text, parents, to, idempotency_key),
            Command::CloseThread { thread, resolved, .. } => self.close_thread(ctx, thread, resolved),
            Command::Escalate {
                thread,
                reason,
                question,
                options,
                ..
            } => self.ask_person(ctx, thread, reason, &question, options),
            Command::AckEscalation { escalation, person, .. } => {
                check_name("the person's name", &person)?;
                let meta = self.escalation(&escalation)?.0;
                let body = Body::EscalationAcked(EscalationAcked { escalation, person });
                Ok(Outcome::Event(self.append(ctx, body, vec![meta], vec![])))
            }
            Command::AnswerEscalation {
                escalation,
                option,
                text,
                person,
                ..
            } => self.answer(ctx, escalation, option, text.as_deref(), person),
            Command::AnnounceTask {
                title,
                role,
                capabilities,
                lease_ms,
                priority,
                ..
            } => self.announce(ctx, &title, role, capabilities, lease_ms, priority),
            Command::ClaimTask { task, agent, .. } => self.claim_task(ctx, task, &agent),
            Command::ReleaseTask { task, .. } => {
                let lease = self.held(&task, ctx.now)?;
                let body = Body::TaskReleased(TaskReleased {
                    task,
                    token: lease.token,
                });
                Ok(Outcome::Event(self.append_on_task(ctx, body, &task, vec![])))
            }
            Command::CompleteTask { task, ok, result, .. } => {
                let lease = self.held(&task, ctx.now)?;
                check_text("the result", result.as_deref().unwrap_or(""))?;
                let blob = result.map(|text| self.text_blob(ctx, &text));
                let body = TaskCompleted {
                    task,
                    token: lease.token,
                    ok,
                    result: blob.as_ref().map(|(_, r)| *r),
                };
                let blobs = blob.into_iter().map(|(b, _)| b).collect();
                Ok(Outcome::Event(self.append_on_task(
                    ctx,
                    Body::TaskCompleted(body),
                    &task,
                    blobs,
                )))
            }
            Command::CancelTask { task, .. } => {
                let home = self
                    .state
                    .tasks
                    .get(&task)
                    .and_then(|t| t.home())
                    .ok_or_else(|| not_found(Thing::Task, task))?;
                if home.node != self.me.node {
                    return Err(conflict("only the node that announced a task can cancel it"));
                }
                Ok(Outcome::Event(self.append_on_task(
                    ctx,
                    Body::TaskCancelled(TaskCancelled { task }),
                    &task,
                    vec![],
                )))
            }
            Command::Act { task, action, .. } => self.act(ctx, task, action),
            Command::AddAgent { agent, .. } => self.add_agent(ctx, agent),
            Command::RetireAgent { agent, .. } => match self.retire(ctx, &agent) {
                true => Ok(Outcome::Done),
                false => Err(not_found(Thing::LocalAgent, agent)),
            },
            Command::PauseAgent { agent, paused, .. } => self.pause(ctx, &agent, paused),
            Command::WriteResource {
                path,
                content,
                mime,
                base,
                idempotency_key,
                ..
            } => self.write_resource(ctx, path, content, mime, base, idempotency_key),
            Command::MoveShare {
                to, amount_microusd, ..
            } => self.move_share(ctx, &to, amount_microusd),
            Command::CreateProject { .. } | Command::Drain | Command::Kill => Ok(Outcome::Done),
        }
    }

    /// Writes what somebody asked for, if it keeps within the format's bounds: what others cannot read would have its effect here
    /// alone.
    fn append_asked(
        &mut self,
        ctx: &mut Ctx<'_>,
        body: Body,
        deps: Vec<EventRef>,
        blobs: Vec<Blob>,
    ) -> Result<EventRef> {
        if !body.is_readable() {
            return Err(CommandError::Invalid(format!(
                "what is asked does not fit into a {}: a list is too long, a time longer than thirty days, or a number beyond 2^53 - 1",
                body.name()
            )));
        }
        Ok(self.append(ctx, body, deps, blobs))
    }

    /// Writes an administrative act into the log.
    fn admin(&mut self, ctx: &mut Ctx<'_>, action: String) {
        self.append(ctx, Body::AdminActed(AdminActed { action }), vec![], vec![]);
    }
}
