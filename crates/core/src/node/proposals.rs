//! Proposals: what is put to the vote, and on which proposals the agents of this node vote.
//!
//! A proposer is not trusted. What it leaves out or makes up is found by those who know better:
//!
//! - *Vetoes.* A veto is founded when its signer is an agent that a seat of the roster has endorsed with the role `security`, and its
//!   list holds a critical security finding whose quote stands. While the list is not here it counts as founded. A
//!   proposal names all founded vetoes of the thread, one an agent, and no other.
//! - *The panel.* Live agents of the asked roles and every active agent that posted findings. Each node knows its own agents best:
//!   its part of the panel has to be exactly these.
//! - *Findings.* What a node knew for [`FINDINGS_GRACE_MS`] when the proposal came has to be named, and its agent be on the panel.
//!
//! "Knew" and "came" are by this node's own clock, since a liar writes what time it likes into an event: nothing is gained by
//! dating a proposal back. A restarted node takes the highest time that it had seen when it stored each event.
//!
//! A refused proposal does not count here ([`Project::ballot_of`]); this node or the next in rank puts a sound one. That ends: a seat
//! makes at most [`MAX_PROPOSALS`] proposals in a thread, further ones are refused, each node holds its own for sound, and whoever
//! has a sound proposal brings it to a decision or an escalation when its phases are over. A proposal to which an own agent
//! has committed is not refused any more: a vote that has begun goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::review::newest_of_each_feed;
use super::votes::Phases;
use super::{Ctx, Project};
use crate::body::{
    Body, Endorsement, MAX_PANEL, MAX_PROPOSED_FINDINGS, MAX_VETOES, Proposed, Roster, SECURITY, Signed, ThreadOpened,
};
use crate::crypto::{Hash, PublicKey};
use crate::event::EventRef;
use crate::finding::{self, Finding, Severity};
use crate::plant;
use crate::report::Verdict;
use crate::state::{FindingsEntry, Memo, Meta};

/// Findings that a node has known for so long when a proposal comes must be named by it: five comparisons of feeds, so that what was
/// posted at the same time does no harm.
pub const FINDINGS_GRACE_MS: u64 = 10_000;
/// Proposals of one seat in one thread, at most: one, and one more for a later life of it.
pub const MAX_PROPOSALS: usize = 2;

/// Findings of a thread that are kept read, at most.
const MAX_KEPT_FINDINGS: usize = 1_024;

/// What this node thinks of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It may be voted on.
    Sound,
    /// It came early; looked at again at this time.
    Wait(u64),
    /// It is not voted on here, for this reason.
    Refused(&'static str),
}

/// What this node knows about an open review beyond the state. It is let go with the thread, so it holds no more than the state.
#[derive(Debug, Default)]
pub(super) struct Insight {
    /// When each of the thread's findings and proposals came, by this node's clock.
    came_ms: BTreeMap<Hash, u64>,
    /// Whether the list behind a veto holds what it says: by the findings' event.
    founded: BTreeMap<Hash, bool>,
    judged: BTreeMap<Hash, Judgement>,
    /// Lists of findings that were read, as far as their quotes stand: by the findings' event.
    standing: BTreeMap<Hash, Arc<[Finding]>>,
    /// The places of the seats of an epoch in the order in which they stand in for each other.
    places: Memo<(u32, BTreeMap<PublicKey, Hash>)>,
}

impl Insight {
    /// The places of seats, if they are known for this epoch or were not asked for yet.
    pub(super) fn places(
        &self,
        epoch: u32,
        work_out: impl FnOnce() -> BTreeMap<PublicKey, Hash>,
    ) -> Option<&BTreeMap<PublicKey, Hash>> {
        let (of, places) = self.places.get_or(|| (epoch, work_out()));
        (*of == epoch).then_some(places)
    }

    /// What stands of a list that was read before.
    pub(super) fn standing(&self, event: &Hash) -> Option<&Arc<[Finding]>> {
        self.standing.get(event)
    }

    /// Keeps what stands of a list, as long as it is not too much: then lists are read again.
    pub(super) fn note_standing(&mut self, event: Hash, list: Arc<[Finding]>) {
        let kept: usize = self.standing.values().map(|list| list.len()).sum();
        if kept + list.len() <= MAX_KEPT_FINDINGS && !self.standing.contains_key(&event) {
            self.standing.insert(event, list);
        }
    }
}

