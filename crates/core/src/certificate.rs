//! Decision certificates: everything that a stranger needs to check a decision, in one file, offline.
//!
//! A certificate holds the genesis event, every roster change up to the decision's epoch, the event that opened the thread with the
//! roles that it asks, the digest of the diff and its commits, the proposal event with its panel and the vetoes that it names, and the final votes as their agents
//! signed them. It is valid when the rosters follow from the genesis, the thread was opened under the proposal's roster, the votes
//! for the outcome carry more than two thirds of the roster's weight, and, for an approval, every asked role has
//! voted and security voters have lifted every veto that the proposal names. Endorsements by nodes without a seat give no weight. It is final by these
//! signatures, whatever arrives later. With the project's id known beforehand (`--project`), the
//! chain is pinned; without it the answer is "valid, issuer not pinned".
//!
//! On disk it is PEM (RFC 7468) around canonical CBOR, so that it can be pasted anywhere.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::blob::Blob;
use crate::body::{
    Body, Choice, Endorsement, FinalVote, Findings, Proposed, RosterChanged, SECURITY, Signed, Statement, ThreadOpened,
};
use crate::change::{ChangeSet, Subject};
use crate::codec::{self, CodecError};
use crate::crypto::{Context, Hash, PublicKey};
use crate::event::{Event, EventError};
use crate::roster::{RosterChain, RosterError, is_quorum};
use crate::state::{State, lift_weight, unheard_roles};

/// The version of the form.
pub const CERTIFICATE_VERSION: u8 = 1;
/// No certificate is longer. Each change of the roster that is in it fits into an event, 256 KiB, and while a project grows one by one to
/// its 1,024 members, the changes grow evenly from nothing to that: half of 1,024 × 256 KiB are 128 MiB. A project of fifty members
/// comes to it after ten thousand changes. One seat alone cannot bring those about: see [`crate::state::MAX_VOUCHED_SEATS`].
pub const MAX_CERTIFICATE_BYTES: usize = 128 * 1024 * 1024;
/// The label of its PEM form.
pub const PEM_LABEL: &str = "BZZZ DECISION CERTIFICATE";

/// What a node says it spent on the thread.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Receipt {
    /// The project.
    #[n(0)]
    pub project: Hash,
    /// The thread.
    #[n(1)]
    pub thread: Hash,
    /// Micro-dollars.
    #[n(2)]
    pub spent_microusd: u64,
}

impl Statement for Receipt {
    const CONTEXT: Context = Context::Receipt;
}

/// A decision with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Certificate {
    /// [`CERTIFICATE_VERSION`].
    #[n(0)]
    pub version: u8,
    /// The genesis event's wire form.
    #[n(1)]
    pub genesis: ByteVec,
    /// Roster changes from epoch 1 to the decision's.
    #[n(2)]
    pub rosters: Vec<RosterChanged>,
    /// The wire form of the event that opened the thread.
    #[n(3)]
    pub opening: ByteVec,
    /// What the opening's digest is the hash of: the diff's SHA-256, and its commits. None where the change's text was gone when the certificate was
    /// gathered; the decision holds all the same, and only members can say what it is about.
    #[n(4)]
    pub subject: Option<Subject>,
    /// The proposal event's wire form.
    #[n(5)]
    pub proposal: ByteVec,
    /// The outcome.
    #[n(6)]
    pub choice: Choice,
    /// Final votes, for and against, sorted by agent key.
    #[n(7)]
    pub votes: Vec<Signed<FinalVote>>,
    /// What was spent, by those nodes whose receipts were there.
    #[n(8)]
    pub receipts: Vec<Signed<Receipt>>,
}

/// Why a certificate cannot be gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GatherError {
    /// The thread has no decision, or another one than the proposal's.
    #[error("there is no decision to certify: the thread is not decided by this proposal")]
    Undecided,
    /// No reader would take it.
    #[error(
        "could not make the certificate: it would have {0} bytes, and none may have more than {MAX_CERTIFICATE_BYTES};          the project's membership has changed too often, a new project starts without that history"
    )]
    TooLong(usize),
}

