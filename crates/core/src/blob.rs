//! Blobs: every text lives outside the signed part of an event, which carries its salted hash.
//!
//! The hash is BLAKE3 over the context, the 16-byte salt and the bytes. The salt keeps somebody who holds only the
//! record from guessing a short text; erasing blob and salt (`bzzz forget`) leaves a record that still verifies.

use minicbor::{Decode, Encode};

use crate::crypto::Hash;

/// Blobs up to this length travel beside their event; longer ones are fetched on demand.
pub const SHORT_BLOB_BYTES: usize = 16 * 1024;
/// No blob is longer: the largest change set fits with room.
pub const MAX_BLOB_BYTES: usize = 24 * 1024 * 1024;

/// A blob: salt and bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Blob {
    /// 16 bytes that nobody can guess.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// The content.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// What an event says of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct BlobRef {
    /// Salted hash.
    #[n(0)]
    pub hash: Hash,
    /// Length of the content in bytes.
    #[n(1)]
    pub len: u64,
}

impl Blob {
    /// A blob of `bytes` with a salt derived from `secret`.
    pub fn new(secret: &[u8; 32], bytes: Vec<u8>) -> Self {
        let mut salt = [0; 16];
        salt.copy_from_slice(&secret[..16]);
        Blob { salt, bytes }
    }

    /// Its salted hash.
    pub fn hash(&self) -> Hash {
        let mut h = blake3::Hasher::new_derive_key("bzzz 2026 blob v1");
        h.update(&self.salt);
        h.update(&self.bytes);
        Hash(*h.finalize().as_bytes())
    }

    /// What an event carries of it.
    pub fn reference(&self) -> BlobRef {
        BlobRef {
            hash: self.hash(),
            len: self.bytes.len() as u64,
        }
    }

    /// Whether this is the blob that `reference` names.
    pub fn is(&self, reference: &BlobRef) -> bool {
        self.bytes.len() as u64 == reference.len && self.hash() == reference.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_salt_is_part_of_the_name() {
        let a = Blob::new(&[1; 32], b"yes".to_vec());
        let b = Blob::new(&[2; 32], b"yes".to_vec());
        assert_ne!(a.hash(), b.hash());
        assert!(a.is(&a.reference()));
        assert!(!b.is(&a.reference()));
    }
}
