//! Reserve–settle: no call without money set aside for its worst case.
//!
//! Every call reserves the worst case against every limit that applies, in one step, before it is made; the answer settles
//! it. The network's limit is held as chunks drawn durably from the node's share: a call spends a chunk in memory, and a crash
//! forfeits what was left of it. What a crash left unaccounted is counted against *every* limit of this node,
//! because any of them may have been touched by a call whose answer was lost: never over, sometimes under.

#![deny(clippy::float_arithmetic)]

use std::collections::BTreeMap;

use crate::crypto::{Hash, PublicKey};
use crate::state::{Account, DAY_MS, Spending};

/// Days that a monthly limit looks back over.
pub const MONTH_DAYS: u64 = 30;

/// Limits of one node, micro-dollars; absent: no limit of that kind beyond the share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of this node on one agent, for ever.
    pub agent_microusd: Option<u64>,
    /// Of this node on one agent and day.
    pub agent_day_microusd: Option<u64>,
    /// Of this node, on a day.
    pub node_day_microusd: Option<u64>,
    /// Of this node, in thirty days.
    pub node_month_microusd: Option<u64>,
    /// Size of the chunks that are drawn from the share.
    pub chunk_microusd: u64,
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purpose {
    /// The thread, with the limit of this node's part in it.
    pub thread: Option<(Hash, u64)>,
    /// The agent.
    pub agent: PublicKey,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("could not reserve {needed_microusd} µ$: the {limit} limit leaves {left_microusd} µ$")]
pub struct Refusal {
    /// Which limit.
    pub limit: &'static str,
    /// What the call may cost.
    pub needed_microusd: u64,
    /// What is left.
    pub left_microusd: u64,
}

/// The answer to a request for money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// Set aside: settle it by this id.
    Granted(u64),
    /// The chunk in hand is too small: draw so much first.
    Draw {
        /// Micro-dollars.
        amount_microusd: u64,
    },
    /// No.
    Refused(Refusal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reservation {
    purpose: Purpose,
    amount: u64,
}

/// The money that this node has in hand.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    limits: Limits,
    chunk: u64,
    forfeited: u64,
    open: BTreeMap<u64, Reservation>,
    next: u64,
}

impl Ledger {
    /// A ledger at the start of a node: what its account has unaccounted was forfeited.
    pub fn new(limits: Limits, account: &Account) -> Self {
        Ledger {
            limits,
            chunk: 0,
            forfeited: account.unaccounted_microusd(),
            open: BTreeMap::new(),
            next: 0,
        }
    }

    /// A drawn chunk is durable and may be spent.
    pub fn drawn(&mut self, amount_microusd: u64) {
        self.chunk = self.chunk.saturating_add(amount_microusd);
    }

    /// Reserved by calls under way.
    pub fn reserved_microusd(&self) -> u64 {
        self.open.values().fold(0, |sum: u64, r| sum.saturating_add(r.amount))
    }

    /// In hand, reserved or free.
    pub fn chunk_microusd(&self) -> u64 {
        self.chunk
    }

    /// Sets `worst` aside against every limit that applies.
    pub fn reserve(
        &mut self,
        me: &PublicKey,
        purpose: Purpose,
        worst_microusd: u64,
        now_ms: u64,
        account: &Account,
        spending: &Spending,
    ) -> Reserve {
        for (limit, cap, used) in self.uses(me, &purpose, now_ms, spending) {
            let left = cap.saturating_sub(used);
            if worst_microusd > left {
                return Reserve::Refused(Refusal {
                    limit,
                    needed_microusd: worst_microusd,
                    left_microusd: left,
                });
            }
        }
        let free = match crate::plant::active("unreserved_calls") {
            true => self.chunk,
            false => self.chunk.saturating_sub(self.reserved_microusd()),
        };
        if worst_microusd > free {
            let balance = account.balance_microusd().unwrap_or(0);
            let lacking = worst_microusd - free;
            if lacking > balance {
                let left_microusd = free.saturating_add(balance);
                return Reserve::Refused(Refusal {
                    limit: "network",
                    needed_microusd: worst_microusd,
                    left_microusd,
                });
            }
            return Reserve::Draw {
                amount_microusd: lacking.max(self.limits.chunk_microusd).min(balance),
            };
        }
        self.next += 1;
        self.open.insert(
            self.next,
            Reservation {
                purpose,
                amount: worst_microusd,
            },
        );
        Reserve::Granted(self.next)
    }

