//! Resources: versioned contents at paths, ordered by their home node.
//!
//! Writes of others are kept as siblings until the home has given them a version. The home orders every write once:
//! in its own feed's order, a write gets the next version, or none when its base is no longer the latest.
//!
//! What always holds: every write that is known is in exactly one of [`Resource::versions`], [`Resource::siblings`] and
//! [`Resource::refused`]. So nothing that somebody wrote is ever out of sight.

use std::collections::{BTreeMap, BTreeSet};

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

/// Where a write stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The home has not ordered it yet.
    Waiting,
    /// It has this version.
    Version(u64),
    /// It never becomes a version, and is kept beside them.
    Refused,
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

    /// Writes that the home has ordered and that are no version, in order: their base was no longer the latest; or a home that came
    /// back with an older log gave one number twice, and another write has it.
    pub fn refused(&self) -> Vec<&WriteEntry> {
        let versions: BTreeSet<Hash> = self.versions().iter().map(|v| v.write.meta.hash()).collect();
        let decided = self.decisions();
        let lost = |w: &&WriteEntry| {
            let write = w.meta.hash();
            !versions.contains(&write) && decided.is_some_and(|d| d.contains_key(&write))
        };
        self.writes.values().filter(lost).collect()
    }

    /// Where a write stands; none if it is not known.
    pub fn standing(&self, write: &Hash) -> Option<Standing> {
        self.get(write)?;
        let Some((_, ordered)) = self.decisions().and_then(|d| d.get(write)) else {
            return Some(Standing::Waiting);
        };
        let has_it = |number: &u64| {
            let versions = self.versions();
            versions
                .iter()
                .any(|v| v.number == *number && v.write.meta.hash() == *write)
        };
        Some(ordered.filter(has_it).map_or(Standing::Refused, Standing::Version))
    }

    /// All writes, in order.
    pub fn writes(&self) -> impl Iterator<Item = &WriteEntry> {
        self.writes.values()
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
