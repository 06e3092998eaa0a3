//! Gossip that waits for a peer.
//!
//! Publishing without a subscribed peer is an error in gossipsub. Here such a message waits until
//! somebody subscribes. The queue is bounded in messages and in bytes; the oldest goes first,
//! since gossip is a hint and the newest hint is worth the most. The order within a topic is kept.

use std::collections::{HashSet, VecDeque};

use crate::config::{OUTBOX_BYTES, OUTBOX_MESSAGES};

/// What became of an attempt to send a queued message.
pub(crate) enum Attempt {
    /// Sent, or hopeless: it leaves the queue.
    Done,
    /// Nobody to send to: this topic waits on.
    NoPeers,
    /// Enough for now: everything waits on.
    Enough,
}

/// See the module documentation.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<(String, Vec<u8>)>,
    bytes: usize,
}

impl Outbox {
    /// Appends a message. Returns how many old ones had to go.
    pub(crate) fn push(&mut self, topic: String, data: Vec<u8>) -> u64 {
        self.bytes += data.len();
        self.queue.push_back((topic, data));
        let mut dropped = 0;
        while self.queue.len() > OUTBOX_MESSAGES || self.bytes > OUTBOX_BYTES {
            let Some((_, data)) = self.queue.pop_front() else {
                break;
            };
            self.bytes -= data.len();
            dropped += 1;
        }
        dropped
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether messages of `topic` wait; a new one must then wait behind them.
    pub(crate) fn holds(&self, topic: &str) -> bool {
        self.queue.iter().any(|(queued, _)| queued == topic)
    }

    /// Offers each message to `send` in order, until its topic turns out to have no peers.
    pub(crate) fn flush(&mut self, mut send: impl FnMut(&str, &[u8]) -> Attempt) {
        let mut waiting = HashSet::new();
        let mut kept = VecDeque::new();
        while let Some((topic, data)) = self.queue.pop_front() {
            if waiting.contains(&topic) {
                kept.push_back((topic, data));
                continue;
            }
            match send(&topic, &data) {
                Attempt::Done => self.bytes -= data.len(),
                Attempt::NoPeers => {
                    waiting.insert(topic.clone());
                    kept.push_back((topic, data));
                }
                Attempt::Enough => {
                    kept.push_back((topic, data));
                    break;
                }
            }
        }
        kept.append(&mut self.queue);
        self.queue = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_when_the_queue_is_full() {
        let mut outbox = Outbox::default();
        let mut dropped = 0;
        for n in 0..OUTBOX_MESSAGES + 3 {
            dropped += outbox.push("t".into(), n.to_be_bytes().to_vec());
        }
        assert_eq!(dropped, 3);
        let mut sent = Vec::new();
        outbox.flush(|_, data| {
            sent.push(data.to_vec());
            Attempt::Done
        });
        assert_eq!(sent.len(), OUTBOX_MESSAGES);
        assert_eq!(sent[0], 3_usize.to_be_bytes());
        assert!(outbox.is_empty() && outbox.bytes == 0);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut outbox = Outbox::default();
        for _ in 0..40 {
            outbox.push("t".into(), vec![0; 1024 * 1024]);
        }
        assert!(outbox.bytes <= OUTBOX_BYTES);
        assert_eq!(outbox.queue.len(), OUTBOX_BYTES / (1024 * 1024));
    }

    #[test]
    fn a_topic_without_peers_does_not_hold_up_the_others() {
        let mut outbox = Outbox::default();
        for (topic, data) in [("a", 1), ("b", 2), ("a", 3), ("b", 4)] {
            outbox.push(topic.into(), vec![data]);
        }
        let mut offered = Vec::new();
        outbox.flush(|topic, data| {
            offered.push(data[0]);
            if topic == "a" { Attempt::NoPeers } else { Attempt::Done }
        });
        assert_eq!(offered, [1, 2, 4], "a is asked once");
        assert!(outbox.holds("a") && !outbox.holds("b"));
        let mut sent = Vec::new();
        outbox.flush(|_, data| {
            sent.push(data[0]);
            Attempt::Done
        });
        assert_eq!(sent, [1, 3], "in order");
    }

    #[test]
    fn a_burst_is_cut_and_goes_on_in_order() {
        let mut outbox = Outbox::default();
        for data in 0..5 {
            outbox.push("t".into(), vec![data]);
        }
        let mut sent = Vec::new();
        for _ in 0..3 {
            let mut left = 2;
            outbox.flush(|_, data| {
                if left == 0 {
                    return Attempt::Enough;
                }
                left -= 1;
                sent.push(data[0]);
                Attempt::Done
            });
        }
        assert_eq!(sent, [0, 1, 2, 3, 4]);
        assert!(outbox.is_empty() && outbox.bytes == 0);
    }
}
