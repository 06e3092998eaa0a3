//! Projections: rows about threads, tasks, questions to people, agents and projects, for whoever reads the store without the state.
//!
//! The state of a whole history lies in a running node's memory. A row says about one thing what a list of such things shows, so
//! that a stopped node's folder can be read at once. Rows are kept in the same transaction as the events that they come from.
//!
//! What always holds: a row is a function of the state alone ([`row`]), not of the node that keeps it or of the time, and
//! [`touched`] names every row that an event may change. So the rows that were kept event by event, in whatever order the events came, are
//! those that are made at once from the whole state ([`all`]). What depends on "now" (has a lease run out?) is for the reader to
//! say. No row holds a text: texts are blobs, which come later than their events and can be erased.
//!
//! The form of the rows is private to a node and its store, and [`VERSION`] names it: where the stored version is another, the rows are made
//! anew from the events.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use crate::body::{Body, Choice, REVIEW_OPTIONS, Reason, ThreadKind};
use crate::codec::{self, CodecError};
use crate::crypto::{Hash, PublicKey};
use crate::hlc::Hlc;
use crate::report_build::choice_word;
use crate::state::{Escalation, EscalationStatus, Meta, State, Task, TaskStatus, Thread, ThreadStatus};

/// The form and meaning of all rows. Another number makes every store build its rows anew.
pub const VERSION: u32 = 2;

/// Kinds of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// [`ProjectRow`]; the key is empty.
    Projects,
    /// [`ThreadRow`] by thread.
    Threads,
    /// [`TaskRow`] by task.
    Tasks,
    /// [`EscalationRow`] by question.
    Escalations,
    /// [`AgentRow`] by node and agent.
    Agents,
}

impl Table {
    /// Every kind.
    pub const ALL: [Table; 5] = [
        Table::Projects,
        Table::Threads,
        Table::Tasks,
        Table::Escalations,
        Table::Agents,
    ];

    /// Its name in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Projects => "projects",
            Table::Threads => "threads",
            Table::Tasks => "tasks",
            Table::Escalations => "escalations",
            Table::Agents => "agents",
        }
    }
}

/// Names a row of a project. Keys of one table are in the order of their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The project itself.
    Project,
    /// A thread.
    Thread(Hash),
    /// A task.
    Task(Hash),
    /// A question to people.
    Escalation(Hash),
    /// A node's agent.
    Agent(PublicKey, PublicKey),
}

impl ThreadRow {
    /// How a review ended, by votes or by people, as the JSON form names it; none of a discussion, where votes are talk.
    pub fn verdict_word(&self) -> Option<&'static str> {
        let by_people = || {
            let answer = self.answer.as_ref().filter(|_| self.kind == ThreadKind::Review)?;
            let option = REVIEW_OPTIONS.iter().position(|option| option == answer)?;
            [Choice::Approve, Choice::RequestChanges].get(option).copied()
        };
        self.verdict.or_else(by_people).map(choice_word)
    }
}

impl Key {
    /// The table.
    pub const fn table(&self) -> Table {
        match self {
            Key::Project => Table::Projects,
            Key::Thread(_) => Table::Threads,
            Key::Task(_) => Table::Tasks,
            Key::Escalation(_) => Table::Escalations,
            Key::Agent(..) => Table::Agents,
        }
    }

    /// Its bytes: the project, then the thing.
    pub fn bytes(&self, project: &Hash) -> Vec<u8> {
        let mut out = project.0.to_vec();
        match self {
            Key::Project => {}
            Key::Thread(id) | Key::Task(id) | Key::Escalation(id) => out.extend_from_slice(&id.0),
            Key::Agent(node, agent) => {
                out.extend_from_slice(&node.0);
                out.extend_from_slice(&agent.0);
            }
        }
        out
    }
}

