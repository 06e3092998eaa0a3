//! Three nodes, one network.

use bzzz_node::{Handle, Settings, start};

use crate::projections::checked;
use crate::support::*;

async fn joined(folder: &std::path::Path, name: &str, roles: &[&str], to: &Handle) -> Handle {
    let settings = Settings {
        peers: to.addresses(),
        ..settings(folder, name, roles)
    };
    start(settings).await.unwrap()
}

#[tokio::test]
async fn three_nodes_review_together_and_hold_the_same_state() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let a = start(settings(&at("a"), "a", &["reviewer", "security"])).await.unwrap();
    let b = joined(&at("b"), "b", &["performance"], &a).await;
    let c = joined(&at("c"), "c", &["architect", "documentation"], &a).await;
    let roles = ["architect", "documentation", "performance", "reviewer", "security"];
    until_live(&a, 3, &roles).await;
    let (thread, status) = review(&a, bad_change(), 60_000).await;
    assert!(choice(&status).is_some(), "{status:?}");
    let certificate = a.certificate(None, thread).await.unwrap().unwrap();
    let verified = certificate.verify(Some(a.default_project().await.unwrap())).unwrap();
    assert_eq!(verified.nodes, 3);
    until_same(&[&a, &b, &c]).await;
    until("every text has arrived", || async {
        let report = c.report(None, thread).await.ok().flatten()?;
        report.messages.iter().all(|m| !m.text.is_empty()).then_some(())
    })
    .await;
    for node in [a, b, c] {
        node.stop().await;
    }
}

#[tokio::test]
async fn a_node_whose_disk_was_set_back_begins_a_new_life() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let a = start(settings(&at("a"), "a", &["reviewer"])).await.unwrap();
    let b = joined(&at("b"), "b", &["security"], &a).await;
    until_live(&a, 2, &["reviewer", "security"]).await;
    until_same(&[&a, &b]).await;
    // The folder is copied behind the node's back; then it goes on, and the copy is put in its place.
    b.stop().await;
    let copied = at("copy");
    std::fs::create_dir(&copied).unwrap();
    for entry in std::fs::read_dir(at("b")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copied.join(entry.file_name())).unwrap();
    }
    let b = joined(&at("b"), "b", &["security"], &a).await;
    until_live(&a, 2, &["reviewer", "security"]).await;
    review(&b, good_change(), 60_000).await;
    until_same(&[&a, &b]).await;
    b.stop().await;
    std::fs::remove_dir_all(at("b")).unwrap();
    std::fs::rename(&copied, at("b")).unwrap();
    let b = joined(&at("b"), "b", &["security"], &a).await;
    until("the new life is known", || async {
        let node = b.node();
        let lives = a.project(None, move |p, _| p.feeds.incarnation(&node)).await.ok()?;
        (lives > 0).then_some(())
    })
    .await;
    until_same(&[&a, &b]).await;
    for node in [a, b] {
        node.stop().await;
    }
    for name in ["a", "b"] {
        assert_eq!(
            checked(&at(name)).await.wrong(),
            0,
            "the rows of {name} are those of its events"
        );
    }
}
