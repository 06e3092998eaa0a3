//! Blobs: which are here, which are needed in memory, and which are asked for ([`super::wants`]).
//!
//! A text that an event names and that is not here was lost, has not come yet, or was erased. The disk knows: it keeps a tombstone of what was
//! erased. So the disk is asked before others are, and what was erased is never asked for again.
//!
//! Not all members are connected with each other, so a text that its author cannot give any more goes from one to the next. Whoever was
//! asked for a short text and did not have it gives it when it has come: by then who asked may be in a pause of minutes, and
//! would need such a pause at each step of the way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::wants::{Ask, Wants};
use super::{Ctx, Effect, Loaded, Project};
use crate::blob::{Blob, BlobRef, MAX_BLOB_BYTES, SHORT_BLOB_BYTES};
use crate::body::Body;
use crate::crypto::{Hash, PublicKey};
use crate::plant;
use crate::wire::Wire;

/// Bytes of blobs kept in memory; the oldest go first, and come back from the store when they are needed.
pub const CACHE_BYTES: usize = 32 * 1024 * 1024;
/// Short blobs are pushed by their author: so long one is waited for before it is asked for, milliseconds.
pub const PUSH_MS: u64 = 50;
/// Texts that one member asked for and that are not here: so many are remembered, the last ones.
pub const MAX_OWED: usize = 256;

/// Blobs in memory, bounded.
#[derive(Debug, Default)]
pub struct Cache {
    blobs: BTreeMap<Hash, (u64, Blob)>,
    order: BTreeMap<u64, Hash>,
    bytes: usize,
    next: u64,
    pub(super) wants: Wants,
    loading: BTreeSet<Hash>,
    /// What the disk has a tombstone of, as far as it was looked for.
    erased: BTreeSet<Hash>,
    /// What connected members asked for in vain, [`MAX_OWED`] of each.
    owed: BTreeMap<PublicKey, VecDeque<Hash>>,
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
    /// At the start: asks for what stored events name and is not stored.
    pub(super) fn expect_named(&mut self, now: u64) {
        for (hash, author) in std::mem::take(&mut self.named) {
            if !self.have.contains(&hash) {
                self.blobs.wants.add(hash, author, now);
            }
        }
    }

    /// Notes that a blob belongs here, named by `author`; asks for it if it is missing.
    pub(super) fn expect_blob(&mut self, now: u64, author: PublicKey, reference: &BlobRef) {
        let known = self.have.contains(&reference.hash) || self.blobs.get(&reference.hash).is_some();
        if !known && reference.len <= MAX_BLOB_BYTES as u64 && !self.blobs.erased.contains(&reference.hash) {
            self.blobs.wants.add(reference.hash, author, now + PUSH_MS);
        }
    }

    /// The blob, if it is in memory; otherwise it is loaded or asked for, and the caller tries again when it came.
    pub(super) fn need_blob(&mut self, ctx: &mut Ctx<'_>, reference: &BlobRef) -> Option<&Blob> {
        if self.blobs.get(&reference.hash).is_none() {
            if self.have.contains(&reference.hash) {
                self.load_blob(ctx, reference.hash);
            } else {
                // Whoever named it has its turn; where nobody is known to have, this node has.
                if !self.blobs.wants.has(&reference.hash) {
                    self.expect_blob(ctx.now, self.me.node, reference);
                }
                self.blobs.wants.need(reference.hash, ctx.now);
            }
        }
        self.blobs.get(&reference.hash)
    }

    fn load_blob(&mut self, ctx: &mut Ctx<'_>, hash: Hash) {
        if self.blobs.loading.insert(hash) {
            let project = self.id;
            ctx.out.silent(Effect::LoadBlob { project, hash });
        }
    }

