//! Events that wait for what never comes, to fill the memory of whoever keeps them: far ahead of their feed, or resting on what nobody
//! wrote, from members and from keys that nobody admitted. Each has a signature that holds.

use super::{Liar, Lie, Said};
use crate::body::{AdminActed, Body};
use crate::crypto::{Hash, Keypair};
use crate::event::{Draft, Event, EventRef, FeedId};
use crate::wire::Wire;

/// The lies of this file.
pub(super) const LIES: &[Lie] = &[
    ("a stranger's flood", stranger),
    ("a flood far ahead", far_ahead),
    ("a flood on what never comes", dangling),
];

/// Events of one flood: with [`BODY_BYTES`] more than all strangers together may have.
const EVENTS: u64 = 24;
/// Bytes in each.
const BODY_BYTES: usize = 48 * 1024;

fn body() -> Body {
    Body::AdminActed(AdminActed {
        action: "x".repeat(BODY_BYTES),
    })
}

/// Some key that no roster names, new each time: a bound for one key alone would be none.
fn stranger(liar: &mut Liar<'_>) -> Option<Said> {
    let draft = liar.draft()?;
    let mut wires = Vec::new();
    for _ in 0..EVENTS {
        let mut seed = [0x51; 32];
        seed[..8].copy_from_slice(&liar.dice.range(0, u64::MAX - 1).to_le_bytes());
        let key = Keypair::from_seed(seed);
        for seq in 1..3 {
            let small = Body::AdminActed(AdminActed {
                action: "x".repeat(BODY_BYTES / 4),
            });
            wires.push(ahead(liar, &key, &draft, seq, &small));
        }
    }
    Some(Said::Wires(wires))
}

fn far_ahead(liar: &mut Liar<'_>) -> Option<Said> {
    let draft = liar.draft()?;
    let first = draft.seq + liar.dice.range(1, 1_000_000);
    let key = liar.key().clone();
    let wires = (first..first + EVENTS).map(|seq| ahead(liar, &key, &draft, seq, &body()));
    Some(Said::Wires(wires.collect()))
}

/// Other lives of its node, each resting on events that nobody wrote.
fn dangling(liar: &mut Liar<'_>) -> Option<Said> {
    let draft = liar.draft()?;
    let key = liar.key().clone();
    let mut wires = Vec::new();
    for _ in 0..EVENTS {
        let mut node = [0x52; 32];
        node[..8].copy_from_slice(&liar.dice.range(0, u64::MAX - 1).to_le_bytes());
        let feed = FeedId {
            node: Keypair::from_seed(node).public(),
            incarnation: 0,
        };
        let hash = Hash(node);
        let before = draft.incarnation;
        let draft = Draft {
            incarnation: before + 1 + liar.dice.range(0, 1_000_000),
            seq: 0,
            prev: Hash::ZERO,
            deps: vec![EventRef { feed, seq: 7, hash }],
            ..draft.clone()
        };
        let started = Body::IncarnationStarted(crate::body::IncarnationStarted { before });
        wires.push(liar.wire(&Event::sign(&key, draft, &started), vec![]));
    }
    Some(Said::Wires(wires))
}

fn ahead(liar: &Liar<'_>, key: &Keypair, draft: &Draft, seq: u64, body: &Body) -> Wire {
    let draft = Draft {
        seq,
        prev: Hash([7; 32]),
        incarnation: 0,
        ..draft.clone()
    };
    liar.wire(&Event::sign(key, draft, body), vec![])
}
