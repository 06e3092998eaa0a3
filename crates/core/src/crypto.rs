//! Keys, signatures and hashes, each under a context that names what it is for.
//!
//! A signature over one kind of statement can never be shown as a signature over another: the signed bytes begin
//! with the context and a zero byte. Event, roster and vote hashes are SHA-256, which every standard library has, so that
//! a stranger verifies a certificate without us; blobs are salted BLAKE3. Signatures are Ed25519 (RFC 8032),
//! checked strictly: small-order keys and non-canonical encodings are refused.

mod comb;
mod keys;
#[cfg(feature = "sim")]
pub(crate) mod memo;
mod strict;
#[cfg(test)]
mod strict_tests;

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use minicbor::{Decode, Encode};
use sha2::{Digest as _, Sha256};

/// What a signature or a hash is for. The text is part of the format and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// A feed's event: hash and author's signature.
    Event,
    /// A roster: its hash, which votes name.
    Roster,
    /// A roster change, signed by members of the roster before.
    RosterChange,
    /// What a thread is about (hash), for strangers: the digest of its diff, and its commits.
    Subject,
    /// What salts that hash (hash), from the salt of the text.
    SubjectSalt,
    /// That a member is ready to sign a roster change, in a round.
    RosterPrepare,
    /// A node's endorsement of an agent key.
    Endorsement,
    /// An agent's word that a node hosts it.
    Agent,
    /// An agent's message.
    Message,
    /// An agent's findings.
    Findings,
    /// A commitment to a first vote (hash) and its nonce.
    Commit,
    /// An agent's revealed first vote.
    Reveal,
    /// An agent's final vote.
    FinalVote,
    /// A node's statement of what it spent on a thread.
    Receipt,
    /// A person's answer to an escalation.
    Answer,
    /// Presence.
    Presence,
    /// The digest of all heads (hash).
    Heads,
    /// A request for a seat.
    Join,
}

impl Context {
    /// The text that precedes the signed bytes.
    pub const fn text(self) -> &'static str {
        match self {
            Context::Event => "bzzz/event/v1",
            Context::Roster => "bzzz/roster/v1",
            Context::RosterChange => "bzzz/roster-change/v1",
            Context::Subject => "bzzz/subject/v1",
            Context::SubjectSalt => "bzzz/subject-salt/v1",
            Context::RosterPrepare => "bzzz/roster-prepare/v1",
            Context::Endorsement => "bzzz/endorsement/v1",
            Context::Agent => "bzzz/agent/v1",
            Context::Message => "bzzz/message/v1",
            Context::Findings => "bzzz/findings/v1",
            Context::Commit => "bzzz/commit/v1",
            Context::Reveal => "bzzz/reveal/v1",
            Context::FinalVote => "bzzz/final-vote/v1",
            Context::Receipt => "bzzz/receipt/v1",
            Context::Answer => "bzzz/answer/v1",
            Context::Presence => "bzzz/presence/v1",
            Context::Heads => "bzzz/heads/v1",
            Context::Join => "bzzz/join/v1",
        }
    }

    fn prefixed(self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text().len() + 1 + bytes.len());
        out.extend_from_slice(self.text().as_bytes());
        out.push(0);
        out.extend_from_slice(bytes);
        out
    }
}

macro_rules! bytes_type {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let bytes = d.bytes()?;
                <[u8; $len]>::try_from(bytes)
                    .map($name)
                    .map_err(|_| minicbor::decode::Error::message(concat!(stringify!($name), " has a wrong length")))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({}…)", stringify!($name), self.short())
            }
        }

        impl $name {
            /// The first eight hex digits: for people, never for a decision.
            pub fn short(&self) -> String {
                data_encoding::HEXLOWER.encode(&self.0[..4])
            }

            /// Reads the full hex form, in either case.
            pub fn from_hex(text: &str) -> Option<Self> {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
                <[u8; $len]>::try_from(bytes.as_slice()).ok().map($name)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                $name::from_hex(&text).ok_or_else(|| {
                    serde::de::Error::custom(concat!(stringify!($name), " must be ", $len, " bytes in hex"))
                })
            }
        }
    };
}

