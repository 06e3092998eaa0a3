//! Reviews: from an opened thread to a decision or an escalation.
//!
//! The home announces one task for each role, agents claim them and post findings, somebody proposes, the panel votes (see
//! [`super::votes`]), somebody gathers the decision. "Somebody" is the home, or, when it does not come, the other seats in
//! turn, each a little later than the one before: no single node can hold a review up.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Ctx, Project};
use crate::body::{
    Body, Escalated, MessageKind, REVIEW_OPTIONS, Reason, Roster, TaskAnnounced, ThreadKind, ThreadOpened,
};
use crate::change::{ChangeSet, Subject};
use crate::crypto::{self, Context, Hash, PublicKey};
use crate::diff::Change;
use crate::event::EventRef;
use crate::finding::Finding;
use crate::state::{Meta, TaskStatus, ThreadStatus};

impl Project {
    /// The change under review, parsed once. None while its text is not here, and for good when it is no change or another one than the
    /// opening shows to strangers: nobody reviews what a certificate would not say.
    pub(super) fn subject(&mut self, ctx: &mut Ctx<'_>, thread: &Hash) -> Option<Arc<(ChangeSet, Change)>> {
        if let Some(known) = self.subjects.get(thread) {
            return known.clone();
        }
        let opened = &self.state.threads.get(thread)?.opened.as_ref()?.1;
        let (reference, digest) = (opened.subject?, opened.digest);
        let blob = self.need_blob(ctx, &reference)?;
        let read = ChangeSet::from_cbor(&blob.bytes).ok().and_then(|set| {
            let shown = Some(Subject::new(&blob.salt, &set).hash()) == digest;
            let change = set.change().ok().filter(|_| shown)?;
            Some(Arc::new((set, change)))
        });
        self.subjects.insert(*thread, read.clone());
        read
    }

    /// Does what is missing in one open thread. Returns when to look again.
    pub(super) fn drive_thread(&mut self, ctx: &mut Ctx<'_>, id: Hash) -> u64 {
        let Some((meta, opened)) = self.state.threads.get(&id).and_then(|t| t.opened.clone()) else {
            return u64::MAX;
        };
        // Until the roster under which it was opened is in force here (again), nothing that is said in it from here counts.
        let early = meta.epoch > self.state.rosters.latest().epoch;
        if early || self.is_onlooker(Some(meta.feed())) {
            return u64::MAX;
        }
        match self.thread_status(&id) {
            Some(ThreadStatus::Open) if opened.kind == ThreadKind::Review && opened.subject.is_some() => {}
            Some(ThreadStatus::Open) => return u64::MAX,
            _ => {
                self.forget_thread(&id);
                return u64::MAX;
            }
        }
        self.announce_tasks(ctx, &id, &meta, &opened);
        let wake = self
            .join_in(ctx, &id, &meta, &opened)
            .min(self.look(ctx, &id, &meta, &opened));
        let said = |p: &Project| p.feeds.get(&p.me).map(|f| f.len());
        let (before, ballot) = (said(self), self.ballot_of(&id));
        let wake = wake.min(self.propose(ctx, &id, &meta, &opened, ballot.is_some()));
        // Only what was just put to the vote changes what there is to vote on.
        let ballot = match said(self) == before {
            true => ballot,
            false => self.ballot_of(&id),
        };
        wake.min(ballot.map_or(u64::MAX, |ballot| self.drive_votes(ctx, id, ballot, &meta, &opened)))
    }

    /// Lets go of what was only needed while a thread was open.
    fn forget_thread(&mut self, id: &Hash) {
        self.open_threads.remove(id);
        self.subjects.remove(id);
        self.insights.remove(id);
        self.ready_since.remove(id);
        self.opinions.retain(|(thread, _), _| thread != id);
        self.failed_turns.retain(|(thread, _), _| thread != id);
        // A call that is under way will be charged, whoever still wants its answer.
        self.turns.retain(|_, t| t.thread != *id || t.is_asking());
        // Agents that were at work on it rest.
        self.dirty = true;
    }

