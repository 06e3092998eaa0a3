//! Commit, reveal, one evidence round, final votes, tally.
//!
//! Each phase ends when every live voter has done its part, or when its time is over. First votes do not bind. A voter
//! signs one final vote on a question, ever: whether it has is read from the state, never from memory.

use std::collections::{BTreeMap, BTreeSet};

use super::review::newest_of_each_feed;
use super::{Ctx, Project};
use crate::body::{
    Body, Choice, Committed, Decided, FinalVote, FinalVoted, Findings, MessageKind, Reason, Reveal, Revealed, SECURITY,
    Signed, ThreadOpened,
};
use crate::crypto::{Hash, PublicKey};
use crate::event::EventRef;
use crate::finding::{self, Finding, Severity};
use crate::plant;
use crate::report::Verdict;
use crate::roster::is_quorum;
use crate::state::{Meta, latest_decision_ms, lift_weight, unheard_roles};

/// When the phases of a ballot end, Unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phases {
    commit: u64,
    reveal: u64,
    evidence: u64,
    /// The end of the vote.
    pub(super) last: u64,
}

impl Phases {
    pub(super) fn new(start_ms: u64, opened: &ThreadOpened) -> Self {
        let t = &opened.timing;
        let commit = start_ms.saturating_add(t.commit_ms);
        let reveal = commit.saturating_add(t.reveal_ms);
        let evidence = reveal.saturating_add(t.evidence_ms);
        Phases {
            commit,
            reveal,
            evidence,
            last: evidence.saturating_add(t.final_ms),
        }
    }
}

/// A voter hosted here.
struct Voter {
    id: String,
    role: String,
    key: PublicKey,
}

impl Project {
    /// The proposal that this node goes by: of those that it does not refuse (see [`super::proposals`]) the one that most of the panel
    /// has committed to, else the first.
    pub fn ballot_of(&self, thread: &Hash) -> Option<Hash> {
        let proposals = &self.state.threads.get(thread)?.proposals;
        let valid = proposals.iter().filter(|(_, id)| self.accepts(thread, id));
        let valid = valid.filter(|(_, id)| {
            self.state
                .ballots
                .get(*id)
                .and_then(|b| b.proposed.as_ref())
                .is_some_and(|(m, p)| self.is_sound(thread, m, p))
        });
        let roster = self.roster_of(thread)?;
        let valid: Vec<_> = valid.collect();
        // Mostly there is one, and nothing to weigh.
        if let [(_, only)] = valid[..] {
            return Some(*only);
        }
        let most = valid.into_iter().max_by_key(|(order, id)| {
            // By weight, so that many agents of one node do not outdo the others.
            let weight: u64 = self.state.ballots.get(*id).map_or(0, |ballot| {
                let committed = ballot.committed();
                let weights = ballot.weights(roster);
                committed.iter().filter_map(|agent| weights.get(agent)).sum()
            });
            (weight, std::cmp::Reverse(**order))
        });
        most.map(|(_, id)| *id)
    }

    /// Whether a proposal has the form to be voted on: right subject, right roster, and a seat made it.
    fn is_sound(&self, thread: &Hash, meta: &Meta, proposed: &crate::body::Proposed) -> bool {
        let Some((home, opened)) = self.state.threads.get(thread).and_then(|t| t.opened.as_ref()) else {
            return false;
        };
        let Some(roster) = self
            .state
            .rosters
            .epoch(meta.epoch)
            .filter(|_| meta.epoch == home.epoch)
        else {
            return false;
        };
        opened.subject.is_some_and(|s| s.hash == proposed.subject)
            && self.state.rosters.hash_of(meta.epoch) == Some(proposed.roster)
            && roster.owner(&meta.node()).is_some()
    }

