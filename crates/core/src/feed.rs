//! Feeds: which events of a project are accepted, in what order, and which wait.
//!
//! An event is accepted when it continues its feed's hash chain, its author was a member in the roster epoch that it
//! names, everything that it rests on is accepted, and its time has come. Until then it is held, bounded in bytes and by author
//! ([`held`]); what does not fit is dropped from memory only, because anti-entropy offers it again. An event that is neither
//! accepted nor held leaves nothing behind. Acceptance depends on the *set* of events alone, so every node that has the
//! same events accepts the same ones.

mod held;
mod lives;

pub use lives::{ALL_LIVES, MAX_FORKED_LIVES, MAX_FORKS_OF_LIFE, MAX_LIVES};

pub use held::{HELD_MEMBER_BYTES, HELD_ONE_STRANGER_BYTES, HELD_SHARE_BYTES, HELD_STRANGER_BYTES};

use std::collections::{BTreeMap, BTreeSet};

use held::{Author, Held};
use lives::Lives;

use crate::crypto::{Hash, PublicKey};
use crate::event::{Event, FeedId};
use crate::hlc::Hlc;
use crate::plant;
use crate::roster::RosterChain;

/// What is known of one feed.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    /// First half of each event's hash: enough to tell a duplicate from a fork, at half the memory.
    hashes: Vec<[u8; 16]>,
    last: Option<(Hash, Hlc)>,
    end: Option<u64>,
}

impl Feed {
    /// How many events are accepted: the next one's number.
    pub fn len(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Whether nothing is accepted.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Hash of the last accepted event.
    pub fn head(&self) -> Hash {
        self.last.map_or(Hash::ZERO, |(hash, _)| hash)
    }

    /// Whether this very event is accepted.
    pub fn knows(&self, event: &Event) -> bool {
        self.hashes
            .get(event.header().seq as usize)
            .is_some_and(|half| half[..] == event.hash().0[..16])
    }

    /// Whether the event with this number is accepted and has this hash; `None` if no such event is accepted.
    pub fn has_at(&self, seq: u64, hash: &Hash) -> Option<bool> {
        let half = self.hashes.get(usize::try_from(seq).ok()?)?;
        Some(half[..] == hash.0[..16])
    }

    /// Whether an event continues the same event as the accepted one with its number.
    fn branches_at(&self, event: &Event) -> bool {
        let before = event.header().seq.checked_sub(1);
        before.is_none_or(|before| self.has_at(before, &event.header().prev) == Some(true))
    }

    /// Whether it was cut or forked and takes nothing from some number on.
    pub fn ended_at(&self) -> Option<u64> {
        self.end
    }
}

/// What follows from the end of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Accepted events are beyond the end: the state has to be folded anew without them.
    pub refold: bool,
    /// Held events that rested on what will not come any more: offer them again.
    pub ready: Vec<Event>,
}