impl Project {
    /// Notes when an event of a thread came, once.
    pub(super) fn note_coming(&mut self, thread: Hash, event: Hash, at_ms: u64) {
        let insight = self.insights.entry(thread).or_default();
        insight.came_ms.entry(event).or_insert(at_ms);
    }

    /// Looks at what is new in an open review: vetoes whose lists have come, proposals to judge. Returns when to look again.
    pub(super) fn look(&mut self, ctx: &mut Ctx<'_>, id: &Hash, home: &Meta, opened: &ThreadOpened) -> u64 {
        let Some(thread) = self.state.threads.get(id) else {
            return u64::MAX;
        };
        let proposals: Vec<Hash> = thread.proposals.values().copied().collect();
        let insight = self.insights.entry(*id).or_default();
        let events = thread.findings.values().map(|e| e.reference.hash);
        for event in events.chain(proposals.iter().copied()) {
            insight.came_ms.entry(event).or_insert(ctx.now);
        }
        let vetoes = thread.findings.values().filter(|e| e.findings.statement.veto);
        let unknown = vetoes.filter(|e| !insight.founded.contains_key(&e.reference.hash));
        for entry in unknown.map(|e| (**e).clone()).collect::<Vec<_>>() {
            self.judge_veto(ctx, id, &entry);
        }
        let mut wake = u64::MAX;
        for proposal in proposals {
            let known = self.insights.get(id).and_then(|i| i.judged.get(&proposal)).copied();
            if matches!(known, Some(Judgement::Refused(_))) {
                continue;
            }
            let judgement = self.judge(ctx.now, id, home, opened, &proposal);
            if let Judgement::Wait(until) = judgement {
                wake = wake.min(until);
            }
            let insight = self.insights.entry(*id).or_default();
            insight.judged.insert(proposal, judgement);
            if let Judgement::Refused(why) = judgement {
                let from = self.state.ballots[&proposal].proposed.as_ref().map(|(m, _)| m.node());
                let why = format!("its proposal {} on thread {}: {why}", proposal.short(), id.short());
                if let Some(from) = from {
                    self.notify(ctx, super::Notice::Refused { from, why });
                }
            }
        }
        wake
    }

    /// Whether this node holds a proposal for fit to be voted on. Where nothing was judged (the review has ended, or none of it is
    /// this node's business) only its form counts.
    pub(super) fn accepts(&self, thread: &Hash, proposal: &Hash) -> bool {
        let judged = self.insights.get(thread).and_then(|i| i.judged.get(proposal));
        judged.is_none_or(|j| *j == Judgement::Sound)
    }

    fn judge_veto(&mut self, ctx: &mut Ctx<'_>, id: &Hash, entry: &FindingsEntry) {
        let event = entry.reference.hash;
        let known = self.insights.get(id).is_some_and(|i| i.founded.contains_key(&event));
        if known || self.speaks_for_security(entry).is_none() {
            return;
        }
        let Some(subject) = self.subject(ctx, id) else { return };
        let Some(blob) = self.need_blob(ctx, &entry.findings.statement.list) else {
            return;
        };
        let list: Vec<Finding> = crate::codec::decode("findings", &blob.bytes).unwrap_or_default();
        let founded = list
            .iter()
            .take(super::turn::MAX_FINDINGS)
            .any(|f| is_veto(f) && f.validate().is_ok() && f.quote_stands(&subject.1, &subject.0.files).is_ok());
        self.insights.entry(*id).or_default().founded.insert(event, founded);
    }

    /// The security agent behind findings: endorsed with that role by a seat of the roster.
    fn speaks_for_security(&self, entry: &FindingsEntry) -> Option<&Signed<Endorsement>> {
        let node = entry.reference.feed.node;
        let record = self.state.agents.get(&node, &entry.findings.by)?;
        let seat = self.state.rosters.latest().owner(&node).is_some();
        (seat && record.endorsement.statement.role == SECURITY).then_some(&record.endorsement)
    }

    /// Whether a veto is founded as far as is known here: one whose list is not here counts as founded.
    fn is_founded(&self, id: &Hash, entry: &FindingsEntry) -> bool {
        let judged = self.insights.get(id).and_then(|i| i.founded.get(&entry.reference.hash));
        entry.findings.statement.veto && self.speaks_for_security(entry).is_some() && judged != Some(&false)
    }

