//! Money: what is truly charged never exceeds what was drawn, shared and allowed.

use std::collections::BTreeMap;

use crate::body::Body;
use crate::crypto::{Hash, PublicKey};
use crate::event::FeedId;
use crate::sim::world::World;
use crate::state::{Account, DAY_MS, Meta};

/// A call under way.
#[derive(Debug, Clone)]
struct Call {
    feed: FeedId,
    thread: Option<Hash>,
    reserved: u64,
    charge: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Books {
    received: u64,
    moved: u64,
    drawn: u64,
    returned: u64,
    /// Truly charged, whether or not the node has lived to record it.
    charged: u64,
    calls: u64,
    recorded: u64,
    recorded_calls: u64,
}

/// The books of money.
#[derive(Debug, Default)]
pub(super) struct Money {
    total: u64,
    charged: u64,
    reserved: u64,
    feeds: BTreeMap<FeedId, Books>,
    open: BTreeMap<(usize, u64), Call>,
    threads: BTreeMap<(Hash, usize), u64>,
}

impl super::Check {
    /// The shares that a new project has.
    pub fn total_shares(&mut self, shares: impl Iterator<Item = (PublicKey, u64)>) {
        for (node, amount) in shares {
            let feed = FeedId { node, incarnation: 0 };
            self.money.feeds.entry(feed).or_default().received += amount;
            self.money.total += amount;
        }
    }
}

impl World {
    /// Movements of money, as they become durable at their authors.
    pub(super) fn book_money(&mut self, n: usize, meta: &Meta, body: &Body) {
        let honest = self.honest(n);
        let books = self.check.money.feeds.entry(meta.feed()).or_default();
        // What a liar moves, draws or returns is booked as far as it has it: more than that nobody may believe.
        let has = (books.received + books.returned).saturating_sub(books.moved + books.drawn);
        let gives_back = books.drawn.saturating_sub(books.returned);
        match body {
            Body::ShareMoved(b) if honest || b.amount_microusd <= has => {
                books.moved += b.amount_microusd;
                self.check.money.feeds.entry(b.to).or_default().received += b.amount_microusd;
            }
            Body::ChunkDrawn(b) if honest || b.amount_microusd <= has => books.drawn += b.amount_microusd,
            Body::ChunkReturned(b) if honest || b.amount_microusd <= gives_back => books.returned += b.amount_microusd,
            Body::ModelCalled(b) => {
                books.recorded += b.charged_microusd;
                books.recorded_calls += 1;
            }
            _ => return,
        }
        let books = self.check.money.feeds[&meta.feed()];
        let problem = match () {
            () if !honest => return,
            () if books.moved + books.drawn > books.received + books.returned => "moves or draws more than its share",
            () if books.returned + books.recorded > books.drawn => "returns or charges more than it drew",
            () if books.recorded > books.charged => "records more than was charged",
            () if books.recorded_calls > books.calls => "records a call twice",
            () => return,
        };
        self.violate("money", format!("{} {problem}: {books:?}", self.name(n)));
    }

    /// Money was moved, as a node believes: all that anybody has and has drawn is not more than there ever was.
    pub(super) fn check_shares(&mut self, n: usize) {
        let Some(p) = self.project_of(n).filter(|_| self.honest(n)) else {
            return;
        };
        let held = |a: &Account| u128::from(a.received_microusd).saturating_sub(u128::from(a.moved_microusd));
        let sum: u128 = p.state.shares.accounts().values().map(held).sum();
        let total = p.state.shares.total_microusd();
        if sum > u128::from(total) {
            let what = format!("{} believes in {sum} µ$ of {total}", self.name(n));
            self.violate("money", what);
        }
    }

