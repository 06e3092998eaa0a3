//! Who wants whom in or out: the consents of seats, and what follows from them.
//!
//! Of each seat the latest word about a node counts, and of those words the latest [`MAX_CONSENTS`]: both are maxima in the
//! order of events, so any delivery order gives the same. Whether an author may speak is judged when the questions are
//! read: it has to be a seat in the epoch that its event names, and its weight today is what it brings. The word of a member
//! without a vote weighs nothing, and still shows everybody what was asked.
//!
//! A change needs the consent of so much weight that one malicious seat cannot bring it about:
//!
//! - A newcomer into the pool of an owner that is there: one seat of that very pool, for the pool's weight does not grow. That goes for
//!   the first [`MAX_VOUCHED_SEATS`] seats of a pool, counting those that are gone.
//! - Any other newcomer: more than two thirds of the weight.
//! - A removal: more than half of the whole weight, and more than two thirds of the weight of the others. The member that is
//!   to go has no say in that, but its node signs when the others agree, so that one of three equal owners can be removed
//!   although a roster change always needs more than two thirds of the whole. Who refuses even that needs more than
//!   two thirds against it.
//! - Who leaves needs nobody's consent.

use std::collections::{BTreeMap, BTreeSet};

use super::Meta;
use crate::body::{JoinStatement, MembershipChange, MembershipConsented, Pool, Signed};
use crate::crypto::PublicKey;
use crate::event::{EventRef, OrderKey};
use crate::hlc::Hlc;
use crate::roster::{RosterChain, is_quorum};

/// Words of one author about other nodes that are kept, the latest: more nodes than anybody decides about at a time.
pub const MAX_CONSENTS: usize = 256;
/// Seats that may come into a pool by the word of one seat of its own while the project lasts, with those that have gone again; beyond it
/// a newcomer needs a quorum like a new owner. Otherwise one owner could fill the roster ([`crate::body::MAX_MEMBERS`]), or make the
/// chain of rosters ever longer by letting new keys in that leave at once.
pub const MAX_VOUCHED_SEATS: usize = 64;

/// One author's word about one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The event that said it.
    pub meta: Meta,
    /// What it said.
    pub change: MembershipChange,
}

/// A place in a node's life: incarnation, and number of events.
pub type Place = (u64, u64);

/// All consents of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    by_author: BTreeMap<PublicKey, BTreeMap<PublicKey, Consent>>,
    /// Who has left, and where: behind its first such statement, which no later one moves.
    left: BTreeMap<PublicKey, (Place, Hlc)>,
}

/// What is wanted of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// That it comes in, by this request.
    Admit(Signed<JoinStatement>),
    /// That it goes.
    Remove,
    /// It wants to go itself.
    Leave,
}

/// An open question of membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// About whom.
    pub node: PublicKey,
    /// What is wanted.
    pub wish: Wish,
    /// The seats that want it.
    pub seats: BTreeSet<PublicKey>,
    /// Their weight in the latest roster.
    pub weight: u64,
    /// The least weight with which it is carried. 0: it needs nobody's consent.
    pub needed: u64,
    /// Whether it is carried.
    pub enough: bool,
    /// The time of the last word about it.
    pub since: Hlc,
    /// Where the node's feed should end by those who want it out.
    pub places: BTreeSet<Place>,
}

impl Membership {
    /// Enters a word.
    pub(super) fn consent(&mut self, meta: &Meta, body: &MembershipConsented) {
        let author = meta.node();
        if body.change == MembershipChange::Leave {
            let place = (meta.feed().incarnation, meta.reference.seq + 1);
            let known = self.left.entry(author).or_insert((place, meta.hlc));
            *known = (place, meta.hlc).min(*known);
            return;
        }
        let words = self.by_author.entry(author).or_default();
        let consent = Consent {
            meta: *meta,
            change: body.change.clone(),
        };
        let about = body.change.about(&author);
        if words.get(&about).is_none_or(|known| known.order() < consent.order()) {
            words.insert(about, consent);
        }
        if words.len() > MAX_CONSENTS {
            let oldest = words.iter().min_by_key(|(_, c)| c.order()).map(|(node, _)| *node);
            oldest.map(|node| words.remove(&node));
        }
    }

    /// What an author said last about a node.
    pub fn said(&self, author: &PublicKey, about: &PublicKey) -> Option<&Consent> {
        self.by_author.get(author)?.get(about)
    }

    /// Where the feed of a node that has left ends.
    pub fn left(&self, node: &PublicKey) -> Option<Place> {
        self.left.get(node).map(|(place, _)| *place)
    }