    /// Lets the agents hosted here vote, and gathers the outcome. Returns when to look again.
    pub(super) fn drive_votes(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: Hash,
        proposal: Hash,
        home: &Meta,
        opened: &ThreadOpened,
    ) -> u64 {
        let Some((meta, _)) = &self.state.ballots[&proposal].proposed else {
            return u64::MAX;
        };
        let meta = *meta;
        let phases = Phases::new(meta.hlc.ms(), opened);
        let panel = self.state.ballots[&proposal].voters();
        let mut wake = u64::MAX;
        let me = self.me.node;
        let forfeited = self.is_forfeited(home);
        if forfeited {
            self.say_that_we_sit_out(ctx, &id, &meta, &panel);
        }
        for (agent, _) in panel.iter().filter(|(_, node)| *node == me && !forfeited) {
            // Whom people have stopped does not vote either.
            let votes = |a: &&super::LocalAgent| a.key.public() == *agent && !a.killed;
            let local = self.agents.values().find(votes);
            let Some(voter) = local.map(|a| Voter {
                id: a.spec.id.clone(),
                role: a.spec.role.clone(),
                key: *agent,
            }) else {
                continue;
            };
            wake = wake.min(self.vote(ctx, &id, &proposal, &meta, &voter, phases, (home, opened)));
        }
        wake.min(self.tally(ctx, &id, &proposal, home, &meta, phases))
    }

    /// A restored node says once that it will not vote, or its silence would look like a fault.
    fn say_that_we_sit_out(&mut self, ctx: &mut Ctx<'_>, id: &Hash, meta: &Meta, panel: &[(PublicKey, PublicKey)]) {
        let me = self.me;
        let since = self.state.threads[id].messages.range(meta.order()..);
        let said = |kind, feed| kind == MessageKind::Note && feed == me;
        if since
            .into_iter()
            .any(|(_, m)| said(m.message.statement.kind, m.reference.feed))
        {
            return;
        }
        let on_panel = |key: PublicKey| panel.iter().any(|(agent, node)| *agent == key && *node == me.node);
        let voter = self
            .agents
            .values()
            .find(|a| on_panel(a.key.public()))
            .map(|a| a.spec.id.clone());
        if let Some(agent) = voter {
            let text = "my node came back from a backup and sits this review out: an earlier life of it may have voted already";
            self.say(ctx, &agent, *id, MessageKind::Note, text);
        }
    }

    /// Panel members whose nodes are here.
    fn awaited(&self, proposal: &Hash, now: u64) -> impl Iterator<Item = &PublicKey> {
        let proposed = self.state.ballots[proposal].proposed.as_ref();
        let panel = proposed.into_iter().flat_map(|(_, p)| &p.panel);
        panel
            .filter(move |s| self.is_live(&s.by, now))
            .map(|s| &s.statement.agent)
    }

    #[allow(clippy::too_many_arguments)]
    fn vote(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: &Hash,
        proposal: &Hash,
        meta: &Meta,
        voter: &Voter,
        phases: Phases,
        opening: (&Meta, &ThreadOpened),
    ) -> u64 {
        let ballot = &self.state.ballots[proposal];
        if ballot.commitment(&voter.key).is_none() && ctx.now < phases.commit {
            return self.commit(ctx, id, proposal, meta, voter, phases);
        }
        let has_committed = |agent: &PublicKey| ballot.commitment(agent).is_some();
        let all_committed = self.awaited(proposal, ctx.now).all(has_committed);
        if !all_committed && ctx.now < phases.commit {
            return phases.commit;
        }
        if has_committed(&voter.key) && ballot.revealed(&voter.key).is_none() && ctx.now < phases.reveal {
            self.reveal(ctx, id, proposal, meta, voter);
        }
        let ballot = &self.state.ballots[proposal];
        let has_shown = |agent: &PublicKey| ballot.commitment(agent).is_none() || ballot.revealed(agent).is_some();
        if !self.awaited(proposal, ctx.now).all(has_shown) && ctx.now < phases.reveal {
            return phases.reveal;
        }
        let Some((_, proposed)) = &ballot.proposed else {
            return u64::MAX;
        };
        if self
            .state
            .finals
            .has_voted(*id, proposed.subject, meta.epoch, &voter.key)
        {
            return u64::MAX;
        }
        let (proposed, first) = (proposed.clone(), ballot.first_votes());
        self.conclude(ctx, id, proposal, meta, &proposed, voter, phases, &first, opening)
    }

