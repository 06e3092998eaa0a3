//! What peers send: what is passed on to others, what is refused at the door, and what is given to the core.
//!
//! Gossip is passed on only if its events are sound and their authors belong to the project. What is malformed or wrongly signed counts
//! against whoever sent it; what is only unknown here (another project, an author who is no member yet) does not.

use bzzz_core::crypto::PublicKey;
use bzzz_core::event::Event;
use bzzz_core::node::{Input, Project};
use bzzz_core::wire::{MAX_RANGE, Wire};
use bzzz_core::{codec::CodecError, crypto::Hash};
use bzzz_net::{MessageId, PeerId, Verdict, identity};
use minicbor::bytes::ByteVec;

use crate::boot::unix_ms;
use crate::error::NodeError;
use crate::intake::{Arrived, Ready, Way};
use crate::owner::Owner;

/// What is known of a message before its signatures are checked.
enum Glance {
    /// Worth a check.
    Look(Wire),
    /// Judged already; the reason, if there is anything to say.
    Done(Verdict, Option<&'static str>),
}

impl Owner {
    /// A message came over a topic.
    pub(crate) async fn gossip(
        &mut self,
        source: &PeerId,
        by: PeerId,
        id: MessageId,
        data: &[u8],
    ) -> Result<(), NodeError> {
        let Some(from) = identity::public_key_of(source).map(PublicKey) else {
            self.net.report_validation(id, by, Verdict::Reject).await;
            return Ok(());
        };
        let message = match self.glance(&from, Wire::decode(data)) {
            Glance::Look(message) => message,
            Glance::Done(verdict, why) => {
                if let Some(why) = why {
                    self.refusals.tell(unix_ms(), &from, why);
                }
                self.net.report_validation(id, by, verdict).await;
                return Ok(());
            }
        };
        let way = Way::Gossip { id, by };
        self.arrived(from, message, way, data.len()).await
    }

    /// What can be said of gossip without checking a signature.
    fn glance(&self, from: &PublicKey, message: Result<Wire, CodecError>) -> Glance {
        let malformed = Glance::Done(Verdict::Reject, Some("malformed gossip"));
        match message {
            Ok(Wire::Events { project, events, blobs }) => {
                // Texts never travel over a topic.
                if events.is_empty() || events.len() as u64 > MAX_RANGE || !blobs.is_empty() {
                    return malformed;
                }
                let Some(p) = self.node.project(&project) else {
                    return Glance::Done(Verdict::Ignore, None);
                };
                // Everybody publishes its own events only: another's may be old, and were passed on when they were new.
                let Some(authors) = authors(&events) else {
                    return malformed;
                };
                if authors.iter().any(|author| author != from) {
                    return Glance::Done(Verdict::Ignore, Some("an event published by another than its author"));
                }
                if !has_room(p, from) {
                    let why = "an event of somebody who is not a member; there is no room for it";
                    return Glance::Done(Verdict::Ignore, Some(why));
                }
                Glance::Look(Wire::Events { project, events, blobs })
            }
            Ok(Wire::Presence(presence)) => {
                let project = self.node.project(&presence.statement.project);
                let member = project.is_some_and(|p| is_member(p, &presence.by));
                match member {
                    false => Glance::Done(Verdict::Ignore, None),
                    true if !presence.verify() => {
                        Glance::Done(Verdict::Reject, Some("a presence not signed by its node"))
                    }
                    true => Glance::Look(Wire::Presence(presence)),
                }
            }
            Ok(_) | Err(_) => malformed,
        }
    }

    /// A message came from the peer itself.
    pub(crate) async fn request_received(
        &mut self,
        peer: &PeerId,
        decoded: Result<Wire, CodecError>,
        bytes: usize,
    ) -> Result<(), NodeError> {
        let Some(from) = identity::public_key_of(peer).map(PublicKey) else {
            return Ok(());
        };
        let mut message = match decoded {
            Ok(message) => message,
            Err(e) => {
                self.refusals.tell(unix_ms(), &from, &e.to_string());
                return Ok(());
            }
        };
        if let Wire::Events { project, events, .. } = &mut message
            && let Some(p) = self.node.project(project)
        {
            events.truncate(MAX_RANGE as usize);
            if !is_member(p, &from) {
                let before = events.len();
                events.retain(|bytes| Event::decode_trusted(bytes).is_ok_and(|e| has_room(p, &e.node())));
                if events.len() < before {
                    let why = "events from somebody who is not a member; there is no room for them";
                    self.refusals.tell(unix_ms(), &from, why);
                }
            }
        }
        self.arrived(from, message, Way::Direct, bytes).await
    }

    async fn arrived(&mut self, from: PublicKey, message: Wire, way: Way, bytes: usize) -> Result<(), NodeError> {
        // Of a project that is not here the core wants the genesis only, if anything: it looks itself.
        if let Wire::Events { project, .. } = &message
            && self.node.project(project).is_none()
        {
            let gossip = false;
            return self.step(Input::Received { from, message, gossip }).await;
        }
        let arrived = Arrived {
            from,
            message,
            way,
            bytes,
        };
        match self.intake.take(arrived) {
            Some(ready) => self.checked(ready).await,
            None => Ok(()),
        }
    }

    /// A message whose signatures are checked.
    pub(crate) async fn checked(&mut self, ready: Ready) -> Result<(), NodeError> {
        let Ready {
            from,
            message,
            events,
            way,
            ..
        } = ready;
        let gossip = match way {
            Way::Direct => false,
            Way::Gossip { id, by } => {
                let verdict = self.verdict(&message, &events);
                self.net.report_validation(id, by, verdict).await;
                true
            }
        };
        match message {
            Wire::Events { project, blobs, .. } => {
                self.step(Input::Events {
                    from,
                    project,
                    events,
                    blobs,
                    gossip,
                })
                .await
            }
            message => self.step(Input::Received { from, message, gossip }).await,
        }
    }

    /// What becomes of gossip whose signatures are checked.
    fn verdict(
        &self,
        message: &Wire,
        events: &[Result<bzzz_core::event::Checked, bzzz_core::event::EventError>],
    ) -> Verdict {
        let Wire::Events { project, .. } = message else {
            return Verdict::Accept;
        };
        let of_project = |hash: Hash| hash == *project;
        let Some(p) = self.node.project(project) else {
            return Verdict::Ignore;
        };
        let mut verdict = Verdict::Accept;
        for checked in events {
            match checked {
                Err(_) => return Verdict::Reject,
                Ok(checked) if !of_project(checked.event().project()) => return Verdict::Reject,
                Ok(checked) if !is_member(p, &checked.event().node()) => verdict = Verdict::Ignore,
                Ok(_) => {}
            }
        }
        verdict
    }
}

/// Who signed these events, or `None` if one of them is none.
fn authors(events: &[ByteVec]) -> Option<Vec<PublicKey>> {
    let author = |bytes: &ByteVec| Event::decode_trusted(bytes).ok().map(|e| e.node());
    events.iter().map(author).collect()
}

fn is_member(project: &Project, node: &PublicKey) -> bool {
    project.state.rosters.latest().is_member(node)
}

/// Whether an event of this author could be accepted or kept.
fn has_room(project: &Project, author: &PublicKey) -> bool {
    is_member(project, author) || project.feeds.has_room_for_stranger(author)
}
