//! What a node votes on: one honest node among members that write whatever they like.

use std::collections::BTreeMap;

use bzzz_core::blob::{Blob, BlobRef};
use bzzz_core::body::*;
use bzzz_core::change::{ChangeSet, Subject};
use bzzz_core::codec;
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::{Event, EventRef};
use bzzz_core::finding::{Finding, Severity};
use bzzz_core::ledger::Limits;
use bzzz_core::node::{Admit, AgentSpec, Effect, FINDINGS_GRACE_MS, Input, Node, NodeConfig, Pace};
use bzzz_core::reading::Reading;
use bzzz_core::state::ThreadStatus;
use bzzz_core::wire::{Presence, Wire};

use crate::voting::Voter;
use crate::world::World;

const DIFF: &str = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+eval(a)\n";
const FINDINGS_MS: u64 = 60_000;
const PHASE_MS: u64 = 20_000;
/// The proposer, the node under test, and the one that raises vetoes.
const LIAR: usize = 0;
const US: usize = 1;
const GUARD: usize = 2;
const LIARS_AGENT: Voter = (LIAR, "performance-1");
const OUR_AGENT: &str = "architect-2";
/// A member without a vote.
const READER: usize = 3;
const GUARDS_AGENT: Voter = (GUARD, "security-1");

struct Bench {
    w: World,
    node: Node,
    now: u64,
    thread: Hash,
    subject: Hash,
    /// What the node wrote, in order.
    written: Vec<(Hash, Body)>,
    /// How often our agent was asked to look at a change, and whether it can.
    looks: usize,
    blind: bool,
}

fn critical(quote: &str) -> Finding {
    Finding {
        rule: "security/eval".into(),
        role: "security".into(),
        severity: Severity::Critical,
        file: "x.py".into(),
        line: 1,
        end_line: 1,
        quote: quote.into(),
        title: "evaluates its input".into(),
        why: "anybody runs anything".into(),
        fix: String::new(),
        cwe: None,
    }
}

impl Bench {
    fn new() -> Bench {
        Bench::showing(DIFF)
    }

