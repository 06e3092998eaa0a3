//! From a thread's state to its [`Report`]: pure, given the blobs.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{Body, Choice, MessageKind, Reason, SECURITY};
use crate::change::{ChangeSet, diff_digest};
use crate::crypto::{Hash, PublicKey};
use crate::finding::{self, Finding};
use crate::node::Project;
use crate::report::{
    Basis, CostLine, EscalationLine, MessageLine, Participant, REPORT_VERSION, Report, ReportedFinding, Subject, Tally,
    Verdict, VoteLine,
};
use crate::report_people::{self, escalation_line};
use crate::state::{State, Thread, ThreadStatus};

/// The blobs that a thread's report is made of.
pub fn blobs_needed(project: &Project, thread: &Hash) -> Vec<Hash> {
    let state = &project.state;
    let Some(t) = state.threads.get(thread) else {
        return vec![];
    };
    let mut out: Vec<Hash> = Vec::new();
    if let Some((_, opened)) = &t.opened {
        out.push(opened.title.hash);
        out.extend(opened.subject.map(|s| s.hash));
    }
    out.extend(t.messages.values().map(|m| m.message.statement.text.hash));
    out.extend(t.findings.values().map(|f| f.findings.statement.list.hash));
    for id in t.escalations.values() {
        let Some(e) = state.escalations.get(id) else { continue };
        out.extend(e.opened.as_ref().map(|(_, b)| b.question.hash));
        out.extend(
            e.voices(&state.rosters)
                .into_iter()
                .filter_map(|v| v.answer?.1.statement.text)
                .map(|r| r.hash),
        );
    }
    for proposal in t.proposals.values() {
        let Some(ballot) = state.ballots.get(proposal) else {
            continue;
        };
        let votes = state.finals.countable(*proposal, ballot);
        out.extend(votes.values().filter_map(|v| v.reason).map(|r| r.hash));
    }
    out
}

