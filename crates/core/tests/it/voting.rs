//! Ballots, step by step: commitments, reveals, final votes, decisions.

use bzzz_core::body::*;
use bzzz_core::crypto::{Hash, PublicKey};
use bzzz_core::event::Event;
use bzzz_core::state::ThreadStatus;

use crate::world::World;

/// An agent: its node's number and its id.
pub type Voter = (usize, &'static str);

/// Three nodes, five agents: ann has two, bob has two, cat has one.
pub const FIVE: [Voter; 5] = [
    (0, "reviewer-1"),
    (0, "security-1"),
    (1, "architect-1"),
    (1, "performance-1"),
    (2, "documentation-1"),
];

/// Their roles.
pub const ROLES: [&str; 5] = ["reviewer", "security", "architect", "performance", "documentation"];

/// A proposal and the thread that it is in.
#[derive(Clone)]
pub struct Round {
    pub thread: Hash,
    pub proposal: Event,
    pub proposed: Proposed,
    pub epoch: u32,
}

impl World {
    /// Puts a thread's subject to the vote of a panel.
    pub fn propose(&mut self, by: usize, thread: Hash, panel: &[Voter]) -> Round {
        self.propose_against(by, thread, panel, vec![])
    }

    /// [`World::propose`], naming vetoes.
    pub fn propose_against(
        &mut self,
        by: usize,
        thread: Hash,
        panel: &[Voter],
        mut vetoes: Vec<Signed<Findings>>,
    ) -> Round {
        vetoes.sort_by_key(|v| v.by);
        let findings = vec![];
        let mut panel: Vec<_> = panel
            .iter()
            .map(|(node, id)| self.endorsement(*node, id, (*node < 2).then_some("gpt-4.1")))
            .collect();
        panel.sort_by_key(|s| s.statement.agent);
        let proposed = Proposed {
            thread,
            subject: self.changed_line("change").hash(),
            roster: self.roster().hash(),
            panel,
            findings,
            vetoes,
        };
        let proposal = self.append(by, Body::Proposed(proposed.clone()));
        Round {
            thread,
            proposal,
            proposed,
            epoch: self.roster().epoch,
        }
    }

    /// The statement of a final vote.
    pub fn vote(&self, round: &Round, choice: Choice) -> FinalVote {
        FinalVote {
            project: self.project(),
            thread: round.thread,
            epoch: round.epoch,
            roster: round.proposed.roster,
            subject: round.proposed.subject,
            proposal: round.proposal.hash(),
            choice,
            lifts_veto: false,
        }
    }

    /// A voter casts its final vote through its own node.
    pub fn cast(&mut self, voter: Voter, vote: FinalVote) -> Event {
        let agent = self.agent(voter.0, voter.1);
        let body = FinalVoted {
            vote: Signed::new(&agent, vote),
            reason: None,
        };
        self.append(voter.0, Body::FinalVoted(body))
    }

    pub fn decide(&mut self, by: usize, round: &Round, choice: Choice, votes: &[Event]) -> Event {
        let mut votes: Vec<_> = votes.iter().map(Event::reference).collect();
        votes.sort();
        let body = Decided {
            thread: round.thread,
            proposal: round.proposal.hash(),
            choice,
            votes,
        };
        self.append(by, Body::Decided(body))
    }
}

/// Who is countable on the round's proposal, with the choice.
fn countable(w: &World, round: &Round) -> Vec<(PublicKey, Choice)> {
    let state = w.state();
    let id = round.proposal.hash();
    let counted = state.finals.countable(id, &state.ballots[&id]);
    counted.iter().map(|(a, f)| (*a, f.vote.statement.choice)).collect()
}

fn is_decided(w: &World, round: &Round) -> bool {
    matches!(
        w.state().thread_status(&round.thread),
        Some(ThreadStatus::Decided { .. })
    )
}

#[test]
fn a_first_vote_stands_when_it_is_the_one_committed_to() {
    let mut w = World::three();
    let thread = w.thread(0);
    let round = w.propose(0, thread, &FIVE);
    let id = round.proposal.hash();
    let reveal = |choice| Reveal {
        proposal: id,
        choice,
        nonce: Hash([3; 32]),
        reason: None,
    };
    let commit = |w: &mut World, voter: Voter, by: usize, commitment: Hash| {
        let agent = w.agent(voter.0, voter.1).public();
        let body = Committed {
            proposal: id,
            agent,
            commitment,
        };
        w.append(by, Body::Committed(body));
    };
    let show = |w: &mut World, voter: Voter, reveal: Reveal| {
        let agent = w.agent(voter.0, voter.1);
        let body = Revealed {
            reveal: Signed::new(&agent, reveal),
        };
        w.append(voter.0, Body::Revealed(body));
    };
    let key = |w: &World, voter: Voter| w.agent(voter.0, voter.1).public();

    // The first keeps its word; the second shows another vote; the third was committed to by another's node.
    let own = reveal(Choice::Approve).commitment(&key(&w, FIVE[0]));
    commit(&mut w, FIVE[0], 0, own);
    show(&mut w, FIVE[0], reveal(Choice::Approve));
    let said = reveal(Choice::Approve).commitment(&key(&w, FIVE[1]));
    commit(&mut w, FIVE[1], 0, said);
    show(&mut w, FIVE[1], reveal(Choice::RequestChanges));
    let third = reveal(Choice::Approve).commitment(&key(&w, FIVE[2]));
    commit(&mut w, FIVE[2], 2, third);
    show(&mut w, FIVE[2], reveal(Choice::Approve));
    // The fourth repeats the first's commitment unread, and its vote after the reveal.
    commit(&mut w, FIVE[3], 1, own);
    show(&mut w, FIVE[3], reveal(Choice::Approve));

    let state = w.state();
    let ballot = &state.ballots[&id];
    let standing: Vec<_> = ballot.first_votes().into_iter().collect();
    assert_eq!(standing, [(key(&w, FIVE[0]), Choice::Approve)]);
    let committed = [FIVE[0], FIVE[1], FIVE[3]].map(|v| key(&w, v));
    assert_eq!(ballot.committed(), committed.into());
}

#[test]
fn two_final_votes_of_one_voter_count_for_nothing() {
    let mut w = World::three();
    let thread = w.thread(0);
    let round = w.propose(0, thread, &FIVE);
    for voter in FIVE {
        let vote = w.vote(&round, Choice::Approve);
        w.cast(voter, vote);
    }
    assert_eq!(countable(&w, &round).len(), 5);

    // The same vote again is no other vote.
    let again = w.vote(&round, Choice::Approve);
    w.cast(FIVE[4], again);
    assert_eq!(countable(&w, &round).len(), 5);

    let other = w.vote(&round, Choice::RequestChanges);
    w.cast(FIVE[4], other);
    let cheat = w.agent(FIVE[4].0, FIVE[4].1).public();
    assert!(countable(&w, &round).iter().all(|(agent, _)| *agent != cheat));
    assert_eq!(countable(&w, &round).len(), 4);

    // Two proposals of one subject are one question.
    let second = w.propose(1, thread, &FIVE);
    let elsewhere = w.vote(&second, Choice::Approve);
    w.cast(FIVE[0], elsewhere);
    let state = w.state();
    let both = state.finals.equivocators(thread, round.proposed.subject, 0);
    assert_eq!(both.len(), 2);
    assert_eq!(countable(&w, &round).len(), 3);
    assert_eq!(countable(&w, &second).len(), 0);
}

#[test]
fn a_vote_counts_when_it_comes_from_its_own_node_and_names_the_proposal_exactly() {
    let mut w = World::three();
    let thread = w.thread(0);
    let round = w.propose(0, thread, &FIVE);
    let agent = w.agent(2, FIVE[4].1);
    let vote = w.vote(&round, Choice::Approve);
    let body = Body::FinalVoted(FinalVoted {
        vote: Signed::new(&agent, vote.clone()),
        reason: None,
    });
    w.append(0, body);
    assert_eq!(countable(&w, &round), [], "another node's word for it");
    w.cast(FIVE[4], vote.clone());
    assert_eq!(countable(&w, &round).len(), 1);
    let stranger = FinalVote {
        roster: Hash([1; 32]),
        ..vote
    };
    w.cast(FIVE[0], stranger);
    assert_eq!(countable(&w, &round).len(), 1, "it names another roster");
}

#[test]
fn a_decision_stands_on_more_than_two_thirds_of_the_rosters_weight() {
    let mut w = World::three();
    let thread = w.thread(0);
    let round = w.propose(0, thread, &FIVE);
    let vote = w.vote(&round, Choice::Approve);
    let mut votes: Vec<Event> = FIVE[..4].iter().map(|v| w.cast(*v, vote.clone())).collect();
    w.decide(0, &round, Choice::Approve, &votes);
    assert!(
        !is_decided(&w, &round),
        "two thirds are not enough, however many agents they are"
    );

    let abstains = w.vote(&round, Choice::Abstain);
    let abstention = w.cast(FIVE[4], abstains);
    let with_abstention = [&votes[..], &[abstention]].concat();
    w.decide(1, &round, Choice::Approve, &with_abstention);
    w.decide(1, &round, Choice::Abstain, &with_abstention);
    assert!(!is_decided(&w, &round), "an abstention is not assent");

    votes.push(votes[0].clone());
    w.decide(1, &round, Choice::Approve, &votes);
    assert!(!is_decided(&w, &round), "a vote counts once");
}

#[test]
fn votes_for_something_else_carry_no_decision() {
    type Change = fn(&mut FinalVote);
    let changes: [(Change, bool); 6] = [
        (|_| (), true),
        (|v| v.thread = Hash([1; 32]), false),
        (|v| v.roster = Hash([1; 32]), false),
        (|v| v.subject = Hash([1; 32]), false),
        (|v| v.epoch = 1, false),
        (|v| v.proposal = Hash([1; 32]), false),
    ];
    for (change, decides) in changes {
        let mut w = World::three();
        let thread = w.thread(0);
        let round = w.propose(0, thread, &FIVE);
        let mut vote = w.vote(&round, Choice::Approve);
        change(&mut vote);
        let votes: Vec<Event> = FIVE.iter().map(|v| w.cast(*v, vote.clone())).collect();
        w.decide(0, &round, Choice::Approve, &votes);
        assert_eq!(is_decided(&w, &round), decides, "{vote:?}");
    }
}

impl World {
    /// The findings statement of an agent that vetoes.
    pub fn veto(&self, thread: Hash, voter: Voter) -> Signed<Findings> {
        let findings = Findings {
            project: self.project(),
            thread,
            list: self.text("findings"),
            count: 1,
            veto: true,
            task: None,
            token: None,
            partial: false,
        };
        Signed::new(&self.agent(voter.0, voter.1), findings)
    }
}

#[test]
fn a_veto_that_the_proposal_names_stands_until_security_lifts_it() {
    for (named, lifted, choice, decides) in [
        (true, false, Choice::Approve, false),
        (true, true, Choice::Approve, true),
        (false, false, Choice::Approve, true),
        (true, false, Choice::RequestChanges, true),
    ] {
        let mut w = World::three();
        let thread = w.thread(0);
        let findings = w.veto(thread, FIVE[1]);
        w.append(
            0,
            Body::FindingsPosted(FindingsPosted {
                findings: findings.clone(),
            }),
        );
        let round = w.propose_against(0, thread, &FIVE, if named { vec![findings] } else { vec![] });
        let vote = w.vote(&round, choice);
        let votes: Vec<Event> = FIVE
            .iter()
            .map(|v| {
                let lifts_veto = lifted && v.1 == "security-1";
                w.cast(
                    *v,
                    FinalVote {
                        lifts_veto,
                        ..vote.clone()
                    },
                )
            })
            .collect();
        w.decide(0, &round, choice, &votes);
        assert_eq!(
            is_decided(&w, &round),
            decides,
            "named {named}, lifted {lifted}, {choice:?}"
        );
    }
}

#[test]
fn a_veto_is_lifted_by_more_than_half_of_the_security_weight_on_the_panel() {
    // Ann's security agent shares its node's weight with one other, bob's and cat's have theirs alone: ½, 1, 1.
    let panel = [
        (0, "reviewer-1"),
        (0, "security-1"),
        (1, "security-2"),
        (2, "security-3"),
    ];
    for (lifters, decides) in [
        (&panel[1..2], false),
        (&panel[2..3], false),
        (&panel[1..3], true),
        // A lift by whoever is no security voter is none.
        (&[panel[0], panel[2]], false),
    ] {
        let mut w = World::three();
        let thread = w.thread(0);
        let veto = w.veto(thread, panel[3]);
        let round = w.propose_against(1, thread, &panel, vec![veto]);
        let vote = w.vote(&round, Choice::Approve);
        let votes: Vec<Event> = panel
            .iter()
            .map(|v| {
                let lifts_veto = lifters.contains(v);
                let vote = FinalVote {
                    lifts_veto,
                    ..vote.clone()
                };
                w.cast(*v, vote)
            })
            .collect();
        w.decide(0, &round, Choice::Approve, &votes);
        assert_eq!(is_decided(&w, &round), decides, "lifted by {lifters:?}");
    }
    // Where no security voter is on the panel nobody can lift anything.
    let mut w = World::three();
    let thread = w.thread(0);
    let quiet = [(0, "reviewer-1"), (1, "reviewer-2"), (2, "reviewer-3")];
    let veto = w.veto(thread, (0, "security-1"));
    let round = w.propose_against(1, thread, &quiet, vec![veto]);
    let vote = FinalVote {
        lifts_veto: true,
        ..w.vote(&round, Choice::Approve)
    };
    let votes: Vec<Event> = quiet.map(|v| w.cast(v, vote.clone())).into();
    w.decide(0, &round, Choice::Approve, &votes);
    assert!(!is_decided(&w, &round));
}

#[test]
fn vetoes_are_named_once_an_agent_and_about_this_thread() {
    let mut w = World::three();
    let thread = w.thread(0);
    let (one, two) = (w.veto(thread, FIVE[0]), w.veto(thread, FIVE[1]));
    let with = |w: &World, vetoes: Vec<Signed<Findings>>| {
        let mut w = w.clone();
        let round = w.propose(0, thread, &FIVE);
        let proposed = Proposed {
            vetoes,
            ..round.proposed
        };
        w.append(0, Body::Proposed(proposed)).body().is_some()
    };
    let mut both = vec![one.clone(), two];
    both.sort_by_key(|v| v.by);
    assert!(with(&w, both.clone()));
    both.reverse();
    assert!(!with(&w, both), "unsorted");
    assert!(!with(&w, vec![one.clone(), one.clone()]), "twice");
    assert!(!with(&w, vec![w.veto(Hash([1; 32]), FIVE[0])]), "another thread's");
    let plain = Findings {
        veto: false,
        ..one.statement
    };
    assert!(
        !with(&w, vec![Signed::new(&w.agent(0, "reviewer-1"), plain)]),
        "no veto"
    );
}
