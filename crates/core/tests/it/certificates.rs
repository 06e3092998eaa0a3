//! Decision certificates: real ones hold, and every other one is refused for the right reason.

use bzzz_core::body::*;
use bzzz_core::certificate::{CERTIFICATE_VERSION, Certificate, CertificateError, Receipt};
use bzzz_core::change::{ChangeSet, Subject, diff_digest};
use bzzz_core::codec;
use bzzz_core::crypto::Hash;
use bzzz_core::event::{Draft, Event};
use bzzz_core::roster::{RosterError, UNITS_PER_WEIGHT};
use proptest::prelude::*;

use crate::voting::{FIVE, ROLES, Round, Voter};
use crate::world::World;

/// A finished ballot with its certificate: three nodes, five agents, one roster change before it, one dissent.
pub struct Decision {
    pub world: World,
    pub round: Round,
    pub certificate: Certificate,
}

/// Pools of weight 2, 2 and 1 with a seat each, after a change that gave ann's its second; member 3 only reads. All four agents
/// of ann and bob approve, cat's requests changes. Ann's security agent had raised a veto, and lifts it.
pub fn decision() -> Decision {
    let mut w = World::new(&[("ann", 1, 1), ("bob", 2, 1), ("cat", 1, 1)], 1, Authority::Home);
    // Ann's weight grows by a vote of all.
    let mut next = w.next_roster();
    next.pools[0].weight = 2;
    let change = w.change(&next, &[0, 1, 2]);
    w.append(0, Body::RosterChanged(change));
    w.rosters.push(next);
    let thread = w.thread_asking(0, &ROLES);
    // A veto stands in its way, which ann's security agent no longer stands by.
    let veto = w.veto(thread, FIVE[1]);
    let round = w.propose_against(0, thread, &FIVE, vec![veto]);
    let choices = [
        Choice::Approve,
        Choice::Approve,
        Choice::Approve,
        Choice::Approve,
        Choice::RequestChanges,
    ];
    let votes: Vec<Event> = FIVE
        .iter()
        .zip(choices)
        .map(|(voter, choice)| {
            let mut vote = w.vote(&round, choice);
            vote.lifts_veto = *voter == FIVE[1];
            w.cast(*voter, vote)
        })
        .collect();
    w.decide(1, &round, Choice::Approve, &votes);
    let state = w.state();
    let mut certificate = Certificate::gather(
        &state,
        w.opening(thread),
        &round.proposal,
        Some(&w.changed_line("change")),
    )
    .expect("a decision");
    for (i, spent_microusd) in [(0, 1_250), (2, 40)] {
        let receipt = Receipt {
            project: w.project(),
            thread,
            spent_microusd,
        };
        certificate.receipts.push(Signed::new(&w.members[i].key, receipt));
    }
    Decision {
        world: w,
        round,
        certificate,
    }
}

fn wire(event: &Event) -> minicbor::bytes::ByteVec {
    event.encode().into()
}

#[test]
fn a_real_one_holds_and_says_what_was_decided() {
    let d = decision();
    let verified = d.certificate.verify(Some(d.world.project())).unwrap();
    // By hand: pools 2 + 2 + 1, one seat each; ann's and bob's two agents share their node's weight; cat dissents.
    assert_eq!(
        (verified.weight, verified.total),
        (4 * UNITS_PER_WEIGHT, 5 * UNITS_PER_WEIGHT)
    );
    let weight = |id: &str| verified.voters.iter().find(|v| v.id == id).unwrap().weight;
    assert_eq!(
        FIVE.map(|(_, id)| weight(id)),
        [1, 1, 1, 1, 1].map(|n| n * UNITS_PER_WEIGHT)
    );
    assert_eq!((verified.nodes, verified.owners, verified.model_families), (2, 2, 1));
    assert_eq!((verified.choice, verified.epoch), (Choice::Approve, 1));
    assert_eq!(verified.subject, d.round.proposed.subject);
    assert_eq!(verified.spent_microusd, 1_290);
    assert_eq!(verified.project_name, "atlas");
    assert!(verified.consensus && verified.pinned);
    let [veto] = &verified.vetoes[..] else {
        panic!("one veto is named: {:?}", verified.vetoes)
    };
    assert_eq!(
        (veto.id.as_deref(), veto.owner.as_deref()),
        (Some("security-1"), Some("ann"))
    );
    assert_eq!(
        (&veto.lifted_by[..], veto.lifted),
        (&["security-1".to_owned()][..], true)
    );
    assert!(verified.voters.iter().all(|v| v.seat));
    let dissent = verified
        .voters
        .iter()
        .find(|v| v.choice == Some(Choice::RequestChanges));
    assert_eq!(dissent.unwrap().owner, "cat");
    assert!(!d.certificate.verify(None).unwrap().pinned);
}

