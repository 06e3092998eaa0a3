//! Money as the events tell it: shares of the network's budget, and what was spent on what.
//!
//! A share belongs to one life of a node. Only its holder moves or draws from it, in its own feed's order, so no two
//! sides of a partition can spend the same micro-dollar. What a holder moves, draws or gives back counts as far as it has it: steps are
//! settled in the total order of events, so nobody makes money by saying so, and everybody settles alike.

#![deny(clippy::float_arithmetic)]

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Meta;
use crate::body::{ChunkDrawn, ChunkReturned, ModelCalled, Policy, ShareMoved};
use crate::crypto::{Hash, PublicKey};
use crate::event::{FeedId, OrderKey};
use crate::plant;

/// One holder's account. Each sum only grows as its holder's feed does.
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
    /// Whether the holder has moved, drawn or given back what it did not have, which no honest node does. That step counts for
    /// nothing.
    pub is_overdrawn: bool,
}

impl Account {
    /// What can still be moved or drawn; `None` when the holder has gone over.
    pub fn balance_microusd(&self) -> Option<u64> {
        if self.is_overdrawn {
            return None;
        }
        let into = self.received_microusd.saturating_add(self.returned_microusd);
        into.checked_sub(self.moved_microusd.saturating_add(self.drawn_microusd))
    }

    /// Drawn, not given back and not accounted for by a call: what a crash forfeited, or what is being spent now.
    pub fn unaccounted_microusd(&self) -> u64 {
        self.drawn_microusd
            .saturating_sub(self.returned_microusd.saturating_add(self.charged_microusd))
    }

    fn has(&self, amount: u64) -> bool {
        let into = self.received_microusd.saturating_add(self.returned_microusd);
        let out = self.moved_microusd.saturating_add(self.drawn_microusd);
        into.saturating_sub(out) >= amount
    }
}

/// Something that a holder did with its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Move { to: FeedId, amount: u64 },
    Draw(u64),
    Return(u64),
}

/// The shares of all holders.
#[derive(Debug, Clone, Default)]
pub struct Shares {
    first: BTreeMap<FeedId, u64>,
    steps: BTreeMap<OrderKey, (FeedId, Step)>,
    charged: BTreeMap<FeedId, u64>,
    /// What the steps come to. It follows from them.
    accounts: BTreeMap<FeedId, Account>,
    /// Whether a step came late in the order, so that the accounts are to be settled anew when they are asked for.
    is_late: bool,
    total_microusd: u64,
}

impl PartialEq for Shares {
    /// By what they follow from: whether they are settled yet makes no difference.
    fn eq(&self, other: &Self) -> bool {
        (&self.first, &self.steps, &self.charged, self.total_microusd)
            == (&other.first, &other.steps, &other.charged, other.total_microusd)
    }
}

impl Eq for Shares {}

impl Shares {
    pub(super) fn new(policy: &Policy) -> Self {
        let mut shares = Shares::default();
        for share in &policy.shares {
            let holder = FeedId {
                node: share.node,
                incarnation: 0,
            };
            let first = shares.first.entry(holder).or_default();
            *first = first.saturating_add(share.amount_microusd);
            shares.total_microusd = shares.total_microusd.saturating_add(share.amount_microusd);
        }
        shares.accounts = shares.settled();
        shares
    }

    pub(super) fn moved(&mut self, meta: &Meta, body: &ShareMoved) {
        let step = Step::Move {
            to: body.to,
            amount: body.amount_microusd,
        };
        self.step(meta, step);
    }

    pub(super) fn drawn(&mut self, meta: &Meta, body: &ChunkDrawn) {
        self.step(meta, Step::Draw(body.amount_microusd));
    }

    pub(super) fn returned(&mut self, meta: &Meta, body: &ChunkReturned) {
        self.step(meta, Step::Return(body.amount_microusd));
    }

    pub(super) fn charged(&mut self, meta: &Meta, body: &ModelCalled) {
        let charged = self.charged.entry(meta.feed()).or_default();
        *charged = charged.saturating_add(body.charged_microusd);
        self.accounts.entry(meta.feed()).or_default().charged_microusd = *charged;
    }

    /// Enters a step. What comes late in the order changes what came after it: then all are settled anew, once, when an account is
    /// asked for.
    fn step(&mut self, meta: &Meta, step: Step) {
        let last = self.steps.last_key_value().map(|(last, _)| *last);
        self.is_late |= last.is_some_and(|last| last > meta.order());
        self.steps.insert(meta.order(), (meta.feed(), step));
        if !self.is_late {
            settle(&mut self.accounts, meta.feed(), step);
        }
    }

    fn settled(&self) -> BTreeMap<FeedId, Account> {
        let mut accounts: BTreeMap<FeedId, Account> = BTreeMap::new();
        for (holder, amount) in &self.first {
            accounts.entry(*holder).or_default().received_microusd = *amount;
        }
        for (holder, step) in self.steps.values() {
            settle(&mut accounts, *holder, *step);
        }
        for (holder, charged) in &self.charged {
            accounts.entry(*holder).or_default().charged_microusd = *charged;
        }
        accounts
    }

    /// Settles what came late, so that accounts can be looked up at once from here on.
    pub fn settle(&mut self) {
        if std::mem::take(&mut self.is_late) {
            self.accounts = self.settled();
        }
    }

    /// A holder's account.
    pub fn account(&self, holder: &FeedId) -> Account {
        self.accounts().get(holder).copied().unwrap_or_default()
    }

    /// Every account.
    pub fn accounts(&self) -> Cow<'_, BTreeMap<FeedId, Account>> {
        match self.is_late {
            true => Cow::Owned(self.settled()),
            false => Cow::Borrowed(&self.accounts),
        }
    }

    /// The network's limit.
    pub fn total_microusd(&self) -> u64 {
        self.total_microusd
    }
}

/// Carries one step out, as far as its holder has what it takes.
fn settle(accounts: &mut BTreeMap<FeedId, Account>, holder: FeedId, step: Step) {
    let account = accounts.entry(holder).or_default();
    match step {
        Step::Move { to, amount } if account.has(amount) || plant::active("minted_share") => {
            account.moved_microusd = account.moved_microusd.saturating_add(amount);
            let other = accounts.entry(to).or_default();
            other.received_microusd = other.received_microusd.saturating_add(amount);
        }
        Step::Draw(amount) if account.has(amount) => {
            account.drawn_microusd = account.drawn_microusd.saturating_add(amount);
        }
        Step::Return(amount) if account.drawn_microusd.saturating_sub(account.returned_microusd) >= amount => {
            account.returned_microusd = account.returned_microusd.saturating_add(amount);
        }
        Step::Move { .. } | Step::Draw(_) | Step::Return(_) => account.is_overdrawn = true,
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