    /// A bench whose review shows this diff to strangers.
    fn showing(shown: &str) -> Bench {
        let w = World::new(&[("ann", 1, 1), ("bob", 1, 1), ("cat", 1, 1)], 1, Authority::Home);
        let agent = AgentSpec {
            id: OUR_AGENT.into(),
            role: "architect".into(),
            capabilities: vec![],
            specialization: String::new(),
            max_tasks: 3,
            model: None,
        };
        let mut node = Node::new(NodeConfig {
            key: w.members[US].key.clone(),
            operator: w.members[US].operator.clone(),
            owner: "bob".into(),
            incarnation: 0,
            agents: vec![agent],
            admit: Admit::Ask,
            join: Some(Some(w.project())),
            limits: Limits::default(),
            pace: Pace::default(),
        });
        node.load_event(&BTreeMap::new(), &w.genesis);
        let mut bench = Bench {
            now: w.now_ms + 1_000,
            w,
            node,
            thread: Hash::ZERO,
            subject: Hash::ZERO,
            written: vec![],
            looks: 0,
            blind: false,
        };
        let effects = bench.node.start(bench.now);
        bench.carry_out(effects);
        for (member, id) in [LIARS_AGENT, GUARDS_AGENT] {
            let endorsement = bench.w.endorsement(member, id, None);
            bench.say(member, Body::AgentEndorsed(AgentEndorsed { endorsement }), vec![]);
        }
        let change = ChangeSet::from_diff("x", DIFF.as_bytes());
        let blob = Blob::new(&[1; 32], change.to_cbor().expect("a change"));
        bench.subject = blob.hash();
        let opened = ThreadOpened {
            kind: ThreadKind::Review,
            task: "x".into(),
            title: bench.w.text("title"),
            subject: Some(blob.reference()),
            roles: ["architect", "performance", "security"].map(Into::into).into(),
            timing: Timing {
                findings_ms: FINDINGS_MS,
                commit_ms: PHASE_MS,
                reveal_ms: PHASE_MS,
                evidence_ms: PHASE_MS,
                final_ms: PHASE_MS,
            },
            budget_microusd: 0,
            digest: Some(Subject::new(&blob.salt, &ChangeSet::from_diff("x", shown.as_bytes())).hash()),
        };
        bench.thread = bench.say(LIAR, Body::ThreadOpened(opened), vec![blob]).hash();
        bench
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            // Our agent looks, and finds nothing.
            if let Effect::Analyse { ask, .. } = effect {
                self.looks += 1;
                let result = Ok(vec![]);
                if !self.blind {
                    self.feed(Input::Analysed {
                        ask,
                        result,
                        reading: Reading::default(),
                    });
                }
            } else if let Effect::Append { id, writes } = effect {
                let events = writes.iter().flat_map(|w| &w.events);
                let ours = events.filter(|e| e.node() == self.w.members[US].node());
                let ours: Vec<_> = ours.filter_map(|e| Some((e.hash(), e.body()?))).collect();
                self.written.extend(ours);
                self.feed(Input::Appended { id });
            }
        }
    }

    fn feed(&mut self, input: Input) {
        self.now += 1;
        let effects = self.node.handle(self.now, input);
        self.carry_out(effects);
    }

    fn receive(&mut self, member: usize, message: Wire) {
        let from = self.w.members[member].node();
        let gossip = false;
        self.feed(Input::Received { from, message, gossip });
    }

    /// A member writes an event now, and the node gets it.
    fn say(&mut self, member: usize, body: Body, blobs: Vec<Blob>) -> Event {
        self.w.now_ms = self.w.now_ms.max(self.now);
        let event = self.w.append(member, body);
        let project = self.w.project();
        let events = vec![event.encode().into()];
        self.receive(member, Wire::Events { project, events, blobs });
        event
    }

    /// Time passes; the other members are present all the while.
    fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.now < until {
            self.now += 500;
            for member in [LIAR, GUARD] {
                let presence = Presence {
                    project: self.w.project(),
                    incarnation: 0,
                    sent_ms: self.now,
                    ttl_ms: 5_000,
                    agents: vec![],
                    addresses: vec![],
                };
                let presence = Signed::new(&self.w.members[member].key, presence);
                self.receive(member, Wire::Presence(presence));
            }
            self.feed(Input::Wake);
        }
    }

    /// An agent posts findings, with their list or without it.
    fn post(&mut self, voter: Voter, list: &[Finding], veto: bool, send_list: bool) -> (Hash, Signed<Findings>) {
        let blob = Blob::new(&[list.len() as u8 + 9; 32], codec::encode(&list.to_vec()));
        let list: BlobRef = blob.reference();
        let findings = Findings {
            project: self.w.project(),
            thread: self.thread,
            list,
            count: 1,
            veto,
            task: None,
            token: None,
            partial: false,
        };
        let findings = Signed::new(&self.w.agent(voter.0, voter.1), findings);
        let body = Body::FindingsPosted(FindingsPosted {
            findings: findings.clone(),
        });
        let blobs = if send_list { vec![blob] } else { vec![] };
        (self.say(voter.0, body, blobs).hash(), findings)
    }

    fn our_endorsement(&self) -> Signed<Endorsement> {
        let endorsed = self.written.iter().find_map(|(_, b)| match b {
            Body::AgentEndorsed(b) => Some(b.endorsement.clone()),
            _ => None,
        });
        endorsed.expect("our agent is declared")
    }

    /// A proposal as it should be.
    fn sound(&self, mut findings: Vec<Hash>, vetoes: Vec<Signed<Findings>>) -> Proposed {
        let posted = self
            .written
            .iter()
            .filter(|(_, b)| matches!(b, Body::FindingsPosted(_)));
        findings.splice(0..0, posted.map(|(hash, _)| *hash));
        let mut panel = vec![self.our_endorsement()];
        panel.extend([LIARS_AGENT, GUARDS_AGENT].map(|(n, id)| self.w.endorsement(n, id, None)));
        let mut proposed = Proposed {
            thread: self.thread,
            subject: self.subject,
            roster: self.w.roster().hash(),
            panel,
            findings,
            vetoes,
        };
        sort(&mut proposed);
        proposed
    }

    fn propose(&mut self, proposed: Proposed) -> Hash {
        self.say(LIAR, Body::Proposed(proposed), vec![]).hash()
    }

    fn has_committed_to(&self, proposal: Hash) -> bool {
        let commits = self.written.iter();
        commits
            .into_iter()
            .any(|(_, b)| matches!(b, Body::Committed(c) if c.proposal == proposal))
    }

    fn own_proposals(&self) -> Vec<&Proposed> {
        let proposals = self.written.iter().filter_map(|(_, b)| match b {
            Body::Proposed(p) => Some(p),
            _ => None,
        });
        proposals.collect()
    }

    fn final_votes(&self) -> Vec<&FinalVote> {
        let votes = self.written.iter().filter_map(|(_, b)| match b {
            Body::FinalVoted(v) => Some(&v.vote.statement),
            _ => None,
        });
        votes.collect()
    }

    fn status(&self) -> ThreadStatus {
        let project = self.node.project(&self.w.project()).expect("the project");
        project.thread_status(&self.thread).expect("the thread")
    }
}

