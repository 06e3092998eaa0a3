//! Events that wait for others, bounded in bytes and by author.
//!
//! A member may have its share of [`HELD_MEMBER_BYTES`], so that nobody crowds another out. Who is not a member yet (a newcomer's first events
//! come before its roster) has next to nothing, and all such authors together [`HELD_STRANGER_BYTES`]. Of one feed the events that are
//! nearest to their turn are kept. What is refused or let go is not lost: no feed is longer for it, so anti-entropy asks
//! for it again, from the first event that is not accepted.

use std::collections::{BTreeMap, BTreeSet};

use super::Blocker;
use crate::crypto::PublicKey;
use crate::event::{Event, FeedId};
use crate::plant;

/// Memory of all members' events that wait, at most: each member has an equal share.
pub const HELD_MEMBER_BYTES: usize = 64 * 1024 * 1024;
/// A member's share is never less: the largest event fits, and a range of usual ones.
pub const HELD_SHARE_BYTES: usize = 1024 * 1024;
/// Memory of the events of all who are not members (yet), at most.
pub const HELD_STRANGER_BYTES: usize = 1024 * 1024;
/// Memory of the events of one who is not a member (yet): a newcomer's first words fit.
pub const HELD_ONE_STRANGER_BYTES: usize = 64 * 1024;
/// What an event costs beside its bytes: maps, its decoded header, an allocation or two.
const OVERHEAD: usize = 512;

/// Whose event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// A member, with its share.
    Member { share: usize },
    /// Not a member, as far as is known here.
    Stranger,
}

impl Author {
    /// One of so many members.
    pub fn member_of(members: usize) -> Self {
        let share = (HELD_MEMBER_BYTES / members.max(1)).max(HELD_SHARE_BYTES);
        Author::Member { share }
    }
}

#[derive(Debug, Clone)]
struct Waiting {
    event: Event,
    bytes: usize,
    blocker: Blocker,
}

#[derive(Debug, Clone, Default)]
struct Account {
    bytes: usize,
    stranger: bool,
}

/// All events of a project that wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    feeds: BTreeMap<FeedId, BTreeMap<u64, Waiting>>,
    /// Which feeds wait for what. Only a feed's next event waits for something else than its own feed, so there are at most
    /// two entries for a feed that has events here, and none for one that has not.
    blocked: BTreeMap<Blocker, BTreeSet<FeedId>>,
    accounts: BTreeMap<PublicKey, Account>,
    count: usize,
    members: usize,
    strangers: usize,
}

/// Memory that an event takes while it waits: its signed bytes twice (as they are, and decoded) and what goes with it.
fn cost(event: &Event) -> usize {
    2 * event.signed_len() + OVERHEAD
}

impl Held {
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of members' events, and of others'.
    pub fn bytes(&self) -> (usize, usize) {
        (self.members, self.strangers)
    }

    pub fn has_room_for_stranger(&self, node: &PublicKey) -> bool {
        let own = self.accounts.get(node).map_or(0, |a| a.bytes);
        own + 2 * OVERHEAD <= HELD_ONE_STRANGER_BYTES && self.strangers + 2 * OVERHEAD <= HELD_STRANGER_BYTES
    }

    pub fn contains(&self, id: &FeedId, seq: u64) -> bool {
        self.feeds.get(id).is_some_and(|f| f.contains_key(&seq))
    }

    /// Feeds that wait, by what they wait for.
    pub fn blocked(&self) -> impl Iterator<Item = (&Blocker, &BTreeSet<FeedId>)> {
        self.blocked.iter()
    }

    /// Keeps an event, if there is room for it: in its author's share, and then among all.
    pub fn hold(&mut self, event: &Event, blocker: Blocker, author: Author) -> bool {
        let bytes = cost(event);
        self.reclassify(event.node(), author == Author::Stranger);
        if !plant::active("unbounded_hold") && !self.make_room(event, bytes, author) {
            return false;
        }
        let (id, seq) = (event.feed(), event.header().seq);
        let waiting = Waiting {
            event: event.clone(),
            bytes,
            blocker,
        };
        self.feeds.entry(id).or_default().insert(seq, waiting);
        self.blocked.entry(blocker).or_default().insert(id);
        self.count += 1;
        let account = self.accounts.entry(id.node).or_default();
        account.stranger = author == Author::Stranger;
        account.bytes += bytes;
        *self.total(author == Author::Stranger) += bytes;
        true
    }

    fn total(&mut self, stranger: bool) -> &mut usize {
        if stranger {
            &mut self.strangers
        } else {
            &mut self.members
        }
    }

