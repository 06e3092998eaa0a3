//! Resources: versioned texts at addresses.

use minicbor::{Decode, Encode};

use crate::blob::BlobRef;
use crate::crypto::{Hash, PublicKey};

/// A write to a resource. The event's hash names the write; its home gives it a version.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ResourceWritten {
    /// Path of the resource in the project: the address without its temporal segment.
    #[n(0)]
    pub path: String,
    /// The node that orders the writes of this resource.
    #[n(1)]
    pub home: PublicKey,
    /// The write that this one replaces, where the writer said so (if-match).
    #[n(2)]
    pub base: Option<Hash>,
    /// The content.
    #[n(3)]
    pub content: BlobRef,
    /// MIME type.
    #[n(4)]
    pub mime: String,
    /// Given by the writer to make a repeated write one write.
    #[n(5)]
    pub idempotency_key: Option<String>,
}

/// The home gives writes their versions.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct WriteOrdered {
    /// The resource.
    #[n(0)]
    pub path: String,
    /// The write.
    #[n(1)]
    pub write: Hash,
    /// Its version, from 1; absent: refused, because its base was no longer the latest.
    #[n(2)]
    pub version: Option<u64>,
}
