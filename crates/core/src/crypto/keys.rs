//! What is known of the keys that sign often.
//!
//! A key is 32 bytes that stand for a point of the curve. To find the point costs a tenth of a signature check; a table of its
//! multiples makes a check more than twice as fast, and costs as much as four checks. The same few keys sign nearly everything,
//! so the process keeps the points of the last ones, and tables of those that go on signing. What is kept depends on the key's bytes
//! alone, and changes no answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};

use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::edwards::CompressedEdwardsY;

use super::PublicKey;
use super::comb::Comb;

#[expect(
    clippy::disallowed_types,
    reason = "threads that check signatures share pure values: what the lock holds decides how fast an answer comes, never which"
)]
type Shared<T> = std::sync::RwLock<T>;

/// Keys that are known at a time.
const KEYS: usize = 128;
/// Uses after which a key's table is made: by then it is likely to be used as often again.
const WORTH_A_TABLE: u32 = 16;

/// 80 KiB for a key: 10 MiB when every place is taken by one that signs often.
pub(super) type Table = Comb<4>;

/// A key that can sign.
pub(super) struct Known {
    /// Its point times minus one, as the check uses it.
    pub(super) negated: EdwardsPoint,
    table: OnceLock<Table>,
    uses: AtomicU32,
    /// Used since the hand of the clock last passed.
    recent: AtomicBool,
}

impl Known {
    /// Multiples of [`Known::negated`], once the key has signed often enough.
    pub(super) fn table(&self) -> Option<&Table> {
        let often = self.uses.load(Ordering::Relaxed) >= WORTH_A_TABLE;
        often.then(|| self.table.get_or_init(|| Table::new(&self.negated)))
    }

    fn used(&self) {
        self.recent.store(true, Ordering::Relaxed);
        // One that is lost between two threads is counted the next time.
        let uses = self.uses.load(Ordering::Relaxed);
        self.uses.store(uses.saturating_add(1), Ordering::Relaxed);
    }
}

/// The keys of the process, replaced as a clock does: the hand goes round and takes the first that was not used since it last passed. A newcomer
/// has not been used again yet, so keys that come once push each other out and nobody else.
struct Ring {
    keys: BTreeMap<[u8; 32], Arc<Known>>,
    hand: [u8; 32],
}

static RING: Shared<Ring> = Shared::new(Ring {
    keys: BTreeMap::new(),
    hand: [0; 32],
});

/// What is known of a key; `None` for bytes that are no point, and for points of small order, under which anything is signed.
pub(super) fn known(key: &PublicKey) -> Option<Arc<Known>> {
    let ring = RING.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = ring.keys.get(&key.0) {
        known.used();
        return Some(known.clone());
    }
    drop(ring);
    let point = CompressedEdwardsY(key.0).decompress()?;
    if point.is_small_order() {
        return None;
    }
    let known = Arc::new(Known {
        negated: -point,
        table: OnceLock::new(),
        uses: AtomicU32::new(1),
        recent: AtomicBool::new(false),
    });
    let mut ring = RING.write().unwrap_or_else(PoisonError::into_inner);
    ring.enter(key.0, known.clone());
    Some(known)
}

impl Ring {
    fn enter(&mut self, key: [u8; 32], known: Arc<Known>) {
        if self.keys.len() >= KEYS && !self.keys.contains_key(&key) {
            let from_hand = self.keys.range(self.hand..).chain(self.keys.range(..self.hand));
            let idle = |(_, known): &(&[u8; 32], &Arc<Known>)| !known.recent.swap(false, Ordering::Relaxed);
            // Had all been used, the one at the hand goes: its turn came first.
            let out = from_hand.clone().find(idle).or_else(|| from_hand.clone().next());
            if let Some(out) = out.map(|(key, _)| *key) {
                self.keys.remove(&out);
                self.hand = out;
            }
        }
        self.keys.insert(key, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(recent: bool) -> Arc<Known> {
        Arc::new(Known {
            negated: EdwardsPoint::default(),
            table: OnceLock::new(),
            uses: AtomicU32::new(1),
            recent: AtomicBool::new(recent),
        })
    }

    #[test]
    fn keys_that_come_once_do_not_push_out_those_that_are_used() {
        let mut ring = Ring {
            keys: BTreeMap::new(),
            hand: [0; 32],
        };
        let used = [200; 32];
        ring.enter(used, entry(true));
        for n in 0..2_000_u16 {
            let mut key = [n.to_be_bytes()[1]; 32];
            key[31] = n.to_be_bytes()[0];
            ring.enter(key, entry(false));
            if let Some(known) = ring.keys.get(&used) {
                known.used();
            }
            assert!(ring.keys.len() <= KEYS);
        }
        assert!(ring.keys.contains_key(&used));
    }

    #[test]
    fn a_full_ring_of_used_keys_still_lets_one_in() {
        let mut ring = Ring {
            keys: (0..KEYS as u8).map(|n| ([n; 32], entry(true))).collect(),
            hand: [3; 32],
        };
        ring.enter([250; 32], entry(false));
        assert_eq!(ring.keys.len(), KEYS);
        assert!(ring.keys.contains_key(&[250; 32]) && !ring.keys.contains_key(&[3; 32]));
    }

    #[test]
    fn what_is_no_key_is_not_known() {
        let small = curve25519_dalek::constants::EIGHT_TORSION;
        for point in small {
            assert!(known(&PublicKey(point.compress().to_bytes())).is_none());
        }
        assert!(known(&PublicKey([2; 32])).is_none(), "2 is the height of no point");
    }
}
