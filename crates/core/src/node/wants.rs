//! Texts that are missing, and whom to ask for which, when.
//!
//! A member may name a text in each event that it writes, and give none of them. So those who named the missing texts take turns, each has
//! its part of the requests under way, and what does not come is asked for again after longer and longer pauses. Nothing is
//! forgotten: what is wanted here takes less memory than the events that name it.
//!
//! A text stands in the line of everybody who named it, and is asked for when its turn comes in one of them: so nobody holds up another's
//! text by naming it as well, among a hundred thousand that do not exist. What something here waits for stands in lines of its own, one
//! for each who named it, and these are served first.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::{Hash, PublicKey};
use crate::plant;
use crate::state::Memo;

/// Requests under way, at most.
pub const MAX_ASKED: usize = 1024;
/// Of these, for texts that one member named: so many that something here waits for, and as many others.
pub const MAX_ASKED_OF_AUTHOR: usize = 256;
/// Requests under way for what something here waits for, at most: the others always have the rest.
pub const MAX_ASKED_NEEDED: usize = 512;
/// A request that is not answered has failed after this long, milliseconds.
pub const RETRY_MS: u64 = 1_000;
/// The pause before a text is asked for again: doubled each time up to this, milliseconds.
pub const MAX_PAUSE_MS: u64 = 10 * 60_000;
/// The pause for a text that something here waits for, at most, milliseconds.
pub const NEEDED_PAUSE_MS: u64 = 30_000;

/// The texts that one member named, and that are all needed or all not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    needed: bool,
    author: PublicKey,
}

#[derive(Debug, Clone)]
struct Want {
    /// Who named it, once each, the first one first.
    authors: Vec<PublicKey>,
    tries: u32,
    next_ms: u64,
    /// Whether the disk was looked at: it may have the text, or know that it was erased.
    looked: bool,
    needed: bool,
    /// The line whose turn it was, while a request is under way.
    asked: Option<Line>,
}

