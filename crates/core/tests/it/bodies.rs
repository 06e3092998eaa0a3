//! A well-formed body of every kind, made from a generator.

use bzzz_core::blob::{Blob, BlobRef};
use bzzz_core::body::*;
use bzzz_core::crypto::{Hash, Keypair, PublicKey, Signature};
use bzzz_core::event::{EventRef, FeedId};

use crate::generator::Generator;

pub fn hash(g: &mut Generator) -> Hash {
    Hash(g.bytes32())
}

pub fn keypair(g: &mut Generator) -> Keypair {
    Keypair::from_seed(g.bytes32())
}

pub fn key(g: &mut Generator) -> PublicKey {
    keypair(g).public()
}

pub fn name(g: &mut Generator) -> String {
    const WORDS: &[&str] = &["reviewer", "security-1", "prüfer", "a", "архитектор", "performance"];
    format!("{}{}", g.pick(WORDS), g.below(100))
}

pub fn text(g: &mut Generator) -> BlobRef {
    let secret = g.bytes32();
    Blob::new(&secret, name(g).into_bytes()).reference()
}

fn option<T>(g: &mut Generator, make: impl FnOnce(&mut Generator) -> T) -> Option<T> {
    g.chance(50).then(|| make(g))
}

fn list<T>(g: &mut Generator, make: impl Fn(&mut Generator) -> T) -> Vec<T> {
    // Up to 30, so that both one-byte and two-byte array heads occur.
    (0..g.below(31)).map(|_| make(g)).collect()
}

fn feed(g: &mut Generator) -> FeedId {
    FeedId {
        node: key(g),
        incarnation: g.integer(64),
    }
}

pub fn event_ref(g: &mut Generator) -> EventRef {
    EventRef {
        feed: feed(g),
        seq: g.integer(64),
        hash: hash(g),
    }
}

fn signature(g: &mut Generator) -> Signature {
    keypair(g).sign(bzzz_core::crypto::Context::RosterChange, &g.bytes32())
}

pub fn roster(g: &mut Generator) -> Roster {
    let mut owners: Vec<String> = (0..1 + g.below(4)).map(|i| format!("{i} {}", name(g))).collect();
    owners.sort();
    let pool = |g: &mut Generator, owner| {
        let mut seats: Vec<Seat> = (0..1 + g.below(3))
            .map(|_| Seat {
                node: key(g),
                operator: key(g),
            })
            .collect();
        seats.sort();
        Pool {
            owner,
            weight: 1 + g.below(1_000) as u32,
            seats,
        }
    };
    let pools = owners.into_iter().map(|o| pool(g, o)).collect();
    let mut readers: Vec<PublicKey> = (0..g.below(3)).map(|_| key(g)).collect();
    readers.sort();
    let mut cuts: Vec<Cut> = (0..g.below(3))
        .map(|_| Cut {
            node: key(g),
            incarnation: g.integer(64),
            events: g.integer(64),
        })
        .collect();
    cuts.sort();
    Roster {
        epoch: 1 + (g.integer(32) as u32 >> 1),
        prev: hash(g),
        pools,
        readers,
        cuts,
    }
}

/// An endorsement that both say: the node that hosts the agent, and the agent.
pub fn endorsement(g: &mut Generator, project: Hash, node: &Keypair) -> Signed<Endorsement> {
    let (agent, id) = (keypair(g), name(g));
    let statement = Endorsement {
        project,
        agent: agent.public(),
        role: name(g),
        capabilities: list(g, name),
        specialization: option(g, name).unwrap_or_default(),
        max_tasks: g.integer(32) as u32,
        model: option(g, name),
        consent: AgentConsent::sign(&agent, project, node.public(), &id),
        id,
    };
    Signed::new(node, statement)
}

fn choice(g: &mut Generator) -> Choice {
    *g.pick(&[Choice::Approve, Choice::RequestChanges, Choice::Abstain])
}

