//! Tasks and their leases.
//!
//! A claim is provisional until the authority acknowledges it. Token n + 1 is acknowledged only after n was released or
//! completed, or has expired by the acknowledger's clock plus the skew bound; that is the acknowledger's duty, and
//! the fold shows what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use super::Meta;
use super::memo::Memo;
use crate::body::Roster;
use crate::body::{
    Authority, ClaimAcked, LeaseExtended, OutsideActed, TaskAnnounced, TaskCancelled, TaskClaimed, TaskCompleted,
    TaskReleased,
};
use crate::crypto::{Hash, PublicKey};
use crate::event::{FeedId, OrderKey};
use crate::hlc::MAX_SKEW_MS;

/// A claim as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The claiming feed.
    pub feed: FeedId,
    /// The claim's event.
    pub event: Hash,
    /// What it says.
    pub body: TaskClaimed,
}

/// An acknowledged claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The agent.
    pub agent: PublicKey,
    /// The feed of its node.
    pub owner: FeedId,
    /// The fencing token.
    pub token: u64,
    /// Its end, Unix milliseconds.
    pub until_ms: u64,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Its announcement is not known yet.
    Unknown,
    /// Nobody holds it.
    Open,
    /// Somebody holds it.
    Leased(Lease),
    /// Its lease has run out, and the skew bound with it: it may be granted again.
    Expired(Lease),
    /// Done.
    Completed {
        /// Whether it succeeded.
        ok: bool,
    },
    /// Taken back for good.
    Cancelled,
}

/// One task. Entries are boxed: a map's node has room for eleven, and most tasks have one of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// The announcement, once it is known.
    pub announced: Option<(Meta, TaskAnnounced)>,
    /// Claims, in order.
    pub claims: BTreeMap<OrderKey, Box<Claim>>,
    acks: BTreeMap<u64, BTreeMap<FeedId, Box<ClaimAcked>>>,
    /// Whose claims were acknowledged by anybody. It follows from the acknowledgements.
    promised_to: BTreeSet<FeedId>,
    extensions: BTreeMap<(u64, FeedId), u64>,
    released: BTreeSet<(u64, FeedId)>,
    completed: BTreeMap<(u64, FeedId), Box<TaskCompleted>>,
    cancelled: BTreeSet<PublicKey>,
    /// What was done to the outside world, in order: feed and token.
    pub actions: BTreeMap<OrderKey, (FeedId, OutsideActed)>,
    /// What [`Task::current`] came to, under the roster of which epoch.
    latest: Memo<(Authority, u32, Option<Lease>)>,
}

impl Task {
    pub(super) fn announce(&mut self, meta: &Meta, body: &TaskAnnounced) {
        self.announced = Some((*meta, body.clone()));
        self.latest.forget();
    }

    pub(super) fn claim(&mut self, meta: &Meta, body: &TaskClaimed) {
        self.claims.insert(
            meta.order(),
            Box::new(Claim {
                feed: meta.feed(),
                event: meta.hash(),
                body: body.clone(),
            }),
        );
    }

    pub(super) fn ack(&mut self, meta: &Meta, body: &ClaimAcked) {
        // An acknowledger's events are applied in its own order, so "first" means the same on every node.
        let of_token = self.acks.entry(body.token).or_default();
        let first = of_token.entry(meta.feed()).or_insert_with(|| Box::new(body.clone()));
        self.promised_to.insert(first.owner);
        self.latest.forget();
    }

    pub(super) fn extend(&mut self, meta: &Meta, body: &LeaseExtended) {
        let until = self.extensions.entry((body.token, meta.feed())).or_default();
        *until = (*until).max(body.until_ms);
        self.latest.forget();
    }

    pub(super) fn release(&mut self, meta: &Meta, body: &TaskReleased) {
        self.released.insert((body.token, meta.feed()));
    }

    pub(super) fn complete(&mut self, meta: &Meta, body: &TaskCompleted) {
        self.completed
            .entry((body.token, meta.feed()))
            .or_insert_with(|| Box::new(body.clone()));
    }

    pub(super) fn cancel(&mut self, meta: &Meta, _: &TaskCancelled) {
        self.cancelled.insert(meta.node());
    }

    pub(super) fn act(&mut self, meta: &Meta, body: &OutsideActed) {
        self.actions.insert(meta.order(), (meta.feed(), body.clone()));
    }

