//! What goes into the node and what comes out: the whole surface between the pure core and the shell.

use std::sync::Arc;

use crate::blob::Blob;
use crate::body::{Answers, Authority, Body, Choice, MessageKind, Reason, Share, ThreadKind, Timing};
use crate::change::ChangeSet;
use crate::crypto::{Hash, PublicKey};
use crate::event::{Checked, Event, EventError, EventRef, FeedId};
use crate::finding::Finding;
use crate::reading::Reading;
use crate::state::Meta;
use crate::wire::Wire;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// Time has passed; nothing else happened.
    Wake,
    /// A connection to a node stands.
    Connected {
        /// Who.
        peer: PublicKey,
        /// Whether it comes from this machine.
        loopback: bool,
    },
    /// The node listens on these multiaddresses: all that it listens on now.
    Listening {
        /// Without the peer id.
        addresses: Vec<String>,
    },
    /// The last connection to a node is gone.
    Disconnected {
        /// Who.
        peer: PublicKey,
    },
    /// A message came.
    Received {
        /// Who sent it: the transport vouches for it.
        from: PublicKey,
        /// What.
        message: Wire,
        /// Whether it came over a topic, that is, through others.
        gossip: bool,
    },
    /// Events came, and were checked on the way: what a [`Wire::Events`] in [`Input::Received`] says, in the same order.
    Events {
        /// Who sent them.
        from: PublicKey,
        /// The project.
        project: Hash,
        /// What became of each.
        events: Vec<Result<Checked, EventError>>,
        /// Short blobs.
        blobs: Vec<Blob>,
        /// Whether they came over a topic.
        gossip: bool,
    },
    /// An append is durable.
    Appended {
        /// [`Effect::Append`]'s id.
        id: u64,
    },
    /// A blob was read from the store, or is not there.
    BlobLoaded {
        /// The project.
        project: Hash,
        /// Its hash.
        hash: Hash,
        /// What the store has of it.
        blob: Loaded,
    },
    /// Two events with one number, one of them from the store.
    ForkFound {
        /// The project.
        project: Hash,
        /// One, in wire form.
        a: Vec<u8>,
        /// The other.
        b: Vec<u8>,
    },
    /// Analysers have finished.
    Analysed {
        /// [`Effect::Analyse`]'s id.
        ask: u64,
        /// What they found, or why they failed.
        result: Result<Vec<Finding>, String>,
        /// What they did not read.
        reading: Reading,
    },
    /// A model has answered.
    Answered {
        /// [`Effect::AskModel`]'s id.
        ask: u64,
        /// What it costs.
        charged_microusd: u64,
        /// What it found beyond the analysers.
        findings: Vec<Finding>,
        /// Its own view of the change.
        opinion: Option<Choice>,
    },
    /// A model did not answer.
    ModelFailed {
        /// [`Effect::AskModel`]'s id.
        ask: u64,
        /// What it costs all the same.
        charged_microusd: u64,
    },
    /// Somebody with rights over the node wants something.
    Command {
        /// Repeated in [`Effect::Reply`].
        id: u64,
        /// What.
        command: Command,
    },
}

/// What a store has of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// Salt and bytes.
    Here(Blob),
    /// A tombstone: it was erased on purpose, and is not to be fetched again.
    Erased,
    /// Nothing, or nothing that can be read: others may have it.
    Lost,
}

/// One project's part of an append.
#[derive(Debug, Clone)]
pub struct Write {
    /// The project.
    pub project: Hash,
    /// Events, in feed order.
    pub events: Vec<Event>,
    /// Blobs that belong to them.
    pub blobs: Vec<Blob>,
}

