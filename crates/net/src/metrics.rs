//! Counters of the network: written by the owner, read by anybody at any time.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Live counters. Relaxed: each is exact on its own, no order between two of them is promised.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        /// A reading of all counters since the start, except where a gauge is named.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Metrics {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> Metrics {
                Metrics { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl Metrics {
            /// Names and values, for exposition.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Gauge: peers connected now.
    peers_connected,
    /// Connections that came up.
    connections_opened,
    /// Connections that went down.
    connections_closed,
    /// Connections replaced by a newer one of the same peer.
    connections_replaced,
    /// Connections closed since the peer did not answer a ping.
    ping_timeouts,
    /// Connections refused at the door: lists, limits, or a failed handshake.
    connections_refused,
    /// Dials that failed.
    dials_failed,
    /// Gossip messages sent out.
    gossip_published,
    /// Gossip bytes sent out, payload only, once a message.
    gossip_published_bytes,
    /// Gossip messages that had to wait for a peer.
    gossip_queued,
    /// Gossip messages dropped from the full queue.
    gossip_queue_dropped,
    /// Gossip messages received, each once.
    gossip_received,
    /// Gossip bytes received, payload only.
    gossip_received_bytes,
    /// Gossip messages dropped since the application was too slow to take them.
    gossip_backlog_dropped,
    /// Gossip messages that the application rejected as invalid.
    gossip_rejected,
    /// Requests sent.
    requests_sent,
    /// Requests that failed.
    requests_failed,
    /// Requests received.
    requests_received,
    /// Requests refused since the application was too slow to take them.
    requests_refused,
    /// Requests received that got no answer.
    requests_unanswered,
}

/// Adds `n` to a counter.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// Adds one to a counter.
pub(crate) fn count(counter: &AtomicU64) {
    add(counter, 1);
}
