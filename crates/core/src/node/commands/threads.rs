//! Commands about threads: open one, say something in it, close it.

use super::{
    CommandError, Ctx, Outcome, Project, Result, Thing, check_name, check_text, conflict, key_in_use, not_found,
};
use crate::blob::MAX_BLOB_BYTES;
use crate::body::*;
use crate::change::{ChangeSet, Subject};
use crate::crypto::{Hash, PublicKey};
use crate::state::{MessageEntry, ThreadStatus};

impl Project {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn open_thread(
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
        let mut digest = None;
        let subject = match subject {
            Some(bytes) if bytes.len() > MAX_BLOB_BYTES => {
                return Err(CommandError::Invalid(format!(
                    "the change has {} bytes with its files, the limit is {MAX_BLOB_BYTES}; split it",
                    bytes.len()
                )));
            }
            Some(bytes) => {
                let (blob, reference) = self.new_blob(ctx, bytes);
                if kind == ThreadKind::Review {
                    let set = ChangeSet::from_cbor(&blob.bytes).map_err(|e| CommandError::Invalid(e.to_string()))?;
                    digest = Some(Subject::new(&blob.salt, &set).hash());
                }
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
            digest,
        });
        Ok(Outcome::Event(self.append_asked(ctx, body, vec![], blobs)?))
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn post(
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
                .ok_or_else(|| not_found(Thing::LocalAgent, id))?
                .key
                .clone(),
        };
        let mut deps = Vec::new();
        if let Some(thread) = thread {
            deps.push(
                self.thread_ref(&thread)
                    .ok_or_else(|| not_found(Thing::Thread, thread))?,
            );
        }
        let target = thread.unwrap_or(self.id);
        if let Some(wanted) = &idempotency_key
            && let Some(known) = self.posted_before(&target, wanted, &key.public())
        {
            let (at, said) = (known.reference, &known.message.statement);
            let same = self.named_before(ctx, &at, &said.text, text.as_bytes())
                && (said.kind, &said.parents, &said.to) == (kind, &parents, &to);
            return same
                .then_some(Outcome::Event(at))
                .ok_or_else(|| key_in_use(wanted, &at));
        }
        // Who asks again under its key hears what it did, whatever came since.
        if thread.is_some_and(|t| matches!(self.thread_status(&t), Some(ThreadStatus::Closed { .. }))) {
            return Err(conflict("the thread is closed; open a new one and name this one in it"));
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
        Ok(Outcome::Event(self.append_asked(ctx, body, deps, vec![blob])?))
    }

    /// What was said here in a thread, or outside any, under an idempotency key.
    fn posted_before(&self, thread: &Hash, key: &str, by: &PublicKey) -> Option<&MessageEntry> {
        let messages = match self.state.threads.get(thread) {
            Some(t) => &t.messages,
            None => &self.state.mail,
        };
        // Others may repeat in their feeds what was signed here.
        let same = |m: &&MessageEntry| {
            m.reference.feed.node == self.me.node
                && m.message.by == *by
                && m.message.statement.idempotency_key.as_deref() == Some(key)
        };
        messages.values().map(Box::as_ref).find(same)
    }

    /// Whether this node can close a thread: it is the home, and nothing has settled the thread yet.
    pub fn can_close(&self, thread: &Hash) -> Result<()> {
        let opened = self.state.threads.get(thread).and_then(|t| t.opened.as_ref());
        let (meta, _) = opened.ok_or_else(|| not_found(Thing::Thread, thread))?;
        if meta.node() != self.me.node {
            return Err(conflict(format!(
                "only the thread's home, node {}, can close it",
                meta.node()
            )));
        }
        match self.thread_status(thread) {
            Some(ThreadStatus::Decided { .. } | ThreadStatus::Answered { .. }) => Err(conflict(
                "the thread is decided, and closing it would change nothing; one can still write into it",
            )),
            Some(ThreadStatus::Closed { .. }) => Err(conflict("the thread is closed already")),
            Some(ThreadStatus::Open | ThreadStatus::Escalated { .. }) | None => Ok(()),
        }
    }

    pub(super) fn close_thread(&mut self, ctx: &mut Ctx<'_>, thread: Hash, resolved: bool) -> Result {
        self.can_close(&thread)?;
        let body = Body::ThreadClosed(ThreadClosed { thread, resolved });
        Ok(Outcome::Event(self.append(ctx, body, vec![], vec![])))
    }
}
