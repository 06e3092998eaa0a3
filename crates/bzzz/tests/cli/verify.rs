//! `bzzz verify` on a real certificate: two nodes of two owners, three voters, signed as the core signs.

use bzzz_core::blob::BlobRef;
use bzzz_core::body::{
    AgentConsent, Answers, Authority, Body, Choice, Endorsement, FinalVote, Genesis, Policy, Pool, Proposed, Roster,
    Seat, Signed, ThreadKind, ThreadOpened, Timing,
};
use bzzz_core::certificate::{CERTIFICATE_VERSION, Certificate};
use bzzz_core::change::{ChangeSet, Subject};
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::{Draft, Event};
use bzzz_core::hlc::Hlc;

use crate::support::Place;

const SUBJECT: Hash = Hash([6; 32]);

/// What was given as a diff.
const DIFF: &str = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n";

/// What the certificate says of it.
fn subject() -> Subject {
    let mut change = ChangeSet::from_diff("x", DIFF.as_bytes());
    change.base = Some("1".repeat(40));
    change.head = Some("2".repeat(40));
    Subject::new(&[7; 16], &change)
}

/// A certificate for approval with these votes of the three agents, and the project's id.
fn certificate(votes: [Choice; 3]) -> (Certificate, Hash) {
    let mut nodes = [Keypair::from_seed([1; 32]), Keypair::from_seed([2; 32])];
    nodes.sort_by_key(Keypair::public);
    let pool = |owner: &str, node: &Keypair| Pool {
        owner: owner.into(),
        weight: 1,
        seats: vec![Seat {
            node: node.public(),
            operator: node.public(),
        }],
    };
    let roster = Roster {
        epoch: 0,
        prev: Hash::ZERO,
        pools: vec![pool("ada", &nodes[0]), pool("bob", &nodes[1])],
        readers: Vec::new(),
        cuts: Vec::new(),
    };
    let draft = |project, seq, prev| Draft {
        project,
        incarnation: 0,
        seq,
        prev,
        hlc: Hlc(1 + seq),
        epoch: 0,
        deps: Vec::new(),
    };
    let genesis = Event::sign(
        &nodes[0],
        draft(Hash::ZERO, 0, Hash::ZERO),
        &Body::Genesis(Genesis {
            name: "shop".into(),
            nonce: Hash([4; 32]),
            roster: roster.clone(),
            policy: Policy {
                authority: Authority::Home,
                shares: Vec::new(),
                answers: Answers::Majority,
            },
        }),
    );
    let project = genesis.hash();
    let hosts = [&nodes[0], &nodes[1], &nodes[1]];
    let ids = ["security-1", "reviewer-1", "architect-1"];
    let mut seats: Vec<(Keypair, Signed<Endorsement>, Choice)> = (0..3)
        .map(|at| {
            let key = hosts[at].agent(&project, ids[at]);
            let endorsement = Endorsement {
                project,
                agent: key.public(),
                id: ids[at].into(),
                role: ids[at].trim_end_matches("-1").into(),
                capabilities: vec!["review".into()],
                specialization: String::new(),
                max_tasks: 3,
                model: Some("gpt-4o".into()),
                consent: AgentConsent::sign(&key, project, hosts[at].public(), ids[at]),
            };
            (key, Signed::new(hosts[at], endorsement), votes[at])
        })
        .collect();
    seats.sort_by_key(|(key, ..)| key.public());
    let text = |hash| BlobRef { hash, len: 10 };
    let opening = Event::sign(
        &nodes[0],
        draft(project, 1, genesis.hash()),
        &Body::ThreadOpened(ThreadOpened {
            kind: ThreadKind::Review,
            task: "review".into(),
            title: text(Hash([5; 32])),
            subject: Some(text(SUBJECT)),
            roles: vec!["security".into(), "reviewer".into()],
            timing: Timing {
                findings_ms: 1,
                commit_ms: 1,
                reveal_ms: 1,
                evidence_ms: 1,
                final_ms: 1,
            },
            budget_microusd: 0,
            digest: Some(subject().hash()),
        }),
    );
    let thread = opening.hash();
    let proposal = Event::sign(
        &nodes[0],
        draft(project, 2, opening.hash()),
        &Body::Proposed(Proposed {
            thread,
            subject: SUBJECT,
            roster: roster.hash(),
            panel: seats.iter().map(|(_, seat, _)| seat.clone()).collect(),
            findings: Vec::new(),
            vetoes: Vec::new(),
        }),
    );
    let vote = |(key, _, choice): &(Keypair, Signed<Endorsement>, Choice)| {
        let vote = FinalVote {
            project,
            thread,
            epoch: 0,
            roster: roster.hash(),
            subject: SUBJECT,
            proposal: proposal.hash(),
            choice: *choice,
            lifts_veto: false,
        };
        Signed::new(key, vote)
    };
    let certificate = Certificate {
        version: CERTIFICATE_VERSION,
        genesis: genesis.encode().into(),
        rosters: Vec::new(),
        opening: opening.encode().into(),
        subject: Some(subject()),
        proposal: proposal.encode().into(),
        choice: Choice::Approve,
        votes: seats.iter().map(vote).collect(),
        receipts: Vec::new(),
    };
    (certificate, project)
}

