//! Money as the events tell it: shares of the network's budget, and what was spent on what.
//!
//! A share belongs to one life of a node. Only its holder moves or draws from it, in its own feed's order, so no two
//! sides of a partition can spend the same micro-dollar.

#![deny(clippy::float_arithmetic)]

use std::collections::BTreeMap;

use super::Meta;
use crate::body::{ChunkDrawn, ChunkReturned, ModelCalled, Policy, ShareMoved};
use crate::crypto::{Hash, PublicKey};
use crate::event::FeedId;

/// One holder's account. Each sum only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Received: the first share and what others moved here.
    pub received_microusd: u64,
    /// Moved to others.
    pub moved_microusd: u64,
    /// Drawn to be spent.
    pub drawn_microusd: u64,
    /// Given back.
    pub returned_microusd: u64,
    /// Charged by models.
    pub charged_microusd: u64,
}

impl Account {
    /// What can still be moved or drawn; `None` when the holder has gone over, which no honest node does.
    pub fn balance_microusd(&self) -> Option<u64> {
        let into = self.received_microusd.saturating_add(self.returned_microusd);
        into.checked_sub(self.moved_microusd.saturating_add(self.drawn_microusd))
    }

    /// Drawn, not given back and not accounted for by a call: what a crash forfeited, or what is being spent now.
    pub fn unaccounted_microusd(&self) -> u64 {
        self.drawn_microusd
            .saturating_sub(self.returned_microusd.saturating_add(self.charged_microusd))
    }
}

/// The shares of all holders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shares {
    accounts: BTreeMap<FeedId, Account>,
    total_microusd: u64,
}

impl Shares {
    pub(super) fn new(policy: &Policy) -> Self {
        let mut shares = Shares::default();
        for share in &policy.shares {
            let account = shares
                .accounts
                .entry(FeedId {
                    node: share.node,
                    incarnation: 0,
                })
                .or_default();
            account.received_microusd = account.received_microusd.saturating_add(share.amount_microusd);
            shares.total_microusd = shares.total_microusd.saturating_add(share.amount_microusd);
        }
        shares
    }

    pub(super) fn moved(&mut self, meta: &Meta, body: &ShareMoved) {
        let from = self.accounts.entry(meta.feed()).or_default();
        from.moved_microusd = from.moved_microusd.saturating_add(body.amount_microusd);
        let to = self.accounts.entry(body.to).or_default();
        to.received_microusd = to.received_microusd.saturating_add(body.amount_microusd);
    }

    pub(super) fn drawn(&mut self, meta: &Meta, body: &ChunkDrawn) {
        let account = self.accounts.entry(meta.feed()).or_default();
        account.drawn_microusd = account.drawn_microusd.saturating_add(body.amount_microusd);
    }

    pub(super) fn returned(&mut self, meta: &Meta, body: &ChunkReturned) {
        let account = self.accounts.entry(meta.feed()).or_default();
        account.returned_microusd = account.returned_microusd.saturating_add(body.amount_microusd);
    }

    pub(super) fn charged(&mut self, meta: &Meta, body: &ModelCalled) {
        let account = self.accounts.entry(meta.feed()).or_default();
        account.charged_microusd = account.charged_microusd.saturating_add(body.charged_microusd);
    }

    /// A holder's account.
    pub fn account(&self, holder: &FeedId) -> Account {
        self.accounts.get(holder).copied().unwrap_or_default()
    }

    /// Every account.
    pub fn accounts(&self) -> impl Iterator<Item = (&FeedId, &Account)> {
        self.accounts.iter()
    }

    /// The network's limit.
    pub fn total_microusd(&self) -> u64 {
        self.total_microusd
    }
}

/// What was charged, by what it was for. Days are those of Unix time in UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spending {
    /// By thread.
    pub by_thread: BTreeMap<Hash, u64>,
    /// By agent.
    pub by_agent: BTreeMap<PublicKey, u64>,
    /// By node.
    pub by_node: BTreeMap<PublicKey, u64>,
    /// By node and day.
    pub by_node_day: BTreeMap<(PublicKey, u64), u64>,
    /// By agent and day.
    pub by_agent_day: BTreeMap<(PublicKey, u64), u64>,
    /// By thread and node.
    pub by_thread_node: BTreeMap<(Hash, PublicKey), u64>,
    /// Everything.
    pub total_microusd: u64,
    /// Calls.
    pub calls: u64,
}

/// Milliseconds of a day.
pub const DAY_MS: u64 = 86_400_000;

impl Spending {
    pub(super) fn charged(&mut self, meta: &Meta, body: &ModelCalled) {
        let day = meta.hlc.ms() / DAY_MS;
        let amount = body.charged_microusd;
        let add = |sum: &mut u64| *sum = sum.saturating_add(amount);
        if let Some(thread) = body.thread {
            add(self.by_thread.entry(thread).or_default());
            add(self.by_thread_node.entry((thread, meta.node())).or_default());
        }
        add(self.by_agent.entry(body.agent).or_default());
        add(self.by_node.entry(meta.node()).or_default());
        add(self.by_node_day.entry((meta.node(), day)).or_default());
        add(self.by_agent_day.entry((body.agent, day)).or_default());
        add(&mut self.total_microusd);
        self.calls += 1;
    }
}