    /// The home's feed.
    pub fn home(&self) -> Option<FeedId> {
        self.announced.as_ref().map(|(meta, _)| meta.feed())
    }

    /// The lease of a token, if the authority has acknowledged it.
    pub fn lease(&self, token: u64, authority: Authority, roster: &Roster) -> Option<Lease> {
        match self.current(authority, roster) {
            Some(latest) if latest.token > token => self.count(token, authority, roster),
            latest => latest.filter(|latest| latest.token == token),
        }
    }

    /// Counts the acknowledgements of a token.
    fn count(&self, token: u64, authority: Authority, roster: &Roster) -> Option<Lease> {
        let acks = self.acks.get(&token)?;
        let home = self.home()?;
        let lease = |ack: &ClaimAcked, by: &FeedId| {
            let extended = self.extensions.get(&(token, *by)).copied().unwrap_or(0);
            Lease {
                agent: ack.agent,
                owner: ack.owner,
                token,
                until_ms: ack.until_ms.max(extended),
            }
        };
        if authority == Authority::Home || roster.seat_count() < 3 {
            return acks.get(&home).map(|ack| lease(ack, &home));
        }
        let mut says: Vec<((FeedId, PublicKey), u64, PublicKey)> = Vec::with_capacity(acks.len());
        for (by, ack) in acks {
            // A node has one say on a token, that of its first life, however many lives it has had.
            if says.last().is_none_or(|(_, _, node)| *node != by.node) {
                says.push(((ack.owner, ack.agent), lease(ack, by).until_ms, by.node));
            }
        }
        says.sort_by_key(|(claimant, _, _)| *claimant);
        let total = roster.total_weight();
        says.chunk_by(|a, b| a.0 == b.0).find_map(|granted| {
            let (owner, agent) = granted[0].0;
            let of_each = granted.iter().map(|(_, until, node)| (*until, roster.weight_of(node)));
            Some(Lease {
                agent,
                owner,
                token,
                until_ms: majority_until(of_each.collect(), total)?,
            })
        })
    }

    /// The lease with the highest acknowledged token.
    pub fn current(&self, authority: Authority, roster: &Roster) -> Option<Lease> {
        let look = || {
            let mut tokens = self.acks.keys().rev();
            tokens.find_map(|token| self.count(*token, authority, roster))
        };
        // It is asked for under the roster of the announcement nearly always.
        match self.latest.get_or(|| (authority, roster.epoch, look())) {
            (by, epoch, lease) if (*by, *epoch) == (authority, roster.epoch) => *lease,
            _ => look(),
        }
    }

    /// The highest token that `feed` itself has acknowledged, and its end as that feed has promised it.
    pub fn promised(&self, feed: &FeedId) -> Option<(u64, u64)> {
        let (token, ack) = self
            .acks
            .iter()
            .rev()
            .find_map(|(token, acks)| Some((*token, acks.get(feed)?)))?;
        let extended = self.extensions.get(&(token, *feed)).copied().unwrap_or(0);
        Some((token, ack.until_ms.max(extended)))
    }

    /// Whether anybody has acknowledged a claim of this feed, whatever became of it: cheap, and mostly the answer is no.
    pub fn was_promised_to(&self, owner: &FeedId) -> bool {
        self.promised_to.contains(owner)
    }

    /// The highest token that the authority, or a part of it, has acknowledged. Tokens are counted one by one, so that no seat
    /// can use up their numbers by acknowledging the last of them.
    pub fn highest_token(&self, authority: Authority, roster: &Roster) -> u64 {
        let by_home = authority == Authority::Home || roster.seat_count() < 3;
        let entitled = |by: &FeedId| match by_home {
            true => self.home() == Some(*by),
            false => roster.owner(&by.node).is_some(),
        };
        let mut highest = 0;
        for (token, acks) in &self.acks {
            if *token != highest + 1 || !acks.keys().any(entitled) {
                break;
            }
            highest = *token;
        }
        highest
    }

    /// Whether the owner has given the lease back or finished under it.
    pub fn is_over(&self, lease: &Lease) -> bool {
        let key = (lease.token, lease.owner);
        self.released.contains(&key) || self.completed.contains_key(&key)
    }

