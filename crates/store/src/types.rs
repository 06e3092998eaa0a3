//! The vocabulary that the caller and the back ends share.
//!
//! Everything here is plain data. Sequence numbers must stay below 2^63, the largest integer that SQLite orders;
//! incarnations and hybrid times use all 64 bits, because nothing in the store compares them.

use crate::error::StoreError;

/// A 32-byte hash as the caller computes it; the store never computes one.
pub type Hash = [u8; 32];

/// Largest size of one batch in bytes: what one transaction may hold in memory several times over.
pub const MAX_BATCH_BYTES: usize = 32 * 1024 * 1024;
/// Most rows that one read returns, whatever limit was asked for.
pub const MAX_PAGE_ROWS: usize = 65_536;
/// A read stops after the row that passes this many bytes, so that one answer cannot fill the memory.
pub const MAX_PAGE_BYTES: usize = 32 * 1024 * 1024;

/// Meta key that [`crate::restore`] sets to `1`: the node must start a new incarnation, then remove the key.
pub const META_RESTORED: &str = "restored";
/// Meta key that the store keeps for itself: `1` after an orderly close, `0` while open.
pub const META_CLEAN_SHUTDOWN: &str = "clean_shutdown";

/// Meta key of the last [`crate::Store::flush`], milliseconds.
pub(crate) const META_FLUSHED: &str = "flushed";

/// A key and its value in a projection.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// Names one append-only feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId {
    /// Id of the project that the feed belongs to.
    pub project: [u8; 32],
    /// Public key of the authoring node.
    pub node: [u8; 32],
    /// Incarnation of the node: a restored node starts a new one.
    pub incarnation: u64,
}

/// One event: an indexed header and the signed wire form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The feed that the event is part of.
    pub feed: FeedId,
    /// Number of the event within its feed; below 2^63.
    pub seq: u64,
    /// Hash of the event, as the next event names it.
    pub hash: Hash,
    /// Hybrid logical time in the caller's units.
    pub hlc: u64,
    /// Kind of the event, as the caller numbers them.
    pub kind: u16,
    /// The signed wire form.
    pub bytes: Vec<u8>,
}

/// A text or artefact that events name by its salted hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRow {
    /// The salted hash that events carry.
    pub hash: Hash,
    /// Id of the project whose members may read it.
    pub project: [u8; 32],
    /// The content.
    pub bytes: Vec<u8>,
    /// True when the content is fetched on demand, false when it travels beside its event.
    pub long: bool,
}

/// Answer to a blob read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobLookup {
    /// The content is here.
    Present(BlobRow),
    /// It was erased on purpose and must not be fetched again.
    Erased,
    /// Never seen; it may be fetched.
    Absent,
}

/// One change of a projection table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// Name of the projection table, such as `tasks`.
    pub name: String,
    /// Key within the table; ordered bytewise.
    pub key: Vec<u8>,
    /// New value; `None` deletes the key.
    pub value: Option<Vec<u8>>,
}

/// Two signed events with one number: the proof that a feed has forked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkProof {
    /// The forked feed.
    pub feed: FeedId,
    /// The number that was used twice.
    pub seq: u64,
    /// Wire form of the event that was seen first.
    pub bytes_a: Vec<u8>,
    /// Wire form of the other one.
    pub bytes_b: Vec<u8>,
}

/// How far a batch must have gone before `append` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// On disk, fsynced. For the node's own feed: a number once spoken must never be given again.
    #[default]
    Durable,
    /// Committed; survives a crash of the process, but a power cut may lose it. For what can be fetched again.
    Relaxed,
}

/// What one call of [`crate::Store::append`] writes: all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Events, in the order in which a scan shall return them.
    pub events: Vec<EventRow>,
    /// Blobs; one that is already there, or was erased, is left as it is.
    pub blobs: Vec<BlobRow>,
    /// Changes of projections, applied in order.
    pub projections: Vec<Projection>,
    /// Changes of meta values, applied in order; `None` deletes.
    pub meta: Vec<(String, Option<Vec<u8>>)>,
    /// Fork proofs; the first one for a (feed, sequence) stays.
    pub fork_proofs: Vec<ForkProof>,
    /// Whether the answer waits for the fsync.
    pub durability: Durability,
}

impl Batch {
    /// Bytes of content in the batch, without headers.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        let events: usize = self.events.iter().map(|e| e.bytes.len()).sum();
        let blobs: usize = self.blobs.iter().map(|b| b.bytes.len()).sum();
        let projections: usize = self
            .projections
            .iter()
            .map(|p| p.name.len() + p.key.len() + p.value.as_ref().map_or(0, Vec::len))
            .sum();
        let meta: usize = self
            .meta
            .iter()
            .map(|(k, v)| k.len() + v.as_ref().map_or(0, Vec::len))
            .sum();
        let proofs: usize = self.fork_proofs.iter().map(|p| p.bytes_a.len() + p.bytes_b.len()).sum();
        events + blobs + projections + meta + proofs
    }

    /// Refuses what no back end can store.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let bytes = self.payload_bytes();
        if bytes > MAX_BATCH_BYTES {
            return Err(StoreError::TooLarge {
                bytes,
                limit: MAX_BATCH_BYTES,
            });
        }
        let mut numbers = self
            .events
            .iter()
            .map(|e| e.seq)
            .chain(self.fork_proofs.iter().map(|p| p.seq));
        if let Some(seq) = numbers.find(|seq| i64::try_from(*seq).is_err()) {
            return Err(StoreError::invalid(format!("sequence number {seq} is not below 2^63")));
        }
        if self.meta.iter().any(|(key, _)| key == META_CLEAN_SHUTDOWN) {
            return Err(StoreError::invalid(format!(
                "the meta key {META_CLEAN_SHUTDOWN} belongs to the store"
            )));
        }
        Ok(())
    }
}

/// The last event of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The feed.
    pub feed: FeedId,
    /// Highest stored sequence number.
    pub seq: u64,
    /// Hash of the event at that number.
    pub hash: Hash,
}

/// A place in the insertion order of all events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub(crate) u64);

impl Cursor {
    /// Before the first event.
    pub const START: Self = Self(0);
}

/// One page of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Events in insertion order; empty only at the end.
    pub events: Vec<EventRow>,
    /// The [`checksum`] of each event's bytes, as it was when they were stored.
    pub sums: Vec<u64>,
    /// Where the next page starts.
    pub next: Cursor,
}

/// What tells whether stored bytes are still those that were stored: the first eight bytes of their BLAKE3 hash. An event's own hash does not cover its
/// signature, and to check all signatures at each start would take too long.
pub fn checksum(bytes: &[u8]) -> u64 {
    let hash = blake3::hash(bytes);
    let (first, _) = hash.as_bytes().split_at(8);
    first.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The smallest byte string that sorts after every string with this prefix; `None` when there is none.
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|b| *b != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::prefix_end;

    #[test]
    fn prefix_end_is_the_next_prefix() {
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(&[1, 255, 255]), Some(vec![2]));
        assert_eq!(prefix_end(&[255]), None);
        assert_eq!(prefix_end(b""), None);
    }
}
