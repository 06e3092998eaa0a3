//! Threads: what was said, found, proposed and decided.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ballot, Escalation, FinalEntry, Finals, Meta, State};
use crate::body::{
    Choice, Decided, FinalVote, Findings, Message, Proposed, SECURITY, Signed, ThreadClosed, ThreadOpened,
};
use crate::crypto::{Hash, PublicKey};
use crate::event::{EventRef, OrderKey};
use crate::roster::{RosterChain, is_quorum};

/// A message in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageEntry {
    /// Its event.
    pub reference: EventRef,
    /// What was said.
    pub message: Signed<Message>,
}

/// Findings in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingsEntry {
    /// Their event.
    pub reference: EventRef,
    /// What was found.
    pub findings: Signed<Findings>,
}

/// A decision in its place. It counts only if the votes that it names carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedEntry {
    /// Its event.
    pub reference: EventRef,
    /// What was decided.
    pub decided: Decided,
}

/// One thread. Entries are boxed: a map's node has room for eleven, and most threads have few.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thread {
    /// The opening, once it is known.
    pub opened: Option<(Meta, ThreadOpened)>,
    /// What was said.
    pub messages: BTreeMap<OrderKey, Box<MessageEntry>>,
    /// What was found.
    pub findings: BTreeMap<OrderKey, Box<FindingsEntry>>,
    /// Its tasks.
    pub tasks: BTreeMap<OrderKey, Hash>,
    /// What was put to the vote.
    pub proposals: BTreeMap<OrderKey, Hash>,
    /// Decisions.
    pub decided: BTreeMap<OrderKey, Box<DecidedEntry>>,
    /// Questions to people.
    pub escalations: BTreeMap<OrderKey, Hash>,
    closings: BTreeMap<OrderKey, (EventRef, bool)>,
}

/// How far a thread is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThreadStatus {
    /// Work goes on.
    Open,
    /// A person is asked.
    Escalated {
        /// The question.
        escalation: Hash,
    },
    /// A quorum decided.
    Decided {
        /// The deciding event.
        decision: EventRef,
        /// The outcome.
        choice: Choice,
    },
    /// A person decided.
    Answered {
        /// The question.
        escalation: Hash,
        /// The chosen option.
        option: u32,
    },
    /// Its home ended it.
    Closed {
        /// Whether its question was resolved.
        resolved: bool,
    },
}

impl Thread {
    pub(super) fn open(&mut self, meta: &Meta, body: &ThreadOpened) {
        self.opened = Some((*meta, body.clone()));
    }

    pub(super) fn close(&mut self, meta: &Meta, body: &ThreadClosed) {
        self.closings.insert(meta.order(), (meta.reference, body.resolved));
    }

    /// Whether its home has ended it.
    pub fn closed(&self) -> Option<bool> {
        self.closing().map(|(_, resolved)| resolved)
    }

    /// Where its home has ended it.
    pub fn closed_at(&self) -> Option<OrderKey> {
        self.closing().map(|(at, _)| at)
    }

    fn closing(&self) -> Option<(OrderKey, bool)> {
        let (opened, _) = self.opened.as_ref()?;
        self.closings
            .iter()
            .find(|(_, (by, _))| by.feed.node == opened.node())
            .map(|(at, (_, resolved))| (*at, *resolved))
    }

    /// The first decision that its votes carry.
    pub fn decision(
        &self,
        ballots: &BTreeMap<Hash, Ballot>,
        finals: &Finals,
        rosters: &RosterChain,
    ) -> Option<&DecidedEntry> {
        self.decided
            .iter()
            .find(|(order, d)| self.carries(order, &d.decided, ballots, finals, rosters))
            .map(|(_, d)| d.as_ref())
    }

    /// How far the thread is. A decision stands whatever arrives later; then comes what people answered. Questions that do not count
    /// ([`Escalation::counts`](super::Escalation::counts)) are as if they had not been asked.
    pub fn status(&self, state: &State) -> ThreadStatus {
        if let Some(d) = self.decision(&state.ballots, &state.finals, &state.rosters) {
            return ThreadStatus::Decided {
                decision: d.reference,
                choice: d.decided.choice,
            };
        }
        let asked = || {
            self.escalations
                .values()
                .filter_map(|id| state.escalations.get(id).map(|e| (*id, e)))
                .filter(|(_, e)| e.counts(&state.rosters, self.opened.as_ref()))
        };
        let first = state.first_answers(self);
        let chosen = |e: &Escalation| e.chosen(&state.rosters, state.policy.answers, &first);
        if let Some((id, option)) = asked().find_map(|(id, e)| chosen(e).map(|option| (id, option))) {
            return ThreadStatus::Answered { escalation: id, option };
        }
        if let Some(resolved) = self.closed() {
            return ThreadStatus::Closed { resolved };
        }
        match asked().next() {
            Some((escalation, _)) => ThreadStatus::Escalated { escalation },
            None => ThreadStatus::Open,
        }
    }