    /// The first vote: from the agent's own findings, before it has seen how others vote.
    fn commit(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: &Hash,
        proposal: &Hash,
        meta: &Meta,
        voter: &Voter,
        phases: Phases,
    ) -> u64 {
        let (all, complete) = self.findings(ctx, id);
        // Half of the time is given to fetching what is missing; then the vote is made from what there is.
        let patience = phases
            .commit
            .saturating_sub((phases.commit - meta.hlc.ms().min(phases.commit)) / 2);
        let blind = !self.has_looked(id, &voter.key);
        let looks = blind && !self.has_given_up(&voter.id, id);
        if (!complete || looks) && ctx.now < patience {
            return patience;
        }
        let own: Vec<Finding> = all
            .iter()
            .filter(|(agent, _)| *agent == voter.id)
            .map(|(_, f)| f.clone())
            .collect();
        let choice = match self.opinions.get(&(*id, voter.key)) {
            Some(opinion) => *opinion,
            None if blind => Choice::Abstain,
            None => match by_severity(&own) {
                Choice::Approve if self.has_read_in_part(id, &voter.key) => Choice::Abstain,
                choice => choice,
            },
        };
        let commitment = self.reveal_of(ctx, proposal, voter, choice).commitment(&voter.key);
        let body = Committed {
            proposal: *proposal,
            agent: voter.key,
            commitment,
        };
        self.append(ctx, Body::Committed(body), vec![meta.reference], vec![]);
        phases.commit
    }

    fn reveal_of(&self, ctx: &Ctx<'_>, proposal: &Hash, voter: &Voter, choice: Choice) -> Reveal {
        let mut about = proposal.0.to_vec();
        about.extend_from_slice(&voter.key.0);
        let nonce = Hash(ctx.cfg.key.derive("vote nonce", &about));
        Reveal {
            proposal: *proposal,
            choice,
            nonce,
            reason: None,
        }
    }

    /// Shows the vote that was committed to. Which one it was is found by trying all three against the commitment: nothing
    /// has to be remembered over a crash.
    fn reveal(&mut self, ctx: &mut Ctx<'_>, id: &Hash, proposal: &Hash, meta: &Meta, voter: &Voter) {
        let Some(commitment) = self.state.ballots[proposal].commitment(&voter.key) else {
            return;
        };
        let choices = [Choice::Approve, Choice::RequestChanges, Choice::Abstain];
        let candidates = choices.map(|choice| self.reveal_of(ctx, proposal, voter, choice));
        let Some(reveal) = candidates.into_iter().find(|r| r.commitment(&voter.key) == commitment) else {
            return;
        };
        let Some(key) = self.agents.get(&voter.id).map(|a| a.key.clone()) else {
            return;
        };
        let choice = reveal.choice;
        let body = Body::Revealed(Revealed {
            reveal: Signed::new(&key, reveal),
        });
        self.append(ctx, body, vec![meta.reference], vec![]);
        let text = format!("my first vote, from my own findings: {}", words(choice));
        self.say(ctx, &voter.id, *id, MessageKind::Vote, &text);
    }

