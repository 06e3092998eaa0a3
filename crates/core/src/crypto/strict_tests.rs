//! Our check gives the answers of ed25519-dalek's `verify_strict`, with and without a table, on everything that implementations of
//! Ed25519 are known to disagree about: points of small order, points with a part of small order, encodings of points that
//! are not canonical, and scalars that are not reduced.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha512};

use super::keys::Table;
use super::{PublicKey, Signature, strict};

/// The order of the group, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn wanted(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Our answer by the public way, and by both ways of calculating.
fn ours(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> [bool; 3] {
    let (key, signature) = (PublicKey(*key), Signature(*signature));
    // In two parts, as a context and what is signed are.
    let (head, tail) = message.split_at(message.len() / 2);
    let parts: &[&[u8]] = &[head, tail];
    let point = CompressedEdwardsY(key.0).decompress().filter(|p| !p.is_small_order());
    let by = |table: bool| {
        point.is_some_and(|point| {
            let table = table.then(|| Table::new(&-point));
            strict::holds_for(&key, &-point, table.as_ref(), parts, &signature)
        })
    };
    [strict::holds(&key, parts, &signature), by(false), by(true)]
}

fn agree(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let wanted = wanted(key, message, signature);
    let ours = ours(key, message, signature);
    assert_eq!(
        ours, [wanted; 3],
        "key {key:02x?}, signature {signature:02x?}, message {message:02x?}"
    );
    wanted
}

fn joined(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut out = [0; 64];
    out[..32].copy_from_slice(r);
    out[32..].copy_from_slice(s);
    out
}

fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(key)
        .chain_update(message)
        .finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

/// `value` plus `times` the order of the group, where that has room.
fn unreduced(value: &[u8; 32], times: u16) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let mut carry = 0_u32;
    for ((out, value), order) in out.iter_mut().zip(value).zip(ORDER) {
        let sum = u32::from(*value) + u32::from(order) * u32::from(times) + carry;
        *out = sum as u8;
        carry = sum >> 8;
    }
    (carry == 0).then_some(out)
}

/// The encodings of a point: the canonical one, and those that some decoders take for it.
fn encodings(point: &EdwardsPoint) -> Vec<[u8; 32]> {
    let canonical = point.compress().to_bytes();
    let mut out = vec![canonical];
    // The sign of x = 0.
    let mut signed = canonical;
    signed[31] ^= 0x80;
    out.push(signed);
    // y + p, where that is below 2^255: only for y below 19.
    if canonical[0] < 19 && canonical[1..31].iter().all(|b| *b == 0) && canonical[31] & 0x7f == 0 {
        let mut large = [0xff; 32];
        large[0] = 0xed + canonical[0];
        large[31] = 0x7f | canonical[31];
        out.push(large);
        large[31] ^= 0x80;
        out.push(large);
    }
    out
}

#[test]
fn edge_cases_are_judged_as_verify_strict_judges_them() {
    let (mut accepted, mut refused) = (0, 0);
    let mut count = |holds: bool| match holds {
        true => accepted += 1,
        false => refused += 1,
    };
    let secret = Scalar::from_bytes_mod_order(*blake3::hash(b"a key").as_bytes());
    for (n, a_torsion) in EIGHT_TORSION.into_iter().enumerate() {
        // A key of small order, and a sound one with a part of small order.
        for a_scalar in [Scalar::ZERO, secret] {
            for key in encodings(&(ED25519_BASEPOINT_POINT * a_scalar + a_torsion)) {
                for (m, r_torsion) in EIGHT_TORSION.into_iter().enumerate() {
                    let nonce = Scalar::from_bytes_mod_order(*blake3::hash(&[n as u8, m as u8]).as_bytes());
                    for r_scalar in [Scalar::ZERO, nonce] {
                        for r in encodings(&(ED25519_BASEPOINT_POINT * r_scalar + r_torsion)) {
                            // Some challenges make the parts of small order cancel out, some do not.
                            for message in [b"first".as_slice(), b"second", b"third"] {
                                let s = r_scalar + challenge(&r, &key, message) * a_scalar;
                                count(agree(&key, message, &joined(&r, s.as_bytes())));
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(
        accepted > 10 && refused > 1_000,
        "{accepted} accepted, {refused} refused"
    );
}

#[test]
fn scalars_that_are_not_reduced_are_refused() {
    for n in 0..32_u8 {
        let key = SigningKey::from_bytes(&[n; 32]);
        let (public, signature) = (key.verifying_key().to_bytes(), key.sign(b"message").to_bytes());
        assert!(agree(&public, b"message", &signature));
        let (r, s) = signature.split_at(32);
        let (r, s) = (
            <[u8; 32]>::try_from(r).expect("32 bytes"),
            <[u8; 32]>::try_from(s).expect("32 bytes"),
        );
        for times in 1..=16 {
            if let Some(s) = unreduced(&s, times) {
                assert!(!agree(&public, b"message", &joined(&r, &s)));
            }
        }
        assert!(!agree(&public, b"message", &joined(&r, &[0xff; 32])));
        assert!(!agree(&public, b"message", &joined(&r, &ORDER)));
    }
}

#[test]
fn heights_at_the_edge_of_the_field_are_judged_alike() {
    // Every encoding from 2^255 - 64 on, with both signs: some decode, to points of large order too.
    for low in 0xc0..=0xff_u8 {
        for top in [0x7f, 0xff] {
            let mut edge = [0xff; 32];
            edge[0] = low;
            edge[31] = top;
            let sound = SigningKey::from_bytes(&[low; 32]);
            let signature = sound.sign(b"edge").to_bytes();
            agree(&edge, b"edge", &signature);
            let s: [u8; 32] = signature[32..].try_into().expect("32 bytes");
            agree(&sound.verifying_key().to_bytes(), b"edge", &joined(&edge, &s));
        }
    }
}

#[test]
fn random_signatures_and_their_single_flipped_bits_are_judged_alike() {
    for n in 0..24_u8 {
        let seed = *blake3::hash(&[n]).as_bytes();
        let key = SigningKey::from_bytes(&seed);
        let public = key.verifying_key().to_bytes();
        let message = vec![n; usize::from(n) * 20];
        let signature = key.sign(&message).to_bytes();
        assert!(agree(&public, &message, &signature));
        for at in (0..64).step_by(5) {
            let mut flipped = signature;
            flipped[at] ^= 1 << (n % 8);
            assert!(!agree(&public, &message, &flipped));
        }
        for at in (0..32).step_by(7) {
            let mut flipped = public;
            flipped[at] ^= 1 << (n % 8);
            assert!(!agree(&flipped, &message, &signature));
        }
        let random: [u8; 64] = std::array::from_fn(|i| seed[i % 32].wrapping_mul(i as u8 | 1));
        agree(&public, &message, &random);
    }
}

#[test]
fn a_key_that_signs_often_is_judged_as_before() {
    let key = SigningKey::from_bytes(&[42; 32]);
    let public = PublicKey(key.verifying_key().to_bytes());
    for n in 0..100_u8 {
        let signature = Signature(key.sign(&[n]).to_bytes());
        assert!(strict::holds(&public, &[&[n]], &signature));
        assert!(!strict::holds(&public, &[&[n.wrapping_add(1)]], &signature));
    }
}