/// Why a certificate does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum CertificateError {
    #[error("could not read the certificate: it is not PEM with the label \"{PEM_LABEL}\"")]
    Pem,
    #[error("could not read the certificate: {0}")]
    Codec(#[from] CodecError),
    #[error("could not read the certificate: version {0} is not known to this build (update bzzz)")]
    Version(u8),
    #[error("the certificate's genesis event does not hold: {0}")]
    Genesis(String),
    #[error("the certificate's roster chain breaks at epoch {epoch}: {why}")]
    Roster { epoch: u32, why: RosterError },
    #[error("the certificate's opening of the thread does not hold: {0}")]
    Opening(String),
    #[error("the certificate's subject does not hold: {0}")]
    Subject(&'static str),
    #[error("the approval has not heard every asked role: no voter with a weight voted as {0}")]
    Unheard(String),
    #[error("the certificate's proposal does not hold: {0}")]
    Proposal(String),
    #[error("the vote of agent {agent} does not hold: {why}")]
    Vote { agent: PublicKey, why: &'static str },
    #[error("the votes for the outcome carry {weight} of {total} weight; more than two thirds are needed")]
    NoQuorum { weight: u64, total: u64 },
    #[error(
        "the approval leaves a veto standing: {lifting} of {security} weight of the panel's security voters lifts it, more than half is needed"
    )]
    Veto { lifting: u64, security: u64 },
    #[error("the receipt of node {0} does not hold")]
    Receipt(PublicKey),
    #[error("the certificate belongs to project {got}, not to {want}")]
    OtherProject { got: Hash, want: Hash },
}

impl From<EventError> for CertificateError {
    fn from(e: EventError) -> Self {
        CertificateError::Proposal(e.to_string())
    }
}

/// One voter of a verified certificate.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct VerifiedVoter {
    /// Agent id.
    pub id: String,
    /// Role.
    pub role: String,
    /// Its node's key.
    pub node: PublicKey,
    /// The node's declared owner.
    pub owner: String,
    /// Declared model family.
    pub model: Option<String>,
    /// Weight of its vote.
    pub weight: u64,
    /// Whether its node has a seat in the roster; without one the voter has no weight.
    pub seat: bool,
    /// Its final vote; none when it was silent.
    pub choice: Option<Choice>,
    /// Whether it lifts the vetoes that the proposal names.
    pub lifts_veto: bool,
}

/// A veto that a verified certificate's proposal names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct VerifiedVeto {
    /// The agent's key.
    pub agent: PublicKey,
    /// Its id, if it is on the panel.
    pub id: Option<String>,
    /// Its node's declared owner, if it is on the panel.
    pub owner: Option<String>,
    /// Hash of the list of findings behind it.
    pub findings: Hash,
    /// Ids of the security voters that lift it.
    pub lifted_by: Vec<String>,
    /// Whether they lift it with more than half of the panel's security weight.
    pub lifted: bool,
}