    /// Whether the votes that a decision names reach a quorum for its outcome, and no veto stands against it.
    fn carries(
        &self,
        order: &OrderKey,
        decided: &Decided,
        ballots: &BTreeMap<Hash, Ballot>,
        finals: &Finals,
        rosters: &RosterChain,
    ) -> bool {
        let ballot = ballots.get(&decided.proposal);
        let Some((ballot, (meta, proposed))) = ballot.and_then(|b| Some((b, b.proposed.as_ref()?))) else {
            return false;
        };
        let Some(roster) = rosters.epoch(meta.epoch) else {
            return false;
        };
        let Some((opened, asked)) = &self.opened else {
            return false;
        };
        // All proposals of a thread are under one roster, so that no two of them both find a quorum.
        if meta.epoch != opened.epoch
            || order.hlc.ms() > latest_decision_ms(meta, asked)
            || asked.subject.is_none_or(|s| s.hash != proposed.subject)
        {
            return false;
        }
        if proposed.thread != decided.thread
            || decided.choice == Choice::Abstain
            || rosters.hash_of(meta.epoch) != Some(proposed.roster)
        {
            return false;
        }
        let weights = ballot.weights(roster);
        let named = decided.votes.iter().filter_map(|v| finals.get(&v.hash));
        let votes: Vec<&FinalEntry> = named.filter(|f| f.vote.statement.answers(meta, proposed)).collect();
        // One vote a voter: of an equivocator's, the one that is asked about.
        let weight_of = |wanted: &dyn Fn(&FinalEntry) -> bool| -> u64 {
            let voters: BTreeSet<_> = votes.iter().filter(|f| wanted(f)).map(|f| f.vote.by).collect();
            voters.iter().filter_map(|agent| weights.get(agent)).sum()
        };
        if !is_quorum(
            weight_of(&|f| f.vote.statement.choice == decided.choice),
            roster.total_weight(),
        ) {
            return false;
        }
        if decided.choice != Choice::Approve {
            return true;
        }
        // An approval has heard every asked role, and has dealt with every veto that the proposal names.
        if !unheard_roles(&asked.roles, proposed, weights, votes.iter().map(|f| &f.vote)).is_empty() {
            return false;
        }
        proposed.vetoes.is_empty() || {
            let (lifting, all) = lift_weight(proposed, weights, votes.iter().map(|f| &f.vote));
            lifting * 2 > all
        }
    }
}

/// Until when a decision may be gathered, Unix milliseconds: twice the time that its vote may take. Later it would turn over what people
/// were asked, and answered, meanwhile.
pub fn latest_decision_ms(proposal: &Meta, opened: &ThreadOpened) -> u64 {
    let t = &opened.timing;
    let vote = [t.commit_ms, t.reveal_ms, t.evidence_ms, t.final_ms];
    let vote = vote.into_iter().fold(0, u64::saturating_add);
    proposal.hlc.ms().saturating_add(vote.saturating_mul(2))
}

/// The asked roles for which no voter with a weight has voted one way or the other: an approval needs them all, for silence is not
/// assent, and neither is abstaining.
pub fn unheard_roles<'a>(
    asked: &'a [String],
    proposed: &Proposed,
    weights: &BTreeMap<PublicKey, u64>,
    votes: impl Iterator<Item = &'a Signed<FinalVote>>,
) -> BTreeSet<&'a str> {
    let voted: BTreeSet<PublicKey> = votes
        .filter(|v| v.statement.choice != Choice::Abstain && weights.get(&v.by).is_some_and(|w| *w > 0))
        .map(|v| v.by)
        .collect();
    let speakers = proposed.panel.iter().filter(|s| voted.contains(&s.statement.agent));
    let heard: BTreeSet<&str> = speakers.map(|s| s.statement.role.as_str()).collect();
    asked
        .iter()
        .map(String::as_str)
        .filter(|r| !heard.contains(r))
        .collect()
}

/// The weight of the panel's security voters, and of those among them whose votes lift the vetoes. Vetoes are lifted by more than
/// half of it; where no security voter has a weight, nobody can lift one.
pub fn lift_weight<'a>(
    proposed: &Proposed,
    weights: &BTreeMap<PublicKey, u64>,
    votes: impl Iterator<Item = &'a Signed<FinalVote>>,
) -> (u64, u64) {
    let security: BTreeSet<PublicKey> = proposed
        .panel
        .iter()
        .filter(|s| s.statement.role == SECURITY)
        .map(|s| s.statement.agent)
        .collect();
    let lifting: BTreeSet<PublicKey> = votes
        .filter(|v| v.statement.lifts_veto && v.statement.choice == Choice::Approve && security.contains(&v.by))
        .map(|v| v.by)
        .collect();
    let sum = |agents: &BTreeSet<PublicKey>| agents.iter().filter_map(|a| weights.get(a)).sum();
    (sum(&lifting), sum(&security))
}
