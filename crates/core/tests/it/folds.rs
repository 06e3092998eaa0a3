//! The same set of events gives the same state, in whatever order they come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bzzz_core::body::*;
use bzzz_core::crypto::Hash;
use bzzz_core::event::{Event, EventRef, FeedId};
use bzzz_core::feed::Offer;
use bzzz_core::hlc::MAX_SKEW_MS;
use bzzz_core::state::State;
use proptest::prelude::*;

use crate::bodies;
use crate::generator::Generator;
use crate::world::{LATER_MS, Member, Replica, START_MS, World, fold};

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
fn random_world(seed: u64, steps: usize) -> (World, Option<Event>) {
    let g = &mut Generator::new(seed);
    let authority = *g.pick(&[Authority::Home, Authority::Majority]);
    let mut w = World::new(&[("ann", 2, 1), ("bob", 1, 2), ("cat", 1, 1)], 1, authority);
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
    let token = g.below(4) as u64;
    let owner = w.members[g.below(4)].feed();
    let mut body = bodies::body(kind, g);
    match &mut body {
        Body::RosterProposed(b) => {
            b.roster = w.next_roster();
            b.roster.pools[0].weight += 1 + g.below(2) as u32;
            b.signature = b.roster.sign(&w.members[by].key, project);
        }
        Body::RosterSigned(b) => {
            if let Some(roster) = made.proposed_rosters.first() {
                b.roster = roster.hash();
                b.epoch = roster.epoch;
                if g.chance(50) {
                    b.signature = roster.sign(&w.members[by].key, project);
                }
            }
        }
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
        }
        Body::Committed(_) | Body::Revealed(_) | Body::FinalVoted(_) | Body::Decided(_) => {
            vote(&mut body, w, by, id, made, g)
        }
        Body::Escalated(b) => {
            b.thread = thread;
            b.options = vec!["approve".into(), "reject".into()];
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
                option: g.below(3) as u32,
                ..b.answer.statement.clone()
            };
            let person = if g.chance(70) { &w.members[0].operator } else { &agent };
            b.answer = Signed::new(person, answer);
        }
        Body::ShareMoved(b) => b.to = owner,
        Body::ModelCalled(b) => (b.thread, b.agent) = (g.chance(70).then_some(thread), agent.public()),
        Body::ResourceWritten(b) => {
            b.path = (*g.pick(&["plan", "notes"])).into();
            b.home = w.members[1].node();
        }
        Body::WriteOrdered(b) => {
            if !made.writes.is_empty() {
                let (path, write) = g.pick(&made.writes).clone();
                (b.path, b.write, b.version) = (path, write, g.chance(80).then_some(1 + token));
            }
        }
        _ => {}
    }
    body
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
                lifts_veto: false,
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

/// Delivers everything at random: shuffled, some twice, and once more as anti-entropy would.
fn deliver(w: &World, fork: Option<&Event>, order: u64) -> Replica {
    let g = &mut Generator::new(order);
    let mut mail: Vec<&Event> = w.events.iter().chain(fork).collect();
    for _ in 0..mail.len() / 4 {
        mail.push(mail[g.below(mail.len())]);
    }
    g.shuffle(&mut mail);
    let mut replica = Replica::new(&w.genesis);
    // A clock before the beginning: what is too far ahead waits for its time.
    let mut now_ms = START_MS - MAX_SKEW_MS;
    for event in &mail {
        replica.offer(event, now_ms);
        if g.chance(10) {
            now_ms += g.below(100) as u64;
            replica.time_passed(now_ms);
        }
    }
    replica.time_passed(LATER_MS);
    for event in w.events.iter().chain(fork) {
        replica.offer(event, LATER_MS);
    }
    replica
}

/// Folds accepted events in a random order that keeps each feed's own and knows every epoch before it is named.
fn fold_interleaved(w: &World, events: &[Event], order: u64) -> State {
    let g = &mut Generator::new(order);
    let mut feeds: BTreeMap<FeedId, VecDeque<&Event>> = BTreeMap::new();
    for event in events {
        feeds.entry(event.feed()).or_default().push_back(event);
    }
    let mut state = State::new(&w.genesis).expect("a genesis event");
    loop {
        let ready: Vec<FeedId> = feeds
            .iter()
            .filter(|(_, q)| {
                q.front()
                    .is_some_and(|e| state.rosters.epoch(e.header().epoch).is_some())
            })
            .map(|(id, _)| *id)
            .collect();
        if ready.is_empty() {
            assert!(feeds.values().all(VecDeque::is_empty), "every event finds its epoch");
            return state;
        }
        let Some(event) = feeds.get_mut(g.pick(&ready)).and_then(VecDeque::pop_front) else {
            unreachable!("a ready feed has an event")
        };
        if let Some(body) = event.body() {
            state.apply(&bzzz_core::state::Meta::of(event), &body);
        }
    }
}

