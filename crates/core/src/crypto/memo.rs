//! The simulator checks the same signatures on every simulated node: within a run, a signature that held once is known to hold.
//!
//! Off by default also where the simulator is part of a build: only a run switches it on, for its own thread and its own time.

use std::cell::RefCell;

use super::{Context, PublicKey, Signature};

/// Signatures remembered: each place holds the last one that fell into it.
const PLACES: usize = 1 << 16;

thread_local! {
    static KNOWN: RefCell<Option<Vec<[u8; 32]>>> = const { RefCell::new(None) };
}

/// While it lives, signatures that held are remembered on this thread.
#[derive(Debug)]
pub struct Remember(());

impl Remember {
    /// Begins to remember.
    pub fn begin() -> Self {
        KNOWN.with(|k| *k.borrow_mut() = Some(vec![[0; 32]; PLACES]));
        Remember(())
    }
}

impl Drop for Remember {
    fn drop(&mut self) {
        KNOWN.with(|k| *k.borrow_mut() = None);
    }
}

/// Checks a signature, or knows that it held before.
pub(super) fn verify(key: &PublicKey, context: Context, bytes: &[u8], signature: &Signature) -> bool {
    if KNOWN.with(|k| k.borrow().is_none()) {
        return key.verify_now(context, bytes, signature);
    }
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&key.0)
        .update(&signature.0)
        .update(context.text().as_bytes());
    let name = *hasher.update(&[0]).update(bytes).finalize().as_bytes();
    let place = (u64::from_le_bytes([name[0], name[1], name[2], name[3], name[4], name[5], name[6], name[7]]) as usize)
        % PLACES;
    if KNOWN.with(|k| k.borrow().as_ref().is_some_and(|k| k[place] == name)) {
        return true;
    }
    let holds = key.verify_now(context, bytes, signature);
    if holds {
        KNOWN.with(|k| {
            if let Some(known) = k.borrow_mut().as_mut() {
                known[place] = name;
            }
        });
    }
    holds
}
