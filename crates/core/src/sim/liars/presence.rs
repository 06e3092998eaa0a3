//! Presences from long ago that claim to last for ever.

use super::{Liar, Lie, Said};
use crate::body::Signed;
use crate::wire::{Presence, Wire};

/// The lies of this file.
pub(super) const LIES: &[Lie] = &[("a stale presence", stale)];

fn stale(liar: &mut Liar<'_>) -> Option<Said> {
    let presence = Presence {
        project: liar.p.id(),
        incarnation: 0,
        sent_ms: liar.local().saturating_sub(10 * 60_000),
        ttl_ms: u64::MAX,
        agents: vec![],
        addresses: vec![],
    };
    Some(Said::Wires(vec![Wire::Presence(Signed::new(liar.key(), presence))]))
}
