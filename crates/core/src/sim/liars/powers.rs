//! Powers that the liar does not have: acknowledging, completing, answering, cutting, drawing, ordering; and a veto on nothing.

use super::{Liar, Lie, Said};
use crate::blob::Blob;
use crate::body::{
    AdminActed, Answer, Body, ChunkDrawn, ClaimAcked, Cut, EscalationAnswered, Findings, FindingsPosted,
    MemberSignature, RosterChanged, Signed, TaskCompleted, WriteOrdered,
};
use crate::state::ThreadStatus;

/// The lies of this file.
pub(super) const LIES: &[Lie] = &[
    ("a lease that is not its to give", acknowledge),
    ("a task completed by who does not hold it", complete),
    ("an operator's answer by who is none", answer),
    ("a roster that nobody signed", cut),
    ("a chunk beyond all shares", draw),
    ("a write ordered by who is not its home", order),
    ("a veto with nothing behind it", veto),
    ("a second event with a number that is used next", fork),
];

fn acknowledge(liar: &mut Liar<'_>) -> Option<Said> {
    let (task, highest) = liar.task()?;
    let me = liar.p.feed();
    Some(Said::Event(Body::ClaimAcked(ClaimAcked {
        task,
        agent: me.node,
        owner: me,
        token: highest + 1,
        until_ms: liar.local() + 3_600_000,
    })))
}

fn complete(liar: &mut Liar<'_>) -> Option<Said> {
    let (task, token) = liar.task()?;
    Some(Said::Event(Body::TaskCompleted(TaskCompleted {
        task,
        token,
        ok: true,
        result: None,
    })))
}

/// Signed by the node, which is no operator.
fn answer(liar: &mut Liar<'_>) -> Option<Said> {
    let escalations = &liar.p.state.escalations;
    let mut open = escalations.iter().filter(|(_, e)| e.opened.is_some());
    let (escalation, found) = open.next_back()?;
    let answer = Answer {
        project: liar.p.id(),
        escalation: *escalation,
        question: found.opened.as_ref()?.1.question.hash,
        option: 0,
        text: None,
        person: "nobody".into(),
    };
    Some(Said::Event(Body::EscalationAnswered(EscalationAnswered {
        answer: Signed::new(liar.key(), answer),
    })))
}

/// It cuts an honest member off.
fn cut(liar: &mut Liar<'_>) -> Option<Said> {
    let latest = liar.p.state.rosters.latest();
    let mut roster = latest.clone();
    roster.epoch += 1;
    roster.prev = latest.hash();
    roster.cuts = vec![Cut {
        node: liar.victim()?,
        incarnation: 0,
        events: 0,
    }];
    let signature = roster.sign(liar.key(), liar.p.id(), 0);
    Some(Said::Event(Body::RosterChanged(RosterChanged {
        roster,
        round: 0,
        signatures: vec![MemberSignature {
            node: liar.p.feed().node,
            signature,
        }],
    })))
}

fn draw(_: &mut Liar<'_>) -> Option<Said> {
    Some(Said::Event(Body::ChunkDrawn(ChunkDrawn {
        amount_microusd: 1_000_000_000,
    })))
}

fn order(liar: &mut Liar<'_>) -> Option<Said> {
    let mut resources = liar.p.state.resources.iter();
    let (path, r) = resources.find(|(_, r)| !r.siblings().is_empty())?;
    Some(Said::Event(Body::WriteOrdered(WriteOrdered {
        path: path.clone(),
        write: r.siblings().first()?.meta.hash(),
        version: Some(1),
    })))
}

fn veto(liar: &mut Liar<'_>) -> Option<Said> {
    let key = liar.agent("security")?;
    let open = |t: &&crate::crypto::Hash| liar.p.thread_status(t) == Some(ThreadStatus::Open);
    let thread = *liar.p.state.threads.keys().find(open)?;
    let findings = Findings {
        project: liar.p.id(),
        thread,
        list: Blob::new(&[7; 32], vec![0x80]).reference(),
        count: 0,
        veto: true,
        task: None,
        token: None,
        partial: false,
    };
    Some(Said::Event(Body::FindingsPosted(FindingsPosted {
        findings: Signed::new(&key, findings),
    })))
}

fn fork(_: &mut Liar<'_>) -> Option<Said> {
    Some(Said::Event(Body::AdminActed(AdminActed {
        action: "a second event with a number that is used next".into(),
    })))
}
