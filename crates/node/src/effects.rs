//! Carrying out what the core decided.

use std::future::Future;
use std::pin::Pin;

use bzzz_core::blob::{Blob, SHORT_BLOB_BYTES};
use bzzz_core::codec;
use bzzz_core::crypto::{Hash, PublicKey};
use bzzz_core::event::{Event, FeedId};
use bzzz_core::node::{Delivery, Effect, Input, Loaded, Write};
use bzzz_core::reading::Reading;
use bzzz_core::wire::{Wire, topic};
use bzzz_net::{Channel, identity};
use bzzz_store::{Batch, BlobLookup, BlobRow, Durability, EventRow, ForkProof, StoreError};

use crate::analyse::analyse;
use crate::error::NodeError;
use crate::owner::{Owner, is_reload};
use crate::projections;

/// A write under way.
pub(crate) type Disk = Pin<Box<dyn Future<Output = DiskDone> + Send>>;

/// What became of a write.
pub(crate) enum DiskDone {
    /// An append of our own.
    Appended(u64, Result<(), StoreError>),
    /// Others' events, or a proof.
    Kept(Result<(), StoreError>),
}

/// Others' events in one batch of a step, beyond which they go ahead of it: a quarter of what the store takes.
const BATCH_BYTES: usize = bzzz_store::MAX_BATCH_BYTES / 4;
/// Bytes of events in one answer to a want: well below the limit of a message.
const SERVE_BYTES: usize = 8 * 1024 * 1024;

