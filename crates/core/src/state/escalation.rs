//! Escalations: a question to a person, from asking to answer or dead letter.

use std::collections::{BTreeMap, BTreeSet};

use super::Meta;
use crate::body::{Answer, Escalated, EscalationAcked, EscalationAnswered, EscalationReminded, Signed};
use crate::event::OrderKey;

/// How far an escalation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EscalationStatus {
    /// Its question is not known yet.
    Unknown,
    /// Nobody has seen it.
    Open,
    /// Somebody has.
    Acknowledged,
    /// Nobody answered in time: a dead letter, which can still be answered.
    TimedOut,
    /// Answered.
    Answered,
}

/// One escalation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Escalation {
    /// The question, once it is known.
    pub opened: Option<(Meta, Escalated)>,
    /// Who has seen it.
    pub acknowledged: BTreeMap<OrderKey, String>,
    reminders: BTreeSet<u32>,
    answers: BTreeMap<OrderKey, Signed<Answer>>,
    timed_out: BTreeSet<OrderKey>,
}

impl Escalation {
    pub(super) fn open(&mut self, meta: &Meta, body: &Escalated) {
        self.opened = Some((*meta, body.clone()));
    }

    pub(super) fn acknowledge(&mut self, meta: &Meta, body: &EscalationAcked) {
        self.acknowledged.insert(meta.order(), body.person.clone());
    }

    pub(super) fn remind(&mut self, body: &EscalationReminded) {
        self.reminders.insert(body.number);
    }

    pub(super) fn answer(&mut self, meta: &Meta, body: &EscalationAnswered) {
        self.answers.insert(meta.order(), body.answer.clone());
    }

    pub(super) fn time_out(&mut self, meta: &Meta) {
        self.timed_out.insert(meta.order());
    }

    /// The answer that counts: the first, bound to this very question and one of its options.
    pub fn first_answer(&self) -> Option<&Signed<Answer>> {
        let (_, asked) = self.opened.as_ref()?;
        self.answers.values().find(|a| {
            a.statement.question == asked.question.hash && (a.statement.option as usize) < asked.options.len()
        })
    }

    /// How many reminders were sent.
    pub fn reminders(&self) -> u32 {
        self.reminders.last().copied().unwrap_or(0)
    }

    /// How far it is.
    pub fn status(&self) -> EscalationStatus {
        match () {
            () if self.opened.is_none() => EscalationStatus::Unknown,
            () if self.first_answer().is_some() => EscalationStatus::Answered,
            () if !self.timed_out.is_empty() => EscalationStatus::TimedOut,
            () if !self.acknowledged.is_empty() => EscalationStatus::Acknowledged,
            () => EscalationStatus::Open,
        }
    }
}