    /// The home announces one task for each role.
    fn announce_tasks(&mut self, ctx: &mut Ctx<'_>, id: &Hash, meta: &Meta, opened: &ThreadOpened) {
        if meta.feed() != self.me || ctx.draining {
            return;
        }
        let tasks = self.state.threads.get(id).into_iter().flat_map(|t| t.tasks.values());
        let announced = tasks
            .filter_map(|t| self.state.tasks.get(t))
            .filter_map(|t| t.announced.as_ref());
        let done: BTreeSet<&String> = announced
            .filter(|(m, _)| m.feed() == self.me)
            .map(|(_, a)| &a.role)
            .collect();
        let missing: Vec<&String> = opened.roles.iter().filter(|r| !done.contains(r)).collect();
        for role in missing {
            let (blob, title) = self.text_blob(ctx, &format!("review as {role}"));
            let body = TaskAnnounced {
                thread: Some(*id),
                title,
                role: role.clone(),
                capabilities: vec![],
                lease_ms: ctx.cfg.pace.lease_ms,
                priority: 3,
            };
            self.append(ctx, Body::TaskAnnounced(body), vec![meta.reference], vec![blob]);
        }
    }

    /// The roster under which a thread was opened: its votes are those of this one, however the members change meanwhile.
    pub(super) fn roster_of(&self, id: &Hash) -> Option<&Roster> {
        let (meta, _) = self.state.threads.get(id)?.opened.as_ref()?;
        self.state.rosters.epoch(meta.epoch)
    }

    /// Whether an agent of a seat has posted findings for a role. The word of a member without a vote ends nobody's work.
    fn role_is_done(&self, id: &Hash, role: &str) -> bool {
        let (Some(thread), Some(roster)) = (self.state.threads.get(id), self.roster_of(id)) else {
            return false;
        };
        thread.findings.values().any(|f| {
            let node = f.reference.feed.node;
            let record = self.state.agents.get(&node, &f.findings.by);
            roster.owner(&node).is_some() && record.is_some_and(|r| r.endorsement.statement.role == role)
        })
    }

    /// Whether an agent of this node has posted its findings in a thread.
    pub(super) fn has_looked(&self, id: &Hash, agent: &PublicKey) -> bool {
        let findings = self.state.threads.get(id).into_iter().flat_map(|t| t.findings.values());
        let mut own = findings.filter(|f| f.reference.feed.node == self.me.node);
        own.any(|f| f.findings.by == *agent)
    }

    /// Whether an agent of this node has said of itself that it did not read all that it should have.
    pub(super) fn has_read_in_part(&self, id: &Hash, agent: &PublicKey) -> bool {
        let findings = self.state.threads.get(id).into_iter().flat_map(|t| t.findings.values());
        let own = findings.filter(|f| f.reference.feed.node == self.me.node && f.findings.by == *agent);
        let mut parts = own.map(|f| f.findings.statement.partial).peekable();
        parts.peek().is_some() && parts.all(|partial| partial)
    }

    /// The tasks that a thread's home has announced in it, with their roles. Nobody else's are its work.
    fn tasks_of(&self, id: &Hash) -> impl Iterator<Item = (Hash, &str)> {
        let thread = self.state.threads.get(id);
        let opened = thread.and_then(|t| Some((t, t.opened.as_ref()?.0.feed())));
        let tasks = opened
            .into_iter()
            .flat_map(|(t, home)| t.tasks.values().map(move |id| (id, home)));
        tasks.filter_map(|(id, home)| {
            let (meta, task) = self.state.tasks.get(id)?.announced.as_ref()?;
            (meta.feed() == home).then_some((*id, task.role.as_str()))
        })
    }