fn sort(proposed: &mut Proposed) {
    proposed.panel.sort_by_key(|s| s.statement.agent);
    proposed.vetoes.sort_by_key(|v| v.by);
}

/// A bench where the liar's agent found nothing, and the guard raised a founded veto, both `ago` before now.
fn vetoed(ago: u64) -> (Bench, Vec<Hash>, Signed<Findings>) {
    let mut bench = Bench::new();
    // Our own endorsement is no news any more.
    bench.pass(FINDINGS_GRACE_MS + 1_000);
    let (first, _) = bench.post(LIARS_AGENT, &[], false, true);
    let (second, veto) = bench.post(GUARDS_AGENT, &[critical("eval(a)")], true, true);
    // The home is the liar: we would propose one step after it.
    bench.pass(ago);
    (bench, vec![first, second], veto)
}

#[test]
fn a_sound_proposal_is_voted_on() {
    let (mut bench, findings, veto) = vetoed(1_000);
    let proposed = bench.sound(findings, vec![veto]);
    let proposal = bench.propose(proposed);
    assert!(bench.has_committed_to(proposal));
}

type Change = fn(&Bench, &mut Proposed);

/// What a proposer may do wrong, with what it does to a proposal that came at once.
const CROOKED: &[(&str, Change, bool)] = &[
    ("nothing", |_, _| (), true),
    ("another subject", |_, p| p.subject = Hash([1; 32]), false),
    ("another roster", |_, p| p.roster = Hash([1; 32]), false),
    (
        "our agent left out",
        |_, p| p.panel.retain(|s| s.statement.id != OUR_AGENT),
        false,
    ),
    (
        "an agent of ours that is none",
        |b, p| p.panel.push(b.w.endorsement(US, "architect-9", None)),
        false,
    ),
    (
        "our agent in another role",
        |b, p| {
            p.panel.retain(|s| s.statement.id != OUR_AGENT);
            let mut e = b.our_endorsement().statement;
            e.role = "security".into();
            p.panel.push(Signed::new(&b.w.members[US].key, e));
        },
        false,
    ),
    (
        "an agent of a node without a seat",
        |b, p| {
            let e = b.w.endorsement(GUARD, "security-7", None).statement;
            p.panel.push(Signed::new(&Keypair::from_seed([99; 32]), e));
        },
        false,
    ),
    (
        "a veto that nobody posted",
        |b, p| {
            let list = b.w.text("nothing");
            let mut findings = p.vetoes[0].statement.clone();
            findings.list = list;
            p.vetoes.push(Signed::new(&b.w.agent(LIAR, LIARS_AGENT.1), findings));
        },
        false,
    ),
    // Within the grace these may be honest: the proposer may not have heard.
    ("the veto left out", |_, p| p.vetoes.clear(), true),
    (
        "the veto and its findings left out",
        |_, p| {
            p.vetoes.clear();
            p.findings.pop();
        },
        true,
    ),
    (
        "the guard's agent left out",
        |_, p| p.panel.retain(|s| s.statement.role != "security"),
        true,
    ),
];

