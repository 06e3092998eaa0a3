//! Runs analysers away from the owner's loop, bounded in number and time. A panic in a rule is a failed turn, not a dead
//! node: the core restarts the agent.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bzzz_core::change::ChangeSet;
use bzzz_core::finding::Finding;
use tokio::sync::Semaphore;

/// What analyses a change for a role. The built-in rules, unless somebody brings others.
pub type Analyser = fn(role: &str, change: &ChangeSet) -> Vec<Finding>;

/// The built-in rules.
pub fn built_in(role: &str, change: &ChangeSet) -> Vec<Finding> {
    bzzz_analysis::analyse(role, change).findings
}

/// Files that a note names, at most.
const NAMED_FILES: usize = 5;

/// What the built-in rules do not look at in a change, as notes for its report: one for each reason.
pub fn unread(subject: &[u8]) -> Vec<String> {
    let Ok(change) = ChangeSet::from_cbor(subject) else {
        return vec![];
    };
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for skipped in bzzz_analysis::unread(&change) {
        by_reason.entry(skipped.why).or_default().push(skipped.file);
    }
    let note = |(why, files): (String, Vec<String>)| {
        let more = match files.len().saturating_sub(NAMED_FILES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = files.into_iter().take(NAMED_FILES).collect::<Vec<_>>().join(", ");
        format!("Not fully looked at: {named}{more} ({why}).")
    };
    by_reason.into_iter().map(note).collect()
}

/// A turn's analysers may take this long.
pub const ANALYSIS_TIMEOUT: Duration = Duration::from_secs(60);

/// Analyses a change for a role.
pub async fn analyse(
    gate: Arc<Semaphore>,
    analyser: Analyser,
    role: String,
    change: Arc<ChangeSet>,
) -> Result<Vec<Finding>, String> {
    let Ok(permit) = gate.acquire_owned().await else {
        return Err("the node is stopping".into());
    };
    let work = tokio::task::spawn_blocking(move || {
        // The permit goes with the work: what runs over its time still counts.
        let _permit = permit;
        catch_unwind(AssertUnwindSafe(|| analyser(&role, &change)))
    });
    match tokio::time::timeout(ANALYSIS_TIMEOUT, work).await {
        Err(_) => Err(format!(
            "the analysers took longer than {} s",
            ANALYSIS_TIMEOUT.as_secs()
        )),
        Ok(Err(e)) => Err(format!("the analysers were stopped: {e}")),
        Ok(Ok(Err(panic))) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no reason given");
            Err(format!("an analyser panicked: {text}"))
        }
        Ok(Ok(Ok(findings))) => Ok(findings),
    }
}
