//! What occurs: counted, so that a test can hold the simulator to what it claims to exercise.

use crate::body::{Body, Choice, MessageKind, Reason};
use crate::node::Project;
use crate::sim::world::World;

impl World {
    /// An honest node is about to append something of note.
    pub(super) fn count_append(&mut self, n: usize, body: &Body) {
        let founder = self.groups[self.members[n].group].nodes.first() == Some(&n);
        let p = self.project_of(n);
        let name = match body {
            Body::MessagePosted(b) if b.message.statement.kind == MessageKind::Objection => "evidence round",
            Body::FindingsPosted(b) if b.findings.statement.veto => "veto raised",
            Body::FinalVoted(b) if b.vote.statement.choice == Choice::Abstain => "abstention",
            Body::Escalated(b) if b.reason == Reason::Veto => "veto against an approval",
            Body::Escalated(b) if b.reason == Reason::Unheard => "approval without an asked role",
            Body::RosterProposed(_) if !founder => "steward stands in",
            Body::EscalationAnswered(b) => {
                let about = p.and_then(|p| p.state.escalations.get(&b.answer.statement.escalation));
                let opened = about.and_then(|e| e.opened.as_ref());
                match opened {
                    Some((_, o)) if o.reason == Reason::Veto && b.answer.statement.option == 0 => {
                        "veto lifted by a person"
                    }
                    _ => return,
                }
            }
            Body::ClaimAcked(b) if p.is_some_and(|p| is_after_expiry(p, &b.task, b.token)) => {
                "lease expired and granted anew"
            }
            _ => return,
        };
        self.summary.saw(name);
    }
}

/// Whether the lease before a token was neither given back nor used up.
fn is_after_expiry(p: &Project, task: &crate::crypto::Hash, token: u64) -> bool {
    let Some(task) = p.state.tasks.get(task) else {
        return false;
    };
    let (authority, roster) = (p.state.policy.authority, p.state.rosters.latest());
    let before = (1..token).rev().find_map(|t| task.lease(t, authority, roster));
    before.is_some_and(|lease| !task.is_over(&lease))
}
