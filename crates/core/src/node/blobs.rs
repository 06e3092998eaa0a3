//! Blobs: which are here, which are needed in memory, and which are asked for.

use std::collections::BTreeMap;

use super::{Ctx, Effect, Project};
use crate::blob::{Blob, BlobRef, MAX_BLOB_BYTES};
use crate::body::Body;
use crate::crypto::Hash;
use crate::wire::Wire;

/// Bytes of blobs kept in memory; the oldest go first, and come back from the store when they are needed.
pub const CACHE_BYTES: usize = 32 * 1024 * 1024;
/// Blobs that are asked for at a time.
pub const MAX_WANTED: usize = 1024;
/// A request for a blob is repeated, at another peer, after this long, milliseconds.
pub const RETRY_MS: u64 = 1_000;

/// Blobs in memory, bounded.
#[derive(Debug, Default)]
pub struct Cache {
    blobs: BTreeMap<Hash, (u64, Blob)>,
    order: BTreeMap<u64, Hash>,
    bytes: usize,
    next: u64,
    pub(super) wanted: BTreeMap<Hash, Want>,
    pub(super) loading: std::collections::BTreeSet<Hash>,
}

/// A blob that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want {
    pub tries: u32,
    pub next_ms: u64,
}

impl Cache {
    /// A blob in memory.
    pub fn get(&self, hash: &Hash) -> Option<&Blob> {
        self.blobs.get(hash).map(|(_, b)| b)
    }

    /// Keeps a blob, and lets the oldest go when it is too much.
    pub(super) fn insert(&mut self, blob: Blob) {
        let hash = blob.hash();
        if self.blobs.contains_key(&hash) {
            return;
        }
        self.next += 1;
        self.bytes += blob.bytes.len();
        self.order.insert(self.next, hash);
        self.blobs.insert(hash, (self.next, blob));
        while self.bytes > CACHE_BYTES && self.order.len() > 1 {
            let Some((_, oldest)) = self.order.pop_first() else {
                break;
            };
            if let Some((_, blob)) = self.blobs.remove(&oldest) {
                self.bytes -= blob.bytes.len();
            }
        }
    }
}

/// The blobs that an event refers to.
pub fn blobs_of(body: &Body) -> Vec<BlobRef> {
    match body {
        Body::ThreadOpened(b) => std::iter::once(b.title).chain(b.subject).collect(),
        Body::MessagePosted(b) => vec![b.message.statement.text],
        Body::FindingsPosted(b) => vec![b.findings.statement.list],
        Body::TaskAnnounced(b) => vec![b.title],
        Body::TaskCompleted(b) => b.result.into_iter().collect(),
        Body::Revealed(b) => b.reveal.statement.reason.into_iter().collect(),
        Body::FinalVoted(b) => b.reason.into_iter().collect(),
        Body::Escalated(b) => vec![b.question],
        Body::EscalationAnswered(b) => b.answer.statement.text.into_iter().collect(),
        Body::ResourceWritten(b) => vec![b.content],
        _ => vec![],
    }
}

impl Project {
    /// Notes that a blob belongs here; asks for it if it is missing.
    pub(super) fn expect_blob(&mut self, now: u64, reference: &BlobRef) {
        let known = self.have.contains(&reference.hash) || self.blobs.get(&reference.hash).is_some();
        if known || reference.len > MAX_BLOB_BYTES as u64 || self.blobs.wanted.len() >= MAX_WANTED {
            return;
        }
        // Short blobs are pushed by their author: give them a moment before asking.
        let want = Want {
            tries: 0,
            next_ms: now + 50,
        };
        self.blobs.wanted.entry(reference.hash).or_insert(want);
    }

    /// The blob, if it is in memory; otherwise it is loaded or asked for, and the caller tries again when it came.
    pub(super) fn need_blob(&mut self, ctx: &mut Ctx<'_>, reference: &BlobRef) -> Option<&Blob> {
        if self.blobs.get(&reference.hash).is_none() {
            if self.have.contains(&reference.hash) {
                if self.blobs.loading.insert(reference.hash) {
                    ctx.out.silent(Effect::LoadBlob {
                        project: self.id,
                        hash: reference.hash,
                    });
                }
            } else {
                self.expect_blob(ctx.now, reference);
            }
        }
        self.blobs.get(&reference.hash)
    }

    /// A blob was read from the store.
    pub(super) fn blob_loaded(&mut self, ctx: &mut Ctx<'_>, hash: Hash, blob: Option<Blob>) {
        self.blobs.loading.remove(&hash);
        match blob {
            Some(blob) if blob.hash() == hash => self.blobs.insert(blob),
            _ => {
                // Erased, or lost with an unsynced write: others may still have it.
                self.have.remove(&hash);
                self.blobs.wanted.insert(
                    hash,
                    Want {
                        tries: 0,
                        next_ms: ctx.now,
                    },
                );
            }
        }
        self.dirty = true;
    }

    /// A blob came from a peer. Only what was asked for, or belongs to a known event, is kept.
    pub(super) fn blob_received(&mut self, ctx: &mut Ctx<'_>, blob: Blob) {
        let hash = blob.hash();
        if blob.bytes.len() > MAX_BLOB_BYTES || self.have.contains(&hash) {
            return;
        }
        if self.blobs.wanted.remove(&hash).is_none() {
            // Pushed ahead of its event: memory only, until the event says that it belongs here.
            self.blobs.insert(blob);
            self.dirty = true;
            return;
        }
        self.keep_blob(ctx, blob);
    }

    /// Stores a blob whose event is known.
    pub(super) fn keep_blob(&mut self, ctx: &mut Ctx<'_>, blob: Blob) {
        if !self.have.insert(blob.hash()) {
            return;
        }
        self.blobs.insert(blob.clone());
        ctx.out.store(self.id, vec![], vec![blob]);
        self.dirty = true;
    }

    /// Asks for missing blobs, each time at another member.
    pub(super) fn blob_timers(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        let mut wake = u64::MAX;
        if self.blobs.wanted.is_empty() {
            return wake;
        }
        let roster = self.state.rosters.latest();
        let peers: Vec<_> = ctx.peers.keys().filter(|p| roster.is_member(p)).copied().collect();
        for (hash, want) in &mut self.blobs.wanted {
            if want.next_ms <= ctx.now {
                if let Some(to) = peers.get(want.tries as usize % peers.len().max(1)) {
                    let message = Wire::WantBlob {
                        project: self.id,
                        hash: *hash,
                    };
                    ctx.out.speak(Effect::Send { to: *to, message });
                }
                want.tries = want.tries.saturating_add(1);
                want.next_ms = ctx.now + RETRY_MS * u64::from(want.tries.min(30));
            }
            wake = wake.min(want.next_ms);
        }
        wake
    }
}