/// How far a thread is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ThreadState {
    /// Work goes on.
    #[n(0)]
    Open,
    /// A proposal is on the table.
    #[n(1)]
    Voting,
    /// People are asked.
    #[n(2)]
    Escalated,
    /// A quorum decided.
    #[n(3)]
    Decided,
    /// People decided.
    #[n(4)]
    Answered,
    /// Its home ended it.
    #[n(5)]
    Closed,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ProjectRow {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Epoch of the latest roster.
    #[n(1)]
    pub epoch: u32,
    /// Its members.
    #[n(2)]
    pub members: u64,
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ThreadRow {
    /// What for.
    #[n(0)]
    pub kind: ThreadKind,
    /// Task name in its address.
    #[n(1)]
    pub task: String,
    /// The blob of its title.
    #[n(2)]
    pub title: Hash,
    /// Its home.
    #[n(3)]
    pub home: PublicKey,
    /// When it was opened, Unix milliseconds.
    #[n(4)]
    pub opened_ms: u64,
    /// How far it is.
    #[n(5)]
    pub state: ThreadState,
    /// Messages.
    #[n(6)]
    pub messages: u64,
    /// Findings, before they are united.
    #[n(7)]
    pub findings: u64,
    /// When it was decided, answered or closed, Unix milliseconds.
    #[n(8)]
    pub settled_ms: Option<u64>,
    /// What the quorum decided.
    #[n(9)]
    pub verdict: Option<Choice>,
    /// What people chose.
    #[n(10)]
    pub answer: Option<String>,
}

/// Whether a task is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum TaskState {
    /// It is not.
    #[n(0)]
    Open,
    /// Somebody holds it, unless the lease has run out: see [`TaskRow::lease`].
    #[n(1)]
    Leased,
    /// Done.
    #[n(2)]
    Completed,
    /// Done without success.
    #[n(3)]
    Failed,
    /// Taken back for good.
    #[n(4)]
    Cancelled,
}

/// Who holds a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LeaseRow {
    /// The node.
    #[n(0)]
    pub node: PublicKey,
    /// Its agent.
    #[n(1)]
    pub agent: PublicKey,
    /// The fencing token.
    #[n(2)]
    pub token: u64,
    /// Its end, Unix milliseconds.
    #[n(3)]
    pub until_ms: u64,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TaskRow {
    /// The blob of its title.
    #[n(0)]
    pub title: Hash,
    /// The role that is asked; empty: any.
    #[n(1)]
    pub role: String,
    /// What the agent must be able to do.
    #[n(2)]
    pub capabilities: Vec<String>,
    /// Its home.
    #[n(3)]
    pub home: PublicKey,
    /// When it was announced, Unix milliseconds.
    #[n(4)]
    pub announced_ms: u64,
    /// Whether it is over.
    #[n(5)]
    pub state: TaskState,
    /// Claims.
    #[n(6)]
    pub claims: u64,
    /// The thread that it serves.
    #[n(7)]
    pub thread: Option<Hash>,
    /// The last lease, of a task that is leased or completed.
    #[n(8)]
    pub lease: Option<LeaseRow>,
}

/// How far a question is: [`EscalationStatus`] as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EscalationState {
    /// [`EscalationStatus::Void`]
    #[n(0)]
    Void,
    /// [`EscalationStatus::Open`]
    #[n(1)]
    Open,
    /// [`EscalationStatus::Acknowledged`]
    #[n(2)]
    Acknowledged,
    /// [`EscalationStatus::TimedOut`]
    #[n(3)]
    TimedOut,
    /// [`EscalationStatus::Answered`]
    #[n(4)]
    Answered,
}

/// A question to people.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct EscalationRow {
    /// Its thread.
    #[n(0)]
    pub thread: Hash,
    /// Why.
    #[n(1)]
    pub reason: Reason,
    /// The blob of the question.
    #[n(2)]
    pub question: Hash,
    /// The answers that can be given.
    #[n(3)]
    pub options: Vec<String>,
    /// Who asked it.
    #[n(4)]
    pub asked_by: PublicKey,
    /// When, Unix milliseconds.
    #[n(5)]
    pub asked_ms: u64,
    /// How far it is.
    #[n(6)]
    pub state: EscalationState,
    /// Reminders so far.
    #[n(7)]
    pub reminders: u32,
    /// What was chosen, if the question counts.
    #[n(8)]
    pub answer: Option<String>,
}