impl Want {
    fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        let needed = self.needed;
        self.authors.iter().map(move |author| Line {
            needed,
            author: *author,
        })
    }
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
    /// What is not under way, in every line in which it stands, by when it is its turn.
    queues: BTreeMap<Line, BTreeSet<(u64, Hash)>>,
    /// What is under way, by when it has failed.
    asked: BTreeSet<(u64, Hash)>,
    asked_of: BTreeMap<Line, usize>,
    /// Whose turn it was last.
    turn: Option<PublicKey>,
    /// Before this there is nothing to do.
    next_ms: u64,
    /// What [`Wants::wake`] came to, while the lines and what is under way are as they were.
    wake: Memo<u64>,
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

    /// Whether a text is missing, as far as is known.
    pub fn has(&self, hash: &Hash) -> bool {
        self.wants.contains_key(hash)
    }

    /// A text is missing that a member has named; it is asked for from `at_ms` on, or when it was to be asked for anyhow.
    pub fn add(&mut self, hash: Hash, author: PublicKey, at_ms: u64) {
        if let Some(want) = self.wants.get_mut(&hash) {
            if want.authors.contains(&author) {
                return;
            }
            want.authors.push(author);
        } else {
            if plant::active("unfair_wants") && self.wants.len() >= MAX_ASKED {
                return;
            }
            let want = Want {
                authors: vec![author],
                tries: 0,
                next_ms: at_ms,
                looked: false,
                needed: false,
                asked: None,
            };
            self.wants.insert(hash, want);
        }
        self.enqueue(hash);
    }

    /// Something here waits for a missing text.
    pub fn need(&mut self, hash: Hash, now: u64) {
        if self.wants.get(&hash).is_none_or(|w| w.needed) {
            return;
        }
        self.dequeue(&hash);
        if let Some(want) = self.wants.get_mut(&hash) {
            want.needed = true;
        }
        self.enqueue(hash);
        self.hurry(hash, now);
    }

    /// A member is there that named texts which are missing: it should have them.
    pub fn author_came(&mut self, author: &PublicKey, now: u64) {
        for needed in [true, false] {
            let line = Line {
                needed,
                author: *author,
            };
            let queue = self.queues.get(&line).into_iter().flatten();
            let first: Vec<Hash> = queue.take(MAX_ASKED).map(|(_, hash)| *hash).collect();
            for hash in first {
                self.hurry(hash, now);
            }
        }
    }

    fn hurry(&mut self, hash: Hash, now: u64) {
        if self.wants.get(&hash).is_some_and(|w| w.asked.is_none()) {
            self.dequeue(&hash);
            if let Some(want) = self.wants.get_mut(&hash) {
                want.next_ms = want.next_ms.min(now);
            }
            self.enqueue(hash);
        }
    }

    /// Puts a text into its lines, unless a request for it is under way.
    fn enqueue(&mut self, hash: Hash) {
        let Some(want) = self.wants.get(&hash).filter(|w| w.asked.is_none()) else {
            return;
        };
        self.wake.forget();
        for line in want.lines() {
            self.queues.entry(line).or_default().insert((want.next_ms, hash));
        }
        self.next_ms = self.next_ms.min(want.next_ms);
    }

    fn dequeue(&mut self, hash: &Hash) {
        let Some(want) = self.wants.get(hash) else { return };
        self.wake.forget();
        for line in want.lines() {
            if let Some(queue) = self.queues.get_mut(&line) {
                queue.remove(&(want.next_ms, *hash));
                if queue.is_empty() {
                    self.queues.remove(&line);
                }
            }
        }
    }

    /// It is not on the disk. `author` stands for whoever named it, where nobody is known to have.
    pub fn is_lost(&mut self, hash: Hash, author: PublicKey, now: u64) {
        if !self.has(&hash) {
            self.add(hash, author, now);
        }
        self.free(hash);
        self.dequeue(&hash);
        if let Some(want) = self.wants.get_mut(&hash) {
            want.looked = true;
            want.next_ms = now;
        }
        self.enqueue(hash);
        self.next_ms = 0;
    }

    /// It is not missing any more. Returns whether it was.
    pub fn done(&mut self, hash: &Hash) -> bool {
        self.free(*hash);
        self.dequeue(hash);
        self.wants.remove(hash).is_some()
    }

    /// Takes a request out of those under way.
    fn free(&mut self, hash: Hash) {
        let Some(want) = self.wants.get_mut(&hash) else { return };
        let Some(line) = want.asked.take() else { return };
        self.wake.forget();
        // While it is under way, it stands there with the time at which it has failed.
        self.asked.remove(&(want.next_ms, hash));
        let of = self.asked_of.entry(line).or_default();
        *of = of.saturating_sub(1);
        if *of == 0 {
            self.asked_of.remove(&line);
        }
        self.next_ms = 0;
    }

    /// What did not come is asked for again later.
    fn give_up(&mut self, now: u64) {
        while let Some((_, hash)) = self.asked.first().copied().filter(|(at, _)| *at <= now) {
            self.free(hash);
            if let Some(want) = self.wants.get_mut(&hash) {
                let most = if want.needed { NEEDED_PAUSE_MS } else { MAX_PAUSE_MS };
                let pause = RETRY_MS << want.tries.min(10);
                want.next_ms = now + if want.looked { pause.min(most) } else { RETRY_MS };
            }
            self.enqueue(hash);
        }
    }

    /// What is due, no more than may be under way: what is needed first, and each author in its turn.
    pub fn due(&mut self, now: u64) -> Vec<Ask> {
        if now < self.next_ms || self.wants.is_empty() {
            return vec![];
        }
        self.give_up(now);
        let mut out = Vec::new();
        for needed in [true, false] {
            let lines = self.queues.keys().filter(|line| line.needed == needed);
            let mut ready: Vec<Line> = lines.copied().filter(|line| self.is_due(line, now)).collect();
            let after = ready.partition_point(|line| self.turn.is_some_and(|turn| line.author <= turn));
            ready.rotate_left(after);
            while !ready.is_empty() {
                ready.retain(|line| {
                    let take = self.is_due(line, now);
                    if take {
                        out.extend(self.take(line, now));
                        self.turn = Some(line.author);
                    }
                    take
                });
            }
        }
        self.next_ms = self.wake();
        out
    }

    fn has_room(&self, line: &Line) -> bool {
        let of = |line: &Line| self.asked_of.get(line).copied().unwrap_or(0);
        let needed = || {
            self.asked_of
                .iter()
                .filter(|(l, _)| l.needed)
                .map(|(_, n)| n)
                .sum::<usize>()
        };
        self.asked.len() < MAX_ASKED && of(line) < MAX_ASKED_OF_AUTHOR && (!line.needed || needed() < MAX_ASKED_NEEDED)
    }

    fn is_due(&self, line: &Line, now: u64) -> bool {
        let first = self.queues.get(line).and_then(BTreeSet::first);
        first.is_some_and(|(at, _)| *at <= now) && self.has_room(line)
    }

    fn take(&mut self, line: &Line, now: u64) -> Option<Ask> {
        let (_, hash) = self.queues.get(line)?.first().copied()?;
        self.dequeue(&hash);
        let want = self.wants.get_mut(&hash)?;
        self.wake.forget();
        want.next_ms = now + RETRY_MS;
        want.asked = Some(*line);
        self.asked.insert((want.next_ms, hash));
        *self.asked_of.entry(*line).or_default() += 1;
        if !want.looked {
            return Some(Ask::Disk(hash));
        }
        want.tries = want.tries.saturating_add(1);
        Some(Ask::Others(hash, want.tries - 1, line.author))
    }

    /// When there is something to do next.
    pub fn wake(&self) -> u64 {
        *self.wake.get_or(|| {
            let failed = self.asked.first().map(|(at, _)| *at);
            let waiting = self.queues.iter().filter(|(line, _)| self.has_room(line));
            let next = waiting.filter_map(|(_, queue)| queue.first()).map(|(at, _)| *at).min();
            failed.into_iter().chain(next).min().unwrap_or(u64::MAX)
        })
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
                    wants.is_lost(*hash, author(9), now);
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

    /// A liar with twenty thousand invented texts, some of which were asked for in vain already, and `hash(2, 0)` behind them.
    fn behind_invented() -> Wants {
        let mut wants = Wants::default();
        for n in 0..20_000 {
            wants.add(hash(1, n), author(1), 0);
        }
        wants.add(hash(2, 0), author(1), 1);
        asked_within(&mut wants, 1, 500);
        wants
    }

    #[test]
    fn who_names_anothers_text_as_well_does_not_hold_it_up() {
        let mut wants = behind_invented();
        assert!(
            asked_within(&mut wants, 501, 3_000)
                .iter()
                .all(|(_, h)| *h != hash(2, 0))
        );
        wants.add(hash(2, 0), author(2), 4_000);
        let asked = asked_within(&mut wants, 4_000, 5);
        assert!(
            asked.iter().any(|(_, h)| *h == hash(2, 0)),
            "it has a turn with its author's"
        );
        // Nobody gave it: the next turn is its author's again, and not the liar's.
        let again = asked_within(&mut wants, 4_005, 5_000);
        assert!(again.iter().any(|(_, h)| *h == hash(2, 0)));
        // The other way round: the liar names it as well, and later.
        wants.add(hash(2, 1), author(2), 10_000);
        wants.add(hash(2, 1), author(1), 10_000);
        let asked = asked_within(&mut wants, 10_000, 5_000);
        assert!(
            asked.iter().filter(|(_, h)| *h == hash(2, 1)).count() >= 2,
            "and once more"
        );
    }

    #[test]
    fn what_is_needed_comes_though_a_liar_alone_named_it() {
        let mut wants = behind_invented();
        wants.need(hash(2, 0), 501);
        let asked = asked_within(&mut wants, 501, 5);
        assert!(
            asked.iter().any(|(_, h)| *h == hash(2, 0)),
            "it waits for nothing that is not needed"
        );
    }

    #[test]
    fn what_is_needed_leaves_room_for_the_rest() {
        let mut wants = Wants::default();
        for n in 0..4_000 {
            let by = (n % 4) as u8;
            wants.add(hash(by, n), author(by), 0);
            wants.need(hash(by, n), 0);
        }
        wants.add(hash(5, 0), author(5), 0);
        wants.add(hash(6, 0), author(6), 0);
        wants.need(hash(6, 0), 0);
        let asked = asked_within(&mut wants, 0, 10);
        assert!(asked.iter().any(|(_, h)| *h == hash(5, 0)), "what is not needed");
        assert!(asked.iter().any(|(_, h)| *h == hash(6, 0)), "what another is needed of");
        let needed = wants.asked_of.iter().filter(|(line, _)| line.needed);
        assert!(needed.map(|(_, n)| n).sum::<usize>() <= MAX_ASKED_NEEDED);
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
            wants.add(hash((n % 5) as u8, n), author((n % 3) as u8), 0);
        }
        asked_within(&mut wants, 0, 30);
        for n in 0..100 {
            wants.need(hash((n % 5) as u8, n), 30);
        }
        asked_within(&mut wants, 30, 30);
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