/// What a verified certificate says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// The project's id.
    pub project: Hash,
    /// Its name, for people.
    pub project_name: String,
    /// Whether the id was known beforehand.
    pub pinned: bool,
    /// Roster epoch.
    pub epoch: u32,
    /// The thread.
    pub thread: Hash,
    /// When it was opened, Unix milliseconds, by its author's clock.
    pub opened_ms: u64,
    /// The roles that it asks.
    pub asked: Vec<String>,
    /// Those of them for which nobody with a weight has voted one way or the other.
    pub unheard: Vec<String>,
    /// Hash of what was decided on.
    pub subject: Hash,
    /// SHA-256 of the diff that was decided on, as `sha256sum` prints it. None when the certificate does not show it.
    pub diff_sha256: Option<Hash>,
    /// The commit that the diff starts from, by the word of whoever opened the review.
    pub base: Option<String>,
    /// The commit that the diff leads to, likewise.
    pub head: Option<String>,
    /// The proposal.
    pub proposal: Hash,
    /// When it was made, Unix milliseconds, by its author's clock. The votes came after it.
    pub proposed_ms: u64,
    /// The outcome.
    pub choice: Choice,
    /// Weight for the outcome.
    pub weight: u64,
    /// Weight of the roster.
    pub total: u64,
    /// The panel.
    pub voters: Vec<VerifiedVoter>,
    /// The vetoes that the vote had to deal with.
    pub vetoes: Vec<VerifiedVeto>,
    /// Nodes behind the outcome.
    pub nodes: u32,
    /// Owners behind it, as declared.
    pub owners: u32,
    /// Model families behind it, as declared.
    pub model_families: u32,
    /// Whether it is a consensus: several nodes voted and models took part. Otherwise the verdict follows the published
    /// severity rule and is a report.
    pub consensus: bool,
    /// The sum of the receipts, micro-dollars.
    pub spent_microusd: u64,
}

impl Certificate {
    /// Gathers the certificate of a thread's decision from the state. `change` is the text that was decided on, where it is here.
    ///
    /// # Errors
    /// When there is no decision, or its certificate would be too long to be read.
    pub fn gather(
        state: &State,
        opening: &Event,
        proposal: &Event,
        change: Option<&Blob>,
    ) -> Result<Certificate, GatherError> {
        let mut certificate = Certificate::gathered(state, opening, proposal).ok_or(GatherError::Undecided)?;
        certificate.subject = change.and_then(|blob| subject_of(opening, blob));
        match certificate.encode().len() {
            0..=MAX_CERTIFICATE_BYTES => Ok(certificate),
            beyond => Err(GatherError::TooLong(beyond)),
        }
    }

    fn gathered(state: &State, opening: &Event, proposal: &Event) -> Option<Certificate> {
        let thread = opening.hash();
        let decision = state
            .threads
            .get(&thread)?
            .decision(&state.ballots, &state.finals, &state.rosters)?;
        if proposal.hash() != decision.decided.proposal {
            return None;
        }
        let (meta, proposed) = state.ballots.get(&decision.decided.proposal)?.proposed.as_ref()?;
        let mut votes: Vec<Signed<FinalVote>> = decision
            .decided
            .votes
            .iter()
            .filter_map(|v| state.finals.get(&v.hash))
            .map(|f| f.vote.clone())
            .filter(|v| v.statement.answers(meta, proposed) && proposed.panel.iter().any(|s| s.statement.agent == v.by))
            .collect();
        // A voter that signed two different votes is kept with the one that the decision counted.
        // So is a lifted veto.
        votes.sort_by_key(|v| {
            let s = &v.statement;
            (v.by, s.choice != decision.decided.choice, !s.lifts_veto)
        });
        votes.dedup_by_key(|v| v.by);
        Some(Certificate {
            version: CERTIFICATE_VERSION,
            genesis: state.rosters.genesis().encode().into(),
            rosters: state.rosters.changes_to(meta.epoch).to_vec(),
            opening: opening.encode().into(),
            subject: None,
            proposal: proposal.encode().into(),
            choice: decision.decided.choice,
            votes,
            receipts: Vec::new(),
        })
    }

    /// Decodes the binary form.
    pub fn decode(bytes: &[u8]) -> Result<Certificate, CertificateError> {
        let certificate: Certificate = codec::decode_bounded("certificate", bytes, MAX_CERTIFICATE_BYTES)?;
        if certificate.version != CERTIFICATE_VERSION {
            return Err(CertificateError::Version(certificate.version));
        }
        Ok(certificate)
    }