/// Something to be done.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "forks are rare, and effects live for one step")]
pub enum Effect {
    /// Make own events durable, with others' that they may rest on, all or nothing and in this order, then say
    /// [`Input::Appended`]. If it cannot be known whether they are, the node must be started anew from what is on the disk.
    Append {
        /// Rising by one.
        id: u64,
        /// By project.
        writes: Vec<Write>,
    },
    /// Keep others' events; they need no fsync, for they can be fetched again.
    Store(Write),
    /// Keep the proof of a fork.
    StoreFork {
        /// The project.
        project: Hash,
        /// One.
        a: Event,
        /// The other.
        b: Event,
    },
    /// Read our event with this one's number and say [`Input::ForkFound`].
    ProveFork {
        /// The project.
        project: Hash,
        /// The other event.
        event: Event,
    },
    /// Read a blob and say [`Input::BlobLoaded`].
    LoadBlob {
        /// The project.
        project: Hash,
        /// Its hash.
        hash: Hash,
    },
    /// Send to one node.
    Send {
        /// To whom.
        to: PublicKey,
        /// What.
        message: Wire,
    },
    /// Publish on the project's topic.
    Broadcast {
        /// The project.
        project: Hash,
        /// What.
        message: Wire,
    },
    /// Read a range of a feed and send it as [`Wire::Events`].
    Serve {
        /// To whom.
        to: PublicKey,
        /// The project.
        project: Hash,
        /// The feed.
        feed: FeedId,
        /// First number.
        from: u64,
        /// How many.
        count: u64,
    },
    /// Read a blob and send it as [`Wire::Blob`].
    ServeBlob {
        /// To whom.
        to: PublicKey,
        /// The project.
        project: Hash,
        /// Its hash.
        hash: Hash,
    },
    /// Run a role's analysers over a change.
    Analyse {
        /// Repeated in [`Input::Analysed`].
        ask: u64,
        /// The agent's id.
        agent: String,
        /// Its role.
        role: String,
        /// The change.
        change: Arc<ChangeSet>,
    },
    /// Call a model.
    AskModel {
        /// Repeated in the answer.
        ask: u64,
        /// The agent's id.
        agent: String,
        /// Its role.
        role: String,
        /// The model's name.
        model: String,
        /// The change.
        change: Arc<ChangeSet>,
        /// The analysers' findings.
        evidence: Vec<Finding>,
        /// Set aside for it: it must not cost more.
        reserved_microusd: u64,
    },
    /// Touch the outside world for a task: the journal holds the token that allows it.
    Deliver(Delivery),
    /// Connect to a member that is not connected.
    Dial {
        /// Who.
        peer: PublicKey,
        /// Where it says that it listens: text from outside, yet to be parsed.
        addresses: Vec<String>,
    },
    /// Call again at this time, at the latest.
    Wake {
        /// Unix milliseconds.
        at_ms: u64,
    },
    /// Answer a command.
    Reply {
        /// [`Input::Command`]'s id.
        id: u64,
        /// What came of it.
        result: Result<Outcome, CommandError>,
    },
    /// Tell whoever watches.
    Notify(Notice),
    /// Start anew from the disk: a feed lost accepted events to a fork or a cut.
    Reload,
}

/// What goes to the outside world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A question to people.
    Escalation {
        /// The project.
        project: Hash,
        /// Its id.
        escalation: Hash,
        /// 0: first time; then the reminder's number.
        reminder: u32,
    },
    /// An act under a task's lease.
    Act {
        /// The project.
        project: Hash,
        /// The task.
        task: Hash,
        /// The fencing token.
        token: u64,
        /// What, in words.
        action: String,
    },
}

/// What watchers are told.
#[derive(Debug, Clone)]
pub enum Notice {
    /// An event took effect.
    Applied {
        /// The project.
        project: Hash,
        /// What it is.
        meta: Meta,
        /// What it says.
        body: Arc<Body>,
    },
    /// A local agent began or ended a turn, failed or was restarted.
    Agent {
        /// The project.
        project: Hash,
        /// Its id.
        agent: String,
        /// What it does now.
        status: crate::wire::AgentStatus,
        /// The thread that it works on.
        thread: Option<Hash>,
    },
    /// This node is now a member of a project.
    Joined {
        /// The project.
        project: Hash,
    },
    /// Somebody asks for a seat and a person must say yes.
    SeatAsked {
        /// Who.
        node: PublicKey,
        /// Their declared owner.
        owner: String,
    },
    /// A message was refused, with the reason.
    Refused {
        /// Who sent it.
        from: PublicKey,
        /// Why.
        why: String,
    },
    /// A feed was found to be forked and is excluded from a number on.
    Forked {
        /// The project.
        project: Hash,
        /// The feed.
        feed: FeedId,
        /// The first excluded number.
        from: u64,
    },
    /// Money has run past half, four fifths or all of a limit, or a provider went over its cap.
    Money {
        /// In words.
        what: String,
    },
}

