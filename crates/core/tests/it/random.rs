//! Worlds in which everything happens: events of every kind in random order, written by honest and less honest members.

use bzzz_core::body::*;
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::{Event, EventRef};

use crate::bodies;
use crate::generator::Generator;
use crate::world::World;

const AGENTS: [&str; 3] = ["reviewer-1", "security-1", "reviewer-2"];

/// What has been written so far, for later events to refer to.
#[derive(Default)]
struct Made {
    threads: Vec<Hash>,
    tasks: Vec<Hash>,
    proposals: Vec<(Hash, Proposed, u32)>,
    votes: Vec<EventRef>,
    escalations: Vec<(Hash, Hash)>,
    writes: Vec<(String, Hash)>,
    proposed_rosters: Vec<Roster>,
}

/// Writes random events of all kinds by four voters and a reader, with two lives of member 1, roster changes and a removed
/// member, and returns the world with the second half of a fork, if there is one.
pub fn random_world(seed: u64, steps: usize) -> (World, Option<Event>) {
    let g = &mut Generator::new(seed);
    let authority = *g.pick(&[Authority::Home, Authority::Majority]);
    let pools = &[("ann", 2, 1), ("bob", 1, 2), ("cat", 1, 1)];
    let answers = *g.pick(&[Answers::AnyOwner, Answers::Majority]);
    let mut w = World::with_policy(pools, 1, authority, answers);
    let made = &mut Made::default();
    let kinds: Vec<u16> = KINDS
        .iter()
        .map(|(k, _)| *k)
        .filter(|k| ![1, 4, 5].contains(k))
        .collect();
    let (restart_at, change_at, cut_at) = (g.below(steps), g.below(steps), g.below(steps));
    let ballot_at = g.below(steps);
    for step in 0..steps {
        if step == restart_at {
            w.restart(1, 20);
        }
        if step == change_at {
            change_roster(&mut w, g, None);
        }
        if step == cut_at {
            let beyond = g.below(4) as u64;
            let cut = Cut {
                node: w.members[2].node(),
                incarnation: 0,
                events: w.members[2].written().saturating_sub(beyond),
            };
            change_roster(&mut w, g, Some(cut));
        }
        if step == ballot_at {
            ballot(&mut w);
        }
        // Member 2 goes on writing under the epoch before its removal only; member 3 may fork and then falls silent.
        let writers: &[usize] = if step > cut_at { &[0, 1, 3, 4] } else { &[0, 1, 2, 3, 4] };
        let by = *g.pick(writers);
        let kind = *g.pick(&kinds);
        let body = random_body(kind, &w, by, made, g);
        let deps = random_deps(&w, g);
        let event = w.append_on(by, deps, &body);
        remember(&event, &body, made, &w);
    }
    let fork = (g.chance(60) && w.members[3].written() > 0).then(|| {
        let body = Body::AdminActed(AdminActed {
            action: "the other half".into(),
        });
        w.fork(3, &body)
    });
    (w, fork)
}

/// Something about few nodes, so that words meet: two newcomers with two requests each, and the members.
fn membership_change(w: &World, g: &mut Generator) -> MembershipChange {
    let newcomer = bzzz_core::crypto::Keypair::from_seed([200 + g.below(2) as u8; 32]);
    let member = w.members[g.below(w.members.len())].node();
    match g.below(10) {
        0..=3 => {
            let join = JoinStatement {
                project: w.project(),
                owner: (*g.pick(&["ann", "dan"])).into(),
                operator: newcomer.public(),
                voting: true,
            };
            MembershipChange::Admit(Signed::new(&newcomer, join))
        }
        4..=6 => MembershipChange::Remove {
            node: member,
            incarnation: g.below(2) as u64,
            events: g.below(9) as u64,
        },
        7 => MembershipChange::Leave,
        _ => MembershipChange::Withdraw {
            node: if g.chance(50) { newcomer.public() } else { member },
        },
    }
}

/// Two members publish the same next roster, each with the signatures that it has gathered.
fn change_roster(w: &mut World, g: &mut Generator, cut: Option<Cut>) {
    let mut next = w.next_roster();
    if let Some(cut) = cut {
        for pool in &mut next.pools {
            pool.seats.retain(|s| s.node != cut.node);
        }
        next.cuts = vec![cut];
    } else {
        next.pools[0].weight += 1;
    }
    // Of weights 2, ½, ½, 1 the first and last alone are a quorum, whatever the first has gained.
    let some: &[usize] = if g.chance(50) { &[0, 3] } else { &[0, 1, 3] };
    let (one, other) = (w.change(&next, some), w.change(&next, &[0, 1, 2, 3]));
    w.append(0, Body::RosterChanged(one));
    w.append(1, Body::RosterChanged(other));
    w.rosters.push(next);
}

