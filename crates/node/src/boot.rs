//! From what is on the disk to a running core.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bzzz_core::body::Body;
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::{Event, FeedId};
use bzzz_core::node::{Node, NodeConfig};
use bzzz_net::identity::{self, Identity};
use bzzz_store::{Batch, Cursor, EventRow, Head, Store, StoreConfig, StoreError, checksum};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::NodeError;
use crate::heads;
use crate::settings::Settings;

/// File of the node's key in the data folder.
pub const IDENTITY_FILE: &str = "identity";
/// File of the key of the person who answers for the node.
pub const OPERATOR_FILE: &str = "operator";
/// Meta key of the incarnation, eight bytes, big-endian.
const META_INCARNATION: &str = "incarnation";
/// Meta key of the public key that wrote this store.
const META_NODE: &str = "node";
/// Events in one page of the load: a page in all its forms stays in a core's cache.
const PAGE: usize = 512;
/// Pages that are read and decoded ahead of the fold: some 5 MiB.
const PAGES_AHEAD: usize = 8;

/// The two keys of a node.
pub struct Keys {
    /// The node's.
    pub node: Identity,
    /// The person's.
    pub operator: Keypair,
}

/// Loads the keys, or makes them for a folder that holds no log yet: a new key over a log would be a stranger's, and the
/// log's own node would be gone without a word. A restored store may come up as a stranger, and says so.
pub async fn keys(data: Option<PathBuf>, store: &Store) -> Result<Keys, NodeError> {
    let restored = store.meta(bzzz_store::META_RESTORED).await?.is_some();
    let wrote = store.meta(META_NODE).await?;
    let wrote: Option<[u8; 32]> = wrote.and_then(|key| key.as_slice().try_into().ok());
    let has_log = wrote.is_some() || !store.heads().await?.is_empty();
    let loaded = tokio::task::spawn_blocking(move || {
        let Some(folder) = data else {
            return Ok((Identity::generate()?, Identity::generate()?));
        };
        // Where no node has started on the log yet, nobody knows of an operator.
        for (name, had) in [(IDENTITY_FILE, has_log), (OPERATOR_FILE, wrote.is_some())] {
            let file = folder.join(name);
            let missing = matches!(file.symlink_metadata(), Err(e) if e.kind() == std::io::ErrorKind::NotFound);
            if missing && had && restored {
                let file = file.display();
                tracing::warn!(%file, "the restored folder has no such key: a new one is made, and this node is a stranger");
            } else if missing && had {
                return Err(NodeError::KeyLost {
                    path: file,
                    log: whose(wrote),
                });
            }
        }
        let node = identity::load_or_create(&folder.join(IDENTITY_FILE))?;
        let other = wrote.is_some_and(|key| key != node.public_key());
        if other && !restored {
            return Err(NodeError::KeyChanged {
                path: folder.join(IDENTITY_FILE),
                key: node.peer_id().to_string(),
                log: whose(wrote),
            });
        }
        Ok((node, identity::load_or_create(&folder.join(OPERATOR_FILE))?))
    });
    let (node, operator) = loaded.await.map_err(|e| NodeError::Stopped(Some(e.to_string())))??;
    Ok(Keys {
        operator: Keypair::from_seed(*operator.seed()),
        node,
    })
}

/// The node that wrote a log, for people.
fn whose(key: Option<[u8; 32]>) -> String {
    let peer = key.and_then(|key| identity::peer_id_of(&key));
    peer.map_or_else(|| "a node".to_owned(), |peer| format!("node {peer}"))
}

fn make_folder(folder: &Path) -> Result<(), NodeError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|e| NodeError::Data {
        path: folder.to_owned(),
        why: e.to_string(),
    })
}

/// Opens the store.
pub async fn open(settings: &Settings) -> Result<Store, NodeError> {
    let data = settings.data.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let config = match &data {
            Some(folder) => {
                make_folder(folder)?;
                StoreConfig::sqlite(folder)
            }
            None => StoreConfig::Memory,
        };
        Store::open(config).map_err(NodeError::from)
    })
    .await;
    opened.map_err(|e| NodeError::Stopped(Some(e.to_string())))?
}

async fn last_incarnation(store: &Store) -> Result<Option<u64>, StoreError> {
    let stored = store.meta(META_INCARNATION).await?;
    let bytes = stored.and_then(|b| <[u8; 8]>::try_from(b.as_slice()).ok());
    Ok(bytes.map(u64::from_be_bytes))
}

/// The node that wrote this store last, and its incarnation then.
pub(crate) async fn life(store: &Store) -> Result<Option<([u8; 32], u64)>, StoreError> {
    let node = store.meta(META_NODE).await?;
    let node = node.and_then(|key| <[u8; 32]>::try_from(key.as_slice()).ok());
    Ok(node.zip(last_incarnation(store).await?))
}

