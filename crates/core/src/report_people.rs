//! What a report says about people: vetoes, who opened a question and on what ground, which owners have answered.
//!
//! Whoever opens an escalation chooses its reason and its words. So a person is shown beside them what the record itself says: the
//! tally, who did not vote, which vetoes stand.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{Answers, Choice, Roster, SECURITY};
use crate::change::ChangeSet;
use crate::crypto::Hash;
use crate::diff::Change;
use crate::finding::{Finding, Severity};
use crate::node::is_veto;
use crate::report::{EscalationLine, Opener, OwnerLine, Report, VetoLine};
use crate::report_build::reason_word;
use crate::state::{Escalation, FindingsEntry, State, Thread, lift_weight};

/// Every owner's voice in an escalation.
pub fn owners(state: &State, escalation: &Escalation) -> Vec<OwnerLine> {
    let options = escalation
        .opened
        .as_ref()
        .map(|(_, b)| &b.options[..])
        .unwrap_or_default();
    let voices = escalation.voices(&state.rosters);
    let line = |v: &crate::state::Voice<'_>| {
        let said = v.answer.map(|(_, a)| a);
        OwnerLine {
            owner: v.owner.to_owned(),
            weight: v.weight,
            answer: said.and_then(|a| options.get(a.statement.option as usize).cloned()),
            person: said.map(|a| a.statement.person.clone()),
            operator: said.map(|a| a.by.to_string()),
            at_ms: v.answer.map(|(order, _)| order.hlc.ms()),
        }
    };
    voices.iter().map(line).collect()
}

/// The rule for answers as the JSON form names it.
pub fn rule_word(answers: Answers) -> &'static str {
    match answers {
        Answers::AnyOwner => "any_owner",
        Answers::Majority => "majority",
    }
}

/// How far the answers to a question are, in words: `recorded; 1 of 3 owners so far`.
pub fn progress(state: &State, escalation: &Escalation) -> String {
    if !state.escalation_counts(escalation) {
        return "this question does not count: its author had no seat, or its options are not those of a review"
            .to_owned();
    }
    let lines = owners(state, escalation);
    let said: Vec<&OwnerLine> = lines.iter().filter(|l| l.answer.is_some()).collect();
    let total: u64 = lines.iter().map(|l| u64::from(l.weight)).sum();
    let options = escalation
        .opened
        .as_ref()
        .map(|(_, b)| &b.options[..])
        .unwrap_or_default();
    if let Some(option) = state.chosen(escalation) {
        let option = options.get(option as usize).cloned().unwrap_or_default();
        let by: Vec<&str> = said
            .iter()
            .filter(|l| l.answer.as_deref() == Some(&option))
            .map(|l| l.owner.as_str())
            .collect();
        return format!(
            "decided: {option}, by {} of {} owners ({})",
            by.len(),
            lines.len(),
            by.join(", ")
        );
    }
    if said.is_empty() {
        let needed = match state.policy.answers {
            Answers::AnyOwner => "one owner's answer decides".to_owned(),
            Answers::Majority => format!("more than half of the owners' weight, {total}, has to choose one option"),
        };
        return format!("nobody has answered; {needed}");
    }
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for line in &said {
        *sums.entry(line.answer.as_deref().unwrap_or_default()).or_default() += u64::from(line.weight);
    }
    let nearest = sums
        .iter()
        .max_by_key(|(_, sum)| **sum)
        .map(|(option, sum)| (*option, *sum));
    let (option, sum) = nearest.unwrap_or_default();
    let silent: u64 = lines
        .iter()
        .filter(|l| l.answer.is_none())
        .map(|l| u64::from(l.weight))
        .sum();
    let missing = (total / 2 + 1).saturating_sub(sum);
    let tail = match missing > silent {
        true => "no option can reach more than half any more; the question stays open for the record".to_owned(),
        false => format!("{missing} of {total} weight more has to choose {option:?}, or more than half another option"),
    };
    format!("recorded; {} of {} owners so far; {tail}", said.len(), lines.len())
}

/// An escalation as a reader sees it; `question` is its text.
pub fn escalation_line(state: &State, id: &Hash, question: String) -> Option<EscalationLine> {
    let e = state.escalations.get(id)?;
    let (meta, body) = e.opened.as_ref()?;
    let owners = owners(state, e);
    let answer = state.chosen(e).map(|option| {
        let option = body.options.get(option as usize).cloned().unwrap_or_default();
        let same = owners.iter().filter(|o| o.answer.as_deref() == Some(&option));
        let people: Vec<&str> = same.filter_map(|o| o.person.as_deref()).collect();
        format!("{option} ({})", people.join(", "))
    });
    let roster = state.rosters.epoch(meta.epoch);
    Some(EscalationLine {
        id: id.to_string(),
        reason: reason_word(body.reason).to_owned(),
        question,
        options: body.options.clone(),
        answer,
        opened_by: Opener {
            node: meta.node().to_string(),
            owner: roster
                .and_then(|r| r.owner(&meta.node()))
                .unwrap_or_default()
                .to_owned(),
        },
        record: Vec::new(),
        rule: rule_word(state.policy.answers).to_owned(),
        owners,
        progress: progress(state, e),
    })
}