#[test]
fn a_crooked_proposal_is_not_voted_on() {
    for (what, change, within_grace) in CROOKED {
        // Between the two the home's time to propose must not run out, or we propose ourselves.
        let (mut bench, findings, veto) = vetoed(200);
        let mut proposed = bench.sound(findings, vec![veto]);
        change(&bench, &mut proposed);
        sort(&mut proposed);
        let proposal = bench.propose(proposed);
        assert_eq!(bench.has_committed_to(proposal), *within_grace, "{what}, at once");
    }
}

#[test]
fn what_was_known_for_long_has_to_be_named_and_a_sound_proposal_follows() {
    let late: Vec<_> = CROOKED.iter().filter(|(_, _, within_grace)| *within_grace).collect();
    for (what, change, _) in late {
        // The guard speaks first; the other role only much later, so that nobody proposes before.
        let mut bench = Bench::new();
        bench.pass(1_000);
        let (second, veto) = bench.post(GUARDS_AGENT, &[critical("eval(a)")], true, true);
        bench.pass(FINDINGS_GRACE_MS + 1_000);
        let (first, _) = bench.post(LIARS_AGENT, &[], false, true);
        let mut proposed = bench.sound(vec![first, second], vec![veto.clone()]);
        change(&bench, &mut proposed);
        sort(&mut proposed);
        let proposal = bench.propose(proposed);
        let honest = *what == "nothing";
        assert_eq!(bench.has_committed_to(proposal), honest, "{what}");
        if honest {
            continue;
        }
        bench.pass(5_000);
        let [ours] = bench.own_proposals()[..] else {
            panic!("{what}: {} own proposals", bench.own_proposals().len())
        };
        assert_eq!(ours.vetoes, [veto], "{what}");
        assert_eq!((ours.findings.len(), ours.panel.len()), (3, 3), "{what}");
        // Nobody else votes: people are asked in the end.
        bench.pass(5 * PHASE_MS);
        assert!(
            matches!(bench.status(), ThreadStatus::Escalated { .. }),
            "{what}: {:?}",
            bench.status()
        );
        assert_eq!(bench.own_proposals().len(), 1, "{what}");
    }
}

#[test]
fn a_veto_that_is_left_out_is_not_approved_past() {
    // With the list here the finding itself is the reason; without it the node cannot tell, and abstains.
    for (send_list, choice) in [(true, Choice::RequestChanges), (false, Choice::Abstain)] {
        let mut bench = Bench::new();
        bench.pass(1_000);
        let (first, _) = bench.post(LIARS_AGENT, &[], false, true);
        bench.post(GUARDS_AGENT, &[critical("eval(a)")], true, send_list);
        let proposed = bench.sound(vec![first], vec![]);
        let proposal = bench.propose(proposed);
        bench.pass(4 * PHASE_MS);
        assert!(bench.has_committed_to(proposal));
        let votes: Vec<_> = bench.final_votes().iter().map(|v| (v.choice, v.lifts_veto)).collect();
        assert_eq!(votes, [(choice, false)], "list {send_list}");
    }
}