/// What became of an offered event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// It can be accepted now: call [`Feeds::accept`].
    Ready,
    /// It is there already, or its feed ended before it.
    Known,
    /// It waits for something.
    Held,
    /// It would wait, and there is no room for it: it comes again.
    Full,
    /// Another event has its number, and both continue the same event: together they prove a fork.
    Fork,
    /// Another event has its number, and the two come from different sides of a fork before them.
    OtherSide,
    /// It can never be accepted.
    Refused(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Blocker {
    Feed(FeedId),
    Epoch(u32),
    Time(u64),
}

/// All feeds of a project.
#[derive(Debug, Clone, Default)]
pub struct Feeds {
    feeds: BTreeMap<FeedId, Feed>,
    /// Accepted events in all.
    total: u64,
    held: Held,
    ends: BTreeMap<FeedId, u64>,
    lives: Lives,
    /// The project's first event stands whatever is said against its feed.
    genesis: Option<FeedId>,
    /// Members whose later lives were found not to count, and what follows from it, until it is taken up.
    broken: Vec<(PublicKey, Ended)>,
}

impl Feeds {
    /// A feed, if anything is known of it.
    pub fn get(&self, id: &FeedId) -> Option<&Feed> {
        self.feeds.get(id)
    }

    /// Every feed with its length and head.
    pub fn heads(&self) -> impl Iterator<Item = (FeedId, u64, Hash)> + '_ {
        self.heads_from(None)
    }

    /// [`Feeds::heads`] from some feed on.
    pub fn heads_from(&self, first: Option<FeedId>) -> impl Iterator<Item = (FeedId, u64, Hash)> + '_ {
        self.feeds
            .range(from(first))
            .filter(|(id, f)| !f.is_empty() && !self.lives.excludes(id))
            .map(|(id, f)| (*id, f.len(), f.head()))
    }

    /// Whether a feed is a later life of a member of which no later life counts: see [`MAX_LIVES`].
    pub fn is_excluded(&self, id: &FeedId) -> bool {
        self.lives.excludes(id)
    }

    /// Members of which no later life counts.
    pub fn broken(&self) -> impl Iterator<Item = &PublicKey> {
        self.lives.broken()
    }

    /// The first events of a node's later lives, as far as they are needed to show that there are too many.
    pub fn openings(&self, node: &PublicKey) -> impl Iterator<Item = &Event> {
        self.lives.openings(node)
    }

    /// The numbers at which feeds are proven forked.
    pub fn forks(&self) -> impl Iterator<Item = (&FeedId, &BTreeSet<u64>)> {
        self.lives.forks()
    }

    /// Members that were found since the last call to have too many lives, and what follows.
    #[must_use]
    pub fn take_broken(&mut self) -> Vec<(PublicKey, Ended)> {
        std::mem::take(&mut self.broken)
    }

    /// Notes a later life of a member by its first event, whether it can be accepted or not.
    pub fn note_life(&mut self, event: &Event) {
        if self.lives.note(event) {
            let ended = self.break_off(event.node());
            self.broken.extend(ended.map(|ended| (event.node(), ended)));
        }
    }

    /// Notes the proof of a fork; none if nothing follows from it.
    pub fn fork(&mut self, id: FeedId, at: u64) -> Option<Ended> {
        if self.is_excluded(&id) {
            return None;
        }
        let (end, too_many) = self.lives.fork(id, at)?;
        match too_many {
            true => self.break_off(id.node),
            false => Some(self.end(id, end)),
        }
    }

    /// Excludes all later lives of a node; none if they are excluded already.
    fn break_off(&mut self, node: PublicKey) -> Option<Ended> {
        if !self.lives.break_off(node) {
            return None;
        }
        let mut refold = false;
        for (_, feed) in self.feeds.range_mut(lives::later(&node)) {
            refold |= !feed.is_empty();
            feed.end = Some(0);
        }
        self.ends.retain(|id, _| !self.lives.excludes(id));
        self.held.cut_later(&node);
        let ready = self.cut_known(FeedId { node, incarnation: 1 });
        Some(Ended { refold, ready })
    }

    /// Accepted events in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Events that wait.
    pub fn held(&self) -> usize {
        self.held.count()
    }

    /// Memory of the events that wait: members', at most [`HELD_MEMBER_BYTES`], and others', at most [`HELD_STRANGER_BYTES`].
    pub fn held_bytes(&self) -> (usize, usize) {
        self.held.bytes()
    }

    /// Whether there is room for one more event of somebody who is not a member: without it there is no point in
    /// checking its signature.
    pub fn has_room_for_stranger(&self, node: &PublicKey) -> bool {
        self.held.has_room_for_stranger(node)
    }

    /// What held events wait for, in words, for people who look for the reason.
    pub fn waits(&self) -> Vec<String> {
        let words = |b: &Blocker| match b {
            Blocker::Feed(id) => format!(
                "feed {}#{} beyond event {}",
                id.node.short(),
                id.incarnation,
                self.get(id).map_or(0, Feed::len)
            ),
            Blocker::Epoch(epoch) => format!("roster epoch {epoch}"),
            Blocker::Time(at) => format!("time {at}"),
        };
        let line = |(b, who): (&Blocker, &BTreeSet<FeedId>)| {
            let who: Vec<String> = who
                .iter()
                .map(|id| format!("{}#{}", id.node.short(), id.incarnation))
                .collect();
            format!("{} for {}", who.join(" "), words(b))
        };
        self.held.blocked().map(line).collect()
    }

    /// The highest incarnation of a node of which an event is accepted. What is only held may never be: anybody could sign a
    /// later life, and what depends on the latest would differ from node to node.
    pub fn incarnation(&self, node: &PublicKey) -> u64 {
        let lives = self.feeds.range(lives::later(node)).rev();
        let mut accepted = lives.filter(|(id, f)| !f.is_empty() && !self.lives.excludes(id));
        accepted.next().map_or(0, |(id, _)| id.incarnation)
    }

    /// Ends a feed at a number, for a fork or a cut; with [`ALL_LIVES`] all later lives of its node.
    pub fn end(&mut self, id: FeedId, at: u64) -> Ended {
        let nothing = Ended {
            refold: false,
            ready: vec![],
        };
        if id.incarnation == ALL_LIVES {
            return self.break_off(id.node).unwrap_or(nothing);
        }
        if self.is_excluded(&id) {
            return nothing;
        }
        let at = at.max(u64::from(self.genesis == Some(id)));
        let end = self.ends.entry(id).or_insert(at);
        *end = at.min(*end);
        let at = *end;
        let feed = self.feeds.entry(id).or_default();
        feed.end = Some(at);
        let refold = feed.len() > at;
        self.held.cut(id, at);
        let waiting = self.held.unblock(&Blocker::Feed(id));
        let ready = waiting.into_iter().filter_map(|w| self.release(w)).collect();
        Ended { refold, ready }
    }

    /// Every feed that takes nothing from some number on.
    pub fn ends(&self) -> impl Iterator<Item = (FeedId, u64)> + '_ {
        self.ends_from(None)
    }

    /// [`Feeds::ends`] from some feed on.
    pub fn ends_from(&self, first: Option<FeedId>) -> impl Iterator<Item = (FeedId, u64)> + '_ {
        self.ends.range(from(first)).map(|(id, at)| (*id, *at))
    }

    /// Looks at an event from anywhere. Signatures were checked before.
    pub fn offer(&mut self, event: &Event, rosters: &RosterChain, now_ms: u64) -> Offer {
        let id = event.feed();
        let header = event.header();
        if header.seq == 0 && id.incarnation > 0 && rosters.was_member(&id.node) {
            self.note_life(event);
        }
        if self.is_excluded(&id) {
            return Offer::Known;
        }
        if let Some(feed) = self.feeds.get(&id) {
            if feed.end.is_some_and(|end| header.seq >= end) {
                return Offer::Known;
            }
            match feed.has_at(header.seq, &event.hash()) {
                Some(true) => return Offer::Known,
                Some(false) if feed.branches_at(event) => return Offer::Fork,
                Some(false) => return Offer::OtherSide,
                None => {}
            }
        }
        if self.held.contains(&id, header.seq) {
            return Offer::Held;
        }
        match self.blocker(event, rosters, now_ms) {
            Ok(None) => Offer::Ready,
            Ok(Some(blocker)) => {
                let roster = rosters.epoch(header.epoch).unwrap_or_else(|| rosters.latest());
                let author = if roster.is_member(&id.node) {
                    Author::member_of(rosters.latest().members().len())
                } else {
                    Author::Stranger
                };
                match self.held.hold(event, blocker, author) {
                    true => Offer::Held,
                    false => Offer::Full,
                }
            }
            Err(why) => Offer::Refused(why),
        }
    }

    /// What an event waits for; an error if nothing can help it.
    fn blocker(&self, event: &Event, rosters: &RosterChain, now_ms: u64) -> Result<Option<Blocker>, &'static str> {
        let (id, header) = (event.feed(), event.header());
        let feed = self.feeds.get(&id);
        let len = feed.map_or(0, Feed::len);
        if header.seq > len {
            return Ok(Some(Blocker::Feed(id)));
        }
        if header.prev != feed.map_or(Hash::ZERO, Feed::head) && !plant::active("unchecked_chain") {
            return Err("it does not continue its feed's hash chain");
        }
        if feed.and_then(|f| f.last).is_some_and(|(_, last)| header.hlc <= last) {
            return Err("its time is not after the event before");
        }
        let Some(roster) = rosters.epoch(header.epoch) else {
            return Ok(Some(Blocker::Epoch(header.epoch)));
        };
        if !roster.is_member(&event.node()) {
            return Err("its author is not a member in the epoch that it names");
        }
        if rosters
            .cut(&event.node(), id.incarnation)
            .is_some_and(|end| header.seq >= end)
        {
            return Err("its author was removed before it");
        }
        if header.seq == 0 && id.incarnation > 0 && !lives::is_opening(event) {
            return Err("a later incarnation begins with a statement of it that rests on nothing");
        }
        for dep in &header.deps {
            // An event that rests on an excluded or forked one is accepted all the same: an equivocator must not be able
            // to stop the feeds of those who believed it. What it says is judged by the folds.
            let known = self.feeds.get(&dep.feed);
            let ended = known.and_then(|f| f.end).is_some_and(|end| dep.seq >= end);
            // What a roster cuts off is not waited for, also while the event that brings the roster is still to come: that
            // event may be among those that wait.
            let cut = rosters.cut(&dep.feed.node, dep.feed.incarnation);
            let ended = ended || cut.is_some_and(|end| dep.seq >= end) || self.is_excluded(&dep.feed);
            if !ended && known.map_or(0, Feed::len) <= dep.seq {
                return Ok(Some(Blocker::Feed(dep.feed)));
            }
        }
        if header.hlc.is_future(now_ms) {
            return Ok(Some(Blocker::Time(header.hlc.ms())));
        }
        Ok(None)
    }

    /// Whether a stored event is the next of its feed. It was accepted when it was stored, so what it rested on then is not asked
    /// again: what was known to be cut off or forked then may not be known to be so yet.
    pub fn continues(&self, event: &Event) -> bool {
        let feed = self.feeds.get(&event.feed());
        let (seq, prev) = (event.header().seq, event.header().prev);
        let ended = feed.and_then(Feed::ended_at).is_some_and(|end| seq >= end) || self.is_excluded(&event.feed());
        let follows = prev == feed.map_or(Hash::ZERO, Feed::head) || plant::active("unchecked_chain");
        !ended && seq == feed.map_or(0, Feed::len) && follows
    }

    /// Enters an event that was ready, and returns the held events that may be ready now: offer them again.
    pub fn accept(&mut self, event: &Event) -> Vec<Event> {
        let id = event.feed();
        if self.feeds.is_empty() {
            self.genesis = Some(id);
        }
        let feed = self.feeds.entry(id).or_default();
        debug_assert_eq!(feed.len(), event.header().seq, "accepted in order");
        let mut half = [0; 16];
        half.copy_from_slice(&event.hash().0[..16]);
        feed.hashes.push(half);
        self.total += 1;
        feed.last = Some((event.hash(), event.header().hlc));
        let waiting = self.held.unblock(&Blocker::Feed(id));
        let mut out: Vec<Event> = self.release(id).into_iter().collect();
        for waiter in waiting.into_iter().filter(|w| *w != id) {
            out.extend(self.release(waiter));
        }
        out
    }

    /// Whether events wait for a roster that is not known.
    pub fn waits_for_epoch(&self) -> bool {
        self.held.blocked().any(|(b, _)| matches!(b, Blocker::Epoch(_)))
    }

    /// Held events to offer again when a roster epoch became known.
    pub fn epoch_known(&mut self, epoch: u32) -> Vec<Event> {
        let waiting = self.held.unblock(&Blocker::Epoch(epoch));
        waiting.into_iter().flat_map(|id| self.release(id)).collect()
    }

    /// Held events to offer again because a roster has cut off what they wait for: of a feed, and of every later life of its node.
    pub fn cut_known(&mut self, id: FeedId) -> Vec<Event> {
        let later = |feed: &FeedId| feed.node == id.node && feed.incarnation >= id.incarnation;
        let blocked = self.held.blocked().map(|(blocker, _)| *blocker);
        let cut: Vec<Blocker> = blocked
            .filter(|blocker| matches!(blocker, Blocker::Feed(feed) if later(feed)))
            .collect();
        let mut waiting = Vec::new();
        for blocker in cut {
            waiting.extend(self.held.unblock(&blocker));
        }
        waiting.into_iter().filter_map(|w| self.release(w)).collect()
    }

    /// Held events to offer again because time has passed.
    pub fn time_passed(&mut self, now_ms: u64) -> Vec<Event> {
        let due = |b: &Blocker| matches!(b, Blocker::Time(at) if *at <= now_ms + crate::hlc::MAX_SKEW_MS);
        let keys: Vec<Blocker> = self.held.blocked().map(|(b, _)| *b).filter(due).collect();
        let mut out = Vec::new();
        for key in keys {
            for id in self.held.unblock(&key) {
                out.extend(self.release(id));
            }
        }
        out
    }

    /// Takes the next held event of a feed, if it is the next in order.
    fn release(&mut self, id: FeedId) -> Option<Event> {
        let next = self.feeds.get(&id).map_or(0, Feed::len);
        self.held.release(id, next)
    }

    /// The ranges of a feed that `theirs` has and we lack: `(from, count)`.
    pub fn missing(&self, id: &FeedId, theirs: u64) -> Option<(u64, u64)> {
        if self.is_excluded(id) {
            return None;
        }
        let feed = self.feeds.get(id);
        let have = feed.map_or(0, Feed::len);
        let end = feed.and_then(|f| f.end).unwrap_or(u64::MAX);
        let upto = theirs.min(end);
        (upto > have).then(|| (have, upto - have))
    }
}

/// A range over feeds from some feed on.
fn from(first: Option<FeedId>) -> impl std::ops::RangeBounds<FeedId> {
    let bound = first.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included);
    (bound, std::ops::Bound::Unbounded)
}