    /// Every limit that applies: name, cap and what is used of it.
    fn uses(&self, me: &PublicKey, p: &Purpose, now_ms: u64, s: &Spending) -> Vec<(&'static str, u64, u64)> {
        let day = now_ms / DAY_MS;
        let open = |wanted: &dyn Fn(&Purpose) -> bool| {
            self.open
                .values()
                .filter(|r| wanted(&r.purpose))
                .fold(0, |sum: u64, r| sum.saturating_add(r.amount))
        };
        let get = |known: Option<&u64>| known.copied().unwrap_or(0);
        let mut out = Vec::new();
        let mut add = |limit, cap: Option<u64>, charged: u64, reserved: u64| {
            if let Some(cap) = cap {
                out.push((
                    limit,
                    cap,
                    charged.saturating_add(reserved).saturating_add(self.forfeited),
                ));
            }
        };
        if let Some((thread, cap)) = p.thread {
            let reserved = open(&|q| q.thread.is_some_and(|(t, _)| t == thread));
            add("task", Some(cap), get(s.by_thread_node.get(&(thread, *me))), reserved);
        }
        let of_agent = open(&|q| q.agent == p.agent);
        add(
            "agent",
            self.limits.agent_microusd,
            get(s.by_agent.get(&p.agent)),
            of_agent,
        );
        add(
            "agent's daily",
            self.limits.agent_day_microusd,
            get(s.by_agent_day.get(&(p.agent, day))),
            of_agent,
        );
        let all = open(&|_| true);
        add(
            "node's daily",
            self.limits.node_day_microusd,
            get(s.by_node_day.get(&(*me, day))),
            all,
        );
        let month = s
            .by_node_day
            .range((*me, day.saturating_sub(MONTH_DAYS - 1))..=(*me, day));
        let month = month.fold(0, |sum: u64, (_, v)| sum.saturating_add(*v));
        add("node's monthly", self.limits.node_month_microusd, month, all);
        out
    }

    /// Ends a reservation with what was charged. Returns the reserved amount; `None` for an id that is not open, so that an
    /// answer that comes twice is charged once.
    pub fn settle(&mut self, id: u64, charged_microusd: u64) -> Option<u64> {
        let reservation = self.open.remove(&id)?;
        self.chunk = self.chunk.saturating_sub(charged_microusd);
        Some(reservation.amount)
    }

    /// What can be given back at an orderly stop: all that is in hand and not reserved.
    pub fn close(&mut self) -> u64 {
        let free = self.chunk.saturating_sub(self.reserved_microusd());
        self.chunk -= free;
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Keypair;

    fn account(received: u64, drawn: u64) -> Account {
        Account {
            received_microusd: received,
            drawn_microusd: drawn,
            ..Account::default()
        }
    }

    fn setup(limits: Limits) -> (Ledger, PublicKey, Purpose) {
        let me = Keypair::from_seed([1; 32]).public();
        let purpose = Purpose {
            thread: Some((Hash([5; 32]), 100)),
            agent: me,
        };
        (Ledger::new(limits, &Account::default()), me, purpose)
    }

    #[test]
    fn exactly_those_calls_run_that_fit() {
        let (mut ledger, me, purpose) = setup(Limits {
            chunk_microusd: 1_000,
            ..Limits::default()
        });
        ledger.drawn(1_000);
        let mut granted = 0;
        for _ in 0..100 {
            match ledger.reserve(&me, purpose, 7, 0, &account(1_000, 1_000), &Spending::default()) {
                Reserve::Granted(_) => granted += 1,
                Reserve::Refused(r) => assert_eq!((r.limit, r.left_microusd), ("task", 2)),
                Reserve::Draw { .. } => panic!("the chunk is large enough"),
            }
        }
        assert_eq!(granted, 14);
        assert_eq!(ledger.reserved_microusd(), 98);
    }

    #[test]
    fn a_share_is_drawn_before_it_is_spent_and_never_overdrawn() {
        let (mut ledger, me, purpose) = setup(Limits {
            chunk_microusd: 60,
            ..Limits::default()
        });
        let spending = Spending::default();
        let ask =
            |ledger: &mut Ledger, worst, account: &Account| ledger.reserve(&me, purpose, worst, 0, account, &spending);
        assert_eq!(
            ask(&mut ledger, 50, &account(80, 0)),
            Reserve::Draw { amount_microusd: 60 }
        );
        ledger.drawn(60);
        assert_eq!(ask(&mut ledger, 50, &account(80, 60)), Reserve::Granted(1));
        assert_eq!(
            ask(&mut ledger, 30, &account(80, 60)),
            Reserve::Draw { amount_microusd: 20 }
        );
        let refused = ask(&mut ledger, 31, &account(80, 60));
        assert!(matches!(
            refused,
            Reserve::Refused(Refusal {
                limit: "network",
                left_microusd: 30,
                ..
            })
        ));
    }

    #[test]
    fn an_answer_is_charged_once() {
        let (mut ledger, me, purpose) = setup(Limits {
            chunk_microusd: 100,
            ..Limits::default()
        });
        ledger.drawn(100);
        let Reserve::Granted(id) = ledger.reserve(&me, purpose, 40, 0, &account(100, 100), &Spending::default()) else {
            panic!("there is money");
        };
        assert_eq!(ledger.settle(id, 30), Some(40));
        assert_eq!(ledger.settle(id, 30), None);
        assert_eq!(ledger.chunk_microusd(), 70);
        assert_eq!(ledger.close(), 70);
    }

    #[test]
    fn what_a_crash_left_open_counts_against_every_limit() {
        let me = Keypair::from_seed([1; 32]).public();
        let crashed = Account {
            received_microusd: 500,
            drawn_microusd: 90,
            charged_microusd: 10,
            ..Account::default()
        };
        let mut ledger = Ledger::new(Limits::default(), &crashed);
        ledger.drawn(400);
        let purpose = Purpose {
            thread: Some((Hash([5; 32]), 100)),
            agent: me,
        };
        let refused = ledger.reserve(&me, purpose, 21, 0, &crashed, &Spending::default());
        assert!(
            matches!(
                refused,
                Reserve::Refused(Refusal {
                    limit: "task",
                    left_microusd: 20,
                    ..
                })
            ),
            "{refused:?}"
        );
    }
}
