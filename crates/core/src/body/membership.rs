//! What members want of each other's membership: the words on which roster changes rest.

use minicbor::{Decode, Encode};

use super::{JoinStatement, Signed};
use crate::crypto::PublicKey;

/// The person at its author's node, or the policy that this person has set, wants a change of the membership. The latest
/// statement of a node about another one counts.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct MembershipConsented {
    /// What is wanted.
    #[n(0)]
    pub change: MembershipChange,
}

/// A change of the membership.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum MembershipChange {
    /// Let a node in that has asked for it: the request is the proof, and names this project.
    #[n(0)]
    Admit(#[n(0)] Signed<JoinStatement>),
    /// Remove a member.
    #[n(1)]
    Remove {
        /// Whom.
        #[n(0)]
        node: PublicKey,
        /// The latest life of that node that the author knew.
        #[n(1)]
        incarnation: u64,
        /// How many events of that life the author had accepted: they are to stand.
        #[n(2)]
        events: u64,
    },
    /// The author itself leaves. Its feed ends behind this event. This cannot be taken back.
    #[n(2)]
    Leave,
    /// The author wants nothing of this node any more.
    #[n(3)]
    Withdraw {
        /// Of whom.
        #[n(0)]
        node: PublicKey,
    },
}

impl MembershipConsented {
    pub(super) fn is_bounded(&self) -> bool {
        match &self.change {
            MembershipChange::Admit(join) => join.statement.is_bounded(),
            MembershipChange::Remove { .. } | MembershipChange::Leave | MembershipChange::Withdraw { .. } => true,
        }
    }
}

impl MembershipChange {
    /// Whom it is about, when `author` says it.
    pub fn about(&self, author: &PublicKey) -> PublicKey {
        match self {
            MembershipChange::Admit(join) => join.by,
            MembershipChange::Remove { node, .. } | MembershipChange::Withdraw { node } => *node,
            MembershipChange::Leave => *author,
        }
    }
}
