//! Projects, rosters and the lives of nodes.

use minicbor::{Decode, Encode};

use super::{MAX_NAME_BYTES, Statement, name_ok};
use crate::codec;
use crate::crypto::{Context, Hash, Keypair, PublicKey, Signature};

/// Members of a roster, at most: everyone keeps a connection budget for them.
pub const MAX_MEMBERS: usize = 1024;

/// The first event of a project. Its hash is the project's id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Genesis {
    /// For people; two projects of one name never merge.
    #[n(0)]
    pub name: String,
    /// Makes two projects of one founder and name differ.
    #[n(1)]
    pub nonce: Hash,
    /// The first roster, epoch 0.
    #[n(2)]
    pub roster: Roster,
    /// What holds for the whole project.
    #[n(3)]
    pub policy: Policy,
}

impl Genesis {
    pub(super) fn is_bounded(&self) -> bool {
        name_ok(&self.name)
            && self.roster.is_bounded()
            && self.roster.epoch == 0
            && self.roster.prev == Hash::ZERO
            && self.policy.shares.len() <= MAX_MEMBERS
    }
}

/// Rules of a project, fixed at its genesis.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Policy {
    /// Who acknowledges claims.
    #[n(0)]
    pub authority: Authority,
    /// What the whole project may ever spend by genesis, micro-dollars: the sum of the first shares.
    #[n(1)]
    pub shares: Vec<Share>,
    /// Whose answers decide an escalation.
    #[n(2)]
    pub answers: Answers,
}

/// Whose answers decide a question to people. Each owner of the escalation's roster has one voice: the first valid answer by an
/// operator of one of its seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// The first voice decides.
    #[n(0)]
    AnyOwner,
    /// An option is chosen once the owners that chose it hold more than half of the weight of all pools.
    #[n(1)]
    Majority,
}

/// Who acknowledges claims of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Authority {
    /// The node that announced the task.
    #[n(0)]
    Home,
    /// More than half of the roster's weight.
    #[n(1)]
    Majority,
}

/// A node's first share of the network's budget.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Share {
    /// Who holds it.
    #[n(0)]
    pub node: PublicKey,
    /// Micro-dollars.
    #[n(1)]
    pub amount_microusd: u64,
}

/// Who belongs to a project, and with what weight, during one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Roster {
    /// 0, 1, 2, …
    #[n(0)]
    pub epoch: u32,
    /// Hash of the roster before; zero at the genesis.
    #[n(1)]
    pub prev: Hash,
    /// Voting members, pooled by owner, sorted by owner.
    #[n(2)]
    pub pools: Vec<Pool>,
    /// Members that read and write but do not vote, sorted.
    #[n(3)]
    pub readers: Vec<PublicKey>,
    /// Where the feeds of removed nodes end, sorted.
    #[n(4)]
    pub cuts: Vec<Cut>,
}

/// The voting members of one owner. They share the pool's weight equally, however many they are.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Pool {
    /// The owner as declared.
    #[n(0)]
    pub owner: String,
    /// Weight of the pool, 1 to 1,000.
    #[n(1)]
    pub weight: u32,
    /// Its nodes, sorted by key.
    #[n(2)]
    pub seats: Vec<Seat>,
}

/// A voting member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Seat {
    /// The node's key.
    #[n(0)]
    pub node: PublicKey,
    /// The key of the person who answers for it, and who may answer escalations.
    #[n(1)]
    pub operator: PublicKey,
}

/// Where a removed node's feed ends: later events of it are excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Cut {
    /// The removed node.
    #[n(0)]
    pub node: PublicKey,
    /// Its incarnation; later ones are excluded altogether.
    #[n(1)]
    pub incarnation: u64,
    /// How many of its events stand.
    #[n(2)]
    pub events: u64,
}

impl Roster {
    /// Whether its lists are sorted, without repetition and within bounds.
    pub(crate) fn is_bounded(&self) -> bool {
        let seats = self.pools.iter().map(|p| p.seats.len()).sum::<usize>();
        let sorted = |w: &[PublicKey]| w.windows(2).all(|w| w[0] < w[1]);
        seats > 0
            && seats + self.readers.len() <= MAX_MEMBERS
            && self.cuts.len() <= MAX_MEMBERS
            && sorted(&self.readers)
            && self.pools.windows(2).all(|w| w[0].owner < w[1].owner)
            && self.pools.iter().all(|p| {
                name_ok(&p.owner)
                    && (1..=1_000).contains(&p.weight)
                    && !p.seats.is_empty()
                    && p.seats.windows(2).all(|w| w[0].node < w[1].node)
            })
            && self.nodes_are_distinct()
    }

    fn nodes_are_distinct(&self) -> bool {
        let mut all: Vec<_> = self.pools.iter().flat_map(|p| &p.seats).map(|s| s.node).collect();
        all.extend(&self.readers);
        all.sort_unstable();
        all.windows(2).all(|w| w[0] != w[1])
    }
}

