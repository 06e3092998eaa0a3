//! Votes and decisions: one final vote a question, decisions that carry, vetoes that hold, certificates that verify.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{Body, Choice, Decided};
use crate::certificate::Certificate;
use crate::crypto::{Hash, PublicKey};
use crate::sim::world::World;
use crate::state::{Meta, ThreadStatus};

/// The books of votes.
#[derive(Debug, Default)]
pub(super) struct Votes {
    given: BTreeMap<(PublicKey, Hash, Hash, u32), Choice>,
    decided: BTreeMap<Hash, Choice>,
}

impl World {
    /// An agent signs one final vote on a question, whatever its node went through.
    pub(super) fn book_votes(&mut self, n: usize, _meta: &Meta, body: &Body) {
        let Body::FinalVoted(b) = body else { return };
        let s = &b.vote.statement;
        let question = (b.vote.by, s.thread, s.subject, s.epoch);
        if self.check.votes.given.insert(question, s.choice).is_some() {
            let what = format!(
                "an agent of {} signs a second final vote on thread {}",
                self.name(n),
                s.thread.short()
            );
            self.violate("one-final-vote", what);
        }
        let Some(thread) = self.project_of(n).and_then(|p| p.state.threads.get(&s.thread)) else {
            return;
        };
        let has_looked = thread.findings.values().any(|f| f.findings.by == b.vote.by);
        if s.choice == Choice::Approve && !has_looked {
            let what = format!(
                "an agent of {} approves thread {} without a look",
                self.name(n),
                s.thread.short()
            );
            self.violate("own-look", what);
        }
    }

    /// A decision is about to be announced: the votes that it names carry it, and no veto stands against it.
    pub(super) fn check_decision(&mut self, n: usize, project: Hash, decided: &Decided) {
        let Some(p) = self.members[n].node.as_ref().and_then(|node| node.project(&project)) else {
            return;
        };
        let state = &p.state;
        let Some((meta, proposed)) = state.ballots.get(&decided.proposal).and_then(|b| b.proposed.as_ref()) else {
            return self.violate("decision", format!("{} decides on an unknown proposal", self.name(n)));
        };
        let Some(roster) = state.rosters.epoch(meta.epoch) else {
            return;
        };
        let panel: Vec<(PublicKey, PublicKey)> = proposed.panel.iter().map(|s| (s.statement.agent, s.by)).collect();
        let weights = roster.voter_weights(&panel);
        let mut by_choice: BTreeMap<Choice, u64> = BTreeMap::new();
        let mut lifting: BTreeSet<PublicKey> = BTreeSet::new();
        let mut spoken: BTreeSet<PublicKey> = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for entry in decided.votes.iter().filter_map(|v| state.finals.get(&v.hash)) {
            let s = &entry.vote.statement;
            if s.proposal == decided.proposal && seen.insert(entry.vote.by) {
                *by_choice.entry(s.choice).or_default() += weights.get(&entry.vote.by).copied().unwrap_or(0);
                if s.choice != Choice::Abstain {
                    spoken.insert(entry.vote.by);
                }
                if s.lifts_veto {
                    lifting.insert(entry.vote.by);
                }
            }
        }
        let asked = state.threads.get(&decided.thread).and_then(|t| t.opened.as_ref());
        let asked: Vec<String> = asked.map(|(_, o)| o.roles.clone()).unwrap_or_default();
        let spoke = |role: &String| {
            proposed
                .panel
                .iter()
                .any(|s| s.statement.role == *role && spoken.contains(&s.statement.agent))
        };
        let missing: Vec<&String> = asked.iter().filter(|role| !spoke(role)).collect();
        let weight = by_choice.get(&decided.choice).copied().unwrap_or(0);
        let carries = u128::from(weight) * 3 > u128::from(roster.total_weight()) * 2;
        let vetoed = !proposed.vetoes.is_empty();
        let security = proposed.panel.iter().filter(|s| s.statement.role == "security");
        let (mut lifted, mut all) = (0, 0);
        for seat in security {
            let weight = weights.get(&seat.statement.agent).copied().unwrap_or(0);
            all += weight;
            lifted += if lifting.contains(&seat.statement.agent) {
                weight
            } else {
                0
            };
        }
        let total = roster.total_weight();
        if !carries || decided.choice == Choice::Abstain {
            let what = format!(
                "{} decides {:?} on thread {} with {weight} of {total}",
                self.name(n),
                decided.choice,
                decided.thread.short()
            );
            self.violate("decision", what);
        } else if decided.choice == Choice::Approve && !missing.is_empty() {
            let what = format!(
                "{} approves thread {}, and nobody has voted as {missing:?}",
                self.name(n),
                decided.thread.short()
            );
            self.violate("heard", what);
        } else if decided.choice == Choice::Approve && vetoed && lifted * 2 <= all {
            let what = format!(
                "{} approves thread {} against a veto: {lifted} of {all} security weight lifts it, the node says {}",
                self.name(n),
                decided.thread.short(),
                p.veto_stands(&decided.proposal)
            );
            self.violate("veto", what);
        } else if decided.choice == Choice::Approve && vetoed {
            self.summary.saw("veto lifted");
        }
    }