    /// Whether a veto is known to have something behind it, or nothing; none while its list is not here.
    pub(super) fn known_founded(&self, id: &Hash, veto: &Signed<crate::body::Findings>) -> Option<bool> {
        let entries = self.state.threads.get(id)?.findings.values();
        let entry = entries.into_iter().find(|e| e.findings == *veto)?;
        if self.speaks_for_security(entry).is_none() {
            return Some(false);
        }
        self.insights.get(id)?.founded.get(&entry.reference.hash).copied()
    }

    /// The founded vetoes of a thread, the first of each agent.
    fn vetoes(&self, id: &Hash) -> BTreeMap<PublicKey, &FindingsEntry> {
        let mut out = BTreeMap::new();
        let entries = self
            .state
            .threads
            .get(id)
            .into_iter()
            .flat_map(|t| t.findings.values().map(Box::as_ref));
        for entry in entries.filter(|e| self.is_founded(id, e)) {
            out.entry(entry.findings.by).or_insert(entry);
        }
        out
    }

    /// Whether a founded veto that is known here is left out of a proposal. One that names as many as fit leaves out nothing.
    pub(super) fn leaves_out_a_veto(&self, id: &Hash, proposed: &Proposed) -> bool {
        if plant::active("omitted_veto_accepted") || proposed.vetoes.len() >= MAX_VETOES {
            return false;
        }
        let named: BTreeSet<PublicKey> = proposed.vetoes.iter().map(|v| v.by).collect();
        self.vetoes(id).keys().any(|agent| !named.contains(agent))
    }

    /// The findings that a proposal should name, in their order: those by agents of seats, and of each seat no more than its part, so
    /// that nobody can crowd others out.
    fn findings_to_name(&self, id: &Hash, roster: &Roster) -> Vec<&FindingsEntry> {
        let part = part_of_seat(MAX_PROPOSED_FINDINGS, roster);
        let mut taken: BTreeMap<PublicKey, usize> = BTreeMap::new();
        let entries = self
            .state
            .threads
            .get(id)
            .into_iter()
            .flat_map(|t| t.findings.values().map(Box::as_ref));
        let of_seats = entries.filter(|e| {
            let node = e.reference.feed.node;
            let count = taken.entry(node).or_default();
            *count += 1;
            *count <= part && roster.owner(&node).is_some() && self.state.agents.get(&node, &e.findings.by).is_some()
        });
        of_seats.take(MAX_PROPOSED_FINDINGS).collect()
    }

    /// Agents of a node that have posted findings in a thread.
    fn finders(&self, id: &Hash) -> BTreeSet<(PublicKey, PublicKey)> {
        let entries = self
            .state
            .threads
            .get(id)
            .into_iter()
            .flat_map(|t| t.findings.values().map(Box::as_ref));
        entries.map(|e| (e.reference.feed.node, e.findings.by)).collect()
    }

    /// Who would vote now: live agents of the asked roles and all active ones that posted findings, on seats of the roster, of each
    /// seat no more than its part.
    fn panel(&self, id: &Hash, opened: &ThreadOpened, now: u64) -> Vec<Signed<Endorsement>> {
        let Some(roster) = self.roster_of(id) else {
            return vec![];
        };
        let finders = self.finders(id);
        let part = part_of_seat(MAX_PANEL, roster);
        let mut of_seat: BTreeMap<PublicKey, Vec<(bool, &Signed<Endorsement>)>> = BTreeMap::new();
        for (node, record) in self.state.agents.active().filter(|(n, _)| roster.owner(n).is_some()) {
            let found = finders.contains(&(node, record.endorsement.statement.agent));
            let present = self.is_live(&node, now) && self.feeds.incarnation(&node) == self.incarnation_of(&node, now);
            if found || present && opened.roles.contains(&record.endorsement.statement.role) {
                of_seat.entry(node).or_default().push((!found, &record.endorsement));
            }
        }
        let mut panel = Vec::new();
        for agents in of_seat.values_mut() {
            agents.sort_by_key(|(quiet, s)| (*quiet, s.statement.agent));
            panel.extend(agents.iter().take(part).map(|(_, s)| (*s).clone()));
        }
        panel.sort_by_key(|s| s.statement.agent);
        panel.dedup_by_key(|s| s.statement.agent);
        panel.truncate(MAX_PANEL);
        panel
    }

