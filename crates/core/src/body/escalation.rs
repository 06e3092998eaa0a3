//! Escalations: questions to people.

use minicbor::{Decode, Encode};

use super::{MAX_LIST, Signed, Statement, name_ok};
use crate::blob::BlobRef;
use crate::crypto::{Context, Hash};

/// The answers that can be given to an escalated review, in this order. An answer is a place in this list, so a question about a
/// review with any other list does not count: its author could turn the meaning of an answer round.
pub const REVIEW_OPTIONS: [&str; 2] = ["approve", "request changes"];

/// Why a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No choice reached a quorum.
    #[n(0)]
    Split,
    /// Too few voted in time.
    #[n(1)]
    Deadline,
    /// The money ran out.
    #[n(2)]
    Budget,
    /// A veto stands against an approval.
    #[n(3)]
    Veto,
    /// An agent asked for it.
    #[n(4)]
    Request,
    /// The work failed too often.
    #[n(5)]
    Failures,
    /// The others approve, and for an asked role nobody has voted.
    #[n(6)]
    Unheard,
    /// Those who did not abstain are too few to decide, mostly since nobody could read the change.
    #[n(7)]
    Abstained,
}

/// Asks a person. The event's hash is the escalation's id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Escalated {
    /// The thread.
    #[n(0)]
    pub thread: Hash,
    /// Why.
    #[n(1)]
    pub reason: Reason,
    /// The question, in words.
    #[n(2)]
    pub question: BlobRef,
    /// The answers that can be given.
    #[n(3)]
    pub options: Vec<String>,
    /// A reminder follows after so long without acknowledgement, milliseconds.
    #[n(4)]
    pub remind_ms: u64,
    /// It times out after so long without an answer, milliseconds.
    #[n(5)]
    pub timeout_ms: u64,
}

impl Escalated {
    pub(super) fn is_bounded(&self) -> bool {
        self.options.len() <= MAX_LIST && self.options.iter().all(|o| name_ok(o))
    }
}

/// Somebody has seen the question.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct EscalationAcked {
    /// The escalation.
    #[n(0)]
    pub escalation: Hash,
    /// Who, as the node knows them.
    #[n(1)]
    pub person: String,
}

/// Nobody has: the question is put again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct EscalationReminded {
    /// The escalation.
    #[n(0)]
    pub escalation: Hash,
    /// Which reminder, from 1.
    #[n(1)]
    pub number: u32,
}

/// An answer, as the person signs it: bound to the exact question.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Answer {
    /// The project.
    #[n(0)]
    pub project: Hash,
    /// The escalation.
    #[n(1)]
    pub escalation: Hash,
    /// The question's hash.
    #[n(2)]
    pub question: Hash,
    /// One of the options, by its place.
    #[n(3)]
    pub option: u32,
    /// In words.
    #[n(4)]
    pub text: Option<BlobRef>,
    /// Who.
    #[n(5)]
    pub person: String,
}

impl Statement for Answer {
    const CONTEXT: Context = Context::Answer;
}

/// A person's answer. It counts when its key is an operator's in the roster of the escalation's own epoch, as the voice of that
/// seat's owner.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct EscalationAnswered {
    /// Signed by the operator.
    #[n(0)]
    pub answer: Signed<Answer>,
}

/// Nobody answered in time: the question goes to the dead letters, and can still be answered from there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct EscalationTimedOut {
    /// The escalation.
    #[n(0)]
    pub escalation: Hash,
}