#[test]
fn a_good_certificate_is_valid_without_a_node() {
    let place = Place::new();
    let (certificate, project) = certificate([Choice::Approve; 3]);
    let file = place.file("c.pem", certificate.to_pem());
    let ran = place.run(&["verify", &file]);
    let out = &ran.ok().out;
    for words in [
        "valid: issuer not pinned",
        "approved: a consensus",
        "from 2 nodes, 2 owners",
        "security-1 (security): approve",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    let ran = place.run(&["verify", &file, "--project", &project.to_string(), "--json"]);
    let answer = ran.ok().json();
    assert_eq!(answer["verified"]["pinned"], true);
    assert_eq!(answer["verified"]["project"], project.to_string());
}

#[test]
fn a_bad_certificate_is_status_5_and_says_why() {
    let place = Place::new();
    let (good, _) = certificate([Choice::Approve; 3]);
    let check = |bytes: Vec<u8>, words: &str| {
        let file = place.file("c.pem", bytes);
        place
            .run(&["verify", &file])
            .fails(5, &["could not verify", words, "do not trust"]);
    };
    let (split, _) = certificate([Choice::Approve, Choice::RequestChanges, Choice::RequestChanges]);
    check(split.to_pem().into_bytes(), "more than two thirds are needed");
    let mut forged = good.clone();
    forged.votes[0].statement.choice = Choice::RequestChanges;
    check(forged.to_pem().into_bytes(), "signature is not the agent's");
    check(good.to_pem().replace("BEGIN", "BEGUN").into_bytes(), "not PEM");
    check(vec![0xff; 64], "invalid utf-8");
    let file = place.file("c.pem", good.to_pem());
    place
        .run(&["verify", &file, "--project", &"ab".repeat(32)])
        .fails(5, &["belongs to project"]);
}

#[test]
fn a_certificate_is_held_against_the_diff_and_the_commit() {
    let place = Place::new();
    let (good, _) = certificate([Choice::Approve; 3]);
    let file = place.file("c.pem", good.to_pem());
    let (diff, head) = (place.file("x.diff", DIFF), "2".repeat(40));
    let ran = place.run(&["verify", &file, "--diff", &diff, "--commit", &head[..12]]);
    let out = &ran.ok().out;
    let digest = subject().diff.to_string();
    for words in [
        "is the diff that was decided on",
        "is the commit that",
        digest.as_str(),
        "opened 1970-01-01",
    ] {
        assert!(
            out.split_whitespace().collect::<Vec<_>>().join(" ").contains(words),
            "{words}: {out}"
        );
    }
    let other = place.file("y.diff", DIFF.replace("new", "newer"));
    let decided = format!("the decision is about the diff with {digest}");
    place
        .run(&["verify", &file, "--diff", &other])
        .fails(5, &["could not find", &decided]);
    place
        .run(&["verify", &file, "--commit", &"3".repeat(40)])
        .fails(5, &["the decided change leads to 2222"]);
    place
        .run(&["verify", &file, "--commit", "222"])
        .fails(2, &["at least 12 digits"]);
    place
        .run(&["verify", &file, "--commit", "main"])
        .fails(2, &["--repo PATH"]);
    // Without its text the certificate holds, and is found to be about nothing that one has.
    let mut mute = good.clone();
    mute.subject = None;
    let mute = place.file("mute.pem", mute.to_pem());
    place.run(&["verify", &mute]).ok();
    place
        .run(&["verify", &mute, "--diff", &diff])
        .fails(5, &["it shows no diff"]);
    place
        .run(&["verify", &mute, "--commit", &head])
        .fails(5, &["it shows no commit"]);
    let mut crooked = good;
    crooked.subject.as_mut().expect("a subject").diff = Hash([1; 32]);
    let crooked = place.file("crooked.pem", crooked.to_pem());
    place
        .run(&["verify", &crooked])
        .fails(5, &["not the one that the thread was opened on"]);
}