    /// A newcomer became a member, or a member was removed.
    fn reclassify(&mut self, node: PublicKey, stranger: bool) {
        let Some(account) = self.accounts.get_mut(&node).filter(|a| a.stranger != stranger) else {
            return;
        };
        account.stranger = stranger;
        let bytes = account.bytes;
        *self.total(!stranger) -= bytes;
        *self.total(stranger) += bytes;
        if stranger && bytes > HELD_ONE_STRANGER_BYTES {
            while self
                .accounts
                .get(&node)
                .is_some_and(|a| a.bytes > HELD_ONE_STRANGER_BYTES)
            {
                self.drop_farthest(&node);
            }
        }
    }

    fn make_room(&mut self, event: &Event, bytes: usize, author: Author) -> bool {
        let (id, seq) = (event.feed(), event.header().seq);
        let (share, all) = match author {
            Author::Member { share } => (share, HELD_MEMBER_BYTES),
            Author::Stranger => (HELD_ONE_STRANGER_BYTES, HELD_STRANGER_BYTES),
        };
        if bytes > share {
            return false;
        }
        while self.accounts.get(&id.node).map_or(0, |a| a.bytes) + bytes > share {
            // What is nearer to its turn is worth more.
            let farthest = self.feeds.get(&id).and_then(|f| f.last_key_value()).map(|(s, _)| *s);
            match farthest.filter(|farthest| *farthest > seq) {
                Some(farthest) => self.remove(id, farthest),
                None => return false,
            };
        }
        while *self.total(author == Author::Stranger) + bytes > all {
            // Shares grew smaller with more members: who holds more than a share by now gives way.
            let over = |(_, a): &(&PublicKey, &Account)| !a.stranger && a.bytes > share;
            let greedy = self.accounts.iter().filter(over).max_by_key(|(_, a)| a.bytes);
            match (greedy.map(|(node, _)| *node), author) {
                (Some(node), Author::Member { .. }) => self.drop_farthest(&node),
                _ => return false,
            }
        }
        true
    }

    /// Lets go of everything of a node's later lives.
    pub fn cut_later(&mut self, node: &PublicKey) {
        let lives: Vec<FeedId> = self.feeds.range(super::lives::later(node)).map(|(id, _)| *id).collect();
        for id in lives {
            self.cut(id, 0);
        }
    }

    fn drop_farthest(&mut self, node: &PublicKey) {
        let last = self.feeds.range(all_of(node)).next_back();
        if let Some((id, seq)) = last.and_then(|(id, f)| Some((*id, *f.last_key_value()?.0))) {
            self.remove(id, seq);
        }
    }

    /// Takes an event out, with everything that was noted for it.
    fn remove(&mut self, id: FeedId, seq: u64) -> Option<Event> {
        let feed = self.feeds.get_mut(&id)?;
        let waiting = feed.remove(&seq)?;
        let empty = feed.is_empty();
        if empty {
            self.feeds.remove(&id);
            self.unblock_one(Blocker::Feed(id), &id);
        }
        if waiting.blocker != Blocker::Feed(id) {
            self.unblock_one(waiting.blocker, &id);
        }
        self.count -= 1;
        let mut stranger = false;
        if let Some(account) = self.accounts.get_mut(&id.node) {
            stranger = account.stranger;
            account.bytes -= waiting.bytes;
            if account.bytes == 0 {
                self.accounts.remove(&id.node);
            }
        }
        *self.total(stranger) -= waiting.bytes;
        Some(waiting.event)
    }

    fn unblock_one(&mut self, blocker: Blocker, id: &FeedId) {
        if let Some(waiting) = self.blocked.get_mut(&blocker) {
            waiting.remove(id);
            if waiting.is_empty() {
                self.blocked.remove(&blocker);
            }
        }
    }

    /// Feeds that waited for this, which has come to pass.
    pub fn unblock(&mut self, blocker: &Blocker) -> BTreeSet<FeedId> {
        self.blocked.remove(blocker).unwrap_or_default()
    }

    /// Takes the event with the number `next` of a feed out, and lets everything before it go.
    pub fn release(&mut self, id: FeedId, next: u64) -> Option<Event> {
        while let Some(stale) = self.feeds.get(&id).and_then(|f| f.first_key_value()).map(|(s, _)| *s)
            && stale < next
        {
            self.remove(id, stale);
        }
        let event = self.remove(id, next);
        if event.is_none() && self.feeds.contains_key(&id) {
            self.blocked.entry(Blocker::Feed(id)).or_default().insert(id);
        }
        event
    }

