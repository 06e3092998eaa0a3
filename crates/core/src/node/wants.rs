//! Texts that are missing, and whom to ask for which, when.
//!
//! A member may name a text in each event that it writes, and give none of them. So those who named the missing texts take turns, each has
//! its part of the requests under way, and what does not come is asked for again after longer and longer pauses. Nothing is
//! forgotten: what is wanted here takes less memory than the events that name it.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::{Hash, PublicKey};
use crate::plant;

/// Requests under way, at most.
pub const MAX_ASKED: usize = 1024;
/// Of these, for texts that one member named.
pub const MAX_ASKED_OF_AUTHOR: usize = 256;
/// A request that is not answered has failed after this long, milliseconds.
pub const RETRY_MS: u64 = 1_000;
/// The pause before a text is asked for again: doubled each time up to this, milliseconds.
pub const MAX_PAUSE_MS: u64 = 10 * 60_000;
/// The pause for a text that something here waits for, at most, milliseconds.
pub const NEEDED_PAUSE_MS: u64 = 30_000;

#[derive(Debug, Clone, Copy)]
struct Want {
    author: PublicKey,
    tries: u32,
    next_ms: u64,
    /// Whether the disk was looked at: it may have the text, or know that it was erased.
    looked: bool,
    needed: bool,
}

/// What to do about a missing text now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Look for it on the disk.
    Disk(Hash),
    /// Ask others; how often that was done before, and who named it.
    Others(Hash, u32, PublicKey),
}

/// All that is missing.
#[derive(Debug, Default)]
pub(super) struct Wants {
    wants: BTreeMap<Hash, Want>,
    /// What is not under way, by who named it and by when it is its turn.
    queues: BTreeMap<PublicKey, BTreeSet<(u64, Hash)>>,
    /// What is under way, by when it has failed.
    asked: BTreeSet<(u64, Hash)>,
    asked_of: BTreeMap<PublicKey, usize>,
    /// Whose turn it was last.
    turn: Option<PublicKey>,
    /// Before this there is nothing to do.
    next_ms: u64,
}

impl Wants {
    pub fn is_empty(&self) -> bool {
        self.wants.is_empty()
    }

    /// Requests under way.
    #[cfg(test)]
    pub fn asked(&self) -> usize {
        self.asked.len()
    }

    /// A text is missing; it is asked for from `at_ms` on.
    pub fn add(&mut self, hash: Hash, author: PublicKey, at_ms: u64) {
        if self.wants.contains_key(&hash) || plant::active("unfair_wants") && self.wants.len() >= MAX_ASKED {
            return;
        }
        let want = Want {
            author,
            tries: 0,
            next_ms: at_ms,
            looked: false,
            needed: false,
        };
        self.wants.insert(hash, want);
        self.queues.entry(author).or_default().insert((at_ms, hash));
        self.next_ms = self.next_ms.min(at_ms);
    }

    /// Something here waits for a missing text.
    pub fn need(&mut self, hash: Hash, now: u64) {
        let Some(want) = self.wants.get_mut(&hash).filter(|w| !w.needed) else {
            return;
        };
        want.needed = true;
        self.hurry(hash, now);
    }

    /// A member is there that named texts which are missing: it should have them.
    pub fn author_came(&mut self, author: &PublicKey, now: u64) {
        let queue = self.queues.get(author).into_iter().flatten();
        let first: Vec<Hash> = queue.take(MAX_ASKED).map(|(_, hash)| *hash).collect();
        for hash in first {
            self.hurry(hash, now);
        }
    }

    fn hurry(&mut self, hash: Hash, now: u64) {
        let Some(want) = self.wants.get_mut(&hash) else { return };
        let queue = self.queues.entry(want.author).or_default();
        if queue.remove(&(want.next_ms, hash)) {
            want.next_ms = want.next_ms.min(now);
            queue.insert((want.next_ms, hash));
            self.next_ms = self.next_ms.min(want.next_ms);
        }
    }