fn sorted(events: &[Event]) -> BTreeSet<Hash> {
    events.iter().map(Event::hash).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_delivery_gives_the_same_state(seed in any::<u64>(), steps in 10usize..160, orders in prop::collection::vec(any::<u64>(), 3)) {
        let (w, fork) = random_world(seed, steps);
        let reference = deliver(&w, fork.as_ref(), 0);
        prop_assert_eq!(reference.feeds.held(), 0, "nothing waits for what has all been delivered");
        for order in orders {
            let other = deliver(&w, fork.as_ref(), order);
            prop_assert_eq!(other.feeds.held(), 0);
            prop_assert_eq!(sorted(&other.accepted), sorted(&reference.accepted));
            prop_assert_eq!(&other.state, &reference.state);
            let direct = fold_interleaved(&w, &reference.accepted, order);
            prop_assert_eq!(&direct, &reference.state);
        }
    }
}

#[test]
fn random_worlds_reach_every_part_of_the_state() {
    let mut seen: BTreeSet<u16> = BTreeSet::new();
    let (mut decided, mut revealed, mut answered, mut leased, mut versions, mut cut) = (0, 0, 0, 0, 0, 0);
    for seed in 0..40 {
        let (w, fork) = random_world(seed, 150);
        let replica = deliver(&w, fork.as_ref(), seed);
        let s = &replica.state;
        seen.extend(replica.accepted.iter().map(|e| e.header().kind));
        cut += usize::from(replica.accepted.len() < w.events.len());
        decided += s
            .threads
            .values()
            .filter(|t| t.decision(&s.ballots, &s.finals, &s.rosters).is_some())
            .count();
        revealed += s.ballots.values().map(|b| b.first_votes().len()).sum::<usize>();
        answered += s.escalations.values().filter(|e| e.first_answer().is_some()).count();
        versions += s.resources.values().map(|r| r.versions().len()).sum::<usize>();
        let leases = |t: &bzzz_core::state::Task| t.current(s.policy.authority, s.rosters.latest()).is_some();
        leased += s.tasks.values().filter(|t| leases(t)).count();
    }
    let all: BTreeSet<u16> = KINDS.iter().map(|(k, _)| *k).collect();
    assert_eq!(seen, all);
    for (what, count) in [
        ("decisions", decided),
        ("reveals", revealed),
        ("answers", answered),
        ("leases", leased),
        ("versions", versions),
        ("cuts and forks", cut),
    ] {
        assert!(count > 0, "no {what} in 40 worlds");
    }
}

fn act(action: &str) -> Body {
    Body::AdminActed(AdminActed { action: action.into() })
}

#[test]
fn a_fork_ends_its_feed_and_frees_what_rested_on_it() {
    let mut w = World::three();
    let before = w.append(1, act("before"));
    let half = w.append(1, act("one half"));
    let other_half = w.fork(1, &act("other half"));
    let after = w.append(1, act("after"));
    let believer = w.append_on(2, vec![after.reference()], &act("rests on it"));
    let next = w.append(2, act("goes on"));

    // The late learner meets the fork before what came after it; the event that rests on that must not wait for ever.
    let mut late = Replica::new(&w.genesis);
    for event in [&believer, &next, &before, &half] {
        late.offer(event, LATER_MS);
    }
    assert_eq!(late.feeds.held(), 2);
    late.offer(&other_half, LATER_MS);
    assert_eq!(late.feeds.held(), 0);

    let mut early = Replica::new(&w.genesis);
    for event in [&before, &half, &after, &believer, &next, &other_half] {
        early.offer(event, LATER_MS);
    }
    assert_eq!(sorted(&late.accepted), sorted(&early.accepted));
    let standing = [&w.genesis, &before, &believer, &next].map(Event::hash);
    assert_eq!(sorted(&early.accepted), BTreeSet::from(standing));
    assert_eq!(early.feeds.offer(&after, &early.state.rosters, LATER_MS), Offer::Known);
}

#[test]
fn a_later_life_needs_its_statement() {
    let mut w = World::three();
    w.restart(1, 0);
    let started = w.events[1].clone();
    assert_eq!(started.header().incarnation, 1);
    let mut replica = Replica::new(&w.genesis);
    replica.offer(&started, LATER_MS);
    assert_eq!(replica.refused, Vec::<&str>::new());

    let mut quiet = World::three();
    quiet.members[1].incarnation = 1;
    let event = quiet.append(1, act("as if nothing had happened"));
    replica = Replica::new(&quiet.genesis);
    replica.offer(&event, LATER_MS);
    assert_eq!(replica.refused.len(), 1);
}