/// An agent that its node has not taken away.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AgentRow {
    /// Id.
    #[n(0)]
    pub id: String,
    /// Role.
    #[n(1)]
    pub role: String,
    /// What it can do.
    #[n(2)]
    pub capabilities: Vec<String>,
    /// Tasks at once.
    #[n(3)]
    pub max_tasks: u64,
    /// Since when it stands like this, Unix milliseconds.
    #[n(4)]
    pub since_ms: u64,
}

/// Reads a stored row.
///
/// # Errors
/// For bytes that no build with this [`VERSION`] wrote.
pub fn read<'b, T: Decode<'b, ()> + Encode<()>>(table: Table, bytes: &'b [u8]) -> Result<T, CodecError> {
    codec::decode(table.name(), bytes)
}

/// Adds the rows that an event may have changed. `state` has taken the event, and everything else that the rows are to show.
pub fn touched(state: &State, meta: &Meta, body: &Body, out: &mut BTreeSet<Key>) {
    match body {
        Body::Genesis(_) => drop(out.insert(Key::Project)),
        Body::RosterChanged(b) => {
            out.insert(Key::Project);
            spoken_since(state, b.roster.epoch, out);
        }
        Body::AgentEndorsed(b) => drop(out.insert(Key::Agent(meta.node(), b.endorsement.statement.agent))),
        Body::AgentRetired(b) => drop(out.insert(Key::Agent(meta.node(), b.agent))),
        Body::ThreadOpened(_) => settling(state, meta.hash(), out),
        // Words settle nothing. Those to an address are in no thread.
        Body::MessagePosted(b) => drop(out.insert(Key::Thread(b.message.statement.thread))),
        Body::FindingsPosted(b) => drop(out.insert(Key::Thread(b.findings.statement.thread))),
        Body::ThreadClosed(b) => settling(state, b.thread, out),
        Body::Proposed(b) => settling(state, b.thread, out),
        Body::FinalVoted(b) => settling(state, b.vote.statement.thread, out),
        Body::Decided(b) => settling(state, b.thread, out),
        Body::TaskAnnounced(_) => drop(out.insert(Key::Task(meta.hash()))),
        Body::TaskClaimed(b) => drop(out.insert(Key::Task(b.task))),
        Body::ClaimAcked(b) => drop(out.insert(Key::Task(b.task))),
        Body::LeaseExtended(b) => drop(out.insert(Key::Task(b.task))),
        Body::TaskReleased(b) => drop(out.insert(Key::Task(b.task))),
        Body::TaskCompleted(b) => drop(out.insert(Key::Task(b.task))),
        Body::TaskCancelled(b) => drop(out.insert(Key::Task(b.task))),
        Body::Escalated(b) => {
            out.insert(Key::Escalation(meta.hash()));
            settling(state, b.thread, out);
        }
        Body::EscalationAcked(b) => drop(out.insert(Key::Escalation(b.escalation))),
        Body::EscalationReminded(b) => drop(out.insert(Key::Escalation(b.escalation))),
        Body::EscalationTimedOut(b) => drop(out.insert(Key::Escalation(b.escalation))),
        Body::EscalationAnswered(b) => {
            let id = b.answer.statement.escalation;
            out.insert(Key::Escalation(id));
            // An owner has one voice in a thread, so an answer to one question may settle, or not settle, another.
            let opened = state.escalations.get(&id).and_then(|e| e.opened.as_ref());
            if let Some((_, asked)) = opened {
                settling(state, asked.thread, out);
            }
        }
        Body::RosterProposed(_)
        | Body::RosterPrepared(_)
        | Body::RosterSigned(_)
        | Body::MembershipConsented(_)
        | Body::IncarnationStarted(_)
        | Body::AdminActed(_)
        | Body::OutsideActed(_)
        | Body::Committed(_)
        | Body::Revealed(_)
        | Body::ShareMoved(_)
        | Body::ChunkDrawn(_)
        | Body::ChunkReturned(_)
        | Body::ModelCalled(_)
        | Body::ResourceWritten(_)
        | Body::WriteOrdered(_) => {}
    }
}