#[test]
fn weights_are_rounded_down_at_every_step() {
    // 1,000,000 / 3 seats = 333,333; / 2 agents = 166,666; the roster's weight is what the seats have, not what the pool had.
    let w = World::new(&[("ann", 1, 3), ("bob", 1, 1)], 0, Authority::Home);
    let roster = w.roster();
    assert_eq!(roster.total_weight(), 3 * 333_333 + 1_000_000);
    let voters: Vec<_> = [(0, "a"), (0, "b"), (1, "c"), (3, "d")]
        .iter()
        .map(|(i, id)| (w.agent(*i, id).public(), w.members[*i].node()))
        .collect();
    let weights = roster.voter_weights(&voters);
    assert_eq!(
        voters.iter().map(|(a, _)| weights[a]).collect::<Vec<_>>(),
        [166_666, 166_666, 333_333, 1_000_000]
    );
}

#[test]
fn more_agents_on_a_node_give_it_no_more_weight() {
    let many: Vec<String> = (0..40).map(|n| format!("reviewer-{n}")).collect();
    let mut panel: Vec<Voter> = many.iter().map(|id| (0, &*id.clone().leak())).collect();
    panel.extend([(1, "one"), (2, "two")]);
    let mut w = World::three();
    let thread = w.thread(0);
    let round = w.propose(0, thread, &panel);
    let vote = w.vote(&round, Choice::Approve);
    let certificate = |voters: &[Voter]| Certificate {
        version: 1,
        genesis: wire(&w.genesis),
        rosters: vec![],
        opening: wire(w.opening(thread)),
        subject: None,
        proposal: wire(&round.proposal),
        choice: Choice::Approve,
        votes: voters
            .iter()
            .map(|(n, id)| Signed::new(&w.agent(*n, id), vote.clone()))
            .collect(),
        receipts: vec![],
    };
    assert_eq!(
        certificate(&panel[..41]).verify(None),
        Err(CertificateError::NoQuorum {
            weight: 2 * UNITS_PER_WEIGHT,
            total: 3 * UNITS_PER_WEIGHT
        })
    );
    assert_eq!(certificate(&panel).verify(None).unwrap().weight, 3 * UNITS_PER_WEIGHT);
}

#[test]
fn pem_round_trips_and_survives_other_line_lengths() {
    let certificate = decision().certificate;
    let pem = certificate.to_pem();
    assert_eq!(Certificate::from_pem(&pem), Ok(certificate.clone()));
    let windows = format!("Mail text\r\n{}more text", pem.replace('\n', "\r\n  "));
    assert_eq!(Certificate::from_pem(&windows), Ok(certificate));
    let other_label = pem.replace("DECISION", "BIRTH");
    for bad in [
        "",
        &pem[40..],
        &pem[..pem.len() - 30],
        &other_label,
        &pem.replace('A', "!"),
    ] {
        assert_eq!(Certificate::from_pem(bad), Err(CertificateError::Pem));
    }
}

