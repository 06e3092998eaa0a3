//! The projections in the store: rows about threads, tasks, questions, agents and projects ([`bzzz_core::projection`]).
//!
//! Rows ride in the batch of the events that they come from, so the store never shows one without the other. Whoever changes more than can ride (a
//! roster that comes after much that was said under it, events that a fork or a cut takes away) takes the stamp off in the same
//! batch instead: the rows are then compared with the state, page by page, mended, and the stamp is put back. At the start the same
//! is done when the stamp is missing or of another version.

use std::collections::BTreeSet;

use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::ledger::Limits;
use bzzz_core::node::{Admit, Node, NodeConfig, Pace, Write};
use bzzz_core::projection::{self, Key, Table, VERSION};
use bzzz_core::state::Meta;
use bzzz_store::{Batch, Durability, Projection, Store};

use crate::boot;
use crate::error::NodeError;

/// Meta key of the version of the rows, four bytes, big-endian; absent while they may be wrong.
const META_VERSION: &str = "projections";
/// Rows that ride with the events of one step, at most.
const MAX_RIDING: usize = 4_096;
/// Bytes of them, at most.
const MAX_RIDING_BYTES: usize = 4 * 1024 * 1024;
/// Rows that are compared, and changes that are written, at a time.
const PAGE: usize = 1_024;

/// What a rebuild found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Events from which the rows were made.
    pub events: u64,
    /// Rows there are now.
    pub rows: u64,
    /// Rows that said something else than the events.
    pub changed: u64,
    /// Rows that were not there.
    pub missing: u64,
    /// Rows of which the events know nothing.
    pub extra: u64,
}

impl Rebuilt {
    /// Rows that were not as the events say.
    pub fn wrong(&self) -> u64 {
        self.changed + self.missing + self.extra
    }
}

/// Adds the rows that the events of a step change. False when they are too many: then the batch takes the stamp off.
pub(crate) fn add(node: &Node, writes: &[Write], batch: &mut Batch) -> bool {
    let mut bytes = 0;
    for write in writes {
        let Some(project) = node.project(&write.project) else {
            continue;
        };
        let mut keys = BTreeSet::new();
        for event in &write.events {
            if let Some(body) = event.body() {
                projection::touched(&project.state, &Meta::of(event), &body, &mut keys);
            }
            if keys.len() + batch.projections.len() > MAX_RIDING {
                spoil(batch);
                return false;
            }
        }
        for key in keys {
            let value = projection::row(&project.state, &key);
            bytes += value.as_ref().map_or(0, Vec::len);
            batch.projections.push(change(&write.project, &key, value));
        }
        if bytes > MAX_RIDING_BYTES {
            spoil(batch);
            return false;
        }
    }
    true
}

/// Takes the stamp off: from this batch on the rows may be wrong.
pub(crate) fn spoil(batch: &mut Batch) {
    batch.projections.clear();
    batch.meta.push((META_VERSION.to_owned(), None));
}

/// Whether the rows are those of this version, kept without a gap.
///
/// # Errors
/// When the store cannot be read.
pub async fn are_current(store: &Store) -> Result<bool, NodeError> {
    Ok(store.meta(META_VERSION).await?.as_deref() == Some(&VERSION.to_be_bytes()[..]))
}

/// Makes the rows anew where they are not current; whoever reads the log learns why the start takes longer.
pub(crate) async fn ensure(store: &Store, node: &Node) -> Result<(), NodeError> {
    if are_current(store).await? {
        return Ok(());
    }
    let made = compare(store, node).await?;
    if made.rows > 0 {
        tracing::info!(
            rows = made.rows,
            wrong = made.wrong(),
            version = VERSION,
            "made the projections anew from the events"
        );
    }
    Ok(())
}