/// A thread and its questions: what settles the thread makes its questions void.
fn settling(state: &State, thread: Hash, out: &mut BTreeSet<Key>) {
    out.insert(Key::Thread(thread));
    let asked = state.threads.get(&thread).into_iter();
    out.extend(asked.flat_map(|t| t.escalations.values().copied()).map(Key::Escalation));
}

/// What was said under an epoch or a later one: it may have come before its roster, which was shown ahead of its event. With the
/// roster of one epoch those that came too early for it come into force as well.
fn spoken_since(state: &State, epoch: u32, out: &mut BTreeSet<Key>) {
    let asked = state.escalations.values().filter_map(|e| e.opened.as_ref());
    let asked = asked.filter(|(meta, _)| meta.epoch >= epoch).map(|(_, b)| b.thread);
    let proposed = state.ballots.values().filter_map(|b| b.proposed.as_ref());
    let proposed = proposed.filter(|(meta, _)| meta.epoch >= epoch).map(|(_, b)| b.thread);
    let threads: BTreeSet<Hash> = asked.chain(proposed).collect();
    for thread in threads {
        settling(state, thread, out);
    }
    let tasks = state.tasks.iter().filter(|(_, task)| {
        let announced = task.announced.as_ref();
        announced.is_some_and(|(meta, _)| meta.epoch >= epoch)
    });
    out.extend(tasks.map(|(id, _)| Key::Task(*id)));
}

/// Every row that there may be, table after table and in the order of the keys.
pub fn all(state: &State, table: Table) -> Box<dyn Iterator<Item = Key> + '_> {
    match table {
        Table::Projects => Box::new(std::iter::once(Key::Project)),
        Table::Threads => Box::new(state.threads.keys().copied().map(Key::Thread)),
        Table::Tasks => Box::new(state.tasks.keys().copied().map(Key::Task)),
        Table::Escalations => Box::new(state.escalations.keys().copied().map(Key::Escalation)),
        Table::Agents => {
            let active = state.agents.active();
            Box::new(active.map(|(node, record)| Key::Agent(node, record.endorsement.statement.agent)))
        }
    }
}

/// The row of a key as it is stored; none while what it is about was not opened, or when it is gone.
pub fn row(state: &State, key: &Key) -> Option<Vec<u8>> {
    match key {
        Key::Project => Some(codec::encode(&project_row(state))),
        Key::Thread(id) => Some(codec::encode(&thread_row(state, state.threads.get(id)?)?)),
        Key::Task(id) => Some(codec::encode(&task_row(state, state.tasks.get(id)?)?)),
        Key::Escalation(id) => Some(codec::encode(&escalation_row(state, id, state.escalations.get(id)?)?)),
        Key::Agent(node, agent) => {
            let record = state.agents.get(node, agent).filter(|record| !record.retired)?;
            let e = &record.endorsement.statement;
            Some(codec::encode(&AgentRow {
                id: e.id.clone(),
                role: e.role.clone(),
                capabilities: e.capabilities.clone(),
                max_tasks: u64::from(e.max_tasks),
                since_ms: record.since.hlc.ms(),
            }))
        }
    }
}

fn project_row(state: &State) -> ProjectRow {
    let roster = state.rosters.latest();
    ProjectRow {
        name: state.name.clone(),
        epoch: roster.epoch,
        members: roster.members().len() as u64,
    }
}