/// What the record says about a vote, in sentences.
pub fn record(report: &Report) -> Vec<String> {
    let mut out = Vec::new();
    let critical = report
        .findings
        .iter()
        .filter(|f| f.finding.severity == Severity::Critical)
        .count();
    out.push(format!(
        "{} findings, {critical} of them critical",
        report.findings.len()
    ));
    let t = &report.tally;
    if t.total == 0 {
        out.push("nothing was put to the vote".to_owned());
    } else {
        let percent = |weight: u64| (u128::from(weight) * 100 / u128::from(t.total)).to_string() + " %";
        out.push(format!(
            "of the roster's weight {} approve, {} request changes, {} abstain, {} did not vote",
            percent(t.approve),
            percent(t.request_changes),
            percent(t.abstain),
            percent(t.silent)
        ));
    }
    let silent: Vec<&str> = report
        .votes
        .iter()
        .filter(|v| v.last.is_none())
        .map(|v| v.agent.as_str())
        .collect();
    if !silent.is_empty() {
        out.push(format!("did not vote: {}", silent.join(", ")));
    }
    for veto in &report.vetoes {
        let state = match (veto.stands, veto.founded) {
            (_, Some(false)) => "has nothing behind it",
            (false, _) => "was lifted",
            (true, Some(true)) => "stands, with a critical finding behind it",
            (true, None) => "stands; the findings behind it have not arrived here",
        };
        out.push(format!("veto of {} ({}): {state}", veto.agent, veto.owner));
    }
    if report.vetoes.is_empty() {
        out.push("no veto was raised".to_owned());
    }
    out
}

/// Where a change can be looked into.
pub(crate) struct Subject<'a> {
    pub set: Option<&'a ChangeSet>,
    pub change: Option<&'a Change>,
}

/// The vetoes of a thread, in their order; `proposal` is the one that was voted on.
pub(crate) fn vetoes(
    state: &State,
    t: &Thread,
    proposal: Option<&Hash>,
    subject: &Subject<'_>,
    blobs: &BTreeMap<Hash, Vec<u8>>,
) -> Vec<VetoLine> {
    let ballot = proposal.and_then(|p| Some((p, state.ballots.get(p)?)));
    let voted = ballot.and_then(|(p, b)| b.proposed.as_ref().map(|(m, proposed)| (p, b, m, proposed)));
    let mut lifted_by = Vec::new();
    let mut lifted = false;
    if let Some((id, ballot, meta, proposed)) = voted
        && let Some(roster) = state.rosters.epoch(meta.epoch)
    {
        let finals = state.finals.countable(*id, ballot);
        let weights = roster.voter_weights(&ballot.voters());
        let (lifting, all) = lift_weight(proposed, &weights, finals.values().map(|f| &f.vote));
        lifted = lifting * 2 > all;
        let lifts = |agent| {
            finals.get(agent).is_some_and(|f| {
                let s = &f.vote.statement;
                s.lifts_veto && s.choice == Choice::Approve
            })
        };
        let security = proposed.panel.iter().filter(|s| s.statement.role == SECURITY);
        lifted_by.extend(
            security
                .filter(|s| lifts(&s.statement.agent))
                .map(|s| s.statement.id.clone()),
        );
    }
    let roster = state.rosters.latest();
    let mut seen = BTreeSet::new();
    let raised = t.findings.values().filter(|f| f.findings.statement.veto);
    raised
        .filter(|f| seen.insert((f.reference.feed.node, f.findings.by)))
        .map(|entry| {
            let node = entry.reference.feed.node;
            let record = state.agents.get(&node, &entry.findings.by);
            let named = voted.is_some_and(|(.., proposed)| proposed.vetoes.contains(&entry.findings));
            let founded = founded(state, roster, entry, subject, blobs);
            VetoLine {
                agent: record.map_or_else(|| entry.findings.by.short(), |r| r.endorsement.statement.id.clone()),
                node: node.to_string(),
                owner: roster.owner(&node).unwrap_or_default().to_owned(),
                founded,
                named,
                lifted_by: if named { lifted_by.clone() } else { vec![] },
                stands: founded != Some(false) && !(named && lifted),
            }
        })
        .collect()
}

fn founded(
    state: &State,
    roster: &Roster,
    entry: &FindingsEntry,
    subject: &Subject<'_>,
    blobs: &BTreeMap<Hash, Vec<u8>>,
) -> Option<bool> {
    let node = entry.reference.feed.node;
    let record = state.agents.get(&node, &entry.findings.by);
    let security = record.is_some_and(|r| r.endorsement.statement.role == SECURITY);
    if !security || roster.owner(&node).is_none() {
        return Some(false);
    }
    let list = blobs.get(&entry.findings.statement.list.hash)?;
    let (set, change) = (subject.set?, subject.change?);
    let list: Vec<Finding> = crate::codec::decode("findings", list).unwrap_or_default();
    let stands = |f: &Finding| is_veto(f) && f.validate().is_ok() && f.quote_stands(change, &set.files).is_ok();
    Some(list.iter().any(stands))
}