    /// How many of an agent's claims from a feed were acknowledged by `by`.
    pub fn acks_for(&self, by: &FeedId, owner: &FeedId, agent: &PublicKey) -> usize {
        let mine = self.acks.values().filter_map(|acks| acks.get(by));
        mine.filter(|a| a.owner == *owner && a.agent == *agent).count()
    }

    /// Whether somebody of the authority acknowledges the highest token for this claimant, and that has not run out. Nobody's word
    /// holds a claimant up for longer than two leases from its claim.
    pub fn may_still_be_granted(
        &self,
        owner: &FeedId,
        agent: &PublicKey,
        now_ms: u64,
        authority: Authority,
        roster: &Roster,
    ) -> bool {
        let mut claims = self.claims.iter().rev();
        let claimed = claims.find(|(_, c)| c.feed == *owner && c.body.agent == *agent);
        let (Some((at, _)), Some((_, announced))) = (claimed, &self.announced) else {
            return false;
        };
        let highest = self.highest_token(authority, roster);
        if self.released.contains(&(highest, *owner)) {
            return false;
        }
        let last_ms = at.hlc.ms().saturating_add(announced.lease_ms.saturating_mul(2));
        let mut acks = self.acks.get(&highest).into_iter().flat_map(BTreeMap::values);
        acks.any(|a| {
            let until_ms = a.until_ms.min(last_ms).saturating_add(MAX_SKEW_MS);
            a.owner == *owner && a.agent == *agent && now_ms <= until_ms
        })
    }

    /// The claimant that most weight stands behind for a token, if anybody does.
    pub fn leading(&self, token: u64, roster: &Roster) -> Option<(FeedId, PublicKey)> {
        let mut by_owner: BTreeMap<(FeedId, PublicKey), u64> = BTreeMap::new();
        for (by, ack) in self.acks.get(&token)? {
            *by_owner.entry((ack.owner, ack.agent)).or_default() += roster.weight_of(&by.node);
        }
        by_owner
            .into_iter()
            .max_by_key(|(claimant, weight)| (*weight, std::cmp::Reverse(*claimant)))
            .map(|(c, _)| c)
    }

    /// Whether a token was given back or finished under by its acknowledged owner. What others say of it does not
    /// count, or a member could acknowledge itself, release at once, and so take the task from its owner.
    pub fn token_is_over(&self, token: u64, authority: Authority, roster: &Roster) -> bool {
        self.lease(token, authority, roster)
            .is_some_and(|lease| self.is_over(&lease))
    }

    /// What its acknowledged owner said at its end.
    pub fn completion(&self, authority: Authority, roster: &Roster) -> Option<&TaskCompleted> {
        // Few tasks have more than one report of completion, and most have none: only those tokens are looked at.
        let reports = self.completed.iter().rev();
        let mut counting = reports.filter(|((token, by), _)| {
            let lease = self.lease(*token, authority, roster);
            lease.is_some_and(|lease| lease.owner == *by)
        });
        counting.next().map(|(_, done)| done.as_ref())
    }

    /// How far it is at `now_ms`.
    pub fn status(&self, now_ms: u64, authority: Authority, roster: &Roster) -> TaskStatus {
        let Some((meta, _)) = &self.announced else {
            return TaskStatus::Unknown;
        };
        if let Some(done) = self.completion(authority, roster) {
            return TaskStatus::Completed { ok: done.ok };
        }
        if self.cancelled.contains(&meta.node()) {
            return TaskStatus::Cancelled;
        }
        match self.current(authority, roster) {
            None => TaskStatus::Open,
            Some(lease) if self.is_over(&lease) => TaskStatus::Open,
            Some(lease) if now_ms > lease.until_ms.saturating_add(MAX_SKEW_MS) => TaskStatus::Expired(lease),
            Some(lease) => TaskStatus::Leased(lease),
        }
    }
}

/// The latest time to which more than half of a roster's weight has granted a lease, by the times and weights of those who did; none if
/// so much did not grant it.
fn majority_until(mut latest_first: Vec<(u64, u64)>, total: u64) -> Option<u64> {
    latest_first.sort_unstable_by(|a, b| b.cmp(a));
    let mut weight: u128 = 0;
    latest_first.into_iter().find_map(|(until, w)| {
        weight += u128::from(w);
        (weight * 2 > u128::from(total)).then_some(until)
    })
}
