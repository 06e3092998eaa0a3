//! Events in another's name, without its key.

use super::{Liar, Lie, Said};
use crate::body::{AdminActed, Body};
use crate::event::{Draft, Event};

/// The lies of this file.
pub(super) const LIES: &[Lie] = &[("another's next event", forge), ("another's next event", forge)];

fn forge(liar: &mut Liar<'_>) -> Option<Said> {
    let me = liar.p.feed().node;
    let heads: Vec<_> = liar
        .p
        .feeds
        .heads()
        .filter(|(f, _, _)| f.incarnation == 0 && f.node != me)
        .collect();
    let (feed, seq, prev) = liar.dice.pick(&heads).copied()?;
    let body = Body::AdminActed(AdminActed {
        action: "not what its author said".into(),
    });
    let draft = Draft {
        seq,
        prev,
        incarnation: 0,
        ..liar.draft()?
    };
    let event = Event::forge(liar.key(), feed.node, draft, &body);
    Some(Said::Wires(vec![liar.wire(&event, vec![])]))
}