    /// Local agents begin their turns. Every agent of an asked role looks for itself, for it is to vote: the one with the lease, and
    /// the others once somebody has it, or nobody can give it. Thinking needs no token.
    fn join_in(&mut self, ctx: &mut Ctx<'_>, id: &Hash, home: &Meta, opened: &ThreadOpened) -> u64 {
        let tasks: Vec<(Hash, String)> = self.tasks_of(id).map(|(task, of)| (task, of.to_owned())).collect();
        let mut wake = u64::MAX;
        for role in &opened.roles {
            let mut given = true;
            for (task, _) in tasks.iter().filter(|(_, of)| of == role) {
                if let Some(lease) = self.my_lease(task, ctx.now) {
                    let holder = self.agents.values().find(|a| a.key.public() == lease.agent);
                    let able = holder.filter(|a| a.is_available(self) && !self.has_looked(id, &lease.agent));
                    let able = able.map(|a| a.spec.id.clone());
                    if let Some(agent) = able.filter(|a| !self.has_turn(a, id) && !self.has_given_up(a, id)) {
                        self.begin_turn(ctx, &agent, *id, Some((*task, lease.token)));
                    }
                    continue;
                }
                given &= match self.task_status(task, ctx.now) {
                    TaskStatus::Open | TaskStatus::Expired(_) => {
                        let home = self.state.tasks.get(task).and_then(|t| t.home());
                        home.is_some_and(|home| !self.is_present(&home, ctx.now))
                    }
                    _ => true,
                };
            }
            if tasks.iter().all(|(_, of)| of != role) {
                // The home is about to announce it.
                let due = home.hlc.ms().saturating_add(ctx.cfg.pace.backup_ms);
                given = ctx.now >= due;
                wake = if given { wake } else { wake.min(due) };
            }
            let of_role = self.agents.values().filter(|a| given && a.spec.role == *role);
            let blind = of_role.filter(|a| a.is_available(self) && !self.has_looked(id, &a.key.public()));
            let blind: Vec<String> = blind.map(|a| a.spec.id.clone()).collect();
            for agent in blind {
                if !self.has_turn(&agent, id) && !self.has_given_up(&agent, id) {
                    self.begin_turn(ctx, &agent, *id, None);
                }
            }
        }
        wake
    }

    /// This node's place in the order in which seats stand in for each other: 0 is the home, or the first live seat.
    pub(super) fn rank(&self, id: &Hash, home: &PublicKey, now: u64) -> u64 {
        if self.me.node == *home {
            return 0;
        }
        let place = |node: &PublicKey| {
            let mut bytes = id.0.to_vec();
            bytes.extend_from_slice(&node.0);
            crypto::hash(Context::Event, &bytes)
        };
        let roster = self.state.rosters.latest();
        let seats = || roster.pools.iter().flat_map(|p| &p.seats);
        let insight = self.insights.get(id);
        let known =
            insight.and_then(|i| i.places(roster.epoch, || seats().map(|s| (s.node, place(&s.node))).collect()));
        let key = |node: &PublicKey| {
            let known = known.and_then(|known| known.get(node)).copied();
            (node != home, known.unwrap_or_else(|| place(node)))
        };
        let mine = key(&self.me.node);
        seats()
            .filter(|seat| self.is_live(&seat.node, now) && key(&seat.node) < mine)
            .count() as u64
    }

    /// Whether a role has said what it has to say, or has failed for good.
    pub(super) fn role_is_settled(&self, id: &Hash, role: &str) -> bool {
        if self.role_is_done(id, role) {
            return true;
        }
        self.tasks_of(id).filter(|(_, of)| *of == role).any(|(task, _)| {
            let status = self.task_status(&task, 0);
            matches!(status, TaskStatus::Completed { ok: false } | TaskStatus::Cancelled)
        })
    }