    fn incarnation_of(&self, node: &PublicKey, now: u64) -> u64 {
        if *node == self.me.node {
            return self.me.incarnation;
        }
        self.presence(node, now).map_or(0, |p| p.incarnation)
    }

    /// Whether every asked role that is present has said what it has to say, or failed for good.
    pub(super) fn roles_are_settled(&self, id: &Hash, opened: &ThreadOpened, now: u64) -> bool {
        let Some(roster) = self.roster_of(id) else {
            return true;
        };
        let is_here = |role: &String| {
            let mut agents = self.state.agents.active();
            agents.any(|(node, record)| {
                record.endorsement.statement.role == *role && self.is_live(&node, now) && roster.owner(&node).is_some()
            })
        };
        let mut roles = opened.roles.iter();
        roles.all(|role| self.role_is_settled(id, role) || !is_here(role))
    }

    /// Judges a proposal by everything that is known here.
    fn judge(&self, now: u64, id: &Hash, home: &Meta, opened: &ThreadOpened, proposal: &Hash) -> Judgement {
        use Judgement::{Refused, Sound};
        let Some(ballot) = self.state.ballots.get(proposal) else {
            return Refused("it is not known");
        };
        let Some((meta, proposed)) = &ballot.proposed else {
            return Refused("it is not known");
        };
        let own = |node: &PublicKey| *node == self.me.node;
        let voters = || proposed.panel.iter().map(|s| (&s.statement.agent, &s.by));
        let begun = voters().any(|(a, node)| own(node) && ballot.commitment(a).is_some());
        if begun || own(&meta.node()) {
            return Sound;
        }
        let Some(roster) = self.state.rosters.epoch(meta.epoch) else {
            return Judgement::Wait(now.saturating_add(FINDINGS_GRACE_MS));
        };
        let came = |event: &Hash| self.insights.get(id).and_then(|i| i.came_ms.get(event)).copied();
        let came_ms = came(proposal).unwrap_or(now);
        let known_long = |event: &Hash| came(event).is_some_and(|at| at.saturating_add(FINDINGS_GRACE_MS) <= came_ms);
        let earlier = self.state.threads[id].proposals.range(..meta.order());
        let by_author = earlier.filter(|(order, _)| order.node == meta.node()).count();
        if by_author >= MAX_PROPOSALS {
            return Refused("its seat has proposed often enough");
        }
        let phases = Phases::new(meta.hlc.ms(), opened);
        let others = voters().any(|(a, n)| *n != meta.node() && ballot.commitment(a).is_some());
        if came_ms >= phases.last && !others {
            return Refused("its vote was over when it came");
        }
        if proposed.panel.iter().any(|s| roster.owner(&s.by).is_none()) {
            return Refused("its panel names a node without a seat");
        }
        if !self.own_part_is_right(id, opened, roster, proposed, came_ms) {
            return Refused("its panel names other agents of this node than those that take part");
        }
        let names_what_was_known = self.names_findings(id, roster, proposed, &known_long);
        if !names_what_was_known && !plant::active("omitted_veto_accepted") {
            return Refused("it leaves out findings or their agent");
        }
        let named: BTreeSet<PublicKey> = proposed.vetoes.iter().map(|v| v.by).collect();
        let vetoes = self.vetoes(id);
        let mut long = vetoes.values().filter(|e| known_long(&e.reference.hash));
        let all = named.len() >= MAX_VETOES || long.all(|e| named.contains(&e.findings.by));
        if !all && !plant::active("omitted_veto_accepted") {
            return Refused("it leaves out a veto");
        }
        for veto in &proposed.vetoes {
            let mut entries = self.state.threads[id].findings.values();
            let posted = entries.find(|e| e.findings == *veto);
            let named = posted.is_some_and(|e| proposed.findings.contains(&e.reference.hash) && self.is_founded(id, e));
            if !named {
                return Refused("it names a veto with nothing behind it");
            }
        }
        self.judge_time(now, id, home, opened, meta, came_ms)
    }

