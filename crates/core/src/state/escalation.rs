//! Escalations: a question to people, from asking to answer or dead letter.
//!
//! A question counts when a seat of the roster of its own epoch asked it and, for a review, when its options are exactly
//! [`REVIEW_OPTIONS`]. Each owner of that roster has one voice: the first valid answer, in the total order, by an operator of one of
//! its seats. What was chosen is computed when it is read, from the set of answers and the project's policy, so that neither
//! the order of arrival nor a roster that comes late can matter.

use std::collections::{BTreeMap, BTreeSet};

use super::{Meta, State, Thread, ThreadStatus};
use crate::body::{
    Answer, Answers, Escalated, EscalationAcked, EscalationAnswered, EscalationReminded, REVIEW_OPTIONS, Signed,
    ThreadKind, ThreadOpened,
};
use crate::crypto::Hash;
use crate::event::OrderKey;
use crate::plant;
use crate::roster::RosterChain;

/// Reminders of one escalation, at most.
pub const MAX_REMINDERS: u32 = 8;

/// How far an escalation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EscalationStatus {
    /// Its question is not known yet.
    Unknown,
    /// It does not count: its author had no seat, or its options are not a review's.
    Void,
    /// Nobody has seen it.
    Open,
    /// Somebody has.
    Acknowledged,
    /// Not decided in time: a dead letter, which can still be answered.
    TimedOut,
    /// Answered by as many as the policy asks for.
    Answered,
}

/// One escalation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Escalation {
    /// The question, once it is known.
    pub opened: Option<(Meta, Escalated)>,
    acknowledged: BTreeMap<OrderKey, String>,
    reminders: BTreeMap<OrderKey, u32>,
    answers: BTreeMap<OrderKey, Signed<Answer>>,
    timed_out: BTreeSet<OrderKey>,
}

/// What one owner has said to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice<'a> {
    /// The owner as declared in the escalation's roster.
    pub owner: &'a str,
    /// Weight of its whole pool.
    pub weight: u32,
    /// Its answer with its place, once there is one.
    pub answer: Option<(OrderKey, &'a Signed<Answer>)>,
}

impl Escalation {
    pub(super) fn open(&mut self, meta: &Meta, body: &Escalated) {
        self.opened = Some((*meta, body.clone()));
    }

    pub(super) fn acknowledge(&mut self, meta: &Meta, body: &EscalationAcked) {
        self.acknowledged.insert(meta.order(), body.person.clone());
    }

    pub(super) fn remind(&mut self, meta: &Meta, body: &EscalationReminded) {
        self.reminders.insert(meta.order(), body.number);
    }

    pub(super) fn answer(&mut self, meta: &Meta, body: &EscalationAnswered) {
        self.answers.insert(meta.order(), body.answer.clone());
    }

    pub(super) fn time_out(&mut self, meta: &Meta) {
        self.timed_out.insert(meta.order());
    }

    /// Whether the question counts in its thread, as that was opened: a seat asked it, under a roster that is not older than the thread.
    pub fn counts(&self, rosters: &RosterChain, thread: Option<&(Meta, ThreadOpened)>) -> bool {
        let kind = thread.map(|(_, opened)| opened.kind);
        self.opened.as_ref().is_some_and(|(meta, asked)| {
            if thread.is_some_and(|(opened, _)| meta.epoch < opened.epoch) {
                return false;
            }
            let seat = rosters
                .epoch(meta.epoch)
                .is_some_and(|r| r.owner(&meta.node()).is_some());
            seat && (kind != Some(ThreadKind::Review) || asked.options == REVIEW_OPTIONS)
        })
    }

    /// Every owner of the escalation's roster with what it has said: the first answer by one of its operators that is bound to this
    /// very question and names one of its options.
    pub fn voices<'a>(&'a self, rosters: &'a RosterChain) -> Vec<Voice<'a>> {
        let Some((meta, asked)) = &self.opened else {
            return vec![];
        };
        let Some(roster) = rosters.epoch(meta.epoch) else {
            return vec![];
        };
        let valid = |a: &Signed<Answer>| {
            a.statement.question == asked.question.hash && (a.statement.option as usize) < asked.options.len()
        };
        let pools = roster.pools.iter().map(|pool| {
            let operates =
                |a: &Signed<Answer>| pool.seats.iter().any(|s| s.operator == a.by) || plant::active("outsider_answers");
            Voice {
                owner: &pool.owner,
                weight: pool.weight,
                answer: self
                    .answers
                    .iter()
                    .find(|(_, a)| valid(a) && operates(a))
                    .map(|(order, a)| (*order, a)),
            }
        });
        pools.collect()
    }