/// A body of the kind that stands in [`KINDS`].
pub fn body(kind: u16, g: &mut Generator) -> Body {
    let signer = keypair(g);
    match kind {
        1 => Body::Genesis(Genesis {
            name: name(g),
            nonce: hash(g),
            roster: Roster {
                epoch: 0,
                prev: Hash::ZERO,
                ..roster(g)
            },
            policy: Policy {
                authority: *g.pick(&[Authority::Home, Authority::Majority]),
                shares: list(g, |g| Share {
                    node: key(g),
                    amount_microusd: g.integer(64),
                }),
                answers: *g.pick(&[Answers::AnyOwner, Answers::Majority]),
            },
        }),
        2 => Body::RosterProposed(RosterProposed { roster: roster(g) }),
        3 => Body::RosterSigned(RosterSigned {
            roster: hash(g),
            epoch: g.integer(32) as u32,
            round: g.integer(32) as u32,
            signature: signature(g),
            prepares: {
                let mut prepares: Vec<MemberSignature> = list(g, |g| MemberSignature {
                    node: key(g),
                    signature: signature(g),
                });
                prepares.sort_by_key(|s| s.node);
                prepares.dedup_by_key(|s| s.node);
                prepares
            },
        }),
        4 => Body::RosterChanged(RosterChanged {
            roster: roster(g),
            round: g.integer(32) as u32,
            signatures: list(g, |g| MemberSignature {
                node: key(g),
                signature: signature(g),
            }),
        }),
        5 => Body::IncarnationStarted(IncarnationStarted { before: g.integer(64) }),
        7 => Body::RosterPrepared(RosterPrepared {
            roster: hash(g),
            epoch: g.integer(32) as u32,
            round: g.integer(32) as u32,
            signature: signature(g),
        }),
        6 => Body::AdminActed(AdminActed { action: name(g) }),
        8 => Body::MembershipConsented(MembershipConsented {
            change: membership_change(g, &signer),
        }),
        10 => Body::AgentEndorsed(AgentEndorsed {
            endorsement: {
                let project = hash(g);
                endorsement(g, project, &signer)
            },
        }),
        11 => Body::AgentRetired(AgentRetired { agent: key(g) }),
        20 => {
            let kind = *g.pick(&[ThreadKind::Discussion, ThreadKind::Review]);
            let subject = option(g, text);
            let digest = (kind == ThreadKind::Review && subject.is_some()).then(|| hash(g));
            Body::ThreadOpened(ThreadOpened {
                kind,
                task: name(g),
                title: text(g),
                subject,
                roles: list(g, name),
                timing: Timing {
                    findings_ms: g.integer(31),
                    commit_ms: g.integer(31),
                    reveal_ms: g.integer(31),
                    evidence_ms: g.integer(31),
                    final_ms: g.integer(31),
                },
                budget_microusd: g.integer(64),
                digest,
            })
        }
        21 => Body::MessagePosted(MessagePosted {
            message: Signed::new(
                &signer,
                Message {
                    project: hash(g),
                    thread: hash(g),
                    kind: message_kind(g),
                    text: text(g),
                    parents: list(g, hash),
                    to: option(g, name),
                    idempotency_key: option(g, name),
                },
            ),
        }),
        22 => Body::FindingsPosted(FindingsPosted {
            findings: Signed::new(
                &signer,
                Findings {
                    project: hash(g),
                    thread: hash(g),
                    list: text(g),
                    count: g.integer(32) as u32,
                    veto: g.chance(50),
                    task: option(g, hash),
                    token: option(g, |g| g.integer(64)),
                    partial: g.chance(50),
                },
            ),
        }),
        23 => Body::ThreadClosed(ThreadClosed {
            thread: hash(g),
            resolved: g.chance(50),
        }),
        30..=37 => task_body(kind, g),
        40..=44 => vote_body(kind, g, &signer),
        50..=54 => escalation_body(kind, g, &signer),
        60..=71 => other_body(kind, g),
        _ => panic!("kind {kind} has no sample: add one"),
    }
}

pub fn membership_change(g: &mut Generator, signer: &Keypair) -> MembershipChange {
    match g.below(4) {
        0 => {
            let join = JoinStatement {
                project: hash(g),
                owner: name(g),
                operator: key(g),
                voting: g.chance(70),
            };
            MembershipChange::Admit(Signed::new(signer, join))
        }
        1 => MembershipChange::Remove {
            node: key(g),
            incarnation: g.integer(64),
            events: g.integer(64),
        },
        2 => MembershipChange::Leave,
        _ => MembershipChange::Withdraw { node: key(g) },
    }
}

pub fn message_kind(g: &mut Generator) -> MessageKind {
    use MessageKind::*;
    *g.pick(&[
        Proposal, Question, Objection, Evidence, Agreement, Vote, Decision, Escalation, Note,
    ])
}

fn task_body(kind: u16, g: &mut Generator) -> Body {
    let task = hash(g);
    let token = g.integer(64);
    match kind {
        30 => Body::TaskAnnounced(TaskAnnounced {
            thread: option(g, hash),
            title: text(g),
            role: option(g, name).unwrap_or_default(),
            capabilities: list(g, name),
            lease_ms: 1 + (g.integer(31) >> 1),
            priority: 1 + g.below(5) as u8,
        }),
        31 => Body::TaskClaimed(TaskClaimed {
            task,
            agent: key(g),
            load: g.integer(32) as u32,
        }),
        32 => Body::ClaimAcked(ClaimAcked {
            task,
            agent: key(g),
            owner: feed(g),
            token,
            until_ms: g.integer(64),
        }),
        33 => Body::LeaseExtended(LeaseExtended {
            task,
            token,
            until_ms: g.integer(64),
        }),
        34 => Body::TaskReleased(TaskReleased { task, token }),
        35 => Body::TaskCompleted(TaskCompleted {
            task,
            token,
            ok: g.chance(50),
            result: option(g, text),
        }),
        36 => Body::TaskCancelled(TaskCancelled { task }),
        _ => Body::OutsideActed(OutsideActed {
            task,
            token,
            action: name(g),
        }),
    }
}