#[test]
fn a_veto_with_nothing_behind_it_is_left_out_and_refused_where_it_is_named() {
    for list in [vec![], vec![critical("not in the change")]] {
        for named in [false, true] {
            let mut bench = Bench::new();
            bench.pass(3_000);
            let (first, _) = bench.post(LIARS_AGENT, &[], false, true);
            let (second, veto) = bench.post(GUARDS_AGENT, &list, true, true);
            let vetoes = if named { vec![veto] } else { vec![] };
            let proposed = bench.sound(vec![first, second], vetoes);
            let proposal = bench.propose(proposed);
            assert_eq!(bench.has_committed_to(proposal), !named, "{list:?}, named {named}");
        }
    }
}

#[test]
fn a_proposal_before_all_have_spoken_is_refused_and_a_flood_of_them_ends() {
    let mut bench = Bench::new();
    bench.pass(1_000);
    let mut proposals = Vec::new();
    for _ in 0..20 {
        let proposed = bench.sound(vec![], vec![]);
        proposals.push(bench.propose(proposed));
    }
    bench.pass(FINDINGS_GRACE_MS + 1_000);
    assert!(
        proposals.iter().all(|p| !bench.has_committed_to(*p)),
        "nobody has spoken"
    );
    let (_, veto) = bench.post(GUARDS_AGENT, &[critical("eval(a)")], true, true);
    bench.post(LIARS_AGENT, &[], false, true);
    bench.pass(5_000);
    let [ours] = bench.own_proposals()[..] else {
        panic!("{} own proposals", bench.own_proposals().len())
    };
    assert_eq!(ours.vetoes, [veto]);
    bench.pass(5 * PHASE_MS);
    assert!(
        matches!(bench.status(), ThreadStatus::Escalated { .. }),
        "{:?}",
        bench.status()
    );
}

impl Bench {
    /// The others' agents have found nothing, a proposal is there, and both have committed to it.
    fn voted_on(&mut self) -> Hash {
        self.pass(FINDINGS_GRACE_MS + 1_000);
        let (first, _) = self.post(LIARS_AGENT, &[], false, true);
        let (second, _) = self.post(GUARDS_AGENT, &[], false, true);
        let proposal = self.propose(self.sound(vec![first, second], vec![]));
        for voter in [LIARS_AGENT, GUARDS_AGENT] {
            let agent = self.w.agent(voter.0, voter.1).public();
            let commitment = Hash([3; 32]);
            let body = Committed {
                proposal,
                agent,
                commitment,
            };
            self.say(voter.0, Body::Committed(body), vec![]);
        }
        proposal
    }

    fn cast(&mut self, voter: Voter, proposal: Hash, epoch: u32, choice: Choice) -> EventRef {
        let vote = FinalVote {
            project: self.w.project(),
            thread: self.thread,
            epoch,
            roster: self.w.rosters[epoch as usize].hash(),
            subject: self.subject,
            proposal,
            choice,
            lifts_veto: false,
        };
        let vote = Signed::new(&self.w.agent(voter.0, voter.1), vote);
        self.say(voter.0, Body::FinalVoted(FinalVoted { vote, reason: None }), vec![])
            .reference()
    }

    fn our_vote(&self, proposal: Hash) -> Option<EventRef> {
        let p = self.node.project(&self.w.project())?;
        let votes = p.state.finals.countable(proposal, &p.state.ballots[&proposal]);
        let me = self.w.members[US].node();
        votes.values().map(|f| f.reference).find(|r| r.feed.node == me)
    }

    fn decide(&mut self, by: usize, proposal: Hash, choice: Choice, mut votes: Vec<EventRef>) {
        votes.sort_unstable();
        let body = Decided {
            thread: self.thread,
            proposal,
            choice,
            votes,
        };
        self.say(by, Body::Decided(body), vec![]);
    }
}

