//! `bzzz members`: who belongs to the project, who wants in or out, and removing somebody.

use serde_json::{Value, json};

use super::context::{Context, rows, short};
use super::exit::Exit;
use super::failure::{Result, fail_because};
use crate::client::http::segment;
use crate::client::wire::{MemberRow, QuestionRow};
use crate::settings::check;
use crate::term::table::table;
use crate::term::{Screen, clean};

/// Units of the weight 1.
const UNITS: u64 = bzzz_core::roster::UNITS_PER_WEIGHT;

/// Arguments of `bzzz members`.
#[derive(Debug, clap::Args)]
pub struct MembersArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Say that a member is to be removed; it goes when enough members say so
    Remove {
        /// Peer id or key of the member
        key: String,
    },
    /// Take back what was said here about a node
    Withdraw {
        /// Peer id or key of the node
        key: String,
    },
}

/// Runs the command.
pub fn run(args: MembersArgs, context: &mut Context) -> Result<Exit> {
    let (key, verb, attempt) = match &args.action {
        None => {
            let answer = context.client()?.get("members", &[], "could not list the members")?;
            context.show(&answer, |screen| draw(screen, &answer))?;
            return Ok(Exit::Ok);
        }
        Some(Action::Remove { key }) => (key, "remove", "could not remove the member"),
        Some(Action::Withdraw { key }) => (key, "withdraw", "could not take the word back"),
    };
    check_key(key, attempt)?;
    let path = format!("members/{}/{verb}", segment(key));
    let answer = context.client()?.post(&path, &json!({}), attempt)?;
    context.show(&answer, |_| told(&answer))?;
    Ok(Exit::Ok)
}

/// Refuses what can be no node before a node is asked.
pub fn check_key(key: &str, attempt: &str) -> Result<()> {
    if check::hex32(key).is_ok() {
        return Ok(());
    }
    check::peer_id(key).map_err(|because| {
        let hint = Some("`bzzz members` and `bzzz admit` list the peer ids");
        fail_because(Exit::Usage, attempt, because, hint)
    })
}

/// How it stands with a node after a word about it.
pub fn told(answer: &Value) -> String {
    let peer = clean::line(answer.get("peer").and_then(Value::as_str).unwrap_or(""));
    let pending: Vec<QuestionRow> = rows(answer, "pending");
    let member = answer.get("member").and_then(Value::as_bool).unwrap_or(false);
    match pending.first() {
        Some(question) => format!("{peer}: {}\n", stands(question)),
        None if member => format!("{peer} is a member\n"),
        None => format!("{peer} is no member\n"),
    }
}

/// What is wanted of a node, and what is missing.
fn stands(question: &QuestionRow) -> String {
    let wish = match question.wish.as_str() {
        "admit" => "comes in",
        "remove" => "goes",
        _ => "leaves",
    };
    match question.needed {
        _ if question.carried => format!("{wish}: enough weight is for it, the roster follows"),
        _ if question.by_owner => format!(
            "{wish} when a node of its owner says so; {} of the weight {} is for it so far",
            weight(question.weight),
            weight(question.total)
        ),
        needed => format!(
            "{wish} when more than {} of the weight {} is for it; {} is so far",
            weight(needed.saturating_sub(1)),
            weight(question.total),
            weight(question.weight)
        ),
    }
}

/// A weight for people: two digits, rounded down.
fn weight(units: u64) -> String {
    let hundredths = units % UNITS * 100 / UNITS;
    match hundredths {
        0 => format!("{}", units / UNITS),
        n => format!("{}.{n:02}", units / UNITS),
    }
}

fn draw(screen: Screen, answer: &Value) -> String {
    let members: Vec<MemberRow> = rows(answer, "members");
    let list: Vec<Vec<String>> = members
        .iter()
        .map(|m| {
            let state = match (m.live, m.leaves) {
                (_, true) => "leaves",
                (true, false) => "here",
                (false, false) => "away",
            };
            vec![
                m.peer.clone(),
                m.owner.clone().unwrap_or_else(|| "(no vote)".to_owned()),
                short(m.operator.as_deref().unwrap_or("")),
                weight(m.weight),
                if m.here {
                    format!("{state} (this node)")
                } else {
                    state.to_owned()
                },
            ]
        })
        .collect();
    let mut out = table(
        screen,
        &["member", "owner", "operator", "weight", "is"],
        &list,
        "no members",
    );
    let pending: Vec<QuestionRow> = rows(answer, "pending");
    if !pending.is_empty() {
        out.push('\n');
        out.push_str(&draw_pending(screen, &pending));
    }
    out
}

/// Open questions as a table.
pub fn draw_pending(screen: Screen, pending: &[QuestionRow]) -> String {
    let list: Vec<Vec<String>> = pending
        .iter()
        .map(|q| {
            vec![
                q.peer.clone(),
                q.owner.clone().unwrap_or_default(),
                stands(q),
                if q.consented_here { "yes" } else { "no" }.to_owned(),
            ]
        })
        .collect();
    let head = ["node", "owner", "what is wanted", "said here"];
    table(screen, &head, &list, "no node asks to be admitted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_short() {
        let shown = [0, 1_000_000, 2_666_667, 333_333].map(weight);
        assert_eq!(shown, ["0", "1", "2.66", "0.33"]);
    }

    #[test]
    fn what_is_missing_is_said() {
        let question = QuestionRow {
            wish: "admit".into(),
            weight: 1_000_000,
            needed: 2_000_001,
            total: 3_000_000,
            ..QuestionRow::default()
        };
        assert_eq!(
            stands(&question),
            "comes in when more than 2 of the weight 3 is for it; 1 is so far"
        );
    }
}
