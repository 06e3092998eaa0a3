//! Lives and forks without end: each costs everybody memory and disk, and some of them a state that is folded anew.

use super::{Liar, Lie, Said};
use crate::body::{AdminActed, Body, IncarnationStarted};
use crate::crypto::Hash;
use crate::event::{Draft, Event};
use crate::feed::MAX_LIVES;
use crate::wire::Wire;

/// The lies of this file.
pub(super) const LIES: &[Lie] = &[
    ("hundreds of lives", lives),
    ("as many lives as may be", allowed),
    ("a life that nobody has seen, forked", unseen),
    ("a fork before the last one", lower),
];

/// Lives in one lie: a few of them are more than count.
const LIVES: usize = 200;

/// The first event of a new life.
fn opening(liar: &mut Liar<'_>, before: u64) -> Option<Event> {
    let draft = liar.draft()?;
    let incarnation = draft.incarnation + 1 + liar.dice.range(0, 1 << 40);
    let draft = Draft {
        incarnation,
        seq: 0,
        prev: Hash::ZERO,
        ..draft
    };
    let started = Body::IncarnationStarted(IncarnationStarted { before });
    Some(Event::sign(liar.key(), draft, &started))
}

fn lives(liar: &mut Liar<'_>) -> Option<Said> {
    some_lives(liar, LIVES)
}

/// None too many: so all of them count.
fn allowed(liar: &mut Liar<'_>) -> Option<Said> {
    let me = liar.p.feed().node;
    let nodes = (0..liar.world.members.len()).filter_map(|n| liar.world.project_of(n));
    let known = nodes.map(|p| p.feeds.openings(&me).count()).max()?;
    let more = MAX_LIVES.saturating_sub(known).min(LIVES);
    (more > 0).then(|| some_lives(liar, more)).flatten()
}

fn some_lives(liar: &mut Liar<'_>, count: usize) -> Option<Said> {
    let openings: Option<Vec<Event>> = (0..count).map(|_| opening(liar, 0)).collect();
    let message = Wire::Events {
        project: liar.p.id(),
        events: openings?.iter().map(|e| e.encode().into()).collect(),
        blobs: vec![],
    };
    Some(Said::Wires(vec![message]))
}

fn proof(liar: &Liar<'_>, a: &Event, b: &Event) -> Said {
    Said::Wires(vec![Wire::Fork {
        project: liar.p.id(),
        a: a.encode().into(),
        b: b.encode().into(),
    }])
}

/// The same event at another time.
fn twin(liar: &Liar<'_>, event: &Event, body: &Body) -> Event {
    let h = event.header();
    let draft = Draft {
        project: h.project,
        incarnation: h.incarnation,
        seq: h.seq,
        prev: h.prev,
        hlc: h.hlc.tick(0),
        epoch: h.epoch,
        deps: vec![],
    };
    Event::sign(liar.key(), draft, body)
}

fn unseen(liar: &mut Liar<'_>) -> Option<Said> {
    let one = opening(liar, 0)?;
    let two = twin(liar, &one, &one.body()?);
    Some(proof(liar, &one, &two))
}

/// Of its first life: each time at a number before the last one.
fn lower(liar: &mut Liar<'_>) -> Option<Said> {
    let feed = crate::event::FeedId {
        node: liar.p.feed().node,
        incarnation: 0,
    };
    let disk = &liar.world.members[liar.n].disk;
    let mut known = 0;
    while disk.event(liar.p.id(), feed, known).is_some() {
        known += 1;
    }
    // The honest have the rest of its feed only while it has not ended: what it knows itself goes on.
    let ends = liar
        .world
        .members
        .iter()
        .enumerate()
        .filter_map(|(n, _)| liar.world.project_of(n));
    let end = ends
        .filter_map(|p| p.feeds.get(&feed)?.ended_at())
        .min()
        .unwrap_or(known);
    let at = known.min(end).checked_sub(1)?;
    let one = disk.event(liar.p.id(), feed, at)?.clone();
    let two = twin(
        liar,
        &one,
        &Body::AdminActed(AdminActed {
            action: "another past".into(),
        }),
    );
    Some(proof(liar, &one, &two))
}
