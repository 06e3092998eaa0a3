//! `bzzz post`: writes a resource, or sends a message to an agent, a role or a project.
//!
//! An address with a path is a resource; one without is a receiver of messages. A write that the resource's home has not ordered yet is
//! told as that: it is on record, and no version.

use serde_json::{Value, json};

use super::context::{Context, short};
use super::exit::Exit;
use super::failure::{Result, fail};
use crate::report::words;
use crate::term::clean;

/// Longest text, bytes; longer things are files of a repository.
const MAX_TEXT_BYTES: u64 = 4 << 20;

/// How messages are read.
pub const INBOX: &str = "Messages to an agent are read with `bzzz get 'bzzz://AGENT:*@PROJECT:*/inbox'`, those to a role with \
                         `bzzz get 'bzzz://*:ROLE@PROJECT:*/inbox'`.";

/// Arguments of `bzzz post`.
#[derive(Debug, clap::Args)]
#[command(after_help = INBOX)]
pub struct PostArgs {
    /// Where to: bzzz://*:security@default:*/ sends a message, bzzz://*:*@default:*/docs/plan.md writes a resource
    address: String,
    /// The text; `-` or nothing reads standard input
    text: Option<String>,
    /// Kind of the message
    #[arg(long, value_name = "KIND", default_value = "note", value_parser = super::thread::KINDS)]
    kind: String,
    /// Media type of the resource
    #[arg(long, value_name = "TYPE", default_value = "text/plain; charset=utf-8")]
    media_type: String,
    /// Write only when the resource still has this tag; `none`: only when it is not there yet
    #[arg(long, value_name = "TAG")]
    if_match: Option<String>,
    /// Two posts with one key are one
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Runs the command.
pub fn run(args: PostArgs, context: &mut Context) -> Result<Exit> {
    let is_resource = !super::address::parse(&args.address)?.path.is_root();
    if !is_resource && args.if_match.is_some() {
        return Err(fail(
            Exit::Usage,
            "could not use --if-match: a message has no versions",
            Some("give an address with a path to write a resource"),
        ));
    }
    let client = context.client()?;
    let text = super::text::text_or_stdin(args.text.as_deref(), MAX_TEXT_BYTES, "text")?;
    let (path, attempt, body) = if is_resource {
        let body = json!({ "address": args.address, "text": text, "media_type": args.media_type, "if_match": args.if_match, "idempotency_key": args.idempotency_key });
        ("resource", "could not write the resource", body)
    } else {
        let body = json!({ "address": args.address, "text": text, "kind": args.kind, "idempotency_key": args.idempotency_key });
        ("message", "could not send the message", body)
    };
    let answer = client.post(path, &body, attempt)?;
    let version = answer.get("version").and_then(Value::as_u64);
    // Who is away is beside the point of the command: it is done without that, too.
    let agents = match is_resource || context.global.json {
        true => Value::Null,
        false => client.get("agents", &[], attempt).unwrap_or_default(),
    };
    context.show(&answer, |_| match (is_resource, version) {
        (true, Some(version)) => format!(
            "wrote version {version} of {}, tag {}\n",
            field(&answer, "address"),
            field(&answer, "etag")
        ),
        (true, None) => unordered(&answer, args.if_match.is_some()),
        (false, _) => recorded(&answer, &agents),
    })?;
    // Whoever said --if-match wants to know that it held, and nobody knows that yet.
    let unsure = is_resource && version.is_none() && args.if_match.is_some();
    Ok(if unsure { Exit::Node } else { Exit::Ok })
}

fn field(answer: &Value, name: &str) -> String {
    match answer.get(name) {
        Some(Value::String(text)) => clean::line(text),
        Some(Value::Array(list)) => clean::line(&list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        Some(Value::Null) | None => String::new(),
        Some(other) => clean::line(&other.to_string()),
    }
}

/// What is said of a write that its resource's home has not ordered yet.
fn unordered(answer: &Value, if_match: bool) -> String {
    let (address, tag, home) = (field(answer, "address"), field(answer, "etag"), field(answer, "home"));
    let why = match answer.get("home_live").and_then(Value::as_bool) {
        Some(true) => "has not answered yet",
        _ => "is away",
    };
    let then = match if_match {
        true => "or is kept beside the versions if the resource has changed by then",
        false => "after those that came before it",
    };
    format!(
        "recorded, not yet a version: tag {tag} of {address}\n\
         the resource's home, node {}, {why}; at its return this gets a version, {then}\n\
         read it with `bzzz get {} --tag {}`\n",
        short(&home),
        words::shell_word(&address),
        short(&tag)
    )
}

/// What is known of a message: it is in the log, and whose nodes are away. Nobody says that it was read.
fn recorded(answer: &Value, agents: &Value) -> String {
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let to = texts(&answer["delivered"]);
    if to.is_empty() {
        return "recorded\n".to_owned();
    }
    let is_away = |id: &String| {
        let rows: Vec<&Value> = agents["agents"].as_array().into_iter().flatten().collect();
        let mut own = rows.iter().filter(|row| row["id"].as_str() == Some(id)).peekable();
        own.peek().is_some() && own.all(|row| row["status"] == "away")
    };
    let (away, here): (Vec<String>, Vec<String>) = to.into_iter().partition(is_away);
    let mut out = String::new();
    if !here.is_empty() {
        out.push_str(&clean::line(&format!("recorded, and sent to {}", here.join(", "))));
        out.push('\n');
    }
    if !away.is_empty() {
        out.push_str(&clean::line(&format!(
            "recorded, and not received yet by {}: away, and gets it when the node is back",
            away.join(", ")
        )));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_not_called_delivered_where_nobody_is() {
        let agents = json!({ "agents": [{ "id": "a", "status": "idle" }, { "id": "b", "status": "away" }] });
        let text = recorded(&json!({ "delivered": ["a", "b", "c"] }), &agents);
        assert_eq!(
            text,
            "recorded, and sent to a, c\nrecorded, and not received yet by b: away, and gets it when the node is back\n"
        );
        assert_eq!(recorded(&json!({ "delivered": [] }), &agents), "recorded\n");
    }
}
