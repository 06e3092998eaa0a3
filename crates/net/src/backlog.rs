//! Events on their way to the application.
//!
//! The owner must never wait for the application, or the two could wait for each other. So events go
//! through this bounded queue. When the application falls behind, gossip is dropped (it is a hint) and
//! requests are refused (the asker is told), while connects and disconnects are always kept: there are
//! at most two of them for each connection that the limits allow, since a connect that finds the queue full
//! is answered by closing the connection.

use std::collections::VecDeque;

use crate::{
    config::{EVENT_BACKLOG, EVENT_BACKLOG_BYTES},
    event::{NetEvent, Warning},
};

/// See the module documentation.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    queue: VecDeque<NetEvent>,
    bytes: usize,
    overloaded: bool,
}

fn size(event: &NetEvent) -> usize {
    match event {
        NetEvent::Gossip { data, .. } | NetEvent::Request { data, .. } => data.len(),
        _ => 0,
    }
}

impl Backlog {
    /// Whether an event with a payload of `bytes` must be turned away now. Warns once when that begins.
    pub(crate) fn is_full(&mut self, bytes: usize) -> bool {
        let full = self.queue.len() >= EVENT_BACKLOG || (bytes > 0 && self.bytes + bytes > EVENT_BACKLOG_BYTES);
        if full && !self.overloaded {
            self.overloaded = true;
            tracing::warn!("{}", Warning::Overloaded);
            self.queue.push_back(NetEvent::Warning(Warning::Overloaded));
        }
        full
    }

    /// Appends an event, full or not.
    pub(crate) fn push(&mut self, event: NetEvent) {
        self.bytes += size(&event);
        self.queue.push_back(event);
    }

    pub(crate) fn pop(&mut self) -> Option<NetEvent> {
        let event = self.queue.pop_front()?;
        self.bytes -= size(&event);
        if self.queue.len() < EVENT_BACKLOG / 2 {
            self.overloaded = false;
        }
        Some(event)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