impl Owner {
    pub(crate) async fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), NodeError> {
        let reload = effects.iter().any(is_reload);
        self.reload |= reload;
        let mut kept: Vec<Write> = Vec::new();
        for effect in effects {
            // What a step stores is one batch: its rows show all of it.
            let effect = match effect {
                Effect::Store(write) => {
                    kept.push(write);
                    continue;
                }
                effect => effect,
            };
            if !kept.is_empty() {
                self.keep_all(std::mem::take(&mut kept), reload).await;
            }
            match effect {
                Effect::Append { id, writes } => {
                    let batch = self.keep_ahead(writes, Durability::Durable, reload).await;
                    let store = self.store.clone();
                    self.write(Box::pin(
                        async move { DiskDone::Appended(id, store.append(batch).await) },
                    ))
                    .await;
                }
                Effect::StoreFork { project, a, b } => {
                    let proof = ForkProof {
                        feed: feed_of(&project, &a.feed()),
                        seq: a.header().seq,
                        bytes_a: a.encode(),
                        bytes_b: b.encode(),
                    };
                    let mut batch = Batch {
                        fork_proofs: vec![proof],
                        ..Batch::default()
                    };
                    if reload {
                        projections::spoil(&mut batch);
                    }
                    self.keep(batch).await;
                }
                Effect::Send { to, message } => self.send(to, message),
                Effect::Broadcast { project, message } => {
                    self.follow_projects().await;
                    // A hint: what is lost, anti-entropy repairs. What follows (the answer to whoever posted) does not wait for it.
                    self.net.publish_hint(topic(&project), message.encode()).await;
                }
                Effect::Serve {
                    to,
                    project,
                    feed,
                    from,
                    count,
                } => self.serve(to, project, feed, from, count),
                Effect::ServeBlob { to, project, hash } => self.serve_blob(to, project, hash),
                Effect::LoadBlob { project, hash } => self.load_blob(project, hash),
                Effect::ProveFork { project, event } => self.prove_fork(project, event),
                Effect::Analyse { ask, role, change, .. } => {
                    let (gate, answers, analyser) = (self.analyses.clone(), self.answers.clone(), self.analyser);
                    tokio::spawn(async move {
                        let analysed = analyse(gate, analyser, role, change).await;
                        let (result, reading) = match analysed {
                            Ok((found, reading)) => (Ok(found), reading),
                            Err(why) => (Err(why), Reading::default()),
                        };
                        let _ = answers.send(Input::Analysed { ask, result, reading }).await;
                    });
                }
                // The seam for the crate that calls models: without it nothing is sent, so nothing is charged.
                Effect::AskModel { ask, .. } => {
                    self.inputs.push_back(Input::ModelFailed {
                        ask,
                        charged_microusd: 0,
                    });
                }
                Effect::Deliver(delivery) => deliver(&delivery),
                Effect::Dial { peer, addresses } => self.dial(peer, addresses),
                Effect::Wake { at_ms } => self.wake_ms = at_ms,
                Effect::Reply { id, result } => {
                    if let Some(reply) = self.replies.remove(&id) {
                        // Whoever asked may have gone.
                        let _ = reply.send(result);
                    }
                }
                Effect::Notify(notice) => self.notice(notice),
                Effect::Store(_) | Effect::Reload => {}
            }
        }
        if !kept.is_empty() {
            self.keep_all(kept, reload).await;
        }
        Ok(())
    }

    async fn keep_all(&mut self, writes: Vec<Write>, reload: bool) {
        let last = self.keep_ahead(writes, Durability::Relaxed, reload).await;
        self.keep(last).await;
    }

    /// One step's events and blobs for the store, with the rows that they change. What is too much for one batch is kept ahead of it.
    async fn keep_ahead(&mut self, writes: Vec<Write>, durability: Durability, reload: bool) -> Batch {
        let mut batch = Batch {
            durability,
            ..Batch::default()
        };
        match reload {
            true => projections::spoil(&mut batch),
            false => self.recount |= !projections::add(&self.node, &writes, &mut batch),
        }
        fill(&mut batch, writes);
        let ahead = split(&mut batch, &self.node.me().0);
        self.recount |= !ahead.is_empty() && !reload;
        for batch in ahead {
            self.keep(batch).await;
        }
        batch
    }

    /// Enters a write into the store's queue now, in order, and waits for it later.
    async fn write(&mut self, mut work: Disk) {
        match futures::poll!(&mut work) {
            std::task::Poll::Ready(done) => self.disk.push(Box::pin(std::future::ready(done))),
            std::task::Poll::Pending => self.disk.push(work),
        }
    }

    async fn keep(&mut self, batch: Batch) {
        let store = self.store.clone();
        self.write(Box::pin(async move { DiskDone::Kept(store.append(batch).await) }))
            .await;
    }

    fn send(&self, to: PublicKey, message: Wire) {
        let Some(peer) = identity::peer_id_of(&to.0) else {
            return;
        };
        // Every message is repeated or asked for again if it is lost; a peer that takes nothing must not fill our memory.
        let Ok(waiting) = self.waiting_sends.clone().try_acquire_owned() else {
            return tracing::debug!(%peer, "too many messages wait to be sent; dropped one");
        };
        let (net, gate) = (self.net.clone(), self.sends.clone());
        let channel = match message {
            Wire::Events { .. } | Wire::Heads { .. } | Wire::Digest { .. } | Wire::Want { .. } => Channel::Sync,
            _ => Channel::Direct,
        };
        tokio::spawn(async move {
            let _waiting = waiting;
            let Ok(_permit) = gate.acquire_owned().await else {
                return;
            };
            if let Err(e) = net.request(peer, channel, message.encode()).await {
                tracing::debug!(%peer, error = %e, "a message did not arrive");
            }
        });
    }

    fn dial(&self, to: PublicKey, addresses: Vec<String>) {
        let Some(peer) = identity::peer_id_of(&to.0) else {
            return;
        };
        let net = self.net.clone();
        tokio::spawn(async move {
            for text in addresses {
                let Ok(address) = text.parse::<bzzz_net::Multiaddr>() else {
                    continue;
                };
                let Ok(address) = address.with_p2p(peer) else { continue };
                match net.dial(address).await {
                    Ok(_) => return,
                    Err(e) => tracing::debug!(%peer, error = %e, "could not dial a member"),
                }
            }
        });
    }

    fn serve(&self, to: PublicKey, project: Hash, feed: FeedId, from: u64, count: u64) {
        let (store, net) = (self.store.clone(), self.net.clone());
        let (Some(peer), Ok(permit)) = (identity::peer_id_of(&to.0), self.serves.clone().try_acquire_owned()) else {
            return;
        };
        tokio::spawn(async move {
            let _permit = permit;
            let (mut from, end) = (from, from.saturating_add(count));
            while from < end {
                let rows = match store
                    .events(feed_of(&project, &feed), from, (end - from) as usize)
                    .await
                {
                    Ok(rows) => rows,
                    Err(e) => return tracing::warn!(error = %e, "could not read a range for a peer"),
                };
                let mut size = 0;
                let fits = rows.into_iter().take_while(|row| {
                    let first = size == 0;
                    size += row.bytes.len();
                    first || size <= SERVE_BYTES
                });
                let events: Vec<_> = fits.map(|row| row.bytes.into()).collect();
                if events.is_empty() {
                    return;
                }
                from += events.len() as u64;
                let message = Wire::Events {
                    project,
                    events,
                    blobs: vec![],
                };
                if let Err(e) = net.request(peer, Channel::Sync, message.encode()).await {
                    return tracing::debug!(%peer, error = %e, "a range did not arrive");
                }
            }
        });
    }

    fn serve_blob(&self, to: PublicKey, project: Hash, hash: Hash) {
        let (store, net) = (self.store.clone(), self.net.clone());
        let (Some(peer), Ok(permit)) = (identity::peer_id_of(&to.0), self.serves.clone().try_acquire_owned()) else {
            return;
        };
        tokio::spawn(async move {
            let _permit = permit;
            if let Some(blob) = read_blob(&store, &project, hash).await {
                let message = Wire::Blob { project, blob };
                if let Err(e) = net.request(peer, Channel::Direct, message.encode()).await {
                    tracing::debug!(%peer, error = %e, "a blob did not arrive");
                }
            }
        });
    }

    fn load_blob(&self, project: Hash, hash: Hash) {
        let (store, answers) = (self.store.clone(), self.answers.clone());
        tokio::spawn(async move {
            let blob = look_up(&store, &project, hash).await;
            let _ = answers.send(Input::BlobLoaded { project, hash, blob }).await;
        });
    }

    fn prove_fork(&self, project: Hash, event: Event) {
        let (store, answers) = (self.store.clone(), self.answers.clone());
        tokio::spawn(async move {
            let rows = store
                .events(feed_of(&project, &event.feed()), event.header().seq, 1)
                .await;
            let ours = rows
                .ok()
                .and_then(|rows| rows.into_iter().next())
                .filter(|r| r.seq == event.header().seq);
            if let Some(ours) = ours {
                let input = Input::ForkFound {
                    project,
                    a: ours.bytes,
                    b: event.encode(),
                };
                let _ = answers.send(input).await;
            }
        });
    }
}