/// Builds the report of a thread. `blobs` holds content by salted hash; what is missing is shown as empty.
pub fn build(project: &Project, thread: &Hash, blobs: &BTreeMap<Hash, Vec<u8>>, now_ms: u64) -> Option<Report> {
    let state = &project.state;
    let t = state.threads.get(thread)?;
    let (meta, opened) = t.opened.as_ref()?;
    let text = |hash: &Hash| {
        blobs
            .get(hash)
            .map(|b| String::from_utf8_lossy(b).into_owned())
            .unwrap_or_default()
    };
    let status = project.thread_status(thread)?;
    let set = opened
        .subject
        .and_then(|s| blobs.get(&s.hash))
        .and_then(|b| ChangeSet::from_cbor(b).ok());
    let change = set.as_ref().and_then(|s| s.change().ok());
    let mut raised: Vec<(String, Finding)> = Vec::new();
    let mut counts: BTreeMap<(PublicKey, PublicKey), u32> = BTreeMap::new();
    for entry in t.findings.values() {
        let node = entry.reference.feed.node;
        let Some(record) = state.agents.get(&node, &entry.findings.by) else {
            continue;
        };
        let list = blobs.get(&entry.findings.statement.list.hash);
        let list: Vec<Finding> = list
            .and_then(|b| crate::codec::decode("findings", b).ok())
            .unwrap_or_default();
        let standing = list.into_iter().filter(|f| {
            let (Some(set), Some(change)) = (&set, &change) else {
                return false;
            };
            f.validate().is_ok() && f.quote_stands(change, &set.files).is_ok()
        });
        let before = raised.len();
        raised.extend(standing.map(|f| (record.endorsement.statement.id.clone(), f)));
        *counts.entry((node, entry.findings.by)).or_default() += (raised.len() - before) as u32;
    }
    let findings: Vec<ReportedFinding> = finding::unite(raised)
        .into_iter()
        .map(|(finding, raised_by)| ReportedFinding { finding, raised_by })
        .collect();
    let decided = t.decision(&state.ballots, &state.finals, &state.rosters);
    let proposal = decided
        .map(|d| d.decided.proposal)
        .or_else(|| project.ballot_of(thread));
    let subject = report_people::Subject {
        set: set.as_ref(),
        change: change.as_ref(),
    };
    let vetoes = report_people::vetoes(state, t, proposal.as_ref(), &subject, blobs);
    let participants = participants(state, t, proposal.as_ref(), &counts);
    let verdict = match &status {
        ThreadStatus::Decided {
            choice: Choice::Approve,
            ..
        } => Verdict::Approve,
        ThreadStatus::Decided { .. } => Verdict::RequestChanges,
        ThreadStatus::Answered { option: 0, .. } => Verdict::Approve,
        ThreadStatus::Answered { .. } => Verdict::RequestChanges,
        _ => Verdict::Escalated,
    };
    let outcome = match &status {
        ThreadStatus::Decided { choice, .. } => Some(*choice),
        _ => None,
    };
    let (votes, tally) = votes(project, proposal.as_ref(), outcome, &text);
    let models = participants.iter().filter(|p| p.model.is_some()).count();
    let consensus = tally.nodes > 1 && tally.model_families > 0;
    let basis = match status {
        ThreadStatus::Answered { .. } => Basis::Person,
        _ if consensus => Basis::Consensus,
        _ => Basis::SeverityRule,
    };
    let answered: BTreeSet<&str> = participants
        .iter()
        .filter(|p| p.findings > 0)
        .map(|p| p.role.as_str())
        .collect();
    let posted: BTreeSet<String> = t
        .findings
        .values()
        .filter_map(|f| state.agents.get(&f.reference.feed.node, &f.findings.by))
        .map(|r| r.endorsement.statement.role.clone())
        .collect();
    let missing: Vec<String> = opened
        .roles
        .iter()
        .filter(|r| !posted.contains(*r) && !answered.contains(r.as_str()))
        .cloned()
        .collect();
    let stats = change.as_ref().map(|c| c.stats());
    let ended = ended_ms(state, t, &status).unwrap_or(now_ms);
    let project_name = &state.name;
    let mut report = Report {
        version: REPORT_VERSION,
        thread: format!("bzzz://*:*@{project_name}:{}/thread/{thread}", opened.task),
        project: project.id().to_string(),
        subject: Subject {
            title: text(&opened.title.hash),
            hash: opened.subject.map(|s| s.hash.to_string()).unwrap_or_default(),
            files: change.as_ref().map_or(0, |c| c.files.len() as u32),
            added: stats.as_ref().map_or(0, |s| s.added),
            removed: stats.as_ref().map_or(0, |s| s.removed),
            diff_sha256: set.as_ref().map(|s| diff_digest(s.diff.as_bytes()).to_string()),
            base: set.as_ref().and_then(|s| s.base.clone()),
            head: set.as_ref().and_then(|s| s.head.clone()),
        },
        verdict,
        basis,
        notes: notes(basis, &tally, models, &missing, &status),
        unread: Vec::new(),
        findings,
        participants,
        missing,
        votes,
        messages: messages(state, t, &text),
        tally,
        vetoes,
        escalation: escalation(state, &status, t, &text),
        cost: CostLine {
            spent_microusd: state.spending.by_thread.get(thread).copied().unwrap_or(0),
            limit_microusd: opened.budget_microusd,
        },
        time_ms: ended.saturating_sub(meta.hlc.ms()),
        certificate: None,
    };
    let record = report_people::record(&report);
    if let Some(escalation) = &mut report.escalation {
        escalation.record = record;
    }
    let notes = notes_on_people(&report, &status, project.sits_out(thread));
    report.notes.extend(notes);
    if !opened.roles.iter().any(|role| role == SECURITY) {
        let note = "No security agent was asked: nobody looked for weaknesses, and nobody could raise a veto.";
        report.notes.push(note.to_owned());
    }
    Some(report)
}

fn ended_ms(state: &State, t: &Thread, status: &ThreadStatus) -> Option<u64> {
    match status {
        ThreadStatus::Decided { decision, .. } => t
            .decided
            .iter()
            .find(|(_, d)| d.reference == *decision)
            .map(|(order, _)| order.hlc.ms()),
        ThreadStatus::Escalated { escalation } | ThreadStatus::Answered { escalation, .. } => state
            .escalations
            .get(escalation)?
            .opened
            .as_ref()
            .map(|(m, _)| m.hlc.ms()),
        _ => None,
    }
}

fn participants(
    state: &State,
    t: &Thread,
    proposal: Option<&Hash>,
    counts: &BTreeMap<(PublicKey, PublicKey), u32>,
) -> Vec<Participant> {
    let mut keys: BTreeSet<(PublicKey, PublicKey)> = counts.keys().copied().collect();
    if let Some(ballot) = proposal.and_then(|p| state.ballots.get(p)) {
        keys.extend(ballot.voters().into_iter().map(|(agent, node)| (node, agent)));
    }
    let epoch = t.opened.as_ref().map_or(0, |(m, _)| m.epoch);
    let roster = state.rosters.epoch(epoch).unwrap_or(state.rosters.latest());
    let mut out: Vec<Participant> = keys
        .into_iter()
        .filter_map(|(node, agent)| {
            let e = &state.agents.get(&node, &agent)?.endorsement.statement;
            let owner = roster
                .owner(&node)
                .or_else(|| state.rosters.latest().owner(&node))
                .unwrap_or_default();
            Some(Participant {
                agent: e.id.clone(),
                role: e.role.clone(),
                node: node.to_string(),
                owner: owner.to_owned(),
                model: e.model.clone(),
                findings: counts.get(&(node, agent)).copied().unwrap_or(0),
            })
        })
        .collect();
    out.sort_by(|a, b| (&a.role, &a.agent).cmp(&(&b.role, &b.agent)));
    out
}

