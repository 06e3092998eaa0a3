//! Runs analysers away from the owner's loop, bounded in number and time. A panic in a rule is a failed turn, not a dead
//! node: the core restarts the agent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bzzz_core::change::ChangeSet;
use bzzz_core::finding::Finding;
use bzzz_core::reading::{self, Reading};
use bzzz_core::report::{MAX_UNREAD_FILES, Report};
use tokio::sync::Semaphore;

/// What an analyser comes back with: its findings, and what it did not read.
pub type Analysed = (Vec<Finding>, Reading);

/// What analyses a change for a role. The built-in rules, unless somebody brings others.
pub type Analyser = fn(role: &str, change: &ChangeSet) -> Analysed;

/// The built-in rules.
pub fn built_in(role: &str, change: &ChangeSet) -> Analysed {
    let analysis = bzzz_analysis::analyse(role, change);
    (analysis.findings, analysis.reading)
}

/// Tells a report what no rules read in its change: first among its notes, and file by file.
pub fn tell_unread(report: &mut Report, subject: &[u8]) {
    let Ok(change) = ChangeSet::from_cbor(subject) else {
        return;
    };
    let coverage = bzzz_analysis::coverage(&change);
    if !coverage.unread.is_empty() {
        let note = format!("Not read by anybody: {}.", reading::named(&coverage.unread));
        report.notes.insert(0, note);
    }
    if !coverage.partly.is_empty() {
        report
            .notes
            .push(format!("Not fully looked at: {}.", reading::named(&coverage.partly)));
    }
    report.unread = coverage.unread;
    report.unread.truncate(MAX_UNREAD_FILES);
}

/// A turn's analysers may take this long.
pub const ANALYSIS_TIMEOUT: Duration = Duration::from_secs(60);

/// Analyses a change for a role.
pub async fn analyse(
    gate: Arc<Semaphore>,
    analyser: Analyser,
    role: String,
    change: Arc<ChangeSet>,
) -> Result<Analysed, String> {
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
        Ok(Ok(Ok(analysed))) => Ok(analysed),
    }
}
