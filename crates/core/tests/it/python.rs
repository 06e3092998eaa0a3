//! A verifier in another language agrees: `examples/verify_certificate.py` on real and on tampered certificates.
//!
//! The interpreter is named by `BZZZ_TEST_PYTHON` and needs the package `cryptography`; `cargo xtask test` sets both up.

use std::path::PathBuf;
use std::process::{Command, Output};

use bzzz_core::body::*;
use bzzz_core::certificate::Certificate;
use bzzz_core::crypto::Hash;
use bzzz_core::event::{Draft, Event};

use crate::certificates::decision;
use crate::voting::FIVE;

fn example(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../examples", path].iter().collect()
}

/// The interpreter; none when this run has no Python, which CI may not have.
fn interpreter() -> Option<String> {
    let named = std::env::var("BZZZ_TEST_PYTHON").ok();
    if named.is_none() {
        let ci = std::env::var("CI").is_ok_and(|v| v == "true");
        assert!(!ci, "CI has to name an interpreter in BZZZ_TEST_PYTHON");
        eprintln!("not run: BZZZ_TEST_PYTHON names no interpreter (`cargo xtask test` sets one up)");
    }
    named
}

fn run(python: &str, name: &str, pem: &str, pin: Option<Hash>) -> Output {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"));
    std::fs::write(&file, pem).expect("write a certificate");
    let mut command = Command::new(python);
    command.arg(example("verify_certificate.py")).arg(&file);
    if let Some(project) = pin {
        command.args(["--project", &project.to_string()]);
    }
    command.output().expect("run the interpreter")
}

/// Where an event stands: for another one in its place.
fn in_place_of(event: &Event) -> Draft {
    let h = event.header();
    Draft {
        project: h.project,
        incarnation: h.incarnation,
        seq: h.seq,
        prev: h.prev,
        hlc: h.hlc,
        epoch: h.epoch,
        deps: vec![],
    }
}

#[test]
fn the_committed_example_is_the_one_made_here() {
    let pem = decision().certificate.to_pem();
    let path = example("certificates/approve.pem");
    if std::env::var_os("BZZZ_WRITE_VECTORS").is_some() {
        std::fs::write(&path, &pem).expect("write the example");
    }
    assert_eq!(std::fs::read_to_string(&path).expect("read the example"), pem);
}

#[test]
fn the_script_accepts_real_certificates() {
    let Some(python) = interpreter() else { return };
    let d = decision();
    let pem = d.certificate.to_pem();
    for (pin, says) in [(None, "not pinned"), (Some(d.world.project()), "pinned")] {
        let output = run(&python, "real", &pem, pin);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.starts_with(&format!("holds, {says}: atlas")), "{text}");
        assert!(text.contains("documentation-1 requests changes (1000000)"), "{text}");
        let veto = format!("veto of {}, lifted by security-1", d.round.proposed.vetoes[0].by);
        assert!(text.contains(&veto), "{text}");
    }
    let other = run(&python, "other-project", &pem, Some(Hash([1; 32])));
    assert_eq!(other.status.code(), Some(1));
}