fn vote_body(kind: u16, g: &mut Generator, signer: &Keypair) -> Body {
    match kind {
        40 => {
            let project = hash(g);
            let mut panel: Vec<_> = (0..1 + g.below(6))
                .map(|_| {
                    let node = keypair(g);
                    endorsement(g, project, &node)
                })
                .collect();
            panel.sort_by_key(|s| s.statement.agent);
            let thread = hash(g);
            let veto = |g: &mut Generator| {
                let (agent, list) = (keypair(g), text(g));
                let findings = Findings {
                    project,
                    thread,
                    list,
                    count: 1,
                    veto: true,
                    task: None,
                    token: None,
                    partial: false,
                };
                Signed::new(&agent, findings)
            };
            let mut vetoes: Vec<_> = (0..g.below(3)).map(|_| veto(g)).collect();
            vetoes.sort_by_key(|v| v.by);
            Body::Proposed(Proposed {
                thread,
                subject: hash(g),
                roster: hash(g),
                panel,
                findings: list(g, hash),
                vetoes,
            })
        }
        41 => Body::Committed(Committed {
            proposal: hash(g),
            agent: key(g),
            commitment: hash(g),
        }),
        42 => Body::Revealed(Revealed {
            reveal: Signed::new(
                signer,
                Reveal {
                    proposal: hash(g),
                    choice: choice(g),
                    nonce: hash(g),
                    reason: option(g, text),
                },
            ),
        }),
        43 => Body::FinalVoted(FinalVoted {
            vote: Signed::new(
                signer,
                FinalVote {
                    project: hash(g),
                    thread: hash(g),
                    epoch: g.integer(32) as u32,
                    roster: hash(g),
                    subject: hash(g),
                    proposal: hash(g),
                    choice: choice(g),
                    lifts_veto: g.chance(50),
                },
            ),
            reason: option(g, text),
        }),
        _ => Body::Decided(Decided {
            thread: hash(g),
            proposal: hash(g),
            choice: choice(g),
            votes: list(g, event_ref),
        }),
    }
}

fn escalation_body(kind: u16, g: &mut Generator, signer: &Keypair) -> Body {
    use Reason::*;
    let escalation = hash(g);
    match kind {
        50 => Body::Escalated(Escalated {
            thread: hash(g),
            reason: *g.pick(&[Split, Deadline, Budget, Veto, Request, Failures, Unheard, Abstained]),
            question: text(g),
            options: list(g, name),
            remind_ms: g.integer(64),
            timeout_ms: g.integer(64),
        }),
        51 => Body::EscalationAcked(EscalationAcked {
            escalation,
            person: name(g),
        }),
        52 => Body::EscalationReminded(EscalationReminded {
            escalation,
            number: g.integer(32) as u32,
        }),
        53 => Body::EscalationAnswered(EscalationAnswered {
            answer: Signed::new(
                signer,
                Answer {
                    project: hash(g),
                    escalation,
                    question: hash(g),
                    option: g.integer(32) as u32,
                    text: option(g, text),
                    person: name(g),
                },
            ),
        }),
        _ => Body::EscalationTimedOut(EscalationTimedOut { escalation }),
    }
}

fn other_body(kind: u16, g: &mut Generator) -> Body {
    let amount_microusd = g.integer(64);
    match kind {
        60 => Body::ShareMoved(ShareMoved {
            to: feed(g),
            amount_microusd,
        }),
        61 => Body::ChunkDrawn(ChunkDrawn { amount_microusd }),
        62 => Body::ChunkReturned(ChunkReturned { amount_microusd }),
        63 => Body::ModelCalled(ModelCalled {
            thread: option(g, hash),
            agent: key(g),
            model: name(g),
            reserved_microusd: amount_microusd,
            charged_microusd: g.integer(64),
            ok: g.chance(50),
        }),
        70 => Body::ResourceWritten(ResourceWritten {
            path: name(g),
            home: key(g),
            base: option(g, hash),
            content: text(g),
            mime: "text/plain".into(),
            idempotency_key: option(g, name),
        }),
        71 => Body::WriteOrdered(WriteOrdered {
            path: name(g),
            write: hash(g),
            version: option(g, |g| g.integer(64)),
        }),
        _ => panic!("kind {kind} has no sample: add one"),
    }
}