fn votes(
    project: &Project,
    proposal: Option<&Hash>,
    outcome: Option<Choice>,
    text: &impl Fn(&Hash) -> String,
) -> (Vec<VoteLine>, Tally) {
    let state = &project.state;
    let none = || (vec![], Tally::default());
    let Some(proposal) = proposal else { return none() };
    let Some(ballot) = state.ballots.get(proposal) else {
        return none();
    };
    let Some((meta, proposed)) = &ballot.proposed else {
        return none();
    };
    let Some(roster) = state.rosters.epoch(meta.epoch) else {
        return none();
    };
    let weights = roster.voter_weights(&ballot.voters());
    let finals = state.finals.countable(*proposal, ballot);
    let first = ballot.first_votes();
    let total = roster.total_weight();
    let mut tally = Tally {
        total,
        needed: total * 2 / 3 + 1,
        ..Tally::default()
    };
    let (mut nodes, mut owners, mut families) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut lines = Vec::new();
    for seat in &proposed.panel {
        let e = &seat.statement;
        let weight = weights.get(&e.agent).copied().unwrap_or(0);
        let last = finals.get(&e.agent);
        let choice = last.map(|f| f.vote.statement.choice);
        match choice {
            Some(Choice::Approve) => tally.approve += weight,
            Some(Choice::RequestChanges) => tally.request_changes += weight,
            Some(Choice::Abstain) => tally.abstain += weight,
            None => tally.silent += weight,
        }
        if choice.is_some() {
            nodes.insert(seat.by);
            owners.insert(roster.owner(&seat.by).unwrap_or_default());
            families.extend(e.model.as_deref());
        }
        lines.push(VoteLine {
            agent: e.id.clone(),
            role: e.role.clone(),
            weight,
            first: first.get(&e.agent).map(|c| choice_word(*c).to_owned()),
            last: choice.map(|c| choice_word(c).to_owned()),
            dissent: matches!((choice, outcome), (Some(c), Some(o)) if c != o),
            reason: last.and_then(|f| f.reason).map(|r| text(&r.hash)).unwrap_or_default(),
        });
    }
    // Not the rest of the total: what is lost in rounding down a node's weight over its agents is nobody's silence.
    let heard: BTreeSet<PublicKey> = proposed.panel.iter().map(|seat| seat.by).collect();
    let absent = roster.weights().into_iter().filter(|(node, _)| !heard.contains(node));
    tally.silent += absent.map(|(_, weight)| weight).sum::<u64>();
    tally.nodes = nodes.len() as u32;
    tally.owners = owners.len() as u32;
    tally.model_families = families.len() as u32;
    lines.sort_by(|a, b| (&a.role, &a.agent).cmp(&(&b.role, &b.agent)));
    (lines, tally)
}

/// A choice as the JSON form names it.
pub fn choice_word(choice: Choice) -> &'static str {
    match choice {
        Choice::Approve => "approve",
        Choice::RequestChanges => "request_changes",
        Choice::Abstain => "abstain",
    }
}

/// A reason as the JSON form names it.
pub fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::Split => "split",
        Reason::Deadline => "deadline",
        Reason::Budget => "budget",
        Reason::Veto => "veto",
        Reason::Request => "request",
        Reason::Failures => "failures",
        Reason::Unheard => "unheard",
        Reason::Abstained => "abstained",
    }
}

/// A kind of message as the JSON form names it.
pub fn message_word(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Proposal => "proposal",
        MessageKind::Question => "question",
        MessageKind::Objection => "objection",
        MessageKind::Evidence => "evidence",
        MessageKind::Agreement => "agreement",
        MessageKind::Vote => "vote",
        MessageKind::Decision => "decision",
        MessageKind::Escalation => "escalation",
        MessageKind::Note => "note",
    }
}

fn messages(state: &State, t: &Thread, text: &impl Fn(&Hash) -> String) -> Vec<MessageLine> {
    t.messages
        .iter()
        .map(|(order, m)| {
            let record = state.agents.get(&m.reference.feed.node, &m.message.by);
            let endorsed = record.map(|r| &r.endorsement.statement);
            MessageLine {
                from: endorsed.map_or_else(|| format!("node {}", m.message.by.short()), |e| e.id.clone()),
                role: endorsed.map(|e| e.role.clone()).unwrap_or_default(),
                kind: message_word(m.message.statement.kind).to_owned(),
                text: text(&m.message.statement.text.hash),
                at_ms: order.hlc.ms(),
            }
        })
        .collect()
}