#[test]
fn the_script_says_in_one_line_that_there_is_no_certificate() {
    let Some(python) = interpreter() else { return };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let binary = folder.join("binary.pem");
    std::fs::write(&binary, [0, 159, 255, 10, 0, 192]).expect("write a file");
    let (absent, odd) = (folder.join("absent.pem"), PathBuf::new());
    for file in [None, Some(&absent), Some(&folder), Some(&binary), Some(&odd)] {
        let mut command = Command::new(&python);
        command.arg(example("verify_certificate.py")).args(file);
        let output = command.output().expect("run the interpreter");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{file:?}: {said}");
        assert!(
            said.lines().count() == 1 && said.contains("usage: verify_certificate.py FILE"),
            "{said}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_script_refuses_what_we_refuse() {
    let Some(python) = interpreter() else { return };
    let d = decision();
    let w = &d.world;
    type Change<'a> = &'a dyn Fn(&mut Certificate);
    let revote = |c: &mut Certificate, change: &dyn Fn(&mut FinalVote)| {
        let by = c.votes[0].by;
        let agent = FIVE.iter().map(|(n, id)| w.agent(*n, id)).find(|a| a.public() == by);
        let mut vote = c.votes[0].statement.clone();
        change(&mut vote);
        c.votes[0] = Signed::new(&agent.expect("a voter"), vote);
    };
    let approve_at = d
        .certificate
        .votes
        .iter()
        .position(|v| v.statement.choice == Choice::Approve);
    // The proposal written anew, with everybody's votes on that.
    let repropose = |c: &mut Certificate, change: &dyn Fn(&mut Proposed)| {
        let draft = in_place_of(&d.round.proposal);
        let mut proposed = d.round.proposed.clone();
        change(&mut proposed);
        let event = Event::sign(&w.members[0].key, draft, &Body::Proposed(proposed));
        for vote in &mut c.votes {
            let agent = FIVE
                .iter()
                .map(|(n, id)| w.agent(*n, id))
                .find(|a| a.public() == vote.by);
            let proposal = event.hash();
            let statement = FinalVote {
                proposal,
                ..vote.statement.clone()
            };
            *vote = Signed::new(&agent.expect("a voter"), statement);
        }
        c.proposal = event.encode().into();
    };
    let lift_at = d.certificate.votes.iter().position(|v| v.statement.lifts_veto);
    let changes: &[(&str, Change)] = &[
        ("lift-withdrawn", &|c| {
            let at = lift_at.expect("a lift");
            let mut vote = c.votes[at].statement.clone();
            vote.lifts_veto = false;
            c.votes[at] = Signed::new(&w.agent(0, "security-1"), vote);
        }),
        ("lift-by-others", &|c| {
            for vote in &mut c.votes {
                let agent = FIVE
                    .iter()
                    .map(|(n, id)| w.agent(*n, id))
                    .find(|a| a.public() == vote.by);
                let mut statement = vote.statement.clone();
                statement.lifts_veto ^= true;
                *vote = Signed::new(&agent.expect("a voter"), statement);
            }
        }),
        ("lift-bit-flipped", &|c| c.votes[0].statement.lifts_veto ^= true),
        ("veto-forged", &|c| repropose(c, &|p| p.vetoes[0].signature.0[3] ^= 1)),
        ("veto-altered", &|c| repropose(c, &|p| p.vetoes[0].statement.count = 9)),
        ("veto-of-no-agent-on-the-panel", &|c| {
            repropose(c, &|p| {
                p.panel.retain(|s| s.statement.role != "security");
                p.vetoes[0] = w.veto(p.thread, (2, "security-9"));
            });
        }),
        ("veto-bit-off", &|c| {
            repropose(c, &|p| {
                let mut f = p.vetoes[0].statement.clone();
                f.veto = false;
                p.vetoes[0] = Signed::new(&w.agent(0, "security-1"), f);
            });
        }),
        ("veto-of-another-thread", &|c| {
            repropose(c, &|p| p.vetoes[0] = w.veto(Hash([1; 32]), FIVE[1]));
        }),
        ("vote-removed", &|c| {
            c.votes.remove(approve_at.expect("an approval"));
        }),
        ("vote-twice", &|c| c.votes.push(c.votes[0].clone())),
        ("vote-forged", &|c| c.votes[0].signature.0[9] ^= 4),
        ("vote-other-thread", &|c| revote(c, &|v| v.thread = Hash([1; 32]))),
        ("vote-other-subject", &|c| revote(c, &|v| v.subject = Hash([1; 32]))),
        ("vote-other-epoch", &|c| revote(c, &|v| v.epoch = 0)),
        ("vote-other-proposal", &|c| revote(c, &|v| v.proposal = Hash([1; 32]))),
        ("vote-of-stranger", &|c| {
            c.votes[0] = Signed::new(&w.agent(0, "nobody-1"), c.votes[0].statement.clone());
        }),
        ("outcome-turned", &|c| c.choice = Choice::RequestChanges),
        ("outcome-abstain", &|c| c.choice = Choice::Abstain),
        ("dissent-removed", &|c| {
            c.votes.retain(|v| v.statement.choice == Choice::Approve)
        }),
        ("opening-of-another-thread", &|c| {
            let mut opened = match w.opening(d.round.thread).body() {
                Some(Body::ThreadOpened(opened)) => opened,
                _ => panic!("no opening"),
            };
            opened.roles.pop();
            let draft = in_place_of(w.opening(d.round.thread));
            let event = Event::sign(&w.members[0].key, draft, &Body::ThreadOpened(opened));
            c.opening = event.encode().into();
        }),
        ("opening-forged", &|c| {
            let last = c.opening.len() - 1;
            c.opening[last] ^= 1;
        }),
        ("opening-is-no-opening", &|c| c.opening = c.proposal.clone()),
        ("roster-missing", &|c| c.rosters.clear()),
        ("roster-quorum", &|c| c.rosters[0] = w.change(&w.rosters[1], &[0, 2])),
        ("roster-signature", &|c| c.rosters[0].signatures[0].signature.0[0] ^= 1),
        ("roster-altered", &|c| c.rosters[0].roster.pools[0].weight = 900),
        ("genesis-other", &|c| {
            c.genesis = crate::world::World::three().genesis.encode().into()
        }),
        ("genesis-none", &|c| c.genesis = c.proposal.clone()),
        ("proposal-none", &|c| c.proposal = w.events[2].encode().into()),
        ("receipt-altered", &|c| c.receipts[0].statement.spent_microusd = 0),
        ("receipt-twice", &|c| c.receipts.push(c.receipts[0].clone())),
        ("version", &|c| c.version = 2),
    ];
    for (name, change) in changes {
        let mut c = d.certificate.clone();
        change(&mut c);
        assert!(
            Certificate::from_pem(&c.to_pem()).and_then(|c| c.verify(None)).is_err(),
            "{name}"
        );
        let output = run(&python, name, &c.to_pem(), None);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{name}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(why.starts_with("the certificate does not hold: "), "{name}: {why}");
    }
    let bytes = d.certificate.encode();
    for (i, at) in (0..bytes.len()).step_by(bytes.len() / 24).enumerate() {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (i % 8);
        let text = data_encoding::BASE64.encode(&bad);
        let pem =
            format!("-----BEGIN BZZZ DECISION CERTIFICATE-----\n{text}\n-----END BZZZ DECISION CERTIFICATE-----\n");
        let output = run(&python, "flipped", &pem, Some(w.project()));
        assert_eq!(
            output.status.code(),
            Some(1),
            "byte {at}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
