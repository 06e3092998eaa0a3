//! What events say: one type for each kind, numbered for ever.
//!
//! A kind's fields never change their meaning; a change of shape is a new kind. A body that this build cannot decode has
//! no effect in any fold, so an old node and a new one differ only in what the new kind adds.

mod agent;
mod budget;
mod escalation;
mod membership;
mod project;
mod resource;
mod task;
mod thread;
mod vote;

pub use agent::*;
pub use budget::*;
pub use escalation::*;
pub use membership::*;
pub use project::*;
pub use resource::*;
pub use task::*;
pub use thread::*;
pub use vote::*;

use minicbor::{Decode, Encode};

use crate::codec;
use crate::crypto::{Context, Keypair, PublicKey, Signature};

/// Names, ids and roles are no longer than this, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// Lists inside a body are no longer than this unless their type says otherwise.
pub const MAX_LIST: usize = 256;
/// No number in a body is larger: 2^53 - 1, which every language holds exactly (RFC 8259 section 6). So what others say can be added
/// to a time or an amount without running over.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// A statement that is signed apart from the event that carries it, by an agent, a node or a person.
pub trait Statement: Encode<()> + for<'b> Decode<'b, ()> {
    /// What the signature is for.
    const CONTEXT: Context;
}

/// A statement with its signer and signature. The signed bytes are the statement's canonical encoding.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Signed<T> {
    /// What is said.
    #[n(0)]
    pub statement: T,
    /// Who says it.
    #[n(1)]
    pub by: PublicKey,
    /// Over the statement's encoding in its context.
    #[n(2)]
    pub signature: Signature,
}

impl<T: Statement> Signed<T> {
    /// Signs a statement.
    pub fn new(key: &Keypair, statement: T) -> Self {
        let signature = key.sign(T::CONTEXT, &codec::encode(&statement));
        Signed {
            statement,
            by: key.public(),
            signature,
        }
    }

    /// Whether the signature is the signer's.
    pub fn verify(&self) -> bool {
        self.by
            .verify(T::CONTEXT, &codec::encode(&self.statement), &self.signature)
    }
}

macro_rules! bodies {
    ($($number:literal $variant:ident $checked:expr),+ $(,)?) => {
        /// The body of an event.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Body {
            $($variant($variant)),+
        }

        impl Body {
            /// The kind's number.
            pub fn kind(&self) -> u16 {
                match self { $(Body::$variant(_) => $number),+ }
            }

            /// The kind's name, for people.
            pub fn name(&self) -> &'static str {
                match self { $(Body::$variant(_) => stringify!($variant)),+ }
            }

            /// Number and encoding.
            pub fn to_kind_and_bytes(&self) -> (u16, Vec<u8>) {
                match self { $(Body::$variant(body) => ($number, codec::encode(body))),+ }
            }

            /// The body, if this build knows its kind and its form is right.
            pub fn from_kind_and_bytes(kind: u16, bytes: &[u8]) -> Option<Body> {
                if !codec::numbers_are_within(bytes, MAX_NUMBER) {
                    return None;
                }
                match kind {
                    $($number => {
                        let body: $variant = codec::decode(stringify!($variant), bytes).ok()?;
                        let check: fn(&$variant) -> bool = $checked;
                        check(&body).then_some(Body::$variant(body))
                    })+
                    _ => None,
                }
            }
        }

        /// Name of a kind's number, for people.
        pub fn kind_name(kind: u16) -> &'static str {
            match kind { $($number => stringify!($variant),)+ _ => "Unknown" }
        }

        /// Every kind that this build knows: number and name.
        pub const KINDS: &[(u16, &str)] = &[$(($number, stringify!($variant))),+];
    };
}

bodies! {
    1 Genesis Genesis::is_bounded,
    2 RosterProposed |b| b.roster.is_bounded(),
    3 RosterSigned RosterSigned::is_bounded,
    4 RosterChanged |b| b.roster.is_bounded() && b.signatures.len() <= MAX_MEMBERS,
    5 IncarnationStarted |_| true,
    6 AdminActed |b| b.action.len() <= 1024,
    7 RosterPrepared |_| true,
    8 MembershipConsented MembershipConsented::is_bounded,
    10 AgentEndorsed |b| b.endorsement.statement.is_bounded(),
    11 AgentRetired |_| true,
    20 ThreadOpened ThreadOpened::is_bounded,
    21 MessagePosted |b| b.message.statement.parents.len() <= MAX_LIST,
    22 FindingsPosted |_| true,
    23 ThreadClosed |_| true,
    30 TaskAnnounced TaskAnnounced::is_bounded,
    31 TaskClaimed |_| true,
    32 ClaimAcked |_| true,
    33 LeaseExtended |_| true,
    34 TaskReleased |_| true,
    35 TaskCompleted |_| true,
    36 TaskCancelled |_| true,
    37 OutsideActed |b| b.action.len() <= 1024,
    40 Proposed Proposed::is_bounded,
    41 Committed |_| true,
    42 Revealed |_| true,
    43 FinalVoted |_| true,
    44 Decided |b| b.votes.len() <= MAX_PANEL,
    50 Escalated Escalated::is_bounded,
    51 EscalationAcked |b| b.person.len() <= MAX_NAME_BYTES,
    52 EscalationReminded |_| true,
    53 EscalationAnswered |b| b.answer.statement.person.len() <= MAX_NAME_BYTES,
    54 EscalationTimedOut |_| true,
    60 ShareMoved |_| true,
    61 ChunkDrawn |_| true,
    62 ChunkReturned |_| true,
    63 ModelCalled |b| b.model.len() <= MAX_NAME_BYTES,
    70 ResourceWritten |b| b.path.len() <= 1024,
    71 WriteOrdered |_| true,
}

impl Body {
    /// Whether others can read it: an event whose body they cannot has no effect anywhere.
    pub fn is_readable(&self) -> bool {
        let (kind, bytes) = self.to_kind_and_bytes();
        Body::from_kind_and_bytes(kind, &bytes).is_some()
    }
}

/// Whether a name is short enough and not empty.
pub(crate) fn name_ok(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control)
}