#[test]
fn a_vote_that_does_not_belong_is_refused() {
    let d = decision();
    let refused = |change: &dyn Fn(&mut FinalVote), why: &str| {
        let mut c = d.certificate.clone();
        let voter = FIVE
            .into_iter()
            .find(|v| d.world.agent(v.0, v.1).public() == c.votes[0].by);
        let agent = voter.map(|(n, id)| d.world.agent(n, id)).unwrap();
        let mut vote = c.votes[0].statement.clone();
        change(&mut vote);
        c.votes[0] = Signed::new(&agent, vote);
        match c.verify(None) {
            Err(CertificateError::Vote { why: got, .. }) => assert_eq!(got, why),
            other => panic!("{other:?}, not: {why}"),
        }
    };
    refused(&|v| v.project = Hash([1; 32]), "it is about something else");
    refused(&|v| v.thread = Hash([1; 32]), "it is about something else");
    refused(&|v| v.subject = Hash([1; 32]), "it is about something else");
    refused(&|v| v.epoch = 0, "it names another roster");
    refused(&|v| v.roster = d.world.rosters[0].hash(), "it names another roster");
    refused(&|v| v.proposal = Hash([1; 32]), "it is about another proposal");

    let with = |change: &dyn Fn(&mut Certificate)| {
        let mut c = d.certificate.clone();
        change(&mut c);
        c.verify(None)
    };
    let why = |change: &dyn Fn(&mut Certificate)| match with(change) {
        Err(CertificateError::Vote { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(&|c| c.votes.push(c.votes[1].clone())), "it votes twice");
    assert_eq!(
        why(&|c| c.votes[0].signature.0[5] ^= 1),
        "its signature is not the agent's"
    );
    assert_eq!(
        why(&|c| c.votes[0].by = c.votes[1].by),
        "its signature is not the agent's"
    );
    assert_eq!(
        why(&|c| {
            let stranger = d.world.agent(0, "nobody-1");
            c.votes[0] = Signed::new(&stranger, c.votes[0].statement.clone());
        }),
        "it is not on the panel"
    );
    // A changed mind of another is a broken signature; a turned outcome lacks the votes.
    assert_eq!(
        why(&|c| c.votes[0].statement.lifts_veto ^= true),
        "its signature is not the agent's"
    );
    assert_eq!(
        with(&|c| c.choice = Choice::RequestChanges),
        Err(CertificateError::NoQuorum {
            weight: UNITS_PER_WEIGHT,
            total: 5 * UNITS_PER_WEIGHT
        })
    );
    assert!(matches!(
        with(&|c| c.choice = Choice::Abstain),
        Err(CertificateError::Proposal(_))
    ));
}

#[test]
fn too_few_votes_and_abstentions_are_no_quorum() {
    let d = decision();
    let approves = |c: &Certificate| {
        c.votes
            .iter()
            .position(|v| v.statement.choice == Choice::Approve)
            .unwrap()
    };
    let mut c = d.certificate.clone();
    let at = approves(&c);
    c.votes.remove(at);
    assert_eq!(
        c.verify(None),
        Err(CertificateError::NoQuorum {
            weight: 3 * UNITS_PER_WEIGHT,
            total: 5 * UNITS_PER_WEIGHT
        })
    );
    let mut c = d.certificate.clone();
    let voter = FIVE
        .into_iter()
        .find(|v| d.world.agent(v.0, v.1).public() == c.votes[at].by)
        .unwrap();
    c.votes[at] = Signed::new(
        &d.world.agent(voter.0, voter.1),
        d.world.vote(&d.round, Choice::Abstain),
    );
    assert!(matches!(c.verify(None), Err(CertificateError::NoQuorum { .. })));
    // The only vote of an asked role cannot be left out, a dissent least of all.
    let mut c = d.certificate.clone();
    c.votes.retain(|v| v.statement.choice == Choice::Approve);
    assert_eq!(c.verify(None), Err(CertificateError::Unheard("documentation".into())));
}

#[test]
fn a_proposal_that_does_not_belong_is_refused() {
    let d = decision();
    let w = &d.world;
    let proposal = |by: &bzzz_core::crypto::Keypair, change: &dyn Fn(&mut Draft, &mut Proposed)| {
        let h = d.round.proposal.header();
        let mut draft = Draft {
            project: h.project,
            incarnation: 0,
            seq: h.seq,
            prev: h.prev,
            hlc: h.hlc,
            epoch: h.epoch,
            deps: vec![],
        };
        let mut proposed = d.round.proposed.clone();
        change(&mut draft, &mut proposed);
        let event = Event::sign(by, draft, &Body::Proposed(proposed.clone()));
        let round = Round {
            proposal: event.clone(),
            proposed,
            ..d.round.clone()
        };
        let vote = w.vote(&round, Choice::Approve);
        Certificate {
            proposal: wire(&event),
            votes: FIVE
                .iter()
                .map(|(n, id)| {
                    let lifts_veto = *id == "security-1";
                    Signed::new(
                        &w.agent(*n, id),
                        FinalVote {
                            lifts_veto,
                            ..vote.clone()
                        },
                    )
                })
                .collect(),
            ..d.certificate.clone()
        }
    };
    let ann = &w.members[0].key;
    assert!(proposal(ann, &|_, _| ()).verify(None).is_ok());
    assert!(
        proposal(&w.members[3].key, &|_, _| ()).verify(None).is_ok(),
        "a reader may propose"
    );
    let refused = |c: Certificate, want: &str| match c.verify(None) {
        Err(CertificateError::Proposal(why)) => assert_eq!(why, want),
        other => panic!("{other:?}, not: {want}"),
    };
    refused(
        proposal(ann, &|d, _| d.project = Hash([1; 32])),
        "it belongs to another project",
    );
    refused(proposal(ann, &|d, _| d.epoch = 0), "it names another roster");
    refused(
        proposal(ann, &|_, p| p.roster = w.rosters[0].hash()),
        "it names another roster",
    );
    let stranger = bzzz_core::crypto::Keypair::from_seed([77; 32]);
    refused(proposal(&stranger, &|_, _| ()), "its author is not a member");
    let endorsement = "an endorsement in its panel does not hold";
    refused(
        proposal(ann, &|_, p| p.panel[0].statement.role = "architect".into()),
        endorsement,
    );
    refused(proposal(ann, &|_, p| p.panel[0].signature.0[0] ^= 1), endorsement);
    refused(
        proposal(ann, &|_, p| {
            let mut e = p.panel[0].statement.clone();
            e.project = Hash([1; 32]);
            let node = w.members.iter().find(|m| m.node() == p.panel[0].by).unwrap();
            p.panel[0] = Signed::new(&node.key, e);
        }),
        endorsement,
    );
    let unasked = proposal(ann, &|_, p| {
        p.panel[0] = Signed::new(&stranger, p.panel[0].statement.clone());
    });
    refused(unasked, endorsement);
    // Agents that go with a stranger are there, and weigh nothing.
    let foreign = proposal(ann, &|_, p| {
        for seat in &mut p.panel {
            let mut agents = FIVE.iter().map(|(n, id)| w.agent(*n, id));
            let agent = agents.find(|a| a.public() == seat.statement.agent).expect("an agent");
            let mut statement = seat.statement.clone();
            statement.consent = AgentConsent::sign(&agent, w.project(), stranger.public(), &statement.id);
            *seat = Signed::new(&stranger, statement);
        }
    });
    assert_eq!(
        foreign.verify(None),
        Err(CertificateError::NoQuorum {
            weight: 0,
            total: 5 * UNITS_PER_WEIGHT
        })
    );
    refused(
        proposal(ann, &|_, p| p.vetoes[0].signature.0[0] ^= 1),
        "a veto that it names does not hold",
    );
    refused(
        proposal(ann, &|_, p| p.vetoes[0].statement.count += 1),
        "a veto that it names does not hold",
    );
    refused(
        proposal(ann, &|_, p| {
            let mut f = p.vetoes[0].statement.clone();
            f.project = Hash([1; 32]);
            p.vetoes[0] = Signed::new(&w.agent(0, "security-1"), f);
        }),
        "a veto that it names does not hold",
    );
    refused(
        proposal(ann, &|_, p| p.vetoes[0].statement.veto = false),
        "it is another kind of event",
    );
    let mut other_kind = d.certificate.clone();
    other_kind.proposal = wire(&w.events[2]);
    refused(other_kind, "it is another kind of event");
}

#[test]
fn a_chain_that_does_not_follow_is_refused() {
    let d = decision();
    let w = &d.world;
    let with = |change: &dyn Fn(&mut Certificate)| {
        let mut c = d.certificate.clone();
        change(&mut c);
        c.verify(None)
    };
    let no_quorum = with(&|c| c.rosters[0] = w.change(&w.rosters[1], &[0, 2]));
    assert!(matches!(
        no_quorum,
        Err(CertificateError::Roster {
            epoch: 1,
            why: RosterError::NoQuorum { .. }
        })
    ));
    let by_strangers = with(&|c| {
        c.rosters[0]
            .signatures
            .iter_mut()
            .for_each(|s| s.node = w.members[3].node())
    });
    assert!(matches!(by_strangers, Err(CertificateError::Roster { .. })));
    let beyond_quorum = with(&|c| c.rosters[0].signatures[0].signature.0[0] ^= 1);
    assert!(matches!(
        beyond_quorum,
        Err(CertificateError::Roster {
            why: RosterError::Signature(1) | RosterError::NoQuorum { .. },
            ..
        })
    ));
    let skipped = with(&|c| c.rosters[0].roster.epoch = 2);
    assert!(matches!(
        skipped,
        Err(CertificateError::Roster {
            why: RosterError::NotNext { .. },
            ..
        })
    ));
    let absent = with(&|c| c.rosters.clear());
    assert_eq!(
        absent,
        Err(CertificateError::Proposal("it names another roster".into()))
    );
    let twice = with(&|c| c.rosters.push(c.rosters[0].clone()));
    assert!(matches!(twice, Err(CertificateError::Roster { .. })));

    // Signed by all, but out of bounds: sums over it could overflow, so no reader may accept it.
    let heavy = with(&|c| {
        let mut roster = w.rosters[1].clone();
        roster.pools[0].weight = u32::MAX;
        c.rosters[0] = w.change(&roster, &[0, 1, 2]);
    });
    assert_eq!(
        heavy,
        Err(CertificateError::Roster {
            epoch: 1,
            why: RosterError::Form(1)
        })
    );

    let other_genesis = with(&|c| c.genesis = wire(&World::three().genesis));
    assert!(matches!(other_genesis, Err(CertificateError::Roster { .. })));
    let no_genesis = with(&|c| c.genesis = c.proposal.clone());
    assert!(matches!(no_genesis, Err(CertificateError::Genesis(_))));
    assert_eq!(
        d.certificate.verify(Some(Hash([1; 32]))),
        Err(CertificateError::OtherProject {
            got: w.project(),
            want: Hash([1; 32])
        })
    );
    let mut newer = d.certificate.clone();
    newer.version = 2;
    assert_eq!(Certificate::decode(&newer.encode()), Err(CertificateError::Version(2)));
}

#[test]
fn receipts_are_checked_too() {
    let d = decision();
    let with = |change: &dyn Fn(&mut Certificate)| {
        let mut c = d.certificate.clone();
        change(&mut c);
        c.verify(None)
    };
    let ann = d.world.members[0].node();
    let refused = Err(CertificateError::Receipt(ann));
    assert_eq!(with(&|c| c.receipts[0].statement.spent_microusd = 1), refused);
    assert_eq!(with(&|c| c.receipts.push(c.receipts[0].clone())), refused);
    assert_eq!(with(&|c| c.receipts[0].statement.thread = Hash([1; 32])), refused);
    let stranger = d.world.agent(0, "nobody-1");
    let by_stranger = with(&|c| c.receipts[0] = Signed::new(&stranger, c.receipts[0].statement.clone()));
    assert_eq!(by_stranger, Err(CertificateError::Receipt(stranger.public())));
    assert_eq!(with(&|c| c.receipts.clear()).unwrap().spent_microusd, 0);
}

#[test]
fn an_equivocator_does_not_spoil_the_certificate() {
    let mut w = World::three();
    let thread = w.thread(0);
    let round = w.propose(0, thread, &FIVE);
    let (yes, no) = (w.vote(&round, Choice::Approve), w.vote(&round, Choice::RequestChanges));
    let mut votes: Vec<Event> = vec![w.cast(FIVE[4], no)];
    votes.extend(FIVE.iter().map(|v| w.cast(*v, yes.clone())).collect::<Vec<_>>());
    let aside = FinalVote {
        thread: Hash([1; 32]),
        ..yes
    };
    votes.push(w.cast(FIVE[0], aside));
    w.decide(0, &round, Choice::Approve, &votes);
    let state = w.state();
    let certificate = Certificate::gather(
        &state,
        w.opening(thread),
        &round.proposal,
        Some(&w.changed_line("change")),
    )
    .expect("a decision");
    assert_eq!(certificate.verify(None).unwrap().weight, 3 * UNITS_PER_WEIGHT);
}

#[test]
fn one_node_or_no_model_is_a_report_and_not_a_consensus() {
    let mut w = World::new(&[("ann", 1, 1), ("bob", 1, 1)], 0, Authority::Home);
    let mut check = |panel: &[Voter], pools: &[(&str, u32, u8)], consensus: bool| {
        w = World::new(pools, 0, Authority::Home);
        let thread = w.thread(0);
        let round = w.propose(0, thread, panel);
        let vote = w.vote(&round, Choice::Approve);
        let votes: Vec<Event> = panel.iter().map(|v| w.cast(*v, vote.clone())).collect();
        w.decide(0, &round, Choice::Approve, &votes);
        let certificate = Certificate::gather(
            &w.state(),
            w.opening(thread),
            &round.proposal,
            Some(&w.changed_line("change")),
        )
        .expect("a decision");
        assert_eq!(certificate.verify(None).unwrap().consensus, consensus);
    };
    check(&[(0, "a"), (1, "b")], &[("ann", 1, 1), ("bob", 1, 1)], true);
    check(&[(0, "a"), (0, "b")], &[("ann", 1_000, 1), ("bob", 1, 1)], false);
    // Members 2 and 3 declare no model.
    let four = &[("ann", 1, 1), ("bob", 1, 1), ("cat", 1_000, 1), ("dan", 1_000, 1)];
    check(&[(2, "a"), (3, "b")], four, false);
}

#[test]
fn an_approval_that_leaves_a_veto_standing_is_refused() {
    let d = decision();
    let w = &d.world;
    // Everybody votes anew, with these lifts.
    let with = |choice: Choice, lifters: &[&str]| {
        let vote = w.vote(&d.round, choice);
        let mut c = d.certificate.clone();
        c.choice = choice;
        c.votes = FIVE
            .iter()
            .map(|(n, id)| {
                let lifts_veto = lifters.contains(id);
                Signed::new(
                    &w.agent(*n, id),
                    FinalVote {
                        lifts_veto,
                        ..vote.clone()
                    },
                )
            })
            .collect();
        c.verify(None)
    };
    let standing = Err(CertificateError::Veto {
        lifting: 0,
        security: UNITS_PER_WEIGHT,
    });
    assert_eq!(with(Choice::Approve, &[]), standing);
    let others = ["reviewer-1", "architect-1", "performance-1", "documentation-1"];
    assert_eq!(with(Choice::Approve, &others), standing, "no security voter among them");
    assert!(with(Choice::Approve, &["security-1"]).is_ok());
    let refusal = with(Choice::RequestChanges, &[]).unwrap();
    assert!(!refusal.vetoes[0].lifted, "a veto is in no refusal's way");
    // A vote against the change lifts nothing.
    let mut c = d.certificate.clone();
    let at = c.votes.iter().position(|v| v.statement.lifts_veto).unwrap();
    let mut vote = c.votes[at].statement.clone();
    vote.lifts_veto = false;
    c.votes[at] = Signed::new(&w.agent(0, "security-1"), vote);
    assert_eq!(c.verify(None), standing);
}

#[test]
fn an_approval_hears_every_asked_role() {
    use Choice::{Abstain, Approve, RequestChanges};
    let decided = |security: Voter, says: Choice| {
        let mut w = World::new(&[("ann", 1, 1), ("bob", 1, 1), ("cat", 1, 1)], 1, Authority::Home);
        let thread = w.thread_asking(0, &["reviewer", "security"]);
        let panel = [(0, "reviewer-1"), (1, "architect-1"), (2, "performance-1"), security];
        let round = w.propose(0, thread, &panel);
        let choices = panel.map(|voter| if voter == security { says } else { Approve });
        let said: Vec<FinalVote> = choices.iter().map(|c| w.vote(&round, *c)).collect();
        let votes: Vec<Event> = panel.iter().zip(&said).map(|(p, v)| w.cast(*p, v.clone())).collect();
        w.decide(0, &round, Approve, &votes);
        let gathered = Certificate::gather(&w.state(), w.opening(thread), &round.proposal, None);
        // What a liar would hand out, whatever the fold says.
        let mut votes: Vec<_> = panel
            .iter()
            .zip(said)
            .map(|((n, id), vote)| Signed::new(&w.agent(*n, id), vote))
            .collect();
        votes.sort_by_key(|v| v.by);
        let certificate = Certificate {
            version: CERTIFICATE_VERSION,
            genesis: wire(&w.genesis),
            rosters: vec![],
            opening: wire(w.opening(thread)),
            subject: None,
            proposal: wire(&round.proposal),
            choice: Approve,
            votes,
            receipts: vec![],
        };
        (gathered.is_ok(), certificate.verify(None).map(|v| v.unheard))
    };
    let unheard = (false, Err(CertificateError::Unheard("security".into())));
    assert_eq!(decided((3, "security-1"), Approve), unheard, "on a node without a seat");
    assert_eq!(decided((0, "security-1"), Abstain), unheard, "abstaining is not assent");
    assert_eq!(decided((0, "someone-1"), Approve), unheard, "in another role");
    assert_eq!(decided((0, "security-1"), RequestChanges), (true, Ok(vec![])));
}

#[test]
fn the_opening_is_that_of_the_thread_and_its_roster_is_known() {
    let d = decision();
    let w = &d.world;
    let with = |event: &Event| {
        let mut c = d.certificate.clone();
        c.opening = wire(event);
        c.verify(None)
    };
    let refused = |r: Result<_, CertificateError>, word: &str| match r {
        Err(CertificateError::Opening(why)) => assert!(why.contains(word), "{why}"),
        other => panic!("{other:?}"),
    };
    let h = w.opening(d.round.thread).header();
    let draft = |epoch| Draft {
        project: h.project,
        incarnation: h.incarnation,
        seq: h.seq,
        prev: h.prev,
        hlc: h.hlc,
        epoch,
        deps: vec![],
    };
    let body = w.opening(d.round.thread).body().expect("a body");
    refused(
        with(&Event::sign(&w.members[0].key, draft(h.epoch + 1), &body)),
        "another thread",
    );
    refused(with(&d.round.proposal), "another kind");
    let verified = d.certificate.verify(None).unwrap();
    assert_eq!((verified.asked.len(), verified.unheard.len()), (5, 0));
}

#[test]
fn a_voter_without_a_seat_is_said_to_have_none() {
    let mut w = World::new(&[("ann", 1, 1), ("bob", 1, 1)], 1, Authority::Home);
    let thread = w.thread(0);
    let panel = [(0, "a"), (1, "b"), (2, "c")];
    let round = w.propose(0, thread, &panel);
    let vote = w.vote(&round, Choice::Approve);
    let votes: Vec<Event> = panel.iter().map(|v| w.cast(*v, vote.clone())).collect();
    w.decide(0, &round, Choice::Approve, &votes);
    let certificate = Certificate::gather(
        &w.state(),
        w.opening(thread),
        &round.proposal,
        Some(&w.changed_line("change")),
    )
    .expect("a decision");
    let voters = certificate.verify(None).unwrap().voters;
    let seats: Vec<_> = voters.iter().map(|v| (v.id.as_str(), v.seat, v.weight > 0)).collect();
    assert!(
        seats.contains(&("c", false, false)) && seats.contains(&("a", true, true)),
        "{seats:?}"
    );
}

#[test]
fn it_shows_the_diff_and_the_commits_that_the_thread_was_opened_on() {
    let d = decision();
    let verified = d.certificate.verify(None).unwrap();
    let blob = d.world.changed_line("change");
    let set = ChangeSet::from_cbor(&blob.bytes).unwrap();
    assert_eq!(verified.diff_sha256, Some(diff_digest(set.diff.as_bytes())));
    assert_eq!((verified.base, verified.head), (set.base, set.head));
    let with = |change: &dyn Fn(&mut Subject)| {
        let mut c = d.certificate.clone();
        change(c.subject.as_mut().expect("a subject"));
        c.verify(None)
    };
    let another = |c: Result<_, CertificateError>| matches!(c, Err(CertificateError::Subject(_)));
    assert!(another(with(&|s| s.diff = diff_digest(b"another"))));
    assert!(another(with(&|s| s.head = Some("3".repeat(40)))));
    assert!(another(with(&|s| s.base = None)));
    assert!(another(with(&|s| s.salt[0] ^= 1)));
    // Where the text is gone, the decision holds, and nothing is shown.
    let mut c = d.certificate.clone();
    c.subject = None;
    let verified = c.verify(None).unwrap();
    assert_eq!((verified.diff_sha256, verified.head), (None, None));
    // A text that is not the thread's is not shown.
    let (state, w) = (d.world.state(), &d.world);
    let other = w.changed_line("another");
    let gathered = Certificate::gather(&state, w.opening(d.round.thread), &d.round.proposal, Some(&other));
    assert_eq!(gathered.unwrap().subject, None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_byte_breaks_it(flips in prop::collection::vec((any::<u32>(), 1u8..=255), 60)) {
        let d = decision();
        let bytes = d.certificate.encode();
        prop_assert_eq!(&codec::encode(&Certificate::decode(&bytes).unwrap()), &bytes);
        for (at, mask) in flips {
            let at = at as usize % bytes.len();
            let mut bad = bytes.clone();
            bad[at] ^= mask;
            let verified = Certificate::decode(&bad).and_then(|c| c.verify(Some(d.world.project())));
            prop_assert!(verified.is_err(), "byte {} xor {:02x}: {:?}", at, mask, verified);
        }
    }
}