    /// The evidence round, and the final vote after it.
    #[allow(clippy::too_many_arguments)]
    fn conclude(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: &Hash,
        proposal: &Hash,
        meta: &Meta,
        proposed: &crate::body::Proposed,
        voter: &Voter,
        phases: Phases,
        first: &BTreeMap<PublicKey, Choice>,
        (home, opened): (&Meta, &ThreadOpened),
    ) -> u64 {
        let (all, complete) = self.findings(ctx, id);
        if !complete && ctx.now < phases.evidence {
            return phases.evidence;
        }
        let split = first.values().collect::<BTreeSet<_>>().len() > 1;
        if split && ctx.now < phases.evidence {
            self.give_evidence(ctx, id, voter, first, &all);
            let given = self.evidence_given(id, meta);
            let dissenters = first
                .iter()
                .filter(|(_, c)| **c == Choice::RequestChanges)
                .map(|(a, _)| *a);
            let live: BTreeSet<&PublicKey> = self.awaited(proposal, ctx.now).collect();
            if !dissenters.filter(|a| live.contains(a)).all(|a| given.contains(&a)) {
                return phases.evidence;
            }
        }
        let united: Vec<Finding> = finding::unite(all).into_iter().map(|(f, _)| f).collect();
        let partial = self.has_read_in_part(id, &voter.key).then_some(Choice::Abstain);
        let judged = self.opinions.get(&(*id, voter.key)).copied();
        let opinion = judged.or(partial);
        let rule = match plant::active("omitted_veto_accepted") && self.names_none(id, proposed) {
            true => Choice::Approve,
            false => by_severity(&united),
        };
        // Shown evidence outweighs an opinion; without evidence an opinion stands.
        let mut choice = match opinion {
            Some(opinion) if rule == Choice::Approve => opinion,
            _ => rule,
        };
        let from_part = judged.is_none() && partial.is_some() && choice == Choice::Abstain;
        let mut ground = from_part.then_some("I have not read the whole change");
        if choice == Choice::Approve && !self.has_looked(id, &voter.key) {
            if ctx.now < phases.evidence && !self.has_given_up(&voter.id, id) {
                return phases.evidence;
            }
            // Who has not looked does not approve.
            choice = Choice::Abstain;
            ground = Some("I have not looked at the change");
        }
        if choice == Choice::Approve {
            let over = home.hlc.ms().saturating_add(opened.timing.findings_ms);
            if ctx.now < over && !self.roles_are_settled(id, opened, ctx.now) {
                // Somebody who is present has not spoken yet: what it will say may be a reason against.
                return over;
            }
            if self.leaves_out_a_veto(id, proposed) {
                choice = Choice::Abstain;
                ground = Some("the proposal leaves out a veto that I know to be founded");
            }
        }
        // Nobody lifts its own veto here, or one that it cannot judge: what is founded is for people to override.
        let unfounded = |v: &Signed<Findings>| v.by != voter.key && self.known_founded(id, v) == Some(false);
        let lifts_veto = voter.role == SECURITY && choice == Choice::Approve && proposed.vetoes.iter().all(unfounded);
        let statement = FinalVote {
            project: self.id,
            thread: *id,
            epoch: meta.epoch,
            roster: proposed.roster,
            subject: proposed.subject,
            proposal: *proposal,
            choice,
            lifts_veto,
        };
        let Some(key) = self.agents.get(&voter.id).map(|a| a.key.clone()) else {
            return u64::MAX;
        };
        let (blob, reason) = self.text_blob(ctx, &reason_for(choice, &united, judged, ground));
        let votes: Vec<EventRef> = self.state.threads[id].findings.values().map(|f| f.reference).collect();
        let mut deps = vec![meta.reference];
        deps.extend(newest_of_each_feed(&votes));
        let body = Body::FinalVoted(FinalVoted {
            vote: Signed::new(&key, statement.clone()),
            reason: Some(reason),
        });
        self.append(ctx, body, deps.clone(), vec![blob]);
        if plant::active("second_final_vote") {
            let other = if choice == Choice::Approve {
                Choice::RequestChanges
            } else {
                Choice::Approve
            };
            let vote = Signed::new(
                &key,
                FinalVote {
                    choice: other,
                    ..statement
                },
            );
            self.append(ctx, Body::FinalVoted(FinalVoted { vote, reason: None }), deps, vec![]);
        }
        u64::MAX
    }

    /// A dissenting voter shows once what it rests on.
    fn give_evidence(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: &Hash,
        voter: &Voter,
        first: &BTreeMap<PublicKey, Choice>,
        all: &[(String, Finding)],
    ) {
        if first.get(&voter.key) != Some(&Choice::RequestChanges) || self.has_objected(id, &voter.key) {
            return;
        }
        let mine = all
            .iter()
            .filter(|(agent, f)| *agent == voter.id && f.severity >= Severity::High);
        let lines: Vec<String> = mine
            .map(|(_, f)| format!("{}:{} {} ({})", f.file, f.line, f.title, f.rule))
            .take(20)
            .collect();
        let text = match lines.is_empty() {
            true => "I object; the reason is my judgement, not a quoted line.".to_owned(),
            false => format!("this must not land as it is:\n{}", lines.join("\n")),
        };
        self.say(ctx, &voter.id, *id, MessageKind::Objection, &text);
    }

    fn has_objected(&self, id: &Hash, agent: &PublicKey) -> bool {
        let messages = self.state.threads[id].messages.values();
        messages
            .into_iter()
            .any(|m| m.message.by == *agent && m.message.statement.kind == MessageKind::Objection)
    }

    /// Who has shown evidence since the proposal.
    fn evidence_given(&self, id: &Hash, meta: &Meta) -> BTreeSet<PublicKey> {
        let since = self.state.threads[id].messages.range(meta.order()..);
        since
            .filter(|(_, m)| m.message.statement.kind == MessageKind::Objection)
            .map(|(_, m)| m.message.by)
            .collect()
    }

