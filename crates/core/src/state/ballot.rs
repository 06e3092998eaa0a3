//! Ballots: a proposal with its commitments, reveals and final votes.

use std::collections::{BTreeMap, BTreeSet};

use super::Meta;
use super::memo::Memo;
use crate::blob::BlobRef;
use crate::body::{Choice, Committed, FinalVote, FinalVoted, Proposed, Reveal, Revealed, Roster, Signed};
use crate::codec;
use crate::crypto::{self, Context, Hash, PublicKey};
use crate::event::{EventRef, OrderKey};

/// One proposal and its first round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ballot {
    /// The proposal, once it is known.
    pub proposed: Option<(Meta, Proposed)>,
    commits: BTreeMap<PublicKey, BTreeMap<OrderKey, (PublicKey, Hash)>>,
    reveals: BTreeMap<PublicKey, BTreeMap<OrderKey, (EventRef, Signed<Reveal>)>>,
    /// The commitments of panel members that stand, and where the reveals are that fit them. Both follow from the rest; they are kept
    /// because an open vote is looked at again and again.
    standing: BTreeMap<PublicKey, Hash>,
    shown: BTreeMap<PublicKey, OrderKey>,
    weights: Memo<BTreeMap<PublicKey, u64>>,
}

impl Ballot {
    pub(super) fn propose(&mut self, meta: &Meta, body: &Proposed) {
        self.proposed = Some((*meta, body.clone()));
        self.weights.forget();
        for (agent, _) in self.voters() {
            self.settle(&agent);
        }
    }

    pub(super) fn commit(&mut self, meta: &Meta, body: &Committed) {
        let entry = (meta.node(), body.commitment);
        self.commits.entry(body.agent).or_default().insert(meta.order(), entry);
        self.settle(&body.agent);
    }

    pub(super) fn reveal(&mut self, meta: &Meta, body: &Revealed) {
        let entry = (meta.reference, body.reveal.clone());
        self.reveals
            .entry(body.reveal.by)
            .or_default()
            .insert(meta.order(), entry);
        self.settle(&body.reveal.by);
    }

    /// Looks up what stands of an agent: its first commitment by its own node, and the first reveal that fits it.
    fn settle(&mut self, agent: &PublicKey) {
        let mut panel = self.proposed.iter().flat_map(|(_, p)| &p.panel);
        let Some(node) = panel.find(|s| s.statement.agent == *agent).map(|s| s.by) else {
            return;
        };
        let mut commits = self.commits.get(agent).into_iter().flat_map(BTreeMap::values);
        let Some((_, commitment)) = commits.find(|(by, _)| *by == node).copied() else {
            return;
        };
        self.standing.insert(*agent, commitment);
        let mut reveals = self.reveals.get(agent).into_iter().flatten();
        let shown = reveals.find(|(_, (_, reveal))| reveal.statement.commitment(agent) == commitment);
        match shown.map(|(order, _)| *order) {
            Some(order) => self.shown.insert(*agent, order),
            None => self.shown.remove(agent),
        };
    }

    /// The panel: `(agent, node)`.
    pub fn voters(&self) -> Vec<(PublicKey, PublicKey)> {
        self.proposed
            .iter()
            .flat_map(|(_, p)| &p.panel)
            .map(|s| (s.statement.agent, s.by))
            .collect()
    }

    /// The weight of each voter under the roster of the proposal's epoch: the caller gives that one and no other.
    pub(crate) fn weights(&self, roster: &Roster) -> &BTreeMap<PublicKey, u64> {
        self.weights.get_or(|| roster.voter_weights(&self.voters()))
    }

    /// An agent's commitment: the first by its own node.
    pub fn commitment(&self, agent: &PublicKey) -> Option<Hash> {
        self.standing.get(agent).copied()
    }

    /// Panel members that have committed.
    pub fn committed(&self) -> BTreeSet<PublicKey> {
        self.standing.keys().copied().collect()
    }

    /// An agent's revealed first vote, if it is the one that it committed to.
    pub fn revealed(&self, agent: &PublicKey) -> Option<&Signed<Reveal>> {
        let order = self.shown.get(agent)?;
        self.reveals.get(agent)?.get(order).map(|(_, reveal)| reveal)
    }

    /// All first votes that stand.
    pub fn first_votes(&self) -> BTreeMap<PublicKey, Choice> {
        let votes = self.shown.keys();
        let votes = votes.filter_map(|agent| Some((*agent, self.revealed(agent)?.statement.choice)));
        votes.collect()
    }
}