/// A thread's row; none before its opening is known.
pub fn thread_row(state: &State, thread: &Thread) -> Option<ThreadRow> {
    let (meta, opened) = thread.opened.as_ref()?;
    let mut row = ThreadRow {
        kind: opened.kind,
        task: opened.task.clone(),
        title: opened.title.hash,
        home: meta.node(),
        opened_ms: meta.hlc.ms(),
        state: ThreadState::Open,
        messages: thread.messages.len() as u64,
        findings: thread
            .findings
            .values()
            .map(|f| u64::from(f.findings.statement.count))
            .sum(),
        settled_ms: None,
        verdict: None,
        answer: None,
    };
    match thread.status(state) {
        ThreadStatus::Open if thread.proposals.is_empty() => {}
        ThreadStatus::Open => row.state = ThreadState::Voting,
        ThreadStatus::Escalated { .. } => row.state = ThreadState::Escalated,
        ThreadStatus::Decided { decision, choice } => {
            let at = thread.decided.iter().find(|(_, d)| d.reference == decision);
            row.state = ThreadState::Decided;
            row.settled_ms = at.map(|(order, _)| order.hlc.ms());
            row.verdict = Some(choice);
        }
        ThreadStatus::Answered { escalation, option } => {
            row.state = ThreadState::Answered;
            if let Some(question) = state.escalations.get(&escalation) {
                row.settled_ms = last_answer(state, question, option).map(Hlc::ms);
                row.answer = option_of(question, option);
            }
        }
        ThreadStatus::Closed { .. } => {
            row.state = ThreadState::Closed;
            row.settled_ms = thread.closed_at().map(|at| at.hlc.ms());
        }
    }
    Some(row)
}

/// When the last of the owners who chose this option did.
fn last_answer(state: &State, question: &Escalation, option: u32) -> Option<Hlc> {
    let voices = question.voices(&state.rosters);
    let chose = voices
        .iter()
        .filter_map(|v| v.answer)
        .filter(|(_, a)| a.statement.option == option);
    chose.map(|(order, _)| order.hlc).max()
}

fn option_of(question: &Escalation, option: u32) -> Option<String> {
    let (_, asked) = question.opened.as_ref()?;
    asked.options.get(option as usize).cloned()
}

fn task_row(state: &State, task: &Task) -> Option<TaskRow> {
    let (meta, announced) = task.announced.as_ref()?;
    let authority = state.policy.authority;
    // Whose acknowledgement makes a lease is said by the roster under which the task was announced. While that is not known nobody
    // holds it. At the beginning of time no lease has run out: the reader compares its end with the clock.
    let roster = state.rosters.epoch(meta.epoch);
    let status = roster.map(|roster| task.status(0, authority, roster));
    let current = || roster.and_then(|roster| task.current(authority, roster));
    let (how, lease) = match status.unwrap_or(TaskStatus::Unknown) {
        TaskStatus::Unknown | TaskStatus::Open => (TaskState::Open, None),
        TaskStatus::Leased(lease) | TaskStatus::Expired(lease) => (TaskState::Leased, Some(lease)),
        TaskStatus::Completed { ok: true } => (TaskState::Completed, current()),
        TaskStatus::Completed { ok: false } => (TaskState::Failed, current()),
        TaskStatus::Cancelled => (TaskState::Cancelled, None),
    };
    Some(TaskRow {
        title: announced.title.hash,
        role: announced.role.clone(),
        capabilities: announced.capabilities.clone(),
        home: meta.node(),
        announced_ms: meta.hlc.ms(),
        state: how,
        claims: task.claims.len() as u64,
        thread: announced.thread,
        lease: lease.map(|lease| LeaseRow {
            node: lease.owner.node,
            agent: lease.agent,
            token: lease.token,
            until_ms: lease.until_ms,
        }),
    })
}

fn escalation_row(state: &State, id: &Hash, escalation: &Escalation) -> Option<EscalationRow> {
    let (meta, asked) = escalation.opened.as_ref()?;
    let how = match state.escalation_status(id) {
        EscalationStatus::Unknown | EscalationStatus::Void => EscalationState::Void,
        EscalationStatus::Open => EscalationState::Open,
        EscalationStatus::Acknowledged => EscalationState::Acknowledged,
        EscalationStatus::TimedOut => EscalationState::TimedOut,
        EscalationStatus::Answered => EscalationState::Answered,
    };
    Some(EscalationRow {
        thread: asked.thread,
        reason: asked.reason,
        question: asked.question.hash,
        options: asked.options.clone(),
        asked_by: meta.node(),
        asked_ms: meta.hlc.ms(),
        state: how,
        reminders: escalation.reminders(&state.rosters),
        answer: state
            .chosen(escalation)
            .and_then(|option| option_of(escalation, option)),
    })
}
