//! Resources: versioned contents at paths, ordered by their home node.
//!
//! Writes of others are kept as siblings until the home has given them a version. The home orders every write once:
//! in its own feed's order, a write gets the next version, or none when its base is no longer the latest.

use std::collections::BTreeMap;

use super::Meta;
use crate::body::{ResourceWritten, WriteOrdered};
use crate::crypto::{Hash, PublicKey};
use crate::event::OrderKey;

/// A write as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteEntry {
    /// Its event.
    pub meta: Meta,
    /// What was written.
    pub body: ResourceWritten,
}

/// A version and its write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    /// From 1.
    pub number: u64,
    /// The write.
    pub write: &'a WriteEntry,
}

/// One resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    writes: BTreeMap<OrderKey, WriteEntry>,
    by_hash: BTreeMap<Hash, OrderKey>,
    /// By home and write: the earliest decision, also over several lives of the home.
    ordered: BTreeMap<PublicKey, BTreeMap<Hash, (OrderKey, Option<u64>)>>,
}

impl Resource {
    pub(super) fn write(&mut self, meta: &Meta, body: &ResourceWritten) {
        self.by_hash.insert(meta.hash(), meta.order());
        self.writes.insert(
            meta.order(),
            WriteEntry {
                meta: *meta,
                body: body.clone(),
            },
        );
    }

    pub(super) fn order(&mut self, meta: &Meta, body: &WriteOrdered) {
        let decision = (meta.order(), body.version);
        let of_home = self.ordered.entry(meta.node()).or_default();
        let kept = of_home.entry(body.write).or_insert(decision);
        *kept = decision.min(*kept);
    }

    /// The home: as the first write names it.
    pub fn home(&self) -> Option<PublicKey> {
        self.writes.values().next().map(|w| w.body.home)
    }

    fn decisions(&self) -> Option<&BTreeMap<Hash, (OrderKey, Option<u64>)>> {
        self.ordered.get(&self.home()?)
    }

    /// Versions in order.
    pub fn versions(&self) -> Vec<Version<'_>> {
        let mut out: Vec<Version<'_>> = self
            .decisions()
            .into_iter()
            .flatten()
            .filter_map(|(hash, (_, version))| {
                Some(Version {
                    number: (*version)?,
                    write: self.get(hash)?,
                })
            })
            .collect();
        out.sort_by_key(|v| (v.number, v.write.meta.order()));
        out.dedup_by_key(|v| v.number);
        out
    }

    /// Writes that the home has not ordered yet, in order.
    pub fn siblings(&self) -> Vec<&WriteEntry> {
        let decided = self.decisions();
        let open = |w: &&WriteEntry| !decided.is_some_and(|d| d.contains_key(&w.meta.hash()));
        self.writes.values().filter(open).collect()
    }

    /// What the home decided about a write: `None` if nothing yet, `Some(None)` if it was refused.
    pub fn decided(&self, write: &Hash) -> Option<Option<u64>> {
        self.decisions()?.get(write).map(|(_, version)| *version)
    }

    /// A write by its event's hash.
    pub fn get(&self, write: &Hash) -> Option<&WriteEntry> {
        self.writes.get(self.by_hash.get(write)?)
    }

    /// The write that a repeated request made before.
    pub fn by_idempotency_key(&self, node: &PublicKey, key: &str) -> Option<&WriteEntry> {
        self.writes
            .values()
            .find(|w| w.meta.node() == *node && w.body.idempotency_key.as_deref() == Some(key))
    }
}