    /// Every decision that a node holds: its certificate verifies, and no other outcome is decided anywhere.
    pub fn check_certificates(&mut self, n: usize) {
        let Some(p) = self.project_of(n) else { return };
        let project = p.id();
        let mut problems = Vec::new();
        let mut found = Vec::new();
        for id in p.state.threads.keys() {
            let Some(ThreadStatus::Decided { choice, .. }) = p.thread_status(id) else {
                continue;
            };
            let proposals = p.state.threads[id].proposals.values();
            let decided = &p.state.threads[id].decision(&p.state.ballots, &p.state.finals, &p.state.rosters);
            let Some(proposal) = decided.map(|d| d.decided.proposal) else {
                continue;
            };
            debug_assert!(proposals.into_iter().any(|p| *p == proposal));
            let Some((meta, _)) = &p.state.ballots[&proposal].proposed else {
                continue;
            };
            found.push((*id, choice));
            let disk = &self.members[n].disk;
            let Some(event) = disk.event(project, meta.feed(), meta.reference.seq) else {
                problems.push(format!("the proposal of thread {} is not on the disk", id.short()));
                continue;
            };
            let opened = p.state.threads[id].opened.as_ref().map(|(m, _)| m.reference);
            let Some(opening) = opened.and_then(|r| disk.event(project, r.feed, r.seq)) else {
                problems.push(format!("the opening of thread {} is not on the disk", id.short()));
                continue;
            };
            let subject = p.state.threads[id].opened.as_ref().and_then(|(_, o)| o.subject);
            let change = subject.and_then(|subject| disk.blob(project, subject.hash));
            match Certificate::gather(&p.state, opening, event, change.map(|blob| &**blob))
                .map(|c| Certificate::from_pem(&c.to_pem()).and_then(|c| c.verify(Some(project))))
            {
                Ok(Ok(verified)) if verified.choice == choice => {}
                Ok(Ok(_)) => problems.push(format!("the certificate of thread {} says something else", id.short())),
                Ok(Err(e)) => problems.push(format!("the certificate of thread {} does not hold: {e}", id.short())),
                Err(why) => problems.push(format!("no certificate of thread {}: {why}", id.short())),
            }
        }
        self.summary.certificates += found.len() as u64;
        for (thread, choice) in found {
            let before = *self.check.votes.decided.entry(thread).or_insert(choice);
            if before != choice {
                problems.push(format!("thread {} is decided in two ways", thread.short()));
            }
        }
        if let Some(what) = problems.first() {
            self.violate("certificates", format!("{}: {what}", self.name(n)));
        }
    }
}
