//! `bzzz replay`: steps through the input log that a failed simulation saved.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use bzzz_core::sim;
use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result, from_sentence};
use crate::term::clean;

/// Largest input log.
const MAX_LOG_BYTES: u64 = 1 << 30;

/// Arguments of `bzzz replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Saved input log
    file: PathBuf,
    /// Show the first steps, this many [default: all]
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Show only the last steps before the failure, this many
    #[arg(long, value_name = "N", conflicts_with = "steps")]
    last: Option<usize>,
}

/// Runs the command.
pub fn run(args: ReplayArgs, context: &mut Context) -> Result<Exit> {
    let attempt = format!("could not read the input log {}", args.file.display());
    let hint = "give the file that `bzzz sim` saved";
    let bytes = super::text::read_file(&args.file, MAX_LOG_BYTES, "input log")?;
    let text = String::from_utf8(bytes).explain(Exit::Usage, attempt.clone(), Some(hint))?;
    let seen: Rc<RefCell<std::collections::VecDeque<String>>> = Rc::default();
    let lines = Rc::clone(&seen);
    let (first, last) = (args.steps.unwrap_or(u64::MAX), args.last.unwrap_or(usize::MAX));
    let mut count = 0;
    let ended = sim::replay(&text, move |step| {
        count += 1;
        if count > first {
            return;
        }
        let mut lines = lines.borrow_mut();
        lines.push_back(words(step));
        if lines.len() > last {
            lines.pop_front();
        }
    });
    let ended = ended.map_err(|e| from_sentence(Exit::Usage, attempt, &e))?;
    let steps: Vec<String> = seen.borrow().iter().cloned().collect();
    if !context.global.json {
        for step in &steps {
            context.out.line(&clean::block(step))?;
        }
    }
    let answer = match ended {
        Some(failure) => json!({
            "valid": false,
            "summary": format!("not valid: {failure}"),
            "details": [],
            "steps": if context.global.json { json!(steps) } else { json!(steps.len()) },
        }),
        None => json!({
            "valid": true,
            "summary": "valid: nothing breaks any more; the program has changed since the log was saved",
            "details": [],
            "steps": if context.global.json { json!(steps) } else { json!(steps.len()) },
        }),
    };
    super::check::show(&answer, context)
}

/// A step in words: when, where, what came, what was done.
fn words(step: &sim::Step) -> String {
    let mut out = format!(
        "{:>7} {:>9} ms  node {:<3} {}",
        step.step, step.at_ms, step.node, step.input
    );
    for effect in &step.effects {
        out.push_str("\n                             -> ");
        out.push_str(effect);
    }
    out
}