/// A roster change is put to the members before. It binds nobody, not even its author.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RosterProposed {
    /// The roster to come.
    #[n(0)]
    pub roster: Roster,
}

/// A member is ready to sign a roster change, in this round. It binds for the round only, so that members who were ready for
/// different changes on two sides of a partition can meet again in a later round.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RosterPrepared {
    /// Hash of the roster to come.
    #[n(0)]
    pub roster: Hash,
    /// Its epoch.
    #[n(1)]
    pub epoch: u32,
    /// The round, from 0; a member is ready for one roster in a round.
    #[n(2)]
    pub round: u32,
    /// Over [`RosterStatement`], under [`Context::RosterPrepare`], so that others can show it.
    #[n(3)]
    pub signature: Signature,
}

impl RosterPrepared {
    /// Whether its signature is that of a node, about a roster of this project.
    pub fn is_signed_by(&self, node: &PublicKey, project: Hash) -> bool {
        let statement = RosterStatement::new(project, self.roster, self.round);
        statement.is_signed(Context::RosterPrepare, node, &self.signature)
    }
}

/// A member signs a roster change for which more than two thirds by weight were ready in a round; it signs one in a round, and none of
/// a round before the last that it took part in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RosterSigned {
    /// Hash of the roster to come.
    #[n(0)]
    pub roster: Hash,
    /// Its epoch.
    #[n(1)]
    pub epoch: u32,
    /// The round.
    #[n(2)]
    pub round: u32,
    /// Over [`RosterStatement`].
    #[n(3)]
    pub signature: Signature,
    /// Who was ready for it in that round, sorted by key: what its author saw, and what it is bound by. It stands even if the feed of
    /// one of them is excluded later.
    #[n(4)]
    pub prepares: Vec<MemberSignature>,
}

impl RosterSigned {
    /// Whether its signature is that of a node, under a roster of this project.
    pub fn is_signed_by(&self, node: &PublicKey, project: Hash) -> bool {
        let statement = RosterStatement::new(project, self.roster, self.round);
        statement.is_signed(Context::RosterChange, node, &self.signature)
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.prepares.len() <= MAX_MEMBERS && self.prepares.is_sorted_by(|a, b| a.node < b.node)
    }
}

/// A roster with the signatures of more than two thirds by weight of the one before, all of one round.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RosterChanged {
    /// The new roster.
    #[n(0)]
    pub roster: Roster,
    /// The round in which it was signed.
    #[n(1)]
    pub round: u32,
    /// By members of the roster before, sorted by key.
    #[n(2)]
    pub signatures: Vec<MemberSignature>,
}

/// One member's signature under a roster change.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct MemberSignature {
    /// The member.
    #[n(0)]
    pub node: PublicKey,
    /// Over [`RosterStatement`].
    #[n(1)]
    pub signature: Signature,
}

/// What members sign: this project's next roster, in a round. Under [`Context::RosterPrepare`] it says that they are ready for it, under
/// [`Context::RosterChange`] that it is to come into force.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RosterStatement {
    /// The project.
    #[n(0)]
    pub project: Hash,
    /// Hash of the roster to come.
    #[n(1)]
    pub roster: Hash,
    /// The round.
    #[n(2)]
    pub round: u32,
}

impl RosterStatement {
    /// About a roster, in a round.
    pub fn new(project: Hash, roster: Hash, round: u32) -> Self {
        RosterStatement { project, roster, round }
    }

    /// A member's signature under it.
    pub fn sign(&self, context: Context, key: &Keypair) -> Signature {
        key.sign(context, &codec::encode(self))
    }

    /// Whether `signature` is a member's under it.
    pub fn is_signed(&self, context: Context, node: &PublicKey, signature: &Signature) -> bool {
        node.verify(context, &codec::encode(self), signature)
    }
}

/// First event of a later incarnation: the node was restored or re-installed and forfeits what it held.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct IncarnationStarted {
    /// The incarnation before.
    #[n(0)]
    pub before: u64,
}

/// Somebody with rights over the node did something with it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AdminActed {
    /// What, in words: `pause agent reviewer-1`.
    #[n(0)]
    pub action: String,
}

/// A request for a seat in a project, sent to a member directly.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct JoinStatement {
    /// The project; zero: whichever the member offers.
    #[n(0)]
    pub project: Hash,
    /// Owner to be pooled under.
    #[n(1)]
    pub owner: String,
    /// Key of the person who answers for the node.
    #[n(2)]
    pub operator: PublicKey,
    /// Whether a vote is asked for, or only reading and writing.
    #[n(3)]
    pub voting: bool,
}

impl Statement for JoinStatement {
    const CONTEXT: Context = Context::Join;
}

impl JoinStatement {
    /// Whether its texts are within bounds.
    pub fn is_bounded(&self) -> bool {
        self.owner.len() <= MAX_NAME_BYTES && name_ok(&self.owner)
    }
}
