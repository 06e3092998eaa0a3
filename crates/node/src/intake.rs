//! Checking what comes in, beside the core.
//!
//! Signatures are most of the work of taking an event in, and need nothing but the event. So ranges are checked on other threads,
//! in parts, as many at a time as there are processors; the core folds what is checked meanwhile. What one peer says is given
//! to the core in the order in which it came; peers do not wait for each other. A single event while nothing else is under
//! way is checked in place, because handing it over would take longer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bzzz_core::crypto::PublicKey;
use bzzz_core::event::{Checked, EventError};
use bzzz_core::wire::{MAX_MESSAGE_BYTES, Wire};
use bzzz_net::{MessageId, PeerId};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use minicbor::bytes::ByteVec;
use tokio::sync::Semaphore;

/// Messages that wait for their check, at most. Beyond, the network's own queue fills, and it refuses.
const MESSAGES: usize = 1024;
/// Bytes of them, at most, and one message more.
const BYTES: usize = 2 * MAX_MESSAGE_BYTES;
/// Events that one thread checks at a time: some milliseconds.
const PART: usize = 64;

/// How a message came.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// From the peer itself.
    Direct,
    /// Over a topic: gossipsub waits for a verdict on it.
    Gossip {
        /// The message.
        id: MessageId,
        /// The neighbour that passed it on.
        by: PeerId,
    },
}

/// A message on its way to the core.
pub(crate) struct Arrived {
    pub(crate) from: PublicKey,
    pub(crate) message: Wire,
    pub(crate) way: Way,
    /// On the wire.
    pub(crate) bytes: usize,
}

/// A message of which everything is checked that needs no core.
pub(crate) struct Ready {
    pub(crate) from: PublicKey,
    /// Without its events.
    pub(crate) message: Wire,
    pub(crate) events: Vec<Result<Checked, EventError>>,
    pub(crate) way: Way,
    bytes: usize,
}

/// Messages whose events are being checked.
pub(crate) struct Intake {
    /// By peer; the first is under check.
    queues: BTreeMap<PublicKey, VecDeque<Arrived>>,
    running: FuturesUnordered<BoxFuture<'static, Ready>>,
    threads: Arc<Semaphore>,
    messages: usize,
    bytes: usize,
}

impl Intake {
    pub(crate) fn new(threads: usize) -> Self {
        Intake {
            queues: BTreeMap::new(),
            running: FuturesUnordered::new(),
            threads: Arc::new(Semaphore::new(threads)),
            messages: 0,
            bytes: 0,
        }
    }

    /// Whether there is room for another message.
    pub(crate) fn has_room(&self) -> bool {
        self.messages < MESSAGES && self.bytes < BYTES
    }

    /// Whether something is under check.
    pub(crate) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Takes a message; gives it back at once if nothing in it has to wait.
    pub(crate) fn take(&mut self, arrived: Arrived) -> Option<Ready> {
        let light = events_of(&arrived.message) <= usize::from(self.running.is_empty());
        if light && !self.queues.contains_key(&arrived.from) {
            return Some(check_here(arrived));
        }
        self.messages += 1;
        self.bytes += arrived.bytes;
        let from = arrived.from;
        let queue = self.queues.entry(from).or_default();
        queue.push_back(arrived);
        if queue.len() == 1 {
            self.begin(from);
        }
        None
    }

    /// The next message that is checked; pending for ever while nothing is under check.
    pub(crate) async fn next(&mut self) -> Ready {
        match self.running.next().await {
            Some(ready) => {
                self.messages -= 1;
                self.bytes -= ready.bytes;
                if let Some(queue) = self.queues.get_mut(&ready.from) {
                    queue.pop_front();
                    match queue.is_empty() {
                        true => drop(self.queues.remove(&ready.from)),
                        false => self.begin(ready.from),
                    }
                }
                ready
            }
            None => std::future::pending().await,
        }
    }

    /// Begins to check the first message of a peer. Its place in the queue stays taken, empty, until it is done.
    fn begin(&mut self, from: PublicKey) {
        let Some(first) = self.queues.get_mut(&from).and_then(VecDeque::front_mut) else {
            return;
        };
        let nothing = Wire::WantRosters {
            project: bzzz_core::crypto::Hash::ZERO,
            from: 0,
        };
        let arrived = Arrived {
            from,
            message: std::mem::replace(&mut first.message, nothing),
            way: first.way.clone(),
            bytes: first.bytes,
        };
        self.running.push(Box::pin(check(arrived, self.threads.clone())));
    }
}

fn events_of(message: &Wire) -> usize {
    match message {
        Wire::Events { events, .. } => events.len(),
        _ => 0,
    }
}

fn take_events(message: &mut Wire) -> Vec<ByteVec> {
    match message {
        Wire::Events { events, .. } => std::mem::take(events),
        _ => Vec::new(),
    }
}

fn check_all(events: &[ByteVec]) -> Vec<Result<Checked, EventError>> {
    events.iter().map(|bytes| Checked::check(bytes)).collect()
}

fn check_here(mut arrived: Arrived) -> Ready {
    let events = check_all(&take_events(&mut arrived.message));
    ready(arrived, events)
}

fn ready(arrived: Arrived, events: Vec<Result<Checked, EventError>>) -> Ready {
    let Arrived {
        from,
        message,
        way,
        bytes,
    } = arrived;
    Ready {
        from,
        message,
        events,
        way,
        bytes,
    }
}

async fn check(mut arrived: Arrived, threads: Arc<Semaphore>) -> Ready {
    let mut events = take_events(&mut arrived.message).into_iter();
    let mut parts = Vec::with_capacity(events.len().div_ceil(PART));
    while events.len() > 0 {
        let part: Vec<ByteVec> = events.by_ref().take(PART).collect();
        let threads = threads.clone();
        parts.push(tokio::spawn(async move {
            // The semaphore is never closed.
            let _permit = threads.acquire_owned().await;
            tokio::task::spawn_blocking(move || check_all(&part)).await
        }));
    }
    let mut checked = Vec::new();
    for part in parts {
        // Lost only when the whole process ends; then nobody misses it.
        if let Ok(Ok(part)) = part.await {
            checked.extend(part);
        }
    }
    ready(arrived, checked)
}