/// A blob of a project from the store, whole.
pub(crate) async fn read_blob(store: &bzzz_store::Store, project: &Hash, hash: Hash) -> Option<Blob> {
    match look_up(store, project, hash).await {
        Loaded::Here(blob) => Some(blob),
        Loaded::Erased | Loaded::Lost => None,
    }
}

/// What the store has of a project's blob.
async fn look_up(store: &bzzz_store::Store, project: &Hash, hash: Hash) -> Loaded {
    match store.blob(hash.0).await {
        Ok(BlobLookup::Present(row)) if row.project == project.0 => {
            let blob: Option<Blob> = codec::decode("blob", &row.bytes).ok();
            let Some(blob) = blob.filter(|blob| blob.hash() == hash) else {
                tracing::warn!(%hash, "a stored text is not what its event names: the file was changed from outside");
                return Loaded::Lost;
            };
            Loaded::Here(blob)
        }
        Ok(BlobLookup::Erased) => Loaded::Erased,
        Ok(BlobLookup::Present(_) | BlobLookup::Absent) => Loaded::Lost,
        Err(e) => {
            tracing::warn!(error = %e, "could not read a blob");
            Loaded::Lost
        }
    }
}

/// A feed as the store names it.
pub(crate) fn feed_of(project: &Hash, feed: &FeedId) -> bzzz_store::FeedId {
    bzzz_store::FeedId {
        project: project.0,
        node: feed.node.0,
        incarnation: feed.incarnation,
    }
}

