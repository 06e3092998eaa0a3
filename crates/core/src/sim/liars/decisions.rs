//! Liars about decisions: seats that would have a change land against the evidence, and the checks that they cannot.
//!
//! Unlike a forged or forked event these lies are written into the liar's own feed, through its own program, which then stands by
//! them: nobody can tell them from honest events by their form. A liar
//!
//! - opens questions, with the options of a review turned round or as they should be, and answers them with its own operator;
//! - puts a change to the vote as soon as an honest veto is raised: without the veto, without some agents or findings, before all have
//!   spoken, or naming a veto of its own making;
//! - raises a veto with nothing behind it.
//!
//! Liars hold less than a third of the weight, so nothing of this may decide anything. What is checked keeps its own books: who
//! raised what, and who answered what, as the events say.

use std::collections::{BTreeMap, BTreeSet};

use super::super::world::{Happening, Nature, World};
use crate::blob::Blob;
use crate::body::{
    Answer, Body, Choice, Escalated, EscalationAnswered, FinalVoted, Findings, FindingsPosted, Proposed,
    REVIEW_OPTIONS, Reason, SECURITY, Signed,
};
use crate::codec;
use crate::crypto::{Hash, PublicKey};
use crate::finding::Finding;
use crate::node::Project;
use crate::state::{Meta, ThreadStatus};

/// What a profile of faults calls the lies of this file.
pub const NAME: &str = "a lie about a decision";

/// The books of answers: who chose which options of which question.
#[derive(Debug, Default)]
pub struct People {
    answers: BTreeMap<Hash, BTreeMap<PublicKey, BTreeSet<u32>>>,
}

impl World {
    /// Something has taken effect at a liar: an honest veto provokes it.
    pub fn provoke(&mut self, n: usize, meta: &Meta, body: &Body) {
        let Body::FindingsPosted(b) = body else { return };
        let by_honest = self
            .index
            .get(&meta.node())
            .is_some_and(|a| self.members[*a].nature == Nature::Honest);
        let liar = self.members[n].nature == Nature::Byzantine && !self.calm;
        if liar && by_honest && b.findings.statement.veto && self.dice.chance(500) {
            let (delay, thread) = (self.dice.range(0, 200), b.findings.statement.thread);
            self.after(delay, Happening::Provoked { node: n, thread });
        }
    }

    /// A provoked liar puts the change to the vote.
    pub fn answer_provocation(&mut self, n: usize, thread: Hash) {
        if self.calm {
            return;
        }
        let choice = 3 + self.dice.index(3);
        self.lie_in(n, thread, choice);
    }

    /// A lie about some open review. Returns whether there was one to lie about.
    pub fn lie_about_a_decision(&mut self, n: usize) -> bool {
        let Some(p) = self.project_of(n) else { return false };
        let open = |t: &&Hash| {
            let status = p.thread_status(t);
            matches!(status, Some(ThreadStatus::Open | ThreadStatus::Escalated { .. }))
        };
        let threads: Vec<Hash> = p.state.threads.keys().filter(open).copied().collect();
        let Some(thread) = self.dice.pick(&threads).copied() else {
            return false;
        };
        let choice = self.dice.index(8);
        self.lie_in(n, thread, choice);
        true
    }

    fn lie_in(&mut self, n: usize, thread: Hash, choice: usize) {
        let salt = self.dice.bytes();
        let Some(p) = self.project_of(n) else { return };
        let lie = match choice {
            0 => question(p, thread, &salt, true),
            1 => question(p, thread, &salt, false),
            2 => self.answer_alone(n, p, thread),
            3 => self.crooked_proposal(n, p, thread, false, &salt),
            4 => self.crooked_proposal(n, p, thread, true, &salt),
            5 => naked_proposal(p, thread),
            _ => self.hollow_veto(n, p, thread, &salt),
        };
        let Some((body, blobs)) = lie else { return };
        let project = p.id();
        self.summary.lies += 1;
        let mut mark = vec![254];
        mark.extend_from_slice(&body.to_kind_and_bytes().1);
        let name = format!("Lie: {}", body.name());
        self.take_step(n, mark, &name, |node, local| node.utter(local, &project, body, blobs));
    }