    /// Whether a proposal names none of the vetoes that were raised: only a planted bug goes by it.
    fn names_none(&self, id: &Hash, proposed: &crate::body::Proposed) -> bool {
        let findings = self.state.threads[id].findings.values();
        let raised: Vec<_> = findings.filter(|f| f.findings.statement.veto).collect();
        !raised.is_empty() && raised.iter().all(|f| !proposed.findings.contains(&f.reference.hash))
    }

    /// Gathers the outcome: the home does, or whoever stands in for it.
    fn tally(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: &Hash,
        proposal: &Hash,
        home: &Meta,
        meta: &Meta,
        phases: Phases,
    ) -> u64 {
        if !self.is_seat() {
            return u64::MAX;
        }
        let ballot = &self.state.ballots[proposal];
        let Some(roster) = self.state.rosters.epoch(meta.epoch) else {
            return u64::MAX;
        };
        let votes = self.state.finals.countable(*proposal, ballot);
        let all_in = self.awaited(proposal, ctx.now).all(|a| votes.contains_key(a));
        let step = ctx.cfg.pace.backup_ms * self.rank(id, &home.node(), ctx.now);
        if !all_in && ctx.now < phases.last + step {
            return phases.last + step;
        }
        let weights = ballot.weights(roster);
        let total = roster.total_weight();
        let mut sums: BTreeMap<Choice, u64> = BTreeMap::new();
        for (agent, entry) in &votes {
            let choice = entry.vote.statement.choice;
            // Abstaining is not assent.
            let choice = if plant::active("abstention_counts") && choice == Choice::Abstain {
                Choice::Approve
            } else {
                choice
            };
            *sums.entry(choice).or_default() += weights.get(agent).copied().unwrap_or(0);
        }
        let refs: Vec<EventRef> = votes.values().map(|v| v.reference).collect();
        let abstaining = votes.iter().filter(|(_, v)| v.vote.statement.choice == Choice::Abstain);
        let abstainers: Vec<PublicKey> = abstaining.map(|(agent, _)| *agent).collect();
        let everyone = ballot.voters().iter().all(|(a, _)| votes.contains_key(a));
        let enough = |weight: u64| match plant::active("simple_majority") {
            true => weight * 2 > total,
            false => is_quorum(weight, total),
        };
        let winner = sums
            .iter()
            .find(|(c, w)| **c != Choice::Abstain && enough(**w))
            .map(|(c, _)| *c);
        let asked = self.state.threads[id]
            .opened
            .as_ref()
            .map_or(&[][..], |(_, o)| &o.roles);
        let unheard = match (winner, &ballot.proposed) {
            (Some(Choice::Approve), Some((_, proposed))) if !plant::active("unheard_role_approves") => {
                unheard_roles(asked, proposed, weights, votes.values().map(|v| &v.vote))
            }
            _ => BTreeSet::new(),
        };
        // Who is on the panel and away may come back in time to speak for its role.
        let may_be_heard = ballot
            .proposed
            .iter()
            .flat_map(|(_, p)| &p.panel)
            .any(|s| unheard.contains(s.statement.role.as_str()) && !votes.contains_key(&s.statement.agent));
        let unheard = unheard.into_iter().collect::<Vec<_>>().join(", ");
        // What is gathered too late counts for nobody: people may have been asked since.
        let in_time = ballot.proposed.as_ref().zip(self.state.threads[id].opened.as_ref());
        let dated_ms = self.clock.ms().max(ctx.now);
        let in_time = in_time.is_some_and(|((meta, _), (_, opened))| dated_ms < latest_decision_ms(meta, opened));
        let done = all_in && (winner.is_some() && !may_be_heard || everyone);
        let due = match done {
            true => self.ready_since_votes(proposal, ctx.now) + step,
            false => phases.last + step,
        };
        if ctx.now < due {
            return due;
        }
        // Who abstains is no other side: it is not the team that is split.
        let all: u64 = sums.values().sum();
        let for_a_choice = all - sums.get(&Choice::Abstain).copied().unwrap_or(0);
        // Who did not vote at all did not abstain: then it is the time that was too short.
        let abstained = everyone && is_quorum(all, total) && !enough(for_a_choice);
        match winner.filter(|_| in_time) {
            Some(Choice::Approve) if self.veto_stands(proposal) && !plant::active("ignored_veto") => {
                let question = "a critical security finding stands against the approval; shall the change land?";
                self.escalate(ctx, id, Reason::Veto, question);
            }
            Some(_) if !unheard.is_empty() => {
                let question = format!("the others approve, and nobody has voted as {unheard}; shall the change land?");
                self.escalate(ctx, id, Reason::Unheard, &question);
            }
            Some(choice) => self.decide(ctx, id, proposal, choice, refs),
            None if abstained => {
                let question = match (for_a_choice, self.have_not_read(id, &abstainers)) {
                    (0, true) => "nobody could read the whole change, so everybody abstained; shall it land?",
                    (0, false) => "everybody abstained; shall the change land?",
                    _ => "too many abstained for a decision; shall the change land?",
                };
                self.escalate(ctx, id, Reason::Abstained, question);
            }
            None if everyone && is_quorum(sums.values().sum(), total) => {
                self.escalate(
                    ctx,
                    id,
                    Reason::Split,
                    "the team is split over this change; shall it land?",
                );
            }
            None => {
                let question = "too little of the roster's weight voted for one choice in time; shall the change land?";
                self.escalate(ctx, id, Reason::Deadline, question);
            }
        }
        u64::MAX
    }

