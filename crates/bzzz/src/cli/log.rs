//! `bzzz log verify`: do the signed feeds hold, event by event? Done here when no node runs on the data folder, by the
//! running node otherwise.

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result, fail_because};
use crate::offline::{self, log::LogReport};
use crate::report::words;
use crate::settings::Settings;

const ATTEMPT: &str = "could not check the log";

/// Arguments of `bzzz log`.
#[derive(Debug, clap::Args)]
pub struct LogArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check signatures, hash chains and numbers of all feeds
    Verify {
        /// Only feeds of this node: its public key in hex, or how it starts
        #[arg(long, value_name = "KEY")]
        feed: Option<String>,
    },
}

/// Runs the command.
pub fn run(args: LogArgs, context: &mut Context) -> Result<Exit> {
    let Action::Verify { feed } = args.action;
    if context.global.node.is_empty() {
        let settings = context.settings()?;
        if let Some(report) = stopped(&settings, feed.as_deref())? {
            let answer = serde_json::to_value(&report).explain(Exit::Local, ATTEMPT, None)?;
            let answer = merge(answer, &report);
            return super::check::show(&answer, context);
        }
    }
    let answer = context
        .client()?
        .post_long("log/verify", &json!({ "feed": feed }), ATTEMPT)?;
    super::check::show(&answer, context)
}

/// The report, when no node has the folder open.
fn stopped(settings: &Settings, feed: Option<&str>) -> Result<Option<LogReport>> {
    let Some(store) = offline::open(settings, ATTEMPT)? else {
        return Ok(None);
    };
    let report = offline::with(store, ATTEMPT, |store| async move {
        offline::log::verify(&store, feed, ATTEMPT).await
    })?;
    if report.feeds == 0
        && let Some(feed) = feed
    {
        let because = format!("no feed here is of a node whose key starts with {feed:?}");
        return Err(fail_because(
            Exit::Usage,
            ATTEMPT,
            because,
            Some("leave --feed out to check all"),
        ));
    }
    Ok(Some(report))
}

/// The fields that every check has, beside those of the report.
fn merge(mut answer: serde_json::Value, report: &LogReport) -> serde_json::Value {
    let checked = format!(
        "{} with {} in {} checked",
        words::count(report.events, "event"),
        words::count(report.texts, "text"),
        words::count(report.feeds as u64, "feed")
    );
    let mut details = report.faults.clone();
    if report.fault_count > details.len() as u64 {
        details.push(format!("and {} more", report.fault_count - details.len() as u64));
    }
    if report.missing_count > 0 {
        details.push(format!(
            "{} not here; a peer may still have what is missing: {}",
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
    answer["valid"] = (report.fault_count == 0).into();
    answer["summary"] = checked.into();
    answer["details"] = details.into();
    answer
}