    /// It is not on the disk.
    pub fn is_lost(&mut self, hash: Hash, author: PublicKey, now: u64) {
        self.add(hash, author, now);
        self.free(hash);
        if let Some(want) = self.wants.get_mut(&hash) {
            want.looked = true;
            let queue = self.queues.entry(want.author).or_default();
            queue.remove(&(want.next_ms, hash));
            want.next_ms = now;
            queue.insert((now, hash));
        }
        self.next_ms = 0;
    }

    /// It is not missing any more. Returns whether it was.
    pub fn done(&mut self, hash: &Hash) -> bool {
        self.free(*hash);
        let Some(want) = self.wants.remove(hash) else {
            return false;
        };
        if let Some(queue) = self.queues.get_mut(&want.author) {
            queue.remove(&(want.next_ms, *hash));
            if queue.is_empty() {
                self.queues.remove(&want.author);
            }
        }
        true
    }

    /// Takes a request out of those under way.
    fn free(&mut self, hash: Hash) {
        let Some(want) = self.wants.get(&hash) else { return };
        // While it is under way, it stands there with the time at which it has failed.
        let under_way = self.asked.remove(&(want.next_ms, hash));
        if under_way {
            let of = self.asked_of.entry(want.author).or_default();
            *of = of.saturating_sub(1);
            if *of == 0 {
                self.asked_of.remove(&want.author);
            }
            self.next_ms = 0;
        }
    }

    /// What did not come is asked for again later.
    fn give_up(&mut self, now: u64) {
        while let Some((_, hash)) = self.asked.first().copied().filter(|(at, _)| *at <= now) {
            self.free(hash);
            if let Some(want) = self.wants.get_mut(&hash) {
                let most = if want.needed { NEEDED_PAUSE_MS } else { MAX_PAUSE_MS };
                let pause = RETRY_MS << want.tries.min(10);
                want.next_ms = now + if want.looked { pause.min(most) } else { RETRY_MS };
                self.queues.entry(want.author).or_default().insert((want.next_ms, hash));
            }
        }
    }

    /// What is due, no more than may be under way, each author in its turn.
    pub fn due(&mut self, now: u64) -> Vec<Ask> {
        if now < self.next_ms || self.wants.is_empty() {
            return vec![];
        }
        self.give_up(now);
        let mut out = Vec::new();
        let mut ready: Vec<PublicKey> = self.queues.keys().copied().filter(|a| self.is_due(a, now)).collect();
        let after = ready.partition_point(|a| self.turn.is_some_and(|turn| *a <= turn));
        ready.rotate_left(after);
        while !ready.is_empty() && self.asked.len() < MAX_ASKED {
            ready.retain(|author| {
                let take = self.asked.len() < MAX_ASKED && self.is_due(author, now);
                if take {
                    out.extend(self.take(author, now));
                    self.turn = Some(*author);
                }
                take
            });
        }
        self.next_ms = self.wake();
        out
    }

    fn has_room(&self, author: &PublicKey) -> bool {
        self.asked_of.get(author).copied().unwrap_or(0) < MAX_ASKED_OF_AUTHOR
    }

    fn is_due(&self, author: &PublicKey, now: u64) -> bool {
        let first = self.queues.get(author).and_then(BTreeSet::first);
        self.has_room(author) && first.is_some_and(|(at, _)| *at <= now)
    }

    fn take(&mut self, author: &PublicKey, now: u64) -> Option<Ask> {
        let queue = self.queues.get_mut(author)?;
        let (_, hash) = queue.pop_first()?;
        if queue.is_empty() {
            self.queues.remove(author);
        }
        let want = self.wants.get_mut(&hash)?;
        want.next_ms = now + RETRY_MS;
        self.asked.insert((want.next_ms, hash));
        *self.asked_of.entry(*author).or_default() += 1;
        if !want.looked {
            return Some(Ask::Disk(hash));
        }
        want.tries = want.tries.saturating_add(1);
        Some(Ask::Others(hash, want.tries - 1, *author))
    }