    /// Answers with its own operator alone: the change shall land.
    fn answer_alone(&self, n: usize, p: &Project, thread: Hash) -> Option<(Body, Vec<Blob>)> {
        let asked = p.state.threads.get(&thread)?.escalations.values();
        let (id, question) = asked.into_iter().find_map(|id| {
            let (_, body) = p.state.escalations.get(id)?.opened.as_ref()?;
            Some((*id, body.question.hash))
        })?;
        let answer = Answer {
            project: p.id(),
            escalation: id,
            question,
            option: 0,
            text: None,
            person: "the liar".into(),
        };
        let answer = Signed::new(&self.members[n].cfg.operator, answer);
        Some((Body::EscalationAnswered(EscalationAnswered { answer }), vec![]))
    }

    /// A proposal that leaves out every veto with its findings and half of the agents; with `made_up` it names a veto of its own.
    fn crooked_proposal(
        &self,
        n: usize,
        p: &Project,
        thread: Hash,
        made_up: bool,
        salt: &[u8; 32],
    ) -> Option<(Body, Vec<Blob>)> {
        let mut proposed = honest_looking(p, thread)?;
        let quiet = |f: &&crate::state::FindingsEntry| !f.findings.statement.veto;
        let findings = p.state.threads.get(&thread)?.findings.values().map(Box::as_ref);
        proposed.findings = findings.filter(quiet).map(|f| f.reference.hash).take(64).collect();
        if salt[0].is_multiple_of(2) {
            // Others' agents are left out now and then; its own never.
            let own = p.feed().node;
            let mut at = 0usize;
            proposed.panel.retain(|s| {
                at += 1;
                s.by == own || !at.is_multiple_of(3)
            });
        }
        if made_up {
            let agent = self.members[n].cfg.agents.first()?;
            let key = self.members[n].cfg.key.agent(&p.id(), &agent.id);
            proposed.vetoes = vec![Signed::new(&key, hollow(p, thread, salt).0)];
        }
        Some((Body::Proposed(proposed), vec![]))
    }

    /// A veto with nothing behind it. Its list is sent along, so that everybody can see that, or withheld, so that nobody can.
    fn hollow_veto(&self, n: usize, p: &Project, thread: Hash, salt: &[u8; 32]) -> Option<(Body, Vec<Blob>)> {
        let agent = self.members[n].cfg.agents.iter().find(|a| a.role == SECURITY)?;
        let key = self.members[n].cfg.key.agent(&p.id(), &agent.id);
        let (findings, blob) = hollow(p, thread, salt);
        let findings = Signed::new(&key, findings);
        let shown = salt[1].is_multiple_of(2).then_some(blob).into_iter().collect();
        Some((Body::FindingsPosted(FindingsPosted { findings }), shown))
    }

    /// An honest vote to approve: no honest veto that the voter knows is left out of the proposal.
    pub fn check_approval(&mut self, n: usize, project: Hash, b: &FinalVoted) {
        let s = &b.vote.statement;
        if s.choice != Choice::Approve {
            return;
        }
        let Some(p) = self.members[n].node.as_ref().and_then(|node| node.project(&project)) else {
            return;
        };
        let proposed = p
            .state
            .ballots
            .get(&s.proposal)
            .and_then(|ballot| ballot.proposed.as_ref());
        let named: BTreeSet<PublicKey> = proposed.iter().flat_map(|(_, b)| &b.vetoes).map(|v| v.by).collect();
        let roster = p.state.rosters.latest();
        let findings = p
            .state
            .threads
            .get(&s.thread)
            .into_iter()
            .flat_map(|t| t.findings.values());
        let left_out = findings.filter(|f| f.findings.statement.veto).find(|f| {
            let node = f.reference.feed.node;
            let honest = self
                .index
                .get(&node)
                .is_some_and(|a| self.members[*a].nature == Nature::Honest);
            honest && roster.owner(&node).is_some() && !named.contains(&f.findings.by)
        });
        if let Some(veto) = left_out {
            let what = format!(
                "an agent of {} approves thread {} and knows the veto of {}, which the proposal leaves out",
                self.name(n),
                s.thread.short(),
                self.who(&veto.reference.feed.node)
            );
            self.violate("omitted-veto", what);
        }
    }

    /// Somebody's answer is written somewhere.
    pub fn book_answer(&mut self, answer: &Signed<Answer>) {
        let s = &answer.statement;
        let said = self.check.people.answers.entry(s.escalation).or_default();
        said.entry(answer.by).or_default().insert(s.option);
    }

