//! Erasing texts from this node: of a thread, or one.
//!
//! Events carry hashes only, so the record verifies as before; a tombstone stays where a text was, and it is never fetched again.
//! Other members, and backups that were made before, keep theirs: nobody can make them forget.

use std::collections::{BTreeMap, BTreeSet};

use bzzz_core::blob::Blob;
use bzzz_core::body::Body;
use bzzz_core::crypto::Hash;
use bzzz_core::event::Event;
use bzzz_core::node::blobs_of;
use bzzz_store::{BlobLookup, Cursor, Store, StoreError};

/// Events that are read at once.
const PAGE: usize = 1_024;

/// The texts that stored events name, and the threads that they belong to.
#[derive(Debug, Default)]
pub struct Texts {
    /// Every thread that was opened.
    pub threads: BTreeSet<Hash>,
    /// Each text, with every thread in which it is named: naming it elsewhere keeps it from nobody.
    pub texts: BTreeMap<Hash, BTreeSet<Hash>>,
}

impl Texts {
    /// The texts of a thread: its title and subject, what was said, found, asked and answered in it, and its tasks.
    pub fn of_thread(&self, thread: &Hash) -> Vec<Hash> {
        let of = self.texts.iter().filter(|(_, of)| of.contains(thread));
        of.map(|(text, _)| *text).collect()
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Erased {
    /// Texts that were here and are not any more.
    pub erased: u64,
    /// Their length together.
    pub bytes: u64,
    /// Texts that had been erased before.
    pub already: u64,
    /// Texts that were not here; they are not fetched any more.
    pub absent: u64,
}

/// Reads which texts there are. An event that cannot be read names none: `bzzz log verify` tells of those.
///
/// # Errors
/// Those of the store.
pub async fn texts(store: &Store) -> Result<Texts, StoreError> {
    let mut found = Texts::default();
    // An answer names its question, a result its task, a reason its proposal: these say the thread, and may come later.
    let mut parents: BTreeMap<Hash, Hash> = BTreeMap::new();
    let mut children: Vec<(Hash, Hash)> = Vec::new();
    let mut at = Cursor::START;
    loop {
        let page = store.scan(at, PAGE).await?;
        if page.events.is_empty() {
            break;
        }
        at = page.next;
        for row in &page.events {
            let Some(body) = Event::decode_trusted(&row.bytes).ok().and_then(|event| event.body()) else {
                continue;
            };
            let id = Hash(row.hash);
            let place = place(&body, id);
            match (&body, place) {
                (Body::ThreadOpened(_), _) => {
                    found.threads.insert(id);
                }
                (Body::TaskAnnounced(_) | Body::Escalated(_) | Body::Proposed(_), Place::Thread(thread)) => {
                    parents.insert(id, thread);
                }
                _ => {}
            }
            for text in blobs_of(&body) {
                let threads = found.texts.entry(text.hash).or_default();
                match place {
                    Place::Thread(thread) => drop(threads.insert(thread)),
                    Place::Of(parent) => children.push((text.hash, parent)),
                    Place::None => {}
                }
            }
        }
    }
    for (text, parent) in children {
        let threads = found.texts.entry(text).or_default();
        threads.extend(parents.get(&parent).copied());
    }
    Ok(found)
}

/// Where an event belongs.
#[derive(Debug, Clone, Copy)]
enum Place {
    Thread(Hash),
    /// In the thread of this task, question or proposal.
    Of(Hash),
    None,
}

fn place(body: &Body, id: Hash) -> Place {
    match body {
        Body::ThreadOpened(_) => Place::Thread(id),
        Body::MessagePosted(b) => Place::Thread(b.message.statement.thread),
        Body::FindingsPosted(b) => Place::Thread(b.findings.statement.thread),
        Body::TaskAnnounced(b) => b.thread.map_or(Place::None, Place::Thread),
        Body::Proposed(b) => Place::Thread(b.thread),
        Body::FinalVoted(b) => Place::Thread(b.vote.statement.thread),
        Body::Escalated(b) => Place::Thread(b.thread),
        Body::TaskCompleted(b) => Place::Of(b.task),
        Body::Revealed(b) => Place::Of(b.reveal.statement.proposal),
        Body::EscalationAnswered(b) => Place::Of(b.answer.statement.escalation),
        _ => Place::None,
    }
}

/// Erases texts and leaves tombstones. What was erased when something fails stays erased.
///
/// # Errors
/// Those of the store.
pub async fn erase(store: &Store, texts: &[Hash]) -> Result<Erased, StoreError> {
    let mut done = Erased::default();
    for hash in texts {
        match store.blob(hash.0).await? {
            BlobLookup::Erased => {
                done.already += 1;
                continue;
            }
            BlobLookup::Absent => done.absent += 1,
            BlobLookup::Present(row) => {
                let blob: Option<Blob> = bzzz_core::codec::decode("blob", &row.bytes).ok();
                done.erased += 1;
                done.bytes += blob.map_or(row.bytes.len(), |blob| blob.bytes.len()) as u64;
            }
        }
        store.erase_blob(hash.0).await?;
    }
    Ok(done)
}
