//! What peers send: gossip, requests, answers.

use std::time::{Duration, Instant};

use libp2p::{
    PeerId, gossipsub,
    request_response::{self, OutboundFailure},
};

use super::Owner;
use crate::{
    codec::{Payload, Response},
    error::RequestError,
    event::{Channel, MessageId, NetEvent, ReplyHandle, Verdict},
    metrics::{add, count},
};

type RequestEvent = request_response::Event<Payload, Response>;

impl Owner {
    /// Whatever comes from a peer shows that it is alive.
    fn is_alive(&mut self, peer: &PeerId) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.alive_at = Instant::now();
        }
    }

    pub(super) fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            } => {
                self.on_message(propagation_source, message_id, message);
            }
            gossipsub::Event::Subscribed { .. } => self.flush_outbox(),
            gossipsub::Event::SlowPeer { peer_id, .. } => {
                tracing::debug!(peer = %peer_id, "too slow for the gossip that is sent to it");
            }
            _ => {}
        }
    }

    fn on_message(&mut self, propagated_from: PeerId, id: gossipsub::MessageId, message: gossipsub::Message) {
        self.is_alive(&propagated_from);
        let id = MessageId(id.0);
        count(&self.counters.gossip_received);
        add(&self.counters.gossip_received_bytes, message.data.len() as u64);
        // Strict validation has checked that the author is there and signed it.
        let Some(source) = message.source else {
            return self.report(&id, propagated_from, Verdict::Reject);
        };
        if self.backlog.is_full(message.data.len()) {
            count(&self.counters.gossip_backlog_dropped);
            return self.report(&id, propagated_from, Verdict::Ignore);
        }
        let (topic, data) = (message.topic.into_string(), message.data);
        let event = NetEvent::Gossip {
            source,
            propagated_from,
            topic,
            data,
            id,
        };
        self.backlog.push(propagated_from, event);
    }

    pub(super) fn on_request_event(&mut self, channel: Channel, event: RequestEvent) {
        use request_response::Message::{Request, Response as Answered};
        match event {
            RequestEvent::Message {
                peer,
                message: Request {
                    request, channel: back, ..
                },
                ..
            } => {
                self.on_request(peer, channel, request, back);
            }
            RequestEvent::Message {
                peer,
                message: Answered { request_id, response },
                ..
            } => {
                self.is_alive(&peer);
                let result = |peer| match response {
                    Response::Answer(payload) => Ok(payload.bytes),
                    Response::Unanswered => Err(RequestError::Unanswered { peer }),
                    Response::AnswerTooLarge => Err(RequestError::AnswerTooLarge { peer }),
                    Response::Busy => Err(RequestError::PeerBusy { peer }),
                };
                let next = self.requests.finish(&(channel, request_id), result);
                self.send_request(next);
            }
            RequestEvent::OutboundFailure { request_id, error, .. } => {
                count(&self.counters.requests_failed);
                let waited = self.limits.request_timeout;
                let result = |peer| Err(request_error(peer, &error, waited));
                let next = self.requests.finish(&(channel, request_id), result);
                self.send_request(next);
            }
            RequestEvent::InboundFailure { peer, error, .. } => {
                count(&self.counters.requests_unanswered);
                tracing::debug!(%peer, %error, "a request got no answer");
            }
            RequestEvent::ResponseSent { .. } => {}
        }
    }

    fn on_request(
        &mut self,
        peer: PeerId,
        channel: Channel,
        request: Payload,
        back: request_response::ResponseChannel<Response>,
    ) {
        self.is_alive(&peer);
        count(&self.counters.requests_received);
        let commands = self.own_commands.upgrade();
        let (Some(commands), false) = (commands, self.backlog.is_full(request.bytes.len())) else {
            count(&self.counters.requests_refused);
            // An error says that the peer has stopped waiting.
            let _ = self.protocols().directed(channel).send_response(back, Response::Busy);
            return;
        };
        let reply = ReplyHandle {
            peer,
            channel,
            response: Some(back),
            commands,
            max_bytes: self.limits.max_message_bytes,
            share: request.share,
        };
        let event = NetEvent::Request {
            peer,
            channel,
            data: request.bytes,
            reply,
        };
        self.backlog.push(peer, event);
    }
}

fn request_error(peer: PeerId, error: &OutboundFailure, waited: Duration) -> RequestError {
    match error {
        OutboundFailure::DialFailure => RequestError::NotConnected { peer },
        OutboundFailure::Timeout => RequestError::Timeout { peer, waited },
        OutboundFailure::UnsupportedProtocols => RequestError::Unsupported { peer },
        OutboundFailure::ConnectionClosed => RequestError::Broken {
            peer,
            reason: "the connection was closed".to_owned(),
        },
        OutboundFailure::Io(error) => RequestError::Broken {
            peer,
            reason: error.to_string(),
        },
    }
}
