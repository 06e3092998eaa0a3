//! Outgoing requests: a gate for each peer and channel, and who waits for which answer.
//!
//! What always holds: at most `max_in_flight` requests of a lane are on the wire, at most
//! [`WAITING_REQUESTS`] wait behind them, and all waiting ones together hold at most [`WAITING_BYTES`].
//! Whoever gave up waiting is skipped when their turn comes.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

use libp2p::PeerId;

use crate::{
    config::{WAITING_BYTES, WAITING_REQUESTS},
    error::RequestError,
    event::Channel,
    handle::Reply,
};

/// Where the answer goes.
pub(crate) type Answer = Reply<Result<Vec<u8>, RequestError>>;

/// A request that may be sent now.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) peer: PeerId,
    pub(crate) channel: Channel,
    pub(crate) data: Vec<u8>,
    pub(crate) answer: Answer,
}

#[derive(Debug, Default)]
struct Lane {
    in_flight: usize,
    waiting: VecDeque<(Vec<u8>, Answer)>,
}

/// The gate and the table of open questions. `K` names a request on the wire.
#[derive(Debug)]
pub(crate) struct Requests<K> {
    max_in_flight: usize,
    lanes: HashMap<(PeerId, Channel), Lane>,
    open: HashMap<K, (PeerId, Channel, Answer)>,
    waiting_bytes: usize,
}

impl<K: Hash + Eq> Requests<K> {
    pub(crate) fn new(max_in_flight: usize) -> Self {
        Self {
            max_in_flight: max_in_flight.max(1),
            lanes: HashMap::new(),
            open: HashMap::new(),
            waiting_bytes: 0,
        }
    }

    /// Takes a request in. It comes back when it may go out at once; the caller must then send it and
    /// call [`Requests::sent`].
    pub(crate) fn submit(&mut self, ready: Ready) -> Option<Ready> {
        let lane = self.lanes.entry((ready.peer, ready.channel)).or_default();
        if lane.in_flight < self.max_in_flight {
            lane.in_flight += 1;
            return Some(ready);
        }
        let bytes = self.waiting_bytes + ready.data.len();
        if lane.waiting.len() >= WAITING_REQUESTS || bytes > WAITING_BYTES {
            let _ = ready.answer.send(Err(RequestError::Busy { peer: ready.peer }));
            return None;
        }
        self.waiting_bytes = bytes;
        lane.waiting.push_back((ready.data, ready.answer));
        None
    }

    /// The request went out as `key`.
    pub(crate) fn sent(&mut self, key: K, peer: PeerId, channel: Channel, answer: Answer) {
        self.open.insert(key, (peer, channel, answer));
    }

    /// The request `key` is over: hands out the result and returns the next one of its lane.
    pub(crate) fn finish(
        &mut self,
        key: &K,
        result: impl FnOnce(PeerId) -> Result<Vec<u8>, RequestError>,
    ) -> Option<Ready> {
        let (peer, channel, answer) = self.open.remove(key)?;
        // Nobody listens when the caller gave up.
        let _ = answer.send(result(peer));
        let lane = self.lanes.get_mut(&(peer, channel))?;
        while let Some((data, answer)) = lane.waiting.pop_front() {
            self.waiting_bytes -= data.len();
            if !answer.is_closed() {
                return Some(Ready {
                    peer,
                    channel,
                    data,
                    answer,
                });
            }
        }
        lane.in_flight -= 1;
        if lane.in_flight == 0 {
            self.lanes.remove(&(peer, channel));
        }
        None
    }

    /// The peer is gone: what waited for it fails. What is on the wire ends through its own events.
    pub(crate) fn disconnected(&mut self, peer: PeerId) {
        for channel in [Channel::Direct, Channel::Sync] {
            let Some(lane) = self.lanes.get_mut(&(peer, channel)) else {
                continue;
            };
            for (data, answer) in lane.waiting.drain(..) {
                self.waiting_bytes -= data.len();
                let _ = answer.send(Err(RequestError::NotConnected { peer }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    type Listener = oneshot::Receiver<Result<Vec<u8>, RequestError>>;

    fn request(peer: PeerId, byte: u8) -> (Ready, Listener) {
        let (answer, listener) = oneshot::channel();
        (
            Ready {
                peer,
                channel: Channel::Direct,
                data: vec![byte],
                answer,
            },
            listener,
        )
    }

    #[test]
    fn a_lane_sends_in_order_and_never_more_than_allowed() {
        let peer = PeerId::random();
        let mut requests = Requests::new(2);
        let mut listeners = Vec::new();
        for n in 0..5_u8 {
            let (ready, listener) = request(peer, n);
            listeners.push(Some(listener));
            let ready = requests.submit(ready);
            assert_eq!(ready.is_some(), n < 2);
            if let Some(ready) = ready {
                requests.sent(n, peer, Channel::Direct, ready.answer);
            }
        }
        listeners[2] = None; // gives up waiting
        let next = requests.finish(&0, |_| Ok(vec![9])).expect("the lane goes on");
        assert_eq!(next.data, [3], "the one that gave up is skipped");
        requests.sent(3, peer, Channel::Direct, next.answer);
        let mut first = listeners[0].take().expect("a listener");
        assert_eq!(first.try_recv().expect("an answer"), Ok(vec![9]));
        requests.disconnected(peer);
        let mut last = listeners[4].take().expect("a listener");
        assert_eq!(last.try_recv().expect("told"), Err(RequestError::NotConnected { peer }));
        for key in [1, 3] {
            let broken = |peer| {
                Err(RequestError::Broken {
                    peer,
                    reason: "test".into(),
                })
            };
            assert!(requests.finish(&key, broken).is_none());
        }
        assert!(requests.lanes.is_empty() && requests.open.is_empty());
        assert_eq!(requests.waiting_bytes, 0);
    }

    #[test]
    fn waiting_requests_are_bounded() {
        let peer = PeerId::random();
        let mut requests: Requests<u8> = Requests::new(1);
        let mut listeners = Vec::new();
        for _ in 0..=WAITING_REQUESTS {
            let (ready, listener) = request(peer, 0);
            requests.submit(ready);
            listeners.push(listener);
        }
        let (ready, mut listener) = request(peer, 0);
        assert!(requests.submit(ready).is_none());
        assert_eq!(listener.try_recv().expect("told"), Err(RequestError::Busy { peer }));
    }
}