/// The question that a reader is shown: the one that the thread's state names, else the first that counts.
fn escalation(
    state: &State,
    status: &ThreadStatus,
    t: &Thread,
    text: &impl Fn(&Hash) -> String,
) -> Option<EscalationLine> {
    let counts = |id: &&Hash| state.escalations.get(id).is_some_and(|e| state.escalation_counts(e));
    let id = match status {
        ThreadStatus::Escalated { escalation } | ThreadStatus::Answered { escalation, .. } => *escalation,
        _ => *t.escalations.values().find(counts)?,
    };
    let (_, body) = state.escalations.get(&id)?.opened.as_ref()?;
    escalation_line(state, &id, text(&body.question.hash))
}

/// What has to be said where people decided, or this node kept out.
fn notes_on_people(report: &Report, status: &ThreadStatus, sits_out: bool) -> Vec<String> {
    let mut out = Vec::new();
    if let (ThreadStatus::Answered { .. }, Some(e)) = (status, &report.escalation) {
        out.push(format!("People decided this review and not a vote: {}.", e.progress));
        let standing: Vec<&str> = report
            .vetoes
            .iter()
            .filter(|v| v.stands)
            .map(|v| v.agent.as_str())
            .collect();
        if report.verdict == Verdict::Approve && !standing.is_empty() {
            out.push(format!("They override the veto of {}.", standing.join(", ")));
        }
    }
    if sits_out {
        let seconds = crate::hlc::MAX_SKEW_MS / 1_000;
        out.push(format!(
            "This node came back from a backup and sits this review out: it began before the node's new life or within {seconds} s of its start, so an earlier life may have voted."
        ));
    }
    out
}

fn notes(basis: Basis, tally: &Tally, models: usize, missing: &[String], status: &ThreadStatus) -> Vec<String> {
    let mut out = Vec::new();
    if models == 0 {
        out.push("No model took part: this review rests on the analysers' evidence alone.".to_owned());
    }
    if tally.nodes == 1 {
        out.push(
            "All voters sit on one node: the verdict follows the severity rule and is a report, not a consensus."
                .to_owned(),
        );
    } else if basis == Basis::SeverityRule && tally.nodes > 1 {
        out.push(format!(
            "{} nodes of {} owner{} voted, by the severity rule: a report of several machines, not a consensus of models.",
            tally.nodes,
            tally.owners,
            if tally.owners == 1 { "" } else { "s" }
        ));
    }
    if !missing.is_empty() {
        out.push(format!("No findings came from: {}.", missing.join(", ")));
    }
    if *status == ThreadStatus::Open {
        out.push("The review is still under way.".to_owned());
    }
    out
}

/// The event that a thread's certificate needs besides the state: its decided proposal.
pub fn decided_proposal(project: &Project, thread: &Hash) -> Option<crate::event::EventRef> {
    let state = &project.state;
    let decision = state
        .threads
        .get(thread)?
        .decision(&state.ballots, &state.finals, &state.rosters)?;
    let ballot = state.ballots.get(&decision.decided.proposal)?;
    ballot.proposed.as_ref().map(|(meta, _)| meta.reference)
}

/// Whether a body is of interest to those who watch a thread: which thread.
pub fn thread_of(state: &State, body: &Body, event: &Hash) -> Option<Hash> {
    let of_ballot = |proposal: &Hash| state.ballots.get(proposal)?.proposed.as_ref().map(|(_, p)| p.thread);
    match body {
        Body::ThreadOpened(_) => Some(*event),
        Body::MessagePosted(b) => Some(b.message.statement.thread),
        Body::FindingsPosted(b) => Some(b.findings.statement.thread),
        Body::ThreadClosed(b) => Some(b.thread),
        Body::TaskAnnounced(b) => b.thread,
        Body::TaskClaimed(b) => state.tasks.get(&b.task)?.announced.as_ref()?.1.thread,
        Body::ClaimAcked(b) => state.tasks.get(&b.task)?.announced.as_ref()?.1.thread,
        Body::Proposed(b) => Some(b.thread),
        Body::Committed(b) => of_ballot(&b.proposal),
        Body::Revealed(b) => of_ballot(&b.reveal.statement.proposal),
        Body::FinalVoted(b) => Some(b.vote.statement.thread),
        Body::Decided(b) => Some(b.thread),
        Body::Escalated(b) => Some(b.thread),
        _ => None,
    }
}