/// Which life of the node this is. A restored store begins a new one before anything is said, and so does one that has less of the
/// node's own feed than was `noted` beside it: the numbers that are gone were used.
pub async fn incarnation(store: &Store, node: [u8; 32], noted: &[Head]) -> Result<u64, NodeError> {
    let before = last_incarnation(store).await?;
    let restored = store.meta(bzzz_store::META_RESTORED).await?.is_some();
    let heads = store.heads().await?;
    let mut cut = None;
    for noted in noted.iter().filter(|noted| noted.feed.node == node) {
        if heads::has(store, noted).await? {
            continue;
        }
        tracing::error!(
            event = noted.seq,
            "the log lacks events of this node that were on the disk before: its end was cut off, or it was set back; `bzzz log verify` \
             tells where (who emptied the folder on purpose removes {} as well)",
            bzzz_store::HEADS_FILE
        );
        // Where nothing of the project is left, nothing goes on either: a new life needs what came before it.
        if heads.iter().any(|head| head.feed.project == noted.feed.project) {
            cut = cut.max(Some(noted.feed.incarnation));
        }
    }
    let known = heads
        .into_iter()
        .filter(|h| h.feed.node == node)
        .map(|h| h.feed.incarnation)
        .max();
    let last = before.max(known).max(cut);
    let incarnation = match (last, restored || (cut.is_some() && cut == last)) {
        (None, _) => 0,
        (Some(last), false) => last,
        (Some(last), true) => after(last),
    };
    let meta = vec![
        (META_INCARNATION.to_owned(), Some(incarnation.to_be_bytes().to_vec())),
        (META_NODE.to_owned(), Some(node.to_vec())),
        (bzzz_store::META_RESTORED.to_owned(), None),
    ];
    store
        .append(Batch {
            meta,
            ..Batch::default()
        })
        .await?;
    Ok(incarnation)
}

/// The incarnation after one. Another number may have been used since a backup was made: the time makes a clash with it
/// impossible in practice, and numbers only have to rise.
fn after(incarnation: u64) -> u64 {
    (incarnation + 1).max(unix_ms())
}

/// Begins a new life of a running node, durably, before it says anything under it.
pub async fn begin_incarnation(store: &Store, before: u64) -> Result<u64, NodeError> {
    let incarnation = after(before);
    let meta = vec![(META_INCARNATION.to_owned(), Some(incarnation.to_be_bytes().to_vec()))];
    store
        .append(Batch {
            meta,
            ..Batch::default()
        })
        .await?;
    Ok(incarnation)
}

/// Builds the core from everything stored.
pub async fn load(store: &Store, config: NodeConfig) -> Result<Node, NodeError> {
    load_telling(store, config, |_| {}).await
}

/// [`load`], saying now and then how many events are folded.
pub async fn load_telling(
    store: &Store,
    config: NodeConfig,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Node, NodeError> {
    let mut ends = BTreeMap::new();
    loop {
        let node = load_with(store, config.clone(), &mut ends, &mut progress).await?;
        // A removal that was stored after events that it cuts off: load again, now knowing where those feeds end.
        if !node.cuts_bind(&mut ends) {
            return Ok(node);
        }
    }
}

async fn load_with(
    store: &Store,
    config: NodeConfig,
    ends: &mut BTreeMap<(Hash, FeedId), u64>,
    progress: &mut (impl FnMut(u64) + Send),
) -> Result<Node, NodeError> {
    let proof_half = |bytes: &[u8]| Event::decode_trusted(bytes).map_err(|e| NodeError::Stored(e.to_string()));
    let mut node = Node::new(config);
    for proof in store.fork_proofs().await? {
        let (a, b) = (proof_half(&proof.bytes_a)?, proof_half(&proof.bytes_b)?);
        node.load_fork(Hash(proof.feed.project), &a, &b);
    }
    let (pages, mut decoded) = mpsc::channel(PAGES_AHEAD);
    let reader = tokio::spawn(read(store.clone(), pages));
    let mut folded = 0;
    while let Some(page) = decoded.recv().await {
        let page = page.await.map_err(|e| NodeError::Stopped(Some(e.to_string())))??;
        for (event, body) in &page {
            node.load_decoded(ends, event, body.as_ref());
        }
        folded += page.len() as u64;
        progress(folded);
    }
    reader.await.map_err(|e| NodeError::Stopped(Some(e.to_string())))??;
    for (project, hash) in store.blob_hashes().await? {
        node.load_blob_hash(&Hash(project), Hash(hash));
    }
    Ok(node)
}

type Decoded = Vec<(Event, Option<Body>)>;

/// Reads all events, in order; each page is decoded on a thread of its own while the ones before are folded.
async fn read(store: Store, pages: mpsc::Sender<JoinHandle<Result<Decoded, NodeError>>>) -> Result<(), NodeError> {
    let mut at = Cursor::START;
    loop {
        let page = store.scan(at, PAGE).await?;
        if page.events.is_empty() {
            return Ok(());
        }
        at = page.next;
        let work = tokio::task::spawn_blocking(move || {
            let mut out = Vec::with_capacity(page.events.len());
            for (row, sum) in page.events.iter().zip(&page.sums) {
                if checksum(&row.bytes) != *sum {
                    return Err(changed(row, "it is not what was stored"));
                }
                out.push(decode(row)?);
            }
            Ok(out)
        });
        if pages.send(work).await.is_err() {
            // The fold ended with an error of its own.
            return Ok(());
        }
    }
}

fn decode(row: &EventRow) -> Result<(Event, Option<Body>), NodeError> {
    let event = stored(row)?;
    let body = event.body();
    Ok((event, body))
}

/// A stored event that is the one that was stored. Signatures were checked then; a flipped bit since would cut the feed
/// short, and an own feed would go on with numbers that are taken.
fn stored(row: &EventRow) -> Result<Event, NodeError> {
    let event = Event::decode_trusted(&row.bytes).map_err(|e| changed(row, &e.to_string()))?;
    match event.hash().0 == row.hash && event.header().seq == row.seq {
        true => Ok(event),
        false => Err(changed(row, "it is not what was stored")),
    }
}

fn changed(row: &EventRow, why: &str) -> NodeError {
    let node = bzzz_core::crypto::PublicKey(row.feed.node).to_string();
    NodeError::Stored(format!("event {} of node {node}: {why}", row.seq))
}

/// The clock.
pub fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| d.as_millis() as u64)
}
