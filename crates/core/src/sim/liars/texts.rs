//! Texts that are named and never given: whoever asks for them one by one has no time for those that exist.

use super::{Liar, Lie, Said};
use crate::blob::BlobRef;
use crate::body::{Body, IncarnationStarted, Message, MessageKind, MessagePosted, Signed};
use crate::crypto::Hash;
use crate::event::{Draft, Event};
use crate::wire::Wire;

/// The lies of this file.
pub(super) const LIES: &[Lie] = &[("texts that nobody gives", withhold)];

/// Texts that one lie names: a few of them name more than are asked for at a time.
const TEXTS: u64 = 250;

/// A life of its own, so that the feed of its node goes on.
fn withhold(liar: &mut Liar<'_>) -> Option<Said> {
    let draft = liar.draft()?;
    let (project, key) = (liar.p.id(), liar.key().clone());
    let incarnation = draft.incarnation + 1 + liar.dice.range(0, 1 << 40);
    let started = Body::IncarnationStarted(IncarnationStarted {
        before: draft.incarnation,
    });
    let mut last = Event::sign(
        &key,
        Draft {
            incarnation,
            seq: 0,
            prev: Hash::ZERO,
            ..draft.clone()
        },
        &started,
    );
    let mut events = vec![last.encode().into()];
    for _ in 0..TEXTS {
        let mut hash = [0x54; 32];
        hash[..8].copy_from_slice(&liar.dice.range(0, u64::MAX - 1).to_le_bytes());
        let message = Message {
            project,
            thread: project,
            kind: MessageKind::Note,
            text: BlobRef {
                hash: Hash(hash),
                len: 10,
            },
            parents: vec![],
            to: None,
            idempotency_key: None,
        };
        let body = Body::MessagePosted(MessagePosted {
            message: Signed::new(&key, message),
        });
        let next = Draft {
            incarnation,
            seq: last.header().seq + 1,
            prev: last.hash(),
            hlc: last.header().hlc.tick(0),
            ..draft.clone()
        };
        last = Event::sign(&key, next, &body);
        events.push(last.encode().into());
    }
    let blobs = vec![];
    Some(Said::Wires(vec![Wire::Events { project, events, blobs }]))
}
