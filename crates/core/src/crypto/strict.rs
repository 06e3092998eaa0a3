//! The check of a signature.
//!
//! Strict Ed25519, with the answers of ed25519-dalek's `verify_strict`, one signature at a time: `S` is below the group's order; the key
//! decodes and is not of small order; and `S·B - k·A`, encoded, is `R` bit by bit and not of small order, where `k` is the hash of `R`, the
//! key and the message. The last comparison says everything of `R`: bytes that are the encoding of a point are canonical and decode to
//! it, so `R` need not be decoded. No cofactor is multiplied in, and nothing is checked in bulk: other nodes, and strangers with
//! another library, come to the same answer.

use std::sync::OnceLock;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::traits::Identity as _;
use curve25519_dalek::{EdwardsPoint, Scalar};
use sha2::{Digest as _, Sha512};

use super::comb::Comb;
use super::{PublicKey, Signature, keys};

/// Multiples of the base point, 640 KiB: made when the first key is used often.
static BASE: OnceLock<Comb<8>> = OnceLock::new();

/// Whether `signature` is this key's over the parts, one after the other.
pub(super) fn holds(key: &PublicKey, parts: &[&[u8]], signature: &Signature) -> bool {
    keys::known(key).is_some_and(|known| holds_for(key, &known.negated, known.table(), parts, signature))
}

/// [`holds`] for a key whose point, not of small order, is known: times minus one, and its multiples if there is a table of them.
pub(super) fn holds_for(
    key: &PublicKey,
    negated: &EdwardsPoint,
    table: Option<&keys::Table>,
    parts: &[&[u8]],
    signature: &Signature,
) -> bool {
    let mut halves = [[0; 32]; 2];
    halves.as_flattened_mut().copy_from_slice(&signature.0);
    let [r, s] = halves;
    let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)) else {
        return false;
    };
    let mut hasher = Sha512::new();
    hasher.update(r);
    hasher.update(key.0);
    for part in parts {
        hasher.update(part);
    }
    let k = Scalar::from_bytes_mod_order_wide(&hasher.finalize().into());
    let wanted = match table {
        Some(table) => {
            let base = BASE.get_or_init(|| Comb::new(&ED25519_BASEPOINT_POINT));
            table.add_product(base.add_product(EdwardsPoint::identity(), &s), &k)
        }
        None => EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, negated, &s),
    };
    wanted.compress().to_bytes() == r && !wanted.is_small_order()
}
