//! Numbers at the edge: times, lengths, tokens and amounts as large as the format lets them be, and larger. Who adds to what others
//! say must not run over.

use super::{Liar, Lie, Said};
use crate::blob::Blob;
use crate::body::{
    Body, ClaimAcked, LeaseExtended, MAX_NUMBER, RosterPrepared, RosterStatement, ShareMoved, TaskAnnounced,
    ThreadKind, ThreadOpened, Timing,
};
use crate::crypto::Context;
use crate::event::FeedId;

/// The lies of this file.
pub(super) const LIES: &[Lie] = &[
    ("a token that leaves none after it", last_token),
    ("a lease without an end", endless_lease),
    ("a thread whose phases never end", endless_thread),
    ("a task whose lease never ends", endless_task),
    ("the last round of a roster", last_round),
    ("more money than there is", all_money),
];

/// The largest number that is accepted, or the largest that there is, which must be refused.
fn huge(liar: &mut Liar<'_>) -> u64 {
    match liar.dice.chance(700) {
        true => MAX_NUMBER,
        false => u64::MAX,
    }
}

fn last_token(liar: &mut Liar<'_>) -> Option<Said> {
    let (task, _) = liar.task()?;
    let owner = liar.p.feed();
    let token = huge(liar);
    Some(Said::Event(Body::ClaimAcked(ClaimAcked {
        task,
        agent: owner.node,
        owner,
        token,
        until_ms: token,
    })))
}

fn endless_lease(liar: &mut Liar<'_>) -> Option<Said> {
    let (task, token) = liar.task()?;
    let until_ms = huge(liar);
    Some(Said::Event(Body::LeaseExtended(LeaseExtended {
        task,
        token,
        until_ms,
    })))
}

fn text(liar: &mut Liar<'_>) -> Blob {
    let salt = [liar.dice.index(256) as u8; 32];
    Blob::new(&salt, b"for ever".to_vec())
}

fn endless_thread(liar: &mut Liar<'_>) -> Option<Said> {
    let title = text(liar);
    let long = huge(liar);
    let opened = ThreadOpened {
        kind: ThreadKind::Review,
        task: "for-ever".into(),
        title: title.reference(),
        subject: Some(title.reference()),
        roles: vec!["security".into()],
        timing: Timing {
            findings_ms: long,
            commit_ms: long,
            reveal_ms: long,
            evidence_ms: long,
            final_ms: long,
        },
        budget_microusd: long,
        digest: Some(title.reference().hash),
    };
    Some(Said::EventWith(Body::ThreadOpened(opened), vec![title]))
}

fn endless_task(liar: &mut Liar<'_>) -> Option<Said> {
    let title = text(liar);
    let lease_ms = huge(liar);
    let announced = TaskAnnounced {
        thread: None,
        title: title.reference(),
        role: String::new(),
        capabilities: vec![],
        lease_ms,
        priority: 1,
    };
    Some(Said::EventWith(Body::TaskAnnounced(announced), vec![title]))
}

fn last_round(liar: &mut Liar<'_>) -> Option<Said> {
    let (roster, epoch) = (liar.p.state.rosters.latest(), u32::MAX);
    let epoch = if liar.dice.chance(500) { epoch } else { roster.epoch + 1 };
    let proposals = liar.p.state.roster_proposals.keys().next_back();
    let (roster, round) = (proposals.copied().unwrap_or_else(|| roster.hash()), u32::MAX);
    let statement = RosterStatement::new(liar.p.id(), roster, round);
    let signature = statement.sign(Context::RosterPrepare, liar.key());
    Some(Said::Event(Body::RosterPrepared(RosterPrepared {
        roster,
        epoch,
        round,
        signature,
    })))
}

fn all_money(liar: &mut Liar<'_>) -> Option<Said> {
    let to = FeedId {
        node: liar.victim()?,
        incarnation: 0,
    };
    let amount_microusd = huge(liar);
    Some(Said::Event(Body::ShareMoved(ShareMoved { to, amount_microusd })))
}