    /// An answer has taken effect: where people decide now, owners with more than half of the weight said so, to a question that
    /// could not be turned round.
    pub fn check_people(&mut self, n: usize, answer: &Signed<Answer>) {
        self.book_answer(answer);
        if self.members[n].nature != Nature::Honest {
            return;
        }
        let Some(p) = self.project_of(n) else { return };
        let id = answer.statement.escalation;
        let Some((meta, asked)) = p.state.escalations.get(&id).and_then(|e| e.opened.as_ref()) else {
            return;
        };
        let Some(ThreadStatus::Answered { escalation, option }) = p.thread_status(&asked.thread) else {
            return;
        };
        let Some(roster) = p.state.rosters.epoch(meta.epoch).filter(|_| escalation == id) else {
            return;
        };
        let said = &self.check.people.answers[&id];
        let chose = |operator: &PublicKey| said.get(operator).is_some_and(|options| options.contains(&option));
        let total: u64 = roster.pools.iter().map(|pool| u64::from(pool.weight)).sum();
        let behind = roster
            .pools
            .iter()
            .filter(|pool| pool.seats.iter().any(|s| chose(&s.operator)));
        let weight: u64 = behind.map(|pool| u64::from(pool.weight)).sum();
        let review = p.state.threads[&asked.thread].opened.as_ref();
        let review = review.is_some_and(|(_, o)| o.kind == crate::body::ThreadKind::Review);
        let straight = !review || asked.options == REVIEW_OPTIONS;
        if weight * 2 <= total || !straight || roster.owner(&meta.node()).is_none() {
            let what = format!(
                "{} takes option {option} of {:?} for thread {} as decided: {weight} of {total} owners' weight chose it",
                self.name(n),
                asked.options,
                asked.thread.short()
            );
            self.violate("people-decide", what);
        }
    }
}

/// A question to people: with the options of a review, turned round or not.
fn question(p: &Project, thread: Hash, salt: &[u8; 32], reversed: bool) -> Option<(Body, Vec<Blob>)> {
    p.state.threads.get(&thread)?.opened.as_ref()?;
    let blob = Blob::new(salt, b"all is well, shall it land?".to_vec());
    let mut options: Vec<String> = REVIEW_OPTIONS.map(Into::into).into();
    if reversed {
        options.reverse();
    }
    let body = Escalated {
        thread,
        reason: Reason::Split,
        question: blob.reference(),
        options,
        remind_ms: 60_000,
        timeout_ms: 8 * 60_000,
    };
    Some((Body::Escalated(body), vec![blob]))
}

/// The change put to the vote with nothing found, whoever may still be at work.
fn naked_proposal(p: &Project, thread: Hash) -> Option<(Body, Vec<Blob>)> {
    Some((Body::Proposed(honest_looking(p, thread)?), vec![]))
}

/// A proposal with the right form: all active agents of the asked roles, and no findings.
fn honest_looking(p: &Project, thread: Hash) -> Option<Proposed> {
    let (_, opened) = p.state.threads.get(&thread)?.opened.as_ref()?;
    let roster = p.state.rosters.latest();
    let asked = |role: &String| opened.roles.contains(role);
    let active = p.state.agents.active().filter(|(node, _)| roster.owner(node).is_some());
    let mut panel: Vec<_> = active
        .filter(|(_, r)| asked(&r.endorsement.statement.role))
        .map(|(_, r)| r.endorsement.clone())
        .collect();
    panel.sort_by_key(|s| s.statement.agent);
    panel.truncate(crate::body::MAX_PANEL);
    Some(Proposed {
        thread,
        subject: opened.subject?.hash,
        roster: roster.hash(),
        panel,
        findings: vec![],
        vetoes: vec![],
    })
}

/// Findings that claim a veto over an empty list.
fn hollow(p: &Project, thread: Hash, salt: &[u8; 32]) -> (Findings, Blob) {
    let blob = Blob::new(salt, codec::encode(&Vec::<Finding>::new()));
    let findings = Findings {
        project: p.id(),
        thread,
        list: blob.reference(),
        count: 1,
        veto: true,
        task: None,
        token: None,
        partial: false,
    };
    (findings, blob)
}
