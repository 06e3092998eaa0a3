//! Decoded public keys.
//!
//! A key is 32 bytes that stand for a point of the curve; to find the point costs a tenth of a signature check. The same few keys sign
//! nearly everything, so each thread keeps the last ones. A key's point depends on its bytes alone: what is kept changes no answer.

use std::cell::RefCell;

use ed25519_dalek::VerifyingKey;

use super::PublicKey;

/// Points kept by one thread: 25 KiB. Each place holds the last key that fell into it.
const PLACES: usize = 128;

thread_local! {
    static KNOWN: RefCell<Vec<Option<VerifyingKey>>> = const { RefCell::new(Vec::new()) };
}

/// The point of a key; `None` for bytes that are no key.
pub(super) fn of(key: &PublicKey) -> Option<VerifyingKey> {
    // A key's bytes are as good as random, unless somebody chose them: then they share a place and are decoded each time.
    let place = usize::from(key.0[0] ^ key.0[17]) % PLACES;
    let known = KNOWN.with_borrow(|known| known.get(place).copied().flatten());
    if let Some(known) = known.filter(|known| *known.as_bytes() == key.0) {
        return Some(known);
    }
    let point = VerifyingKey::from_bytes(&key.0).ok()?;
    KNOWN.with_borrow_mut(|known| {
        known.resize(PLACES, None);
        known[place] = Some(point);
    });
    Some(point)
}