    /// Nobody found anything to say, or nobody is there to vote, in all the time there was: a person is asked.
    pub(super) fn give_up(&mut self, ctx: &mut Ctx<'_>, id: &Hash, meta: &Meta, opened: &ThreadOpened) -> u64 {
        if !self.is_seat() {
            return u64::MAX;
        }
        let step = ctx.cfg.pace.backup_ms * self.rank(id, &meta.node(), ctx.now);
        let due = meta.hlc.ms() + opened.timing.findings_ms + opened.timing.commit_ms + step;
        if ctx.now < due {
            return due;
        }
        self.escalate(
            ctx,
            id,
            Reason::Failures,
            "no agent could review this change in time; shall it land?",
        );
        u64::MAX
    }

    /// All findings on a thread that are here and whose quotes stand: by agent id.
    pub(super) fn findings(&mut self, ctx: &mut Ctx<'_>, id: &Hash) -> (Vec<(String, Finding)>, bool) {
        let Some(subject) = self.subject(ctx, id) else {
            return (vec![], false);
        };
        let entries: Vec<_> = self.state.threads[id].findings.values().cloned().collect();
        let mut out = Vec::new();
        let mut complete = true;
        for entry in entries {
            let statement = &entry.findings.statement;
            let by = self.state.agents.get(&entry.reference.feed.node, &entry.findings.by);
            let Some(agent) = by.map(|r| r.endorsement.statement.id.clone()) else {
                continue;
            };
            self.need_blob(ctx, &statement.list);
            let Some(blob) = self.blob(&statement.list.hash) else {
                complete = false;
                continue;
            };
            let known = self.insights.get(id).and_then(|i| i.standing(&entry.reference.hash));
            let standing = known.cloned().unwrap_or_else(|| {
                let list: Vec<Finding> = crate::codec::decode("findings", &blob.bytes).unwrap_or_default();
                let stands = |f: &Finding| f.validate().is_ok() && f.quote_stands(&subject.1, &subject.0.files).is_ok();
                list.into_iter()
                    .take(super::turn::MAX_FINDINGS)
                    .filter(stands)
                    .collect()
            });
            out.extend(standing.iter().map(|f| (agent.clone(), f.clone())));
            if let Some(insight) = self.insights.get_mut(id) {
                insight.note_standing(entry.reference.hash, standing);
            }
        }
        (out, complete)
    }

    /// Asks a person, once for a thread.
    pub(super) fn escalate(&mut self, ctx: &mut Ctx<'_>, id: &Hash, reason: Reason, question: &str) -> EventRef {
        let (blob, question) = self.text_blob(ctx, question);
        let body = Escalated {
            thread: *id,
            reason,
            question,
            options: REVIEW_OPTIONS.iter().map(|o| (*o).to_owned()).collect(),
            remind_ms: ctx.cfg.pace.remind_ms,
            timeout_ms: ctx.cfg.pace.escalation_timeout_ms,
        };
        let deps: Vec<EventRef> = self.thread_ref(id).into_iter().collect();
        let reference = self.append(ctx, Body::Escalated(body), deps, vec![blob]);
        let delivery = super::Delivery::Escalation {
            project: self.id,
            escalation: reference.hash,
            reminder: 0,
        };
        ctx.out.speak(super::Effect::Deliver(delivery));
        reference
    }

    /// An agent hosted here speaks for the outcome.
    pub(super) fn comment(&mut self, ctx: &mut Ctx<'_>, id: &Hash, kind: MessageKind, text: &str) {
        if let Some(agent) = self.agents.keys().next().cloned() {
            self.say(ctx, &agent, *id, kind, text);
        }
    }
}

/// The last reference of each feed.
pub(super) fn newest_of_each_feed(refs: &[EventRef]) -> Vec<EventRef> {
    let mut newest: std::collections::BTreeMap<_, EventRef> = std::collections::BTreeMap::new();
    for r in refs {
        let known = newest.entry(r.feed).or_insert(*r);
        if r.seq > known.seq {
            *known = *r;
        }
    }
    newest.into_values().collect()
}