    /// The binary form.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The form for files.
    pub fn to_pem(&self) -> String {
        let text = data_encoding::BASE64.encode(&self.encode());
        let mut out = format!("-----BEGIN {PEM_LABEL}-----\n");
        for line in text.as_bytes().chunks(64) {
            // Base64 is ASCII.
            out.push_str(&String::from_utf8_lossy(line));
            out.push('\n');
        }
        out.push_str(&format!("-----END {PEM_LABEL}-----\n"));
        out
    }

    /// Reads the form for files.
    pub fn from_pem(text: &str) -> Result<Certificate, CertificateError> {
        let begin = format!("-----BEGIN {PEM_LABEL}-----");
        let end = format!("-----END {PEM_LABEL}-----");
        let inner = text
            .split_once(begin.as_str())
            .and_then(|(_, rest)| rest.split_once(end.as_str()));
        let packed: String = inner.ok_or(CertificateError::Pem)?.0.split_whitespace().collect();
        let bytes = data_encoding::BASE64
            .decode(packed.as_bytes())
            .map_err(|_| CertificateError::Pem)?;
        Certificate::decode(&bytes)
    }

    /// Checks everything. `project` pins the issuer.
    pub fn verify(&self, project: Option<Hash>) -> Result<Verified, CertificateError> {
        let chain = self.verify_chain(project)?;
        let proposal = Event::decode(&self.proposal)?;
        let Some(Body::Proposed(proposed)) = proposal.body() else {
            return Err(CertificateError::Proposal("it is another kind of event".into()));
        };
        let roster = chain.latest();
        let refuse = |why: &str| Err(CertificateError::Proposal(why.into()));
        if proposal.project() != chain.project() {
            return refuse("it belongs to another project");
        }
        if proposal.header().epoch != roster.epoch || proposed.roster != roster.hash() {
            return refuse("it names another roster");
        }
        if !roster.is_member(&proposal.node()) {
            return refuse("its author is not a member");
        }
        if self.choice == Choice::Abstain {
            return refuse("an abstention is no outcome");
        }
        let opening = Event::decode(&self.opening).map_err(|e| CertificateError::Opening(e.to_string()))?;
        let opened = verify_opening(&chain, &opening, &proposed)?;
        if let Some(subject) = &self.subject {
            if Some(subject.hash()) != opened.digest {
                return Err(CertificateError::Subject(
                    "it is not the one that the thread was opened on",
                ));
            }
            if !subject.is_well_formed() {
                return Err(CertificateError::Subject("a commit in it is no full id"));
            }
        }
        for seat in &proposed.panel {
            let consented = seat.statement.is_consented(&seat.by);
            if seat.statement.project != chain.project() || !seat.verify() || !consented {
                return refuse("an endorsement in its panel does not hold");
            }
        }
        for veto in &proposed.vetoes {
            if veto.statement.project != chain.project() || !veto.verify() {
                return refuse("a veto that it names does not hold");
            }
        }
        let voters: Vec<_> = proposed.panel.iter().map(|s| (s.statement.agent, s.by)).collect();
        let weights = roster.voter_weights(&voters);
        let cast = self.verify_votes(&chain, &proposal, &proposed.subject, &proposed.thread, &weights)?;
        let total = roster.total_weight();
        let weight = cast
            .iter()
            .filter(|(_, v)| v.choice == self.choice)
            .map(|(a, _)| weights[a])
            .sum();
        if !is_quorum(weight, total) {
            return Err(CertificateError::NoQuorum { weight, total });
        }
        let unheard = unheard_roles(&opened.roles, &proposed, &weights, self.votes.iter());
        let unheard: Vec<String> = unheard.into_iter().map(str::to_owned).collect();
        if self.choice == Choice::Approve && !unheard.is_empty() {
            return Err(CertificateError::Unheard(unheard.join(", ")));
        }
        let (lifting, security) = lift_weight(&proposed, &weights, self.votes.iter());
        let lifted = lifting * 2 > security;
        if self.choice == Choice::Approve && !proposed.vetoes.is_empty() && !lifted {
            return Err(CertificateError::Veto { lifting, security });
        }
        let mut spenders = BTreeSet::new();
        let mut spent: u64 = 0;
        for receipt in &self.receipts {
            let s = &receipt.statement;
            let about = s.project == chain.project() && s.thread == proposed.thread;
            if !about || !roster.is_member(&receipt.by) || !spenders.insert(receipt.by) || !receipt.verify() {
                return Err(CertificateError::Receipt(receipt.by));
            }
            spent = spent.saturating_add(s.spent_microusd);
        }
        let name = match chain.genesis().body() {
            Some(Body::Genesis(g)) => g.name,
            _ => String::new(),
        };
        let voter = |seat: &Signed<Endorsement>| VerifiedVoter {
            id: seat.statement.id.clone(),
            role: seat.statement.role.clone(),
            node: seat.by,
            owner: roster.owner(&seat.by).unwrap_or_default().to_owned(),
            model: seat.statement.model.clone(),
            weight: weights[&seat.statement.agent],
            seat: roster.owner(&seat.by).is_some(),
            choice: cast.get(&seat.statement.agent).map(|v| v.choice),
            lifts_veto: cast
                .get(&seat.statement.agent)
                .is_some_and(|v| lifts(&seat.statement, v)),
        };
        let voters: Vec<VerifiedVoter> = proposed.panel.iter().map(voter).collect();
        let behind: Vec<&VerifiedVoter> = voters.iter().filter(|v| v.choice == Some(self.choice)).collect();
        let nodes = behind.iter().map(|v| v.node).collect::<BTreeSet<_>>().len() as u32;
        let families = behind
            .iter()
            .filter_map(|v| v.model.as_deref())
            .collect::<BTreeSet<_>>()
            .len() as u32;
        Ok(Verified {
            project: chain.project(),
            project_name: name,
            pinned: project.is_some(),
            epoch: roster.epoch,
            thread: proposed.thread,
            opened_ms: opening.header().hlc.ms(),
            asked: opened.roles,
            unheard,
            subject: proposed.subject,
            diff_sha256: self.subject.as_ref().map(|s| s.diff),
            base: self.subject.as_ref().and_then(|s| s.base.clone()),
            head: self.subject.as_ref().and_then(|s| s.head.clone()),
            proposal: proposal.hash(),
            proposed_ms: proposal.header().hlc.ms(),
            choice: self.choice,
            weight,
            total,
            nodes,
            owners: behind.iter().map(|v| v.owner.as_str()).collect::<BTreeSet<_>>().len() as u32,
            model_families: families,
            consensus: nodes > 1 && families > 0,
            vetoes: vetoes(&proposed, &voters, lifted),
            voters,
            spent_microusd: spent,
        })
    }

