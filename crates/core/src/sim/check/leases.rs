//! One owner: at any true time at most one node believes to hold a task's lease.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::Body;
use crate::crypto::{Hash, PublicKey};
use crate::sim::world::World;
use crate::state::Meta;

/// The books of leases.
#[derive(Debug, Default)]
pub(super) struct Leases {
    /// By task and node: until when it believes to hold it (by its own clock), and the token.
    held: BTreeMap<Hash, BTreeMap<usize, (u64, u64)>>,
    /// By acknowledger and task: the last token acknowledged.
    tokens: BTreeMap<(PublicKey, Hash), u64>,
    /// Outside acts on record.
    acts: BTreeSet<(usize, Hash, u64)>,
}

impl World {
    /// Acknowledged tokens rise; acts are on record.
    pub(super) fn book_leases(&mut self, n: usize, meta: &Meta, body: &Body) {
        match body {
            Body::ClaimAcked(b) => {
                let last = self.check.leases.tokens.insert((meta.node(), b.task), b.token);
                if last.is_some_and(|last| last >= b.token) {
                    let what = format!(
                        "{} acknowledges token {} of task {} after token {}",
                        self.name(n),
                        b.token,
                        b.task.short(),
                        last.unwrap_or(0)
                    );
                    self.violate("tokens-rise", what);
                }
            }
            Body::OutsideActed(b) => {
                self.check.leases.acts.insert((n, b.task, b.token));
            }
            _ => {}
        }
    }

    /// Whether a node that was seen to hold a lease holds it at this very time.
    fn holds_now(&self, m: usize, until: u64) -> bool {
        self.members[m].node.is_some() && self.local(m) < until
    }

    /// What a node believes to hold after it has accepted events.
    pub(super) fn check_leases(&mut self, n: usize) {
        let local = self.local(n);
        let Some(p) = self.project_of(n) else { return };
        let held = &self.check.leases.held;
        let held_before = |id: &Hash| held.get(id).is_some_and(|holders| holders.contains_key(&n));
        let mine: Vec<(Hash, Option<(u64, u64)>)> = p
            .state
            .tasks
            .keys()
            .map(|id| (*id, p.my_lease(id, local).map(|l| (l.until_ms, l.token))))
            .filter(|(id, lease)| lease.is_some() || held_before(id))
            .collect();
        for (task, lease) in mine {
            let holders = self.check.leases.held.entry(task).or_default();
            let before = match lease {
                Some(lease) => holders.insert(n, lease),
                None => holders.remove(&n),
            };
            let Some((until, token)) = lease.filter(|_| lease != before) else {
                continue;
            };
            self.summary.leases += u64::from(before.is_none_or(|(_, t)| t != token));
            let others: Vec<(usize, u64, u64)> = self.check.leases.held[&task]
                .iter()
                .filter(|(m, (until, _))| **m != n && self.holds_now(**m, *until))
                .map(|(m, (until, token))| (*m, *until, *token))
                .collect();
            for (m, other_until, other) in others {
                let overlap = (until - local).min(other_until - self.local(m));
                self.summary.lease_overlap_ms = self.summary.lease_overlap_ms.max(overlap);
                let what = format!(
                    "{} believes to hold task {} under token {token} while {} holds it under token {other}, for {overlap} ms",
                    self.name(n),
                    task.short(),
                    self.name(m)
                );
                self.violate("one-owner", what);
            }
        }
    }

    /// The outside world is touched: under a lease that holds, is the only one, and is on record.
    pub fn check_act(&mut self, n: usize, project: Hash, task: Hash, token: u64) {
        if !self.honest(n) {
            return;
        }
        let local = self.local(n);
        let lease = self.project_of(n).and_then(|p| p.my_lease(&task, local));
        let mine = lease.is_some_and(|l| l.token == token);
        let other = self.check.leases.held.get(&task).into_iter().flatten();
        let other = other
            .filter(|(m, (until, _))| **m != n && self.holds_now(**m, *until))
            .map(|(m, _)| *m)
            .next();
        let what = match other {
            _ if !mine => format!("{} acts on a task without a current lease", self.name(n)),
            Some(m) => format!("{} acts on a task that {} holds", self.name(n), self.name(m)),
            None if !self.check.leases.acts.contains(&(n, task, token)) => {
                format!("{} acts on a task before that is on record", self.name(n))
            }
            None => return,
        };
        self.violate(
            "act-under-lease",
            format!("{what} (task {} of {})", task.short(), project.short()),
        );
    }
}
