//! Commands: what people and programs want of the node. Each is carried out whole or refused with nothing changed.

use super::{Command, CommandError, Ctx, Delivery, Effect, Node, Outcome, Project};
use crate::blob::{Blob, MAX_BLOB_BYTES};
use crate::body::*;
use crate::crypto::{Hash, PublicKey};
use crate::event::{Draft, Event, EventRef, FeedId};
use crate::hlc::Hlc;
use crate::state::{EscalationStatus, State, TaskStatus, ThreadStatus};
use crate::wire::AgentStatus;

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
                shares,
            } => {
                return self.create_project(now, id, name, nonce, Policy { authority, shares });
            }
            Command::Drain => {
                self.draining = true;
                return self.everywhere(now, id, Project::drain);
            }
            Command::Kill => {
                self.draining = true;
                return self.everywhere(now, id, Project::kill);
            }
            other => other,
        };
        let seat_request = match &command {
            Command::Admit { node, .. } => self.take_seat_request(node),
            _ => None,
        };
        self.step(now, |projects, ctx| {
            let project = command.project();
            let result = match projects.get_mut(&project) {
                None => Err(CommandError::NoProject(project)),
                Some(p) if !p.may_write() => Err(CommandError::NotMember),
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

    fn create_project(&mut self, now: u64, id: u64, name: String, nonce: Hash, policy: Policy) -> Vec<Effect> {
        let seat = Seat {
            node: self.me,
            operator: self.cfg.operator.public(),
        };
        let pool = Pool {
            owner: self.cfg.owner.clone(),
            weight: 1,
            seats: vec![seat],
        };
        let roster = Roster {
            epoch: 0,
            prev: Hash::ZERO,
            pools: vec![pool],
            readers: vec![],
            cuts: vec![],
        };
        let body = Body::Genesis(Genesis {
            name,
            nonce,
            roster,
            policy,
        });
        let draft = Draft {
            project: Hash::ZERO,
            incarnation: self.cfg.incarnation,
            seq: 0,
            prev: Hash::ZERO,
            hlc: Hlc::default().tick(now),
            epoch: 0,
            deps: vec![],
        };
        let event = Event::sign(&self.cfg.key, draft, &body);
        let me = FeedId {
            node: self.me,
            incarnation: self.cfg.incarnation,
        };
        let state = if self.projects.len() < super::MAX_PROJECTS {
            State::new(&event)
        } else {
            None
        };
        self.step(now, |projects, ctx| {
            let result = match state {
                Some(state) => {
                    let mut project = Project::new(state, me, &event);
                    ctx.out.append(event.hash(), event.clone(), vec![]);
                    project.start(ctx);
                    projects.insert(event.hash(), project);
                    Ok(Outcome::Project(event.hash()))
                }
                None => Err(CommandError::Invalid(
                    "a project needs a name of 1 to 128 bytes, and only a node's first incarnation can found one"
                        .into(),
                )),
            };
            ctx.out.speak(Effect::Reply { id, result });
        })
    }
}

impl Command {
    /// The project that a command is about; zero for those about the whole node.
    fn project(&self) -> Hash {
        match self {
            Command::Admit { project, .. }
            | Command::Remove { project, .. }
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

fn not_found(what: &'static str, id: impl ToString) -> CommandError {
    CommandError::NotFound {
        what,
        id: id.to_string(),
    }
}

fn conflict(why: impl Into<String>) -> CommandError {
    CommandError::Conflict(why.into())
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
            Command::Admit { node, .. } => {
                let request = seat.ok_or_else(|| not_found("request for a seat from node", node))?;
                self.admin(ctx, format!("admit {node}"));
                self.seat(ctx, node, request);
                Ok(Outcome::Done)
            }
            Command::Remove { node, .. } => self.remove_member(ctx, &node),
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
                    .ok_or_else(|| not_found("task", task))?;
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
                false => Err(not_found("agent on this node", agent)),
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

    /// Writes an administrative act into the log.
    fn admin(&mut self, ctx: &mut Ctx<'_>, action: String) {
        self.append(ctx, Body::AdminActed(AdminActed { action }), vec![], vec![]);
    }

    fn append_on_task(&mut self, ctx: &mut Ctx<'_>, body: Body, task: &Hash, blobs: Vec<Blob>) -> EventRef {
        let announced = self
            .state
            .tasks
            .get(task)
            .and_then(|t| t.announced.as_ref())
            .map(|(m, _)| m.reference);
        self.append(ctx, body, announced.into_iter().collect(), blobs)
    }

    fn remove_member(&mut self, ctx: &mut Ctx<'_>, node: &PublicKey) -> Result {
        let roster = self.removal(node).ok_or_else(|| not_found("removable member", node))?;
        let next = self.state.roster_votes.get(&roster.epoch);
        if next.is_some_and(|v| v.values().any(|s| s.contains_key(&self.me.node))) {
            return Err(conflict("a roster change is under way; wait until it is complete"));
        }
        self.admin(ctx, format!("remove {node}"));
        let body = Body::RosterProposed(RosterProposed { roster });
        Ok(Outcome::Event(self.append(ctx, body, vec![], vec![])))
    }

    #[allow(clippy::too_many_arguments)]
    fn open_thread(
        &mut self,
        ctx: &mut Ctx<'_>,
        kind: ThreadKind,
        task: String,
        title: &str,
        subject: Option<Vec<u8>>,
        roles: Vec<String>,
        timing: Timing,
        budget_microusd: u64,
    ) -> Result {
        if ctx.draining {
            return Err(CommandError::Draining);
        }
        check_name("the thread's task name", &task)?;
        check_text("the title", title)?;
        roles.iter().try_for_each(|r| check_name("a role", r))?;
        if roles.len() > MAX_LIST {
            return Err(CommandError::Invalid(format!("a thread asks at most {MAX_LIST} roles")));
        }
        let (title_blob, title) = self.text_blob(ctx, title);
        let mut blobs = vec![title_blob];
        let subject = match subject {
            Some(bytes) if bytes.len() > MAX_BLOB_BYTES => {
                return Err(CommandError::Invalid(format!(
                    "the change has {} bytes with its files, the limit is {MAX_BLOB_BYTES}; split it",
                    bytes.len()
                )));
            }
            Some(bytes) => {
                let (blob, reference) = self.new_blob(ctx, bytes);
                blobs.push(blob);
                Some(reference)
            }
            None => None,
        };
        let body = Body::ThreadOpened(ThreadOpened {
            kind,
            task,
            title,
            subject,
            roles,
            timing,
            budget_microusd,
        });
        Ok(Outcome::Event(self.append(ctx, body, vec![], blobs)))
    }

    #[allow(clippy::too_many_arguments)]
    fn post(
        &mut self,
        ctx: &mut Ctx<'_>,
        thread: Option<Hash>,
        agent: Option<&str>,
        kind: MessageKind,
        text: &str,
        parents: Vec<Hash>,
        to: Option<String>,
        idempotency_key: Option<String>,
    ) -> Result {
        check_text("the message", text)?;
        if parents.len() > MAX_LIST {
            return Err(CommandError::Invalid(format!(
                "a message answers at most {MAX_LIST} others"
            )));
        }
        let key = match agent {
            None => ctx.cfg.key.clone(),
            Some(id) => self
                .agents
                .get(id)
                .ok_or_else(|| not_found("agent on this node", id))?
                .key
                .clone(),
        };
        let mut deps = Vec::new();
        if let Some(thread) = thread {
            deps.push(self.thread_ref(&thread).ok_or_else(|| not_found("thread", thread))?);
            if self
                .thread_status(&thread)
                .is_some_and(|s| matches!(s, ThreadStatus::Closed { .. }))
            {
                return Err(conflict("the thread is closed; open a new one and name this one in it"));
            }
        }
        let target = thread.unwrap_or(self.id);
        if let Some(wanted) = &idempotency_key
            && let Some(known) = self.posted_before(&target, wanted, &key.public())
        {
            return Ok(Outcome::Event(known));
        }
        let (blob, text) = self.text_blob(ctx, text);
        let message = Message {
            project: self.id,
            thread: target,
            kind,
            text,
            parents,
            to,
            idempotency_key,
        };
        let body = Body::MessagePosted(MessagePosted {
            message: Signed::new(&key, message),
        });
        Ok(Outcome::Event(self.append(ctx, body, deps, vec![blob])))
    }

    fn posted_before(&self, thread: &Hash, key: &str, by: &PublicKey) -> Option<EventRef> {
        let messages = match self.state.threads.get(thread) {
            Some(t) => &t.messages,
            None => &self.state.mail,
        };
        let same = |m: &&crate::state::MessageEntry| {
            m.message.by == *by && m.message.statement.idempotency_key.as_deref() == Some(key)
        };
        messages.values().map(Box::as_ref).find(same).map(|m| m.reference)
    }

    fn close_thread(&mut self, ctx: &mut Ctx<'_>, thread: Hash, resolved: bool) -> Result {
        let t = self
            .state
            .threads
            .get(&thread)
            .and_then(|t| t.opened.as_ref())
            .ok_or_else(|| not_found("thread", thread))?;
        if t.0.node() != self.me.node {
            return Err(conflict(format!(
                "only the thread's home, node {}, can close it",
                t.0.node()
            )));
        }
        let body = Body::ThreadClosed(ThreadClosed { thread, resolved });
        Ok(Outcome::Event(self.append(ctx, body, vec![], vec![])))
    }

    fn ask_person(
        &mut self,
        ctx: &mut Ctx<'_>,
        thread: Hash,
        reason: Reason,
        question: &str,
        options: Vec<String>,
    ) -> Result {
        check_text("the question", question)?;
        if options.is_empty() || options.len() > MAX_LIST {
            return Err(CommandError::Invalid(format!("a question has 1 to {MAX_LIST} options")));
        }
        options.iter().try_for_each(|o| check_name("an option", o))?;
        let deps = vec![self.thread_ref(&thread).ok_or_else(|| not_found("thread", thread))?];
        let (blob, question) = self.text_blob(ctx, question);
        let (remind_ms, timeout_ms) = (ctx.cfg.pace.remind_ms, ctx.cfg.pace.escalation_timeout_ms);
        let body = Body::Escalated(Escalated {
            thread,
            reason,
            question,
            options,
            remind_ms,
            timeout_ms,
        });
        let reference = self.append(ctx, body, deps, vec![blob]);
        let delivery = Delivery::Escalation {
            project: self.id,
            escalation: reference.hash,
            reminder: 0,
        };
        ctx.out.speak(Effect::Deliver(delivery));
        Ok(Outcome::Event(reference))
    }

    fn escalation(&self, id: &Hash) -> Result<(EventRef, &Escalated)> {
        let found = self.state.escalations.get(id).and_then(|e| e.opened.as_ref());
        found
            .map(|(m, b)| (m.reference, b))
            .ok_or_else(|| not_found("escalation", id))
    }

    fn answer(
        &mut self,
        ctx: &mut Ctx<'_>,
        escalation: Hash,
        option: u32,
        text: Option<&str>,
        person: String,
    ) -> Result {
        check_name("the person's name", &person)?;
        check_text("the answer", text.unwrap_or(""))?;
        let (asked, body) = self.escalation(&escalation)?;
        let question = body.question.hash;
        if option as usize >= body.options.len() {
            let options = body.options.join(", ");
            return Err(CommandError::Invalid(format!(
                "the question has no option {option}; its options are: {options}"
            )));
        }
        if self.state.escalations[&escalation].status() == EscalationStatus::Answered {
            return Err(conflict("the question is answered already"));
        }
        if !self.state.rosters.latest().is_operator(&ctx.cfg.operator.public()) {
            return Err(conflict(
                "this node's operator has no seat in the roster, so the answer would not count",
            ));
        }
        let blob = text.map(|t| self.text_blob(ctx, t));
        let text = blob.as_ref().map(|(_, r)| *r);
        let answer = Answer {
            project: self.id,
            escalation,
            question,
            option,
            text,
            person,
        };
        let body = Body::EscalationAnswered(EscalationAnswered {
            answer: Signed::new(&ctx.cfg.operator, answer),
        });
        Ok(Outcome::Event(self.append(
            ctx,
            body,
            vec![asked],
            blob.into_iter().map(|(b, _)| b).collect(),
        )))
    }

    fn announce(
        &mut self,
        ctx: &mut Ctx<'_>,
        title: &str,
        role: String,
        capabilities: Vec<String>,
        lease_ms: u64,
        priority: u8,
    ) -> Result {
        if ctx.draining {
            return Err(CommandError::Draining);
        }
        check_text("the title", title)?;
        if !role.is_empty() {
            check_name("the role", &role)?;
        }
        capabilities.iter().try_for_each(|c| check_name("a capability", c))?;
        if lease_ms == 0 || !(1..=5).contains(&priority) {
            return Err(CommandError::Invalid(
                "a lease is longer than 0 ms, and a priority is 1 (urgent) to 5".into(),
            ));
        }
        let (blob, title) = self.text_blob(ctx, title);
        let body = Body::TaskAnnounced(TaskAnnounced {
            thread: None,
            title,
            role,
            capabilities,
            lease_ms,
            priority,
        });
        Ok(Outcome::Event(self.append(ctx, body, vec![], vec![blob])))
    }

    fn claim_task(&mut self, ctx: &mut Ctx<'_>, task: Hash, agent: &str) -> Result {
        if ctx.draining {
            return Err(CommandError::Draining);
        }
        let local = self
            .agents
            .get(agent)
            .ok_or_else(|| not_found("agent on this node", agent))?;
        let (key, load) = (local.key.public(), local.load(self));
        let announced = self.state.tasks.get(&task).and_then(|t| t.announced.as_ref());
        if let Some((_, wanted)) = announced
            && !local.fits(wanted)
        {
            return Err(conflict(format!(
                "the task asks for the role {} and for {:?}; this agent does not have them",
                wanted.role, wanted.capabilities
            )));
        }
        match self.task_status(&task, ctx.now) {
            TaskStatus::Unknown => Err(not_found("task", task)),
            TaskStatus::Leased(lease) => Err(conflict(format!(
                "the task is leased under token {} until {} (Unix ms)",
                lease.token, lease.until_ms
            ))),
            TaskStatus::Completed { .. } => Err(conflict("the task is done")),
            TaskStatus::Cancelled => Err(conflict("the task was cancelled")),
            TaskStatus::Open | TaskStatus::Expired(_) => match self.claim(ctx, task, key, load) {
                Some(reference) => Ok(Outcome::Event(reference)),
                None => Err(conflict(
                    "an earlier claim of this agent still waits for its acknowledgement",
                )),
            },
        }
    }

    fn held(&self, task: &Hash, now: u64) -> Result<crate::state::Lease> {
        if !self.state.tasks.contains_key(task) {
            return Err(not_found("task", task));
        }
        self.my_lease(task, now)
            .ok_or_else(|| conflict("this node holds no valid lease on the task; claim it first"))
    }

    /// Touches the outside world: only under a lease that holds now, and only after that is on record.
    fn act(&mut self, ctx: &mut Ctx<'_>, task: Hash, action: String) -> Result {
        if action.is_empty() || action.len() > 1024 {
            return Err(CommandError::Invalid("an action has 1 to 1,024 bytes".into()));
        }
        let lease = match self.lease_of(&task) {
            Some(lease) if crate::plant::active("act_without_lease") => lease,
            _ => self.held(&task, ctx.now)?,
        };
        let body = Body::OutsideActed(OutsideActed {
            task,
            token: lease.token,
            action: action.clone(),
        });
        let reference = self.append_on_task(ctx, body, &task, vec![]);
        let delivery = Delivery::Act {
            project: self.id,
            task,
            token: lease.token,
            action,
        };
        ctx.out.speak(Effect::Deliver(delivery));
        Ok(Outcome::Event(reference))
    }

    fn add_agent(&mut self, ctx: &mut Ctx<'_>, spec: super::AgentSpec) -> Result {
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
        if self.agents.len() >= super::agents::MAX_LOCAL_AGENTS && !self.agents.contains_key(&spec.id) {
            return Err(conflict(format!(
                "this node hosts {} agents already",
                self.agents.len()
            )));
        }
        self.host(ctx, spec);
        Ok(Outcome::Done)
    }

    fn pause(&mut self, ctx: &mut Ctx<'_>, agent: &str, paused: bool) -> Result {
        let status = self
            .agents
            .get(agent)
            .ok_or_else(|| not_found("agent on this node", agent))?
            .status;
        let next = match (paused, status) {
            (true, AgentStatus::Idle | AgentStatus::Working | AgentStatus::Failed) => AgentStatus::Paused,
            (false, AgentStatus::Paused | AgentStatus::Draining | AgentStatus::Stopped) => AgentStatus::Idle,
            _ => return Ok(Outcome::Done),
        };
        self.admin(
            ctx,
            format!("{} agent {agent}", if paused { "pause" } else { "resume" }),
        );
        self.set_status(ctx, agent, next, None);
        Ok(Outcome::Done)
    }

    /// Finish what is under way, take nothing new, give unspent money back.
    fn drain(&mut self, ctx: &mut Ctx<'_>) {
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

    /// Stop every agent at once. Tasks stay leased until their leases run out.
    fn kill(&mut self, ctx: &mut Ctx<'_>) {
        self.turns.clear();
        let ids: Vec<String> = self.agents.keys().cloned().collect();
        for id in ids {
            self.set_status(ctx, &id, AgentStatus::Stopped, None);
        }
        if self.may_write() {
            self.admin(ctx, "kill switch".into());
        }
    }

    fn write_resource(
        &mut self,
        ctx: &mut Ctx<'_>,
        path: String,
        content: Vec<u8>,
        mime: String,
        base: Option<Hash>,
        idempotency_key: Option<String>,
    ) -> Result {
        if path.is_empty() || path.len() > 1024 || mime.len() > MAX_NAME_BYTES {
            return Err(CommandError::Invalid(
                "a resource's path has 1 to 1,024 bytes, its MIME type at most 128".into(),
            ));
        }
        if content.len() > MAX_BLOB_BYTES {
            let len = content.len();
            return Err(CommandError::Invalid(format!(
                "the content has {len} bytes, the limit is {MAX_BLOB_BYTES}"
            )));
        }
        let known = self.state.resources.get(&path);
        if let (Some(resource), Some(key)) = (known, &idempotency_key)
            && let Some(before) = resource.by_idempotency_key(&self.me.node, key)
        {
            return Ok(Outcome::Event(before.meta.reference));
        }
        let home = known.and_then(|r| r.home()).unwrap_or(self.me.node);
        let latest = known.and_then(|r| r.versions().last().map(|v| v.write.meta));
        if let Some(base) = base
            && latest.map_or(Hash::ZERO, |m| m.hash()) != base
        {
            let now = latest.map_or("nothing".to_owned(), |m| m.hash().to_string());
            return Err(conflict(format!(
                "the resource has changed: its latest write is {now}; read it and write again"
            )));
        }
        let (blob, content) = self.new_blob(ctx, content);
        let body = Body::ResourceWritten(ResourceWritten {
            path,
            home,
            base,
            content,
            mime,
            idempotency_key,
        });
        let deps = latest.map(|m| m.reference).into_iter().collect();
        Ok(Outcome::Event(self.append(ctx, body, deps, vec![blob])))
    }

    fn move_share(&mut self, ctx: &mut Ctx<'_>, to: &PublicKey, amount_microusd: u64) -> Result {
        let left = self.state.shares.account(&self.me).balance_microusd().unwrap_or(0);
        if !self.state.rosters.latest().is_member(to) {
            return Err(not_found("member", to));
        }
        let overdraft = plant_overdraft();
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

fn plant_overdraft() -> bool {
    crate::plant::active("overdrawn_share")
}