/// Takes out of a batch that is too large what may go ahead of it: others' events before the first own one, in their order. A message and
/// what waited for it can be more than the store takes at once; own events stay together.
fn split(batch: &mut Batch, me: &[u8; 32]) -> Vec<Batch> {
    if batch.payload_bytes() <= BATCH_BYTES {
        return Vec::new();
    }
    let own = batch.events.iter().position(|event| event.feed.node == *me);
    let rest = batch.events.split_off(own.unwrap_or(batch.events.len()));
    let mut ahead: Vec<Batch> = Vec::new();
    let mut bytes = 0;
    for event in std::mem::replace(&mut batch.events, rest) {
        bytes += event.bytes.len();
        match ahead.last_mut().filter(|_| bytes <= BATCH_BYTES) {
            Some(part) => part.events.push(event),
            None => {
                bytes = event.bytes.len();
                ahead.push(Batch {
                    events: vec![event],
                    durability: Durability::Relaxed,
                    ..Batch::default()
                });
            }
        }
    }
    // The rows of the step belong to all of its events: until they are compared, nobody may rely on them.
    if let Some(first) = ahead.first_mut() {
        projections::spoil(first);
        batch.projections.clear();
    }
    ahead
}

fn fill(batch: &mut Batch, writes: Vec<Write>) {
    for write in writes {
        batch.events.extend(write.events.iter().map(|event| EventRow {
            feed: feed_of(&write.project, &event.feed()),
            seq: event.header().seq,
            hash: event.hash().0,
            hlc: event.header().hlc.0,
            kind: event.header().kind,
            bytes: event.encode(),
        }));
        batch.blobs.extend(write.blobs.iter().map(|blob| BlobRow {
            hash: blob.hash().0,
            project: write.project.0,
            long: blob.bytes.len() > SHORT_BLOB_BYTES,
            bytes: codec::encode(blob),
        }));
    }
}

/// The outside world of this build is the log; bridges come with their own crate.
fn deliver(delivery: &Delivery) {
    match delivery {
        Delivery::Escalation {
            escalation,
            reminder: 0,
            ..
        } => {
            tracing::warn!(target: crate::QUESTIONS, %escalation, "a person is asked: `bzzz escalations list`");
        }
        Delivery::Escalation {
            escalation, reminder, ..
        } => {
            tracing::warn!(target: crate::QUESTIONS, %escalation, reminder, "a question still waits for an answer: `bzzz escalations list`");
        }
        Delivery::Act {
            task, token, action, ..
        } => tracing::info!(%task, token, action, "acted for a task"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: [u8; 32] = [1; 32];

    fn event(node: u8, seq: u64, bytes: usize) -> EventRow {
        EventRow {
            feed: bzzz_store::FeedId {
                project: [0; 32],
                node: [node; 32],
                incarnation: 0,
            },
            seq,
            hash: [0; 32],
            hlc: 0,
            kind: 1,
            bytes: vec![0; bytes],
        }
    }

    fn numbers(batch: &Batch) -> Vec<u64> {
        batch.events.iter().map(|e| e.seq).collect()
    }

    #[test]
    fn a_large_step_is_split_in_order_and_own_events_stay_together() {
        let quarter = BATCH_BYTES / 4;
        let mut events: Vec<EventRow> = (0..10).map(|n| event(2, n, quarter)).collect();
        events.extend([event(1, 10, 10), event(2, 11, quarter), event(1, 12, 10)]);
        let mut batch = Batch {
            events,
            projections: vec![bzzz_store::Projection {
                name: "threads".into(),
                key: vec![1],
                value: None,
            }],
            ..Batch::default()
        };
        let ahead = split(&mut batch, &ME);
        let parts: Vec<Vec<u64>> = ahead.iter().map(numbers).collect();
        assert_eq!(parts, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
        assert_eq!(numbers(&batch), [10, 11, 12]);
        assert_eq!(
            (batch.durability, ahead[0].durability),
            (Durability::Durable, Durability::Relaxed)
        );
        assert!(batch.projections.is_empty() && !ahead[0].meta.is_empty() && ahead[1].meta.is_empty());
    }

    #[test]
    fn a_small_step_is_one_batch() {
        let mut batch = Batch {
            events: vec![event(2, 0, 100), event(1, 0, 100)],
            ..Batch::default()
        };
        assert!(split(&mut batch, &ME).is_empty());
        assert_eq!(batch.events.len(), 2);
    }
}