/// A ballot that ends in a decision.
fn ballot(w: &mut World) {
    let thread = w.thread(0);
    let panel = [(0, "reviewer-1"), (3, "security-1"), (1, "reviewer-2")];
    let round = w.propose(0, thread, &panel);
    let votes: Vec<Event> = panel
        .map(|voter| {
            let vote = w.vote(&round, Choice::Approve);
            w.cast(voter, vote)
        })
        .into();
    w.decide(0, &round, Choice::Approve, &votes);
}

fn random_deps(w: &World, g: &mut Generator) -> Vec<EventRef> {
    // On lasting feeds only: the others' last events may turn out to be excluded, which has a test of its own.
    let steady: Vec<&Event> = w.events.iter().filter(|e| e.node() == w.members[0].node()).collect();
    let count = g.below(3);
    (0..count).map(|_| g.pick(&steady).reference()).collect()
}

fn random_body(kind: u16, w: &World, by: usize, made: &Made, g: &mut Generator) -> Body {
    let id = *g.pick(&AGENTS);
    let agent = w.agent(by, id);
    let project = w.project();
    let thread = if made.threads.is_empty() {
        project
    } else {
        *g.pick(&made.threads)
    };
    let task = if made.tasks.is_empty() {
        bodies::hash(g)
    } else {
        *g.pick(&made.tasks)
    };
    let token = if g.chance(60) { 1 } else { g.below(4) as u64 };
    let owner = w.members[g.below(4)].feed();
    let mut body = bodies::body(kind, g);
    match &mut body {
        Body::RosterProposed(b) => {
            b.roster = w.next_roster();
            b.roster.pools[0].weight += 1 + g.below(2) as u32;
        }
        Body::RosterSigned(b) => {
            if let Some(roster) = made.proposed_rosters.first() {
                b.roster = roster.hash();
                b.epoch = roster.epoch;
                b.round = g.below(3) as u32;
                if g.chance(50) {
                    b.signature = roster.sign(&w.members[by].key, project, b.round);
                    let ready = (0..4).filter(|_| g.chance(50)).map(|n| MemberSignature {
                        node: w.members[n].node(),
                        signature: roster.prepare(&w.members[n].key, project, b.round),
                    });
                    b.prepares = ready.collect();
                    b.prepares.sort_by_key(|s| s.node);
                }
            }
        }
        Body::RosterPrepared(b) => {
            if let Some(roster) = made.proposed_rosters.first() {
                (b.roster, b.epoch, b.round) = (roster.hash(), roster.epoch, g.below(3) as u32);
                if g.chance(80) {
                    b.signature = roster.prepare(&w.members[by].key, project, b.round);
                }
            }
        }
        Body::MembershipConsented(b) => b.change = membership_change(w, g),
        Body::AgentEndorsed(b) => b.endorsement = w.endorsement(by, id, g.chance(50).then_some("m")),
        Body::AgentRetired(b) => b.agent = agent.public(),
        Body::MessagePosted(b) => {
            let message = Message {
                project,
                thread: if g.chance(20) { project } else { thread },
                ..b.message.statement.clone()
            };
            b.message = Signed::new(&agent, message);
        }
        Body::FindingsPosted(b) => {
            let findings = Findings {
                project,
                thread,
                ..b.findings.statement.clone()
            };
            b.findings = Signed::new(&agent, findings);
        }
        Body::ThreadClosed(b) => b.thread = thread,
        Body::TaskAnnounced(b) => b.thread = g.chance(70).then_some(thread),
        Body::TaskClaimed(b) => (b.task, b.agent) = (task, agent.public()),
        Body::ClaimAcked(b) => (b.task, b.agent, b.owner, b.token) = (task, agent.public(), owner, token),
        Body::LeaseExtended(b) => (b.task, b.token) = (task, token),
        Body::TaskReleased(b) => (b.task, b.token) = (task, token),
        Body::TaskCompleted(b) => (b.task, b.token) = (task, token),
        Body::TaskCancelled(b) => b.task = task,
        Body::OutsideActed(b) => (b.task, b.token) = (task, token),
        Body::Proposed(b) => {
            b.thread = thread;
            b.subject = Hash([7; 32]);
            b.roster = w.roster().hash();
            b.panel = (0..4)
                .flat_map(|i| AGENTS.map(|id| w.endorsement(i, id, Some("m"))))
                .collect();
            b.panel.sort_by_key(|s| s.statement.agent);
            b.vetoes = b
                .vetoes
                .iter()
                .map(|_| ())
                .zip([&agent])
                .map(|((), agent)| veto(w, thread, agent))
                .collect();
        }
        Body::Committed(_) | Body::Revealed(_) | Body::FinalVoted(_) | Body::Decided(_) => {
            vote(&mut body, w, by, id, made, g)
        }
        Body::Escalated(b) => {
            b.thread = thread;
            let other = vec!["approve".into(), "reject".into()];
            b.options = if g.chance(80) {
                REVIEW_OPTIONS.map(Into::into).into()
            } else {
                other
            };
        }
        Body::EscalationAcked(EscalationAcked { escalation, .. })
        | Body::EscalationReminded(EscalationReminded { escalation, .. })
        | Body::EscalationTimedOut(EscalationTimedOut { escalation }) => {
            if let Some((id, _)) = made.escalations.last() {
                *escalation = *id;
            }
        }
        Body::EscalationAnswered(b) => {
            let (escalation, question) = made.escalations.last().copied().unwrap_or((task, task));
            let answer = Answer {
                project,
                escalation,
                question,
                option: if g.chance(70) { 0 } else { g.below(3) as u32 },
                ..b.answer.statement.clone()
            };
            let operator = &w.members[g.below(w.members.len())].operator;
            let person = if g.chance(85) { operator } else { &agent };
            b.answer = Signed::new(person, answer);
        }
        Body::ShareMoved(b) => b.to = owner,
        Body::ModelCalled(b) => (b.thread, b.agent) = (g.chance(70).then_some(thread), agent.public()),
        Body::ResourceWritten(b) => {
            b.path = (*g.pick(&["plan", "notes"])).into();
            b.home = w.members[1].node();
        }
        Body::WriteOrdered(b) if !made.writes.is_empty() => {
            let (path, write) = g.pick(&made.writes).clone();
            (b.path, b.write, b.version) = (path, write, g.chance(80).then_some(1 + token));
        }
        _ => {}
    }
    body
}

