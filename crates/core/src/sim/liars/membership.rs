//! Changes of the membership that nobody has asked for: honest members removed, their feeds cut at the beginning, newcomers that a
//! liar has made up.
//!
//! The liar says everything that its own seat could say for such a change: it consents, proposes, is ready, and signs.

use super::{Liar, Lie, Said};
use crate::body::{
    Body, Cut, JoinStatement, MembershipChange, MembershipConsented, Roster, RosterPrepared, RosterProposed,
    RosterSigned, Signed,
};
use crate::crypto::{Hash, Keypair, PublicKey};
use crate::event::Event;
use crate::wire::Wire;

/// The lies of this file.
pub(super) const LIES: &[Lie] = &[
    ("an honest member removed by one seat", remove),
    ("an honest member cut at its beginning", erase),
    ("a cut beyond what is wanted", lift),
    ("a roster that is in force, written again", repeat),
    ("a new owner that is nobody", sock_owner),
    ("a newcomer in somebody else's pool", sock_elsewhere),
    ("a newcomer in the liar's own pool", sock_at_home),
    ("a reader that is nobody", sock_reader),
];

/// Each said once: what the seat wants, then what it does for it.
fn press(liar: &Liar<'_>, change: Option<MembershipChange>, next: Option<Roster>) -> Option<Said> {
    let mut bodies: Vec<Body> = Vec::new();
    bodies.extend(change.map(|change| Body::MembershipConsented(MembershipConsented { change })));
    if let Some(next) = next {
        let (roster, epoch) = (next.hash(), next.epoch);
        let signature = next.sign(liar.key(), liar.p.id(), 0);
        let ready = next.prepare(liar.key(), liar.p.id(), 0);
        bodies.push(Body::RosterProposed(RosterProposed { roster: next }));
        bodies.push(Body::RosterPrepared(RosterPrepared {
            roster,
            epoch,
            round: 0,
            signature: ready,
        }));
        bodies.push(Body::RosterSigned(RosterSigned {
            roster,
            epoch,
            round: 0,
            signature,
            prepares: vec![],
        }));
    }
    chain(liar, &bodies)
}

/// Events of the liar's feed, one after the other.
fn chain(liar: &Liar<'_>, bodies: &[Body]) -> Option<Said> {
    let mut draft = liar.draft()?;
    let mut wires: Vec<Wire> = Vec::new();
    for body in bodies {
        let event = Event::sign(liar.key(), draft.clone(), body);
        draft.seq += 1;
        draft.prev = event.hash();
        draft.hlc = draft.hlc.tick(liar.local());
        wires.push(liar.wire(&event, vec![]));
    }
    Some(Said::Wires(wires))
}

fn honest_victim(liar: &mut Liar<'_>) -> Option<PublicKey> {
    let members = liar.p.state.rosters.latest().members();
    let honest: Vec<PublicKey> = members.into_iter().filter(|m| !liar.world.is_liar(m)).collect();
    liar.dice.pick(&honest).copied()
}

fn removal(liar: &Liar<'_>, node: PublicKey, events: u64) -> (MembershipChange, Option<Roster>) {
    let incarnation = liar.p.feeds.incarnation(&node);
    let cut = Cut {
        node,
        incarnation,
        events,
    };
    let change = MembershipChange::Remove {
        node,
        incarnation,
        events,
    };
    (change, liar.p.state.rosters.latest().without_member(&cut))
}

fn remove(liar: &mut Liar<'_>) -> Option<Said> {
    let node = honest_victim(liar)?;
    let heads = liar.p.feeds.heads().filter(|(f, _, _)| f.node == node);
    let events = heads.last().map_or(0, |(_, len, _)| len);
    let (change, next) = removal(liar, node, events);
    press(liar, Some(change), next)
}

fn erase(liar: &mut Liar<'_>) -> Option<Said> {
    let node = honest_victim(liar)?;
    let (change, next) = removal(liar, node, 0);
    press(liar, Some(change), next)
}

/// Whom others want out is to be cut where no event is yet, so that it can go on for ever.
fn lift(liar: &mut Liar<'_>) -> Option<Said> {
    let questions = liar.p.state.membership.questions(&liar.p.state.rosters);
    let wanted = questions.iter().find(|q| !q.places.is_empty())?;
    let (change, next) = removal(liar, wanted.node, u64::MAX);
    press(liar, Some(change), next)
}

/// A cut lies behind what others stand on. Who is to go would move it on for ever, by what stands already.
fn repeat(liar: &mut Liar<'_>) -> Option<Said> {
    let rosters = &liar.p.state.rosters;
    let changes = rosters.changes_to(rosters.latest().epoch);
    let change = liar.dice.pick(changes)?.clone();
    chain(liar, &[Body::RosterChanged(change)])
}

/// A node that nobody runs.
fn sock(liar: &mut Liar<'_>, owner: String, voting: bool) -> Option<Said> {
    let key = Keypair::from_seed(liar.dice.bytes());
    let statement = JoinStatement {
        project: match liar.dice.chance(900) {
            true => liar.p.id(),
            false => Hash::ZERO,
        },
        owner,
        operator: key.public(),
        voting,
    };
    let next = liar.p.state.rosters.latest().with_member(key.public(), &statement);
    let change = MembershipChange::Admit(Signed::new(&key, statement));
    let said = liar.dice.chance(800);
    press(liar, said.then_some(change), next)
}

fn sock_owner(liar: &mut Liar<'_>) -> Option<Said> {
    let owner = format!("sock-{}", liar.dice.below(1_000));
    sock(liar, owner, true)
}

fn sock_elsewhere(liar: &mut Liar<'_>) -> Option<Said> {
    let node = honest_victim(liar)?;
    let owner = liar.p.state.rosters.latest().owner(&node)?.to_owned();
    sock(liar, owner, true)
}

fn sock_at_home(liar: &mut Liar<'_>) -> Option<Said> {
    let owner = liar.world.members[liar.n].cfg.owner.clone();
    sock(liar, owner, true)
}

fn sock_reader(liar: &mut Liar<'_>) -> Option<Said> {
    let owner = liar.world.members[liar.n].cfg.owner.clone();
    sock(liar, owner, false)
}