    /// Lets everything of a feed go from a number on.
    pub fn cut(&mut self, id: FeedId, at: u64) {
        while let Some(last) = self.feeds.get(&id).and_then(|f| f.last_key_value()).map(|(s, _)| *s)
            && last >= at
        {
            self.remove(id, last);
        }
    }
}

fn all_of(node: &PublicKey) -> std::ops::RangeInclusive<FeedId> {
    let at = |incarnation| FeedId {
        node: *node,
        incarnation,
    };
    at(0)..=at(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{AdminActed, Body};
    use crate::crypto::{Hash, Keypair};
    use crate::event::Draft;
    use crate::hlc::Hlc;

    fn event(seed: u16, seq: u64, bytes: usize) -> Event {
        let mut key = [7; 32];
        key[..2].copy_from_slice(&seed.to_le_bytes());
        let draft = Draft {
            project: Hash([1; 32]),
            incarnation: 0,
            seq,
            prev: Hash([2; 32]),
            hlc: Hlc(seq),
            epoch: 0,
            deps: vec![],
        };
        let action = "x".repeat(bytes);
        Event::sign(
            &Keypair::from_seed(key),
            draft,
            &Body::AdminActed(AdminActed { action }),
        )
    }

    fn hold(held: &mut Held, event: &Event, author: Author) -> bool {
        held.hold(event, Blocker::Feed(event.feed()), author)
    }

    #[test]
    fn strangers_together_stay_within_their_bound() {
        let mut held = Held::default();
        for n in 0..4000 {
            hold(&mut held, &event(n % 400, 10 + u64::from(n), 2000), Author::Stranger);
            let (members, strangers) = held.bytes();
            assert!(members == 0 && strangers <= HELD_STRANGER_BYTES);
        }
        assert!(held.bytes().1 > HELD_STRANGER_BYTES / 2, "it is used");
        let member = event(9999, 5, 2000);
        assert!(
            hold(&mut held, &member, Author::member_of(3)),
            "a member is not crowded out"
        );
    }

    #[test]
    fn one_member_keeps_what_is_nearest_to_its_turn_and_crowds_nobody_out() {
        let (mut held, share) = (Held::default(), Author::Member { share: 100_000 });
        for seq in (1..200).rev() {
            hold(&mut held, &event(1, seq, 2000), share);
            assert!(held.bytes().0 <= 100_000);
        }
        let feed = event(1, 1, 10).feed();
        assert!(held.contains(&feed, 1) && !held.contains(&feed, 199));
        assert!(
            !hold(&mut held, &event(1, 500, 2000), share),
            "farther than all that is held"
        );
        assert!(
            hold(&mut held, &event(2, 500, 2000), share),
            "another's share is its own"
        );
    }

    #[test]
    fn shares_that_grew_smaller_give_way() {
        let mut held = Held::default();
        let all = Author::Member {
            share: HELD_MEMBER_BYTES,
        };
        let mut seq = 1;
        while hold(&mut held, &event(1, seq, 100_000), all) {
            seq += 1;
        }
        assert!(hold(&mut held, &event(2, 1, 100_000), Author::member_of(64)));
        assert!(held.bytes().0 <= HELD_MEMBER_BYTES);
    }

    #[test]
    fn nothing_is_left_of_what_went() {
        let mut held = Held::default();
        let other = event(3, 0, 10).feed();
        for seq in 4..8 {
            let e = event(1, seq, 10);
            let blocker = if seq == 4 {
                Blocker::Feed(other)
            } else {
                Blocker::Feed(e.feed())
            };
            assert!(held.hold(&e, blocker, Author::member_of(3)));
        }
        let feed = event(1, 4, 10).feed();
        assert_eq!(held.release(feed, 5).map(|e| e.header().seq), Some(5), "4 is stale");
        held.cut(feed, 0);
        let left = (
            held.count(),
            held.bytes(),
            held.feeds.len(),
            held.blocked.len(),
            held.accounts.len(),
        );
        assert_eq!(left, (0, (0, 0), 0, 0, 0));
    }

    #[test]
    fn who_becomes_a_member_is_no_stranger_any_more() {
        let mut held = Held::default();
        assert!(hold(&mut held, &event(1, 3, 1000), Author::Stranger));
        assert!(hold(&mut held, &event(1, 4, 1000), Author::member_of(2)));
        let (members, strangers) = held.bytes();
        assert!(members > 4000 && strangers == 0, "{members} {strangers}");
    }
}