bytes_type!(
    /// A SHA-256 or BLAKE3 hash.
    Hash, 32
);
bytes_type!(
    /// An Ed25519 public key: a node, an agent or a person.
    PublicKey, 32
);
bytes_type!(
    /// An Ed25519 signature.
    Signature, 64
);

impl Hash {
    /// The hash that stands where there is none before (`prev` of a feed's first event).
    pub const ZERO: Hash = Hash([0; 32]);
}

/// SHA-256 of the context, a zero byte and the bytes.
pub fn hash(context: Context, bytes: &[u8]) -> Hash {
    let mut h = Sha256::new();
    h.update(context.text().as_bytes());
    h.update([0]);
    h.update(bytes);
    Hash(h.finalize().into())
}

impl PublicKey {
    /// Whether `signature` is this key's over `bytes` in `context`.
    #[cfg(feature = "sim")]
    pub fn verify(&self, context: Context, bytes: &[u8], signature: &Signature) -> bool {
        memo::verify(self, context, bytes, signature)
    }

    /// Whether `signature` is this key's over `bytes` in `context`.
    #[cfg(not(feature = "sim"))]
    pub fn verify(&self, context: Context, bytes: &[u8], signature: &Signature) -> bool {
        self.verify_now(context, bytes, signature)
    }

    fn verify_now(&self, context: Context, bytes: &[u8], signature: &Signature) -> bool {
        strict::holds(self, &[context.text().as_bytes(), &[0], bytes], signature)
    }
}

/// A private key. It signs; it never prints itself.
#[derive(Clone)]
pub struct Keypair(SigningKey);

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keypair({})", self.public().short())
    }
}

impl Keypair {
    /// From a 32-byte seed, RFC 8032.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Keypair(SigningKey::from_bytes(&seed))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `bytes` in `context`. Deterministic.
    pub fn sign(&self, context: Context, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(&context.prefixed(bytes)).to_bytes())
    }

    /// The key of an agent that this node hosts: its own key, which the node endorses. It is derived, so that there is
    /// one secret to keep and a restarted node has the same agents.
    pub fn agent(&self, project: &Hash, agent_id: &str) -> Keypair {
        let mut material = Vec::with_capacity(64 + agent_id.len());
        material.extend_from_slice(self.0.as_bytes());
        material.extend_from_slice(&project.0);
        material.extend_from_slice(agent_id.as_bytes());
        Keypair::from_seed(blake3::derive_key("bzzz 2026 agent key v1", &material))
    }

    /// A secret value that only this key can derive: commit–reveal nonces and blob salts without a random source.
    pub fn derive(&self, purpose: &str, about: &[u8]) -> [u8; 32] {
        let mut material = Vec::with_capacity(40 + purpose.len() + about.len());
        material.extend_from_slice(self.0.as_bytes());
        material.extend_from_slice(&(purpose.len() as u64).to_be_bytes());
        material.extend_from_slice(purpose.as_bytes());
        material.extend_from_slice(about);
        blake3::derive_key("bzzz 2026 derived secret v1", &material)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_in_its_context_only() {
        let key = Keypair::from_seed([7; 32]);
        let signature = key.sign(Context::Message, b"text");
        assert!(key.public().verify(Context::Message, b"text", &signature));
        assert!(!key.public().verify(Context::FinalVote, b"text", &signature));
        assert!(!key.public().verify(Context::Message, b"texT", &signature));
    }

    #[test]
    fn agents_have_keys_of_their_own() {
        let node = Keypair::from_seed([1; 32]);
        let project = Hash([2; 32]);
        assert_ne!(node.agent(&project, "a").public(), node.agent(&project, "b").public());
        assert_ne!(
            node.agent(&project, "a").public(),
            node.agent(&Hash([3; 32]), "a").public()
        );
        assert_eq!(node.agent(&project, "a").public(), node.agent(&project, "a").public());
    }

    #[test]
    fn hex_round_trips() {
        let hash = hash(Context::Event, b"x");
        assert_eq!(Hash::from_hex(&hash.to_string()), Some(hash));
        assert_eq!(Hash::from_hex("zz"), None);
    }
}
