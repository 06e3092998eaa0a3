//! `bzzz escalations`: the questions that agents hand to people, and the answers.

use bzzz_core::report::{EscalationLine, Opener};
use serde_json::json;

use super::context::{Context, rows, short, view};
use super::exit::Exit;
use super::failure::Result;
use crate::client::http::segment;
use crate::client::wire::EscalationRow;
use crate::offline::lists::{self, List};
use crate::report::words;
use crate::term::Screen;
use crate::term::table::{command, pair, table};

const LISTING: &str = "could not list the escalations";

/// Arguments of `bzzz escalations`.
#[derive(Debug, clap::Args)]
pub struct EscalationsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List escalations
    List {
        /// Also those that are answered
        #[arg(long)]
        all: bool,
    },
    /// Show an escalation
    Show {
        /// Escalation id
        id: String,
    },
    /// Say that somebody looks after an escalation: its reminders stop, and it still waits for answers
    Ack {
        /// Escalation id
        id: String,
        /// Who looks after it [default: the operator]
        #[arg(long = "as", value_name = "NAME")]
        person: Option<String>,
    },
    /// Answer an escalation for this node's owner; the thread goes on once enough owners chose one option
    Answer {
        /// Escalation id
        id: String,
        /// One of the question's options, as `show` lists them, or its number
        answer: String,
        /// Why, for the record
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Who answers [default: the node's owner]
        #[arg(long = "as", value_name = "NAME")]
        person: Option<String>,
    },
}

/// Runs the command.
pub fn run(args: EscalationsArgs, context: &mut Context) -> Result<Exit> {
    if let Action::List { all } = &args.action
        && let Some(answer) = lists::stopped(context, &List::Escalations(*all), LISTING)?
    {
        context.show(&answer, |screen| {
            draw(screen, &rows(&answer, "escalations"), Voices::Unknown)
        })?;
        return Ok(Exit::Ok);
    }
    let client = context.client()?;
    let answer = match args.action {
        Action::List { all } => {
            let query: &[(&str, &str)] = if all { &[("state", "all")] } else { &[] };
            let answer = client.get("escalations", query, LISTING)?;
            context.show(&answer, |screen| {
                draw(screen, &rows(&answer, "escalations"), Voices::Told)
            })?;
            return Ok(Exit::Ok);
        }
        Action::Show { id } => client.get(
            &format!("escalations/{}", segment(&id)),
            &[],
            "could not read the escalation",
        )?,
        Action::Ack { id, person } => client.post(
            &format!("escalations/{}/ack", segment(&id)),
            &json!({ "person": person }),
            "could not acknowledge the escalation",
        )?,
        Action::Answer {
            id,
            answer,
            reason,
            person,
        } => client.post(
            &format!("escalations/{}/answer", segment(&id)),
            &json!({ "answer": answer, "reason": reason, "person": person }),
            "could not answer the escalation",
        )?,
    };
    let item: EscalationRow = view(&answer);
    let commands = words::answer_commands(&line(&item));
    let commands: Vec<String> = commands.iter().map(|command| context.follow_up(command)).collect();
    context.show(&answer, |screen| draw_one(screen, &item, &commands))?;
    Ok(Exit::Ok)
}

/// Whether rows say who has answered: those of a stopped node do not, since that is only known when its events are folded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Voices {
    Told,
    Unknown,
}

fn draw(screen: Screen, escalations: &[EscalationRow], voices: Voices) -> String {
    let told = voices == Voices::Told;
    let with_owners = |before: [String; 2], owners: Option<String>, behind: [String; 2]| {
        before.into_iter().chain(owners).chain(behind).collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = escalations
        .iter()
        .map(|item| {
            with_owners(
                [short(&item.id), item.state.clone()],
                told.then(|| answered(item)),
                [words::escalation_reason(&item.reason), item.question.clone()],
            )
        })
        .collect();
    let head = with_owners(
        ["escalation", "state"].map(str::to_owned),
        told.then(|| "owners".to_owned()),
        ["reason", "question"].map(str::to_owned),
    );
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    table(screen, &head, &rows, "no escalations")
}

/// How many owners have answered: `1 of 3`.
fn answered(item: &EscalationRow) -> String {
    let said = item.owners.iter().filter(|o| o.answer.is_some()).count();
    format!("{said} of {}", item.owners.len())
}

/// One question; `commands` answer it.
fn draw_one(screen: Screen, item: &EscalationRow, commands: &[String]) -> String {
    let mut out = pair(screen, "escalation", &item.id);
    out.push_str(&pair(screen, "state", &item.state));
    out.push_str(&pair(screen, "why", &words::escalation_reason(&item.reason)));
    out.push_str(&pair(screen, "thread", &item.thread));
    out.push_str(&pair(screen, "question", &item.question));
    for (name, text) in words::escalation_rows(&line(item)) {
        out.push_str(&pair(screen, name, &text));
    }
    if !item.acknowledged.is_empty() {
        out.push_str(&pair(screen, "seen by", &item.acknowledged.join(", ")));
    }
    match &item.answer {
        Some(answer) => out.push_str(&pair(screen, "answer", answer)),
        // Each on a line of its own: with a bar between the options the line could not be pasted.
        None if item.state != "void" => {
            for (at, line) in commands.iter().enumerate() {
                out.push_str(&command(screen, words::answer_label(at), line));
            }
        }
        None => {}
    }
    out
}

/// The row as reports show it, so that both say the same.
fn line(item: &EscalationRow) -> EscalationLine {
    EscalationLine {
        id: item.id.clone(),
        reason: item.reason.clone(),
        question: item.question.clone(),
        options: item.options.clone(),
        answer: item.answer.clone(),
        opened_by: Opener {
            node: item.asked_by.clone(),
            owner: item.asked_by_owner.clone(),
        },
        record: item.record.clone(),
        rule: item.rule.clone(),
        owners: item.owners.clone(),
        progress: item.progress.clone(),
    }
}
