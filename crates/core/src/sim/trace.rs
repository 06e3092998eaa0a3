//! The trace: a hash over every input and every effect, by which two runs are compared.
//!
//! A step is marked by a few bytes that differ where steps differ; to mark all of it would cost more than the step.

use crate::node::{Effect, Input, Loaded};
use crate::wire::Wire;

fn has(loaded: &Loaded) -> u8 {
    match loaded {
        Loaded::Here(_) => 1,
        Loaded::Erased => 2,
        Loaded::Lost => 0,
    }
}

/// Bytes that tell inputs apart, for the trace.
pub(super) fn mark_input(input: &Input) -> Vec<u8> {
    match input {
        Input::Wake => vec![0],
        Input::Connected { peer, .. } => [&[1], &peer.0[..8]].concat(),
        Input::Disconnected { peer } => [&[2], &peer.0[..8]].concat(),
        Input::Received { from, message, gossip } => {
            [&[3, u8::from(*gossip)], &from.0[..8], &mark_wire(message)[..]].concat()
        }
        Input::Events { from, events, .. } => [&[13, events.len() as u8], &from.0[..8]].concat(),
        Input::Appended { id } => [&[4], &id.to_le_bytes()[..]].concat(),
        Input::BlobLoaded { hash, blob, .. } => [&[5, has(blob)], &hash.0[..8]].concat(),
        Input::ForkFound { .. } => vec![6],
        Input::Analysed { ask, result, .. } => {
            let n = result.as_ref().map_or(255, |f| f.len() as u8);
            [&[7, n], &ask.to_le_bytes()[..]].concat()
        }
        Input::Answered {
            ask,
            charged_microusd,
            findings,
            ..
        } => [
            &[8, findings.len() as u8],
            &ask.to_le_bytes()[..],
            &charged_microusd.to_le_bytes()[..],
        ]
        .concat(),
        Input::ModelFailed { ask, .. } => [&[9], &ask.to_le_bytes()[..]].concat(),
        Input::Command { id, .. } => [&[10], &id.to_le_bytes()[..]].concat(),
        Input::Listening { addresses } => vec![11, addresses.len() as u8],
    }
}

fn mark_wire(wire: &Wire) -> Vec<u8> {
    match wire {
        Wire::Events { events, blobs, .. } => {
            let mut out = vec![0, blobs.len() as u8];
            for e in events {
                out.extend_from_slice(&e[e.len().saturating_sub(8)..]);
            }
            out
        }
        Wire::Presence(p) => [&[1], &p.signature.0[..8]].concat(),
        Wire::Digest { digest, .. } => [&[2], &digest.0[..8]].concat(),
        Wire::Heads { heads, .. } => heads.iter().fold(vec![3], |mut out, h| {
            out.extend_from_slice(&h.len.to_le_bytes()[..4]);
            out
        }),
        Wire::Want { from, .. } => [&[4], &from.to_le_bytes()[..]].concat(),
        Wire::WantBlob { hash, .. } => [&[5], &hash.0[..8]].concat(),
        Wire::Blob { blob, .. } => [&[6], &blob.salt[..8]].concat(),
        Wire::Fork { .. } => vec![7],
        Wire::Join(j) => [&[8], &j.signature.0[..8]].concat(),
        Wire::Welcome { granted, .. } => vec![9, u8::from(*granted)],
        Wire::Renew { task, .. } => [&[10], &task.0[..8]].concat(),
        Wire::Rosters { changes, .. } => vec![11, changes.len() as u8],
        Wire::WantRosters { .. } => vec![12],
    }
}

/// Bytes that tell effects apart, for the trace.
pub(super) fn mark_effect(effect: &Effect) -> Vec<u8> {
    match effect {
        Effect::Append { writes, .. } => {
            let events = writes.iter().flat_map(|w| &w.events);
            events.fold(vec![0], |mut out, e| {
                out.extend_from_slice(&e.hash().0[..8]);
                out
            })
        }
        Effect::Store(w) => vec![1, w.events.len() as u8, w.blobs.len() as u8],
        Effect::StoreFork { .. } => vec![2],
        Effect::ProveFork { .. } => vec![3],
        Effect::LoadBlob { hash, .. } => [&[4], &hash.0[..8]].concat(),
        Effect::Send { to, message } => [&[5], &to.0[..8], &mark_wire(message)[..]].concat(),
        Effect::Broadcast { message, .. } => [&[6], &mark_wire(message)[..]].concat(),
        Effect::Serve { from, .. } => [&[7], &from.to_le_bytes()[..]].concat(),
        Effect::ServeBlob { hash, .. } => [&[8], &hash.0[..8]].concat(),
        Effect::Analyse { ask, .. } => [&[9], &ask.to_le_bytes()[..]].concat(),
        Effect::AskModel { ask, .. } => [&[10], &ask.to_le_bytes()[..]].concat(),
        Effect::Deliver(_) => vec![11],
        Effect::Wake { at_ms } => [&[12], &at_ms.to_le_bytes()[..]].concat(),
        Effect::Reply { result, .. } => vec![13, u8::from(result.is_ok())],
        Effect::Notify(_) => vec![14],
        Effect::Reload => vec![15],
        Effect::Dial { peer, .. } => [&[16], &peer.0[..8]].concat(),
    }
}
