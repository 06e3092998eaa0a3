//! Inputs and effects in words, for logs.

use super::world::World;
use crate::body::kind_name;
use crate::event::Event;
use crate::node::{Delivery, Effect, Input, Loaded, Notice};
use crate::wire::Wire;

fn event_words(bytes: &[u8]) -> String {
    match Event::decode_trusted(bytes) {
        Ok(e) => format!(
            "{}#{}.{}={} {}",
            e.node().short(),
            e.header().incarnation,
            e.header().seq,
            e.hash().short(),
            kind_name(e.header().kind)
        ),
        Err(_) => "unreadable".to_owned(),
    }
}

fn wire_words(w: &World, wire: &Wire) -> String {
    match wire {
        Wire::Events { events, blobs, .. } => {
            let list: Vec<String> = events.iter().take(6).map(|e| event_words(e)).collect();
            let more = events.len().saturating_sub(6);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            format!("Events [{}{more}] with {} blobs", list.join(", "), blobs.len())
        }
        Wire::Presence(p) => format!("Presence of {} at {}", w.who(&p.by), p.statement.sent_ms),
        Wire::Digest { digest, .. } => format!("Digest {}", digest.short()),
        Wire::Heads { heads, answer, .. } => {
            let list: Vec<String> = heads
                .iter()
                .map(|h| {
                    let end = h.end.map(|end| format!("!{end}")).unwrap_or_default();
                    format!("{}#{}:{}{end}", w.who(&h.feed.node), h.feed.incarnation, h.len)
                })
                .collect();
            format!("Heads [{}]{}", list.join(" "), if *answer { " asks" } else { "" })
        }
        Wire::Want { feed, from, count, .. } => {
            format!("Want {}#{} {from}+{count}", w.who(&feed.node), feed.incarnation)
        }
        Wire::WantBlob { hash, .. } => format!("WantBlob {}", hash.short()),
        Wire::Blob { blob, .. } => format!("Blob {}", blob.hash().short()),
        Wire::Fork { a, b, .. } => format!("Fork {} against {}", event_words(a), event_words(b)),
        Wire::Join(j) => format!("Join of {}", w.who(&j.by)),
        Wire::Welcome { granted, .. } => format!("Welcome granted={granted}"),
        Wire::Rosters { changes, .. } => format!("Rosters {}", changes.len()),
        Wire::WantRosters { .. } => "WantRosters".to_owned(),
        Wire::Renew { task, token, .. } => format!("Renew {} token {token}", task.short()),
    }
}

/// An input in words.
pub(super) fn describe_input(w: &World, input: &Input) -> String {
    match input {
        Input::Received { from, message, gossip } => {
            let how = if *gossip { "gossip" } else { "message" };
            format!("{how} from {}: {}", w.who(from), wire_words(w, message))
        }
        Input::Connected { peer, .. } => format!("Connected {}", w.who(peer)),
        Input::Disconnected { peer } => format!("Disconnected {}", w.who(peer)),
        Input::BlobLoaded { hash, blob, .. } => format!(
            "BlobLoaded {} {}",
            hash.short(),
            match blob {
                Loaded::Here(_) => "here",
                Loaded::Erased => "erased",
                Loaded::Lost => "lost",
            }
        ),
        Input::ForkFound { a, b, .. } => format!("ForkFound {} against {}", event_words(a), event_words(b)),
        Input::Analysed { ask, result, .. } => match result {
            Ok(found) => format!("Analysed {ask}: {} findings", found.len()),
            Err(why) => format!("Analysed {ask}: {why}"),
        },
        Input::Answered {
            ask,
            charged_microusd,
            findings,
            opinion,
        } => format!(
            "Answered {ask}: {charged_microusd} µ$, {} findings, {opinion:?}",
            findings.len()
        ),
        Input::Command { id, command } => format!("Command {id}: {}", short(&format!("{command:?}"))),
        other => format!("{other:?}"),
    }
}

/// An effect in words.
pub(super) fn describe_effect(w: &World, effect: &Effect) -> String {
    match effect {
        Effect::Append { id, writes } => {
            let events: Vec<String> = writes
                .iter()
                .flat_map(|w| &w.events)
                .map(|e| match e.body() {
                    Some(body) => format!(
                        "{}={} {}",
                        e.header().seq,
                        e.hash().short(),
                        short(&format!("{body:?}"))
                    ),
                    None => format!("{} unknown", e.header().seq),
                })
                .collect();
            format!("Append {id}: {}", events.join("; "))
        }
        Effect::Store(write) => {
            let events: Vec<String> = write.events.iter().map(|e| event_words(&e.encode())).collect();
            format!("Store [{}] and {} blobs", events.join(", "), write.blobs.len())
        }
        Effect::Send { to, message } => format!("Send {}: {}", w.who(to), wire_words(w, message)),
        Effect::Broadcast { message, .. } => format!("Broadcast {}", wire_words(w, message)),
        Effect::StoreFork { a, b, .. } => {
            format!(
                "StoreFork {} against {}",
                event_words(&a.encode()),
                event_words(&b.encode())
            )
        }
        Effect::ProveFork { event, .. } => format!("ProveFork {}", event_words(&event.encode())),
        Effect::Analyse { ask, agent, role, .. } => format!("Analyse {ask} for {agent} as {role}"),
        Effect::AskModel {
            ask,
            agent,
            reserved_microusd,
            ..
        } => format!("AskModel {ask} for {agent}, {reserved_microusd} µ$ reserved"),
        Effect::Deliver(Delivery::Act { task, token, .. }) => format!("Deliver act on {} token {token}", task.short()),
        Effect::Notify(Notice::Applied { meta, body, .. }) => {
            format!("Applied {}.{} {}", w.who(&meta.node()), meta.reference.seq, body.name())
        }
        Effect::Serve {
            to, feed, from, count, ..
        } => {
            format!(
                "Serve {} {}#{} {from}+{count}",
                w.who(to),
                w.who(&feed.node),
                feed.incarnation
            )
        }
        other => short(&format!("{other:?}")),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(400) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