/// A final vote in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalEntry {
    /// Its event.
    pub reference: EventRef,
    /// The vote.
    pub vote: Signed<FinalVote>,
    /// Why, in words.
    pub reason: Option<BlobRef>,
}

/// Which question a final vote answers: it is given once.
type Question = (Hash, Hash, u32);

/// All final votes of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finals {
    by_event: BTreeMap<Hash, FinalEntry>,
    by_question: BTreeMap<Question, BTreeMap<PublicKey, BTreeMap<OrderKey, Hash>>>,
}

impl Finals {
    pub(super) fn vote(&mut self, meta: &Meta, body: &FinalVoted) {
        let s = &body.vote.statement;
        let question = (s.thread, s.subject, s.epoch);
        let voter = self
            .by_question
            .entry(question)
            .or_default()
            .entry(body.vote.by)
            .or_default();
        voter.insert(meta.order(), meta.hash());
        let entry = FinalEntry {
            reference: meta.reference,
            vote: body.vote.clone(),
            reason: body.reason,
        };
        self.by_event.insert(meta.hash(), entry);
    }

    /// By its event's hash.
    pub fn get(&self, event: &Hash) -> Option<&FinalEntry> {
        self.by_event.get(event)
    }

    /// Whether the agent has given its final vote on a question, to whatever proposal.
    pub fn has_voted(&self, thread: Hash, subject: Hash, epoch: u32, agent: &PublicKey) -> bool {
        self.by_question
            .get(&(thread, subject, epoch))
            .is_some_and(|q| q.contains_key(agent))
    }

    /// Agents that signed two different final votes on one question: their votes count for nothing.
    pub fn equivocators(&self, thread: Hash, subject: Hash, epoch: u32) -> BTreeSet<PublicKey> {
        let Some(question) = self.by_question.get(&(thread, subject, epoch)) else {
            return BTreeSet::new();
        };
        let differs = |votes: &BTreeMap<OrderKey, Hash>| {
            // Nearly everybody has one.
            if votes.len() < 2 {
                return false;
            }
            let statements: BTreeSet<Vec<u8>> = votes
                .values()
                .filter_map(|h| self.get(h))
                .map(|f| codec::encode(&f.vote.statement))
                .collect();
            statements.len() > 1
        };
        question
            .iter()
            .filter(|(_, votes)| differs(votes))
            .map(|(agent, _)| *agent)
            .collect()
    }

    /// The votes on a proposal that may be counted: one a voter, none of an equivocator, each by its own node.
    pub fn countable(&self, proposal: Hash, ballot: &Ballot) -> BTreeMap<PublicKey, &FinalEntry> {
        let Some((meta, proposed)) = ballot.proposed.as_ref().filter(|(meta, _)| meta.hash() == proposal) else {
            return BTreeMap::new();
        };
        let question = (proposed.thread, proposed.subject, meta.epoch);
        let Some(votes) = self.by_question.get(&question) else {
            return BTreeMap::new();
        };
        let equivocators = self.equivocators(question.0, question.1, question.2);
        let mut out = BTreeMap::new();
        for (agent, node) in proposed.panel.iter().map(|s| (s.statement.agent, s.by)) {
            let first = votes
                .get(&agent)
                .into_iter()
                .flat_map(BTreeMap::values)
                .filter_map(|h| self.get(h));
            let mut mine = first.filter(|f| f.reference.feed.node == node && f.vote.statement.answers(meta, proposed));
            if let (Some(entry), false) = (mine.next(), equivocators.contains(&agent)) {
                out.insert(agent, entry);
            }
        }
        out
    }
}

impl FinalVote {
    /// Whether it answers this proposal: the same thread, subject, epoch and roster. One that names the proposal and something
    /// else besides would break the certificate, so it counts nowhere.
    pub fn answers(&self, meta: &Meta, proposed: &Proposed) -> bool {
        self.proposal == meta.hash()
            && self.thread == proposed.thread
            && self.subject == proposed.subject
            && self.epoch == meta.epoch
            && self.roster == proposed.roster
    }
}

impl Reveal {
    /// An agent's commitment to this vote: the hash of its key and the encoded vote. With the key in it, nobody can repeat
    /// another's commitment and then sign the vote that the other reveals.
    pub fn commitment(&self, agent: &PublicKey) -> Hash {
        let mut bytes = agent.0.to_vec();
        bytes.extend_from_slice(&codec::encode(self));
        crypto::hash(Context::Commit, &bytes)
    }
}