    /// A model is asked: the worst case fits in everything.
    pub fn check_ask(&mut self, n: usize, ask: u64, agent: &str, reserved: u64, charge: u64) {
        if !self.honest(n) {
            return;
        }
        let local = self.local(n);
        let Some(p) = self.project_of(n) else { return };
        let (feed, thread) = (p.feed(), p.turn(ask).map(|t| t.thread));
        let cap = thread.and_then(|t| p.thread_cap(&t));
        // The node's own limits: what it has recorded for today, and what is under way.
        let limits = &self.members[n].cfg.limits;
        let day = local / DAY_MS;
        let spending = &p.state.spending;
        let today = spending.by_node_day.get(&(feed.node, day)).copied().unwrap_or(0);
        let under_way = p.ledger().reserved_microusd();
        let over_day = limits.node_day_microusd.is_some_and(|cap| today + under_way > cap);
        let key = p.local_agents().find(|a| a.spec.id == agent).map(|a| a.key.public());
        let by_agent = key.and_then(|k| spending.by_agent.get(&k)).copied().unwrap_or(0);
        let over_agent = limits.agent_microusd.is_some_and(|cap| by_agent + reserved > cap);
        let call = Call {
            feed,
            thread,
            reserved,
            charge,
        };
        let money = &mut self.check.money;
        money.open.insert((n, ask), call);
        money.reserved += reserved;
        let books = money.feeds.entry(feed).or_default();
        books.calls += 1;
        let books = *books;
        let of_feed: u64 = money.open.values().filter(|c| c.feed == feed).map(|c| c.reserved).sum();
        let spent = thread.and_then(|t| money.threads.get(&(t, n)).copied()).unwrap_or(0);
        let of_thread: u64 = money
            .open
            .iter()
            .filter(|((m, _), c)| *m == n && c.thread == thread)
            .map(|(_, c)| c.reserved)
            .sum();
        let problem = match () {
            () if money.charged + money.reserved > money.total => "the network's budget",
            () if books.charged + of_feed + books.returned > books.drawn => "what it has durably drawn",
            () if cap.is_some_and(|cap| spent + of_thread > cap) => "its part of the thread's budget",
            () if over_day => "its daily limit",
            () if over_agent => "its agent's limit",
            () => return,
        };
        let what = format!(
            "{} asks a model for {reserved} µ$ beyond {problem}: {books:?}",
            self.name(n)
        );
        self.violate("money", what);
    }

    /// What a call will cost.
    pub fn check_charge(&mut self, n: usize, ask: u64, amount: u64) {
        if let Some(call) = self.check.money.open.get_mut(&(n, ask)) {
            call.charge = amount;
        }
    }

    /// The answer to a call reaches the node: from now on its charge counts, not its reservation.
    pub fn close_call(&mut self, n: usize, ask: u64) {
        let money = &mut self.check.money;
        let Some(call) = money.open.remove(&(n, ask)) else {
            return;
        };
        money.reserved -= call.reserved;
        money.charged += call.charge;
        money.feeds.entry(call.feed).or_default().charged += call.charge;
        if let Some(thread) = call.thread {
            *money.threads.entry((thread, n)).or_default() += call.charge;
        }
        self.summary.charged_microusd += call.charge;
    }

    /// A node has died: what it had drawn and not accounted for is forfeited.
    pub fn check_forfeit(&mut self, n: usize) {
        let member = &self.members[n];
        let feed = FeedId {
            node: member.me,
            incarnation: member.cfg.incarnation,
        };
        let books = self.check.money.feeds.get(&feed).copied().unwrap_or_default();
        if books.drawn > books.returned + books.recorded {
            self.summary.saw("chunk forfeited");
        }
    }

    /// A node has died: its calls cost what they cost, and it will never know.
    pub fn settle_calls(&mut self, n: usize) {
        let lost: Vec<u64> = self
            .check
            .money
            .open
            .range((n, 0)..=(n, u64::MAX))
            .map(|((_, ask), _)| *ask)
            .collect();
        for ask in lost {
            self.close_call(n, ask);
        }
    }
}
