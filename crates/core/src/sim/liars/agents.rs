//! Agents of others, endorsed as the liar's own: with another's word, with a word that the liar makes up, or with its own agent's.

use super::{Liar, Lie, Said};
use crate::body::{AgentConsent, AgentEndorsed, Body, Endorsement, Signed};
use crate::crypto::PublicKey;

/// The lies of this file.
pub(super) const LIES: &[Lie] = &[("another's agent endorsed as its own", endorse)];

fn endorse(liar: &mut Liar<'_>) -> Option<Said> {
    let me = liar.p.feed().node;
    let others: Vec<(PublicKey, Endorsement)> = liar
        .p
        .state
        .agents
        .active()
        .filter(|(node, _)| *node != me)
        .map(|(node, record)| (node, record.endorsement.statement.clone()))
        .collect();
    let (_, mut statement) = liar.dice.pick(&others).cloned()?;
    // What its own key can sign, if the other's word is not enough.
    if liar.dice.chance(500) {
        statement.consent = AgentConsent::sign(liar.key(), liar.p.id(), me, &statement.id);
    }
    let endorsement = Signed::new(liar.key(), statement);
    Some(Said::Event(Body::AgentEndorsed(AgentEndorsed { endorsement })))
}
