//! `bzzz rebuild`: folds the events again, compares the projections with what they say, mends them, and tells how many rows were
//! wrong. Done here when no node runs on the data folder, by the running node otherwise.

use std::time::{Duration, Instant};

use bzzz_node::projections::Rebuilt;
use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::Result;
use crate::offline;
use crate::report::words;
use crate::term::out::note;
use crate::term::{Screen, Stream};

const ATTEMPT: &str = "could not rebuild the projections";
/// Between two lines of progress.
const PAUSE: Duration = Duration::from_secs(2);

/// Arguments of `bzzz rebuild`.
#[derive(Debug, clap::Args)]
pub struct RebuildArgs {}

/// Runs the command.
pub fn run(RebuildArgs {}: RebuildArgs, context: &mut Context) -> Result<Exit> {
    if context.global.node.is_empty()
        && let Some(store) = offline::open(&context.settings()?, ATTEMPT)?
    {
        let person = Screen::of(Stream::Err, context.global.color).terminal && !context.global.json;
        let mut told = Instant::now();
        let progress = move |folded: u64, all: u64| {
            if person && told.elapsed() >= PAUSE {
                told = Instant::now();
                note(&format!("{folded} of {all} events"));
            }
        };
        let rebuilt = offline::rebuild(store, progress, ATTEMPT)?;
        context.show(&json_of(&rebuilt), |_| {
            let parts = [
                (rebuilt.changed, "said something else"),
                (rebuilt.missing, "missing"),
                (rebuilt.extra, "of nothing in the events"),
            ];
            let parts: Vec<String> = parts
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            sentence(rebuilt.events, rebuilt.rows, rebuilt.wrong(), &parts.join(", "))
        })?;
        return Ok(Exit::Ok);
    }
    let answer = context.client()?.post_long("rebuild", &json!({}), ATTEMPT)?;
    context.show(&answer, |_| {
        let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
        sentence(number("events"), number("rows"), number("wrong"), "")
    })?;
    Ok(Exit::Ok)
}

fn json_of(rebuilt: &Rebuilt) -> Value {
    json!({
        "events": rebuilt.events,
        "rows": rebuilt.rows,
        "wrong": rebuilt.wrong(),
        "changed": rebuilt.changed,
        "missing": rebuilt.missing,
        "extra": rebuilt.extra,
    })
}

fn sentence(events: u64, rows: u64, wrong: u64, parts: &str) -> String {
    let (events, rows) = (words::count(events, "event"), words::count(rows, "row"));
    match (wrong, parts) {
        (0, _) => format!("{rows} from {events}: all were right\n"),
        (wrong, "") => format!("{rows} from {events}: {wrong} were wrong and are mended\n"),
        (wrong, parts) => format!("{rows} from {events}: {wrong} were wrong and are mended ({parts})\n"),
    }
}