    /// A proposal before all have spoken, and before their time is over, comes early. What it waited for may be on its way.
    fn judge_time(
        &self,
        now: u64,
        id: &Hash,
        home: &Meta,
        opened: &ThreadOpened,
        meta: &Meta,
        came_ms: u64,
    ) -> Judgement {
        let over = home.hlc.ms().saturating_add(opened.timing.findings_ms);
        if now.max(meta.hlc.ms()) >= over || self.roles_are_settled(id, opened, now) {
            return Judgement::Sound;
        }
        let patience = came_ms.saturating_add(FINDINGS_GRACE_MS.min(opened.timing.commit_ms / 2));
        match now < patience {
            true => Judgement::Wait(patience),
            false => Judgement::Refused("it came before the findings"),
        }
    }

    /// Whether this node's part of a panel is its active agents of the asked roles, and those that posted findings: nobody left
    /// out, nobody foreign. What changed within the grace before the proposal may be either way.
    fn own_part_is_right(
        &self,
        id: &Hash,
        opened: &ThreadOpened,
        roster: &Roster,
        proposed: &Proposed,
        came_ms: u64,
    ) -> bool {
        let me = self.me.node;
        if roster.owner(&me).is_none() {
            return true;
        }
        let settled = |at_ms: u64| at_ms.saturating_add(FINDINGS_GRACE_MS) <= came_ms;
        let mine: BTreeSet<PublicKey> = proposed
            .panel
            .iter()
            .filter(|s| s.by == me)
            .map(|s| s.statement.agent)
            .collect();
        let fits = |seat: &Signed<Endorsement>| {
            let agent = seat.statement.agent;
            let retired = self.state.agents.retired_at(&me, &agent);
            self.state.agents.get(&me, &agent).is_some_and(|record| {
                let asked = opened.roles.contains(&seat.statement.role) || self.has_looked(id, &agent);
                let current = record.endorsement == *seat || !settled(record.since.hlc.ms());
                asked && current && (!record.retired || retired.is_none_or(|at| !settled(at.hlc.ms())))
            })
        };
        let foreign = proposed.panel.iter().any(|s| s.by == me && !fits(s));
        let full = mine.len() >= part_of_seat(MAX_PANEL, roster) || proposed.panel.len() >= MAX_PANEL;
        let left_out = self.state.agents.active().any(|(node, record)| {
            let e = &record.endorsement.statement;
            node == me && opened.roles.contains(&e.role) && settled(record.since.hlc.ms()) && !mine.contains(&e.agent)
        });
        !foreign && (full || !left_out)
    }

    /// Whether a proposal names the findings that were known long before it, and has their agents on its panel.
    fn names_findings(
        &self,
        id: &Hash,
        roster: &Roster,
        proposed: &Proposed,
        known_long: &impl Fn(&Hash) -> bool,
    ) -> bool {
        let mut entries = self.state.threads.get(id).into_iter().flat_map(|t| t.findings.values());
        if !entries.any(|e| known_long(&e.reference.hash)) {
            return true;
        }
        let named: BTreeSet<&Hash> = proposed.findings.iter().collect();
        let part = part_of_seat(MAX_PANEL, roster);
        let full = named.len() >= MAX_PROPOSED_FINDINGS;
        let crowded = |node: &PublicKey| {
            proposed.panel.len() >= MAX_PANEL || proposed.panel.iter().filter(|s| s.by == *node).count() >= part
        };
        let due = self.findings_to_name(id, roster);
        due.into_iter().filter(|e| known_long(&e.reference.hash)).all(|e| {
            let (node, agent) = (e.reference.feed.node, e.findings.by);
            let active = self.state.agents.get(&node, &agent).is_some_and(|r| !r.retired);
            let voter = |s: &Signed<Endorsement>| s.by == node && s.statement.agent == agent;
            let on_panel = !active || crowded(&node) || proposed.panel.iter().any(voter);
            on_panel && (full || named.contains(&e.reference.hash))
        })
    }

