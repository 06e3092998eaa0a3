//! One node, the whole main job.

use bzzz_core::body::Choice;
use bzzz_core::node::Command;
use bzzz_core::report::Verdict;
use bzzz_core::wire::AgentStatus;
use bzzz_node::start;

use crate::support::*;

const ROLES: [&str; 5] = ["architect", "documentation", "performance", "reviewer", "security"];

#[tokio::test]
async fn one_node_reviews_and_its_certificate_holds() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(settings(folder.path(), "a", &ROLES)).await.unwrap();
    until_live(&node, 1, &ROLES).await;
    let (thread, status) = review(&node, bad_change(), 60_000).await;
    assert_eq!(choice(&status), Some(Choice::RequestChanges));
    let report = node.report(None, thread).await.unwrap().unwrap();
    assert_eq!(report.verdict, Verdict::RequestChanges);
    assert!(
        report.findings.iter().any(|f| f.finding.cwe == Some(89)),
        "{:?}",
        report.findings
    );
    assert_eq!(report.participants.len(), 5);
    assert!(
        report.notes.iter().any(|n| n.contains("No model took part")),
        "{:?}",
        report.notes
    );
    let certificate = node.certificate(None, thread).await.unwrap().unwrap();
    let verified = certificate.verify(Some(node.default_project().await.unwrap())).unwrap();
    assert_eq!(
        (verified.nodes, verified.choice, verified.consensus),
        (1, Choice::RequestChanges, false)
    );
    node.stop().await;
}

#[tokio::test]
async fn a_restarted_node_knows_what_it_knew() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(settings(folder.path(), "a", &ROLES)).await.unwrap();
    until_live(&node, 1, &ROLES).await;
    let (thread, status) = review(&node, good_change(), 60_000).await;
    assert_eq!(choice(&status), Some(Choice::Approve));
    let before = node.project(None, |p, _| format!("{:?}", p.state)).await.unwrap();
    let report = node.report(None, thread).await.unwrap();
    node.stop().await;
    let again = start(settings(folder.path(), "a", &ROLES)).await.unwrap();
    let after = again.project(None, |p, _| format!("{:?}", p.state)).await.unwrap();
    let at = before.bytes().zip(after.bytes()).position(|(a, b)| a != b);
    let near = |text: &str| {
        text.chars()
            .skip(at.unwrap_or(0).saturating_sub(200))
            .take(600)
            .collect::<String>()
    };
    assert!(
        before == after,
        "before: …{}…\nafter: …{}…",
        near(&before),
        near(&after)
    );
    assert_eq!(again.report(None, thread).await.unwrap(), report);
    again.stop().await;
}

#[tokio::test]
async fn what_people_stopped_stays_stopped_when_the_state_is_folded_anew() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(settings(folder.path(), "a", &["reviewer", "security"]))
        .await
        .unwrap();
    until_live(&node, 1, &["reviewer", "security"]).await;
    let project = node.default_project().await.unwrap();
    let states = || async {
        let states = node.project(None, |p, _| {
            p.local_agents()
                .map(|a| (a.spec.id.clone(), a.status))
                .collect::<Vec<_>>()
        });
        states.await.unwrap()
    };
    let (agent, paused) = ("reviewer-a".to_owned(), true);
    node.command(Command::PauseAgent { project, agent, paused })
        .await
        .unwrap();
    let agent = "security-a".to_owned();
    node.command(Command::RetireAgent { project, agent }).await.unwrap();
    let before = states().await;
    assert_eq!(before, [("reviewer-a".to_owned(), AgentStatus::Paused)]);
    node.rebuild().await.unwrap();
    assert_eq!(states().await, before, "paused and retired");
    node.command(Command::Kill).await.unwrap();
    node.rebuild().await.unwrap();
    assert_eq!(states().await, [("reviewer-a".to_owned(), AgentStatus::Stopped)]);
    node.stop().await;
}