    /// The option that was chosen, if enough owners have answered. `first`: each owner's first answer in the thread, whichever
    /// question it was to; only that one counts, so that nobody settles again what is settled by answering another question.
    pub(super) fn chosen(
        &self,
        rosters: &RosterChain,
        answers: Answers,
        first: &BTreeMap<String, OrderKey>,
    ) -> Option<u32> {
        let voices = self.voices(rosters);
        let is_first = |v: &&Voice<'_>| v.answer.is_some_and(|(order, _)| first.get(v.owner) == Some(&order));
        let said = || {
            voices
                .iter()
                .filter(is_first)
                .filter_map(|v| Some((v, v.answer.as_ref()?)))
        };
        if answers == Answers::AnyOwner || plant::active("one_answer_decides") {
            let first = said().min_by_key(|(_, (order, _))| *order);
            return first.map(|(_, (_, a))| a.statement.option);
        }
        let total: u64 = voices.iter().map(|v| u64::from(v.weight)).sum();
        let mut sums: BTreeMap<u32, u64> = BTreeMap::new();
        for (voice, (_, answer)) in said() {
            *sums.entry(answer.statement.option).or_default() += u64::from(voice.weight);
        }
        sums.into_iter()
            .find(|(_, sum)| sum * 2 > total)
            .map(|(option, _)| option)
    }

    /// Whether a node has a seat in the roster of the question: others neither acknowledge it nor end it.
    fn is_by_seat(&self, rosters: &RosterChain, order: &OrderKey) -> bool {
        let roster = self.opened.as_ref().and_then(|(meta, _)| rosters.epoch(meta.epoch));
        roster.is_some_and(|r| r.owner(&order.node).is_some())
    }

    /// Who has seen it, as a seat's node says.
    pub fn acknowledged<'a>(&'a self, rosters: &'a RosterChain) -> impl Iterator<Item = (&'a OrderKey, &'a String)> {
        let seen = self.acknowledged.iter();
        seen.filter(|(order, _)| self.is_by_seat(rosters, order))
    }

    /// How many reminders were sent.
    pub fn reminders(&self, rosters: &RosterChain) -> u32 {
        let sent = self
            .reminders
            .iter()
            .filter(|(order, _)| self.is_by_seat(rosters, order));
        sent.map(|(_, number)| *number)
            .filter(|n| *n <= MAX_REMINDERS)
            .max()
            .unwrap_or(0)
    }

    /// Whether its time was over when a seat said so.
    fn is_timed_out(&self, rosters: &RosterChain) -> bool {
        self.opened.as_ref().is_some_and(|(meta, asked)| {
            let end = meta.hlc.ms().saturating_add(asked.timeout_ms);
            let mut ends = self.timed_out.iter().filter(|order| order.hlc.ms() >= end);
            ends.any(|order| self.is_by_seat(rosters, order))
        })
    }
}

impl State {
    /// How far a thread is.
    pub fn thread_status(&self, thread: &Hash) -> Option<ThreadStatus> {
        Some(self.threads.get(thread)?.status(self))
    }

    /// Whether a question counts: see [`Escalation::counts`].
    pub fn escalation_counts(&self, escalation: &Escalation) -> bool {
        let thread = escalation
            .opened
            .as_ref()
            .and_then(|(_, b)| self.threads.get(&b.thread));
        escalation.counts(&self.rosters, thread.and_then(|t| t.opened.as_ref()))
    }

    /// The option that people chose, if the question counts and enough of them have answered.
    pub fn chosen(&self, escalation: &Escalation) -> Option<u32> {
        if !self.escalation_counts(escalation) {
            return None;
        }
        let (_, asked) = escalation.opened.as_ref()?;
        let first = self.first_answers(self.threads.get(&asked.thread)?);
        escalation.chosen(&self.rosters, self.policy.answers, &first)
    }

    /// When each owner first answered a question of a thread that counts.
    pub(super) fn first_answers(&self, thread: &Thread) -> BTreeMap<String, OrderKey> {
        let mut first: BTreeMap<String, OrderKey> = BTreeMap::new();
        let asked = thread.escalations.values().filter_map(|id| self.escalations.get(id));
        for escalation in asked.filter(|e| e.counts(&self.rosters, thread.opened.as_ref())) {
            for voice in escalation.voices(&self.rosters) {
                if let Some((order, _)) = voice.answer {
                    let known = first.entry(voice.owner.to_owned()).or_insert(order);
                    *known = order.min(*known);
                }
            }
        }
        first
    }

    /// Whether a question's thread was settled without it: by votes, or by what people answered to another one.
    fn is_settled_otherwise(&self, id: &Hash, escalation: &Escalation) -> bool {
        let thread = escalation.opened.as_ref().map(|(_, asked)| asked.thread);
        match thread.and_then(|t| self.thread_status(&t)) {
            Some(ThreadStatus::Decided { .. }) => true,
            Some(ThreadStatus::Answered { escalation, .. }) => escalation != *id,
            _ => false,
        }
    }

    /// How far a question is.
    pub fn escalation_status(&self, id: &Hash) -> EscalationStatus {
        let Some(e) = self.escalations.get(id).filter(|e| e.opened.is_some()) else {
            return EscalationStatus::Unknown;
        };
        match () {
            () if !self.escalation_counts(e) => EscalationStatus::Void,
            () if self.chosen(e).is_some() => EscalationStatus::Answered,
            () if self.is_settled_otherwise(id, e) => EscalationStatus::Void,
            () if e.is_timed_out(&self.rosters) => EscalationStatus::TimedOut,
            () if e.acknowledged(&self.rosters).next().is_some() => EscalationStatus::Acknowledged,
            () => EscalationStatus::Open,
        }
    }
}