    /// Puts the change to the vote when all findings are there or their time is over.
    pub(super) fn propose(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: &Hash,
        home: &Meta,
        opened: &ThreadOpened,
        is_at_vote: bool,
    ) -> u64 {
        let Some(subject) = opened.subject else { return u64::MAX };
        let own = self.state.threads[id]
            .proposals
            .keys()
            .filter(|o| o.node == self.me.node);
        let often = own.count() >= MAX_PROPOSALS;
        let silent = self.state.threads[id].findings.is_empty();
        let votes = self.roster_of(id).is_some_and(|r| r.owner(&self.me.node).is_some());
        if is_at_vote {
            return u64::MAX;
        }
        if !votes || !self.is_seat() || silent || often {
            return self.give_up(ctx, id, home, opened);
        }
        let due = self.proposal_due(ctx, id, home, opened);
        if ctx.now < due {
            return due;
        }
        let panel = self.panel(id, opened, ctx.now);
        if panel.is_empty() {
            // Findings are there, and nobody to vote on them.
            return self.give_up(ctx, id, home, opened);
        }
        let Some(roster) = self.roster_of(id) else {
            return u64::MAX;
        };
        let vetoes: Vec<&FindingsEntry> = self.vetoes(id).into_values().take(MAX_VETOES).collect();
        // The vetoes' findings first: they are named in any case.
        let mut findings: Vec<EventRef> = vetoes.iter().map(|e| e.reference).collect();
        for entry in self.findings_to_name(id, roster) {
            if findings.len() < MAX_PROPOSED_FINDINGS && !findings.contains(&entry.reference) {
                findings.push(entry.reference);
            }
        }
        let body = Proposed {
            thread: *id,
            subject: subject.hash,
            roster: roster.hash(),
            panel,
            findings: findings.iter().map(|f| f.hash).collect(),
            vetoes: vetoes.into_iter().map(|e| e.findings.clone()).collect(),
        };
        // One dependency for each feed is enough: it brings everything before it.
        let mut deps: Vec<EventRef> = self.thread_ref(id).into_iter().collect();
        deps.extend(newest_of_each_feed(&findings));
        self.append_in(ctx, home.epoch, Body::Proposed(body), deps, vec![]);
        u64::MAX
    }

    /// Whether all asked roles have spoken, or a change is wanted anyhow: an approval needs them all, so one that is away is waited for
    /// as long as findings may come.
    fn is_no_role_missed(&mut self, ctx: &mut Ctx<'_>, id: &Hash, opened: &ThreadOpened) -> bool {
        if opened.roles.iter().all(|role| self.role_is_settled(id, role)) {
            return true;
        }
        let found: Vec<Finding> = self.findings(ctx, id).0.into_iter().map(|(_, f)| f).collect();
        finding::verdict_by_severity(&found) != Verdict::Approve
    }

    /// When this node puts a proposal: when all have spoken or their time is over, and whoever comes before it in rank has not. After
    /// a refused proposal those in rank have their time again, and a proposal that came early is waited for.
    fn proposal_due(&mut self, ctx: &mut Ctx<'_>, id: &Hash, home: &Meta, opened: &ThreadOpened) -> u64 {
        let step = ctx.cfg.pace.backup_ms * self.rank(id, &home.node(), ctx.now);
        let deadline = home
            .hlc
            .ms()
            .saturating_add(opened.timing.findings_ms)
            .saturating_add(step);
        let mut due = deadline;
        if self.roles_are_settled(id, opened, ctx.now) && self.is_no_role_missed(ctx, id, opened) {
            let since = *self.ready_since.entry(*id).or_insert(ctx.now);
            // A veto whose list is on its way is waited for, for less than the next in rank waits.
            let lists = self
                .vetoes(id)
                .values()
                .all(|e| self.known_founded(id, &e.findings).is_some());
            let patience = if lists { 0 } else { ctx.cfg.pace.backup_ms / 2 };
            due = (since + step + patience).min(deadline);
        }
        let insight = self.insights.entry(*id).or_default();
        for (proposal, judgement) in &insight.judged {
            due = due.max(match judgement {
                Judgement::Sound => 0,
                Judgement::Wait(until) => *until,
                Judgement::Refused(_) => insight.came_ms.get(proposal).map_or(0, |at| at.saturating_add(step)),
            });
        }
        due
    }
}

/// How much of a bounded list belongs to each seat, so that no seat can fill it alone.
fn part_of_seat(bound: usize, roster: &Roster) -> usize {
    (bound / roster.seat_count().max(1)).max(1)
}

/// Whether a finding is of the kind that is a veto.
pub fn is_veto(finding: &Finding) -> bool {
    finding.severity == Severity::Critical && finding.role == SECURITY
}