#[test]
fn empty_lists_of_a_member_without_a_vote_end_nobodys_work() {
    for blind in [false, true] {
        let mut bench = Bench::new();
        bench.blind = blind;
        for id in ["architect-9", "performance-9", "security-9"] {
            let endorsement = bench.w.endorsement(READER, id, None);
            bench.say(READER, Body::AgentEndorsed(AgentEndorsed { endorsement }), vec![]);
            bench.post((READER, id), &[], false, true);
        }
        bench.pass(5_000);
        assert_eq!(bench.looks, 1, "our agent looks all the same");
        assert!(bench.own_proposals().is_empty(), "the asked seats have not spoken");
        bench.voted_on();
        bench.pass(6 * PHASE_MS);
        let votes: Vec<Choice> = bench.final_votes().iter().map(|v| v.choice).collect();
        let expected = if blind { Choice::Abstain } else { Choice::Approve };
        assert_eq!(votes, [expected], "who has not looked does not approve");
    }
}

#[test]
fn a_thread_is_voted_on_under_one_roster() {
    let mut bench = Bench::new();
    let first = bench.voted_on();
    bench.pass(2 * PHASE_MS + 1_000);
    assert!(bench.our_vote(first).is_some());
    let mut next = bench.w.next_roster();
    next.readers.push(Keypair::from_seed([77; 32]).public());
    next.readers.sort();
    let change = bench.w.change(&next, &[0, 1, 2]);
    bench.say(LIAR, Body::RosterChanged(change), vec![]);
    bench.w.rosters.push(next);
    let second = bench.propose(bench.sound(vec![], vec![]));
    bench.pass(2 * PHASE_MS);
    assert!(!bench.has_committed_to(second), "it is under another roster");
    assert_eq!(bench.final_votes().len(), 1, "an agent votes once");
    let votes = [LIARS_AGENT, GUARDS_AGENT].map(|v| bench.cast(v, second, 1, Choice::RequestChanges));
    bench.decide(LIAR, second, Choice::RequestChanges, votes.to_vec());
    assert!(!matches!(bench.status(), ThreadStatus::Decided { .. }));
}

#[test]
fn what_people_decided_is_not_turned_over_by_a_vote_that_was_held_back() {
    let mut bench = Bench::new();
    let proposal = bench.voted_on();
    bench.pass(2 * PHASE_MS + 1_000);
    let guards = bench.cast(GUARDS_AGENT, proposal, 0, Choice::Approve);
    bench.pass(4 * PHASE_MS);
    let asked = bench.written.iter().find_map(|(hash, b)| match b {
        Body::Escalated(e) => Some((*hash, e.question.hash)),
        _ => None,
    });
    let (escalation, question) = asked.expect("a vote is missing: people are asked");
    for owner in [US, GUARD] {
        let answer = Answer {
            project: bench.w.project(),
            escalation,
            question,
            option: 1,
            text: None,
            person: "p".into(),
        };
        let answer = Signed::new(&bench.w.members[owner].operator.clone(), answer);
        bench.say(GUARD, Body::EscalationAnswered(EscalationAnswered { answer }), vec![]);
    }
    let answered = ThreadStatus::Answered { escalation, option: 1 };
    assert_eq!(bench.status(), answered);
    bench.pass(5 * PHASE_MS);
    let liars = bench.cast(LIARS_AGENT, proposal, 0, Choice::Approve);
    let ours = bench.our_vote(proposal).expect("our vote");
    bench.decide(LIAR, proposal, Choice::Approve, vec![guards, liars, ours]);
    assert_eq!(bench.status(), answered);
}

#[test]
fn a_review_that_shows_strangers_another_diff_is_not_joined() {
    let mut honest = Bench::showing(DIFF);
    honest.pass(FINDINGS_MS);
    assert_eq!(honest.looks, 1);
    let mut crooked = Bench::showing(&DIFF.replace("@@ -1", "@@ -2"));
    crooked.pass(FINDINGS_MS);
    assert_eq!(crooked.looks, 0, "its agent does not look");
    let posted = |b: &Bench| b.written.iter().any(|(_, b)| matches!(b, Body::FindingsPosted(_)));
    assert!(posted(&honest) && !posted(&crooked));
    assert!(crooked.own_proposals().is_empty(), "and nothing is put to the vote");
}