    /// A blob was read from the store.
    pub(super) fn blob_loaded(&mut self, ctx: &mut Ctx<'_>, hash: Hash, loaded: Loaded) {
        self.blobs.loading.remove(&hash);
        match loaded {
            Loaded::Here(blob) if blob.hash() == hash => {
                self.blobs.wants.done(&hash);
                if self.have.insert(hash) {
                    self.pass_on(ctx, &blob);
                }
                self.blobs.insert(blob);
            }
            // Erased on purpose: it must not come back, wherever it still is.
            Loaded::Erased if !plant::active("erased_is_lost") => {
                self.have.remove(&hash);
                self.blobs.wants.done(&hash);
                self.blobs.erased.insert(hash);
            }
            // Lost with an unsynced write, or never here: others may have it.
            Loaded::Here(_) | Loaded::Erased | Loaded::Lost => {
                self.have.remove(&hash);
                if self.blobs.get(&hash).is_none() {
                    self.blobs.wants.is_lost(hash, self.me.node, ctx.now);
                }
            }
        }
        self.dirty = true;
    }

    /// A member asks for a blob: it gets it now, or a short one when it comes.
    pub(super) fn blob_asked(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, hash: Hash) {
        if self.have.contains(&hash) {
            let project = self.id;
            ctx.out.speak(Effect::ServeBlob {
                to: from,
                project,
                hash,
            });
        } else if !self.blobs.erased.contains(&hash) {
            let owed = &mut self.blobs.owed;
            if !owed.contains_key(&from) {
                owed.retain(|peer, _| ctx.peers.contains_key(peer));
            }
            let owed = owed.entry(from).or_default();
            owed.retain(|known| *known != hash);
            owed.push_back(hash);
            if owed.len() > MAX_OWED {
                owed.pop_front();
            }
        }
    }

    /// Gives a short blob that has come to those who asked for it before.
    fn pass_on(&mut self, ctx: &mut Ctx<'_>, blob: &Blob) {
        let hash = blob.hash();
        let mut askers = Vec::new();
        self.blobs.owed.retain(|asker, owed| {
            let before = owed.len();
            owed.retain(|known| *known != hash);
            if owed.len() < before {
                askers.push(*asker);
            }
            !owed.is_empty()
        });
        let roster = self.state.rosters.latest();
        // A long one would come from everybody who was asked, and would not leave the memory before it is sent.
        let short = blob.bytes.len() <= SHORT_BLOB_BYTES;
        askers.retain(|asker| short && ctx.peers.contains_key(asker) && roster.is_member(asker));
        for to in askers {
            let (project, blob) = (self.id, blob.clone());
            let message = Wire::Blob { project, blob };
            ctx.out.speak(Effect::Send { to, message });
        }
    }

    /// A blob came from a peer. Only what was asked for, or belongs to a known event, is kept.
    pub(super) fn blob_received(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, blob: Blob) {
        let hash = blob.hash();
        if let Some(owed) = self.blobs.owed.get_mut(&from) {
            owed.retain(|known| *known != hash);
        }
        if blob.bytes.len() > MAX_BLOB_BYTES || self.have.contains(&hash) || self.blobs.erased.contains(&hash) {
            return;
        }
        if !self.blobs.wants.done(&hash) {
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
        self.pass_on(ctx, &blob);
        ctx.out.store(self.id, vec![], vec![blob]);
        self.dirty = true;
    }

    /// Asks for missing blobs: first the disk, then their author, then each time another member. Returns when to call again.
    pub(super) fn blob_timers(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        if self.blobs.wants.is_empty() {
            return u64::MAX;
        }
        let due = self.blobs.wants.due(ctx.now);
        if !due.is_empty() {
            let roster = self.state.rosters.latest();
            let peers: Vec<_> = ctx.peers.keys().filter(|p| roster.is_member(p)).copied().collect();
            for ask in due {
                let (hash, tries, author) = match ask {
                    Ask::Disk(hash) => {
                        self.load_blob(ctx, hash);
                        continue;
                    }
                    Ask::Others(hash, tries, author) => (hash, tries, author),
                };
                // Who is asked first differs from text to text, so that one that answers nothing slows down only some.
                let place = tries as usize + usize::from(hash.0[0]);
                let to = match tries == 0 && peers.contains(&author) {
                    true => Some(&author),
                    false => peers.get(place % peers.len().max(1)),
                };
                if let Some(to) = to.copied() {
                    let project = self.id;
                    let message = Wire::WantBlob { project, hash };
                    ctx.out.speak(Effect::Send { to, message });
                }
            }
        }
        self.blobs.wants.wake()
    }
}
