//! `bzzz lookup`: everything that an address pattern matches, across the network.

use super::context::{Context, rows};
use super::exit::Exit;
use super::failure::Result;
use crate::client::wire::{ResourceRow, TaskRow, ThreadRow};
use crate::term::table::table;

/// Arguments of `bzzz lookup`.
#[derive(Debug, clap::Args)]
#[command(after_help = super::post::INBOX)]
pub struct LookupArgs {
    /// Address pattern, as in bzzz://*:security@*:*/
    address: String,
    /// Only this kind
    #[arg(long, value_name = "KIND", value_parser = ["agents", "threads", "tasks", "resources"])]
    kind: Option<String>,
    /// Agents that can do all of these, by commas
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    expertise: Vec<String>,
    /// Only agents that have room for a task
    #[arg(long)]
    available: bool,
    /// Only agents that performed at least so well, 0 to 100 per cent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    performance: Option<u8>,
}

/// Runs the command.
pub fn run(args: LookupArgs, context: &mut Context) -> Result<Exit> {
    super::address::parse(&args.address)?;
    let expertise = args.expertise.join(",");
    let performance = args.performance.map(|percent| percent.to_string());
    let mut query = vec![("address", args.address.as_str())];
    if let Some(kind) = &args.kind {
        query.push(("kind", kind));
    }
    if !expertise.is_empty() {
        query.push(("expertise", &expertise));
    }
    if args.available {
        query.push(("available", "true"));
    }
    if let Some(performance) = &performance {
        query.push(("performance", performance));
    }
    let answer = context
        .client()?
        .get("lookup", &query, "could not look the address up")?;
    context.show(&answer, |screen| {
        let mut out = String::new();
        let wanted = |kind: &str| args.kind.as_deref().is_none_or(|only| only == kind);
        let mut part = |text: String| {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&text);
        };
        if wanted("agents") {
            part(super::agents::draw(screen, &rows(&answer, "agents")));
        }
        if wanted("threads") {
            part(super::thread::draw(screen, &rows::<ThreadRow>(&answer, "threads")));
        }
        if wanted("tasks") {
            part(super::task::draw(screen, &rows::<TaskRow>(&answer, "tasks")));
        }
        if wanted("resources") {
            let rows: Vec<Vec<String>> = rows::<ResourceRow>(&answer, "resources")
                .into_iter()
                .map(|row| {
                    let version = row.version.filter(|n| *n > 0).map(|n| n.to_string());
                    let siblings = row.siblings.to_string();
                    vec![
                        version.unwrap_or_else(|| "none".into()),
                        siblings,
                        row.media_type,
                        row.address,
                    ]
                })
                .collect();
            let head = ["version", "siblings", "type", "resource"];
            part(table(screen, &head, &rows, "no resources"));
        }
        out
    })?;
    Ok(Exit::Ok)
}