    fn verify_chain(&self, project: Option<Hash>) -> Result<RosterChain, CertificateError> {
        let genesis = Event::decode(&self.genesis).map_err(|e| CertificateError::Genesis(e.to_string()))?;
        if State::new(&genesis).is_none() {
            return Err(CertificateError::Genesis("it is not a genesis event".into()));
        }
        let Some(Body::Genesis(body)) = genesis.body() else {
            return Err(CertificateError::Genesis("it is not a genesis event".into()));
        };
        if let Some(want) = project.filter(|want| *want != genesis.project()) {
            return Err(CertificateError::OtherProject {
                got: genesis.project(),
                want,
            });
        }
        let mut chain = RosterChain::new(genesis, &body);
        for change in &self.rosters {
            let epoch = change.roster.epoch;
            let before = chain.latest();
            let refuse = |why| Err(CertificateError::Roster { epoch, why });
            if let Err(why) = before.check_next(chain.project(), change) {
                return refuse(why);
            }
            // Nothing in a certificate goes unchecked: a signature beyond the quorum has to be right as well.
            if before.valid_signatures(chain.project(), change) != change.signatures {
                return refuse(RosterError::Signature(epoch));
            }
            chain
                .extend(change)
                .map_err(|why| CertificateError::Roster { epoch, why })?;
        }
        Ok(chain)
    }

