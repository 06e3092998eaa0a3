//! What a check of the log is held against besides the log itself, and what is said of its outcome: the same for a running node
//! ([`crate::web`]) and for the folder of a stopped one.

use bzzz_node::audit::{Known, LogReport};
use bzzz_store::{HEADS_FILE, Head, ManifestHead, StoreError};
use serde_json::Value;

use crate::report::words;

/// What is known of the lengths of the feeds.
#[derive(Debug, Default)]
pub struct Noted {
    /// Who says what.
    pub known: Vec<Known>,
    /// What could not be compared, and why.
    pub remarks: Vec<String>,
    /// A file that does not say any more what was written into it.
    pub damaged: Option<String>,
}

/// What the file of the last known heads says, as it was read.
pub fn noted(read: Result<Option<Vec<Head>>, StoreError>) -> Result<Noted, StoreError> {
    let mut noted = Noted::default();
    match read {
        Ok(Some(heads)) => noted.known.push(Known {
            by: HEADS_FILE.to_owned(),
            elsewhere: false,
            heads,
        }),
        Ok(None) => noted.remarks.push(format!(
            "no {HEADS_FILE} here yet, which a node writes while it runs: whether the end of a feed was cut off is not known"
        )),
        Err(StoreError::Heads { .. }) => noted.damaged = read.err().map(|e| e.to_string()),
        Err(error) => return Err(error),
    }
    Ok(noted)
}

/// Heads that somebody wrote down elsewhere.
pub fn against(by: String, heads: &[ManifestHead]) -> Result<Known, String> {
    let heads: Result<Vec<Head>, String> = heads.iter().map(Head::try_from).collect();
    Ok(Known {
        by,
        elsewhere: true,
        heads: heads?,
    })
}

/// The fields that every check has, beside those of the report.
pub fn answer(report: &LogReport, noted: &Noted) -> serde_json::Result<Value> {
    let mut details = report.faults.clone();
    if report.fault_count > details.len() as u64 {
        details.push(format!("and {} more", report.fault_count - details.len() as u64));
    }
    details.extend(noted.damaged.clone());
    if report.missing_count > 0 {
        details.push(format!(
            "{} of others not here: never received, or taken away, which cannot be told; a peer may still have what is missing: {}",
            words::count(report.missing_count, "text"),
            report.missing.join(" ")
        ));
    }
    if report.erased > 0 {
        details.push(format!("{} erased on purpose", words::count(report.erased, "text")));
    }
    if report.forks > 0 {
        details.push(format!(
            "{} proven; those feeds are excluded from the forked number on",
            words::count(report.forks as u64, "fork")
        ));
    }
    details.extend(noted.remarks.iter().cloned());
    let faults = report.fault_count + u64::from(noted.damaged.is_some());
    let checked = format!(
        "{} with {} in {}",
        words::count(report.events, "event"),
        words::count(report.texts, "text"),
        words::count(report.feeds as u64, "feed")
    );
    let mut answer = serde_json::to_value(report)?;
    answer["valid"] = (faults == 0).into();
    answer["summary"] = match faults {
        0 => format!("valid: {checked} checked").into(),
        n => format!("not valid: {} in {checked}", words::count(n, "fault")).into(),
    };
    answer["details"] = details.into();
    Ok(answer)
}
