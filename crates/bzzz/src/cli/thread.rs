//! `bzzz thread`: reads and writes threads.

use serde_json::{Value, json};

use super::context::{Context, rows, short, view};
use super::exit::Exit;
use super::failure::Result;
use crate::client::http::segment;
use crate::client::wire::{AskedRow, MessageRow, ThreadRow};
use crate::offline::lists::{self, List};
use crate::report::words;
use crate::term::table::{pair, table};
use crate::term::wrap::wrap;
use crate::term::{Ink, Screen, clean};

/// Kinds of messages that people write.
pub const KINDS: [&str; 6] = ["proposal", "question", "objection", "evidence", "agreement", "note"];
const LISTING: &str = "could not list the threads";
/// Longest message, bytes.
const MAX_MESSAGE_BYTES: u64 = 256 << 10;

/// Arguments of `bzzz thread`.
#[derive(Debug, clap::Args)]
pub struct ThreadArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List threads
    List {
        /// Only threads in this state
        #[arg(long, value_name = "STATE", value_parser = ["open", "voting", "decided", "escalated", "closed"])]
        state: Option<String>,
    },
    /// Show a thread with its messages
    Show {
        /// Thread id
        id: String,
    },
    /// Open a thread
    Create {
        /// Title
        title: String,
        /// First message; `-` reads standard input
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// Whom to invite, by address; repeat for more
        #[arg(long, value_name = "ADDRESS")]
        invite: Vec<String>,
    },
    /// Join a thread
    Join {
        /// Thread id
        id: String,
    },
    /// Write into a thread
    Reply {
        /// Thread id
        id: String,
        /// The text; `-` or nothing reads standard input
        text: Option<String>,
        /// Kind of the message
        #[arg(long, value_name = "KIND", default_value = "note", value_parser = KINDS)]
        kind: String,
        /// Message that this one answers
        #[arg(long, value_name = "MESSAGE")]
        parent: Option<String>,
    },
    /// Propose a verdict
    Propose {
        /// Thread id
        id: String,
        /// The proposal
        #[arg(value_parser = ["approve", "request_changes"])]
        verdict: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Vote as this node's person
    Vote {
        /// Thread id
        id: String,
        /// The vote
        #[arg(value_parser = ["approve", "request_changes", "abstain"])]
        vote: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Hand the question to a person
    Escalate {
        /// Thread id
        id: String,
        /// The question
        question: String,
    },
    /// Record how the question was settled
    Resolve {
        /// Thread id
        id: String,
        /// How
        text: String,
    },
    /// Close a thread
    Close {
        /// Thread id
        id: String,
    },
}

/// Runs the command.
pub fn run(args: ThreadArgs, context: &mut Context) -> Result<Exit> {
    if let Action::List { state } = &args.action
        && let Some(answer) = lists::stopped(context, &List::Threads(state.clone()), LISTING)?
    {
        context.show(&answer, |screen| draw(screen, &rows(&answer, "threads")))?;
        return Ok(Exit::Ok);
    }
    let client = context.client()?;
    let attempt = "could not change the thread";
    let act =
        |id: &str, what: &str, body: Value| client.post(&format!("threads/{}/{what}", segment(id)), &body, attempt);
    let (answer, done) = match args.action {
        Action::List { state } => {
            let query: Vec<(&str, &str)> = state.as_deref().map(|state| ("state", state)).into_iter().collect();
            let answer = client.get("threads", &query, LISTING)?;
            context.show(&answer, |screen| draw(screen, &rows(&answer, "threads")))?;
            return Ok(Exit::Ok);
        }
        Action::Show { id } => {
            let answer = client.get(&format!("threads/{}", segment(&id)), &[], "could not read the thread")?;
            context.show(&answer, |screen| {
                draw_one(screen, &view(&answer), &rows(&answer, "log"))
            })?;
            return Ok(Exit::Ok);
        }
        Action::Create { title, text, invite } => {
            for address in &invite {
                super::address::parse(address)?;
            }
            let text = match text.as_deref() {
                None => String::new(),
                Some(text) => super::text::text_or_stdin(Some(text), MAX_MESSAGE_BYTES, "message")?,
            };
            let body = json!({ "title": title, "text": text, "invite": invite });
            (client.post("threads", &body, "could not open the thread")?, "opened")
        }
        Action::Reply { id, text, kind, parent } => {
            let text = super::text::text_or_stdin(text.as_deref(), MAX_MESSAGE_BYTES, "message")?;
            (
                act(&id, "messages", json!({ "kind": kind, "text": text, "parent": parent }))?,
                "wrote",
            )
        }
        Action::Join { id } => (act(&id, "join", json!({}))?, "joined"),
        Action::Propose { id, verdict, reason } => (
            act(&id, "propose", json!({ "verdict": verdict, "reason": reason }))?,
            "proposed",
        ),
        Action::Vote { id, vote, reason } => (act(&id, "vote", json!({ "vote": vote, "reason": reason }))?, "voted"),
        Action::Escalate { id, question } => (act(&id, "escalate", json!({ "question": question }))?, "escalated"),
        Action::Resolve { id, text } => (act(&id, "resolve", json!({ "text": text }))?, "resolved"),
        Action::Close { id } => (act(&id, "close", json!({}))?, "closed"),
    };
    context.show(&answer, |_| {
        let id = answer.get("id").and_then(Value::as_str).unwrap_or_default();
        format!("{} {}\n", done, clean::line(id)).replace(" \n", "\n")
    })?;
    Ok(Exit::Ok)
}

/// Threads as a table.
pub fn draw(screen: Screen, threads: &[ThreadRow]) -> String {
    let rows: Vec<Vec<String>> = threads
        .iter()
        .map(|thread| {
            vec![
                short(&thread.id),
                thread.state.clone(),
                outcome(thread),
                thread.messages.to_string(),
                thread.title.clone(),
            ]
        })
        .collect();
    table(
        screen,
        &["thread", "state", "outcome", "messages", "title"],
        &rows,
        "no threads",
    )
}

/// What came out of it, in a word or two; empty while nothing has.
fn outcome(thread: &ThreadRow) -> String {
    let word = thread.verdict.as_deref().or(thread.answer.as_deref());
    word.unwrap_or_default().replace('_', " ")
}

fn draw_one(screen: Screen, thread: &ThreadRow, log: &[MessageRow]) -> String {
    let mut out = pair(screen, "thread", &thread.id);
    out.push_str(&pair(screen, "title", &thread.title));
    out.push_str(&pair(screen, "state", &thread.state));
    if let Some(line) = settled(thread) {
        out.push_str(&pair(screen, "outcome", &line));
    }
    out.push_str(&pair(screen, "participants", &thread.participants.join(", ")));
    for message in log {
        let head = format!(
            "{} {} {}",
            words::clock(message.at_ms),
            clean::line(&message.from),
            clean::line(&message.kind)
        );
        let text = if message.text.trim().is_empty() {
            "(text erased or not yet here)"
        } else {
            &message.text
        };
        paragraph(screen, &head, text, &mut out);
    }
    for asked in &thread.escalations {
        draw_question(screen, asked, &mut out);
    }
    out
}

/// How it ended, who said so, and when.
fn settled(thread: &ThreadRow) -> Option<String> {
    let at = thread.settled_ms.map(words::clock).unwrap_or_default();
    let line = match thread.settled_by.as_deref()? {
        "quorum" => format!("{}, by a quorum's votes, {at}", outcome(thread)),
        "people" => format!("{}, by people's signed answers, {at}", outcome(thread)),
        "home" if thread.resolved == Some(true) => format!("closed as resolved by the node that opened it, {at}"),
        "home" => format!("closed by the node that opened it, {at}"),
        other => other.to_owned(),
    };
    Some(line)
}

fn draw_question(screen: Screen, asked: &AskedRow, out: &mut String) {
    let head = format!(
        "{} question to people {}, {}: {}",
        words::clock(asked.asked_ms),
        clean::line(&short(&asked.id)),
        clean::line(&asked.state),
        clean::line(&words::escalation_reason(&asked.reason))
    );
    let mut text = match asked.question.trim().is_empty() {
        true => "(text erased or not yet here)".to_owned(),
        false => asked.question.clone(),
    };
    text.push_str(&format!("\noptions: {}", asked.options.join(", ")));
    for said in &asked.answers {
        let at = words::clock(said.at_ms);
        text.push_str(&format!("\n{at} {} for {}: {}", said.person, said.owner, said.answer));
        if let Some(reason) = said.reason.as_deref().filter(|reason| !reason.is_empty()) {
            text.push_str(&format!(": {reason}"));
        }
    }
    text.push_str(&format!("\n{}", asked.progress));
    paragraph(screen, &head, &text, out);
}

fn paragraph(screen: Screen, head: &str, text: &str, out: &mut String) {
    out.push_str(&format!("\n{}\n", screen.paint.ink(Ink::Strong, head)));
    for line in wrap(&clean::block(text), screen.columns.saturating_sub(2)) {
        out.push_str(format!("  {line}").trim_end());
        out.push('\n');
    }
}