    /// When there is something to do next.
    pub fn wake(&self) -> u64 {
        let failed = self.asked.first().map(|(at, _)| *at);
        let full = self.asked.len() >= MAX_ASKED;
        let waiting = self.queues.iter().filter(|(author, _)| !full && self.has_room(author));
        let next = waiting.filter_map(|(_, queue)| queue.first()).map(|(at, _)| *at).min();
        failed.into_iter().chain(next).min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Keypair;

    fn author(n: u8) -> PublicKey {
        Keypair::from_seed([n; 32]).public()
    }

    fn hash(author: u8, n: u32) -> Hash {
        let mut bytes = [author; 32];
        bytes[1..5].copy_from_slice(&n.to_be_bytes());
        Hash(bytes)
    }

    fn others(asks: &[Ask]) -> Vec<Hash> {
        let hashes = asks.iter().filter_map(|a| match a {
            Ask::Others(hash, ..) => Some(*hash),
            Ask::Disk(_) => None,
        });
        hashes.collect()
    }

    /// One millisecond after the other: the disk says at once that it has nothing.
    fn asked_within(wants: &mut Wants, from: u64, ms: u64) -> Vec<(u64, Hash)> {
        let mut out = Vec::new();
        for now in from..from + ms {
            let asks = wants.due(now);
            for ask in &asks {
                if let Ask::Disk(hash) = ask {
                    let author = wants.wants[hash].author;
                    wants.is_lost(*hash, author, now);
                }
            }
            out.extend(others(&asks).into_iter().map(|hash| (now, hash)));
            assert!(wants.asked() <= MAX_ASKED);
        }
        out
    }

    #[test]
    fn an_honest_text_comes_though_a_liar_names_a_hundred_thousand() {
        let mut wants = Wants::default();
        for n in 0..100_000 {
            wants.add(hash(1, n), author(1), 0);
        }
        asked_within(&mut wants, 0, 500);
        wants.add(hash(2, 0), author(2), 500);
        let asked = asked_within(&mut wants, 500, 10);
        assert!(asked.iter().any(|(_, h)| *h == hash(2, 0)), "it waits for nobody");
        assert!(wants.done(&hash(2, 0)));
        // What the liar named is asked for at a rate that sinks.
        let early = asked_within(&mut wants, 1_000, 1_000).len();
        assert!(early <= 2 * MAX_ASKED_OF_AUTHOR, "{early}");
    }

    #[test]
    fn what_does_not_come_is_asked_for_more_and_more_seldom() {
        let mut wants = Wants::default();
        wants.add(hash(1, 0), author(1), 0);
        let at: Vec<u64> = asked_within(&mut wants, 0, 40_000)
            .into_iter()
            .map(|(at, _)| at)
            .collect();
        assert!((4..=6).contains(&at.len()), "{at:?}");
        assert!(at.windows(3).all(|w| w[2] - w[1] > w[1] - w[0]), "{at:?}");
        wants.need(hash(1, 0), 40_000);
        assert_eq!(asked_within(&mut wants, 40_000, 2_000).len(), 1, "it is needed now");
        wants.author_came(&author(1), 43_000);
        assert_eq!(asked_within(&mut wants, 43_000, 10).len(), 1, "who named it is there");
    }

    #[test]
    fn nothing_is_left_of_what_came() {
        let mut wants = Wants::default();
        for n in 0..3_000 {
            wants.add(hash((n % 5) as u8, n), author((n % 5) as u8), 0);
        }
        asked_within(&mut wants, 0, 30);
        for n in 0..3_000 {
            assert!(wants.done(&hash((n % 5) as u8, n)));
        }
        let left = (
            wants.wants.len(),
            wants.queues.len(),
            wants.asked.len(),
            wants.asked_of.len(),
        );
        assert_eq!((left, wants.wake()), ((0, 0, 0, 0), u64::MAX));
    }
}