    /// Whether none of these agents has read all of the change: it has said so with its findings, or has posted none.
    fn have_not_read(&self, id: &Hash, agents: &[PublicKey]) -> bool {
        let findings = self.state.threads[id].findings.values();
        let of_whole = findings.filter(|f| !f.findings.statement.partial);
        !of_whole.into_iter().any(|f| agents.contains(&f.findings.by))
    }

    fn ready_since_votes(&mut self, proposal: &Hash, now: u64) -> u64 {
        *self.ready_since.entry(*proposal).or_insert(now)
    }

    fn decide(&mut self, ctx: &mut Ctx<'_>, id: &Hash, proposal: &Hash, choice: Choice, mut votes: Vec<EventRef>) {
        votes.sort_unstable();
        let deps = newest_of_each_feed(&votes);
        let body = Body::Decided(Decided {
            thread: *id,
            proposal: *proposal,
            choice,
            votes,
        });
        self.append(ctx, body, deps, vec![]);
        self.ready_since.remove(proposal);
        let text = format!("the team has decided: {}", words(choice));
        self.comment(ctx, id, MessageKind::Decision, &text);
    }

    /// Whether a veto that a proposal names still stands: vetoes are lifted when security voters with more than half of the panel's
    /// security weight lift them in the final vote.
    pub fn veto_stands(&self, proposal: &Hash) -> bool {
        let Some((ballot, (meta, proposed))) = self
            .state
            .ballots
            .get(proposal)
            .and_then(|b| Some((b, b.proposed.as_ref()?)))
        else {
            return true;
        };
        let Some(roster) = self.state.rosters.epoch(meta.epoch) else {
            return true;
        };
        let weights = ballot.weights(roster);
        let votes = self.state.finals.countable(*proposal, ballot);
        let (lifting, all) = lift_weight(proposed, weights, votes.values().map(|f| &f.vote));
        !proposed.vetoes.is_empty() && lifting * 2 <= all
    }
}

/// The published severity rule as a vote.
fn by_severity(findings: &[Finding]) -> Choice {
    match finding::verdict_by_severity(findings) {
        Verdict::Approve => Choice::Approve,
        _ => Choice::RequestChanges,
    }
}

/// A vote in words.
pub fn words(choice: Choice) -> &'static str {
    match choice {
        Choice::Approve => "approve",
        Choice::RequestChanges => "request changes",
        Choice::Abstain => "abstain",
    }
}

/// Why a vote is as it is, for the record; `ground` is why it is an abstention.
fn reason_for(choice: Choice, united: &[Finding], judged: Option<Choice>, ground: Option<&str>) -> String {
    let shown = super::turn::summary(united);
    let why = match (ground, judged) {
        (Some(ground), _) => ground,
        (None, Some(o)) if choice == o && by_severity(united) != choice => "my own judgement",
        _ => "the severity rule",
    };
    format!("{why}; together we have {shown}")
}
