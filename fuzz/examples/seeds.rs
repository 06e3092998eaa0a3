//! Writes the seeds of the binary targets: one real event and one real certificate, from fixed keys.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds` in the root of the repository. The fuzzer cannot guess an
//! encoding of many nested lists, so without these it would stay at the door for long.

use bzzz_core::blob::BlobRef;
use bzzz_core::body::{
    AgentConsent, AgentRetired, Answers, Authority, Body, Choice, Endorsement, FinalVote, Genesis, Policy, Pool,
    Proposed, Roster, Seat, Share, Signed, ThreadKind, ThreadOpened, Timing,
};
use bzzz_core::certificate::{CERTIFICATE_VERSION, Certificate, Receipt};
use bzzz_core::change::{ChangeSet, Subject};
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::{Draft, Event};
use bzzz_core::hlc::Hlc;

fn main() -> std::io::Result<()> {
    let node = Keypair::from_seed([1; 32]);
    let agent = Keypair::from_seed([2; 32]);
    let operator = Keypair::from_seed([3; 32]);
    let roster = Roster {
        epoch: 0,
        prev: Hash::ZERO,
        pools: vec![Pool {
            owner: "owner".into(),
            weight: 100,
            seats: vec![Seat {
                node: node.public(),
                operator: operator.public(),
            }],
        }],
        readers: vec![],
        cuts: vec![],
    };
    let draft = |project, seq, prev| Draft {
        project,
        incarnation: 0,
        seq,
        prev,
        hlc: Hlc::from_ms(1_700_000_000_000),
        epoch: 0,
        deps: vec![],
    };
    let genesis = Event::sign(
        &node,
        draft(Hash::ZERO, 0, Hash::ZERO),
        &Body::Genesis(Genesis {
            name: "seed".into(),
            nonce: Hash([7; 32]),
            roster: roster.clone(),
            policy: Policy {
                authority: Authority::Home,
                shares: vec![Share {
                    node: node.public(),
                    amount_microusd: 1_000_000,
                }],
                answers: Answers::Majority,
            },
        }),
    );
    let project = genesis.project();
    let endorsement = Endorsement {
        project,
        agent: agent.public(),
        id: "anna".into(),
        role: "reviewer".into(),
        capabilities: vec!["rust".into()],
        specialization: String::new(),
        max_tasks: 3,
        model: None,
        consent: AgentConsent::sign(&agent, project, node.public(), "anna"),
    };
    let subject = Hash([9; 32]);
    let mut change = ChangeSet::from_diff("x", b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n");
    change.head = Some("2".repeat(40));
    let about = Subject::new(&[7; 16], &change);
    let text = |hash| BlobRef { hash, len: 10 };
    let opening = Event::sign(
        &node,
        draft(project, 1, genesis.hash()),
        &Body::ThreadOpened(ThreadOpened {
            kind: ThreadKind::Review,
            task: "review".into(),
            title: text(Hash([8; 32])),
            subject: Some(text(subject)),
            roles: vec!["reviewer".into()],
            timing: Timing {
                findings_ms: 1_000,
                commit_ms: 1_000,
                reveal_ms: 1_000,
                evidence_ms: 1_000,
                final_ms: 1_000,
            },
            budget_microusd: 0,
            digest: Some(about.hash()),
        }),
    );
    let thread = opening.hash();
    let proposal = Event::sign(
        &node,
        draft(project, 2, opening.hash()),
        &Body::Proposed(Proposed {
            thread,
            subject,
            roster: roster.hash(),
            panel: vec![Signed::new(&node, endorsement)],
            findings: vec![],
            vetoes: vec![],
        }),
    );
    let retired = Event::sign(
        &node,
        Draft {
            deps: vec![genesis.reference()],
            ..draft(project, 3, proposal.hash())
        },
        &Body::AgentRetired(AgentRetired { agent: agent.public() }),
    );
    let vote = FinalVote {
        project,
        thread,
        epoch: 0,
        roster: roster.hash(),
        subject,
        proposal: proposal.hash(),
        choice: Choice::Approve,
        lifts_veto: false,
    };
    let certificate = Certificate {
        version: CERTIFICATE_VERSION,
        genesis: genesis.encode().into(),
        rosters: vec![],
        opening: opening.encode().into(),
        subject: Some(about),
        proposal: proposal.encode().into(),
        choice: Choice::Approve,
        votes: vec![Signed::new(&agent, vote)],
        receipts: vec![Signed::new(
            &node,
            Receipt {
                project,
                thread,
                spent_microusd: 5,
            },
        )],
    };
    certificate.verify(Some(project)).map_err(std::io::Error::other)?;

    std::fs::create_dir_all("fuzz/seeds/event")?;
    std::fs::create_dir_all("fuzz/seeds/certificate")?;
    for (name, event) in [("genesis", genesis), ("proposed", proposal), ("retired", retired)] {
        std::fs::write(format!("fuzz/seeds/event/{name}"), event.encode())?;
    }
    std::fs::write("fuzz/seeds/certificate/cbor", certificate.encode())?;
    std::fs::write("fuzz/seeds/certificate/pem", certificate.to_pem())
}