    /// Every open question, the oldest first.
    pub fn questions(&self, rosters: &RosterChain) -> Vec<Question> {
        let roster = rosters.latest();
        let (members, weights) = (roster.members(), roster.weights());
        let mut open: BTreeMap<PublicKey, Vec<Question>> = BTreeMap::new();
        for (node, (place, at)) in self.left.iter().filter(|(node, _)| members.contains(node)) {
            let mut question = Question::new(*node, Wish::Leave);
            question.places.insert(*place);
            question.since = *at;
            open.insert(*node, vec![question]);
        }
        for (author, words) in self.by_author.iter().filter(|(author, _)| members.contains(author)) {
            for (node, consent) in words {
                let Some(wish) = consent.wish() else { continue };
                let possible = match &wish {
                    Wish::Admit(_) => !members.contains(node) && !rosters.was_removed(node),
                    Wish::Remove | Wish::Leave => members.contains(node) && author != node,
                };
                if !possible {
                    continue;
                }
                let of_node = open.entry(*node).or_default();
                // Who leaves is not voted on; what others say adds where its feed should end.
                let same = |q: &Question| q.wish == wish || (q.wish == Wish::Leave && wish == Wish::Remove);
                let at = of_node.iter().position(same).unwrap_or_else(|| {
                    of_node.push(Question::new(*node, wish.clone()));
                    of_node.len() - 1
                });
                let question = &mut of_node[at];
                question.since = question.since.max(consent.meta.hlc);
                let then = rosters.epoch(consent.meta.epoch);
                if weights.contains_key(author) && then.is_some_and(|r| r.owner(author).is_some()) {
                    question.seats.insert(*author);
                    question.places.extend(consent.place());
                }
            }
        }
        let mut open: Vec<Question> = open.into_values().flatten().collect();
        for question in &mut open {
            question.weigh(rosters, &weights);
        }
        open.sort_by_key(|q| (q.since, q.node));
        open
    }
}

impl Consent {
    fn order(&self) -> OrderKey {
        self.meta.order()
    }

    fn wish(&self) -> Option<Wish> {
        match &self.change {
            MembershipChange::Admit(join) => Some(Wish::Admit(join.clone())),
            MembershipChange::Remove { .. } => Some(Wish::Remove),
            MembershipChange::Leave | MembershipChange::Withdraw { .. } => None,
        }
    }

    /// The event that said it, to be named in an answer.
    pub fn reference(&self) -> EventRef {
        self.meta.reference
    }

    fn place(&self) -> Option<Place> {
        match self.change {
            MembershipChange::Remove {
                incarnation, events, ..
            } => Some((incarnation, events)),
            _ => None,
        }
    }
}

impl Question {
    fn new(node: PublicKey, wish: Wish) -> Self {
        Question {
            node,
            wish,
            seats: BTreeSet::new(),
            weight: 0,
            needed: 0,
            enough: false,
            since: Hlc::default(),
            places: BTreeSet::new(),
        }
    }

    /// A request that nobody has said a word about yet.
    pub fn asked(join: Signed<JoinStatement>, rosters: &RosterChain) -> Self {
        let mut question = Question::new(join.by, Wish::Admit(join));
        question.weigh(rosters, &rosters.latest().weights());
        question
    }

    fn weigh(&mut self, rosters: &RosterChain, weights: &BTreeMap<PublicKey, u64>) {
        let total: u64 = weights.values().sum();
        self.weight = self.seats.iter().filter_map(|s| weights.get(s)).sum();
        self.needed = match &self.wish {
            Wish::Leave => 0,
            Wish::Admit(_) if self.is_vouched(rosters) => 0,
            Wish::Admit(_) => least_quorum(total),
            Wish::Remove => {
                let others = total - weights.get(&self.node).copied().unwrap_or(0);
                least_quorum(others).max(total / 2 + 1)
            }
        };
        self.enough = self.weight >= self.needed;
    }

    /// The pool that a newcomer joins, if one seat of that pool may let it in.
    pub fn pool<'a>(&self, rosters: &'a RosterChain) -> Option<&'a Pool> {
        let Wish::Admit(join) = &self.wish else { return None };
        let statement = &join.statement;
        let ever = |p: &Pool| p.seats.len() + rosters.departed(&p.owner);
        let joins = |p: &&Pool| statement.voting && p.owner == statement.owner && ever(p) < MAX_VOUCHED_SEATS;
        rosters.latest().pools.iter().find(joins)
    }

    fn is_vouched(&self, rosters: &RosterChain) -> bool {
        let pool = self.pool(rosters);
        pool.is_some_and(|p| p.seats.iter().any(|s| self.seats.contains(&s.node)))
    }

    /// Whether a seat may be ready for this change: it is carried, and this seat wants it itself, or it is none of its business, or
    /// it is the seat that is to go.
    pub fn binds(&self, seat: &PublicKey) -> bool {
        self.enough
            && (self.needed == 0 || self.seats.contains(seat) || (self.wish == Wish::Remove && self.node == *seat))
    }
}

/// The least weight that is more than two thirds of `total`.
fn least_quorum(total: u64) -> u64 {
    let least = (u128::from(total) * 2 / 3 + 1) as u64;
    debug_assert!(is_quorum(least, total) && !is_quorum(least - 1, total));
    least
}