    fn verify_votes(
        &self,
        chain: &RosterChain,
        proposal: &Event,
        subject: &Hash,
        thread: &Hash,
        weights: &BTreeMap<PublicKey, u64>,
    ) -> Result<BTreeMap<PublicKey, &FinalVote>, CertificateError> {
        let roster = chain.latest();
        let roster_hash = roster.hash();
        let mut cast = BTreeMap::new();
        for vote in &self.votes {
            let s = &vote.statement;
            let why = match () {
                () if !weights.contains_key(&vote.by) => "it is not on the panel",
                () if s.project != chain.project() || s.thread != *thread || s.subject != *subject => {
                    "it is about something else"
                }
                () if s.epoch != roster.epoch || s.roster != roster_hash => "it names another roster",
                () if s.proposal != proposal.hash() => "it is about another proposal",
                () if !vote.verify() => "its signature is not the agent's",
                () if cast.contains_key(&vote.by) => "it votes twice",
                () => {
                    cast.insert(vote.by, s);
                    continue;
                }
            };
            return Err(CertificateError::Vote { agent: vote.by, why });
        }
        Ok(cast)
    }
}

/// What `change` shows to strangers, if the opening says the same.
fn subject_of(opening: &Event, change: &Blob) -> Option<Subject> {
    let Some(Body::ThreadOpened(opened)) = opening.body() else {
        return None;
    };
    if !opened.subject.is_some_and(|reference| change.is(&reference)) {
        return None;
    }
    let subject = Subject::new(&change.salt, &ChangeSet::from_cbor(&change.bytes).ok()?);
    (Some(subject.hash()) == opened.digest).then_some(subject)
}

/// What the thread asks: its opening is the one that the proposal is about, by a member, under the same roster.
fn verify_opening(chain: &RosterChain, opening: &Event, proposed: &Proposed) -> Result<ThreadOpened, CertificateError> {
    let refuse = |why: &str| Err(CertificateError::Opening(why.into()));
    let Some(Body::ThreadOpened(opened)) = opening.body() else {
        return refuse("it is another kind of event");
    };
    if opening.project() != chain.project() || opening.hash() != proposed.thread {
        return refuse("it opens another thread");
    }
    if opened.subject.is_none_or(|s| s.hash != proposed.subject) {
        return refuse("it is about something else");
    }
    let roster = chain.latest();
    if opening.header().epoch != roster.epoch {
        return refuse("it was opened under another roster");
    }
    match roster.is_member(&opening.node()) {
        true => Ok(opened),
        false => refuse("its author is not a member"),
    }
}

/// Whether a voter's final vote lifts vetoes: it is a security voter's, and approves.
fn lifts(voter: &Endorsement, vote: &FinalVote) -> bool {
    voter.role == SECURITY && vote.lifts_veto && vote.choice == Choice::Approve
}

/// The vetoes that a proposal names, each with those that lift it: a lifting vote lifts them all.
fn vetoes(proposed: &Proposed, voters: &[VerifiedVoter], lifted: bool) -> Vec<VerifiedVeto> {
    let lifting = voters.iter().filter(|v| v.lifts_veto && v.weight > 0);
    let lifted_by: Vec<String> = lifting.map(|v| v.id.clone()).collect();
    let of = |veto: &Signed<Findings>| {
        let at = proposed.panel.iter().position(|s| s.statement.agent == veto.by);
        let voter = at.and_then(|at| voters.get(at));
        VerifiedVeto {
            agent: veto.by,
            id: voter.map(|v| v.id.clone()),
            owner: voter.map(|v| v.owner.clone()),
            findings: veto.statement.list.hash,
            lifted_by: lifted_by.clone(),
            lifted,
        }
    };
    proposed.vetoes.iter().map(of).collect()
}
