//! Agents that break down: restarted, their task resumed; and what comes of one that never gets up.

use std::sync::atomic::{AtomicU32, Ordering};

use bzzz_core::body::Choice;
use bzzz_core::change::ChangeSet;
use bzzz_core::node::Notice;
use bzzz_core::wire::AgentStatus;
use bzzz_node::{Settings, analyse, start};

use crate::support::*;

/// Turns of the shaky agent so far.
static TURNS: AtomicU32 = AtomicU32::new(0);

/// Breaks down twice, then works.
fn shaky(role: &str, change: &ChangeSet) -> analyse::Analysed {
    assert!(
        role != "security" || TURNS.fetch_add(1, Ordering::Relaxed) >= 2,
        "a bug in a rule"
    );
    analyse::built_in(role, change)
}

/// Never works.
fn broken(role: &str, change: &ChangeSet) -> analyse::Analysed {
    assert!(role != "security", "a bug in a rule");
    analyse::built_in(role, change)
}

#[tokio::test]
async fn a_crashed_agent_is_restarted_and_its_task_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        analyser: shaky,
        ..settings(folder.path(), "a", &["security", "reviewer"])
    };
    let node = start(settings).await.unwrap();
    until_live(&node, 1, &["security", "reviewer"]).await;
    let mut notices = node.subscribe();
    let (thread, status) = review(&node, bad_change(), 60_000).await;
    assert_eq!(choice(&status), Some(Choice::RequestChanges));
    assert_eq!(TURNS.load(Ordering::Relaxed), 3);
    let report = node.report(None, thread).await.unwrap().unwrap();
    let security = report.participants.iter().find(|p| p.role == "security").unwrap();
    assert!(security.findings > 0, "{:?}", report.participants);
    let mut failed = 0;
    while let Ok(notice) = notices.try_recv() {
        failed += u32::from(matches!(
            notice,
            Notice::Agent {
                status: AgentStatus::Failed,
                ..
            }
        ));
    }
    assert_eq!(failed, 2);
    node.stop().await;
}

#[tokio::test]
async fn a_task_that_breaks_its_agent_each_time_is_given_up_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        analyser: broken,
        ..settings(folder.path(), "a", &["security", "reviewer"])
    };
    let node = start(settings).await.unwrap();
    until_live(&node, 1, &["security", "reviewer"]).await;
    let (thread, _) = review(&node, bad_change(), 30_000).await;
    let report = node.report(None, thread).await.unwrap().unwrap();
    let told = report
        .messages
        .iter()
        .any(|m| m.text.contains("an analyser panicked: a bug in a rule"));
    assert!(told, "{:?}", report.messages);
    // The node and its other agents go on.
    until("the agent is back", || async {
        let idle = node
            .project(None, |p, _| p.local_agents().all(|a| a.status == AgentStatus::Idle))
            .await;
        idle.ok().filter(|idle| *idle)
    })
    .await;
    node.stop().await;
}
