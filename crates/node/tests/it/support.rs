//! Starting nodes, and waiting for what they should come to.

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use bzzz_core::body::Choice;
use bzzz_core::change::ChangeSet;
use bzzz_core::crypto::Hash;
use bzzz_core::state::ThreadStatus;
use bzzz_node::{Handle, ReviewSpec, Settings, built_in};

/// Long enough for a slow machine; nothing waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Settings of a node on a data folder, with agents of these roles.
pub fn settings(data: &Path, name: &str, roles: &[&str]) -> Settings {
    let agents = roles.iter().map(|role| built_in(role, name)).collect();
    Settings {
        data: Some(data.to_owned()),
        ..Settings::ephemeral("tests", agents)
    }
}

/// Waits until `condition` gives something.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a project has this many voting members with live agents of all these roles, as this node sees it.
pub async fn until_live(handle: &Handle, seats: usize, roles: &[&str]) {
    until(&format!("{seats} seats with {roles:?}"), || async {
        let roles: Vec<String> = roles.iter().map(|r| (*r).to_owned()).collect();
        let ready = handle.project(None, move |p, now| {
            let live: Vec<_> = p
                .state
                .agents
                .active()
                .filter(|(node, _)| p.is_live(node, now))
                .collect();
            let has = |role: &String| live.iter().any(|(_, r)| r.endorsement.statement.role == *role);
            p.state.rosters.latest().weights().len() == seats && roles.iter().all(has)
        });
        ready.await.ok().filter(|ready| *ready)
    })
    .await;
}

/// A change with a hole in it.
pub fn bad_change() -> ChangeSet {
    let diff = "--- a/app.py\n+++ b/app.py\n@@ -1,3 +1,6 @@\n import sqlite3\n \n def find(db, name):\n+    query = \"SELECT * FROM users WHERE name = '%s'\" % name\n+    return db.execute(query).fetchall()\n+\n";
    ChangeSet::from_diff("app.diff", diff.as_bytes())
}

/// A change with nothing to say about.
pub fn good_change() -> ChangeSet {
    let diff = "--- a/notes.txt\n+++ b/notes.txt\n@@ -1,1 +1,2 @@\n one\n+two\n";
    ChangeSet::from_diff("notes.diff", diff.as_bytes())
}

/// Opens a review and waits for its end.
pub async fn review(handle: &Handle, change: ChangeSet, deadline_ms: u64) -> (Hash, ThreadStatus) {
    let spec = ReviewSpec {
        change,
        roles: vec![],
        deadline_ms,
        budget_microusd: 0,
    };
    let thread = handle.review(None, spec).await.expect("the review opens");
    (thread, ended(handle, thread).await)
}

/// Waits until a thread is decided or escalated.
pub async fn ended(handle: &Handle, thread: Hash) -> ThreadStatus {
    until("the review ends", || async {
        let status = handle.thread_status(None, thread).await.ok().flatten();
        status.filter(|s| *s != ThreadStatus::Open)
    })
    .await
}

/// The outcome of a decided thread.
pub fn choice(status: &ThreadStatus) -> Option<Choice> {
    match status {
        ThreadStatus::Decided { choice, .. } => Some(*choice),
        _ => None,
    }
}

/// Waits until all nodes have the same events and the same state of the default project.
pub async fn until_same(handles: &[&Handle]) {
    until("all nodes hold the same state", || async {
        let mut seen = Vec::new();
        for handle in handles {
            seen.push(
                handle
                    .project(None, |p, _| (p.digest(), format!("{:?}", p.state)))
                    .await
                    .ok()?,
            );
        }
        seen.windows(2).all(|w| w[0] == w[1]).then_some(())
    })
    .await;
}
