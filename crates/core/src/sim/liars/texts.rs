//! Texts that are named and never given: whoever asks for them one by one has no time for those that exist.

use super::{Liar, Lie, Said};
use crate::blob::BlobRef;
use crate::body::{Body, IncarnationStarted, Message, MessageKind, MessagePosted, Signed};
use crate::crypto::Hash;
use crate::event::{Draft, Event};
use crate::wire::Wire;

/// The lies of this file.
pub(super) const LIES: &[Lie] = &[
    ("texts that nobody gives", withhold),
    ("another's text behind those that nobody gives", hide),
];

/// Texts that one lie names: a few of them name more than are asked for at a time.
const TEXTS: u64 = 250;

/// Texts of others that one lie names.
const HIDDEN: usize = 16;

fn withhold(liar: &mut Liar<'_>) -> Option<Said> {
    name_invented(liar, vec![])
}

/// Names what others have found as its own, behind so much else that nobody comes to it.
fn hide(liar: &mut Liar<'_>) -> Option<Said> {
    let threads = liar.p.state.threads.values().rev();
    let texts = threads.flat_map(|t| {
        let subject = t.opened.iter().filter_map(|(_, o)| o.subject);
        subject.chain(t.findings.values().map(|f| f.findings.statement.list))
    });
    let theirs: Vec<BlobRef> = texts.take(HIDDEN).collect();
    (!theirs.is_empty()).then(|| name_invented(liar, theirs)).flatten()
}

/// A life of its own, so that the feed of its node goes on, which names texts that do not exist and then some that do.
fn name_invented(liar: &mut Liar<'_>, theirs: Vec<BlobRef>) -> Option<Said> {
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
    let mut texts: Vec<BlobRef> = Vec::new();
    for _ in 0..TEXTS {
        let mut hash = [0x54; 32];
        hash[..8].copy_from_slice(&liar.dice.range(0, u64::MAX - 1).to_le_bytes());
        let (hash, len) = (Hash(hash), 10);
        texts.push(BlobRef { hash, len });
    }
    texts.extend(theirs);
    for text in texts {
        let message = Message {
            project,
            thread: project,
            kind: MessageKind::Note,
            text,
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