/// A statement of findings with a veto.
fn veto(w: &World, thread: Hash, agent: &Keypair) -> Signed<Findings> {
    let findings = Findings {
        project: w.project(),
        thread,
        list: w.text("list"),
        count: 1,
        veto: true,
        task: None,
        token: None,
        partial: false,
    };
    Signed::new(agent, findings)
}

fn vote(body: &mut Body, w: &World, by: usize, id: &'static str, made: &Made, g: &mut Generator) {
    let Some((proposal, proposed, epoch)) = made.proposals.last() else {
        // Nothing to vote on yet: the generated references lead nowhere, only the project has to be right.
        if let Body::FinalVoted(b) = body {
            let statement = FinalVote {
                project: w.project(),
                ..b.vote.statement.clone()
            };
            b.vote = Signed::new(&w.agent(by, id), statement);
        }
        return;
    };
    let agent = w.agent(by, id);
    match body {
        Body::Committed(b) => {
            let reveal = Reveal {
                proposal: *proposal,
                choice: Choice::Approve,
                nonce: Hash([by as u8; 32]),
                reason: None,
            };
            *b = Committed {
                proposal: *proposal,
                agent: agent.public(),
                commitment: reveal.commitment(&agent.public()),
            };
        }
        Body::Revealed(b) => {
            let reveal = Reveal {
                proposal: *proposal,
                choice: Choice::Approve,
                nonce: Hash([by as u8; 32]),
                reason: None,
            };
            b.reveal = Signed::new(&agent, reveal);
        }
        Body::FinalVoted(b) => {
            let statement = FinalVote {
                project: w.project(),
                thread: proposed.thread,
                epoch: *epoch,
                roster: proposed.roster,
                subject: proposed.subject,
                proposal: *proposal,
                choice: if g.chance(85) {
                    Choice::Approve
                } else {
                    Choice::RequestChanges
                },
                lifts_veto: g.chance(30),
            };
            b.vote = Signed::new(&agent, statement);
        }
        Body::Decided(b) => {
            b.thread = proposed.thread;
            b.proposal = *proposal;
            b.choice = Choice::Approve;
            b.votes = made.votes.clone();
        }
        _ => {}
    }
}

fn remember(event: &Event, body: &Body, made: &mut Made, w: &World) {
    let hash = event.hash();
    match body {
        Body::ThreadOpened(_) => made.threads.push(hash),
        Body::TaskAnnounced(_) => made.tasks.push(hash),
        Body::Proposed(b) => made.proposals.push((hash, b.clone(), w.roster().epoch)),
        Body::FinalVoted(_) if made.votes.len() < MAX_PANEL => made.votes.push(event.reference()),
        Body::Escalated(b) => made.escalations.push((hash, b.question.hash)),
        Body::ResourceWritten(b) => made.writes.push((b.path.clone(), hash)),
        Body::RosterProposed(b) => made.proposed_rosters.push(b.roster.clone()),
        _ => {}
    }
}
