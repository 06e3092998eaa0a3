//! The log of a failed run, and stepping through it.
//!
//! The log names the seed and the settings, and then lists every input with its time, its node, what came of it, and a hash
//! over everything so far. A replay runs the same simulation again and compares each input with the log, so it shows
//! exactly what happened, and says at which step a changed program behaves in another way.

use super::world::World;
use super::{Config, Failure, Violation};
use crate::body::kind_name;
use crate::event::Event;
use crate::node::{Delivery, Effect, Input, Notice};
use crate::wire::Wire;

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// Its number, from 1.
    pub step: u64,
    /// Virtual milliseconds since the start.
    pub at_ms: u64,
    /// Which node.
    pub node: usize,
    /// What came to it.
    pub input: String,
    /// What it did.
    pub effects: Vec<String>,
    /// The first digits of the hash over all steps so far.
    pub trace: String,
}

/// What a replay calls with each step.
type OnStep<'a> = Box<dyn FnMut(&Step) + 'a>;

/// Writes a log, or compares with one.
pub(super) enum Log {
    /// Does neither.
    Silent,
    /// Writes.
    Writer(String),
    /// Compares.
    Reader {
        expected: std::vec::IntoIter<Step>,
        on_step: OnStep<'static>,
    },
}

impl Log {
    /// An empty log of a run.
    pub fn writer(config: &Config) -> Self {
        let mut out = serde_json::to_string(config).unwrap_or_default();
        out.push('\n');
        Log::Writer(out)
    }

    /// Takes a step.
    pub fn push(&mut self, step: Step) -> Result<(), String> {
        match self {
            Log::Silent => {}
            Log::Writer(out) => {
                out.push_str(&serde_json::to_string(&step).unwrap_or_default());
                out.push('\n');
            }
            Log::Reader { expected, on_step } => {
                on_step(&step);
                if let Some(then) = expected.next()
                    && then != step
                {
                    return Err(format!(
                        "this build departs from the log in step {}: it had node {} with `{}`",
                        step.step, then.node, then.input
                    ));
                }
            }
        }
        Ok(())
    }

    /// Ends the log with what broke.
    pub fn finish(self, violation: &Violation) -> String {
        match self {
            Log::Writer(mut out) => {
                let last = serde_json::json!({"violation": violation.invariant, "what": violation.what});
                out.push_str(&last.to_string());
                out.push('\n');
                out
            }
            Log::Reader { .. } | Log::Silent => String::new(),
        }
    }
}

/// Steps through a saved log: `on_step` is called with every step. Returns what broke in the end, the same as in the
/// saved run unless the program has changed since; `None` if nothing breaks any more.
///
/// # Errors
/// When the log cannot be read.
pub fn replay(log: &str, on_step: impl FnMut(&Step) + 'static) -> Result<Option<Box<Failure>>, String> {
    let mut lines = log.lines();
    let head = lines.next().ok_or("could not read the log: it is empty")?;
    let config: Config = serde_json::from_str(head)
        .map_err(|e| format!("could not read the log: its first line is no configuration ({e})"))?;
    let mut steps = Vec::new();
    for line in lines.filter(|l| l.starts_with("{\"step\"")) {
        let number = steps.len() + 2;
        steps.push(
            serde_json::from_str(line)
                .map_err(|e| format!("could not read the log: line {number} is no step ({e})"))?,
        );
    }
    let reader = Log::Reader {
        expected: steps.into_iter(),
        on_step: Box::new(on_step),
    };
    let _remember = crate::crypto::memo::Remember::begin();
    Ok(World::new(config, Some(reader)).run().err())
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
        Input::BlobLoaded { hash, blob, .. } => [&[5, u8::from(blob.is_some())], &hash.0[..8]].concat(),
        Input::ForkFound { .. } => vec![6],
        Input::Analysed { ask, result } => {
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
        Input::BlobLoaded { hash, blob, .. } => format!("BlobLoaded {} {}", hash.short(), blob.is_some()),
        Input::ForkFound { a, b, .. } => format!("ForkFound {} against {}", event_words(a), event_words(b)),
        Input::Analysed { ask, result } => match result {
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