#[test]
fn what_breaks_the_chain_time_or_membership_is_refused() {
    let mut w = World::three();
    let first = w.append(1, act("first"));
    let second = w.append(1, act("second"));
    let mut replica = Replica::new(&w.genesis);
    replica.offer(&first, LATER_MS);

    let key = w.members[1].key.clone();
    let draft = |prev, hlc, epoch| bzzz_core::event::Draft {
        project: w.project(),
        incarnation: 0,
        seq: 1,
        prev,
        hlc,
        epoch,
        deps: vec![],
    };
    let (good_hlc, same_hlc) = (second.header().hlc, first.header().hlc);
    let mut offer = |key, draft| {
        let event = Event::sign(key, draft, &act("x"));
        let state = &replica.state;
        replica.feeds.offer(&event, &state.rosters, LATER_MS)
    };
    let bad_chain = offer(&key, draft(Hash([9; 32]), good_hlc, 0));
    let bad_time = offer(&key, draft(first.hash(), same_hlc, 0));
    let stranger = bzzz_core::crypto::Keypair::from_seed([99; 32]);
    let mut of_stranger = draft(Hash::ZERO, good_hlc, 0);
    of_stranger.seq = 0;
    let not_member = offer(&stranger, of_stranger);
    for refused in [bad_chain, bad_time, not_member] {
        assert!(matches!(refused, Offer::Refused(_)), "{refused:?}");
    }
    let unknown_epoch = offer(&key, draft(first.hash(), good_hlc, 5));
    assert_eq!(unknown_epoch, Offer::Held);
}

#[test]
fn a_removed_members_later_events_are_excluded_whenever_the_removal_is_learnt() {
    let mut w = World::new(
        &[("ann", 1, 1), ("bob", 1, 1), ("cat", 1, 1), ("dan", 1, 1)],
        0,
        Authority::Home,
    );
    let kept = w.append(3, act("kept"));
    let dropped = w.append(3, act("dropped"));
    let mut next = w.next_roster();
    next.pools.pop();
    next.cuts = vec![Cut {
        node: w.members[3].node(),
        incarnation: 0,
        events: 1,
    }];
    let change = w.change(&next, &[0, 1, 2]);
    let change = w.append(0, Body::RosterChanged(change));
    let mut old = w.clone();
    old.restart(3, 0);
    let new_life = old.events[old.events.len() - 1].clone();

    let orders: [[&Event; 4]; 3] = [
        [&kept, &dropped, &new_life, &change],
        [&change, &kept, &dropped, &new_life],
        [&dropped, &new_life, &change, &kept],
    ];
    for order in orders {
        let mut replica = Replica::new(&w.genesis);
        for event in order {
            replica.offer(event, LATER_MS);
        }
        let standing = [&w.genesis, &kept, &change].map(Event::hash);
        assert_eq!(sorted(&replica.accepted), BTreeSet::from(standing));
        assert_eq!(replica.state.rosters.latest(), &next);
    }
}

#[test]
fn a_roster_far_ahead_of_its_event_has_no_effect() {
    let mut w = World::three();
    let genesis_roster = w.roster().clone();
    let mut first = w.next_roster();
    first.pools[0].weight = 2;
    let first_change = w.change(&first, &[0, 1, 2]);
    let mut second = Roster {
        epoch: 2,
        prev: first.hash(),
        ..first.clone()
    };
    second.pools[1].weight = 2;
    let second_change = w.change(&second, &[0, 1, 2]);
    // Both are written under epoch 0, so another node may accept them the other way round.
    let one = w.append(0, Body::RosterChanged(first_change));
    let two = w.append(1, Body::RosterChanged(second_change));
    for order in [[&one, &two], [&two, &one]] {
        let mut replica = Replica::new(&w.genesis);
        for event in order {
            replica.offer(event, LATER_MS);
        }
        assert_eq!(replica.state.rosters.latest(), &first);
        assert_eq!(replica.state.rosters.epoch(0), Some(&genesis_roster));
    }
}

#[test]
fn two_lives_at_one_time_and_number_do_not_hide_each_other() {
    let mut w = World::three();
    let thread = w.thread(0);
    let say = |w: &World, text: &str| {
        let message = Message {
            project: w.project(),
            thread,
            kind: MessageKind::Note,
            text: w.text(text),
            parents: vec![],
            to: None,
            idempotency_key: None,
        };
        Body::MessagePosted(MessagePosted {
            message: Signed::new(&w.members[1].key, message),
        })
    };
    let filler = w.append(1, act("so that both messages have number 1"));
    let (one, two) = (say(&w, "one"), say(&w, "two"));
    let first = w.append(1, one);
    let behind_ms = first.header().hlc.ms() - filler.header().hlc.ms() + 10;
    let mut again = w.clone();
    again.now_ms = w.now_ms - 2 * behind_ms;
    again.restart(1, behind_ms + 100);
    again.now_ms = w.now_ms - 10;
    let second = again.append(1, two);
    assert_eq!(
        (first.header().hlc, first.header().seq),
        (second.header().hlc, second.header().seq)
    );
    let state = fold(&w.genesis, &again.events);
    assert_eq!(state.threads[&thread].messages.len(), 2);
    let _: &Member = &w.members[1];
}