/// What somebody wants of the node.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Command {
    /// Found a project with this node as its only member.
    CreateProject {
        name: String,
        nonce: Hash,
        authority: Authority,
        /// Whose answers decide escalations.
        answers: Answers,
        shares: Vec<Share>,
    },
    /// Consent to let a node in that asked for a seat, here or at another member; by its request under this owner, if it is named.
    Admit {
        project: Hash,
        node: PublicKey,
        owner: Option<String>,
    },
    /// Consent to remove a node from the roster.
    Remove { project: Hash, node: PublicKey },
    /// Take back what this seat wanted of a node, and forget what the node asked for here.
    Withdraw { project: Hash, node: PublicKey },
    /// Leave the project for good.
    Leave { project: Hash },
    /// Open a thread.
    OpenThread {
        project: Hash,
        kind: ThreadKind,
        task: String,
        title: String,
        subject: Option<Vec<u8>>,
        roles: Vec<String>,
        timing: Timing,
        budget_microusd: u64,
    },
    /// Say something in a thread, or to an address where `thread` is absent.
    Post {
        project: Hash,
        thread: Option<Hash>,
        agent: Option<String>,
        kind: MessageKind,
        text: String,
        parents: Vec<Hash>,
        to: Option<String>,
        idempotency_key: Option<String>,
    },
    /// End a thread of ours.
    CloseThread {
        project: Hash,
        thread: Hash,
        resolved: bool,
    },
    /// Ask a person.
    Escalate {
        project: Hash,
        thread: Hash,
        reason: Reason,
        question: String,
        options: Vec<String>,
    },
    /// Say that somebody has seen a question.
    AckEscalation {
        project: Hash,
        escalation: Hash,
        person: String,
    },
    /// Answer a question as this node's operator.
    AnswerEscalation {
        project: Hash,
        escalation: Hash,
        option: u32,
        text: Option<String>,
        person: String,
    },
    /// Announce a task.
    AnnounceTask {
        project: Hash,
        title: String,
        role: String,
        capabilities: Vec<String>,
        lease_ms: u64,
        priority: u8,
    },
    /// Claim a task for a local agent.
    ClaimTask { project: Hash, task: Hash, agent: String },
    /// Give a task back.
    ReleaseTask { project: Hash, task: Hash },
    /// Finish a task.
    CompleteTask {
        project: Hash,
        task: Hash,
        ok: bool,
        result: Option<String>,
    },
    /// Take a task of ours back for good.
    CancelTask { project: Hash, task: Hash },
    /// Touch the outside world under a task's lease.
    Act { project: Hash, task: Hash, action: String },
    /// Host one more agent.
    AddAgent { project: Hash, agent: super::AgentSpec },
    /// Host it no more.
    RetireAgent { project: Hash, agent: String },
    /// Take nothing new (`true`), or go on.
    PauseAgent { project: Hash, agent: String, paused: bool },
    /// Finish what is under way, take nothing new, return unspent money.
    Drain,
    /// Stop every agent at once.
    Kill,
    /// Write a resource.
    WriteResource {
        project: Hash,
        path: String,
        content: Vec<u8>,
        mime: String,
        base: Option<Hash>,
        idempotency_key: Option<String>,
    },
    /// Give a part of our share of the budget to another node.
    MoveShare {
        project: Hash,
        to: PublicKey,
        amount_microusd: u64,
    },
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; nothing to name.
    Done,
    /// Done in this event, whose hash is the id of what it opened.
    Event(EventRef),
    /// Done; the project's id.
    Project(Hash),
}

/// What a command may name that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// An agent that this node hosts.
    LocalAgent,
    /// A thread.
    Thread,
    /// A task.
    Task,
    /// A question to people.
    Escalation,
    /// A member of the project.
    Member,
    /// What this seat has said about a member.
    Word,
    /// A node's request for a seat; its node is named.
    SeatRequest,
}

impl std::fmt::Display for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LocalAgent => "agent on this node",
            Self::Thread => "thread",
            Self::Task => "task",
            Self::Escalation => "escalation",
            Self::Member => "member",
            Self::Word => "word of this seat about node",
            Self::SeatRequest => "request for a seat from node",
        })
    }
}

/// Why a command was not carried out. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such project here.
    #[error("this node takes no part in project {0}")]
    NoProject(Hash),
    /// The node is not (or not yet) a member.
    #[error("this node is not a member of the project")]
    NotMember,
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    NotFound {
        /// Kind of thing.
        what: Thing,
        /// Its id as asked for.
        id: String,
    },
    /// It is not in a state that allows this.
    #[error("{0}")]
    Conflict(String),
    /// What was given is out of bounds.
    #[error("{0}")]
    Invalid(String),
    /// The node was drained or killed.
    #[error("this node was told to take nothing new (drain or kill)")]
    Draining,
}