/// Compares the rows with the state, mends what is wrong, and puts the stamp on. All events of the state are in the store.
pub(crate) async fn compare(store: &Store, node: &Node) -> Result<Rebuilt, NodeError> {
    let mut out = Rebuilt {
        events: node.projects().map(|(_, p)| p.feeds.total()).sum(),
        ..Rebuilt::default()
    };
    for table in Table::ALL {
        let keys = |(id, p): (&Hash, _)| -> Vec<(Hash, Key)> {
            let p: &bzzz_core::node::Project = p;
            projection::all(&p.state, table).map(|key| (*id, key)).collect()
        };
        let wanted: Vec<(Hash, Key)> = node.projects().flat_map(keys).collect();
        let mut mending = Mending {
            store,
            node,
            table,
            wanted: wanted.into_iter(),
            next: None,
            changes: Vec::new(),
            out: &mut out,
        };
        mending.advance();
        mending.run().await?;
    }
    let stamp = Batch {
        meta: vec![(META_VERSION.to_owned(), Some(VERSION.to_be_bytes().to_vec()))],
        ..Batch::default()
    };
    store.append(stamp).await?;
    Ok(out)
}

/// The comparison of one table: both sides are in the order of the keys.
struct Mending<'a> {
    store: &'a Store,
    node: &'a Node,
    table: Table,
    wanted: std::vec::IntoIter<(Hash, Key)>,
    /// The next row that there should be: key and value.
    next: Option<(Vec<u8>, Vec<u8>)>,
    changes: Vec<Projection>,
    out: &'a mut Rebuilt,
}

impl Mending<'_> {
    async fn run(&mut self) -> Result<(), NodeError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self
                .store
                .projection_page(self.table.name(), b"", after.as_deref(), PAGE)
                .await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, value) in page {
                self.found(key, &value).await?;
            }
        }
        while let Some(row) = self.next.take() {
            self.enter(row).await?;
        }
        self.flush().await
    }

    /// A stored row.
    async fn found(&mut self, key: Vec<u8>, value: &[u8]) -> Result<(), NodeError> {
        while let Some(row) = self.next.take_if(|(next, _)| *next < key) {
            self.enter(row).await?;
        }
        match self.next.take_if(|(next, _)| *next == key) {
            Some((_, wanted)) if wanted == value => {
                self.out.rows += 1;
                self.advance();
            }
            Some((key, wanted)) => {
                self.out.rows += 1;
                self.out.changed += 1;
                self.put(key, Some(wanted)).await?;
                self.advance();
            }
            None => {
                self.out.extra += 1;
                self.put(key, None).await?;
            }
        }
        Ok(())
    }

    /// A row that is not stored.
    async fn enter(&mut self, (key, value): (Vec<u8>, Vec<u8>)) -> Result<(), NodeError> {
        self.out.rows += 1;
        self.out.missing += 1;
        self.put(key, Some(value)).await?;
        self.advance();
        Ok(())
    }

    fn advance(&mut self) {
        let node = self.node;
        self.next = self.wanted.find_map(|(project, key)| {
            let row = projection::row(&node.project(&project)?.state, &key)?;
            Some((key.bytes(&project), row))
        });
    }

    async fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), NodeError> {
        let name = self.table.name().to_owned();
        self.changes.push(Projection { name, key, value });
        match self.changes.len() >= PAGE {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), NodeError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let batch = Batch {
            projections: std::mem::take(&mut self.changes),
            durability: Durability::Relaxed,
            ..Batch::default()
        };
        Ok(self.store.append(batch).await?)
    }
}

fn change(project: &Hash, key: &Key, value: Option<Vec<u8>>) -> Projection {
    Projection {
        name: key.table().name().to_owned(),
        key: key.bytes(project),
        value,
    }
}

/// Makes the rows of a stopped node's store anew from its events alone. `progress` hears how many events are folded.
///
/// # Errors
/// When the store cannot be read or written, or holds an event that is not what was stored.
pub async fn rebuild(store: &Store, progress: impl FnMut(u64) + Send) -> Result<Rebuilt, NodeError> {
    // Nobody: it folds, and never speaks.
    let key = Keypair::from_seed([0; 32]);
    let config = NodeConfig {
        operator: key.clone(),
        key,
        owner: String::new(),
        incarnation: 0,
        agents: vec![],
        admit: Admit::Ask,
        join: None,
        limits: Limits::default(),
        pace: Pace::default(),
    };
    let node = boot::load_telling(store, config, progress).await?;
    compare(store, &node).await
}
